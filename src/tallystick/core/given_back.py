"""Which fees a credit gives back of: its own, or those that were paid for its time in its place.

A line whose time was taken over without a charge names them in its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from tallystick.core.period import Period, instant_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.charge import Charge
    from tallystick.core.money import Money

__all__ = ["GivenBack", "given_back", "paused_seconds", "shared_out"]


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
    """Of which fee a credit gives back, for which time, and how much: minor units.

    Pauses moved the end of that time on by so many seconds behind that of the fee.
    """

    item: str
    price: str
    window: Period | None
    minor: int
    paused: int = 0


def given_back(line: _Line) -> tuple[GivenBack, ...]:
    """Give the fees that a line gives back of."""
    if "paid" not in line.evidence:
        paused = line.evidence.get("paused", 0)
        return (GivenBack(line.item, line.price, line.window, -line.amount.minor, paused),)
    return tuple(
        GivenBack(item, price, Period(_instant(start), _instant(end)), minor, paused)
        for item, price, start, end, minor, paused in line.evidence["paid"]
    )


def paused_seconds(holes: Iterable[Period]) -> int:
    """Give how long pauses were together."""
    return sum(hole.seconds for hole in holes)


def shared_out(charge: Charge, most: Sequence[int], minor: int) -> list[list[Any]]:
    """Write down how a credit is shared out to the fees that were paid: each in turn its `most`."""
    rows: list[list[Any]] = []
    given = 0
    for paid, left in zip(charge.paid, most, strict=True):
        part = max(0, min(left, minor - given))
        given += part
        times = (instant_text(paid.start), instant_text(paid.end))
        rows.append([paid.item.key, paid.price, *times, part, paused_seconds(paid.holes)])
    return rows


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
