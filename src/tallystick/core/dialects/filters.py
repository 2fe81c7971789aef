"""The values of a meter that name properties of an event: how they are read, and their schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.dialects.report import BAD
from tallystick.core.dialects.scalars import plain_text, printable, shown
from tallystick.core.property import LONGEST_NAME, LONGEST_TEXT, name_fault, text_of, value_of
from tallystick.errors import InvalidNumber

if TYPE_CHECKING:
    from tallystick.core.dialects.report import Report

__all__ = ["Filter", "Property"]

_MOST_NAMES: Final = 20
_MOST_TEXTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Property:
    """The name of a property."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the name."""
        if not isinstance(value, str):
            report.problem(path, f"must be the name of a property, not {shown(value)}")
            return BAD
        wrong = name_fault(value)
        if wrong is not None:
            report.problem(path, wrong)
            return BAD
        return plain_text(value)

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}


@dataclass(frozen=True, slots=True)
class Filter:
    """Allowed values by the name of a property: one, or a list of them.

    A number and a bool stand for their texts, as events may write either.
    """

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the allowed texts by name."""
        if not isinstance(value, Mapping):
            report.problem(path, f"must be an object of allowed values, not {shown(value)}")
            return BAD
        if len(value) > _MOST_NAMES:
            report.problem(path, f"names more than {_MOST_NAMES} properties")
            return BAD
        texts: dict[str, Any] = {}
        for name, allowed in value.items():
            place = f"{path}.{printable(name, 80)}" if isinstance(name, str) else path
            if Property().read(name, place, report) is BAD:
                return BAD
            texts[plain_text(name)] = _texts(allowed, place, report)
        return BAD if BAD in texts.values() else texts

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        one = {"type": ["string", "number", "boolean"], "maxLength": LONGEST_TEXT}
        many = {"type": "array", "items": one, "minItems": 1, "maxItems": _MOST_TEXTS}
        return {"type": "object", "additionalProperties": {"anyOf": [one, many]}}


def _texts(allowed: object, path: str, report: Report) -> Any:
    entries = list(allowed) if isinstance(allowed, (list, tuple)) else [allowed]
    if not entries:
        report.problem(path, "allows nothing: name a value, or leave it out")
        return BAD
    if len(entries) > _MOST_TEXTS:
        report.problem(path, f"has more than {_MOST_TEXTS:,} entries")
        return BAD
    texts: list[str] = []
    for entry in entries:
        try:
            text = text_of(value_of(entry))
        except InvalidNumber as refused:
            report.problem(path, str(refused))
            return BAD
        if text is None:
            report.problem(path, "allows null, which is no text: an absent property never passes")
            return BAD
        texts.append(text)
    return tuple(dict.fromkeys(texts))
