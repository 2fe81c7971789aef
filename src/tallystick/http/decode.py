"""From the bytes of a request to plain trees of events, with every number exact.

Nothing here builds more than a bounded body can hold, whatever the body says: what is packed is
unpacked up to a bound, a long document is measured before it is read, and an event that is larger
than any event is refused unread.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from tallystick.core.bad_number import BadNumber
from tallystick.errors import BadRequest, InvalidInput, InvalidUsage, PayloadTooLarge
from tallystick.files.scalars import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "MOST_BYTES",
    "MOST_EVENTS",
    "Form",
    "form_of",
    "inflated",
    "portions_of",
    "single",
]

Form: TypeAlias = Literal["json", "lines"]
"""How a body is laid out: one JSON document, or one on each line."""

MOST_EVENTS: Final = 10_000
"""The most events a request may hold."""
MOST_BYTES: Final = 10_000_000
"""The most bytes the body of a request may have, packed and unpacked."""

_FORMS: Final[dict[str, Form]] = {
    "": "json",
    "application/json": "json",
    "application/cloudevents+json": "json",
    "application/cloudevents-batch+json": "json",
    "application/x-ndjson": "lines",
    "application/jsonl": "lines",
}
_GZIP: Final = 16 + zlib.MAX_WBITS
_LONG: Final = 256 * 1024  # up to here a list is read at once: it cannot become much
_LARGE: Final = 4096  # from here on an event is measured before it is read
_LARGEST: Final = 1_000_000  # 50 properties of 1,100 characters, each written as two escapes
_AT_ONCE: Final = 1_000
_BYTES_AT_ONCE: Final = 1_000_000
_MOST_VALUES: Final = 100  # 50 properties, the fields around them, and some attributes
_MOST_TOKENS: Final = 200_000  # brackets and commas of 10,000 events, and as many again
_LONGEST: Final = 40
_MARK: Final = b"\xef\xbb\xbf"
_START: Final = re.compile(rb"[ \t\r\n]*([\[{])")
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TO_COMMA: Final = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+([\[\]{},])", re.DOTALL)
_TO_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+([\[\]{}])", re.DOTALL)
_COMMA: Final = re.compile(_STRING + rb"?|,", re.DOTALL)
_NO_WORD: Final = re.compile(rb"(" + _STRING + rb"?)|-Infinity|Infinity|NaN", re.DOTALL)
_STAND_INS: Final = {b"NaN": b"0e1111111", b"Infinity": b"0e1111112", b"-Infinity": b"0e1111113"}
_MEANT: Final = {stand_in.decode(): word.decode() for word, stand_in in _STAND_INS.items()}
_BLANK_COLONS: Final = (b" :", b"\t:", b"\n:", b"\r:")
_NO_JSON: Final = (msgspec.MsgspecError, ValueError, RecursionError)

_Item: TypeAlias = bytes | memoryview  # of one event, as they stand in the body


# --- headers --------------------------------------------------------------------------------------


def form_of(content_type: str) -> Form:
    """Tell the form of a body by its Content-Type; none at all means JSON.  Raises BadRequest."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    form = _FORMS.get(kind)
    if form is None:
        known = ", ".join(filter(None, _FORMS))
        raise BadRequest(f"Content-Type {kind[:80]!r} is not read here; send one of {known}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            raise BadRequest(f"charset {value[:40]!r} is not read here; send UTF-8")
    return form


def inflated(body: bytes, encoding: str, *, most: int = MOST_BYTES) -> bytes:
    """Unpack a body by its Content-Encoding: gzip, or none.

    Unpacking ends at the bound, so that a small body cannot become a large one in memory.
    Raises BadRequest for what is not gzip, PayloadTooLarge.
    """
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise BadRequest(f"Content-Encoding {coding[:40]!r} is not read here; send gzip or none")
    parts, room = [], most
    while body:
        inflater = zlib.decompressobj(_GZIP)
        try:
            part = inflater.decompress(body, room + 1)
        except zlib.error:
            raise BadRequest("the body is not gzip, though its Content-Encoding says so") from None
        room -= len(part)
        if room < 0:
            raise PayloadTooLarge(f"the body unpacks to more than {most} bytes; send less")
        if not inflater.eof:
            raise BadRequest("the gzip body ends too early")
        parts.append(part)
        body = inflater.unused_data
    return b"".join(parts)


# --- items ----------------------------------------------------------------------------------------


def single(body: bytes, form: Form) -> bool:
    """Whether a body is one event by itself, whose refusal is then the refusal of the request."""
    found = _START.match(body.removeprefix(_MARK)) if form == "json" else None
    return found is not None and found[1] == b"{"


def portions_of(body: bytes, form: Form) -> Iterator[Sequence[object]]:
    """Read the events of a body into plain values, so many as are held in memory at once.

    An event, a list of them, or one on each line.  What is wrong inside an event is an InvalidUsage
    in its place, and costs no other.  Numbers are ints and Decimals; one that is no plain number is
    a BadNumber.

    Raises InvalidInput for a body that is no list of events, PayloadTooLarge for too many of them.
    """
    body = body.removeprefix(_MARK)
    trees = _read_at_once(body) if form == "json" and len(body) <= _LONG else None
    if trees is not None:
        yield from (trees[start : start + _AT_ONCE] for start in range(0, len(trees), _AT_ONCE))
        return
    items = _items_of(body, form)
    start = size = 0
    for place, item in enumerate(items):
        length = len(memoryview(item))
        if place > start and (place - start == _AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield [_tree_of(each) for each in items[start:place]]
            start, size = place, 0
        size += length
    if start < len(items):
        yield [_tree_of(each) for each in items[start:]]


def _read_at_once(body: bytes) -> Sequence[object] | None:
    """Read a list in which nothing is unusual; None: it needs to be looked at closely."""
    try:
        tree: object = _VALUES.decode(body)
    except _NO_JSON:
        return None
    if not isinstance(tree, list) or not _each_key_once(body, tree):
        return None
    if len(tree) > MOST_EVENTS:
        raise _too_many()
    return tree


def _items_of(body: bytes, form: Form) -> list[_Item]:
    """Cut a body into its events, unread, whatever stands in them."""
    if form == "lines":
        return _counted(line for line in io.BytesIO(body) if not line.isspace())
    found = _START.match(body)
    if found is None:
        raise _no_list("it begins with neither { nor [")
    if found[1] == b"{":
        return [body]
    return _counted(_cut(body, found.end()))


def _cut(body: bytes, start: int) -> Iterator[memoryview]:
    """Cut a list at the commas between its entries, whatever these are."""
    view = memoryview(body)
    position, depth, first = start, 1, True
    for _ in range(_MOST_TOKENS):
        found = (_TO_COMMA if depth == 1 else _TO_BRACKET).match(body, position)
        if found is None:
            raise _no_list("the list has no end")
        token, position = found[1], found.end()
        depth += (token in b"[{") - (token in b"]}")
        if depth and token != b",":
            continue
        item = view[start : position - 1]
        if bytes(item).strip():
            yield item
        elif depth or not first:
            raise _no_list("the list has an empty place")
        start, first = position, False
        if not depth:
            if token != b"]" or body[position:].strip():
                raise _no_list("the list does not end where the body does")
            return
    raise PayloadTooLarge("the body holds more values than its events may have")


def _no_list(reason: str) -> InvalidInput:
    text = f"the body is no event and no list of events: {reason}"
    return InvalidInput(text, {"": [text]})


def _counted(items: Iterable[_Item]) -> list[_Item]:
    found: list[_Item] = []
    for item in items:
        if len(found) == MOST_EVENTS:
            raise _too_many()
        found.append(item)
    return found


def _too_many() -> PayloadTooLarge:
    return PayloadTooLarge(f"the body holds more than {MOST_EVENTS:,} events; send them in parts")


# --- trees ----------------------------------------------------------------------------------------


def _tree_of(item: _Item) -> object:
    if len(memoryview(item)) > _LARGEST:
        return _unreadable("is larger than any event")
    text = bytes(item)
    if len(text) > _LARGE and _crowded(text):
        return _unreadable(f"has more than {_MOST_VALUES} values, which no event has")
    try:
        return _read(text)
    except _NO_JSON as error:
        mended = _NO_WORD.sub(_stand_in, text, count=_MOST_VALUES)
        if mended == text:
            return _unreadable(_why(error))
    try:
        return _read(mended)
    except _NO_JSON as error:
        return _unreadable(_why(error))


def _unreadable(reason: str) -> InvalidUsage:
    text = f"the event {reason}"
    return InvalidUsage(text, {"": [text]})


def _number(token: str) -> Decimal | int | BadNumber:
    if len(token) <= _LONGEST and "e" not in token and "E" not in token:
        return Decimal(token)
    if token in _MEANT:
        return BadNumber(_MEANT[token], "is not a finite number")
    return number(token)


_VALUES: Final = msgspec.json.Decoder(float_hook=_number)


def _read(text: bytes) -> object:
    tree: object = _VALUES.decode(text)
    if not _each_key_once(text, [tree]) and _key_twice(text):
        return _unreadable("has a key twice in one object")
    return tree


def _stand_in(found: re.Match[bytes]) -> bytes:
    """Write NaN and its like, for which JSON has no word, as a number that is refused by name."""
    return found[1] or _STAND_INS[found[0]]


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        return "has a number that is too long"
    return f"cannot be read: {error}"[:200]


def _crowded(text: bytes) -> bool:
    """Whether there are more values than in any event; stops counting once there are."""
    commas = 0
    for tokens, found in enumerate(_COMMA.finditer(text)):
        commas += found[0] == b","
        if commas > _MOST_VALUES or tokens > 4 * _MOST_VALUES:
            return True
    return False


def _each_key_once(text: bytes, trees: Iterable[object]) -> bool:
    """Whether the text plainly has as many keys as were read from it; False proves nothing.

    A key ends in a quote and a colon.  So may a text, which is then looked at closely.
    """
    keys = 0
    for tree in trees:
        if type(tree) is dict:
            keys += len(tree)
            for value in tree.values():
                if type(value) is dict:
                    keys += len(value)
    return text.count(b'":') == keys and not any(blank in text for blank in _BLANK_COLONS)


class _KeyTwice(Exception):
    """An object has a key twice."""


def _pairs(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _KeyTwice


def _unread(_: str) -> None:
    """Read no number: only keys are asked for."""


_KEYS: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_unread, parse_float=_unread, strict=False
)


def _key_twice(text: bytes) -> bool:
    try:
        _KEYS.decode(text.decode())
    except _KeyTwice:
        return True
    except (ValueError, RecursionError):
        return False
    return False
