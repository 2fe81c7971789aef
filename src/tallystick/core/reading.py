"""From events to the readings of a meter: corrections, lateness, filters and values, in one place.

What `readings_of` gives is the truth about a meter.  Roll-ups and whatever else is kept for speed
must lead to the same figures.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.core.number import quantity_of
from tallystick.core.property import text_of, within_bounds
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant

__all__ = [
    "Group",
    "Reading",
    "amended",
    "check_correction",
    "check_event",
    "effective",
    "feeds",
    "group_key",
    "group_of",
    "group_of_key",
    "is_late",
    "key_text",
    "reading_of",
    "readings_of",
]

Group: TypeAlias = tuple[str | None, ...]
"""The texts of a meter's `group_by` properties, None where an event has none."""

_ONE: Final = Decimal(1)
_KEY_BYTES: Final = 120
_KEY_CHARACTERS: Final = 24
_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one event says to one meter: a value, when, and in which order it arrived.

    `label` is the text that a `unique` meter counts once; None for the others.
    """

    at: Instant
    order: int
    value: Decimal
    group: Group = ()
    label: str | None = None


# --- corrections ----------------------------------------------------------------------------------


def effective(
    events: Iterable[UsageEvent], *, as_of: Instant | None = None
) -> tuple[UsageEvent, ...]:
    """Give the events of use as their corrections leave them, by time, then by arrival.

    A void takes its target away for good.  Of several amendments the last to arrive counts, and
    an amended event keeps its place in the order of arrival.  A correction of a correction, or of
    what is not among the events, does nothing.  `as_of` looks back: what arrived after it
    is not seen.
    """
    numbered = [
        event if event.order is not None else replace(event, order=place)
        for place, event in enumerate(events)
        if as_of is None or event.received_at is None or event.received_at <= as_of
    ]
    numbered.sort(key=_arrival)
    last: dict[tuple[str, str, str], UsageEvent] = {}
    for event in numbered:
        if event.target is not None:
            key = (event.customer, *event.target)
            if key not in last or last[key].kind != "void":
                last[key] = event
    used = [amended(e, last.get(_key(e))) for e in numbered if e.kind == "use"]
    return tuple(sorted((e for e in used if e is not None), key=_by_time))


def amended(event: UsageEvent, correction: UsageEvent | None) -> UsageEvent | None:
    """Give an event of use as one correction leaves it: None where that takes it back."""
    if correction is None:
        return event
    if correction.kind == "void":
        return None
    at = correction.occurred_at if correction.timed else event.occurred_at
    return replace(event, properties=correction.properties, occurred_at=at)


def _key(event: UsageEvent) -> tuple[str, str, str]:
    return event.customer, event.source, event.id


def _arrival(event: UsageEvent) -> int:
    return event.order or 0


def _by_time(event: UsageEvent) -> tuple[Instant, int]:
    return event.occurred_at, event.order or 0


# --- what a meter takes ---------------------------------------------------------------------------


def feeds(meter: Meter, event: UsageEvent) -> bool:
    """Whether a meter takes an event: by its type and the filter, whatever its value."""
    if event.type != meter.event_type:
        return False
    if not meter.filter:
        return True
    properties = event.properties
    return all(text_of(properties.get(name)) in texts for name, texts in meter.filter.items())


def is_late(meter: Meter, event: UsageEvent) -> bool:
    """Whether an event arrived more than the meter's `late_after` days after it occurred."""
    if meter.late_after is None or event.received_at is None:
        return False
    return event.received_at - event.occurred_at > timedelta(days=meter.late_after)


def reading_of(meter: Meter, event: UsageEvent) -> Reading | None:
    """Give what an event of use says to a meter, whenever it arrived.

    None where it does not feed the meter, or has no value that the meter can read.
    """
    if not feeds(meter, event):
        return None
    try:
        value, label = _value(meter, event)
    except InvalidUsage:
        return None
    return Reading(event.occurred_at, event.order or 0, value, group_of(meter, event), label)


def readings_of(
    meter: Meter, events: Iterable[UsageEvent], *, as_of: Instant | None = None
) -> tuple[Reading, ...]:
    """Give the readings of a meter from raw events and corrections, by time, then by arrival.

    A meter that refuses what is late sees neither a late event nor a late correction: one that
    arrives after `late_after` days from the time of its target, or from the time it moves it to.
    """
    numbered = [
        event if event.order is not None else replace(event, order=place)
        for place, event in enumerate(events)
    ]
    if meter.late == "refuse":
        targets = {_key(event): event for event in numbered if event.kind == "use"}
        numbered = [event for event in numbered if not _left_out(meter, event, targets)]
    read = (reading_of(meter, event) for event in effective(numbered, as_of=as_of))
    return tuple(reading for reading in read if reading is not None)


def _left_out(
    meter: Meter, event: UsageEvent, targets: dict[tuple[str, str, str], UsageEvent]
) -> bool:
    if event.target is None:
        return is_late(meter, event)
    target = targets.get((event.customer, *event.target))
    late = target is not None and is_late(meter, replace(event, occurred_at=target.occurred_at))
    return late or (event.kind == "amend" and event.timed and is_late(meter, event))


def check_event(event: UsageEvent, meters: Iterable[Meter]) -> tuple[str, ...]:
    """Hold an event of use to the meters it feeds, at the door.

    Gives the keys of the meters that leave it out as late.  Raises InvalidUsage where one of the
    others cannot read its value, and where every meter it feeds refuses it as late.
    """
    fed = [meter for meter in meters if feeds(meter, event)]
    late = [meter for meter in fed if meter.late == "refuse" and is_late(meter, event)]
    return _checked(event, fed, late)


def check_correction(
    correction: UsageEvent, target: UsageEvent, meters: Iterable[Meter]
) -> tuple[str, ...]:
    """Hold a correction to the meters that its target feeds, or will.

    As `check_event`: gives the meters that leave the correction out as late, and raises.
    """
    after = amended(target, correction)
    fed = [m for m in meters if feeds(m, target) or (after is not None and feeds(m, after))]
    own = {_key(target): target}
    late = [m for m in fed if m.late == "refuse" and _left_out(m, correction, own)]
    return _checked(after, fed, late)


def _checked(
    event: UsageEvent | None, fed: Iterable[Meter], late: Collection[Meter]
) -> tuple[str, ...]:
    taking = [meter for meter in fed if meter not in late]
    if late and not taking:
        days = max(meter.late_after or 0 for meter in late)
        text = f"is more than {days} days before its arrival, and no meter of it takes that"
        raise InvalidUsage(f"occurred_at {text}", {"occurred_at": [text]})
    bad: dict[str, list[str]] = {}
    for meter in taking:
        try:
            if event is not None and feeds(meter, event):
                _value(meter, event)
        except InvalidUsage as refused:
            for path, texts in refused.fields.items():
                bad.setdefault(path, []).extend(t for t in texts if t not in bad.get(path, []))
    if bad:
        path, texts = next(iter(bad.items()))
        raise InvalidUsage(f"{path}: {texts[0]}", bad)
    return tuple(meter.key for meter in late)


def _value(meter: Meter, event: UsageEvent) -> tuple[Decimal, str | None]:
    """Read the value and the label of an event that feeds a meter.  Raises InvalidUsage."""
    if meter.aggregation == "count":
        return _ONE, None
    written = event.properties.get(meter.value)
    path = f"properties.{meter.value}"
    if written is None:
        if meter.aggregation == "sum":
            return _ONE, None
        text = f"is missing: meter {meter.key!r} takes its {meter.aggregation.replace('_', '-')}"
        raise InvalidUsage(f"{path} {text}", {path: [text]})
    if meter.aggregation == "unique":
        return _ONE, key_text(text_of(written))
    if type(written) is Decimal and within_bounds(written) and written >= 0:
        return written, None  # as nearly all are, and millions of them
    return quantity_of(written, path, negative=meter.allow_negative), None


# --- groups ---------------------------------------------------------------------------------------


def group_of(meter: Meter, event: UsageEvent) -> Group:
    """Give the group an event falls into."""
    if not meter.group_by:
        return ()
    return tuple([key_text(text_of(event.properties.get(name))) for name in meter.group_by])


def key_text(text: str | None) -> str | None:
    """Hold the text of a group or a label to what an index takes: 120 bytes and a few.

    A long one becomes its beginning and its SHA-256.  Different texts stay different, which is
    all that is asked of them.
    """
    if text is None:
        return None
    if len(text) <= _KEY_CHARACTERS and text.isascii():
        return text
    whole = text.encode()
    if len(whole) <= _KEY_BYTES and _CUT not in text:
        return text
    return f"{text[:_KEY_CHARACTERS]}{_CUT}{hashlib.sha256(whole).hexdigest()}"


def group_key(group: Group) -> str:
    """Write a group as the text by which its figures are kept: a JSON list."""
    return json.dumps(group, ensure_ascii=False, separators=(",", ":"))


def group_of_key(key: str) -> Group:
    """Read what `group_key` wrote."""
    return tuple(json.loads(key))
