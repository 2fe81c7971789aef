"""Promotional credits as documents reckoned again on trial use them up.

What documents burned is worked out anew.  What a person voided or transferred stays as it was, as
far as that is left; whoever voided all there was voids all there is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.app.credit_burning import pays_in
from tallystick.app.standing import stood
from tallystick.core.number import EXACT, ZERO, exact_sum

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.invoice import Invoice
    from tallystick.storage.credits import CreditMove, GrantRow
    from tallystick.storage.invoice_rows import Document

__all__ = ["StoredGrants"]

_TAKEN: Final = frozenset({"voided", "transferred"})


class StoredGrants:
    """The promotional credits in money of one customer, document by document as issued."""

    def __init__(self, rows: Sequence[GrantRow], moves: Sequence[CreditMove]) -> None:
        """Begin with grants of which nothing was used; `moves` is all that happened to them."""
        self._rows = [
            row for row in rows if row.grant.category == "promotional" and row.grant.feature is None
        ]
        self._moves: dict[str, list[CreditMove]] = defaultdict(list)
        for move in moves:
            self._moves[move.grant].append(move)
        self._emptied = {
            key for row in self._rows for key in _emptied(row, self._moves[row.grant.id])
        }
        self._there: set[str] = set()
        self._burned: dict[str, list[tuple[Document, Decimal]]] = defaultdict(list)
        self._taken: dict[str, dict[int, Decimal]] = defaultdict(dict)

    def before(self, document: Document, known: Collection[str]) -> tuple[GrantBalance, ...]:
        """Give the grants as they stand before a document; `known` is what stood in the books.

        One that was recorded only after the document could be issued counts where that document,
        or one before it, was paid by it.
        """
        invoice = document.invoice
        return tuple(
            replace(row, remaining=self._left(row, document, known)).balance
            for row in self._rows
            if pays_in(row.grant, invoice.currency)
            and (
                row.recorded_at < invoice.finalize_at
                or row.grant.id in self._there
                or self._own(row.grant.id, invoice)
            )
        )

    def note(self, document: Document, made: Invoice) -> None:
        """Note what a document burns now."""
        for burn in made.burns:
            self._burned[burn.grant].append((document, Decimal(burn.amount.minor)))
        self._note_there(document)

    def note_kept(self, document: Document) -> None:
        """Note what a document burned that stays as it was."""
        for row in self._rows:
            for move in self._own(row.grant.id, document.invoice):
                self._burned[row.grant.id].append((document, move.size))
        self._note_there(document)

    def _note_there(self, document: Document) -> None:
        ids = (row.grant.id for row in self._rows)
        self._there |= {id_ for id_ in ids if self._own(id_, document.invoice)}

    def _own(self, grant: str, invoice: Invoice) -> list[CreditMove]:
        moves = self._moves[grant]
        return [each for each in moves if each.kind == "burned" and each.invoice == invoice.id]

    def _left(self, row: GrantRow, document: Document, known: Collection[str]) -> Decimal:
        """Give what is left of a grant before a document."""
        id_ = row.grant.id
        burned = (size for other, size in self._burned[id_] if stood(other, known))
        taken = self._taken[id_]
        left = EXACT.subtract(row.grant.size, exact_sum(ZERO, *burned, *taken.values()))
        for move in self._taken_before(id_, document.invoice):
            if move.number not in taken:
                whole = (id_, move.number) in self._emptied
                taken[move.number] = left if whole else min(move.size, left)
                left = EXACT.subtract(left, taken[move.number])
        return left

    def _taken_before(self, grant: str, invoice: Invoice) -> Iterator[CreditMove]:
        """Give what a person took of a grant before a document was issued."""
        own = [each.number for each in self._own(grant, invoice)]
        for move in self._moves[grant]:
            earlier = move.number < min(own) if own else move.at <= invoice.finalize_at
            if move.kind in _TAKEN and earlier:
                yield move


def _emptied(row: GrantRow, moves: Iterable[CreditMove]) -> Iterator[tuple[str, int]]:
    """Give the moves after which nothing was left of a grant."""
    left = row.grant.size
    for move in moves:
        left = EXACT.subtract(left, -move.size if move.kind == "restored" else move.size)
        if not left:
            yield row.grant.id, move.number
