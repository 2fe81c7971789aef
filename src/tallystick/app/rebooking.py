"""The books of one customer made again: from documents, payments, and what happened in which order.

That something happened, and when, is the truth of the journal; every figure in it is worked out
again, and so is what each document has paid, given back and left, and the balance.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.given_back import given_back
from tallystick.core.money import Money
from tallystick.core.settlement import (
    charged_back,
    issued,
    lost,
    noted,
    paid,
    refund_failed,
    refunded,
    shared_credit,
    surplus,
    voided,
)
from tallystick.errors import Conflict
from tallystick.storage.journal import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.core.settlement import Transfer
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.payments import Payment

__all__ = ["Books", "Stand"]


@dataclass(slots=True)
class Stand:
    """How a document stands: what happened to it since it was issued, in minor units."""

    invoice: Invoice
    status: str
    paid: int = 0
    credited: int = 0
    noted: int = 0
    refunded: int = 0

    @property
    def left(self) -> int:
        """What is still to be paid."""
        owed = self.status in {"open", "uncollectible"}
        return self.invoice.amount_due.minor - self.paid - self.credited if owed else 0

    def settle(self) -> None:
        """Become paid where nothing is left."""
        if self.status in {"open", "uncollectible"} and not self.left:
            self.status = "paid"


class Books:
    """One customer's books while they are written again."""

    def __init__(
        self,
        customer: str,
        documents: Mapping[str, Invoice],
        lines: Sequence[BilledLine],
        payments: Mapping[str, Payment],
        surpluses: Mapping[str, Money],
    ) -> None:
        """Begin with nothing booked; the lines are in the order in which they were billed.

        `surpluses` are what came beyond what was owed, by the intent that collected it.
        """
        self._customer, self._documents = customer, documents
        self._lines, self._payments, self._surpluses = lines, payments, surpluses
        self.stands: dict[str, Stand] = {}
        self.entries: list[Entry] = []
        self.balances: dict[str, int] = defaultdict(int)

    def take(self, cause: str, at: Instant) -> None:
        """Book what happened.  Raises Conflict for a cause that nothing stands behind."""
        kind, _, id_ = cause.partition("/")
        match kind:
            case "invoice" | "credit_note":
                transfers = self._issue(self._document(id_))
            case "payment" | "refund" | "refund_failed" | "chargeback":
                transfers = self._pay(id_)
            case "surplus":
                if id_ not in self._surpluses:
                    raise Conflict(f"the journal has a surplus of {id_!r}, which collected none")
                transfers = surplus(self._surpluses[id_])
            case "void":
                stand = self._stand(id_)
                stand.status = "void"
                transfers = voided(stand.invoice)
            case "uncollectible":
                stand = self._stand(id_)
                transfers = lost(Money(stand.left, stand.invoice.currency))
                stand.status = "uncollectible"
            case _:
                raise Conflict(f"the journal has entries for {cause!r}, which is no known cause")
        self._post(cause, at, transfers)

    def _document(self, id_: str) -> Invoice:
        if id_ not in self._documents:
            raise Conflict(f"the journal has entries for {id_!r}, which was not issued")
        return self._documents[id_]

    def _stand(self, id_: str) -> Stand:
        if id_ not in self.stands:
            raise Conflict(f"the journal has entries for {id_!r} before it was issued")
        return self.stands[id_]

    def _post(self, cause: str, at: Instant, transfers: Sequence[Transfer]) -> None:
        for each in transfers:
            code = each.amount.currency.code
            self.balances[code] += each.amount.minor * (each.credit == "balance")
            self.balances[code] -= each.amount.minor * (each.debit == "balance")
            self.entries.append(
                Entry(
                    customer=self._customer,
                    at=at,
                    cause=cause,
                    debit=each.debit,
                    credit=each.credit,
                    amount=each.amount,
                )
            )

    # --- documents --------------------------------------------------------------------------------

    def _issue(self, invoice: Invoice) -> tuple[Transfer, ...]:
        status = "open" if invoice.amount_due.minor else "paid"
        self.stands[invoice.id] = Stand(invoice, status)
        if invoice.kind == "invoice":
            return issued(invoice)
        given = -invoice.total.minor
        if invoice.credits is not None:
            stands = [self._stand(invoice.credits)]
            parts = [(stands[0], given, min(given, stands[0].left))]
        else:
            stands = [self.stands[id_] for id_ in self._corrected(invoice)]
            left = [(s.invoice.id, s.invoice.total.minor - s.noted, s.left) for s in stands]
            shares = shared_credit(given, left)
            parts = [(self.stands[s.invoice], s.given, s.lowered) for s in shares]
        lowered = sum(part for _, _, part in parts)
        off = sum(part for stand, _, part in parts if stand.status == "uncollectible")
        for stand, back, part in parts:
            stand.noted += back
            stand.credited += part
            stand.settle()
        return noted(invoice, lowered, written_off=off)

    def _corrected(self, note: Invoice) -> list[str]:
        """Give the invoices that billed what a credit note gives back, the oldest first."""
        if note.subscription is None:
            return []
        found: dict[str, None] = {}
        back = [each for line in note.lines if line.amount.minor < 0 for each in given_back(line)]
        for line in self._lines:
            stand = self.stands.get(line.invoice)
            if stand is None or line.invoice == note.id or line.amount.minor <= 0:
                continue
            if stand.status == "void" or line.subscription != note.subscription:
                continue
            touched = any(
                each.window is not None
                and line.window is not None
                and each.price == line.price
                and each.window.overlaps(line.window)
                for each in back
            )
            if touched and stand.invoice.kind == "invoice":
                found[line.invoice] = None
        return list(found)

    # --- money ------------------------------------------------------------------------------------

    def _pay(self, id_: str) -> tuple[Transfer, ...]:
        if id_ not in self._payments:
            raise Conflict(f"the journal has entries for the payment {id_!r}, which is not there")
        payment = self._payments[id_]
        stand = self._stand(payment.invoice)
        match payment.kind:
            case "payment":
                return self._paid(stand, payment)
            case "refund":
                stand.refunded += payment.amount.minor
                return refunded(payment.amount)
            case "refund_failed":
                stand.refunded -= payment.amount.minor
                return refund_failed(payment.amount)
            case "chargeback":
                expected = 0 if stand.status == "uncollectible" else stand.left
                stand.paid -= payment.amount.minor
                stand.status = "uncollectible"
                lost_now = Money(expected + payment.amount.minor, payment.amount.currency)
                return charged_back(payment.amount, lost_now)

    def _paid(self, stand: Stand, payment: Payment) -> tuple[Transfer, ...]:
        written_off = stand.status == "uncollectible"
        stand.paid += payment.amount.minor
        stand.settle()
        return paid(payment.amount, written_off=written_off)
