"""Checkout sessions: what a customer is asked to pay on a page, and what comes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.customer import new_customer
from tallystick.testing.fake_stripe.discount import off, start_discounts
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.invoice import collect, failed, intent_of, paid
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing, page, whole
from tallystick.testing.fake_stripe.payment_intent import authenticated, new_intent, pay, settled
from tallystick.testing.fake_stripe.payment_method import attach, method_of
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.subscription import bill_start, new_subscription
from tallystick.testing.fake_stripe.tariff import cost
from tallystick.testing.fake_stripe.tariff import whole as rounded

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "complete", "expire_due", "pay_invoice", "settle"]

HOUR: Final = 60 * 60
_DAY: Final = 24 * HOUR
_LEAST: Final = 30 * 60
_KIND: Final = "checkout.session"
_NULLS: Final = (
    *("adaptive_pricing", "after_expiration", "billing_address_collection", "branding_settings"),
    *("client_secret", "collected_information", "consent", "consent_collection"),
    *("currency_conversion", "customer_account", "invoice", "invoice_creation", "locale"),
    *("origin_context", "payment_intent", "payment_link"),
    *("payment_method_configuration_details", "permissions", "recovered_from"),
    *("saved_payment_method_options", "setup_intent", "shipping_address_collection"),
    *("shipping_cost", "submit_type", "subscription", "wallet_options", "managed_payments"),
    "integration_identifier",
)


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    if params.get("mode") not in {"payment", "subscription"}:
        raise unsupported("checkout sessions in mode setup")
    if params.get("ui_mode", "hosted_page") != "hosted_page" or "success_url" not in params:
        raise unsupported("checkout sessions without a hosted page")
    if "customer" in params:
        account.given("customer", params["customer"], "customer")
        if "customer_email" in params:
            raise Refused("Give customer or customer_email, not both.", param="customer_email")
    lines = _lines(account, params)
    discounts = params.get("discounts", [])
    if len(discounts) > 1 or (discounts and params.get("allow_promotion_codes")):
        raise Refused("A session takes one discount, or allows codes.", param="discounts")
    _check_data(params)
    at = account.now()
    expires = params.get("expires_at", at + _DAY)
    if not at + _LEAST <= expires <= at + _DAY:
        raise Refused("expires_at is 30 minutes to 24 hours ahead.", param="expires_at")
    wanted = account.new_id("cs_test")
    session = account.add(
        {
            "id": wanted,
            "object": _KIND,
            **dict.fromkeys(_NULLS),
            "allow_promotion_codes": params.get("allow_promotion_codes"),
            "automatic_tax": {
                **dict.fromkeys(("liability", "provider", "status")),
                "enabled": False,
            },
            "cancel_url": params.get("cancel_url"),
            "client_reference_id": params.get("client_reference_id"),
            "created": at,
            "currency": lines[0]["currency"],
            "custom_fields": [],
            "custom_text": dict.fromkeys(_TEXTS),
            "customer": params.get("customer"),
            "customer_creation": "always" if params["mode"] == "payment" else None,
            "customer_details": None,
            "customer_email": params.get("customer_email"),
            "discounts": [{"coupon": None, "promotion_code": None, **d} for d in discounts],
            "expires_at": expires,
            "line_items": whole(lines, f"/v1/checkout/sessions/{wanted}/line_items"),
            "livemode": False,
            "metadata": merged(None, params),
            "mode": params["mode"],
            "payment_method_collection": params.get("payment_method_collection", "always"),
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "payment_status": "unpaid",
            "phone_number_collection": {"enabled": False},
            "shipping_options": [],
            "status": "open",
            "success_url": params["success_url"],
            "ui_mode": "hosted_page",
            "url": f"{account.site}/pay/{wanted}",
        }
    )
    account.wanted[wanted] = params
    _add_up(account, session)
    return session


_TEXTS: Final = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")


def _check_data(params: Thing) -> None:
    data = params.get("subscription_data", {})
    if params["mode"] == "payment" and data:
        raise Refused("subscription_data is for mode subscription.", param="subscription_data")
    for name in data.keys() - _SUBSCRIPTION_DATA:
        raise unsupported(f"checkout sessions with subscription_data[{name}]")
    if params["mode"] == "subscription" and "payment_intent_data" in params:
        raise Refused("payment_intent_data is for mode payment.", param="payment_intent_data")
    for name in params.get("payment_intent_data", {}).keys() - _INTENT_DATA:
        raise unsupported(f"checkout sessions with payment_intent_data[{name}]")


def _lines(account: Account, params: Thing) -> list[Thing]:
    lines, subscribes = [], params["mode"] == "subscription"
    for place, given in enumerate(params.get("line_items", [])):
        where = f"line_items[{place}]"
        for name in given.keys() - {"price", "quantity"}:
            raise unsupported(f"checkout sessions with {where}[{name}]")
        price = account.given("price", given.get("price", ""), f"{where}[price]")
        lines.append(_line(account, price, given, where))
        if price["recurring"] and not subscribes:
            raise Refused("A recurring price needs mode=subscription.", param=f"{where}[price]")
    if not lines:
        raise Refused("Missing required param: line_items.", param="line_items")
    if subscribes and not any(line["price"]["recurring"] for line in lines):
        raise Refused("mode=subscription needs a recurring price.", param="line_items")
    if len({line["currency"] for line in lines}) > 1:
        raise Refused("All prices of a session have the same currency.", param="line_items")
    return lines


def _line(account: Account, price: Thing, given: Thing, where: str) -> Thing:
    if not price["active"]:
        raise Refused("The price is inactive.", code="price_inactive", param=f"{where}[price]")
    metered = bool(price["recurring"]) and price["recurring"]["usage_type"] == "metered"
    if metered == ("quantity" in given):
        raise Refused("Metered lines take no quantity, all others need one.", param=where)
    quantity = given.get("quantity", 0)
    if not metered and quantity < 1:
        raise Refused("Invalid positive integer", param=f"{where}[quantity]")
    amount = 0 if metered else rounded(cost(price, Decimal(quantity)))
    return {
        "id": account.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": account.of("product")[price["product"]]["name"],
        "metadata": {},
        "price": price,
        "quantity": None if metered else quantity,
    }


def _add_up(account: Account, session: Thing) -> None:
    lines, given = session["line_items"]["data"], session["discounts"]
    counts = [(c, c["times_redeemed"]) for kind in _COUNTED for c in account.of(kind).values()]
    chosen = [{k: v for k, v in one.items() if v} for one in given]
    try:
        discounts = start_discounts(account, chosen, session["customer"] or "", session["created"])
    except Refused:
        del account.of(_KIND)[session["id"]]
        raise
    for thing, times in counts:  # to be shown a sum redeems nothing
        thing["times_redeemed"] = times
    shown = [_discountable(line) for line in lines]
    for discount in discounts:
        for line, amount in zip(
            lines, off(account, discount, shown, session["currency"]), strict=True
        ):
            line |= {
                "amount_discount": amount,
                "amount_total": line["amount_subtotal"] - amount,
            }
    taken = sum(line["amount_discount"] for line in lines)
    subtotal = sum(line["amount_subtotal"] for line in lines)
    if _has_trial(account, session):
        subtotal, taken = 0, 0
    session |= {
        "amount_subtotal": subtotal,
        "amount_total": subtotal - taken,
        "total_details": {"amount_discount": taken, "amount_shipping": 0, "amount_tax": 0},
    }


def _has_trial(account: Account, session: Thing) -> bool:
    data = account.wanted[session["id"]].get("subscription_data", {})
    return bool(data.get("trial_period_days") or data.get("trial_end"))


_COUNTED: Final = ("coupon", "promotion_code")


def _discountable(line: Thing) -> Thing:
    return {
        "amount": line["amount_subtotal"],
        "discount_amounts": [],
        "discountable": True,
        "pricing": {"price_details": {"product": line["price"]["product"]}},
    }


def complete(account: Account, session: Thing, card: str, code: str = "") -> Thing:
    """Pay a session with a test card, as a customer does on its page, with a code if it asks.

    Raises Refused for a card that is declined (the session stays open) and for a session that is
    over.
    """
    if session["status"] != "open":
        raise Refused(f"This session is {session['status']}.")
    if code and session["allow_promotion_codes"]:
        _use_code(account, session, code)
    method = method_of(account, card, "payment_method")
    customer = account.of("customer").get(session["customer"] or "")
    if customer is None:
        customer = new_customer(
            account, {"email": session["customer_email"] or "payer@example.com"}
        )
    try:
        _pay(account, session, method, customer)
    except Refused:
        if session["customer"] is None:
            del account.of("customer")[customer["id"]]
        raise
    session |= {
        "customer": customer["id"],
        "customer_details": {
            **dict.fromkeys(("business_name", "individual_name", "phone", "address")),
            "email": customer["email"],
            "name": customer["name"],
            "tax_exempt": customer["tax_exempt"],
            "tax_ids": [],
        },
        "status": "complete",
        "url": None,
    }
    emit(account, "checkout.session.completed", session, at=account.now(customer["test_clock"]))
    return session


def _use_code(account: Account, session: Thing, code: str) -> None:
    found = [
        promotion
        for promotion in account.of("promotion_code").values()
        if promotion["active"] and promotion["code"].lower() == code.strip().lower()
    ]
    if not found:
        raise Refused("This code is not valid.", param="promotion_code")
    session["discounts"] = [{"coupon": None, "promotion_code": found[0]["id"]}]
    _add_up(account, session)


def _pay(account: Account, session: Thing, method: Thing, customer: Thing) -> None:
    at = account.now(customer["test_clock"])
    given = account.wanted[session["id"]]
    if session["mode"] == "subscription":
        _subscribe(account, session, method, customer, given.get("subscription_data", {}))
        return
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return
    asked: dict[str, Any] = {"amount": session["amount_total"], "currency": session["currency"]}
    data = given.get("payment_intent_data", {})
    intent = new_intent(account, {**asked, "customer": customer["id"], **data}, at)
    why = pay(account, intent, method, off_session=False, at=at)
    if intent["status"] == "requires_action":
        authenticated(account, intent, at)
    if why is not None:
        raise why
    _redeem(account, session, customer["id"], at)
    session["payment_intent"] = intent["id"]
    session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"


def _redeem(account: Account, session: Thing, customer: str, at: int) -> list[str]:
    chosen = [{k: v for k, v in one.items() if v} for one in session["discounts"]]
    return start_discounts(account, chosen, customer, at)


def _subscribe(
    account: Account, session: Thing, method: Thing, customer: Thing, data: Thing
) -> None:
    lines = session["line_items"]["data"]
    once = [_given(line) for line in lines if not line["price"]["recurring"]]
    attach(account, method, customer["id"])
    params = {
        **data,
        "customer": customer["id"],
        "default_payment_method": method["id"],
        "discounts": [{k: v for k, v in one.items() if v} for one in session["discounts"]],
        "items": [_given(line) for line in lines if line["price"]["recurring"]],
        "add_invoice_items": once,
        "payment_behavior": "error_if_incomplete",
    }
    subscription = new_subscription(account, params)
    bill_start(account, subscription, params)
    invoice = account.of("invoice")[subscription["latest_invoice"]]
    at = invoice["created"]
    if invoice["status"] == "open" and intent_of(account, invoice)["status"] == "requires_action":
        authenticated(account, intent_of(account, invoice), at)
        paid(account, invoice, at)
    done = "paid" if invoice["status"] == "paid" else "unpaid"
    session |= {
        "invoice": invoice["id"],
        "subscription": subscription["id"],
        "payment_status": "no_payment_required" if invoice["total"] == 0 else done,
    }


def _given(line: Thing) -> Thing:
    quantity = {} if line["quantity"] is None else {"quantity": line["quantity"]}
    return {"price": line["price"]["id"], **quantity}


def pay_invoice(account: Account, invoice: Thing, card: str) -> None:
    """Pay an open invoice with a test card, as a customer does on its page.  Raises Refused."""
    if invoice["status"] != "open":
        raise Refused(f"This invoice is {invoice['status']}.")
    at = account.now(invoice["test_clock"])
    why = collect(account, invoice, at, method_of(account, card, "payment_method"), off=False)
    if why is not None:
        raise why
    if intent_of(account, invoice)["status"] == "requires_action":
        authenticated(account, intent_of(account, invoice), at)
        paid(account, invoice, at)


def settle(account: Account, intent: Thing, *, arrives: bool) -> None:
    """Let a payment that takes days arrive, or come back; invoice and session follow.

    Raises Refused where it is not under way.
    """
    if intent["status"] != "processing":
        raise Refused(f"This payment is {intent['status']}, not processing.")
    at = account.now()
    settled(account, intent, at, paid=arrives)
    for invoice in account.of("invoice").values():
        if _asked(account, invoice) == intent["id"]:
            (paid if arrives else failed)(account, invoice, at)
    word = "succeeded" if arrives else "failed"
    for session in account.of(_KIND).values():
        billed = account.of("invoice").get(session["invoice"] or "")
        asked = session["payment_intent"] if billed is None else _asked(account, billed)
        if asked == intent["id"]:
            session["payment_status"] = "paid" if arrives else "unpaid"
            emit(account, f"checkout.session.async_payment_{word}", session, at=at)


def _asked(account: Account, invoice: Thing) -> str | None:
    return str(intent_of(account, invoice)["id"]) if invoice["payments"]["data"] else None


def expire_due(account: Account) -> None:
    """Let the sessions that nobody paid in time be over."""
    for session in account.of(_KIND).values():
        if session["status"] == "open" and session["expires_at"] <= account.now():
            _end(account, session, session["expires_at"])


def _end(account: Account, session: Thing, at: int) -> None:
    session |= {"status": "expired", "url": None}
    emit(account, "checkout.session.expired", session, at=at)


def _expire(account: Account, call: Call) -> Thing:
    session = account.get(_KIND, call.ids[0])
    if session["status"] != "open":
        raise Refused(f"Only an open session can be expired; this one is {session['status']}.")
    _end(account, session, account.now())
    return session


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get(_KIND, call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    session = account.get(_KIND, call.ids[0])
    changed(session, call.params)
    return session


def _line_items(account: Account, call: Call) -> Thing:
    session = account.get(_KIND, call.ids[0])
    return page(session["line_items"]["data"], call.params, call.path)


_SUBSCRIPTION_DATA: Final = frozenset(
    ("description", "metadata", "trial_end", "trial_period_days", "trial_settings")
)
_INTENT_DATA: Final = frozenset(("description", "metadata", "receipt_email"))
_CREATES: Final = frozenset(
    (
        *("allow_promotion_codes", "cancel_url", "client_reference_id", "customer"),
        *("customer_creation", "customer_email", "discounts", "expires_at", "line_items"),
        *("metadata", "mode", "payment_intent_data", "payment_method_collection"),
        *("payment_method_types", "subscription_data", "success_url", "ui_mode"),
    )
)
_PATH: Final = "/v1/checkout/sessions"
ROUTES: Final = (
    Route("POST", _PATH, "checkout.SessionCreateParams", _create, _CREATES),
    Route("GET", _PATH, "checkout.SessionListParams", listing(_KIND)),
    Route("GET", _PATH + "/{id}", "checkout.SessionRetrieveParams", _retrieve),
    Route(
        "POST",
        _PATH + "/{id}",
        "checkout.SessionUpdateParams",
        _update,
        frozenset(("metadata",)),
    ),
    Route("POST", _PATH + "/{id}/expire", "checkout.SessionExpireParams", _expire),
    Route("GET", _PATH + "/{id}/line_items", "checkout.SessionLineItemListParams", _line_items),
)
"""What is asked of checkout sessions."""
