"""Values of billing as plain JSON values, and back: how snapshots, moves and documents are kept.

One spelling for each value: instants are RFC 3339 text, a period is `[start, end]`, money is its
minor units beside one `currency`, a decimal is plain text; a move has its word under `kind`.  What
equals its default is left out, and the fields stand in the order of canonical JSON, so equal values
have equal bytes.

How a class is written and read is worked out once, from its annotations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    NoReturn,
    TypeAlias,
    TypeVar,
    get_args,
    get_type_hints,
)

from tallystick.core import move as moves
from tallystick.core.charge import Charge, ChargeKind, Due
from tallystick.core.currency import Currency
from tallystick.core.invoice import Invoice, InvoiceLine, Party
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.core.spelling import did_you_mean
from tallystick.core.subscription import (
    AfterTrial,
    Item,
    Paid,
    PauseMode,
    Planned,
    Span,
    Subscription,
    Terms,
)
from tallystick.core.tree_parts import Codec, Fault, codec_of, refuse
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Tree", "body_of", "bytes_of", "move_of", "tree_of", "value_of"]

Tree: TypeAlias = dict[str, Any]
"""An object of plain JSON values."""

T = TypeVar("T")

_KINDS: Final[dict[str, type[moves.Move]]] = {
    kind.__name__.lower(): kind for kind in get_args(moves.Move)
}
_RECORDS: Final[frozenset[type]] = frozenset(
    {
        *_KINDS.values(),
        *(moves.AddOn, moves.Phase),
        *(Subscription, Item, Span, Paid, Planned, Terms, Charge, Due),
        *(Invoice, InvoiceLine, Party),
    }
)
_NAMES: Final[dict[str, Any]] = {  # what the modules import for the checkers only
    **{kind.__name__: kind for kind in (*_RECORDS, Money, Period, Currency, Decimal, Mapping)},
    "Instant": datetime,
    "ChargeKind": ChargeKind,
    "AfterTrial": AfterTrial,
    "PauseMode": PauseMode,
}


def tree_of(value: object) -> Tree:
    """Give a subscription, a move, a due, an invoice or a part of one as plain JSON values.

    Raises InvalidInput, naming the path, where a field holds what its type does not say.
    """
    try:
        tree: Tree = _codec(type(value)).write(value)
    except Fault as fault:
        raise fault.refusal() from None
    return tree


def value_of(cls: type[T], tree: object) -> T:
    """Read what `tree_of` gave, of the class that is named.

    Raises InvalidInput, naming the path, for a field that is unknown, missing or of another type.
    """
    try:
        value: T = _codec(cls).read(tree)
    except Fault as fault:
        raise fault.refusal() from None
    return value


def move_of(tree: object) -> moves.Move:
    """Read a move by the word under its `kind`.  Raises InvalidInput as `value_of` does."""
    kind = tree.get("kind") if isinstance(tree, dict) else None
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        cure = did_you_mean(kind, _KINDS) if isinstance(kind, str) else ""
        text = f"must be one of {', '.join(_KINDS)}{cure and f'; {cure}'}"
        raise InvalidInput(f"kind {text}", {"kind": [text]})
    return value_of(cls, tree)


def bytes_of(value: object) -> bytes:
    """Give the one byte string of a value: compact UTF-8 JSON with sorted keys.

    These are the bytes of `core.canonical.canonical_json(tree_of(value))`, many times as fast.
    Raises InvalidInput as `tree_of` does.
    """
    return _compact(tree_of(value))


def body_of(invoice: Invoice) -> bytes:
    """Give the bytes of a document that its digest covers: everything but its `status`.

    What the status says comes after the document was issued and changes nothing in it.
    """
    tree = tree_of(invoice)
    tree.pop("status", None)
    return _compact(tree)


def _compact(tree: Tree) -> bytes:
    try:
        return _JSON.encode(tree).encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text holds half a character: it is not Unicode") from None


_JSON: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


# --- classes ------------------------------------------------------------------------------------


class _Column(NamedTuple):
    """One field of a class: its name, how to get it, what is left out, and its codec."""

    name: str
    attribute: str
    default: Any
    codec: Codec


_CODECS: Final[dict[object, Codec]] = {}  # by class, as they are asked for


def _codec(cls: type) -> Codec:
    found = _CODECS.get(cls)
    if found is None:
        if cls not in _RECORDS:
            raise InvalidInput(f"{getattr(cls, '__name__', 'this')} is no class that has a tree")
        found = _CODECS[cls] = _compiled(cls)
    return found


def _compiled(cls: type) -> Codec:
    """Work out how values of a class are written and read."""
    hints = get_type_hints(cls, localns=_NAMES)
    money = tuple(name for name, hint in hints.items() if hint is Money)
    columns = [_column(entry, hints[entry.name]) for entry in fields(cls)]
    if money and "currency" not in hints:
        columns.append(
            _Column("currency", f"{money[0]}.currency", MISSING, codec_of(Currency, _codec))
        )
    if cls in _KINDS.values():
        columns.append(_Column("kind", "__class__", MISSING, _kind_codec(cls)))
    columns.sort()
    return Codec(_writer(cls, columns, money), _reader(cls, columns, money))


def _column(entry: Field[Any], hint: Any) -> _Column:  # noqa: ANN401 - an annotation is anything
    default = entry.default
    if entry.default_factory is not MISSING:
        default = entry.default_factory()
    if default is MISSING and NoneType in get_args(hint):
        default = None
    return _Column(entry.name, entry.name, default, codec_of(hint, _codec))


def _kind_codec(cls: type) -> Codec:
    """Write the word of a move; reading it only checks it."""
    word = cls.__name__.lower()

    def read(value: object) -> str:
        return word if value == word else refuse(value, f"{word!r}")

    return Codec(lambda _: word, read)


def _writer(cls: type, columns: list[_Column], money: tuple[str, ...]) -> Callable[[Any], Tree]:
    values_of = attrgetter(*(column.attribute for column in columns), "__class__")
    plan = [(column.name, column.default, column.codec.write) for column in columns]

    def write(value: object) -> Tree:
        if type(value) is not cls:
            refuse(value, f"of class {cls.__name__}")
        for name in money:
            if type(getattr(value, name)) is not Money:
                raise Fault("must be money", f".{name}")
        tree: Tree = {}
        name = ""
        try:
            for (name, default, step), held in zip(plan, values_of(value), strict=False):
                if held is not default and held != default:
                    tree[name] = step(held)
        except Fault as fault:
            raise fault.under(f".{name}") from None
        for name in money:
            if getattr(value, name).currency.code != tree["currency"]:
                raise Fault(f"must be in {tree['currency']}, as the rest is", f".{name}")
        return tree

    return write


def _unknown(name: object, known: Collection[str]) -> NoReturn:
    cure = did_you_mean(name, known) if isinstance(name, str) else ""
    raise Fault(f"is not a field of it{cure and f': {cure}'}")


def _reader(cls: type, columns: list[_Column], money: tuple[str, ...]) -> Callable[[Any], Any]:
    steps = {column.name: column.codec.read for column in columns}
    required = frozenset(column.name for column in columns if column.default is MISSING)
    named = {entry.name for entry in fields(cls)}
    extra = tuple(column.name for column in columns if column.name not in named)
    absent = dict.fromkeys(
        entry.name
        for entry in fields(cls)
        if entry.default is entry.default_factory is MISSING and entry.name not in required
    )

    def read(tree: object) -> object:
        if not isinstance(tree, dict):
            refuse(tree, "an object")
        found: Tree = dict(absent)
        name = ""
        try:
            for name, raw in tree.items():
                step = steps.get(name) or _unknown(name, steps)
                found[name] = step(raw)
        except Fault as fault:
            raise fault.under(f".{str(name)[:80]}") from None
        if not required <= found.keys():
            raise Fault("is missing", f".{min(required - found.keys())}")
        for name in money:
            found[name] = Money(found[name], found["currency"])
        for name in extra:
            del found[name]
        return cls(**found)

    return read
