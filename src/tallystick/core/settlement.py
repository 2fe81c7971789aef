"""What issuing, paying and giving back mean for the books: transfers between accounts.

An entry moves an amount from one account to another, so every one of them sums to zero.  An account
holds what was debited to it less what was credited; `receivable` is what customers owe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.invoice import Invoice

__all__ = [
    "ACCOUNTS",
    "Account",
    "Credited",
    "Transfer",
    "charged_back",
    "credits_bought",
    "credits_included",
    "credits_lost",
    "issued",
    "lost",
    "noted",
    "paid",
    "refund_failed",
    "refunded",
    "shared_credit",
    "surplus",
    "voided",
]

Account: TypeAlias = Literal[
    "receivable", "revenue", "tax", "balance", "credits", "cash", "bad_debt"
]
"""The accounts there are.

`balance` is what customers have to their credit, `credits` what is left of credits they paid for.
"""

ACCOUNTS: Final[tuple[Account, ...]] = (
    "receivable",
    "revenue",
    "tax",
    "balance",
    "credits",
    "cash",
    "bad_debt",
)
"""The accounts in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """An amount, more than nothing, from `credit` to `debit`."""

    debit: Account
    credit: Account
    amount: Money


@dataclass(frozen=True, slots=True)
class Credited:
    """What a credit note gives back of one invoice: so much lowers what is due on it."""

    invoice: str
    given: int
    lowered: int


def issued(invoice: Invoice) -> tuple[Transfer, ...]:
    """Give the entries of an invoice: what is owed, and what the balance pays of it at once."""
    sold = invoice.total - invoice.all_tax
    return _some(
        Transfer("receivable", "revenue", sold),
        Transfer("receivable", "tax", invoice.all_tax),
        Transfer("credits", "receivable", invoice.paid_by_grants),
        Transfer("balance", "receivable", invoice.from_balance),
    )


def noted(note: Invoice, lowered: int, *, written_off: int = 0) -> tuple[Transfer, ...]:
    """Give the entries of a credit note, of which `lowered` minor units lower what is owed.

    The rest is the customer's: it goes to its balance.  What was `written_off` of what is lowered
    is no loss any more.
    """
    tax = -note.all_tax
    given = -note.total
    to_due = Money(lowered, note.currency)
    return _some(
        Transfer("revenue", "receivable", given - tax),
        Transfer("tax", "receivable", tax),
        Transfer("receivable", "balance", given - to_due),
        Transfer("receivable", "bad_debt", Money(written_off, note.currency)),
    )


def paid(amount: Money, *, written_off: bool = False) -> tuple[Transfer, ...]:
    """Give the entries of a payment; what was written off before was no loss after all."""
    back = (Transfer("receivable", "bad_debt", amount),) if written_off else ()
    return _some(*back, Transfer("cash", "receivable", amount))


def refunded(amount: Money) -> tuple[Transfer, ...]:
    """Give the entries of a refund: what credit notes put to the customer's credit is paid out."""
    return _some(Transfer("balance", "cash", amount))


def refund_failed(amount: Money) -> tuple[Transfer, ...]:
    """Give the entries of a refund that did not arrive: it is to the customer's credit again."""
    return _some(Transfer("cash", "balance", amount))


def charged_back(amount: Money, lost: Money) -> tuple[Transfer, ...]:
    """Give the entries of a payment that was taken back: it is owed again, and not expected.

    `lost` is what is written off with it: the amount, and what was still owed beside it.
    """
    return _some(
        Transfer("receivable", "cash", amount),
        Transfer("bad_debt", "receivable", lost),
    )


def surplus(amount: Money) -> tuple[Transfer, ...]:
    """Give the entries of money that came beyond what was owed: it is to the customer's credit."""
    return _some(Transfer("cash", "balance", amount))


def credits_bought(amount: Money) -> tuple[Transfer, ...]:
    """Give the entries of credits that a customer paid for."""
    return _some(Transfer("cash", "credits", amount))


def credits_included(amount: Money) -> tuple[Transfer, ...]:
    """Give the entries of paid credits that come with a plan: its fee did not earn so much yet."""
    return _some(Transfer("revenue", "credits", amount))


def credits_lost(amount: Money) -> tuple[Transfer, ...]:
    """Give the entries of paid credits that nobody can use any more: they are earned."""
    return _some(Transfer("credits", "revenue", amount))


def voided(invoice: Invoice) -> tuple[Transfer, ...]:
    """Give the entries that take an invoice back: its own, turned around."""
    return tuple(Transfer(each.credit, each.debit, each.amount) for each in issued(invoice))


def lost(left: Money) -> tuple[Transfer, ...]:
    """Give the entries of writing off what is left to be paid."""
    return _some(Transfer("bad_debt", "receivable", left))


def shared_credit(given: int, left: Sequence[tuple[str, int, int]]) -> tuple[Credited, ...]:
    """Share what a credit note gives back among the invoices whose lines it corrects.

    `left` are the invoices, the oldest first: id, what may still be given back of it, what is still
    due on it, minor units.  What none of them can bear is not shared: it is the balance's alone.
    """
    shares = []
    for invoice, room, due in left:
        part = min(given, room)
        if part > 0:
            shares.append(Credited(invoice, part, min(part, due)))
            given -= part
    return tuple(shares)


def _some(*transfers: Transfer) -> tuple[Transfer, ...]:
    """Leave out what moves nothing, and turn around what is below zero."""
    return tuple(
        each if each.amount.minor > 0 else Transfer(each.credit, each.debit, -each.amount)
        for each in transfers
        if each.amount.minor
    )
