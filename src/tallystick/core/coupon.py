"""Coupons: the offer of a reduction, to whom it is open and for how long it acts.

What a coupon takes off lines is the business of `core.discount`, for which invoices it acts that of
`core.redemption`, and who may redeem it that of `core.qualification`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.number import RATE_DECIMALS, bounded
from tallystick.core.period import instant
from tallystick.core.price import PercentOff
from tallystick.errors import CurrencyMismatch, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant

__all__ = ["LONGEST_CODE", "MOST_MONTHS", "Code", "Coupon", "Duration", "code_key"]

Duration: TypeAlias = Literal["once", "repeating", "forever"]
"""Whether a coupon acts on one invoice, for a number of calendar months, or without an end."""

MOST_MONTHS: Final = 1_200
"""The longest a coupon repeats, a hundred years: what is longer is meant for ever."""

LONGEST_CODE: Final = 100
"""The most characters of a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A word by which a coupon is redeemed, with limits of its own beside the coupon's.

    `code` is as it was written; `key` is what codes are compared by.  The window is
    `[starts_at, ends_at)`.

    Raises InvalidInput.
    """

    code: str
    max_redemptions: int | None = None
    max_redemptions_per_customer: int | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the key and hold the limits."""
        object.__setattr__(self, "key", code_key(self.code))
        _check_limits(self)
        _check_window(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A percentage or a fixed amount off, with everything that limits it.

    A fixed amount is given in each currency it may be taken in.  `plans`, `products`, `prices`,
    `meters` and `currencies` limit it, empty is no limit.  It can be redeemed in
    `[starts_at, ends_at)`; how long it acts afterwards says `duration`, with `months` where it
    repeats.  `minimum` is what a purchase comes to at least before discounts, in each currency.
    It is redeemed by one of its `codes`, or by itself where a plan names its id or it is
    `automatic`.  An inactive coupon is redeemed no more; where it is redeemed it goes on.

    Raises InvalidInput for a coupon that would make a thing dearer or that contradicts itself.
    """

    id: str
    off: PercentOff | tuple[Money, ...]
    name: str = ""
    duration: Duration = "once"
    months: int | None = None
    plans: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()
    currencies: frozenset[Currency] = frozenset()
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    first_purchase: bool = False
    minimum: tuple[Money, ...] = ()
    max_redemptions: int | None = None
    max_redemptions_per_customer: int | None = None
    codes: tuple[Code, ...] = ()
    automatic: bool = False
    active: bool = True
    metadata: Mapping[str, str] = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        """Check what contradicts itself, and bring amounts into one order."""
        _check_off(self)
        _check_duration(self)
        _check_limits(self)
        _check_window(self)
        for name in ("off", "minimum"):
            amounts = getattr(self, name)
            if isinstance(amounts, tuple):
                object.__setattr__(self, name, _by_currency(amounts, self.id))
        object.__setattr__(self, "metadata", FrozenDict(self.metadata))

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)

    @property
    def recurring(self) -> bool:
        """Whether it may act on more than one invoice."""
        return self.duration != "once"

    @property
    def shared_by_time(self) -> bool:
        """Whether it takes off an amount for each period, so a share of it for a part of one."""
        return self.recurring and not isinstance(self.off, PercentOff)

    def takes(self, currency: Currency) -> bool:
        """Whether it can be used in a currency: it has its amounts in it and no list forbids it."""
        lists = [self.minimum] if self.minimum else []
        lists += [self.off] if isinstance(self.off, tuple) else []
        amounts = ({each.currency for each in amounts} for amounts in lists)
        open_to = chain([self.currencies] if self.currencies else [], amounts)
        return all(currency in currencies for currencies in open_to)

    def off_in(self, currency: Currency) -> PercentOff | Money:
        """Give what it takes off in a currency.  Raises CurrencyMismatch where it takes nothing."""
        if not self.takes(currency):
            raise CurrencyMismatch(f"the coupon {self.id!r} is not for {currency}")
        if isinstance(self.off, PercentOff):
            return self.off
        return next(each for each in self.off if each.currency == currency)

    def minimum_in(self, currency: Currency) -> Money:
        """Give what a purchase comes to at least; nothing where there is no minimum."""
        same = (each for each in self.minimum if each.currency == currency)
        return next(same, Money.zero(currency))


def code_key(text: str) -> str:
    """Give what codes are compared by: their text in NFKC, case-folded, without outer blanks.

    `WELCOME10`, ` welcome10 ` and the same in full-width letters are one code.

    Raises InvalidInput for what is no text, for an empty one and one of over 100 characters.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"a code is a text, not {type(text).__name__}")
    if len(text) > LONGEST_CODE:
        raise InvalidInput(f"a code of more than {LONGEST_CODE} characters is none")
    key = unicodedata.normalize("NFD", str.__str__(text))
    for _ in range(2):  # folding a letter may compose another one: Unicode 3.13, D146
        key = unicodedata.normalize("NFKC", key.casefold())
    key = key.strip()
    if not 1 <= len(key) <= LONGEST_CODE or not key.isprintable():
        raise InvalidInput("a code is a text of printable characters, not blanks alone")
    return key


def _check_off(coupon: Coupon) -> None:
    if isinstance(coupon.off, PercentOff):
        if bounded(coupon.off.percent, decimals=RATE_DECIMALS) < 0:
            raise InvalidInput(f"the coupon {coupon.id!r} takes less than nothing off")
        return
    fixed = isinstance(coupon.off, tuple) and all(isinstance(each, Money) for each in coupon.off)
    if not fixed or not coupon.off:
        raise InvalidInput("a coupon takes a PercentOff off, or Money in each of its currencies")
    if coupon.currencies:
        raise InvalidInput(f"the amounts of the coupon {coupon.id!r} say its currencies already")


def _by_currency(amounts: tuple[Money, ...], id: str) -> tuple[Money, ...]:  # noqa: A002 - the field's word
    if any(each.minor < 0 for each in amounts):
        raise InvalidInput(f"the coupon {id!r} has an amount below zero")
    if len({each.currency for each in amounts}) < len(amounts):
        raise InvalidInput(f"the coupon {id!r} has two amounts in one currency")
    return tuple(sorted(amounts, key=lambda each: each.currency.code))


def _check_duration(coupon: Coupon) -> None:
    if coupon.duration not in get_args(Duration):
        raise InvalidInput(f"a duration is once, repeating or forever, not {coupon.duration!r}")
    if (coupon.duration == "repeating") != (coupon.months is not None):
        raise InvalidInput(f"the coupon {coupon.id!r} has months just where it is repeating")
    if coupon.months is not None:
        _check_count(coupon.months, "months")
        if coupon.months > MOST_MONTHS:
            raise InvalidInput(f"a coupon repeats for at most {MOST_MONTHS:,} months")


def _check_limits(limited: Coupon | Code) -> None:
    for name in ("max_redemptions", "max_redemptions_per_customer"):
        most = getattr(limited, name)
        if most is not None:
            _check_count(most, name)


def _check_count(count: int, name: str) -> None:
    if type(count) is not int or count < 1:  # bool is an int, and no count
        raise InvalidInput(f"{name} is a whole number from 1")


def _check_window(limited: Coupon | Code) -> None:
    for name in ("starts_at", "ends_at"):
        at = getattr(limited, name)
        if at is not None:
            object.__setattr__(limited, name, instant(at))
    start, end = limited.starts_at, limited.ends_at
    if start is not None and end is not None and start >= end:
        raise InvalidInput("a coupon ends after it starts")
