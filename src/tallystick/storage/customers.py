"""The customers: by their own id, their provider's id or their e-mail, and page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from tallystick.core.currency import currency
from tallystick.core.customer import Customer, TaxId
from tallystick.core.frozen import FrozenDict
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["add", "by_email", "by_provider", "change", "get", "give_name", "page", "several"]

_AT_ONCE: Final = 500


def add(unit: Unit, customer: Customer) -> None:
    """Store a new customer.  Raises Conflict where its id, or its provider's id, is taken."""
    table = unit.tables.customers
    dialect = postgresql if unit.dialect == "postgresql" else sqlite
    row = {
        "id": customer.id,
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
        **_columns({name: getattr(customer, name) for name in _FIELDS}),
    }
    asked = dialect.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
    if unit.connection.execute(asked).first() is None:
        if get(unit, customer.id) is not None:
            raise Conflict(f"there is a customer {customer.id!r} already", id=customer.id)
        raise _provider_taken(customer.provider_id)


def get(unit: Unit, customer_id: str) -> Customer | None:
    """Give a customer by its own id."""
    return next(iter(_found(unit, unit.tables.customers.c.id == customer_id)), None)


def several(unit: Unit, ids: Sequence[str]) -> dict[str, Customer]:
    """Give customers by their ids, those that there are."""
    found: dict[str, Customer] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        where = unit.tables.customers.c.id.in_(some)
        found |= {each.id: each for each in _found(unit, where, len(some))}
    return found


def by_provider(unit: Unit, provider_id: str) -> Customer | None:
    """Give the customer whom the provider calls so."""
    return next(iter(_found(unit, unit.tables.customers.c.provider_id == provider_id)), None)


def by_email(unit: Unit, email: str, limit: int) -> tuple[Customer, ...]:
    """Give customers of an e-mail address, by id; there may be several."""
    return _found(unit, unit.tables.customers.c.email == email, limit)


def page(unit: Unit, limit: int, after: str | None = None) -> tuple[Customer, ...]:
    """Give customers in the order of their ids, those after one of them."""
    c = unit.tables.customers.c
    return _found(unit, c.id > ("" if after is None else after), limit)


def change(
    unit: Unit, customer_id: str, fields: Mapping[str, Any], at: Instant, *, forget: bool = False
) -> Customer | None:
    """Change the named fields, and give the customer as it is then.

    None where there is no such customer, or it was forgotten.  Raises Conflict where the provider's
    id is another one's.
    """
    table = unit.tables.customers
    values = {**_columns(fields), "updated_at": at, **({"forgotten_at": at} if forget else {})}
    asked = (
        update(table)
        .where(table.c.id == customer_id, table.c.forgotten_at.is_(None))
        .values(values)
        .returning(*table.c)
    )
    try:
        with unit.savepoint():
            row = unit.connection.execute(asked).mappings().first()
    except IntegrityError:
        raise _provider_taken(fields.get("provider_id")) from None
    return None if row is None else _customer(row)


def give_name(unit: Unit, customer_id: str, provider_id: str, at: Instant) -> bool:
    """Keep what a provider calls a customer that has no such name yet; False where it has one.

    Raises Conflict where the name is another customer's.
    """
    c = unit.tables.customers.c
    asked = update(unit.tables.customers).where(c.id == customer_id, c.provider_id.is_(None))
    try:
        with unit.savepoint():
            done = unit.connection.execute(asked.values(provider_id=provider_id, updated_at=at))
    except IntegrityError:
        raise _provider_taken(provider_id) from None
    return done.rowcount == 1


_FIELDS: Final = (
    *("provider", "provider_id", "name", "email", "currency", "time_zone", "locale"),
    *("address", "tax_ids", "metadata", "forgotten_at", "tax_exempt"),
)


def _found(unit: Unit, where: ColumnElement[bool], limit: int = 1) -> tuple[Customer, ...]:
    table = unit.tables.customers
    rows = unit.connection.execute(select(table).where(where).order_by(table.c.id).limit(limit))
    return tuple(map(_customer, rows.mappings()))


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(fields)
    if row.get("currency") is not None:
        row["currency"] = row["currency"].code
    for name in ("address", "metadata"):
        if name in row:
            row[name] = dict(row[name]) or None
    if "tax_exempt" in row:
        row["tax_exempt"] = row["tax_exempt"] or None
    if "tax_ids" in row:
        row["tax_ids"] = [{"type": t.type, "value": t.value} for t in row["tax_ids"]] or None
    return row


def _customer(row: RowMapping) -> Customer:
    values = dict(row)
    code = values["currency"]
    return Customer(
        **values
        | {
            "currency": None if code is None else currency(code),
            "address": FrozenDict(values["address"] or {}),
            "tax_ids": tuple(TaxId(**each) for each in values["tax_ids"] or ()),
            "metadata": FrozenDict(values["metadata"] or {}),
            "tax_exempt": bool(values["tax_exempt"]),
        }
    )


def _provider_taken(provider_id: object) -> Conflict:
    return Conflict(
        f"the provider's id {provider_id!r} is another customer's", provider_id=provider_id
    )
