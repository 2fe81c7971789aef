"""The predicate tree as frozen values, and back to plain JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

from tallystick.core.rules.values import written

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.core.rules.schema import Kind
    from tallystick.core.rules.values import Value

__all__ = ["All", "Any", "Comparison", "Not", "Operator", "Rule", "Window", "to_tree"]

Operator: TypeAlias = Literal[
    "eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "exists", "starts_with"
]
"""How an attribute is compared with a value."""


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these must hold."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of these must hold."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The one that must not hold.  What is not known stays not known."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Comparison:
    """One attribute beside one value, or beside several for `in` and `not_in`.

    `value` is None for `exists` only.  `kind` is what the attribute was declared as.
    """

    attr: str
    op: Operator
    value: Value | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Window:
    """The instant of asking lies in [start, until); None is open on that side."""

    start: datetime | None
    until: datetime | None


Rule: TypeAlias = All | Any | Not | Comparison | Window
"""A predicate tree, or any branch or leaf of one."""


def to_tree(rule: Rule) -> dict[str, object]:
    """Write a rule as the plain tree that `parse` reads back to an equal rule."""
    match rule:
        case All(rules):
            return {"all": [to_tree(each) for each in rules]}
        case Any(rules):
            return {"any": [to_tree(each) for each in rules]}
        case Not(inner):
            return {"not": to_tree(inner)}
        case Window(start, until):
            sides = {"from": start, "until": until}
            return {"window": {k: written(v) for k, v in sides.items() if v is not None}}
        case Comparison(attr, op, value):
            found: dict[str, object] = {"attr": attr, "op": op}
            return found if value is None else {**found, "value": written(value)}
        case _:
            assert_never(rule)
