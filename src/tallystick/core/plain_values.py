"""Plain JSON values: their canonical text, frozen copies of them, and what is wrong with one.

What is no plain value is refused with the way to it: a float, a whole number of 2^63 or more, a key
that is no text, an object of a class, what is nested too deep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

from tallystick.core.frozen import FrozenDict, FrozenTree
from tallystick.core.property import shown
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Fault",
    "Step",
    "each",
    "entries",
    "kept_text",
    "plain_text",
    "read_plain",
    "refuse",
    "whole",
]

Step: TypeAlias = Callable[[Any], Any]
"""What is done with a value; what it is given has no type until it has checked it."""

_BOUND: Final = 2**63
_DEEPEST: Final = 50
_USUAL: Final = re.compile(r"[a-z_]+", re.ASCII).fullmatch  # keys that are sorted and quoted as is


class Fault(Exception):
    """What is wrong with a value, and the way to it from the inside out."""

    def __init__(self, text: str, step: str = "") -> None:
        """Keep what is wrong, and the last step to it."""
        super().__init__(text)
        self.text = text
        self.steps = [step] if step else []

    def under(self, step: str) -> Fault:
        """Add the step that leads to it from without."""
        self.steps.append(step)
        return self

    def refusal(self) -> InvalidInput:
        """Make the error for callers: the path, and what is wrong there."""
        path = "".join(reversed(self.steps)).lstrip(".")
        return InvalidInput(f"{path or 'the value'} {self.text}", {path: [self.text]})


def refuse(value: object, what: str) -> NoReturn:
    """Refuse a value: say what it must be, and what it is."""
    raise Fault(f"must be {what}, not {shown(value)}")


# --- plain values ---------------------------------------------------------------------------------


def whole(value: object) -> int:
    """Take a whole number below 2^63 on either side of zero; a bool is none."""
    if type(value) is int and -_BOUND < value < _BOUND:
        return value
    refuse(value, "a whole number below 2^63")


def plain_text(value: object) -> str:
    """Write plain JSON values as the text of their canonical JSON.

    Raises Fault, with the way to it, for what is none: a float, a whole number of 2^63 or more,
    a key that is no text, an object of a class, what is nested more than 50 levels deep.
    """
    if type(value) is FrozenTree:
        return kept_text(value, _any_text)
    return _any_text(value)


def kept_text(tree: FrozenTree, write: Callable[[Any], str]) -> str:
    """Write a tree that changes no more, once."""
    try:
        return tree.text
    except AttributeError:
        tree.text = write(tree)
        return tree.text


def _any_text(value: object) -> str:
    try:
        return _written(value, _DEEPEST)
    except TypeError:
        return _JSON.encode(_plain(value, dict, _DEEPEST))  # or it says what is wrong, and where


def _written(value: object, depth: int) -> str:
    """Write what is usual: texts, small numbers, lists, objects with plain keys.  Or TypeError."""
    if type(value) is str:
        return encode_basestring(value)
    kind = type(value)
    if depth and (kind is list or kind is tuple):
        parts = [
            encode_basestring(entry) if type(entry) is str else _written(entry, depth - 1)
            for entry in cast("list[object]", value)
        ]
        return f"[{','.join(parts)}]"
    if depth and isinstance(value, dict) and all(map(_USUAL, value)):
        parts = [f'"{key}":{_written(value[key], depth - 1)}' for key in sorted(value)]
        return f"{{{','.join(parts)}}}"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int and -_BOUND < cast("int", value) < _BOUND:
        return str(value)
    raise TypeError


_JSON: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def read_plain(value: object) -> object:
    """Copy plain JSON values as `plain_text` takes them; objects become frozen ones."""
    return _plain(value, FrozenDict, _DEEPEST)


def _plain(value: object, shape: type[dict[str, object]], depth: int) -> object:
    """Copy plain JSON values, the keys in canonical order; objects become `shape`."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return whole(value)
    if depth == 0:
        raise Fault(f"is nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        return shape(entries(value, lambda entry: _plain(entry, shape, depth - 1)))
    if isinstance(value, (list, tuple)):
        return each(value, lambda entry: _plain(entry, shape, depth - 1))
    refuse(value, "plain JSON: a text, a whole number, true, false, null, a list or an object")


def entries(value: Mapping[Any, Any], step: Step) -> Iterable[tuple[str, Any]]:
    """Take each value of a mapping, in the canonical order of its keys, which are texts."""
    keys: list[Any] = list(value)
    if not all(type(key) is str for key in keys):
        raise Fault("must have texts as keys")
    if len(keys) > 1:
        keys.sort(key=encode_basestring)  # as canonical JSON has them: by what is written
    for key in keys:
        try:
            yield key, step(value[key])
        except Fault as fault:
            raise fault.under(f".{key[:80]}") from None


def each(values: Iterable[Any], step: Step) -> list[Any]:
    """Take each value of a list; a fault is told with its place."""
    done: list[Any] = []
    try:
        for value in values:
            done.append(step(value))  # noqa: PERF401 - its length says which one was refused
    except Fault as fault:
        raise fault.under(f"[{len(done)}]") from None
    return done
