"""The shape of a charge: what a quantity turns into, before anything is measured.

A `Price` is a shape plus the modifiers around it.  What is counted (nothing, seats, usage) is its
`basis`; how the count becomes money is its `shape`.  All amounts and rates in here are exact
decimals in **minor units**; nothing in here is rounded.

Shapes: `Flat`, `PerUnit`, `Graduated`, `Volume`, `Package`, `Percentage`, `Dynamic`.  A price per
seat is a unit or tiered shape on the basis `seats`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from tallystick.core.number import ZERO

if TYPE_CHECKING:
    from tallystick.core.catalog import Interval
    from tallystick.core.currency import Currency

__all__ = [
    "Basis",
    "Conversion",
    "Dynamic",
    "FixedOff",
    "Flat",
    "Graduated",
    "Package",
    "PerUnit",
    "PercentOff",
    "Percentage",
    "Price",
    "PriceDiscount",
    "PriceIn",
    "Shape",
    "Tier",
    "Volume",
]

Basis: TypeAlias = Literal["flat", "seats", "usage"]
"""What is counted: nothing (a fee for the period), seats bought, or usage measured."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a tiered price, by its upper bound only: a gap cannot be written.

    `up_to` is inclusive, None is unbounded.  `unit` is minor units per unit, `flat` minor units
    for reaching the tier at all.
    """

    up_to: Decimal | None
    unit: Decimal = ZERO
    flat: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Flat:
    """A fee for the period, whatever is used."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Each unit costs the same."""

    unit: Decimal


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each unit is priced by the tier it falls in; the flat fee of each tier reached is added.

    The first tier counts as reached at zero units.  A graduated percentage is this shape over a
    quantity of money (`of_money`), with the percentage as the unit price of one major unit; of no
    money at all it takes nothing, so there the first tier is reached by the first unit.
    """

    tiers: tuple[Tier, ...]
    of_money: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """All units are priced by the one tier that the whole quantity falls in, plus its flat fee."""

    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """Units are sold in packages of `size`; a part package counts whole (`up`) or not (`down`)."""

    size: Decimal
    amount: Decimal
    rounding: Literal["up", "down"] = "up"


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share of each transaction's amount plus a fixed fee for it.

    `percent` is of the amount (1.3 is 1.3 %), `fixed`, `minimum` and `maximum` are minor units for
    each transaction, and the bounds include the fixed fee.  `free_transactions` and `free_volume`
    (minor units) end together at whichever comes first; zero or None is no such allowance.
    """

    percent: Decimal
    fixed: Decimal = ZERO
    free_transactions: int | None = None
    free_volume: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The price comes with each event; it is multiplied by `multiplier`."""

    multiplier: Decimal = Decimal(1)


Shape: TypeAlias = Flat | PerUnit | Graduated | Volume | Package | Percentage | Dynamic
"""How a count becomes money."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """From what is metered to what is billed: bytes to gigabytes, seconds to minutes.

    The quantity is multiplied or divided by `factor`, then rounded to a multiple of `to` in the
    direction `rounding`; `none` keeps it (a quotient without end is kept to 12 decimals, half
    away from zero).
    """

    operation: Literal["multiply", "divide"] = "multiply"
    factor: Decimal = Decimal(1)
    rounding: Literal["none", "ceiling", "floor", "half_up"] = "none"
    to: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class PercentOff:
    """A price's own discount: `percent` of the exact amount, 0 to 100."""

    percent: Decimal


@dataclass(frozen=True, slots=True)
class FixedOff:
    """A price's own discount: `amount` minor units, never more than there is."""

    amount: Decimal


PriceDiscount: TypeAlias = PercentOff | FixedOff
"""A price's own discount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIn:
    """What a price charges in another currency: all of it that is money, in minor units of it.

    `provider_id` is what the provider calls it there, from the lock of an environment.
    """

    currency: Currency
    shape: Shape
    discount: PriceDiscount | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    provider_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A charge of a plan: an identity, what is counted, the shape, and the modifiers around it.

    `included` units are free and leave before the shape sees the rest; at least
    `minimum_quantity` units are charged; `minimum` and `maximum` are minor units for a period.
    `allow_negative` prices a negative quantity as the mirror of the positive one; without it a
    negative quantity counts as zero.

    `interval` is its own cadence where it is not the plan's: a yearly plan with monthly usage;
    `interval_count` None is 1.  `group_by` names properties of its meter: each group of them is a
    line of its own, rated by itself.  `currencies` is what it charges in each other currency, in
    the order of their codes; `core.sold_in` gives the price in one of them.
    """

    id: str
    currency: Currency
    shape: Shape
    basis: Basis = "usage"
    name: str = ""
    description: str = ""
    unit: str = ""
    meter: str | None = None
    convert: Conversion | None = None
    included: Decimal = ZERO
    minimum_quantity: Decimal = ZERO
    discount: PriceDiscount | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    allow_negative: bool = False
    provider_id: str | None = None
    interval: Interval | None = None
    interval_count: int | None = None
    group_by: tuple[str, ...] = ()
    currencies: tuple[PriceIn, ...] = ()
