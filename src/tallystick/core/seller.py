"""Who sells: what stands on its documents, and how it issues them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.customer import read_fields
from tallystick.core.dunning import Ladder, ladder_tree, read_ladder
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Party
from tallystick.core.property import shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.text import text_at
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.customer import Customer

__all__ = ["Seller", "buyer_of", "read_seller", "seller_tree"]

_LONGEST_GRACE: Final = 30 * 24 * 3_600  # seconds
_LONGEST_TERM: Final = 365  # days
_LONGEST_PREFIX: Final = 20
_PARTY: Final = ("name", "email", "address", "tax_ids", "locale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who sells, and how documents are issued.

    `grace_seconds` is how long usage may arrive after a boundary and still count for its document.
    `net_days` is how long a customer has to pay.  Numbers are a prefix and a count from 1:
    `INV-000123`, `CN-000007`.  `dunning` is what happens to an invoice that is not paid; None is
    nothing by itself.
    """

    party: Party = field(default_factory=Party)
    grace_seconds: int = 3_600
    net_days: int = 0
    invoice_prefix: str = "INV-"
    credit_note_prefix: str = "CN-"
    dunning: Ladder | None = None

    @property
    def grace(self) -> timedelta:
        """How long usage may arrive after a boundary and still count for its document."""
        return timedelta(seconds=self.grace_seconds)


def buyer_of(customer: Customer, *, checked_ids: tuple[str, ...] = ()) -> Party:
    """Give a customer as it stands on its documents, with the tax ids that were checked."""
    return Party(
        name=customer.name,
        email=customer.email,
        address=customer.address,
        tax_ids=tuple((each.type, each.value) for each in customer.tax_ids),
        locale=customer.locale,
        tax_exempt=customer.tax_exempt,
        checked_ids=checked_ids,
    )


def seller_tree(seller: Seller) -> dict[str, Any]:
    """Give a seller as plain JSON values, every field named."""
    party = seller.party
    return {
        "name": party.name,
        "email": party.email,
        "address": dict(party.address),
        "tax_ids": [{"type": kind, "value": value} for kind, value in party.tax_ids],
        "locale": party.locale,
        "grace_seconds": seller.grace_seconds,
        "net_days": seller.net_days,
        "invoice_prefix": seller.invoice_prefix,
        "credit_note_prefix": seller.credit_note_prefix,
        "dunning": ladder_tree(seller.dunning),
    }


def read_seller(given: Mapping[str, object], before: Seller | None = None) -> Seller:
    """Read the named fields of a seller; the others stay as they were.

    Raises InvalidInput with every field that is wrong.
    """
    tree = seller_tree(before or Seller()) | dict(given)
    bad: dict[str, list[str]] = {}
    for name in given:
        if name not in _PARTY and name not in _READERS:
            near = did_you_mean(str(name)[:80], [*_PARTY, *_READERS])
            bad[str(name)[:80]] = ["is not a field" + (f": {near}" if near else "")]
    party: dict[str, Any] = {}
    read: dict[str, Any] = {}
    for name, reader in _READERS.items():
        try:
            read[name] = reader(tree[name], name)
        except InvalidInput as refused:
            bad[name] = [str(refused)]
    try:
        party = read_fields({name: tree[name] for name in _PARTY})
    except InvalidInput as refused:
        bad.update(refused.fields or {})
    if bad:
        told = "; ".join(f"{path} {texts[0]}" for path, texts in list(bad.items())[:3])
        raise InvalidInput(f"a seller that cannot be kept: {told}", bad)
    party["tax_ids"] = tuple((each.type, each.value) for each in party["tax_ids"])
    party["address"] = FrozenDict(party["address"])
    return Seller(party=Party(**party), **read)


def _count(most: int) -> Callable[[object, str], int]:
    def read(value: object, path: str) -> int:
        if type(value) is int and 0 <= value <= most:
            return value
        raise InvalidInput(
            f"must be a whole number from 0 to {most:,}, not {shown(value)}", {path: ["is none"]}
        )

    return read


def _prefix(value: object, path: str) -> str:
    return text_at(value, path, _LONGEST_PREFIX)


_READERS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "grace_seconds": _count(_LONGEST_GRACE),
    "net_days": _count(_LONGEST_TERM),
    "invoice_prefix": _prefix,
    "credit_note_prefix": _prefix,
    "dunning": read_ladder,
}
