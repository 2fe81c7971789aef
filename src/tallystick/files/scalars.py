"""Number tokens as values, and the checks every tree of a text format goes through."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from tallystick.core.bad_number import BadNumber
from tallystick.core.number import RATE_DECIMALS, parse_number
from tallystick.errors import InvalidNumber, Problem
from tallystick.files.refusal import MOST_PROBLEMS, Refused, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

__all__ = [
    "MOST_DEPTH",
    "MOST_VALUES",
    "Repeated",
    "check_tree",
    "join",
    "number",
    "shorten",
    "too_deep",
]

MOST_DEPTH: Final = 100
"""How deep a document may be nested."""

MOST_VALUES: Final = 400_000
"""How many values a document may hold: some ten thousand plans."""

_LONGEST: Final = 40
_SHOWN: Final = 24
_LEADING_ZERO: Final = re.compile(r"-?0[0-9]", re.ASCII)
_EXPONENT: Final = re.compile(r"[0-9.]e[-+0-9]")
_DIGITS: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_DATES: Final = (dt.date, dt.time)


def number(token: str) -> int | Decimal | BadNumber:
    """Read the token of a number; whole ones give int, those with a point Decimal.

    The length is looked at first.  What is no plain decimal becomes a BadNumber.
    """
    if len(token) > _LONGEST:
        return BadNumber(shorten(token), f"is too long ({len(token)} characters)")
    reason = _wrong_form(token)
    if reason is not None:
        return BadNumber(shorten(token), reason)
    try:
        value = parse_number(token, decimals=RATE_DECIMALS)
    except InvalidNumber:
        return BadNumber(shorten(token), _wrong_size(token))
    return value if "." in token else int(value)


def _wrong_form(token: str) -> str | None:
    if not token.isascii():
        return "is not written in the digits 0 to 9"
    if "_" in token:
        return "has underscores; write the digits only, or quote it if it is a text"
    lower = token.lower()
    if lower.lstrip("+-.") in {"nan", "inf", "infinity"}:
        return "is not a finite number; leave the field out for no limit"
    if lower.lstrip("+-")[:2] in {"0x", "0o", "0b"}:
        return "is not decimal; write decimal digits, or quote it if it is a text"
    if _EXPONENT.search(lower):
        return "has an exponent; write the digits out, or quote it if it is a text"
    if token.startswith("+"):
        return "has a plus sign; leave it out"
    if _LEADING_ZERO.match(token):
        return "begins with a zero; leave it out, or quote it if it is a text"
    if token.lstrip("-").startswith(".") or token.endswith("."):
        return "needs a digit on both sides of its point"
    return None


def _wrong_size(token: str) -> str:
    if _DIGITS.fullmatch(token):
        return f"has more than 18 digits before its point, or {RATE_DECIMALS} after it"
    return "is not a number such as 12 or 0.25"


def shorten(text: str, most: int = _SHOWN) -> str:
    """Cut a text for a message."""
    return text if len(text) <= most else f"{text[:most]}…"


def join(path: str, key: str | int) -> str:
    """Write the path of a member: `products[0]`, then `products[0].id`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = shorten(key, 80)
    return f"{path}.{name}" if path else name


class Repeated(dict[str, object]):
    """An object of a document that has a key twice; it is told of once its path is known."""

    def __init__(self, pairs: Sequence[tuple[str, object]]) -> None:
        """Keep the pairs as they stood."""
        super().__init__(pairs)
        self.pairs = pairs

    def keys_twice(self) -> list[str]:
        """Give the keys that stand more than once."""
        return [key for key, count in Counter(key for key, _ in self.pairs).items() if count > 1]


def check_tree(tree: object, lines: Mapping[str, int] | None = None) -> None:
    """Refuse what no catalogue holds: texts that are no text, dates, too many values, deep nesting.

    Raises Refused with every place.
    """
    problems: list[Problem] = []
    for path, value in _walk(tree):
        if isinstance(value, Repeated):
            twice = ("stands twice in one object", "keep one of them")
            problems += [Problem(join(path, key), *twice) for key in value.keys_twice()]
        text = _wrong_value(value)
        if text is not None:
            problems.append(Problem(path, *text, line=(lines or {}).get(path)))
            if len(problems) > MOST_PROBLEMS:
                break
    if problems:
        raise Refused(problems)


def _walk(tree: object) -> Iterator[tuple[str, object]]:
    """Give every value with its path, in document order, without recursion."""
    waiting: list[tuple[str, object, int]] = [("", tree, 0)]
    count = 0
    while waiting:
        path, value, depth = waiting.pop()
        yield path, value
        if not isinstance(value, dict | list | tuple):
            continue
        count += len(value)
        if count > MOST_VALUES:
            raise refuse(f"holds more than {MOST_VALUES} values", "split the file")
        if depth >= MOST_DEPTH:
            raise too_deep(path=path)
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        below = [(join(path, key), member, depth + 1) for key, member in entries]
        waiting.extend(reversed(below))


def too_deep(path: str = "", line: int | None = None) -> Refused:
    """Make the refusal of a document that is nested too deeply."""
    text = f"is nested more than {MOST_DEPTH} deep"
    return refuse(text, "write it flatter", path=shorten(path, 200), line=line)


def _wrong_value(value: object) -> tuple[str, str] | None:
    if isinstance(value, str):
        return _wrong_text(value)
    if isinstance(value, dict):
        return next((wrong for key in value if (wrong := _wrong_key(key))), None)
    if isinstance(value, _DATES):
        return "is a date or a time, which no field takes", "quote it if it is a text"
    return None


def _wrong_key(key: object) -> tuple[str, str] | None:
    if not isinstance(key, str):
        return f"has the key {key!r:.40}, which is no text", "quote the key"
    return _wrong_text(key)


def _wrong_text(text: str) -> tuple[str, str] | None:
    if _NO_TEXT.search(text) is None:
        return None
    return "holds a NUL or half a surrogate pair, which is no text", "remove the \\u escape"
