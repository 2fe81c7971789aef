"""What rating gives: a line, the components that add up to it, and the steps that led there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.number import EXACT, ZERO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.money import Money
    from tallystick.core.rating.usage import Measured

__all__ = ["Component", "Earlier", "RatedLine", "Step", "StepName", "component", "difference"]

_ONE: Final = Decimal(1)

StepName: TypeAlias = Literal[
    "floor",
    "mirror",
    "convert",
    "included",
    "granted",
    "minimum quantity",
    "defer",
    "price",
    "discount",
    "maximum",
    "minimum",
    "round",
    "earlier",
]
"""The steps of the reckoning, in the order in which they can occur."""


@dataclass(frozen=True, slots=True)
class Component:
    """One product inside a line: `quantity` x `unit` = `amount`, exact minor units.

    Where it counts `money`, the quantity is an amount in minor units and `unit` a plain factor.
    """

    name: str
    quantity: Decimal
    unit: Decimal
    amount: Decimal
    counts: Literal["units", "money"] = "units"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the reckoning as a value: what went in, what came out.

    Quantities before the step `price`, exact minor units from there on.  `how` says which of
    several ways the step went (the operation and rounding of a conversion, `percent` or `amount`
    of a discount).  The step `price` carries the components that its result is the sum of.
    """

    name: StepName
    inputs: tuple[Decimal, ...]
    result: Decimal
    components: tuple[Component, ...] = ()
    how: str = ""


@dataclass(frozen=True, slots=True)
class RatedLine:
    """What a price asks for what was measured, with the sum that a person can redo.

    `exact` is the unrounded figure in minor units, to which the components add up; `amount` is
    what is billed.  For a slice of a period, quantities, components and `exact` are those of the
    slice, and the steps show the reckoning to date.
    """

    price_id: str
    name: str
    currency: Currency
    measured: Decimal
    billed: Decimal
    components: tuple[Component, ...]
    exact: Decimal
    amount: Money
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier slices of the period did: what had been measured by then, and was billed.

    A measured quantity of zero still means that there was a slice, and that a flat fee due at
    zero units was billed in it.  `granted` units had been paid by grants.
    """

    measured: Measured
    billed: Money
    granted: Decimal = ZERO


def component(name: str, quantity: Decimal, unit: Decimal) -> Component:
    """Multiply a quantity by its unit price, exactly."""
    return Component(name, quantity, unit, EXACT.multiply(quantity, unit))


def difference(to_date: Sequence[Component], before: Sequence[Component]) -> tuple[Component, ...]:
    """Give what the components to date are more than those before; what is equal is left out.

    Components are matched by name.  Where the unit price is another one than before, the
    difference is written as one unit of its amount.
    """
    left = {part.name: part for part in before}
    parts = [_less(part, left.pop(part.name, None)) for part in to_date]
    parts += [_less(_none_of(part), part) for part in left.values()]
    return tuple(part for part in parts if part.quantity or part.amount)


def _less(part: Component, before: Component | None) -> Component:
    if before is None:
        return part
    amount = EXACT.subtract(part.amount, before.amount)
    if part.unit == before.unit:
        quantity = EXACT.subtract(part.quantity, before.quantity)
        return Component(part.name, quantity, part.unit, amount, part.counts)
    return Component(part.name, _ONE if amount else ZERO, amount, amount)


def _none_of(part: Component) -> Component:
    return Component(part.name, ZERO, part.unit, ZERO, part.counts)
