"""What a tax engine is asked, and what it answers: which rates each line of a document is taxed at.

An engine never gives an amount: what its rates take is reckoned in `core.line_tax`, the same for
every engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.tax import TaxRate
from tallystick.errors import TaxUndecided

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.invoice import Party
    from tallystick.core.money import Money
    from tallystick.core.period import Instant

__all__ = ["SoldLine", "TaxDecision", "TaxQuestion", "Taxation"]

_MOST_RATES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """A line that is to be taxed: its amount after discounts and promotional credits, and of what.

    `price`, `plan` and `product` are ids of the catalogue; a one-off item has none.
    """

    amount: Money
    price: str = ""
    plan: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxQuestion:
    """A document that is to be taxed: who sells to whom, when it is issued, and its lines."""

    seller: Party
    buyer: Party
    at: Instant
    lines: tuple[SoldLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxDecision:
    """The rates of each line, in the order of the lines, and why.

    `engine` is who decided, `rules` the digest of the rules it went by; `reasons` are sentences.
    """

    rates: tuple[tuple[TaxRate, ...], ...]
    reasons: tuple[str, ...] = ()
    rules: str = ""
    engine: str = "rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxation:
    """How a document is taxed: who is asked for the rates, who sells, who buys."""

    decide: Callable[[TaxQuestion], TaxDecision]
    seller: Party
    buyer: Party

    def decision(self, at: Instant, lines: tuple[SoldLine, ...]) -> TaxDecision:
        """Ask for the rates of a document, and check the answer.

        Raises TaxUndecided, also where an engine answers what cannot be reckoned with.
        """
        question = TaxQuestion(seller=self.seller, buyer=self.buyer, at=at, lines=lines)
        found = self.decide(question)
        if len(found.rates) != len(lines):
            raise TaxUndecided(
                f"the tax engine {found.engine!r} gave rates for {len(found.rates)} lines"
                f" of {len(lines)}"
            )
        for rates in found.rates:
            if not all(isinstance(rate, TaxRate) for rate in rates):
                raise TaxUndecided(f"the tax engine {found.engine!r} gave what is no TaxRate")
            if len(set(rates)) < len(rates) or len(rates) > _MOST_RATES:
                raise TaxUndecided(
                    f"the tax engine {found.engine!r} gave a line one rate twice, or more than"
                    f" {_MOST_RATES}"
                )
        return found
