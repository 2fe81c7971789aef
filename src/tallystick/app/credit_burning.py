"""What credit grants pay of documents: read before a batch, written with it, undone by a void."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.core.credit import currency_of
from tallystick.core.number import EXACT, ZERO
from tallystick.storage import credits as shelf
from tallystick.storage.credits import CreditMove

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from decimal import Decimal

    from tallystick.core.credit import CreditGrant
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.currency import Currency
    from tallystick.core.invoice import CreditBurn, Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.credits import GrantRow
    from tallystick.storage.unit import Unit

__all__ = ["burn_grants", "grants_before", "grants_left", "own_burns", "pays_in", "restore_grants"]


def grants_left(
    unit: Unit, customers: Collection[str], *, lock: bool = False
) -> dict[str, list[GrantRow]]:
    """Give the grants of customers, of money and of units, of which something is left."""
    found: dict[str, list[GrantRow]] = defaultdict(list)
    for row in shelf.grants_of(unit, customers, lock=lock):
        found[row.grant.customer].append(row)
    return found


def pays_in(grant: CreditGrant, currency: Currency) -> bool:
    """Whether a grant can pay documents in a currency: units can, in each."""
    return currency_of(grant.amount) in {None, currency}


def own_burns(invoice: Invoice) -> tuple[CreditBurn, ...]:
    """Give what grants of a document's own customer paid: units of a section are the section's."""
    return tuple(each for each in invoice.burns if not (invoice.sections and each.units))


def burn_grants(unit: Unit, invoices: Sequence[Invoice]) -> None:
    """Write down what grants paid of documents that are being issued, and of their sections."""
    moves = []
    for invoice in invoices:
        by_grant: dict[str, Decimal] = {}
        for burn in own_burns(invoice):
            by_grant[burn.grant] = EXACT.add(by_grant.get(burn.grant, ZERO), burn.size)
        moves += [
            CreditMove(
                customer=invoice.customer,
                grant=grant,
                kind="burned",
                size=size,
                at=invoice.at,
                cause=f"invoice/{invoice.id}",
                invoice=invoice.id,
            )
            for grant, size in by_grant.items()
        ]
    shelf.move_grants(unit, moves)


def restore_grants(unit: Unit, invoice: Invoice, at: Instant) -> None:
    """Give back what grants paid of a document that is void now; what has ended will expire."""
    with unit.for_all():
        parts = [(invoice.customer, invoice.id)]
        parts += [(each.customer, each.id) for each in invoice.sections]
        burned = [
            move
            for customer, id_ in parts
            for move in shelf.moves_of(unit, customer, invoice=id_)
            if move.kind == "burned"
        ]
        back = [replace(each, kind="restored", at=at, number=0) for each in burned]
        shelf.move_grants(unit, back)


def grants_before(
    unit: Unit, invoice: Invoice, counted: Callable[[CreditMove], bool]
) -> tuple[GrantBalance, ...]:
    """Give the grants that could pay a document as they stood before it.

    `counted` tells of what another document burned or a person did whether it came before.  A grant
    that was made after the document could be issued, and paid nothing of it, was not there.
    """
    moved = shelf.moves_of(unit, invoice.customer)
    paid = {each.grant for each in invoice.burns}
    paid |= {each.grant for each in _moved_by(invoice, moved)}
    rows = tuple(
        row
        for row in shelf.grants_of(unit, [invoice.customer], spent=True)
        if pays_in(row.grant, invoice.currency) and _was_there(row, invoice, paid)
    )
    if not rows:
        return ()
    left = {row.grant.id: row.grant.size for row in rows}
    moves = [each for each in moved if each.grant in left]
    own = {each.grant: each.number for each in _moved_by(invoice, moves)}
    for move in moves:
        before = move.number < own[move.grant] if move.grant in own else counted(move)
        if before and move.invoice != invoice.id:
            back = move.kind == "restored"
            left[move.grant] = EXACT.subtract(left[move.grant], -move.size if back else move.size)
    return tuple(replace(row, remaining=left[row.grant.id]).balance for row in rows)


def _moved_by(invoice: Invoice, moves: Sequence[CreditMove]) -> list[CreditMove]:
    return [each for each in moves if each.invoice == invoice.id and each.kind == "burned"]


def _was_there(row: GrantRow, invoice: Invoice, paid: Collection[str]) -> bool:
    """Whether a grant was there for a document: one that paid of it was, whatever was written when.

    One that went on from another waits for the documents before it.
    """
    if row.grant.id in paid or row.recorded_at < invoice.finalize_at:
        return True
    waited = row.grant.source == "rollover" and row.grant.effective_at < row.recorded_at
    return row.recorded_at == invoice.finalize_at and not waited
