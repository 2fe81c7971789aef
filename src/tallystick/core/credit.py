"""Credit grants: what a customer may pay with besides money, from when, until when, and for what.

A grant is an amount of money, or of units of a feature.  Grants burn in one order everywhere:
priority (the lower number first), expiry (never comes last), promotional before paid, the earlier
effective, the earlier made.  How they burn over time is in `core.credit_burn`, what they pay on an
invoice in `core.credit_lines`, how they move by hand in `core.credit_moves`, how a plan grants them
again and again in `core.credit_cadence`, and what goes on after a period in `core.credit_reset`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from tallystick.core.money import Money
from tallystick.core.number import bounded
from tallystick.core.period import instant
from tallystick.errors import InvalidInput, InvalidPeriod

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant
    from tallystick.core.rollover import Rollover

__all__ = [
    "DEFAULT_PRIORITY",
    "Amount",
    "Category",
    "CreditGrant",
    "CreditScope",
    "GrantSource",
    "Use",
    "Withdrawal",
    "burn_order",
    "currency_of",
    "size_of",
]

Amount: TypeAlias = Money | Decimal
"""Money, or so many units of a feature."""

Category: TypeAlias = Literal["promotional", "paid"]
"""Whether a grant was given away or bought."""

GrantSource: TypeAlias = Literal["manual", "plan", "top_up", "rollover", "transfer"]
"""Where a grant comes from: by hand, a plan's cadence, a purchase, a period before, a customer."""

DEFAULT_PRIORITY: Final = 50
"""The priority of a grant that names none; a lower number burns first."""

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def size_of(amount: Amount) -> Decimal:
    """Give an amount as a plain number: minor units of money, or the units themselves.

    Raises InvalidInput for what is neither, InvalidNumber for more digits than a quantity has.
    """
    if isinstance(amount, Money):
        return Decimal(amount.minor)
    if not isinstance(amount, Decimal):
        raise InvalidInput(f"an amount is Money or a Decimal, not {type(amount).__name__}")
    return bounded(amount)


def currency_of(amount: Amount) -> Currency | None:
    """Give the currency of money; None for units."""
    return amount.currency if isinstance(amount, Money) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What falls due at an instant: a line of an invoice, or units that were used."""

    id: str
    amount: Amount
    at: Instant
    meter: str | None = None
    price: str | None = None
    plan: str | None = None

    def __post_init__(self) -> None:
        """Bring the instant to UTC and hold the bounds of the amount."""
        object.__setattr__(self, "at", instant(self.at))
        size_of(self.amount)

    @property
    def size(self) -> Decimal:
        """The amount as a plain number: minor units, or units."""
        return size_of(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditScope:
    """What a grant may pay.  Each list that is not empty limits it, and all limits must hold."""

    meters: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()

    def covers(self, use: Use) -> bool:
        """Whether a grant of this scope may pay for a use."""
        pairs = ((self.meters, use.meter), (self.prices, use.price), (self.plans, use.plan))
        return all(not limit or name in limit for limit, name in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What was taken out of a grant: voided, or transferred to another customer.

    `size` is in minor units or units; None takes all that is left at that instant.
    """

    at: Instant
    size: Decimal | None = None
    kind: Literal["voided", "transferred"] = "voided"

    def __post_init__(self) -> None:
        """Refuse what would put something in, and a transfer of nobody knows how much."""
        object.__setattr__(self, "at", instant(self.at))
        if self.size is not None and bounded(self.size) <= 0:
            raise InvalidInput("a withdrawal takes more than nothing")
        if self.size is None and self.kind == "transferred":
            raise InvalidInput("a transfer says how much it takes")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditGrant:
    """An amount that a customer may pay with, from `effective_at` until just before `expires_at`.

    Units are of a `feature`; money has none.  `created` is the place in the order in which grants
    were made.  `withdrawals` are what was taken out of it by hand.  `rollover` says what of it goes
    on when it is reset; None is nothing.

    Raises InvalidInput (an amount below zero, an unknown category or source), InvalidPeriod (it
    would end before it begins).
    """

    id: str
    customer: str
    amount: Amount
    effective_at: Instant
    expires_at: Instant | None = None
    feature: str | None = None
    category: Category = "promotional"
    source: GrantSource = "manual"
    priority: int = DEFAULT_PRIORITY
    created: int = 0
    scope: CreditScope = field(default_factory=CreditScope)
    withdrawals: tuple[Withdrawal, ...] = ()
    rollover: Rollover | None = None

    def __post_init__(self) -> None:
        """Bring the instants to UTC and check what can be checked of one grant alone."""
        object.__setattr__(self, "effective_at", instant(self.effective_at))
        if self.expires_at is not None:
            object.__setattr__(self, "expires_at", instant(self.expires_at))
            if self.expires_at <= self.effective_at:
                raise InvalidPeriod(f"the grant {self.id!r} expires before it takes effect")
        if self.size < 0:
            raise InvalidInput(f"the grant {self.id!r} is of less than nothing")
        if isinstance(self.amount, Money) != (self.feature is None):
            text = "money has no feature, and units are of one"
            raise InvalidInput(f"the grant {self.id!r}: {text}")
        if self.category not in get_args(Category) or self.source not in get_args(GrantSource):
            raise InvalidInput(f"the grant {self.id!r} has an unknown category or source")
        if type(self.priority) is not int or type(self.created) is not int:
            raise InvalidInput(f"the grant {self.id!r} is ordered by whole numbers")

    @property
    def size(self) -> Decimal:
        """The amount as a plain number: minor units, or units."""
        return size_of(self.amount)

    def active_at(self, at: Instant) -> bool:
        """Whether it may pay what falls due at an instant: its start counts, its end does not."""
        at = instant(at)
        return self.effective_at <= at and (self.expires_at is None or at < self.expires_at)

    def worth(self, size: Decimal) -> Amount:
        """Give a plain number as an amount of this grant: Money, or units.

        Raises InvalidInput for a part of a minor unit.
        """
        if not isinstance(self.amount, Money):
            return size
        if size != size.to_integral_value():
            raise InvalidInput(f"the grant {self.id!r} is money: it has whole minor units")
        return Money(int(size), self.amount.currency)


def burn_order(grant: CreditGrant) -> tuple[int, Instant, bool, Instant, int, str]:
    """Give the key by which grants burn, the first first; the id settles what is left to settle."""
    return (
        grant.priority,
        grant.expires_at or _LATEST,
        grant.category != "promotional",
        grant.effective_at,
        grant.created,
        grant.id,
    )
