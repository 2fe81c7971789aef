"""Subscriptions: what a customer has agreed to, item by item, and for which period."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.cadence import after, boundary
from tallystick.testing.fake_stripe.coupon import redeeming
from tallystick.testing.fake_stripe.discount import start_discounts
from tallystick.testing.fake_stripe.events import emit, retract
from tallystick.testing.fake_stripe.invoice import collect, draft, finalize
from tallystick.testing.fake_stripe.invoice_line import line_of_period
from tallystick.testing.fake_stripe.metadata import merged
from tallystick.testing.fake_stripe.page import whole
from tallystick.testing.fake_stripe.refusal import Refused, missing, unsupported
from tallystick.testing.fake_stripe.tariff import cost
from tallystick.testing.fake_stripe.tariff import whole as rounded

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = [
    "check_items",
    "check_price",
    "licensed_lines",
    "new_item",
    "new_subscription",
    "next_end",
    "once",
    "plan_of",
    "set_period",
    "started",
]

DAY: Final = 24 * 60 * 60
MOST_ITEMS: Final = 20
_NULLS: Final = (
    *("application", "application_fee_percent", "billing_cycle_anchor_config"),
    *("billing_thresholds", "cancel_at", "canceled_at", "customer_account", "days_until_due"),
    *("default_payment_method", "default_source", "description", "ended_at", "latest_invoice"),
    *("next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection"),
    *("pending_invoice_item_interval", "pending_setup_intent", "pending_update", "schedule"),
    *("transfer_data", "trial_end", "trial_start"),
)
_LONGEST_TRIAL: Final = 730


def new_subscription(
    account: Account, params: Thing, *, kept: bool = True, at: int | None = None
) -> Thing:
    """Begin a subscription, now or `at` then, without billing it yet.

    Raises Refused, and changes nothing then.
    """
    customer = account.given("customer", params.get("customer", ""), "customer")
    at = account.now(customer["test_clock"]) if at is None else at
    _check_terms(account, params, customer)
    wanted = account.new_id("sub")
    items = _items(account, params.get("items", []), wanted, at)
    end = _trial_end(params, items, at)
    discounts = (
        start_discounts(account, params.get("discounts", []), customer["id"], at) if kept else []
    )
    subscription: Thing = {
        "id": wanted,
        "object": "subscription",
        **dict.fromkeys(_NULLS),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": end or at,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "cancel_at": params.get("cancel_at"),
        "cancel_at_period_end": params.get("cancel_at_period_end", False),
        "cancellation_details": dict.fromkeys(("comment", "feedback", "reason")),
        "collection_method": params.get("collection_method", "charge_automatically"),
        "created": at,
        "currency": items[0]["price"]["currency"],
        "customer": customer["id"],
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": params.get("default_payment_method"),
        "default_tax_rates": [],
        "description": params.get("description"),
        "discounts": discounts,
        "invoice_settings": {
            **dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer")),
            "issuer": {"type": "self"},
        },
        "items": whole(items, f"/v1/subscription_items?subscription={wanted}"),
        "livemode": False,
        "managed_payments": None,
        "metadata": merged(None, params),
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": at,
        "status": "trialing" if end else "active",
        "test_clock": customer["test_clock"],
        "trial_end": end,
        "trial_settings": {"end_behavior": {"missing_payment_method": _missing(params)}},
        "trial_start": at if end else None,
    }
    set_period(subscription, at, end or boundary(at, items[0]["price"]["recurring"], 1))
    return account.add(subscription) if kept else subscription


def _missing(params: Thing) -> str:
    behavior = params.get("trial_settings", {}).get("end_behavior", {})
    return str(behavior.get("missing_payment_method", "create_invoice"))


def _check_terms(account: Account, params: Thing, customer: Thing) -> None:
    sent = params.get("collection_method") == "send_invoice"
    if sent != ("days_until_due" in params):
        raise Refused(
            "send_invoice has days_until_due, and nothing else has.", param="days_until_due"
        )
    if not isinstance(params.get("cancel_at", 0), int):
        raise unsupported("subscriptions with such a cancel_at")
    chosen = params.get("default_payment_method")
    if chosen is not None:
        method = account.given("payment_method", chosen, "default_payment_method")
        if method["customer"] != customer["id"]:
            raise missing("payment_method", chosen, "default_payment_method", 400)
    for one in params.get("add_invoice_items", []):
        for name in one.keys() - {"metadata", "price", "quantity"}:
            raise unsupported(f"add_invoice_items with {name}")
        price = account.given("price", one.get("price", ""), "add_invoice_items")
        if price["type"] != "one_time":
            raise Refused(
                "add_invoice_items takes prices of type one_time.", param="add_invoice_items"
            )


def _items(account: Account, given: list[Thing], subscription: str, at: int) -> list[Thing]:
    if not 1 <= len(given) <= MOST_ITEMS:
        raise Refused("A subscription has 1 to 20 items.", param="items")
    items = [new_item(account, one, subscription, at, f"items[{n}]") for n, one in enumerate(given)]
    check_items(items)
    return items


def check_items(items: list[Thing]) -> None:
    """Refuse items that cannot stand together: two of one price, of two currencies."""
    prices = [item["price"] for item in items]
    if not 1 <= len(items) <= MOST_ITEMS:
        raise Refused("A subscription has 1 to 20 items.", param="items")
    if len({price["id"] for price in prices}) < len(prices):
        raise Refused("Two items cannot have the same price.", param="items")
    if len({price["currency"] for price in prices}) > 1:
        raise Refused("All prices of a subscription have the same currency.", param="items")
    cadences = {(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in prices}
    if len(cadences) > 1:
        raise unsupported("subscriptions with items of several intervals")


def new_item(account: Account, given: Thing, subscription: str, at: int, where: str) -> Thing:
    """Make an item of a subscription.  Raises Refused."""
    for name in given.keys() - {"metadata", "price", "quantity"}:
        raise unsupported(f"items of subscriptions with {name}")
    price = account.given("price", given.get("price", ""), f"{where}[price]")
    metered = check_price(price, given, where)
    return {
        "id": account.new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": at,
        "current_period_end": at,
        "current_period_start": at,
        "discounts": [],
        "metadata": merged(None, given),
        "plan": plan_of(price),
        "price": price,
        "subscription": subscription,
        "tax_rates": [],
        **({} if metered else {"quantity": given.get("quantity", 1)}),
    }


def plan_of(price: Thing) -> Thing:
    """Give a recurring price as the plan that Stripe still shows beside it."""
    recurring, package = price["recurring"], price["transform_quantity"]
    same = ("active", "billing_scheme", "created", "currency", "id", "livemode", "metadata")
    return {
        **{name: price[name] for name in (*same, "nickname", "product", "tiers_mode")},
        **recurring,
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "transform_usage": package,
    }


def check_price(price: Thing, given: Thing, where: str) -> bool:
    """Refuse a price that cannot be subscribed to, and tell whether it is metered."""
    if price["recurring"] is None:
        raise Refused("The price is not recurring.", param=f"{where}[price]")
    if not price["active"]:
        raise Refused(
            "The price specified is inactive.", code="price_inactive", param=f"{where}[price]"
        )
    metered = bool(price["recurring"]["usage_type"] == "metered")
    if metered and "quantity" in given:
        raise Refused("A metered price takes no quantity.", param=f"{where}[quantity]")
    if given.get("quantity", 1) < 0:
        raise Refused("Invalid non-negative integer", param=f"{where}[quantity]")
    return metered


def _trial_end(params: Thing, items: list[Thing], at: int) -> int | None:
    end, days = params.get("trial_end"), params.get("trial_period_days")
    if end is not None and days is not None:
        raise Refused("Give trial_end or trial_period_days, not both.", param="trial_end")
    if params.get("trial_from_plan"):
        days = items[0]["price"]["recurring"]["trial_period_days"]
    if days is not None and not 0 <= days <= _LONGEST_TRIAL:
        raise Refused("A trial has up to 730 days.", param="trial_period_days")
    if days:
        return at + int(days) * DAY
    if end in {None, "now"}:
        return None
    if not at < end <= at + _LONGEST_TRIAL * DAY:
        raise Refused("trial_end is in the future, at most two years.", param="trial_end")
    return int(end)


def set_period(subscription: Thing, start: int, end: int) -> None:
    """Let the period of every item be [start, end)."""
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": end}


def licensed_lines(account: Account, subscription: Thing, note: str = "") -> list[Thing]:
    """Charge the period of every item that is paid in advance."""
    return [
        line_of_period(account, item, Decimal(item["quantity"]), _period(item), note)
        for item in subscription["items"]["data"]
        if item["price"]["recurring"]["usage_type"] == "licensed"
    ]


def _period(item: Thing) -> tuple[int, int]:
    return item["current_period_start"], item["current_period_end"]


def next_end(subscription: Thing, start: int) -> int:
    """Give when the period ends that begins then."""
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    return after(subscription["billing_cycle_anchor"], recurring, start)


def started(account: Account, params: Thing) -> Thing:
    """Begin a subscription and bill its first period, or note its trial.

    The status says whether it was paid.  Raises Refused for terms that cannot be, and where it has
    to be paid at once and is not: nothing of it remains then but the payment that failed.
    """
    with redeeming(account):
        subscription = new_subscription(account, params)
        try:
            _bill_start(account, subscription, params)
        except Refused:
            gone = {subscription["id"], subscription["latest_invoice"]}
            account.of("subscription").pop(subscription["id"])
            account.of("invoice").pop(subscription["latest_invoice"], None)
            retract(account, gone)
            raise
    return subscription


def _bill_start(account: Account, subscription: Thing, params: Thing) -> None:
    at = subscription["created"]
    customer = account.of("customer")[subscription["customer"]]
    note = "Trial period for" if subscription["status"] == "trialing" else ""
    lines = licensed_lines(account, subscription, note)
    lines += [once(account, one, at) for one in params.get("add_invoice_items", [])]
    behavior = params.get("payment_behavior", "allow_incomplete")
    free = sum(line["amount"] for line in lines) <= 0
    automatic = subscription["collection_method"] == "charge_automatically"
    if automatic and not free and behavior == "allow_incomplete":
        _check_method(subscription, customer)
    if not free and automatic:
        subscription["status"] = "trialing" if note else "incomplete"
    emit(account, "customer.subscription.created", subscription, at=at)
    invoice = draft(
        account,
        customer,
        lines,
        at,
        currency=subscription["currency"],
        reason="subscription_create",
        subscription=subscription,
        discounts=subscription["discounts"],
    )
    subscription["latest_invoice"] = invoice["id"]
    finalize(account, invoice, at)
    if invoice["status"] == "open" and automatic and behavior != "default_incomplete":
        why = collect(account, invoice, at, off=params.get("off_session", False))
        if why is not None and behavior == "error_if_incomplete":
            raise why


def _check_method(subscription: Thing, customer: Thing) -> None:
    default = customer["invoice_settings"]["default_payment_method"]
    if subscription["default_payment_method"] is None and default is None:
        raise Refused(
            "This customer has no attached payment source or default payment method. Please"
            " consider adding a default payment method.",
            code="resource_missing",
        )


def once(account: Account, given: Thing, at: int) -> Thing:
    """Charge a price that is paid once, on the first invoice."""
    price, quantity = account.of("price")[given["price"]], Decimal(given.get("quantity", 1))
    item: dict[str, Any] = {"price": price, "metadata": given.get("metadata", {})}
    line = line_of_period(account, {**item, "subscription": None, "id": None}, quantity, (at, at))
    return {**line, "parent": None, "amount": rounded(cost(price, quantity))}
