"""Refunds: money given back, of one charge, never more than it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "settle_refund"]

_NULLS: Final = (
    *("balance_transaction", "customer_account", "receipt_number", "source_transfer_reversal"),
    "transfer_reversal",
)


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    charge = _charge(account, params)
    amount = _amount(charge, params.get("amount"))
    refund = account.add(
        {
            "id": account.new_id("re"),
            "object": "refund",
            **dict.fromkeys(_NULLS),
            "amount": amount,
            "charge": charge["id"],
            "created": account.now(),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": merged(None, params),
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "status": "succeeded",
        }
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    charge["refunds"]["data"].insert(0, refund)
    emit(account, "refund.created", refund)
    emit(account, "charge.refunded", charge)
    return refund


def settle_refund(account: Account, refund: Thing, *, arrives: bool) -> None:
    """Let a refund come back, as the bank does days later (test card 4000 0000 0000 5126).

    What came back can be refunded again.  One that arrives stays as it is.  Raises Refused.
    """
    if refund["status"] != "succeeded":
        raise Refused(f"This refund ({refund['id']}) is {refund['status']} already.")
    if arrives:
        return
    refund |= {"failure_reason": "lost_or_stolen_card", "status": "failed"}
    charge = account.of("charge")[refund["charge"]]
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    emit(account, "refund.updated", refund)
    emit(account, "refund.failed", refund)


def _charge(account: Account, params: Thing) -> Thing:
    if ("charge" in params) == ("payment_intent" in params):
        raise Refused("Give either charge or payment_intent.", param="payment_intent")
    if "charge" in params:
        return account.given("charge", params["charge"], "charge")
    intent = account.given("payment_intent", params["payment_intent"], "payment_intent")
    charge = account.of("charge").get(intent["latest_charge"] or "")
    if charge is None:
        raise Refused(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return charge


def _amount(charge: Thing, wanted: int | None) -> int:
    if not charge["paid"]:
        raise Refused("This charge did not succeed: there is nothing to refund.", param="charge")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise Refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if charge["disputed"]:
        raise Refused(f"Charge {charge['id']} is disputed.", code="charge_disputed")
    amount = left if wanted is None else wanted
    if amount < 1:
        raise Refused("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        raise Refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    return amount


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("refund", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    refund = account.get("refund", call.ids[0])
    changed(refund, call.params)
    emit(account, "refund.updated", refund)
    return refund


ROUTES: Final = (
    Route(
        "POST",
        "/v1/refunds",
        "RefundCreateParams",
        _create,
        frozenset(("amount", "charge", "metadata", "payment_intent", "reason")),
    ),
    Route("GET", "/v1/refunds", "RefundListParams", listing("refund")),
    Route("GET", "/v1/refunds/{id}", "RefundRetrieveParams", _retrieve),
    Route("POST", "/v1/refunds/{id}", "RefundUpdateParams", _update),
)
"""What is asked of refunds."""
