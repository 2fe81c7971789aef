"""Changes of a subscription: its prices and quantities, with what that gives back and charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.cadence import boundary
from tallystick.testing.fake_stripe.coupon import redeeming
from tallystick.testing.fake_stripe.discount import start_discounts
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.invoice import collect, draft, finalize
from tallystick.testing.fake_stripe.invoice_line import proration_lines
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import filtered, page
from tallystick.testing.fake_stripe.refusal import Refused, missing, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching
from tallystick.testing.fake_stripe.subscription import (
    check_items,
    check_price,
    licensed_lines,
    new_item,
    new_subscription,
    once,
    plan_of,
    set_period,
    started,
)
from tallystick.testing.fake_stripe.subscription_time import cancel, end_trial, renewal_lines

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]

_OVER: Final = frozenset(("canceled", "incomplete_expired"))
_PLAIN: Final = (
    *("cancel_at", "cancel_at_period_end", "default_payment_method", "description", "metadata"),
    *("pause_collection",),
)


def _create(account: Account, call: Call) -> Thing:
    return started(account, call.params)


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("subscription", call.ids[0])


def _live(account: Account, wanted: str) -> Thing:
    subscription = account.get("subscription", wanted)
    if subscription["status"] in _OVER:
        raise Refused("A canceled subscription can only update its cancellation_details.")
    return subscription


def _update(account: Account, call: Call) -> Thing:
    subscription, params = _live(account, call.ids[0]), call.params
    at = account.now(subscription["test_clock"])
    _check_method(account, subscription, params)
    items = _after(account, subscription, params.get("items", []), at)
    plain: Thing = {name: params[name] for name in _PLAIN if name in params}
    if params.get("cancel_at_period_end") or params.get("cancel_at"):
        plain["canceled_at"] = at
    elif "cancel_at_period_end" in params or "cancel_at" in params:
        plain["canceled_at"] = None
    merged(subscription["metadata"], params)
    if isinstance(plain.get("pause_collection"), dict):
        plain["pause_collection"] = {"resumes_at": None, **plain["pause_collection"]}
    lines, anew = _prorated(account, subscription, items, params, at)
    if "discounts" in params:
        given = params["discounts"]
        plain["discounts"] = start_discounts(account, given, subscription["customer"], at)
    before = changed(subscription, plain)
    if "items" in params:
        before["items"] = {"data": [dict(i) for i in subscription["items"]["data"]]}
        subscription["items"]["data"] = items
        subscription["currency"] = items[0]["price"]["currency"]
    if anew:
        subscription["billing_cycle_anchor"] = at
        set_period(subscription, at, boundary(at, items[0]["price"]["recurring"], 1))
        lines += licensed_lines(account, subscription)
    emit(account, "customer.subscription.updated", subscription, before, at)
    _bill_change(account, subscription, params, lines, at, now=anew)
    if params.get("trial_end") == "now" and subscription["status"] == "trialing":
        end_trial(account, subscription, at)
    return subscription


def _check_method(account: Account, subscription: Thing, params: Thing) -> None:
    chosen = params.get("default_payment_method")
    if chosen:
        method = account.given("payment_method", chosen, "default_payment_method")
        if method["customer"] != subscription["customer"]:
            raise missing("payment_method", chosen, "default_payment_method", 400)
    if params.get("trial_end", "now") != "now":
        raise unsupported("updates of subscriptions with a trial_end other than now")
    if params.get("cancel_at") not in {None, ""} and not isinstance(params["cancel_at"], int):
        raise unsupported("updates of subscriptions with such a cancel_at")


def _after(account: Account, subscription: Thing, given: list[Thing], at: int) -> list[Thing]:
    items = {item["id"]: dict(item) for item in subscription["items"]["data"]}
    period = next(iter(items.values()))
    for place, one in enumerate(given):
        where, wanted = f"items[{place}]", one.get("id")
        if wanted is None:
            added = new_item(account, one, subscription["id"], at, where)
            for name in ("current_period_start", "current_period_end"):
                added[name] = period[name]
            items[added["id"]] = added
        elif wanted not in items:
            raise missing("subscription_item", wanted, f"{where}[id]", 400)
        elif one.get("deleted"):
            del items[wanted]
        else:
            items[wanted] = _changed_item(account, items[wanted], one, where)
    check_items(list(items.values()))
    return list(items.values())


def _changed_item(account: Account, item: Thing, given: Thing, where: str) -> Thing:
    for name in given.keys() - {"id", "metadata", "price", "quantity"}:
        raise unsupported(f"items of subscriptions with {name}")
    price = item["price"]
    if "price" in given:
        price = account.given("price", given["price"], f"{where}[price]")
    metered = check_price(price, given, where) if "price" in given or "quantity" in given else False
    metered = metered or price["recurring"]["usage_type"] == "metered"
    quantity = given.get("quantity", item.get("quantity", 1))
    after = {name: value for name, value in item.items() if name != "quantity"}
    after |= {"price": price, "plan": plan_of(price), "metadata": merged(item["metadata"], given)}
    return after if metered else {**after, "quantity": quantity}


def _prorated(
    account: Account, subscription: Thing, items: list[Thing], params: Thing, at: int
) -> tuple[list[Thing], bool]:
    before = subscription["items"]["data"]
    anew = _cadence(before[0]) != _cadence(items[0])
    when = params.get("proration_date", at)
    if not before[0]["current_period_start"] <= when <= before[0]["current_period_end"]:
        raise Refused("proration_date is within the current period.", param="proration_date")
    if params.get("proration_behavior") == "none" or subscription["status"] == "trialing":
        return [], anew and subscription["status"] != "trialing"
    lines = []
    old = {item["id"]: item for item in before}
    new = {item["id"]: item for item in items}
    for wanted in [*old, *(w for w in new if w not in old)]:
        was, now = old.get(wanted), new.get(wanted)
        if was is not None and now is not None and not anew and _same(was, now):
            continue
        if was is not None:
            lines += proration_lines(account, was, when, credit=True)
        if now is not None and not anew:
            lines += proration_lines(account, now, when, credit=False)
    return lines, anew


def _cadence(item: Thing) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _same(was: Thing, now: Thing) -> bool:
    return was["price"]["id"] == now["price"]["id"] and was.get("quantity") == now.get("quantity")


def _bill_change(
    account: Account, subscription: Thing, params: Thing, lines: list[Thing], at: int, *, now: bool
) -> None:
    if not lines:
        return
    if not now and params.get("proration_behavior") != "always_invoice":
        account.prorations.setdefault(subscription["id"], []).extend(lines)
        return
    waiting = account.prorations.pop(subscription["id"], [])
    invoice = draft(
        account,
        account.of("customer")[subscription["customer"]],
        [*waiting, *lines],
        at,
        currency=subscription["currency"],
        reason="subscription_update",
        subscription=subscription,
        discounts=subscription["discounts"],
    )
    subscription["latest_invoice"] = invoice["id"]
    finalize(account, invoice, at)
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        collect(account, invoice, at)


def _cancel(account: Account, call: Call) -> Thing:
    subscription, params = account.get("subscription", call.ids[0]), call.params
    if subscription["status"] in _OVER:
        raise missing("subscription", subscription["id"], "id")
    at = account.now(subscription["test_clock"])
    subscription["cancellation_details"] |= params.get("cancellation_details", {})
    lines = []
    if params.get("prorate") and subscription["status"] != "trialing":
        for item in subscription["items"]["data"]:
            lines += proration_lines(account, item, at, credit=True)
    cancel(account, subscription, at, "cancellation_requested")
    if lines and params.get("invoice_now"):
        _bill_change(account, subscription, params, lines, at, now=True)
    return subscription


def _resume(account: Account, call: Call) -> Thing:
    subscription = account.get("subscription", call.ids[0])
    if subscription["status"] != "paused":
        raise Refused("Only a paused subscription can be resumed.")
    at = account.now(subscription["test_clock"])
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    subscription |= {"status": "active", "billing_cycle_anchor": at}
    set_period(subscription, at, boundary(at, recurring, 1))
    emit(account, "customer.subscription.resumed", subscription, at=at)
    lines = licensed_lines(account, subscription)
    _bill_change(account, subscription, call.params, lines, at, now=True)
    return subscription


_PREVIEWED: Final = frozenset(
    ("items", "proration_behavior", "proration_date", "start_date", "trial_end")
)


def _preview(account: Account, call: Call) -> Thing:
    params = call.params
    details = params.get("subscription_details", {})
    if details.keys() - _PREVIEWED:
        raise unsupported("previews with such subscription_details")
    if "subscription" not in params:
        return _preview_new(account, params, details)
    if "invoice_items" in params or "start_date" in details:
        raise unsupported("previews of a change with invoice_items or start_date")
    subscription = _live(account, params["subscription"])
    at = account.now(subscription["test_clock"])
    items = _after(account, subscription, details.get("items", []), at)
    lines, anew = _prorated(account, subscription, items, details, at)
    end = subscription["items"]["data"][0]["current_period_end"]
    later = {**subscription, "items": {**subscription["items"], "data": items}}
    if anew:
        set_period(later, at, boundary(at, items[0]["price"]["recurring"], 1))
        lines += licensed_lines(account, later)
    elif details.get("proration_behavior") != "always_invoice":
        lines += renewal_lines(account, later)
    when = at if anew or details.get("proration_behavior") == "always_invoice" else end
    return _shown(account, later, lines, when, params)


def _preview_new(account: Account, params: Thing, details: Thing) -> Thing:
    if "customer" not in params:
        raise unsupported("previews without a customer")
    terms = {"customer": params["customer"], "items": details.get("items", [])}
    if "trial_end" in details:
        terms["trial_end"] = details["trial_end"]
    given = params.get("invoice_items", [])
    for one in given:
        if one.keys() - {"price", "quantity"}:
            raise unsupported("previews with such invoice_items")
    start = details.get("start_date")
    if start is not None and start < account.now():
        raise unsupported("previews of what began before")
    terms["add_invoice_items"] = given
    subscription = new_subscription(account, terms, kept=False, at=start)
    note = "Trial period for" if subscription["status"] == "trialing" else ""
    lines = licensed_lines(account, subscription, note)
    lines += [once(account, one, subscription["created"]) for one in given]
    return _shown(account, subscription, lines, subscription["created"], params)


def _shown(
    account: Account, subscription: Thing, lines: list[Thing], at: int, params: Thing
) -> Thing:
    discounts, given = subscription["discounts"], params.get("discounts", [])
    if "discounts" in params:
        with redeeming(account, kept=False):
            discounts = start_discounts(account, given, subscription["customer"], at)
    return draft(
        account,
        account.of("customer")[subscription["customer"]],
        lines,
        at,
        currency=subscription["currency"],
        reason="upcoming",
        subscription=subscription,
        discounts=discounts,
        kept=False,
    )


def _list(account: Account, call: Call) -> Thing:
    # As at Stripe, those that were canceled are listed only where they are asked for.
    params = dict(call.params)
    status = params.pop("status", "live")
    things = [s for s in account.of("subscription").values() if _has(s, status)]
    found = filtered(things, params, {"price": _prices})
    return page(found, call.params, call.path)


def _has(subscription: Thing, status: str) -> bool:
    has = subscription["status"]
    groups = {"all": True, "ended": has in _OVER, "live": has != "canceled"}
    return bool(groups.get(status, has == status))


def _prices(subscription: Thing) -> dict[str, bool]:
    return {item["price"]["id"]: True for item in subscription["items"]["data"]}


def _delete_customer(account: Account, call: Call) -> Thing:
    customer = account.get("customer", call.ids[0])
    for subscription in account.of("subscription").values():
        if subscription["customer"] == customer["id"] and subscription["status"] not in _OVER:
            at = account.now(customer["test_clock"])
            cancel(account, subscription, at, "cancellation_requested")
    del account.of("customer")[customer["id"]]
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    account.of("deleted_customer")[customer["id"]] = gone
    emit(account, "customer.deleted", customer)
    return gone


_CREATES: Final = frozenset(
    (
        *(
            "add_invoice_items",
            "cancel_at",
            "cancel_at_period_end",
            "collection_method",
            "customer",
        ),
        *("days_until_due", "default_payment_method", "description", "discounts", "items"),
        *("metadata", "off_session", "payment_behavior", "proration_behavior", "trial_end"),
        *("trial_from_plan", "trial_period_days", "trial_settings"),
    )
)
_UPDATES: Final = frozenset(
    (
        *_PLAIN,
        *("discounts", "items", "off_session", "proration_behavior", "proration_date"),
        "trial_end",
    )
)
ROUTES: Final = (
    Route("POST", "/v1/subscriptions", "SubscriptionCreateParams", _create, _CREATES),
    Route("GET", "/v1/subscriptions", "SubscriptionListParams", _list),
    Route(
        "GET",
        "/v1/subscriptions/search",
        "SubscriptionSearchParams",
        searching("subscription", "canceled_at", "status"),
    ),
    Route("GET", "/v1/subscriptions/{id}", "SubscriptionRetrieveParams", _retrieve),
    Route("POST", "/v1/subscriptions/{id}", "SubscriptionUpdateParams", _update, _UPDATES),
    Route("DELETE", "/v1/subscriptions/{id}", "SubscriptionCancelParams", _cancel),
    Route("DELETE", "/v1/customers/{id}", "CustomerDeleteParams", _delete_customer),
    Route(
        "POST",
        "/v1/subscriptions/{id}/resume",
        "SubscriptionResumeParams",
        _resume,
        frozenset(),
    ),
    Route(
        "POST",
        "/v1/invoices/create_preview",
        "InvoiceCreatePreviewParams",
        _preview,
        frozenset(
            ("customer", "discounts", "invoice_items", "subscription", "subscription_details")
        ),
    ),
)
"""What is asked of subscriptions."""
