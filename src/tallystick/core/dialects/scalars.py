"""Single values of a catalogue: how each kind is read, and what JSON Schema says of it.

This is the border: the one place in the core where a Python float is met.  It is read by its
shortest repr, so the `9.99` of a catalogue written as code is 9.99 and not its binary neighbour.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from tallystick.core.bad_number import BadNumber
from tallystick.core.dialects.report import BAD
from tallystick.core.number import RATE_DECIMALS, WHOLE_DIGITS, parse_number, plain
from tallystick.core.shown import plain_text, printable, shown
from tallystick.core.spelling import did_you_mean
from tallystick.errors import InvalidInput, InvalidNumber

if TYPE_CHECKING:
    from tallystick.core.dialects.report import Report

__all__ = [
    "Choice",
    "Flag",
    "Free",
    "Identifier",
    "Integer",
    "Kind",
    "Labels",
    "Number",
    "Text",
    "UpTo",
    "decimal_of",
    "plain_text",
    "printable",
    "shown",
]

LONGEST_TEXT = 5_000
LONGEST_ID = 200
DEEPEST_JSON = 50
LARGEST_JSON = 10_000


class Kind(Protocol):
    """How one kind of value is read, and its JSON Schema."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the value, or BAD after having noted the problem."""

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""


def decimal_of(value: object) -> Decimal:
    """Read a number of a catalogue: an int, a Decimal, a float by its repr, or a plain text.

    At most 18 digits before the point and 18 after.  Raises InvalidNumber.
    """
    if isinstance(value, BadNumber):
        raise InvalidNumber(str(value))
    if isinstance(value, str):
        return parse_number(plain_text(value), decimals=RATE_DECIMALS)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, float)):
        raise InvalidNumber(f"{shown(value)} is not a number")
    if isinstance(value, int):
        if abs(value) >= 10**WHOLE_DIGITS:
            raise InvalidNumber(f"the number has more than {WHOLE_DIGITS} digits")
        return Decimal(int(value))
    number = _exact(value)
    if not number.is_finite():
        raise InvalidNumber(f"{number} is not a finite number")
    if number and not -RATE_DECIMALS <= number.adjusted() < WHOLE_DIGITS:
        raise InvalidNumber("the number has too many digits")
    return parse_number(plain(number), decimals=RATE_DECIMALS)


def _exact(number: object) -> Decimal:
    """Give the value of a Decimal, or of a float by its shortest digits.

    JSON writes just those, also of a subclass whose own repr says more.
    """
    return Decimal(number if isinstance(number, Decimal) else json.dumps(number))


def _text_problem(text: str) -> tuple[str, str] | None:
    if len(text) > LONGEST_TEXT:
        return f"is longer than {LONGEST_TEXT:,} characters", ""
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t" for c in text):
        return "has control characters", "take them out"
    return None


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the text in NFC."""
        if not isinstance(value, str):
            report.problem(path, f"must be a text, not {shown(value)}")
            return BAD
        # the few characters that NFC makes longer must not outgrow what can be read again
        text = plain_text(value)
        text = text if len(text) > LONGEST_TEXT else unicodedata.normalize("NFC", text)
        wrong = _text_problem(text)
        if wrong is not None:
            report.problem(path, *wrong)
            return BAD
        return text

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "string", "maxLength": LONGEST_TEXT}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A key or id: not empty, no blanks at its ends, no control characters."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the id as it was written."""
        if not isinstance(value, str):
            report.problem(path, f"must be a text, not {shown(value)}")
        elif not value.strip():
            report.problem(path, "must not be empty")
        elif len(value) > LONGEST_ID:
            report.problem(path, f"is longer than {LONGEST_ID} characters")
        elif value != value.strip() or not value.isprintable():
            report.problem(path, f"{shown(value)} has blanks at its ends or control characters")
        else:
            return plain_text(value)
        return BAD

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the bool; nothing else is taken for one."""
        if isinstance(value, bool):
            return value
        report.problem(path, f"must be true or false, not {shown(value)}")
        return BAD

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number of at least `minimum`."""

    minimum: int = 0
    cure: str = ""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the int.

        A text is not taken for a number here, nor is 29.00 for 29: who writes decimals means
        major units.
        """
        try:
            number = decimal_of(value if not isinstance(value, str) else None)
        except InvalidNumber as refused:
            said = shown(value) if isinstance(value, str) else str(refused)
            report.problem(path, f"must be a whole number: {said}", self.cure)
            return BAD
        if not isinstance(value, int) and _exact(value).as_tuple().exponent != 0:
            text = "must be a whole number, written without decimals or exponent"
            report.problem(path, f"{text}, not {shown(value)}", self.cure)
            return BAD
        if number < self.minimum:
            report.problem(path, f"must be at least {self.minimum}, not {number}", self.cure)
            return BAD
        return int(number)

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "integer", "minimum": self.minimum}


@dataclass(frozen=True, slots=True)
class Number:
    """An exact decimal of at least zero; `above` excludes zero, `most` is the upper bound."""

    above: bool = False
    most: int | None = None

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the Decimal."""
        try:
            number = decimal_of(value)
        except InvalidNumber as refused:
            report.problem(path, f"is not a number that can be billed: {refused}")
            return BAD
        if number < 0 or (self.above and not number):
            bound = "above zero" if self.above else "zero or more"
            report.problem(path, f"must be {bound}, not {plain(number)}")
            return BAD
        if self.most is not None and number > self.most:
            report.problem(path, f"must be at most {self.most}, not {plain(number)}")
            return BAD
        return number

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema: a number, or its text."""
        bound: dict[str, Any] = {"exclusiveMinimum": 0} if self.above else {"minimum": 0}
        if self.most is not None:
            bound["maximum"] = self.most
        pattern = r"^(-?0+(\.0{1,18})?|0*[0-9]{1,18}(\.[0-9]{1,18})?)$"
        return {"anyOf": [{"type": "number", **bound}, {"type": "string", "pattern": pattern}]}


@dataclass(frozen=True, slots=True)
class UpTo:
    """The upper bound of a tier: a number above zero, or null or "unlimited" for no bound."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the Decimal, or None for no bound."""
        if value is None or (isinstance(value, str) and value == "unlimited"):
            return None
        return Number(above=True).read(value, path, report)

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {
            "anyOf": [
                {"const": "unlimited"},
                {"type": "null"},
                *Number(above=True).schema()["anyOf"],
            ]
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the word."""
        if isinstance(value, str) and value in self.words:
            return plain_text(value)
        near = did_you_mean(value, self.words) if isinstance(value, str) else ""
        report.problem(path, f"must be one of {', '.join(self.words)}, not {shown(value)}", near)
        return BAD

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts by name, for the user's own purposes."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the mapping."""
        if not isinstance(value, Mapping) or not all(
            isinstance(k, str) and isinstance(v, str) for k, v in value.items()
        ):
            report.problem(path, "must be an object of texts")
            return BAD
        labels = {plain_text(k): plain_text(v) for k, v in value.items()}
        for key, text in labels.items():
            wrong = _text_problem(key) or _text_problem(text)
            if wrong is not None:
                report.problem(f"{path}.{printable(key)}", *wrong)
                return BAD
        return labels

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {"type": "object", "additionalProperties": {"type": "string"}}


@dataclass(frozen=True, slots=True)
class Free:
    """Any JSON of at most 10,000 values; kept as it is, numbers exact."""

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give a copy that nobody else holds."""
        try:
            return _Copy().of(value, path, DEEPEST_JSON)
        except InvalidInput as refused:
            for place, texts in refused.fields.items():
                report.problem(place, *texts)
            return BAD

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema: anything."""
        return {}


class _Copy:
    """Copies one value of free JSON, within a size: shared parts can unfold to an endless whole."""

    def __init__(self) -> None:
        self.left = LARGEST_JSON

    def of(self, value: object, path: str, depth: int) -> Any:
        """Give the copy.  Raises InvalidInput with the place."""
        self.left -= 1
        if self.left < 0:
            raise _refusal(path, f"has more than {LARGEST_JSON:,} values", "keep them elsewhere")
        if depth == 0:
            raise _refusal(path, f"is nested deeper than {DEEPEST_JSON} levels", "write it flatter")
        if isinstance(value, Mapping):
            return {_key(k, path): self.of(v, _below(path, k), depth - 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(v, f"{path}[{i}]", depth - 1) for i, v in enumerate(value)]
        if value is None or isinstance(value, bool):
            return value
        return _copied_text(value, path) if isinstance(value, str) else _copied_number(value, path)


def _below(path: str, key: object) -> str:
    return f"{path}.{printable(key, 80)}" if isinstance(key, str) else path


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise _refusal(path, "has a key that is not a text", "quote the key")
    return _copied_text(key, path)


def _copied_text(value: str, path: str) -> str:
    if any(unicodedata.category(c) == "Cs" for c in value):
        raise _refusal(path, "holds half a surrogate pair, which is no text", "take it out")
    return plain_text(value)


def _copied_number(value: object, path: str) -> int | Decimal:
    try:
        number = decimal_of(value)
    except InvalidNumber as refused:
        raise _refusal(path, str(refused), "write a plain number, or a text") from None
    return int(number) if isinstance(value, int) else number


def _refusal(path: str, text: str, cure: str) -> InvalidInput:
    return InvalidInput(text, {path: [text, cure]})
