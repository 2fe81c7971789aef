"""What was used, from the events alone, as a document is made again: no roll-up is trusted.

It also finds what had come late for earlier documents when a document was made, by looking only at
those that came before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.app.billed_usage import Asked, UsageReader, stretch_of
from tallystick.app.late_usage import arrivals_of, is_touched, slice_of
from tallystick.core.fold import fold
from tallystick.core.line_tax import NOTHING
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Late, Used
from tallystick.core.terms import prices_of
from tallystick.core.units_billed import UnitsBilled
from tallystick.storage.stored_documents import arrived_between
from tallystick.storage.usage_stretches import events_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.app.late_usage import Arrival
    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_batch import Ask

__all__ = ["EventReader", "billed_of", "late_before", "shown_order"]

_USAGE: Final = frozenset({"usage", "late"})
_NAMED: Final = 20
_MICRO: Final = timedelta(microseconds=1)

_Group: TypeAlias = tuple[tuple[str, str | None], ...]
_Place: TypeAlias = tuple[str, str, "Instant | None"]


class EventReader(UsageReader):
    """Reads what was used by counting the events, one by one."""

    def __init__(self, unit: Unit, offers: Offers) -> None:
        """Read from a transaction."""
        super().__init__(unit, offers)
        self._of = offers

    def meter_of_charge(self, charge: Charge) -> Meter:
        """Give the meter of a metered charge, as it was published with the plan version."""
        return self.meter_of(charge, prices_of(charge.item, self._of)[charge.price])

    def used_for(self, asked: Asked, *, by_events: bool = True) -> tuple[Used, ...]:
        """Give what was used for one charge, as `UsageReader.used_for` does, in the same order."""
        if asked.charge.kind == "credit":
            return tuple(
                Used(measured=Quantity(self._counted(asked, ask)), included=included)
                for ask, included in self.allowances(asked)
            )
        found = super().used_for(asked, by_events=by_events)
        if asked.charge.holes:
            return found
        return tuple(sorted(found, key=lambda each: shown_order(each.group)))

    def _counted(self, asked: Asked, ask: Ask) -> Decimal:
        """Count what was used of an allowance, as it was known before the watermark."""
        events = events_of(self._unit, [stretch_of(ask.meter, ask.customer, ask.period)])[0]
        return fold(ask.meter, events, ask.period, as_of=asked.watermark - _MICRO)


def shown_order(group: _Group) -> list[tuple[bool, str]]:
    """Give the order of groups in which figures come: by their texts, what has none first."""
    return [(text is not None, text or "") for _, text in group]


# --- late usage -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Window:
    """A window that earlier documents billed, and what they billed for it by group."""

    charge: Charge
    meter: Meter
    billed: dict[_Group, Invoiced] = field(default_factory=dict)
    units: dict[_Group, UnitsBilled] = field(default_factory=dict)


def late_before(
    unit: Unit,
    reader: EventReader,
    document: Document,
    earlier: Sequence[Document],
    lines: Sequence[BilledLine],
) -> tuple[Late, ...]:
    """Give what had come late for `earlier` documents, and their `lines`, when one was made.

    The earlier ones are those of its subscription that came before, in their order.
    """
    if not earlier:
        return ()
    invoice = document.invoice
    since = earlier[-1].invoice.watermark
    events = arrived_between(unit, invoice.customer, since, invoice.watermark)
    if not events:
        return ()
    arrivals = arrivals_of(unit, events)
    windows = _windows(reader, earlier, lines)
    found: list[Late] = []
    for _, window in sorted(windows.items(), key=_in_time):
        whole = window.charge.window
        touching = [
            each for each in arrivals if whole is not None and is_touched(window.meter, whole, each)
        ]
        if touching:
            found += _late(reader, document, window, touching)
    return tuple(found)


def billed_of(line: BilledLine, lines: Iterable[BilledLine]) -> Invoiced:
    """Give what lines billed for the window and the group of one, taken together."""
    place, billed = _place_of(line), NOTHING
    for each in lines:
        if each.kind in _USAGE and (_place_of(each), each.group) == (place, line.group):
            billed = billed.plus(each)
    return billed


def _place_of(line: BilledLine) -> _Place:
    return line.item, line.price, None if line.window is None else line.window.start


def _windows(
    reader: EventReader, earlier: Sequence[Document], lines: Sequence[BilledLine]
) -> dict[_Place, _Window]:
    windows: dict[_Place, _Window] = {}
    for document in earlier:
        for charge in document.due.charges:
            if charge.kind == "usage" and charge.window is not None and not slice_of(charge):
                place = (charge.item.key, charge.price, charge.window.start)
                if place not in windows:
                    windows[place] = _Window(charge, reader.meter_of_charge(charge))
    for line in lines:
        window = windows.get(_place_of(line))
        if window is not None and line.kind in _USAGE:
            window.billed[line.group] = window.billed.get(line.group, NOTHING).plus(line)
            window.units[line.group] = window.units.get(line.group, UnitsBilled()).plus(line)
    return windows


def _late(
    reader: EventReader, document: Document, window: _Window, arrivals: Sequence[Arrival]
) -> list[Late]:
    invoice = document.invoice
    asked = Asked(invoice.customer, window.charge, invoice.watermark)
    used = {each.group: each for each in reader.used_for(asked)}
    for group in window.billed:
        nothing = Quantity(Decimal(0))
        used.setdefault(group, Used(measured=nothing, group=group, gauge=window.meter.gauge))
    names = tuple(each.id for each in arrivals[:_NAMED])
    return [
        Late(
            charge=window.charge,
            used=replace(used[group], before=window.units.get(group, UnitsBilled())),
            billed=window.billed.get(group, NOTHING),
            part=invoice.cause,
            events=names,
            count=len(arrivals),
        )
        for group in sorted(used, key=_named)
    ]


def _in_time(entry: tuple[_Place, _Window]) -> tuple[str, str, str]:
    item, price, start = entry[0]
    return ("" if start is None else start.isoformat(), item, price)


def _named(group: _Group) -> list[tuple[str, bool, str]]:
    return [(name, text is not None, text or "") for name, text in group]
