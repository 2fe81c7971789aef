"""The dialect of the tests of credits: grants, uses and times in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.credit import CreditGrant, Use
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.number import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant

USD, EUR, JPY = map(currency, ("USD", "EUR", "JPY"))
START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int, hour: int = 0) -> Instant:
    """Give a day of the tests' calendar: 1 is the first of January 2024."""
    return START + timedelta(days=number - 1, hours=hour)


def usd(text: str) -> Money:
    return Money.parse(text, USD)


def units(name: str, amount: str = "100", **more: Any) -> CreditGrant:
    """Grant units of the feature `calls` from the first day on."""
    fields: dict[str, Any] = {"customer": "acme", "feature": "calls", "effective_at": START} | more
    return CreditGrant(id=name, amount=Decimal(amount), **fields)


def dollars(name: str, amount: str = "100.00", **more: Any) -> CreditGrant:
    """Grant money from the first day on."""
    fields: dict[str, Any] = {"customer": "acme", "effective_at": START} | more
    return CreditGrant(id=name, amount=usd(amount), **fields)


def use(name: str, amount: str, at: Instant = START, **more: Any) -> Use:
    return Use(id=name, amount=Decimal(amount), at=at, **more)


def line(name: str, amount: str, at: Instant = START, **more: Any) -> Use:
    return Use(id=name, amount=usd(amount), at=at, **more)


def plain_figures(figures: Mapping[str, Decimal]) -> dict[str, str]:
    """Write figures by name as short texts."""
    return {name: plain(figure) for name, figure in figures.items()}
