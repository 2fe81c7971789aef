"""How plain values, and rows, lists and mappings of them, become JSON and come back.

Each kind is a pair of functions that check as they go: what is written can be read, and nothing
else is.  One writes the text of the canonical JSON, the other reads what a parser made of it.
`core.trees` makes the codecs of whole classes of these.
"""

from __future__ import annotations

import json
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
    NoReturn,
    TypeAlias,
    Union,
    cast,
    get_args,
    get_origin,
)

from tallystick.core.currency import CODES, Currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.period import FIRST_YEAR, LAST_YEAR, Period, instant_text, parse_instant
from tallystick.core.property import shown
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Codec", "Fault", "codec_of", "plain_text", "refuse"]

Step: TypeAlias = Callable[[Any], Any]
"""One way of a codec; what it is given has no type until it has checked it."""

_BOUND: Final = 2**63
_DEEPEST: Final = 50
_PLACES: Final = 100  # digits of a decimal on either side of the point
_OURS: Final = re.compile(
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII
)
_USUAL: Final = re.compile(r"[a-z_]+", re.ASCII).fullmatch  # keys that are sorted and quoted as is
_PLAIN: Final = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?", re.ASCII)


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
    return str(_whole(value))


def _whole(value: object) -> int:
    if type(value) is int and -_BOUND < value < _BOUND:
        return value
    refuse(value, "a whole number below 2^63")


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
    refuse(value, "a period: [start, end]")


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


def plain_text(value: object) -> str:
    """Write plain JSON values as the text of their canonical JSON.

    Raises Fault, with the way to it, for what is none: a float, a whole number of 2^63 or more,
    a key that is no text, an object of a class, what is nested more than 50 levels deep.
    """
    try:
        return _written(value, _DEEPEST)
    except TypeError:
        return _JSON.encode(_plain(value, dict, _DEEPEST))  # or it says what is wrong, and where


def _written(value: object, depth: int) -> str:
    """Write what is usual: texts, small numbers, lists, objects with plain keys.  Or TypeError."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if depth and (kind is list or kind is tuple):
        parts = [
            encode_basestring(entry) if type(entry) is str else _written(entry, depth - 1)
            for entry in cast("list[object]", value)
        ]
        return f"[{','.join(parts)}]"
    if depth and isinstance(value, dict) and all(map(_USUAL, value)):
        parts = [f'"{key}":{_written(value[key], depth - 1)}' for key in sorted(value)]
        return f"{{{','.join(parts)}}}"
    if value is None or kind is bool:
        return _WORDS[value]
    if kind is int and -_BOUND < cast("int", value) < _BOUND:
        return str(value)
    raise TypeError


_WORDS: Final = {None: "null", True: "true", False: "false"}
_JSON: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def _read_plain(value: object) -> object:
    return _plain(value, FrozenDict, _DEEPEST)


def _plain(value: object, shape: type[dict[str, object]], depth: int) -> object:
    """Copy plain JSON values, the keys in canonical order; objects become `shape`."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return _whole(value)
    if depth == 0:
        raise Fault(f"is nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        return shape(_entries(value, lambda entry: _plain(entry, shape, depth - 1)))
    if isinstance(value, (list, tuple)):
        return _each(value, lambda entry: _plain(entry, shape, depth - 1))
    refuse(value, "plain JSON: a text, a whole number, true, false, null, a list or an object")


def _entries(value: Mapping[Any, Any], step: Step) -> Iterable[tuple[str, Any]]:
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


def _each(values: Iterable[Any], step: Step) -> list[Any]:
    done: list[Any] = []
    try:
        for value in values:
            done.append(step(value))  # noqa: PERF401 - its length says which one was refused
    except Fault as fault:
        raise fault.under(f"[{len(done)}]") from None
    return done


_SCALARS: Final[dict[Any, Codec]] = {
    str: Codec(_write_text, _text),
    bool: Codec(_write_flag, _flag),
    int: Codec(_write_whole, _whole),
    datetime: Codec(_write_instant, _read_instant),
    Period: Codec(_write_period, _read_period),
    Decimal: Codec(_write_decimal, _read_decimal),
    Currency: Codec(_write_currency, _read_currency),
    Money: Codec(_write_money, _whole),
    Any: Codec(plain_text, _read_plain),
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
        refuse(value, f"one of {', '.join(words)}")

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
        return f"[{','.join(_each(value, one.write))}]"

    def read(value: object) -> tuple[Any, ...]:
        return tuple(_each(value, one.read)) if type(value) is list else refuse(value, "a list")

    return Codec(write, read)


def _row(columns: list[Codec]) -> Codec:
    """Write and read a tuple of a fixed length."""
    what = f"a list of {len(columns)}"

    def pick(steps: Sequence[Step], value: Any) -> list[Any]:  # noqa: ANN401 - checked by the callers
        pairs = zip(steps, value, strict=True)
        return _each(pairs, lambda pair: pair[0](pair[1]))

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
        if not isinstance(value, Mapping):
            refuse(value, "a mapping")
        entries = _entries(value, one.write)
        return f"{{{','.join(f'{encode_basestring(key)}:{text}' for key, text in entries)}}}"

    def read(value: object) -> FrozenDict[str, Any]:
        if not isinstance(value, dict):
            refuse(value, "an object")
        return FrozenDict(_entries(value, one.read)) if value else FrozenDict()

    return Codec(write, read)
