"""Reading one comparison: a declared attribute, an operator of its kind, a value of its kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from numbers import Real
from typing import TYPE_CHECKING, Final, cast, get_args

from tallystick.core.rules.schema import nearest, snake
from tallystick.core.rules.tree import Comparison, Operator
from tallystick.core.rules.values import KIND_NOUNS, KIND_WORDS, named, quoted, read, word_for
from tallystick.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.rules.schema import Kind, Schema
    from tallystick.core.rules.values import Value

__all__ = ["KEYS", "MAX_TEXT", "MAX_VALUES", "Leaves", "Report"]

MAX_VALUES: Final = 1000
"""How many values an `in` or `not_in` may list."""
MAX_TEXT: Final = 1000
"""How many characters a value may have."""
KEYS: Final = ("attr", "op", "value")
"""The keys of a comparison."""

_TOLD: Final = 10
_OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
_ORDER: Final[tuple[Operator, ...]] = ("lt", "le", "gt", "ge")
_OPERATORS_OF: Final[Mapping[Kind, tuple[Operator, ...]]] = {
    "text": ("eq", "ne", "in", "not_in", "exists", "starts_with"),
    "number": ("eq", "ne", *_ORDER, "in", "not_in", "exists"),
    "boolean": ("eq", "ne", "exists"),
    "instant": ("eq", "ne", *_ORDER, "exists"),
    "text_list": ("in", "not_in", "exists"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """The problems found so far, in the order in which they stand."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, path: str, text: str, cure: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(path, text, cure))

    def strange_keys(
        self, node: Mapping[object, object], allowed: Sequence[str], path: str
    ) -> None:
        """Note the first few keys that do not belong here."""
        strange = (key for key in node if key not in allowed)
        for key in islice(strange, _TOLD):
            cure = nearest(key, allowed) if isinstance(key, str) else ""
            known = f"known here: {', '.join(allowed)}"
            self.add(f"{path}.{named(key)}", f"unknown key {quoted(key)}", cure or known)


@dataclass(frozen=True, slots=True)
class Leaves:
    """Reads the comparisons of one tree."""

    schema: Schema
    report: Report

    def comparison(self, node: Mapping[object, object], path: str) -> Comparison | None:
        """Read an attribute, an operator and the value or values it takes."""
        found = self.attribute(node, path)
        op = self.operator(node, path)
        if found is None or op is None:
            return None
        attr, kind = found
        if op not in _OPERATORS_OF[kind]:
            cure = f"it takes {', '.join(_OPERATORS_OF[kind])}"
            self.report.add(
                f"{path}.op", f"{op} does not apply to {attr}, {KIND_NOUNS[kind]}", cure
            )
            return None
        if op == "exists":
            self.no_operand(node, path)
            return Comparison(attr, op, None, kind)
        value = self.operand(op, kind, node, path)
        return None if value is None else Comparison(attr, op, value, kind)

    def attribute(self, node: Mapping[object, object], path: str) -> tuple[str, Kind] | None:
        """Read the name of a declared attribute."""
        place, name = f"{path}.attr", node.get("attr")
        if not isinstance(name, str):
            text = f"the name of an attribute is a text, not {word_for(name)}"
            self.report.add(place, text if "attr" in node else "is missing")
            return None
        found = self.schema.find(name)
        if found is None:
            cure = nearest(name, self.schema.attributes)
            known = f"declared are {', '.join(self.schema.attributes)}"
            self.report.add(place, f"unknown attribute {quoted(name)}", cure or known)
        return found

    def operator(self, node: Mapping[object, object], path: str) -> Operator | None:
        """Read the operator."""
        given = node.get("op")
        name = snake(given[:MAX_TEXT]) if isinstance(given, str) else ""
        op = next((op for op in _OPERATORS if op == name), None)
        if op is None:
            text = f"unknown operator {quoted(given)}" if "op" in node else "is missing"
            cure = nearest(name, _OPERATORS) or f"known are {', '.join(_OPERATORS)}"
            self.report.add(f"{path}.op", text, cure)
        return op

    def no_operand(self, node: Mapping[object, object], path: str) -> None:
        """Refuse a value beside `exists`."""
        if "value" in node:
            cure = "leave it out; for the opposite, wrap the comparison in not"
            self.report.add(f"{path}.value", "exists takes no value", cure)

    def operand(
        self, op: Operator, kind: Kind, node: Mapping[object, object], path: str
    ) -> Value | None:
        """Read what the attribute is compared with."""
        place = f"{path}.value"
        if "value" not in node:
            self.report.add(place, "is missing", f"{op} needs a value to compare with")
            return None
        if op in {"in", "not_in"}:
            return self.values("text" if kind == "text_list" else kind, node["value"], place)
        value = self.value(kind, node["value"], place)
        if op == "starts_with" and value == "":
            self.report.add(place, "every text starts with the empty text")
        return value

    def values(self, kind: Kind, inside: object, path: str) -> Value | None:
        """Read the list of an `in` or `not_in`."""
        if not isinstance(inside, list | tuple) or not inside:
            found = "an empty one" if isinstance(inside, list | tuple) else word_for(inside)
            self.report.add(path, f"needs a list of values, not {found}")
            return None
        if len(inside) > MAX_VALUES:
            text = f"has {len(inside)} values; at most {MAX_VALUES} are read"
            self.report.add(path, text)
            return None
        told = len(self.report.problems) + _TOLD
        found_values: list[Value | None] = []
        for i, each in enumerate(inside):
            found_values.append(self.value(kind, each, f"{path}[{i}]"))
            if len(self.report.problems) >= told:
                break
        return None if None in found_values else cast("tuple[str | Decimal, ...]", (*found_values,))

    def value(self, kind: Kind, inside: object, path: str) -> Value | None:
        """Read one value of the attribute's kind."""
        value = read(kind, _exact(inside) if kind == "number" else inside)
        if value is None:
            found = quoted(inside) if isinstance(inside, str) else word_for(inside)
            self.report.add(path, f"needs {KIND_WORDS[kind]}, not {found}")
        elif isinstance(value, str) and len(value) > MAX_TEXT:
            text = f"has {len(value)} characters; at most {MAX_TEXT} are read"
            self.report.add(path, text)
            return None
        return value

    def instant(self, inside: object, path: str) -> datetime | None:
        """Read one end of a window."""
        value = self.value("instant", inside, path)
        return value if isinstance(value, datetime) else None


def _exact(value: object) -> object:
    """Read an inexact number of a tree written as code by its shortest text, as catalogues are."""
    if isinstance(value, int) or not isinstance(value, Real):
        return value
    try:
        return Decimal(repr(value))
    except InvalidOperation:
        return value
