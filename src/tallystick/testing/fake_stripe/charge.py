"""Charges: each attempt to take money, with what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.page import listing, whole
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.cards import Card
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "new_charge", "open_dispute"]

_NULLS: Final = (
    *("application", "application_fee", "application_fee_amount", "balance_transaction"),
    *("calculated_statement_descriptor", "failure_balance_transaction", "on_behalf_of"),
    *("receipt_number", "receipt_url", "review", "shipping", "source_transfer"),
    *("statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group"),
)

_DECIDED: Final = {"winning_evidence": "won", "losing_evidence": "lost"}


def new_charge(account: Account, intent: Thing, method: Thing, card: Card, at: int) -> Thing:
    """Charge what a payment intent asks for, and keep how the card answered."""
    status = "failed" if card.decline else "pending" if card.delayed else "succeeded"
    taken = status == "succeeded"
    wanted = account.new_id("ch")
    charge = account.add(
        {
            "id": wanted,
            "object": "charge",
            **dict.fromkeys(_NULLS),
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if taken else 0,
            "amount_refunded": 0,
            "billing_details": method["billing_details"],
            "captured": taken,
            "created": at,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": card.code if card.decline else None,
            "failure_message": "Your card was declined." if card.decline else None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(card),
            "paid": taken,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(method),
            "receipt_email": intent["receipt_email"],
            "refunded": False,
            "refunds": whole([], f"/v1/charges/{wanted}/refunds"),
            "status": status,
        }
    )
    emit(account, f"charge.{status}", charge, at=at)
    return charge


def _details(method: Thing) -> Thing:
    kind = method["type"]
    left_out = (
        "display_brand",
        "generated_from",
        "networks",
        "three_d_secure_usage",
        "status_details",
    )
    shown = {name: value for name, value in method[kind].items() if name not in left_out}
    if kind == "card":
        shown |= {"network": shown["brand"], "three_d_secure": None}
    return {"type": kind, kind: shown}


def _outcome(card: Card) -> Thing:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if card.decline else "approved_by_network",
        "reason": card.decline,
        "seller_message": "The bank declined it." if card.decline else "Payment complete.",
        "type": "issuer_declined" if card.decline else "authorized",
    }


def open_dispute(account: Account, charge: Thing, at: int) -> None:
    """Let the holder of the card dispute a charge, as fraudulent."""
    dispute = account.add(
        {
            "id": account.new_id("du"),
            "object": "dispute",
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": at,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": at + 9 * 24 * 60 * 60,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": "needs_response",
        }
    )
    charge["disputed"] = True
    emit(account, "charge.dispute.created", dispute, at=at)


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("charge", call.ids[0])


def _dispute(account: Account, call: Call) -> Thing:
    return account.get("dispute", call.ids[0])


def _answer(account: Account, call: Call) -> Thing:
    """Take evidence; its text decides, as in Stripe's test mode."""
    dispute = account.get("dispute", call.ids[0])
    text = call.params.get("evidence", {}).get("uncategorized_text")
    dispute["evidence"] |= {"uncategorized_text": text}
    if not call.params.get("submit", True):
        emit(account, "charge.dispute.updated", dispute)
        return dispute
    dispute["status"] = _DECIDED.get(str(text), "under_review")
    over = dispute["status"] in _DECIDED.values()
    emit(account, f"charge.dispute.{'closed' if over else 'updated'}", dispute)
    return dispute


def _close(account: Account, call: Call) -> Thing:
    dispute = account.get("dispute", call.ids[0])
    dispute["status"] = "lost"
    emit(account, "charge.dispute.closed", dispute)
    return dispute


ROUTES: Final = (
    Route("GET", "/v1/charges", "ChargeListParams", listing("charge")),
    Route("GET", "/v1/charges/{id}", "ChargeRetrieveParams", _retrieve),
    Route("GET", "/v1/disputes", "DisputeListParams", listing("dispute")),
    Route("GET", "/v1/disputes/{id}", "DisputeRetrieveParams", _dispute),
    Route(
        "POST",
        "/v1/disputes/{id}",
        "DisputeUpdateParams",
        _answer,
        frozenset(("evidence", "evidence.uncategorized_text", "submit")),
    ),
    Route("POST", "/v1/disputes/{id}/close", "DisputeCloseParams", _close),
)
"""What is asked of charges and of disputes."""
