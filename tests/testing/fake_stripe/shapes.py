"""Whether an answer has the shape that the official SDK states for its object."""

from __future__ import annotations

import types
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ForwardRef, Literal, Union, get_args, get_origin

from stripe import StripeObject
from stripe._object_classes import get_object_class

if TYPE_CHECKING:
    from collections.abc import Iterator

SIMPLE: dict[Any, Any] = {str: str, int: int, bool: bool, float: (int, float), Decimal: str}


def misfits(answer: object, where: str = "") -> list[str]:
    """List where an answer, or an object within it, differs from what the SDK states."""
    return list(_object(answer, where))


def _object(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    where = where or str(value["object"])
    if value["object"] == "list":
        for number, part in enumerate(value["data"]):
            yield from _object(part, f"{where}[{number}]")
        return
    yield from _fields(value, get_object_class("V1", value["object"]), where)


def _fields(value: dict[str, Any], shape: Any, where: str) -> Iterator[str]:
    hints = {k: v for k, v in shape.__annotations__.items() if k != "OBJECT_NAME"}
    for name in value.keys() - hints.keys():
        yield f"{where}.{name} is no field of {shape.__name__}"
    for name, hint in hints.items():
        if name in value:
            yield from _value(value[name], hint, f"{where}.{name}")
        elif not _optional(hint) and name != "deleted":
            yield f"{where}.{name} is missing"


def _optional(hint: Any) -> bool:
    return "Optional" in str(hint) or type(None) in get_args(hint)


def _value(value: Any, hint: Any, where: str) -> Iterator[str]:  # noqa: C901 - a table of types
    if isinstance(hint, str | ForwardRef) or hint is Any:
        return
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        yield from _one_of(value, inner, where)
    elif origin is Literal:
        if value not in inner:
            yield f"{where} is {value!r}, not one of {inner}"
    elif origin is list:
        for number, part in enumerate(value):
            yield from _value(part, inner[0], f"{where}[{number}]")
    elif hint in SIMPLE:
        if not isinstance(value, SIMPLE[hint]) or (hint is int and isinstance(value, bool)):
            yield f"{where} is {value!r}, not {hint.__name__}"
    elif isinstance(value, dict) and isinstance(value.get("object"), str):
        yield from _object(value, where)
    elif isinstance(hint, type) and issubclass(hint, StripeObject) and hint.__annotations__:
        yield from _fields(value, hint, where) if isinstance(value, dict) else [f"{where} is flat"]


def _one_of(value: Any, options: tuple[Any, ...], where: str) -> Iterator[str]:
    if value is None:
        if type(None) not in options:
            yield f"{where} is null"
        return
    literals = [o for o in options if get_origin(o) is Literal]
    if literals:
        yield from _value(value, literals[0], where)
        return
    if isinstance(value, dict) and isinstance(value.get("object"), str):
        yield from _object(value, where)
        return
    tried = [list(_value(value, o, where)) for o in options if o is not type(None)]
    yield from min(tried, key=len)
