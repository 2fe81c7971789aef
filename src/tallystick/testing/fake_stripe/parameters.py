"""Parameters, checked against the types that Stripe's own SDK states for each call.

A key that the SDK does not know, a wrong choice, a missing field is a 400, as it is at Stripe.
"""

from __future__ import annotations

import re
import types
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

import stripe
from typing_extensions import get_type_hints, is_typeddict

from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.testing.fake_stripe.form import Tree

__all__ = ["check"]

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_FRACTION: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?", re.ASCII)
_LONGEST: Final = 5_000
_EMPTIED: Final = frozenset({("ProductUpdateParams", "default_price")})
"""What Stripe takes away for an empty text, though the SDK does not state it.

Source: a maintainer's answer in stripe/stripe-python, issue 658.
"""

_OPTIONS: Final = frozenset(stripe.RequestOptions.__annotations__)


def check(tree: Tree, named: str) -> dict[str, Any]:
    """Turn the texts of a call into values of the types that the SDK's `stripe.params.…` states.

    A Decimal stays a text, as Stripe answers it.  Raises Refused with the parameter's name.
    """
    return _table(tree, attrgetter(named)(stripe.params), "")


@cache
def _hints(shape: type) -> dict[str, Any]:
    stated = dict(shape.__annotations__)
    if "stripe_version" in stated:  # a call's own parameters, beside which stand the SDK's options
        stated = {name: hint for name, hint in stated.items() if name not in _OPTIONS}
    own = type(shape.__name__, (), {"__annotations__": stated, "__module__": shape.__module__})
    return get_type_hints(own)


def _table(tree: object, shape: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - a type
    if not isinstance(tree, dict):
        raise Refused("Invalid object", param=where or None)
    hints = _hints(shape)
    for key in tree:
        if key not in hints:
            name = _inside(where, key)
            raise Refused(
                f"Received unknown parameter: {name}", code="parameter_unknown", param=name
            )
    for key in sorted(shape.__required_keys__ & hints.keys()):
        if key not in tree:
            name = _inside(where, key)
            raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return {
        key: ""
        if value == "" and (shape.__name__, key) in _EMPTIED
        else _value(value, hints[key], _inside(where, key))
        for key, value in tree.items()
    }


def _inside(where: str, key: str) -> str:
    return f"{where}[{key}]" if where else key


def _value(value: object, hint: Any, where: str) -> Any:  # noqa: ANN401 - a type, and its value
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return _one_of(value, get_args(hint), where)
    if origin is Literal:
        return _one_of(value, (hint,), where)
    if origin is list:
        return [
            _value(part, get_args(hint)[0], f"{where}[{n}]") for n, part in _parts(value, where)
        ]
    if is_typeddict(hint):
        return _table(value, hint, where)
    if origin is not None or hint is dict:
        return _map(value, get_args(hint), where)
    if hint in _SCALARS:
        return _SCALARS[hint](_text(value, where), where)
    return value


def _parts(value: object, where: str) -> list[tuple[int, object]]:
    if not isinstance(value, dict) or not all(key.isascii() and key.isdigit() for key in value):
        raise Refused("Invalid array", param=where)
    return [(int(key), value[key]) for key in sorted(value, key=int)]


def _map(value: object, of: tuple[Any, ...], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("Invalid object", param=where)
    inner = of[-1] if of else str
    return {
        key: part if part == "" else _value(part, inner, _inside(where, key))
        for key, part in value.items()
    }


def _one_of(value: object, options: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401 - the value
    choices = [c for option in options if get_origin(option) is Literal for c in get_args(option)]
    others = [option for option in options if get_origin(option) is not Literal]
    if value in choices and isinstance(value, str):
        return value
    enum = [choice for choice in choices if choice != ""]
    if enum and all(option is str for option in others):
        said = ", ".join(map(str, enum))
        raise Refused(f"Invalid {where}: must be one of {said}", param=where)
    wanted = [o for o in others if (o in _SCALARS) == isinstance(value, str)] or others
    *firsts, last = sorted(wanted, key=lambda option: option is str)
    for option in firsts:
        try:
            return _value(value, option, where)
        except Refused:
            continue
    return _value(value, last, where)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise Refused("Invalid string", param=where)
    return value


def _string(text: str, where: str) -> str:
    if text == "":
        raise Refused(
            f"You passed an empty string for '{where}'.",
            code="parameter_invalid_empty",
            param=where,
        )
    if len(text) > _LONGEST:
        raise Refused(f"Invalid string: {where} is too long", param=where)
    return text


def _integer(text: str, where: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise Refused(f"Invalid integer: {text}", code="parameter_invalid_integer", param=where)
    return int(text)


def _truth(text: str, where: str) -> bool:
    if text not in {"true", "false"}:
        raise Refused(f"Invalid boolean: {text}", param=where)
    return text == "true"


def _plain(text: str, where: str) -> str:
    if _FRACTION.fullmatch(text) is None:
        raise Refused(f"Invalid decimal: {text}", param=where)
    return text


def _number(text: str, where: str) -> float:
    return float(_plain(text, where))


def _decimal(text: str, where: str) -> str:
    return format(Decimal(_plain(text, where)).normalize(), "f")


_SCALARS: Final[dict[Any, Callable[[str, str], Any]]] = {
    str: _string,
    int: _integer,
    bool: _truth,
    float: _number,
    Decimal: _decimal,
}
