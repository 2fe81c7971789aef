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
from functools import cache
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
    cast,
    get_args,
    get_type_hints,
)

from tallystick.core import move as moves
from tallystick.core.charge import Charge, ChargeKind, Due
from tallystick.core.credit import Category
from tallystick.core.currency import Currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import (
    CreditBurn,
    Invoice,
    InvoiceDiscount,
    InvoiceLine,
    InvoiceSection,
    InvoiceTax,
    Party,
)
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.core.plain_values import Fault, refuse
from tallystick.core.quote import Quote, Quoted, QuotedLine
from tallystick.core.spelling import did_you_mean
from tallystick.core.subscription import (
    AfterTrial,
    Granted,
    Item,
    Origin,
    Paid,
    PauseMode,
    Planned,
    Span,
    State,
    Subscription,
    Terms,
)
from tallystick.core.tax import TaxNote
from tallystick.core.tree_parts import Codec, codec_of
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Tree", "body_of", "bytes_of", "move_of", "tree_of", "value_of"]

Tree: TypeAlias = dict[str, Any]
"""An object of plain JSON values."""

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_KEPT: Final = 8_192

_KINDS: Final[dict[str, type[moves.Move]]] = {
    kind.__name__.lower(): kind for kind in get_args(moves.Move)
}
_RECORDS: Final[frozenset[type]] = frozenset(
    {
        *_KINDS.values(),
        *(moves.AddOn, moves.Phase),
        *(Subscription, Item, Origin, Span, Paid, Granted, Planned, Terms, Charge, Due),
        *(Quote, Quoted, QuotedLine),
        *(CreditBurn, Invoice, InvoiceDiscount, InvoiceLine, InvoiceSection, InvoiceTax, Party),
    }
)
_NAMES: Final[dict[str, Any]] = {  # what the modules import for the checkers only
    **{kind.__name__: kind for kind in (*_RECORDS, Money, Period, Currency, Decimal, Mapping)},
    "Instant": datetime,
    "Category": Category,
    "ChargeKind": ChargeKind,
    "AfterTrial": AfterTrial,
    "PauseMode": PauseMode,
    "State": State,
    "TaxNote": TaxNote,
}


def tree_of(value: object) -> Tree:
    """Give a subscription, a move, a due, an invoice or a part of one as plain JSON values.

    Raises InvalidInput, naming the path, where a field holds what its type does not say.
    """
    tree: Tree = json.loads(_text_of(value, _codec(type(value))))
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
    return _encoded(_text_of(value, _codec(type(value))))


def body_of(invoice: Invoice) -> bytes:
    """Give the bytes of a document that its digest covers: everything but its `status`.

    What the status says comes after the document was issued and changes nothing in it.
    """
    return _encoded(_text_of(invoice, _body_codec()))


def _text_of(value: object, codec: Codec) -> str:
    try:
        return codec.write(value)
    except Fault as fault:
        raise fault.refusal() from None


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text holds half a character: it is not Unicode") from None


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
        found = _compiled(cls)
        found = _CODECS[cls] = _shared(found) if cls is Item else found
    return found


@cache
def _body_codec() -> Codec:
    return _compiled(Invoice, without="status")


def _compiled(cls: type, without: str = "") -> Codec:
    """Work out how values of a class are written and read, all of it but one field."""
    hints = get_type_hints(cls, localns=_NAMES)
    money = tuple(name for name, hint in hints.items() if hint is Money)
    columns = [_column(entry, hints[entry.name]) for entry in fields(cls) if entry.name != without]
    if money and "currency" not in hints:
        columns.append(
            _Column("currency", f"{money[0]}.currency", MISSING, codec_of(Currency, _codec))
        )
    if cls in _KINDS.values():
        columns.append(_Column("kind", "__class__", MISSING, _kind_codec(cls)))
    columns.sort()
    return Codec(_writer(cls, columns, money), _reader(cls, columns, money))


def _shared(codec: Codec) -> Codec:
    """Read and write items once for all that hold one: spans, charges, subscriptions alike."""
    texts: dict[int, tuple[Item, str]] = {}
    items: dict[tuple[object, ...], Item] = {}

    def write(value: Any) -> str:  # noqa: ANN401 - its type is checked as it is written
        known = texts.get(id(value))
        if known is not None and known[0] is value:  # not another one in its place in memory
            return known[1]
        text = codec.write(value)
        if type(value.overrides) is FrozenDict and not value.overrides:
            _keep(texts, id(value), (value, text))
        return text

    def read(tree: Any) -> Item:  # noqa: ANN401 - its type is checked as it is read
        try:
            key = (*tree.items(), *map(type, tree.values()))  # True is not 1
            known = items.get(key)
        except (TypeError, AttributeError):  # with overrides, or no item at all
            return cast("Item", codec.read(tree))
        if known is None:
            known = codec.read(tree)
            _keep(items, key, known)
        return known

    return Codec(write, read)


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Keep something for the next who asks; all is let go of from time to time."""
    if len(kept) >= _KEPT:
        kept.clear()
    kept[key] = value


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

    return Codec(lambda _: f'"{word}"', read)


def _writer(cls: type, columns: list[_Column], money: tuple[str, ...]) -> Callable[[Any], str]:
    values_of = attrgetter(*(column.attribute for column in columns), "__class__")
    plan = [
        (column.name, f'"{column.name}":', column.default, _compares(column), column.codec.write)
        for column in columns
    ]
    check = _money_check(cls, money)

    def write(value: object) -> str:
        if type(value) is not cls:
            refuse(value, f"of class {cls.__name__}")
        odd = check(value)
        parts = []
        name = ""
        try:
            for each, held in zip(plan, values_of(value), strict=False):
                name, head, default, compares, step = each
                if held is not default and not (compares and held == default):
                    parts.append(head + step(held))
        except Fault as fault:
            raise fault.under(f".{name}") from None
        if odd is not None:
            raise odd
        return f"{{{','.join(parts)}}}"

    return write


def _compares(column: _Column) -> bool:
    """Whether a value may equal what is left out without being it."""
    return column.default is not MISSING and column.default is not None


def _money_check(cls: type, money: tuple[str, ...]) -> Callable[[Any], Fault | None]:
    """Refuse what is no money; give the fault of money in another currency than the rest."""
    if not money:
        return lambda _: None
    own = any(entry.name == "currency" for entry in fields(cls))
    amounts_of = attrgetter(*money, "__class__")

    def check(value: Any) -> Fault | None:  # noqa: ANN401 - a value of the class
        odd = None
        amounts = amounts_of(value)
        unit = value.currency if own else getattr(amounts[0], "currency", None)
        for name, amount in zip(money, amounts, strict=False):
            if type(amount) is not Money:
                raise Fault("must be money", f".{name}")
            if amount.currency is not unit and amount.currency != unit:
                odd = odd or Fault(f"must be in {unit}, as the rest is", f".{name}")
        return odd

    return check


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
