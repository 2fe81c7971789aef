"""Money whose way was undone at a provider: refunds that failed later, and chargebacks.

What was booked stays as it was written; a row of its own takes it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app.intent_book import hold, way_of
from tallystick.app.invoice import Way, known_payment, post, record_payment
from tallystick.core.intent import Canceled, Declined, state_after
from tallystick.core.money import Money
from tallystick.core.period import to_the_second
from tallystick.core.settlement import charged_back, refund_failed
from tallystick.errors import Conflict
from tallystick.storage import balances, intents, invoice_settlement, payments

if TYPE_CHECKING:
    from tallystick.core.intent import Intent
    from tallystick.core.period import Instant
    from tallystick.storage.payments import Payment
    from tallystick.storage.unit import Unit

__all__ = ["charge_back", "fail_refund", "failure_of", "is_charged_back"]


def failure_of(unit: Unit, refund: Intent) -> Payment | None:
    """Give the row that took a refund back; None where it was never taken back."""
    return payments.payment_by_key(unit, refund.customer, _failed_key(refund))


def fail_refund(unit: Unit, at: Instant, refund: Intent, outcome: Declined | Canceled) -> Intent:
    """Take back a refund that succeeded and did not arrive: it can be asked for again.

    The credit note stays, and its money is to the customer's credit again.  What the books had
    refused was never booked, and nothing is taken back of it.  A repeat changes nothing.
    """
    held = hold(unit, refund, refund=True)
    was = intents.intent_by_id(unit, refund.id)
    if was is None or was.state != "succeeded":
        return refund if was is None else was
    told = {"code": "canceled", "message": "it was given up"}
    if isinstance(outcome, Declined):
        told = {"code": outcome.code, "message": outcome.message[:1_000]}
    state = state_after(outcome)
    done = replace(was, state=state, answer=told, set_aside=None, closed_at=to_the_second(at))
    intents.fail_refund(unit, done)
    if was.set_aside is None:
        way = way_of(was)
        undone = replace(way, id=f"{way.id}_failed", key=_failed_key(was))
        owner, amount = (was.customer, was.invoice), was.amount
        invoice_settlement.take_refunded(unit, *owner, amount.minor)
        record_payment(unit, at, held, "refund_failed", amount, undone)
        post(unit, at, held.invoice, f"refund_failed/{undone.id}", refund_failed(amount))
        balances.add(unit, [(was.customer, amount)])
    return done


def _failed_key(refund: Intent) -> str:
    return f"{refund.key}/failed"


def charge_back(unit: Unit, at: Instant, of: Intent, amount: Money, reference: str) -> None:
    """Book that a payer took a payment back through the bank: what is left is uncollectible.

    Nobody is asked for it by itself any more; it can still be paid.  No credit note is written: the
    customer owes it.  A repeat changes nothing.

    Raises Conflict where less of the payment is left, or less was paid and not refunded.
    """
    held = hold(unit, of, refund=True)
    way = Way(
        id=f"chb_{reference}",
        method=of.provider,
        reference=reference,
        key=_chargeback_key(reference),
    )
    if known_payment(unit, held, "chargeback", amount, way.key) is not None:
        return
    left = of.amount.minor - of.surplus - intents.given_back(unit, of)
    if amount.currency != of.amount.currency or amount.minor > left:
        most = Money(left, of.amount.currency)
        raise Conflict(f"{amount} was charged back of {of.id!r}, of which {most} are left")
    owed = 0 if held.status == "uncollectible" else held.left
    invoice = held.invoice
    invoice_settlement.charge_back(unit, invoice.customer, invoice.id, amount.minor)
    record_payment(unit, at, held, "chargeback", amount, way)
    lost = Money(owed + amount.minor, amount.currency)
    post(unit, at, invoice, f"chargeback/{way.id}", charged_back(amount, lost))


def is_charged_back(unit: Unit, of: Intent, reference: str) -> bool:
    """Tell whether a dispute of a payment was booked as lost."""
    return payments.payment_by_key(unit, of.customer, _chargeback_key(reference)) is not None


def _chargeback_key(reference: str) -> str:
    return f"tallystick/chb_{reference}"
