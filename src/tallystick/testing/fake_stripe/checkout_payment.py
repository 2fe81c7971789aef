"""How a checkout session is paid, and what comes of it: at once, after days, or never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.coupon import redeeming
from tallystick.testing.fake_stripe.customer import new_customer
from tallystick.testing.fake_stripe.discount import off, start_discounts
from tallystick.testing.fake_stripe.events import emit, retract
from tallystick.testing.fake_stripe.invoice import collect, failed, intent_of, paid
from tallystick.testing.fake_stripe.payment_intent import authenticated, new_intent, pay, settled
from tallystick.testing.fake_stripe.payment_method import attach, method_of
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.testing.fake_stripe.subscription import started

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["add_up", "complete", "end", "expire_due", "pay_invoice", "settle"]

_KIND: Final = "checkout.session"


def add_up(account: Account, session: Thing) -> None:
    """Reckon what a session asks for today, with its discount; that redeems nothing."""
    lines, given = session["line_items"]["data"], session["discounts"]
    chosen = [{k: v for k, v in one.items() if v} for one in given]
    with redeeming(account, kept=False):
        discounts = start_discounts(account, chosen, session["customer"] or "", session["created"])
    shown = [_discountable(line) for line in lines]
    for discount in discounts:
        for line, amount in zip(
            lines, off(account, discount, shown, session["currency"]), strict=True
        ):
            line |= {
                "amount_discount": amount,
                "amount_total": line["amount_subtotal"] - amount,
            }
    trial = _has_trial(account, session)
    due = [line for line in lines if not (trial and line["price"]["recurring"])]
    taken = sum(line["amount_discount"] for line in due)
    subtotal = sum(line["amount_subtotal"] for line in due)
    session |= {
        "amount_subtotal": subtotal,
        "amount_total": subtotal - taken,
        "total_details": {"amount_discount": taken, "amount_shipping": 0, "amount_tax": 0},
    }


def _has_trial(account: Account, session: Thing) -> bool:
    data = account.wanted[session["id"]].get("subscription_data", {})
    return bool(data.get("trial_period_days") or data.get("trial_end"))


def _discountable(line: Thing) -> Thing:
    return {
        "amount": line["amount_subtotal"],
        "discount_amounts": [],
        "discountable": True,
        "pricing": {"price_details": {"product": line["price"]["product"]}},
    }


def complete(account: Account, session: Thing, card: str, code: str = "") -> Thing:
    """Pay a session with a test card, as a customer does on its page, with a code if it asks.

    Without a card ("") where nothing is due today and none has to be given.

    Raises Refused for a card that is declined (the session stays open) and for a session that is
    over.
    """
    if session["status"] != "open":
        raise Refused(f"This session is {session['status']}.")
    if code and session["allow_promotion_codes"]:
        _use_code(account, session, code)
    free = session["payment_method_collection"] == "if_required" and session["amount_total"] == 0
    method = None if free and not card else method_of(account, card, "payment_method")
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
            retract(account, {customer["id"]})
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
    add_up(account, session)


def _pay(account: Account, session: Thing, method: Thing | None, customer: Thing) -> None:
    at = account.now(customer["test_clock"])
    given = account.wanted[session["id"]]
    if session["mode"] == "subscription":
        _subscribe(account, session, method, customer, given.get("subscription_data", {}))
        return
    if session["amount_total"] == 0 or method is None:
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
    if intent["setup_future_usage"]:
        attach(account, method, customer["id"])
    _redeem(account, session, customer["id"], at)
    session["payment_intent"] = intent["id"]
    session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"


def _redeem(account: Account, session: Thing, customer: str, at: int) -> list[str]:
    chosen = [{k: v for k, v in one.items() if v} for one in session["discounts"]]
    return start_discounts(account, chosen, customer, at)


def _subscribe(
    account: Account, session: Thing, method: Thing | None, customer: Thing, data: Thing
) -> None:
    lines = session["line_items"]["data"]
    once = [_given(line) for line in lines if not line["price"]["recurring"]]
    paying = {}
    if method is not None:
        attach(account, method, customer["id"])
        paying = {"default_payment_method": method["id"]}
    params = {
        **data,
        **paying,
        "customer": customer["id"],
        "discounts": [{k: v for k, v in one.items() if v} for one in session["discounts"]],
        "items": [_given(line) for line in lines if line["price"]["recurring"]],
        "add_invoice_items": once,
        "payment_behavior": "error_if_incomplete",
    }
    subscription = started(account, params)
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
            end(account, session, session["expires_at"])


def end(account: Account, session: Thing, at: int) -> None:
    """Let a session be over without having been paid."""
    session |= {"status": "expired", "url": None}
    emit(account, "checkout.session.expired", session, at=at)
