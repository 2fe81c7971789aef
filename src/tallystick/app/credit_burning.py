"""What credit grants pay of documents: read before a batch, written with it, undone by a void."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.core.money import Money
from tallystick.core.number import EXACT
from tallystick.storage import credits as shelf
from tallystick.storage.credits import CreditMove

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.currency import Currency
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.credits import GrantRow
    from tallystick.storage.unit import Unit

__all__ = ["burn_grants", "grants_before", "in_currency", "money_grants", "restore_grants"]


def money_grants(
    unit: Unit, customers: Collection[str], *, lock: bool = False
) -> dict[str, list[GrantRow]]:
    """Give the grants of money of customers, of which something is left."""
    found: dict[str, list[GrantRow]] = defaultdict(list)
    for row in shelf.grants_of(unit, customers, lock=lock):
        if row.grant.feature is None:
            found[row.grant.customer].append(row)
    return found


def in_currency(rows: Iterable[GrantRow], currency: Currency) -> tuple[GrantRow, ...]:
    """Give the grants in a currency."""
    return tuple(
        row
        for row in rows
        if isinstance(row.grant.amount, Money) and row.grant.amount.currency == currency
    )


def burn_grants(unit: Unit, invoices: Sequence[Invoice]) -> None:
    """Write down what grants paid of documents that are being issued."""
    moves = []
    for invoice in invoices:
        by_grant: dict[str, int] = {}
        for burn in invoice.burns:
            by_grant[burn.grant] = by_grant.get(burn.grant, 0) + burn.amount.minor
        moves += [
            CreditMove(
                customer=invoice.customer,
                grant=grant,
                kind="burned",
                size=Decimal(minor),
                at=invoice.at,
                cause=f"invoice/{invoice.id}",
                invoice=invoice.id,
            )
            for grant, minor in by_grant.items()
        ]
    shelf.move_grants(unit, moves)


def restore_grants(unit: Unit, invoice: Invoice, at: Instant) -> None:
    """Give back what grants paid of a document that is void now; what has ended will expire."""
    burned = shelf.moves_of(unit, invoice.customer, invoice=invoice.id)
    shelf.move_grants(
        unit,
        [
            CreditMove(
                customer=each.customer,
                grant=each.grant,
                kind="restored",
                size=each.size,
                at=at,
                cause=each.cause,
                invoice=invoice.id,
            )
            for each in burned
            if each.kind == "burned"
        ],
    )


def grants_before(
    unit: Unit, invoice: Invoice, counted: Callable[[CreditMove], bool]
) -> tuple[GrantBalance, ...]:
    """Give the grants in a document's currency as they stood before it.

    `counted` tells of what another document burned or a person did whether it came before.
    """
    found = shelf.grants_of(unit, [invoice.customer], spent=True)
    rows = in_currency((row for row in found if _was_there(row, invoice)), invoice.currency)
    if not rows:
        return ()
    left = {row.grant.id: row.grant.size for row in rows}
    moves = [each for each in shelf.moves_of(unit, invoice.customer) if each.grant in left]
    own = {each.grant: each.number for each in moves if each.invoice == invoice.id}
    for move in moves:
        before = move.number < own[move.grant] if move.grant in own else counted(move)
        if before and move.invoice != invoice.id:
            back = move.kind == "restored"
            left[move.grant] = EXACT.subtract(left[move.grant], -move.size if back else move.size)
    return tuple(replace(row, remaining=left[row.grant.id]).balance for row in rows)


def _was_there(row: GrantRow, invoice: Invoice) -> bool:
    """Whether a grant that went on had done so before a document: it waits for those before it."""
    waited = row.grant.effective_at < row.recorded_at
    late = row.recorded_at > invoice.finalize_at or (
        waited and row.recorded_at == invoice.finalize_at
    )
    return row.grant.source != "rollover" or not late
