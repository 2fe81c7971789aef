"""Invoices: drafted, finalized, paid or not; and what that does to a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.discount import off
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.page import whole
from tallystick.testing.fake_stripe.payment_intent import LEAST, new_intent, pay
from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = [
    "DAY",
    "HOUR",
    "add_up",
    "advance_invoice",
    "collect",
    "draft",
    "failed",
    "finalize",
    "intent_of",
    "paid",
]

HOUR: Final = 60 * 60
"""In seconds."""
DAY: Final = 24 * HOUR
"""In seconds."""
_RETRIES: Final = (3 * DAY, 5 * DAY, 7 * DAY)
_NULLS: Final = (
    *("account_country", "account_name", "account_tax_ids", "application", "custom_fields"),
    *("customer_account", "customer_address", "customer_phone", "customer_shipping"),
    *("default_source", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf"),
    *("last_finalization_error", "latest_revision", "next_payment_attempt", "number"),
    *("on_behalf_of", "receipt_number", "rendering", "shipping_cost", "shipping_details"),
    *("statement_descriptor", "total_taxes", "webhooks_delivered_at", "ending_balance"),
)


def draft(  # noqa: PLR0913 - what an invoice is made of
    account: Account,
    customer: Thing,
    lines: list[Thing],
    at: int,
    *,
    currency: str,
    reason: str,
    subscription: Thing | None = None,
    discounts: list[str] | None = None,
    more: Thing | None = None,
    kept: bool = True,
) -> Thing:
    """Draft an invoice of lines; one that is not `kept` is a preview, and leaves no trace."""
    wanted = account.new_id("in")
    starts = [line["period"]["start"] for line in lines]
    invoice: Thing = {
        "id": wanted,
        "object": "invoice",
        **_fresh(),
        **_of_customer(customer),
        **_of_subscription(subscription, at),
        "auto_advance": reason != "manual",
        "billing_reason": reason,
        "created": at,
        "currency": currency,
        "discounts": list(discounts or []),
        "lines": whole(lines, f"/v1/invoices/{wanted}/lines"),
        "payments": whole([], f"/v1/invoice_payments?invoice={wanted}"),
        "period_end": max(starts, default=at),
        "period_start": min(starts, default=at),
        **(more or {}),
    }
    for line in lines:
        line["invoice"] = wanted
    add_up(account, invoice)
    if kept:
        emit(account, "invoice.created", account.add(invoice), at=at)
    return invoice


def _fresh() -> Thing:
    return {
        **dict.fromkeys(_NULLS),
        "amount_overpaid": 0,
        "amount_paid": 0,
        "attempt_count": 0,
        "attempted": False,
        "automatic_tax": {
            **dict.fromkeys(("disabled_reason", "liability", "provider", "status")),
            "enabled": False,
        },
        "automatically_finalizes_at": None,
        "default_tax_rates": [],
        "description": None,
        "effective_at": None,
        "issuer": {"type": "self"},
        "livemode": False,
        "metadata": {},
        "payment_settings": dict.fromkeys(
            ("default_mandate", "payment_method_options", "payment_method_types")
        ),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
    }


def _of_customer(customer: Thing) -> Thing:
    return {
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "starting_balance": customer["balance"],
        "test_clock": customer["test_clock"],
    }


def _of_subscription(subscription: Thing | None, at: int) -> Thing:
    terms = subscription or {}
    method = terms.get("collection_method", "charge_automatically")
    parent = subscription and {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }
    return {
        "collection_method": method,
        "default_payment_method": terms.get("default_payment_method"),
        "due_date": at + terms["days_until_due"] * DAY if method == "send_invoice" else None,
        "parent": parent,
    }


def add_up(account: Account, invoice: Thing) -> None:
    """Reckon the sums of a draft from its lines, discounts and the balance it began with."""
    lines, totals = invoice["lines"]["data"], []
    for line in lines:
        line["discount_amounts"] = []
    for discount in invoice["discounts"]:
        parts = off(account, discount, lines, invoice["currency"])
        for line, amount in zip(lines, parts, strict=True):
            if amount:
                line["discount_amounts"].append({"amount": amount, "discount": discount})
        totals.append({"amount": sum(parts), "discount": discount})
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - sum(part["amount"] for part in totals)
    due = max(0, total + invoice["starting_balance"])
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": totals,
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "amount_due": due,
        "amount_remaining": due,
        "amount_shipping": 0,
    }


def finalize(account: Account, invoice: Thing, at: int) -> None:
    """Fix an invoice: it gets its number, uses the customer's balance, and can be paid."""
    customer = account.of("customer")[invoice["customer"]]
    invoice["starting_balance"] = customer["balance"]
    add_up(account, invoice)
    if invoice["amount_due"] < LEAST.get(invoice["currency"], 1):
        # Too little to be charged: the balance carries it to the next invoice.
        invoice |= {"amount_due": 0, "amount_remaining": 0}
    customer["balance"] += invoice["total"] - invoice["amount_due"]
    customer["currency"] = customer["currency"] or invoice["currency"]
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    invoice |= {
        "ending_balance": customer["balance"],
        "number": f"{customer['invoice_prefix']}-{number:04d}",
        "status": "open",
        "effective_at": at,
        "automatically_finalizes_at": None,
        "hosted_invoice_url": f"{account.site}/invoice/{invoice['id']}",
        "invoice_pdf": f"{account.site}/invoice/{invoice['id']}/pdf",
    }
    invoice["status_transitions"]["finalized_at"] = at
    emit(account, "invoice.finalized", invoice, at=at)
    if invoice["amount_due"] == 0:
        paid(account, invoice, at)
        return
    _ask_for(account, invoice, at)


def _ask_for(account: Account, invoice: Thing, at: int) -> None:
    params = {"amount": invoice["amount_due"], "currency": invoice["currency"]}
    asked = {"customer": invoice["customer"], "description": f"Invoice {invoice['number']}"}
    intent = new_intent(account, {**params, **asked}, at)
    payment = account.add(
        {
            "id": account.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": at,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    invoice["payments"]["data"].append(payment)


def _default_method(account: Account, invoice: Thing) -> Thing | None:
    customer = account.of("customer")[invoice["customer"]]
    chosen = invoice["default_payment_method"]
    chosen = chosen or customer["invoice_settings"]["default_payment_method"]
    return None if chosen is None else account.of("payment_method").get(chosen)


def collect(
    account: Account, invoice: Thing, at: int, method: Thing | None = None, *, off: bool = True
) -> Refused | None:
    """Try to be paid, and give why that did not go; its subscription follows."""
    method = method or _default_method(account, invoice)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    why: Refused | None
    if method is None:
        why = Refused(
            "This customer has no attached payment source or default payment method.",
            code="invoice_no_payment_method_types",
        )
    else:
        why = pay(account, intent_of(account, invoice), method, off_session=off, at=at)
    status = intent_of(account, invoice)["status"]
    if status == "succeeded":
        paid(account, invoice, at)
    elif status == "processing":
        # A payment that takes days is trusted meanwhile.
        _follow(account, invoice, {"incomplete"}, "active", at)
    elif why is not None or status == "requires_action":
        failed(account, invoice, at)
        if why is None:
            emit(account, "invoice.payment_action_required", invoice, at=at)
    return why


def intent_of(account: Account, invoice: Thing) -> Thing:
    """Give the payment intent of a finalized invoice that is not free."""
    payment = invoice["payments"]["data"][0]["payment"]
    return account.of("payment_intent")[payment["payment_intent"]]


def paid(account: Account, invoice: Thing, at: int, *, outside: bool = False) -> None:
    """Let an invoice be paid, and its subscription be active again."""
    invoice |= {
        "amount_paid": 0 if outside else invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "next_payment_attempt": None,
        "status": "paid",
    }
    invoice["status_transitions"]["paid_at"] = at
    for payment in invoice["payments"]["data"]:
        payment |= {"amount_paid": payment["amount_requested"], "status": "paid"}
        payment["status_transitions"]["paid_at"] = at
    emit(account, "invoice.paid", invoice, at=at)
    emit(account, "invoice.payment_succeeded", invoice, at=at)
    _follow(account, invoice, {"incomplete", "past_due", "unpaid"}, "active", at)


def failed(account: Account, invoice: Thing, at: int) -> None:
    """Let an attempt to be paid have failed: it is repeated later, or was the last."""
    tries = invoice["attempt_count"]
    automatic = invoice["billing_reason"] == "subscription_cycle" and tries <= len(_RETRIES)
    invoice["next_payment_attempt"] = at + _RETRIES[tries - 1] if automatic else None
    emit(account, "invoice.payment_failed", invoice, at=at)
    last = invoice["billing_reason"] == "subscription_cycle" and not automatic
    _follow(account, invoice, {"active", "trialing"}, "past_due", at)
    if last:
        _follow(account, invoice, {"past_due"}, "canceled", at)


def _follow(account: Account, invoice: Thing, before: set[str], status: str, at: int) -> None:
    if invoice["parent"] is None:
        return
    wanted = invoice["parent"]["subscription_details"]["subscription"]
    subscription = account.of("subscription").get(wanted)
    if subscription is None or subscription["status"] not in before:
        return
    was, subscription["status"] = subscription["status"], status
    kind = "updated"
    if status == "canceled":
        kind = "deleted"
        subscription |= {"canceled_at": at, "ended_at": at}
        subscription["cancellation_details"]["reason"] = "payment_failed"
    emit(account, f"customer.subscription.{kind}", subscription, {"status": was}, at)


def advance_invoice(account: Account, invoice: Thing, at: int) -> None:
    """Do what is due: finalize a draft after its hour, ask again for what was not paid."""
    if invoice["status"] == "draft":
        finalize(account, invoice, at)
        if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
            collect(account, invoice, at)
    else:
        collect(account, invoice, at)
