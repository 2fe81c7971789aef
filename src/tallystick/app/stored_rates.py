"""The tax rates of documents as they are stored, for lines that come to something else now."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from tallystick.core.invoice import Party
from tallystick.core.line_tax import taxes_of
from tallystick.core.tax_decision import Taxation, TaxDecision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallystick.core.tax import TaxRate
    from tallystick.core.tax_decision import TaxQuestion
    from tallystick.storage.invoice_lines import BilledLine

__all__ = ["StoredRates"]

_Rates: TypeAlias = "tuple[TaxRate, ...]"
_Place: TypeAlias = tuple[str, str]


class StoredRates:
    """The rates of one customer's documents, one after the other in the order of issue.

    A line is taxed as its document taxed that price, else as the document before did.  Where it
    had never asked for anything, nobody had decided: then the rules say, as they are now.
    """

    def __init__(self, rules: Callable[[], Taxation | None]) -> None:
        """Begin with none; `rules` are asked only where nothing is stored."""
        self._rules = rules
        self._before: dict[_Place, _Rates] = {}

    def taxation(self, lines: Sequence[BilledLine]) -> Taxation:
        """Give how a document with these stored lines is taxed."""
        here: dict[_Place, _Rates] = {}
        for line in sorted(lines, key=lambda line: line.kind == "credit"):  # as they were sold
            if line.amount.minor - line.discount.minor - line.credit.minor:
                place = (line.price, _plan(line))
                here.setdefault(place, tuple(tax.rate for tax in taxes_of(line)))
        self._before |= here
        known = dict(self._before)

        def decide(question: TaxQuestion) -> TaxDecision:
            places = [(line.price, line.plan) for line in question.lines]
            if all(place in known for place in places):
                return TaxDecision(rates=tuple(known[place] for place in places))
            now = self._decided(question)
            pairs = zip(places, now, strict=True)
            return TaxDecision(rates=tuple(known.get(place, rates) for place, rates in pairs))

        return Taxation(decide=decide, seller=Party(), buyer=Party())

    def _decided(self, question: TaxQuestion) -> tuple[_Rates, ...]:
        rules = self._rules()
        if rules is None:
            return ((),) * len(question.lines)
        return rules.decision(question.at, question.lines).rates


def _plan(line: BilledLine) -> str:
    return "" if line.offer is None else line.offer.rpartition("@")[0]
