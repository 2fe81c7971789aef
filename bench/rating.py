"""Rating a five-tier graduated line with Decimal, against the same line built with integers.

The baseline is what a program with a fixed scale would do: quantities and rates as plain integers,
the tier found with `bisect`, the costs of full tiers added up beforehand.  It builds the same
objects (components, steps, money, the line), so what is compared is the arithmetic and the checks.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, cast

from bench.measure import compare
from tallystick.core.currency import CODES
from tallystick.core.money import Money
from tallystick.core.price import Graduated, Price, Tier
from tallystick.core.rating import Component, Quantity, RatedLine, Step, rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measure import Result

__all__ = ["run"]

USD: Final = CODES["USD"]
BOUNDS: Final = (1_000, 10_000, 100_000, 1_000_000)
UNITS: Final = ("10", "5", "2.5", "1.25", "0.5")
SCALE: Final = 100
"""Rates in hundredths of a minor unit: the finest rate of the price has two decimals."""

QUANTITIES: Final = (500, 1_000, 5_500, 54_321, 999_999, 2_750_000, 12_345_678)

PRICE: Final = Price(
    id="calls",
    name="Calls",
    currency=USD,
    shape=Graduated(
        tuple(
            Tier(None if bound is None else Decimal(bound), Decimal(unit))
            for bound, unit in zip((*BOUNDS, None), UNITS, strict=True)
        )
    ),
)


def run() -> list[Result]:
    """Compare whole lines over seven quantities that end in each of the five tiers."""
    ours, baseline = rate_with_decimal, with_integers()
    for quantity in QUANTITIES:
        assert ours(quantity) == baseline(quantity)
    return [
        compare(
            "rating a five-tier line: Decimal / integers, bisect",
            lambda: [ours(quantity) for quantity in QUANTITIES],
            lambda: [baseline(quantity) for quantity in QUANTITIES],
            goal=2.0,
        )
    ]


def rate_with_decimal(quantity: int) -> RatedLine:
    """Rate as the engine does, from the quantity as it comes."""
    return rate(PRICE, Quantity(Decimal(quantity)))


def with_integers() -> Callable[[int], RatedLine]:
    """Give a function that builds the same line with plain integers.

    Its figures stand where the engine has Decimals; they are equal as numbers.
    """
    rates = [int(Decimal(unit) * SCALE) for unit in UNITS]
    shown = [Decimal(unit) for unit in UNITS]
    names = [f"tier {number} units" for number in range(1, len(UNITS) + 1)]
    lower = (0, *BOUNDS)
    widths = [upper - start for start, upper in pairwise(lower)]
    full = [0, *accumulate(width * unit for width, unit in zip(widths, rates, strict=False))]

    def build(quantity: int) -> RatedLine:
        tier = bisect_left(BOUNDS, quantity)
        parts = [
            Component(names[i], _d(widths[i]), shown[i], _d(widths[i] * rates[i] // SCALE))
            for i in range(tier)
        ]
        rest = quantity - lower[tier]
        amount = rest * rates[tier]
        parts.append(Component(names[tier], _d(rest), shown[tier], _scaled(amount)))
        exact = full[tier] + amount
        minor = (2 * exact + SCALE) // (2 * SCALE)
        components = tuple(parts)
        steps = (
            Step("price", (_d(quantity),), _scaled(exact), components),
            Step("round", (_scaled(exact),), _d(minor)),
        )
        return RatedLine(
            PRICE.id,
            PRICE.name,
            USD,
            _d(quantity),
            _d(quantity),
            components,
            _scaled(exact),
            Money(minor, USD),
            steps,
        )

    return build


def _d(figure: int) -> Decimal:
    """Let an integer stand where the line has a Decimal."""
    return cast("Decimal", figure)


def _scaled(figure: int) -> Decimal:
    """The same for a scaled figure: whole ones stay integers, the rest becomes a Decimal."""
    whole, rest = divmod(figure, SCALE)
    return _d(whole) if not rest else Decimal(figure).scaleb(-2)
