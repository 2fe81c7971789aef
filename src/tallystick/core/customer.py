"""Who is billed: a customer, and how each of its fields is read from a caller.

Nothing but the id is asked for.  What is given is checked, and everything that is wrong is told at
once, each under its path (`email`, `address.country`, `tax_ids[0].type`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypedDict

from tallystick.core.calendar import check_zone
from tallystick.core.currency import Currency
from tallystick.core.currency import currency as currency_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.period import instant_text
from tallystick.core.property import printable, shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tallystick.core.period import Instant

__all__ = [
    "ADDRESS_FIELDS",
    "PERSONAL_FIELDS",
    "Customer",
    "CustomerFields",
    "TaxId",
    "check_customer_id",
    "customer_tree",
    "read_fields",
]

ADDRESS_FIELDS: Final = ("line1", "line2", "city", "postal_code", "state", "country")
"""What an address may hold; `country` is the two capital letters of ISO 3166-1."""

PERSONAL_FIELDS: Final = ("name", "email", "locale", "address", "tax_ids", "metadata")
"""What is replaced when a customer is forgotten; ids, currency and time zone stay."""

LONGEST_EMAIL: Final = 254
LONGEST_LOCALE: Final = 35
MOST_TAX_IDS: Final = 10
MOST_LABELS: Final = 50
LONGEST_LABEL_NAME: Final = 40
LONGEST_LABEL: Final = 500

_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_TAX_KIND: Final = re.compile(r"[a-z][a-z0-9_]{1,39}", re.ASCII)
_LOCAL_LONGEST: Final = 64
_LABEL_LONGEST: Final = 63
_NO_LOCAL: Final = frozenset('@"(),:;<>[]\\')


@dataclass(frozen=True, slots=True, order=True)
class TaxId:
    """A number under which a customer is known to a tax office: `TaxId("eu_vat", "DE123456789")`.

    The kinds are words of your own or of your provider; whether the number exists is not looked up.
    `eu_vat` is the kind on which reverse charge depends.
    """

    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who is billed.  `id` is yours and never changes; `provider_id` is what the provider calls it.

    `provider` is who collects its invoices once they are due; where there is none, you do.
    `time_zone` (IANA) is where its days and periods begin.  One that is `tax_exempt` is charged no
    tax; else its address says which.  `forgotten_at` is set once the personal fields were
    replaced; such a customer stays, for its documents, and changes no more.
    """

    id: str
    provider: str | None = None
    provider_id: str | None = None
    name: str | None = None
    email: str | None = None
    currency: Currency | None = None
    time_zone: str | None = None
    locale: str | None = None
    address: Mapping[str, str] = field(default_factory=FrozenDict)
    tax_ids: tuple[TaxId, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=FrozenDict)
    tax_exempt: bool = False
    created_at: Instant
    updated_at: Instant
    forgotten_at: Instant | None = None

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)


class CustomerFields(TypedDict, total=False):
    """The fields of a customer that can be given and changed, as a caller writes them.

    None takes a field away; what is not named stays as it is.
    """

    provider: str | None
    provider_id: str | None
    name: str | None
    email: str | None
    currency: str | Currency | None
    time_zone: str | None
    locale: str | None
    address: Mapping[str, str | None] | None
    tax_ids: Sequence[TaxId | Mapping[str, str]] | None
    metadata: Mapping[str, str] | None
    tax_exempt: bool | None


def customer_tree(customer: Customer) -> dict[str, Any]:
    """Give a customer as plain JSON values, every field named; times as RFC 3339 text."""
    gone = customer.forgotten_at
    return {
        "id": customer.id,
        "provider": customer.provider,
        "provider_id": customer.provider_id,
        "name": customer.name,
        "email": customer.email,
        "currency": None if customer.currency is None else customer.currency.code,
        "time_zone": customer.time_zone,
        "locale": customer.locale,
        "address": dict(customer.address),
        "tax_ids": [{"type": each.type, "value": each.value} for each in customer.tax_ids],
        "metadata": dict(customer.metadata),
        "tax_exempt": customer.tax_exempt,
        "created_at": instant_text(customer.created_at),
        "updated_at": instant_text(customer.updated_at),
        "forgotten_at": None if gone is None else instant_text(gone),
    }


def check_customer_id(value: object) -> str:
    """Give back the id of a customer: 1 to 200 characters, as usage events name it.

    Raises InvalidInput.
    """
    try:
        return id_at(value, "id")
    except InvalidInput as refused:
        raise InvalidInput(f"the id of a customer {refused}", refused.fields) from None


def read_fields(given: Mapping[str, object]) -> dict[str, Any]:
    """Read the named fields of a customer into the values that `Customer` holds.

    Raises InvalidInput with every field that is wrong.
    """
    read: dict[str, Any] = {}
    bad: dict[str, list[str]] = {}
    for name, value in given.items():
        reader = _READERS.get(name)
        if reader is None:
            bad[printable(name)] = [_unknown(name, _READERS)]
            continue
        try:
            read[name] = reader(value, name)
        except InvalidInput as refused:
            bad.update(refused.fields or {name: [str(refused)]})
    if bad:
        told = "; ".join(f"{path} {texts[0]}" for path, texts in list(bad.items())[:3])
        more = f" (and {len(bad) - 3} more)" if len(bad) > 3 else ""  # noqa: PLR2004 - a line's worth
        raise InvalidInput(f"a customer that cannot be kept: {told}{more}", bad)
    return read


# --- how each field is read -----------------------------------------------------------------------


def _unknown(name: str, known: Collection[str]) -> str:
    near = did_you_mean(name, known)
    return "is not a field" + (f": {near}" if near else f": known are {', '.join(known)}")


def _email(value: object, path: str) -> str:
    """Read an address that can plausibly be written to; the domain in small letters."""
    text = text_at(value, path, LONGEST_EMAIL)
    local, at, domain = text.rpartition("@")
    domain = domain.lower()
    labels = domain.split(".")
    plausible = (
        at
        and 1 <= len(local) <= _LOCAL_LONGEST
        and not any(c.isspace() or c in _NO_LOCAL for c in local)
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
        and len(labels) > 1
        and all(map(_is_label, labels))
    )
    if not plausible:
        raise refused_at(path, f"{shown(text)} is not an e-mail address such as anna@example.com")
    return f"{local}@{domain}"


def _is_label(label: str) -> bool:
    inside = label.replace("-", "a")
    whole = not (label.startswith("-") or label.endswith("-"))
    return 1 <= len(label) <= _LABEL_LONGEST and whole and _is_word(inside)


def _is_word(text: str) -> bool:
    """Whether it is made of letters, digits and their marks: domains are in every script."""
    return all(unicodedata.category(c)[0] in "LMN" for c in text)


def _currency(value: object, path: str) -> Currency:
    try:
        return currency_of(value.code if isinstance(value, Currency) else value)  # type: ignore[arg-type]  # what is no text is refused there
    except InvalidInput as refused:
        raise refused_at(path, str(refused)) from None


def _time_zone(value: object, path: str) -> str:
    try:
        return check_zone(value)  # type: ignore[arg-type]  # what is no text is refused there
    except InvalidInput as refused:
        raise refused_at(path, str(refused)) from None


def _locale(value: object, path: str) -> str:
    text = text_at(value, path, LONGEST_LOCALE)
    if _LOCALE.fullmatch(text) is None:
        raise refused_at(path, f"{shown(text)} is not a language tag such as de-AT")
    return text


def _address(value: object, path: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, entry in _entries(value, path, len(ADDRESS_FIELDS)):
        below = f"{path}.{printable(name)}"
        if name not in ADDRESS_FIELDS:
            raise refused_at(below, _unknown(name, ADDRESS_FIELDS))
        if entry is not None:
            found[name] = text_at(entry, below)
    if "country" in found and _COUNTRY.fullmatch(found["country"]) is None:
        said = shown(found["country"])
        raise refused_at(f"{path}.country", f"{said} is not two capital letters such as AT")
    return FrozenDict(found)


def _tax_ids(value: object, path: str) -> tuple[TaxId, ...]:
    if not isinstance(value, (list, tuple)):
        raise refused_at(path, f"must be a list, not {shown(value)}")
    if len(value) > MOST_TAX_IDS:
        raise refused_at(path, f"has {len(value):,} entries: {MOST_TAX_IDS} is the most")
    found = tuple(_tax_id(entry, f"{path}[{i}]") for i, entry in enumerate(value))
    if len(set(found)) < len(found):
        raise refused_at(path, "has one entry twice")
    return found


def _tax_id(value: object, path: str) -> TaxId:
    tree = {"type": value.type, "value": value.value} if isinstance(value, TaxId) else value
    if not isinstance(tree, Mapping) or set(tree) != {"type", "value"}:
        raise refused_at(path, "must have a type and a value, such as eu_vat and DE123456789")
    kind = text_at(tree["type"], f"{path}.type")
    if _TAX_KIND.fullmatch(kind) is None:
        raise refused_at(f"{path}.type", f"{shown(kind)} is not a word such as eu_vat")
    return TaxId(kind, text_at(tree["value"], f"{path}.value"))


def _metadata(value: object, path: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, entry in _entries(value, path, MOST_LABELS):
        below = f"{path}.{printable(name)}"
        found[text_at(name, below, LONGEST_LABEL_NAME)] = text_at(entry, below, LONGEST_LABEL)
    return FrozenDict(found)


def _flag(value: object, path: str) -> bool:
    if isinstance(value, bool):
        return value
    raise refused_at(path, f"must be true or false, not {shown(value)}")


def _entries(value: object, path: str, most: int) -> list[tuple[str, object]]:
    if not isinstance(value, Mapping):
        raise refused_at(path, f"must be an object, not {shown(value)}")
    if len(value) > most:
        raise refused_at(path, f"has {len(value):,} entries: {most} is the most")
    for name in value:
        if not isinstance(name, str):
            raise refused_at(path, f"has a name that is not a text: {shown(name)}")
    return list(value.items())


def _or(
    read: Callable[[object, str], object], absent: object = None
) -> Callable[[object, str], object]:
    return lambda value, path: absent if value is None else read(value, path)


_READERS: Final[Mapping[str, Callable[[object, str], object]]] = {
    "provider": _or(id_at),
    "provider_id": _or(id_at),
    "name": _or(text_at),
    "email": _or(_email),
    "currency": _or(_currency),
    "time_zone": _or(_time_zone),
    "locale": _or(_locale),
    "address": _or(_address, FrozenDict()),
    "tax_ids": _or(_tax_ids, ()),
    "metadata": _or(_metadata, FrozenDict()),
    "tax_exempt": _or(_flag, absent=False),
}
