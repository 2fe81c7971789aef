"""Customers: adding, finding, changing, listing, handing over and forgetting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.core.customer import (
    PERSONAL_FIELDS,
    Customer,
    check_customer_id,
    customer_tree,
    read_fields,
)
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import customers, owned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "ExportPage",
    "ExportedRecord",
    "Place",
    "create_customer",
    "export_page",
    "find_customer",
    "forget_customer",
    "get_customer",
    "list_customers",
    "update_customer",
]

_EXPORTED_AT_ONCE: Final = 1_000


def create_customer(
    unit: Unit, at: Instant, customer_id: str, fields: Mapping[str, object]
) -> Customer:
    """Add a customer.

    Raises InvalidInput with every field that is wrong; Conflict where the id or the provider's id
    is taken, also by a customer that was forgotten.
    """
    key, read = check_customer_id(customer_id), read_fields(fields)
    at = to_the_second(at)
    unit.as_customer(key)
    customer = Customer(id=key, created_at=at, updated_at=at, **read)
    customers.add(unit, customer)
    return customer


def get_customer(unit: Unit, customer_id: str) -> Customer:
    """Give a customer by its own id.  Raises NotFound."""
    key = _asked(customer_id)
    unit.as_customer(key)
    found = customers.get(unit, key)
    if found is None:
        raise NotFound("customer", key)
    return found


def find_customer(
    unit: Unit, *, provider_id: str | None = None, email: str | None = None
) -> Customer | None:
    """Give a customer by the provider's id, or by e-mail; None where there is none.

    Raises InvalidInput where not exactly one of the two is asked for, or it is none; Conflict where
    several customers have the e-mail.
    """
    if (provider_id is None) == (email is None):
        raise InvalidInput("ask by provider_id or by email, one of the two")
    unit.as_all()
    if provider_id is not None:
        asked = read_fields({"provider_id": provider_id})["provider_id"]
        return customers.by_provider(unit, asked)
    address = read_fields({"email": email})["email"]
    found = customers.by_email(unit, address, 3)
    if len(found) > 1:
        ids = [each.id for each in found]
        more = " and others" if len(found) > 2 else ""  # noqa: PLR2004 - two are named
        raise Conflict(
            f"several customers have this e-mail, {ids[0]!r} and {ids[1]!r}{more}: ask by id",
            ids=ids,
        )
    return found[0] if found else None


def update_customer(
    unit: Unit, at: Instant, customer_id: str, changes: Mapping[str, object]
) -> Customer:
    """Change the fields that are named, and nothing else; None takes one away.

    Raises InvalidInput with every field that is wrong; NotFound; Conflict where the provider's id
    is another one's, or the customer was forgotten.
    """
    key, read = _asked(customer_id), read_fields(changes)
    if not read:
        return get_customer(unit, key)
    unit.as_customer(key)
    changed = customers.change(unit, key, read, to_the_second(at))
    if changed is None:
        get_customer(unit, key)
        raise Conflict(f"customer {key!r} was forgotten, and changes no more", id=key)
    return changed


def forget_customer(unit: Unit, at: Instant, customer_id: str) -> Customer:
    """Clear the personal fields of a customer; forgetting twice is forgetting once.

    Ids, currency and time zone stay, and so do its usage and its documents, which name it only by
    its id.  Raises NotFound.
    """
    key = _asked(customer_id)
    unit.as_customer(key)
    nothing = read_fields(dict.fromkeys(PERSONAL_FIELDS))
    cleared = customers.change(unit, key, nothing, to_the_second(at), forget=True)
    return cleared or get_customer(unit, key)


def list_customers(
    unit: Unit, limit: int = 20, starting_after: str | None = None
) -> Page[Customer]:
    """Give a page of customers in the order of their ids.  Raises InvalidInput."""
    size = page_size(limit)
    after = None if starting_after is None else _asked(starting_after, "starting_after")
    unit.as_all()
    found = customers.page(unit, size + 1, after)
    return Page(found[:size], found[size - 1].id if len(found) > size else None)


def _asked(value: object, name: str = "id") -> str:
    """Take an id that is asked for; one that no customer can have is no customer's."""
    if not isinstance(value, str):
        raise InvalidInput(f"the {name} of a customer is a text, not {type(value).__name__}")
    try:
        return check_customer_id(value)
    except InvalidInput:
        raise NotFound("customer", value[:200].encode(errors="replace").decode()) from None


# --- all data of one customer ---------------------------------------------------------------------


Place: TypeAlias = tuple[int, tuple[Any, ...] | None]
"""How far an export is: which table is next, and after which key in it."""


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """One row that belongs to a customer: of which kind it is, and its values by name."""

    kind: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Some records of a customer, and where to go on from: None at the end."""

    records: tuple[ExportedRecord, ...]
    place: Place | None


def export_page(unit: Unit, customer_id: str, place: Place | None = None) -> ExportPage:
    """Give all that is kept of one customer, a thousand records at a time.

    First the customer itself, then every table that has a `customer_id`.  One whom nobody
    registered may have usage all the same.  Raises NotFound where there is nothing at all.
    """
    key = _asked(customer_id)
    unit.as_customer(key)
    if place is None:
        own = customers.get(unit, key)
        tables = owned.owned_tables(unit.tables)
        if own is None and not any(owned.page_of(unit, each, key, 1)[0] for each in tables):
            raise NotFound("customer", key)
        first = () if own is None else (ExportedRecord("customers", customer_tree(own)),)
        return ExportPage(first, (0, None) if tables else None)
    index, after = place
    tables = owned.owned_tables(unit.tables)
    table = tables[index]
    rows, last = owned.page_of(unit, table, key, _EXPORTED_AT_ONCE, after)
    kind = owned.kind_of(unit.tables, table)
    on = (index, last) if last is not None else (index + 1, None)
    return ExportPage(
        tuple(ExportedRecord(kind, row) for row in rows), on if on[0] < len(tables) else None
    )
