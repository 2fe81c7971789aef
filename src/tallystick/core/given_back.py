"""Which fees a credit gives back of: its own, or those that were paid for its time in its place.

A line whose time was taken over without a charge names them in its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from tallystick.core.period import Period, instant_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.charge import Charge
    from tallystick.core.money import Money

__all__ = ["GivenBack", "given_back", "shared_out"]


class _Line(Protocol):
    """A line of a document, whether it is to be issued or was billed before."""

    @property
    def item(self) -> str: ...
    @property
    def price(self) -> str: ...
    @property
    def window(self) -> Period | None: ...
    @property
    def amount(self) -> Money: ...
    @property
    def evidence(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Of which fee a credit gives back, for which time, and how much: minor units."""

    item: str
    price: str
    window: Period | None
    minor: int


def given_back(line: _Line) -> tuple[GivenBack, ...]:
    """Give the fees that a line gives back of."""
    if "paid" not in line.evidence:
        return (GivenBack(line.item, line.price, line.window, -line.amount.minor),)
    return tuple(
        GivenBack(item, price, Period(_instant(start), _instant(end)), minor)
        for item, price, start, end, minor in line.evidence["paid"]
    )


def shared_out(charge: Charge, most: Sequence[int], minor: int) -> list[list[Any]]:
    """Write down how a credit is shared out to the fees that were paid: each in turn its `most`."""
    rows: list[list[Any]] = []
    for paid, left in zip(charge.paid, most, strict=True):
        part = max(0, min(left, minor - sum(row[-1] for row in rows)))
        times = (instant_text(paid.start), instant_text(paid.end))
        rows.append([paid.item.key, paid.price, *times, part])
    return rows


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
