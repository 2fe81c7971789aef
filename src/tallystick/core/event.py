"""A usage event: what happened, read strictly from what was sent, and its digest.

An event is never changed.  It is corrected by another one: a `void` takes it back, an `amend`
gives it other properties.  Both stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.period import FIRST_YEAR, LAST_YEAR, instant, instant_text, parse_instant
from tallystick.core.property import (
    Value,
    name_fault,
    printable,
    properties_of,
    properties_text,
    shown,
    text_of,
    value_of,
)
from tallystick.core.quick_event import LONGEST_ID, MOST_PROPERTIES, usual
from tallystick.errors import InvalidNumber, InvalidPeriod, InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.period import Instant
    from tallystick.core.quick_event import Sent

__all__ = [
    "DEFAULT_SOURCE",
    "EventKind",
    "Target",
    "UsageEvent",
    "Value",
    "as_sent",
    "digest",
    "parse_each",
    "parse_event",
    "properties_of",
    "properties_text",
    "settled",
    "text_of",
]

EventKind: TypeAlias = Literal["use", "void", "amend"]
"""What an event does: it says what was used, or it corrects one that did."""

Target: TypeAlias = tuple[str, str]
"""The source and the id of the event that a correction corrects; the customer is the same."""

DEFAULT_SOURCE: Final = "api"
"""Where an event comes from that does not say."""

_MOST_TOLD: Final = 20
_AHEAD: Final = timedelta(hours=1)
_NATIVE: Final = {
    "id": "id",
    "source": "source",
    "customer": "customer",
    "type": "type",
    "occurred_at": "occurred_at",
    "occurredAt": "occurred_at",
    "received_at": "received_at",
    "receivedAt": "received_at",
    "properties": "properties",
    "void": "void",
    "amend": "amend",
}
_CLOUD: Final = {
    "id": "id",
    "source": "source",
    "subject": "customer",
    "type": "type",
    "time": "occurred_at",
    "data": "properties",
    "void": "void",
    "amend": "amend",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEvent:
    """So much was used, by whom, when: unique by customer, source and id for ever.

    `occurred_at` keeps its microseconds.  `timed` is False where nobody said when it happened: its
    arrival stands for it, and the digest leaves it out.  `order` is its place in the order of
    arrival, which storage gives; None: the place in the sequence it is handed on in.  A
    correction that does not name a type has the empty one until it is `settled`.
    """

    id: str
    source: str = DEFAULT_SOURCE
    customer: str
    type: str
    occurred_at: Instant
    properties: Mapping[str, Value] = field(default_factory=FrozenDict)
    kind: EventKind = "use"
    target: Target | None = None
    received_at: Instant | None = None
    timed: bool = True
    order: int | None = None


def parse_event(tree: object, *, received_at: Instant) -> UsageEvent:
    """Read an event from plain values: the native form, or CloudEvents 1.0 (by `specversion`).

    Native: `id`, `customer`, `type`, and as they are needed `source`, `occurred_at`, `properties`.
    A correction has `void` or `amend` instead of a type: the id of its target, or an object of
    its `source` and `id`.  `received_at` is for whoever passes an event on: when it reached them,
    which stands for the time where none was sent and is no part of the digest.

    In CloudEvents `subject` is the customer, `time` the time, `data` the properties; a correction
    has the extension attribute `void` or `amend`, and its `time` is its own, not its target's.
    Other extension attributes are left alone.

    Raises InvalidUsage with a path for everything that is wrong.
    """
    arrival = instant(received_at)
    sent = usual(tree)
    if sent is not None and max(sent.occurred_at or arrival, sent.received_at or arrival) <= (
        arrival + _AHEAD
    ):
        return _of_sent(sent, arrival)
    if not isinstance(tree, Mapping):
        text = f"an event is an object, not {shown(tree)}"
        raise InvalidUsage(text, {"": [text]})
    return _Reader(tree, arrival).event()


def _of_sent(sent: Sent, received_at: Instant) -> UsageEvent:
    return UsageEvent(
        id=sent.id,
        source=DEFAULT_SOURCE if sent.source is None else sent.source,
        customer=sent.customer,
        type=sent.type,
        occurred_at=sent.occurred_at or sent.received_at or received_at,
        properties=sent.properties,
        received_at=received_at,
        timed=sent.occurred_at is not None,
    )


def parse_each(
    trees: Iterable[object], *, received_at: Instant
) -> tuple[UsageEvent | InvalidUsage, ...]:
    """Read many events, each by itself: the event, or why it was refused, in their order."""
    return tuple(_parsed(tree, received_at) for tree in trees)


def _parsed(tree: object, received_at: Instant) -> UsageEvent | InvalidUsage:
    try:
        return parse_event(tree, received_at=received_at)
    except InvalidUsage as refused:
        return refused


class _Reader:
    """Reads one event, noting all that is wrong under the names its sender used."""

    def __init__(self, tree: Mapping[object, object], received_at: Instant) -> None:
        self.received_at = received_at
        self.bad: dict[str, list[str]] = {}
        self.cloud = "specversion" in tree
        self.fields: dict[str, object] = {}
        self.names: dict[str, str] = {}
        known = _CLOUD if self.cloud else _NATIVE
        for key, value in tree.items():
            name = known.get(key) if isinstance(key, str) else None
            if name is None:
                self._unknown(key, value)
            elif name in self.fields:
                self.problem(key, f"is written twice: as {self.names[name]!r} too")
            else:
                self.fields[name], self.names[name] = value, str.__str__(key)

    def problem(self, path: object, text: str) -> None:
        if len(self.bad) < _MOST_TOLD:
            self.bad.setdefault(str(path), []).append(text)

    def event(self) -> UsageEvent:
        kind = self._kind()
        source = self._id("source") if "source" in self.fields or self.cloud else DEFAULT_SOURCE
        key = self._id("id")
        customer = self._id("customer")
        named = kind == "use" or self.cloud or "type" in self.fields
        type_ = self._id("type") if named else ""
        target = self._target(kind, source, key) if kind != "use" else None
        timed = self.fields.get("occurred_at") is not None and not (self.cloud and kind != "use")
        taken = self._time("received_at")
        occurred_at = self._time("occurred_at") if timed else taken
        properties = self._properties()
        self._fits(kind)
        if self.bad:
            raise _refusal(self.bad)
        return UsageEvent(
            id=key,
            source=source,
            customer=customer,
            type=type_,
            occurred_at=occurred_at,
            properties=properties,
            kind=kind,
            target=target,
            received_at=self.received_at,
            timed=timed,
        )

    def _unknown(self, key: object, value: object) -> None:
        path = printable(key) if isinstance(key, str) else shown(key)
        if not self.cloud:
            where = "; write it under properties" if key in ("quantity", "value") else ""
            self.problem(path, f"is not a field of an event{where}")
        elif key == "specversion":
            if value != "1.0":
                self.problem(path, f"must be the text 1.0, not {shown(value)}")
        elif key == "data_base64":
            self.problem(path, "is binary: send the properties as JSON in data")
        elif not (isinstance(key, str) and key.isascii() and key.isalnum() and key == key.lower()):
            self.problem(path, "is not an attribute of a CloudEvent: small letters and digits")

    def _kind(self) -> EventKind:
        asked = [name for name in ("void", "amend") if name in self.fields]
        if len(asked) == 2:  # noqa: PLR2004 - both of the two
            self.problem("void", "stands beside amend: an event corrects in one way")
        return "use" if not asked else "void" if asked[0] == "void" else "amend"

    def _id(self, name: str) -> str:
        own = {"customer": "subject"} if self.cloud else {}
        path = own.get(name, name)
        if name not in self.fields:
            self.problem(path, "is missing")
            return ""
        return self._id_text(self.fields[name], path)

    def _id_text(self, value: object, path: str) -> str:
        if not isinstance(value, str):
            self.problem(path, f"must be a text, not {shown(value)}")
            return ""
        if not 1 <= len(value) <= LONGEST_ID:
            long = f"is longer than {LONGEST_ID} characters"
            self.problem(path, long if value else "must not be empty")
        elif not value.isprintable() or value != value.strip():
            self.problem(path, f"{shown(value)} has blanks at its ends or control characters")
        return str.__str__(value)

    def _target(self, kind: EventKind, source: str, key: str) -> Target:
        value = self.fields[kind]
        target = (source, "")
        if isinstance(value, Mapping):
            for name in value:
                if name not in ("id", "source"):
                    self.problem(f"{kind}.{shown(name)}", "is not part of a target: id and source")
            own = self._id_text(value.get("source", source), f"{kind}.source")
            target = (own, self._id_text(value.get("id", ""), f"{kind}.id"))
        else:
            target = (source, self._id_text(value, kind))
        if key and target == (source, key):
            self.problem(kind, "names the event itself")
        return target

    def _fits(self, kind: EventKind) -> None:
        if kind == "amend" and self.fields.get("properties") is None:
            self.problem("data" if self.cloud else "properties", "is missing: what holds instead")
        if kind == "void":
            for name in ("properties", "occurred_at"):
                if self.fields.get(name) and not (self.cloud and name == "occurred_at"):
                    self.problem(self.names[name], "means nothing beside void: it takes all back")

    def _time(self, name: str) -> Instant:
        """Read a time, where it was sent; its arrival stands for it where it was not."""
        value = self.fields.get(name)
        if value is None:
            return self.received_at
        path = self.names[name]
        try:
            at = _instant_of(value)
        except InvalidPeriod as refused:
            self.problem(path, str(refused))
            return self.received_at
        if at - self.received_at > _AHEAD:
            self.problem(path, f"{instant_text(at)} is more than an hour ahead of its arrival")
        return at

    def _properties(self) -> Mapping[str, Value]:
        value = self.fields.get("properties")
        if value is None:
            return FrozenDict()
        path = self.names["properties"]
        if not isinstance(value, Mapping):
            self.problem(path, f"must be an object, not {shown(value)}")
            return FrozenDict()
        if len(value) > MOST_PROPERTIES:
            self.problem(path, f"has {len(value):,} entries: {MOST_PROPERTIES} is the most")
            return FrozenDict()
        read: dict[str, Value] = {}
        for name, entry in value.items():
            wrong = name_fault(name)
            if wrong is not None:
                self.problem(f"{path}.{shown(name)}", wrong)
                continue
            try:
                read[str.__str__(name)] = value_of(entry)
            except InvalidNumber as refused:
                self.problem(f"{path}.{printable(name)}", str(refused))
        return FrozenDict(read)


def _refusal(bad: Mapping[str, list[str]]) -> InvalidUsage:
    told = [f"{path} {texts[0]}" for path, texts in bad.items()]
    more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""  # noqa: PLR2004 - a line's worth
    return InvalidUsage("; ".join(told[:3]) + more, bad)


def _instant_of(value: object) -> Instant:
    if not isinstance(value, datetime):
        if not isinstance(value, str):
            raise InvalidPeriod(f"must be a time such as 2027-01-31T09:30:00Z, not {shown(value)}")
        return parse_instant(str.__str__(value))
    at = instant(value)
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise InvalidPeriod(f"{at.isoformat()} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return at


def digest(event: UsageEvent, properties: str | None = None) -> str:
    """Give `sha256:` and 64 hexadecimal digits of what was sent.

    What was filled in (a time, a quantity of 1) is no part of it, so a retry of an event
    without a time has the digest of the first.  It does not see the order of keys, how a number
    is spelled (1, 1.0 and 1.00), in which zone a time is written, nor whether the event came as a
    CloudEvent.  It tells the number 1 from the text "1", and a null from an absent property.

    `properties` is the text that `properties_text` made of them, for who has it already.
    """
    if properties is None:
        properties = properties_text(event.properties)
    timed = event.timed and event.kind != "void"  # a void has no time, however it was made
    at = f'"occurred_at":"{instant_text(event.occurred_at)}",' if timed else ""
    text = (
        f'{{"customer":{encode_basestring(event.customer)},"id":{encode_basestring(event.id)},{at}'
        f'"properties":{properties},'
        f'"source":{encode_basestring(event.source)},"type":{encode_basestring(event.type)}}}'
    )
    if event.target is not None:
        source, key = map(encode_basestring, event.target)
        text = f'["{event.kind}",{source},{key},{text}]'
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def settled(correction: UsageEvent, target: UsageEvent) -> UsageEvent:
    """Give a correction as it is stored: with its target's type, and time unless it names one.

    The digest is that of the correction as it was sent, so take it before.
    Raises InvalidUsage where the target is itself a correction, is of another type, or is not
    what the correction names.
    """
    if correction.kind == "use":
        raise InvalidUsage(f"event {correction.id!r} corrects nothing")
    if (target.source, target.id) != correction.target or target.customer != correction.customer:
        raise InvalidUsage(f"event {target.id!r} is not what {correction.id!r} corrects")
    if target.kind != "use":
        text = f"{target.id!r} is itself a correction: correct the event it corrects"
        raise InvalidUsage(text, {correction.kind: [text]})
    if correction.type not in {"", target.type}:
        text = f"is {correction.type!r}, where the event is {target.type!r}: leave it out"
        raise InvalidUsage(f"type {text}", {"type": [text]})
    own = correction.timed and correction.kind == "amend"
    at = correction.occurred_at if own else target.occurred_at
    return replace(correction, type=target.type, occurred_at=at, timed=True)


def as_sent(event: UsageEvent, stored: str) -> UsageEvent:
    """Give a stored event as it was sent, which its stored digest tells.

    What was filled in is taken back: the `timed` of a time, and the type of a correction.
    """
    types = (event.type,) if event.kind == "use" else ("", event.type)
    timed = (True, False) if event.kind == "use" else (False, True)
    forms = (replace(event, type=type_, timed=told) for type_ in types for told in timed)
    return next((form for form in forms if digest(form) == stored), event)
