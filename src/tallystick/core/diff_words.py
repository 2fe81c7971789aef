"""Two sides of anything in a catalogue, in words: fields, lists and free JSON."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from tallystick.core.canonical import canonical_json
from tallystick.core.currency import Currency
from tallystick.core.wording import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "FREE_JSON",
    "Words",
    "json_change",
    "list_changes",
    "plain_change",
    "shown",
    "unlike",
    "unlike_fields",
]

FREE_JSON: Final = frozenset({"business_rules", "metadata"})
"""The fields that are compared as JSON."""

_LONGEST: Final = 60


class Words(NamedTuple):
    """A change in words: the sentence without its subject, and the two sides of it."""

    text: str
    before: str | None
    after: str | None


def unlike(before: object, after: object) -> bool:
    """Whether two values of a catalogue differ where it matters: True is not 1."""
    return before != after or type(before) is not type(after)


def shown(value: object) -> str:
    """Write any value of a catalogue in one short phrase."""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (Decimal, int)):
        return figure(value)
    if isinstance(value, Currency):
        return value.code
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    text = value if isinstance(value, str) else canonical_json(value).decode()
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"'{text}'" if isinstance(value, str) else text


def unlike_fields(of: type, old: object, new: object) -> Iterator[str]:
    """Name the fields of a dataclass in which two values differ where it matters."""
    for field in fields(of):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if not field.compare:
            continue
        if field.name in FREE_JSON:
            before, after = _json(before), _json(after)
        if unlike(before, after):
            yield field.name


def plain_change(name: str, before: object, after: object) -> Words:
    """Say how a field changed, by its name and both sides."""
    sides = (shown(before), shown(after))
    return Words(f"{name.replace('_', ' ')} {sides[0]} → {sides[1]}", *sides)


def list_changes(
    label: str, before: Sequence[str] | None, after: Sequence[str] | None
) -> list[Words]:
    """Tell which entries came and went; where none did, the two lists."""
    old, new = before or (), after or ()
    come = [Words(f"{label} {shown(e)} added", None, e) for e in new if e not in old]
    gone = [Words(f"{label} {shown(e)} removed", e, None) for e in old if e not in new]
    return [*come, *gone] or [plain_change(f"{label}s", before, after)]


def json_change(name: str, before: object, after: object) -> Words:
    """Say how a field of free JSON changed, or that it came or went."""
    if name == "metadata":
        before, after = before or None, after or None
    sides = (_json(before), _json(after))
    label = name.replace("_", " ")
    if before is None or after is None:
        return Words(f"{label} {'added' if before is None else 'removed'}", *sides)
    return Words(f"{label} {shown(before)} → {shown(after)}", *sides)


def _json(value: object) -> str | None:
    return None if value is None else canonical_json(value).decode()
