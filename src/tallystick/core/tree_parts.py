"""How plain values, and rows, lists and mappings of them, become JSON and come back.

Each kind is a pair of functions that check as they go: what is written can be read, and nothing
else is.  One writes the text of the canonical JSON, the other reads what a parser made of it.
`core.trees` makes the codecs of whole classes of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
)

from tallystick.core.currency import CODES, Currency
from tallystick.core.frozen import FrozenDict, FrozenTree
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.period import FIRST_YEAR, LAST_YEAR, Period, instant_text, parse_instant
from tallystick.core.plain_values import (
    Fault,
    Step,
    each,
    entries,
    kept_text,
    plain_text,
    read_plain,
    refuse,
    whole,
)
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Codec", "codec_of"]

_PLACES: Final = 100  # digits of a decimal on either side of the point
_OURS: Final = re.compile(
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII
)
_PLAIN: Final = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?", re.ASCII)


class Codec(NamedTuple):
    """How values of one type are written, as JSON text, and read."""

    write: Callable[[Any], str]
    read: Step


# --- scalars ------------------------------------------------------------------------------------


def _write_text(value: object) -> str:
    return encode_basestring(value) if type(value) is str else refuse(value, "a text")


def _text(value: object) -> str:
    return value if type(value) is str else refuse(value, "a text")


def _write_flag(value: object) -> str:
    return "true" if _flag(value) else "false"


def _flag(value: object) -> bool:
    return value if value is True or value is False else refuse(value, "true or false")


def _write_whole(value: object) -> str:
    return str(whole(value))


@lru_cache(maxsize=16_384)
def _instant_text(at: datetime) -> str:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise Fault(f"must be between the years {FIRST_YEAR} and {LAST_YEAR}")
    try:
        return f'"{instant_text(at)}"'
    except InvalidInput as refused:
        raise Fault(f"must be an instant: {refused}") from None


@lru_cache(maxsize=16_384)
def _instant(text: str) -> datetime:
    try:
        if _OURS.fullmatch(text) is not None:
            return datetime.fromisoformat(text)  # several times as fast, for what we wrote
        return parse_instant(text)
    except InvalidInput as refused:
        raise Fault(f"must be an instant: {refused}") from None
    except ValueError as error:
        raise Fault(f"must be an instant: {text!r} is not on the calendar: {error}") from None


def _write_instant(value: object) -> str:
    return _instant_text(value) if type(value) is datetime else refuse(value, "an instant")


def _read_instant(value: object) -> datetime:
    return _instant(value) if type(value) is str else refuse(value, "an instant as text")


def _write_period(value: object) -> str:
    if type(value) is not Period:
        refuse(value, "a period")
    return f"[{_instant_text(value.start)},{_instant_text(value.end)}]"


def _read_period(value: object) -> Period:
    if type(value) is list and len(value) == 2:  # noqa: PLR2004 - its two ends
        start, end = value
        if type(start) is type(end) is str:
            return _period(start, end)
    return refuse(value, "a period: [start, end]")


@lru_cache(maxsize=16_384)
def _period(start: str, end: str) -> Period:
    try:
        return Period(_instant(start), _instant(end))
    except InvalidInput as refused:
        raise Fault(f"must be a period: {refused}") from None


def _write_decimal(value: object) -> str:
    if type(value) is not Decimal or not value.is_finite():
        refuse(value, "a finite Decimal")
    if value and not -_PLACES <= value.adjusted() < _PLACES:
        raise Fault(f"must have at most {_PLACES} digits on either side of the point")
    text = plain(value)
    if len(text) > _PLACES and _PLAIN.fullmatch(text) is None:
        raise Fault(f"must have at most {_PLACES} digits on either side of the point")
    return f'"{text}"'


def _read_decimal(value: object) -> Decimal:
    if type(value) is not str or _PLAIN.fullmatch(value) is None:
        refuse(value, "a decimal as plain text, such as '0.25'")
    return Decimal(value)


def _write_currency(value: object) -> str:
    return f'"{value.code}"' if type(value) is Currency else refuse(value, "a currency")


def _read_currency(value: object) -> Currency:
    found = CODES.get(value) if type(value) is str else None
    return found or refuse(value, "the code of a currency")


def _write_money(value: object) -> str:
    return str(value.minor) if type(value) is Money else refuse(value, "money")


_SCALARS: Final[dict[Any, Codec]] = {
    str: Codec(_write_text, _text),
    bool: Codec(_write_flag, _flag),
    int: Codec(_write_whole, whole),
    datetime: Codec(_write_instant, _read_instant),
    Period: Codec(_write_period, _read_period),
    Decimal: Codec(_write_decimal, _read_decimal),
    Currency: Codec(_write_currency, _read_currency),
    Money: Codec(_write_money, whole),
    Any: Codec(plain_text, read_plain),
}


# --- what is made of them -----------------------------------------------------------------------


def codec_of(hint: Any, known: Callable[[Any], Codec]) -> Codec:  # noqa: ANN401 - a hint is anything
    """Work out how values of an annotation are written and read; `known` answers for classes."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _words(parts)
    if origin is Union or origin is UnionType:
        return _union(parts, known)
    if origin is tuple and parts[-1] is Ellipsis:
        return _list(codec_of(parts[0], known))
    if origin is tuple:
        return _row([codec_of(part, known) for part in parts])
    if origin is Mapping:
        return _object(codec_of(parts[1], known))
    return known(hint)


def _words(words: tuple[str, ...]) -> Codec:
    known = frozenset(words)

    def word(value: object) -> str:
        if type(value) is str and value in known:
            return value
        return refuse(value, f"one of {', '.join(words)}")

    return Codec(lambda value: f'"{word(value)}"', word)


def _union(parts: tuple[Any, ...], known: Callable[[Any], Codec]) -> Codec:
    """Allow None beside one type; two lists of words are one."""
    rest = [part for part in parts if part is not NoneType]
    if all(get_origin(part) is Literal for part in rest):
        one = _words(tuple(word for part in rest for word in get_args(part)))
    else:
        (only,) = rest
        one = codec_of(only, known)
    if len(rest) == len(parts):
        return one
    to_text, from_tree = one
    return Codec(
        lambda value: "null" if value is None else to_text(value),
        lambda value: None if value is None else from_tree(value),
    )


def _list(one: Codec) -> Codec:
    def write(value: object) -> str:
        if type(value) is not tuple:
            refuse(value, "a tuple")
        return f"[{','.join(each(value, one.write))}]"

    def read(value: object) -> tuple[Any, ...]:
        return tuple(each(value, one.read)) if type(value) is list else refuse(value, "a list")

    return Codec(write, read)


def _row(columns: list[Codec]) -> Codec:
    """Write and read a tuple of a fixed length."""
    what = f"a list of {len(columns)}"

    def pick(steps: Sequence[Step], value: Any) -> list[Any]:  # noqa: ANN401 - checked by the callers
        pairs = zip(steps, value, strict=True)
        return each(pairs, lambda pair: pair[0](pair[1]))

    writers, readers = [column.write for column in columns], [column.read for column in columns]

    def write(value: object) -> str:
        fits = type(value) is tuple and len(value) == len(columns)
        return f"[{','.join(pick(writers, value))}]" if fits else refuse(value, what)

    def read(value: object) -> tuple[Any, ...]:
        fits = type(value) is list and len(value) == len(columns)
        return tuple(pick(readers, value)) if fits else refuse(value, what)

    return Codec(write, read)


def _object(one: Codec) -> Codec:
    def write(value: object) -> str:
        if type(value) is FrozenTree:
            return kept_text(value, fresh)
        return fresh(value)

    def fresh(value: object) -> str:
        if not isinstance(value, Mapping):
            refuse(value, "a mapping")
        written = entries(value, one.write)
        return f"{{{','.join(f'{encode_basestring(key)}:{text}' for key, text in written)}}}"

    def read(value: object) -> FrozenDict[str, Any]:
        if not isinstance(value, dict):
            refuse(value, "an object")
        return FrozenDict(entries(value, one.read)) if value else FrozenDict()

    return Codec(write, read)
