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
    from collections.abc import Iterable, Iterator

__all__ = [
    "MOST_BYTES",
    "MOST_EVENTS",
    "Form",
    "Item",
    "form_of",
    "inflated",
    "items_of",
    "single",
    "tree_of",
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
_LONG: Final = 256 * 1024  # from here on a list is cut piece by piece, with an eye on their number
_LARGE: Final = 4096  # from here on an event is measured before it is read
_LARGEST: Final = 1_000_000  # 50 properties of 1,100 characters, each written as two escapes
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

Item: TypeAlias = bytes | memoryview | msgspec.Raw
"""The bytes of one event, as they stand in the body."""


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


def items_of(body: bytes, form: Form) -> list[Item]:
    """Cut a body into its events, unread: an event or a list of them, or one on each line.

    What is wrong inside an event is left to be found there, so that it costs no other.
    Raises InvalidInput for a body that is neither, PayloadTooLarge for too many events.
    """
    body = body.removeprefix(_MARK)
    if form == "lines":
        return _counted(line for line in io.BytesIO(body) if not line.isspace())
    found = _START.match(body)
    if found is None:
        raise _no_list("it begins with neither { nor [")
    if found[1] == b"{":
        return [body]
    if len(body) <= _LONG:
        try:
            return _counted(_LIST.decode(body))
        except _NO_JSON:
            pass  # what is not JSON may be so in one of them only
    return _counted(_cut(body, found.end()))


_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


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


def _counted(items: Iterable[Item]) -> list[Item]:
    found: list[Item] = []
    for item in items:
        if len(found) == MOST_EVENTS:
            raise PayloadTooLarge(
                f"the body holds more than {MOST_EVENTS:,} events; send them in parts"
            )
        found.append(item)
    return found


# --- trees ----------------------------------------------------------------------------------------


def tree_of(item: Item) -> object:
    """Read an event into plain values; what cannot be read becomes an InvalidUsage that says why.

    Numbers are ints and Decimals; one that is no plain number is a BadNumber.
    """
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
    if not _each_key_once(text, tree) and _key_twice(text):
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


def _each_key_once(text: bytes, tree: object) -> bool:
    """Whether the text plainly has as many keys as were read; False is no proof.

    A key ends in a quote and a colon.  So may a text, which is then looked at closely.
    """
    keys = 0
    if isinstance(tree, dict):
        keys = len(tree) + sum(len(value) for value in tree.values() if isinstance(value, dict))
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
