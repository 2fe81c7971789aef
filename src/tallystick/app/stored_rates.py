"""The tax rates of documents as they are stored, for lines that come to something else now."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from tallystick.core.invoice import Party
from tallystick.core.line_tax import taxes_of
from tallystick.core.tax_decision import Taxation, TaxDecision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.tax import TaxRate
    from tallystick.core.tax_decision import SoldLine, TaxQuestion
    from tallystick.storage.invoice_lines import BilledLine

__all__ = ["StoredRates"]

_Rates: TypeAlias = "tuple[TaxRate, ...]"
_Place: TypeAlias = tuple[str, str]


class StoredRates:
    """The rates of one customer's documents, one after the other in the order of issue.

    A line is taxed as its document taxed that price.  Where it had asked for nothing, nobody had
    decided: then as the document before did, else as all else on the document.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._before: dict[_Place, _Rates] = {}
        self._last: _Rates | None = None

    def taxation(self, lines: Sequence[BilledLine]) -> Taxation:
        """Give how a document with these stored lines is taxed."""
        ordered = sorted(lines, key=lambda line: line.kind == "credit")  # those as they were sold
        here: dict[_Place, _Rates] = {}
        for line in ordered:
            if line.amount.minor - line.discount.minor - line.credit.minor:
                rates = tuple(tax.rate for tax in taxes_of(line))
                here.setdefault((line.price, _plan(line)), rates)
        common = set(here.values())
        self._before |= here
        if len(common) == 1:
            (self._last,) = common
        known, last = dict(self._before), self._last

        def decide(question: TaxQuestion) -> TaxDecision:
            return TaxDecision(rates=tuple(_rates(line, known, last) for line in question.lines))

        return Taxation(decide=decide, seller=Party(), buyer=Party())


def _plan(line: BilledLine) -> str:
    return "" if line.offer is None else line.offer.rpartition("@")[0]


def _rates(line: SoldLine, known: Mapping[_Place, _Rates], last: _Rates | None) -> _Rates:
    found = known.get((line.price, line.plan), last)
    return () if found is None else found
