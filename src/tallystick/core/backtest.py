"""What another catalogue would have asked for: each customer's difference, and what they come to.

All figures are minor units of one currency; currencies are never added up.  A winner is a customer
who would have paid less, a loser one who would have paid more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from tallystick.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant

__all__ = ["Backtest", "Bin", "CustomerDifference", "NotCompared", "Summary", "summary_of"]

PERCENTS: Final = (0, 5, 25, 50, 75, 95, 100)
"""The quantiles that a summary tells."""

_MOST_BINS: Final = 24
_STEPS: Final = (1, 2, 5)
_OUT: Final = 2  # percent of the customers at each end that may lie far out


@dataclass(frozen=True, slots=True)
class CustomerDifference:
    """What a customer was asked for in one currency, and what it would have been.

    `documents` counts invoices and credit notes that stand, those that came to nothing among them.
    """

    customer: str
    currency: Currency
    documents: int
    issued: Money
    repriced: Money

    @property
    def difference(self) -> Money:
        """What would have been asked for beyond what was; below zero the customer pays less."""
        return self.repriced - self.issued


@dataclass(frozen=True, slots=True)
class NotCompared:
    """What no figure was made up for: of which plan version and charge, why, and how much it is.

    `lines` of `amount` in all count as they were issued, on both sides.
    """

    plan: str
    charge: str
    why: str
    lines: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Bin:
    """So many customers whose difference is at least `low` and below `high`, minor units.

    The first has no low, the last no high, where others lie far out.  Nobody without a difference
    is in it.
    """

    low: int | None
    high: int | None
    customers: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What all customers of one currency come to.

    `quantiles` are the differences that so many percent of the customers do not exceed.  `won` is
    what winners would have paid less, `lost` what losers would have paid more, both above zero.
    """

    currency: Currency
    customers: int
    documents: int
    issued: Money
    repriced: Money
    winners: int
    losers: int
    won: Money
    lost: Money
    quantiles: tuple[tuple[int, Money], ...]
    bins: tuple[Bin, ...]

    @property
    def difference(self) -> Money:
        """What would have been asked for beyond what was."""
        return self.repriced - self.issued

    @property
    def unchanged(self) -> int:
        """How many customers would have paid the same."""
        return self.customers - self.winners - self.losers


@dataclass(frozen=True, slots=True)
class Backtest:
    """A catalogue over the documents issued in `[since, until)`.

    `customers` are in the order of their ids, one for each currency a customer was billed in.
    `added` names charges of the new catalogue that no document has a line for: their figures are
    not in here.
    """

    since: Instant
    until: Instant
    customers: tuple[CustomerDifference, ...]
    not_compared: tuple[NotCompared, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def documents(self) -> int:
        """How many documents were looked at."""
        return sum(each.documents for each in self.customers)

    def summaries(self) -> tuple[Summary, ...]:
        """Sum up each currency by itself, in the order of their codes."""
        ordered = sorted(self.customers, key=_code)
        return tuple(summary_of(tuple(some)) for _, some in groupby(ordered, key=_code))

    def winners(self, most: int = 10) -> tuple[CustomerDifference, ...]:
        """Give who would have paid less, the furthest first, at most so many of each currency."""
        return self._furthest(most, sign=-1)

    def losers(self, most: int = 10) -> tuple[CustomerDifference, ...]:
        """Give who would have paid more, the furthest first, at most so many of each currency."""
        return self._furthest(most, sign=1)

    def _furthest(self, most: int, *, sign: int) -> tuple[CustomerDifference, ...]:
        found = [each for each in self.customers if each.difference.minor * sign > 0]
        found.sort(key=lambda each: (_code(each), -sign * each.difference.minor, each.customer))
        return tuple(
            each for _, some in groupby(found, key=_code) for each in tuple(some)[: max(most, 0)]
        )


def _code(each: CustomerDifference) -> str:
    return each.currency.code


def summary_of(customers: Sequence[CustomerDifference]) -> Summary:
    """Sum up customers of one currency, of whom there is at least one.

    Raises CurrencyMismatch.
    """
    unit = customers[0].currency
    differences = sorted(each.difference.minor for each in customers)
    return Summary(
        currency=unit,
        customers=len(customers),
        documents=sum(each.documents for each in customers),
        issued=Money.total((each.issued for each in customers), unit),
        repriced=Money.total((each.repriced for each in customers), unit),
        winners=sum(minor < 0 for minor in differences),
        losers=sum(minor > 0 for minor in differences),
        won=Money(-sum(minor for minor in differences if minor < 0), unit),
        lost=Money(sum(minor for minor in differences if minor > 0), unit),
        quantiles=tuple((p, Money(_quantile(differences, p), unit)) for p in PERCENTS),
        bins=_bins([minor for minor in differences if minor]),
    )


def _quantile(ordered: Sequence[int], percent: int) -> int:
    """Give the nearest rank: the smallest that so many percent do not exceed."""
    return ordered[max(-(-percent * len(ordered) // 100), 1) - 1]


def _bins(ordered: Sequence[int]) -> tuple[Bin, ...]:
    """Count differences in steps of 1, 2 or 5 and zeros; what lies far out is at the ends."""
    if not ordered:
        return ()
    low, high = min(_quantile(ordered, _OUT), 0), max(_quantile(ordered, 100 - _OUT), 0)
    width = _width(low, high)
    first, last = low // width, _last(high, width)
    counts = Counter(min(max(minor // width, first), last) for minor in ordered)
    below, above = ordered[0] < first * width, ordered[-1] >= (last + 1) * width
    return tuple(
        Bin(
            None if place == first and below else place * width,
            None if place == last and above else (place + 1) * width,
            counts[place],
        )
        for place in range(first, last + 1)
    )


def _last(high: int, width: int) -> int:
    """Give the place of the bin that the highest is in; nobody is at nothing itself."""
    return high // width if high else -1


def _width(low: int, high: int) -> int:
    """Give the smallest round step in which so many bins hold all between."""
    size = 1
    while True:
        for step in _STEPS:
            width = step * size
            if _last(high, width) - low // width < _MOST_BINS:
                return width
        size *= 10
