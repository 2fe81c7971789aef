"""Redemptions as rows, the counts that bound them, and what each took off which document.

A count is a row of its own that is raised only while it is below its bound, so that of many at once
never more redeem than may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tallystick.errors import Conflict
from tallystick.storage.batches import insert_cells, rows_of
from tallystick.storage.sections import with_standing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "GUESS",
    "RedemptionRow",
    "Slot",
    "Source",
    "add_redemption",
    "claim",
    "claimed",
    "discounted",
    "end_redemption",
    "give_back",
    "insert_discounts",
    "redemption_by_id",
    "redemption_by_key",
    "redemptions_of",
    "release_redemption",
    "uses",
]

Source: TypeAlias = Literal["plan", "customer", "code"]
"""How a coupon was come by, in the order in which they act: with the plan, given, by a code."""

GUESS: Final = "guess/"
"""How the counts begin that are of codes tried in vain, and of no redemption."""

_AT_ONCE: Final = 500
_DISCOUNT: Final = (
    ("customer_id", "text"),
    ("invoice_id", "text"),
    ("redemption_id", "text"),
    ("amount", "bigint"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionRow:
    """A redemption as it is kept: the coupon is that of the catalogue version it was redeemed from.

    `place` counts a customer's redemptions from 1.
    """

    customer: str
    id: str
    coupon: str
    code: str | None = None
    subscription: str | None = None
    source: Source
    place: int
    catalog_number: int
    zone: str | None = None
    redeemed_at: Instant
    recorded_at: Instant
    ended_at: Instant | None = None
    released_at: Instant | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A count of redemptions and its bound; with a customer it is that customer's own."""

    name: str
    most: int | None
    customer: str | None = None


# --- counts ---------------------------------------------------------------------------------------


def claim(unit: Unit, slot: Slot) -> bool:
    """Raise a count by one, unless it has reached its bound; the row stays locked until the end."""
    table, names, where = _of(unit, slot)
    free = table.c.claimed < slot.most if slot.most is not None else None
    for _ in range(2):  # once more where another made the row at the same moment
        change = update(table).where(where, *([] if free is None else [free]))
        done = unit.connection.execute(
            change.values(claimed=table.c.claimed + 1, most=slot.most)
        ).rowcount
        if done:
            return True
        if unit.connection.execute(select(table.c.claimed).where(where)).scalar() is not None:
            return False
        if slot.most == 0:
            return False
        try:
            with unit.savepoint():
                unit.connection.execute(insert(table).values(**names, claimed=1, most=slot.most))
        except IntegrityError:
            continue
        return True
    return False


def claimed(unit: Unit, slots: Sequence[Slot]) -> tuple[int, ...]:
    """Give how often each was claimed and not given back."""
    found = []
    for slot in slots:
        table, _, where = _of(unit, slot)
        found.append(unit.connection.execute(select(table.c.claimed).where(where)).scalar() or 0)
    return tuple(found)


def give_back(unit: Unit, slots: Sequence[Slot]) -> None:
    """Lower counts by one each."""
    for slot in slots:
        table, _, where = _of(unit, slot)
        unit.connection.execute(
            update(table).where(where, table.c.claimed > 0).values(claimed=table.c.claimed - 1)
        )


def _of(unit: Unit, slot: Slot) -> tuple[Any, dict[str, str], ColumnElement[bool]]:
    if slot.customer is None:
        table = unit.tables.coupon_slots
        return table, {"slot": slot.name}, table.c.slot == slot.name
    table = unit.tables.customer_coupon_slots
    where = and_(table.c.customer_id == slot.customer, table.c.slot == slot.name)
    return table, {"customer_id": slot.customer, "slot": slot.name}, where


# --- redemptions ----------------------------------------------------------------------------------


def add_redemption(unit: Unit, row: RedemptionRow) -> None:
    """Store a redemption.

    Raises Conflict where its id, its place or the customer's key was used before.
    """
    values = {
        "customer_id": row.customer,
        "id": row.id,
        "coupon_id": row.coupon,
        "code": row.code,
        "subscription_id": row.subscription,
        "source": row.source,
        "place": row.place,
        "catalog_number": row.catalog_number,
        "zone": row.zone,
        "redeemed_at": row.redeemed_at,
        "recorded_at": row.recorded_at,
        "idempotency_key": row.idempotency_key,
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.redemptions).values(values))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict("another redemption came first: read what there is and try again") from None


def redemptions_of(
    unit: Unit, customers: Collection[str], *, all_: bool = False, lock: bool = False
) -> tuple[RedemptionRow, ...]:
    """Give the redemptions of customers, by customer and in the order in which they act.

    Those that were released are left out unless `all_` are asked for.  `lock` keeps anybody from
    releasing them until the transaction ends.
    """
    table = unit.tables.redemptions
    names, found = sorted(set(customers)), list[RedemptionRow]()
    for start in range(0, len(names), _AT_ONCE):
        query = select(table).where(table.c.customer_id.in_(names[start : start + _AT_ONCE]))
        if not all_:
            query = query.where(table.c.released_at.is_(None))
        if lock:
            query = query.order_by(table.c.customer_id, table.c.id)
            query = query.with_for_update(key_share=True)
        found += map(_row, unit.connection.execute(query).mappings())
    return tuple(sorted(found, key=_order))


def redemption_by_id(unit: Unit, id_: str, *, lock: bool = False) -> RedemptionRow | None:
    """Give a redemption, or None; lock it until the end if asked."""
    table = unit.tables.redemptions
    query = select(table).where(table.c.id == id_)
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else _row(row)


def redemption_by_key(unit: Unit, customer: str, idempotency_key: str) -> RedemptionRow | None:
    """Give the redemption that a customer's key made, or None."""
    names = ("customer_id", "idempotency_key")
    found = rows_of(unit, unit.tables.redemptions, names, [(customer, idempotency_key)])
    return next(map(_row, found), None)


def end_redemption(unit: Unit, row: RedemptionRow, at: Instant) -> None:
    """Let it act no more from an instant on."""
    _change(unit, row, ended_at=at)


def release_redemption(unit: Unit, row: RedemptionRow, at: Instant) -> bool:
    """Take it back; False where it was taken back before."""
    c = unit.tables.redemptions.c
    return bool(_change(unit, row, c.released_at.is_(None), released_at=at))


def _change(unit: Unit, row: RedemptionRow, *where: ColumnElement[bool], **values: Any) -> int:
    table = unit.tables.redemptions
    own = (table.c.customer_id == row.customer, table.c.id == row.id)
    return unit.connection.execute(update(table).where(*own, *where).values(**values)).rowcount


_RANK: Final = ("plan", "customer", "code")


def _order(row: RedemptionRow) -> tuple[Any, ...]:
    return row.customer, _RANK.index(row.source), row.place


def _row(row: RowMapping) -> RedemptionRow:
    return RedemptionRow(
        customer=row["customer_id"],
        id=row["id"],
        coupon=row["coupon_id"],
        code=row["code"],
        subscription=row["subscription_id"],
        source=cast("Source", row["source"]),
        place=row["place"],
        catalog_number=row["catalog_number"],
        zone=row["zone"],
        redeemed_at=row["redeemed_at"],
        recorded_at=row["recorded_at"],
        ended_at=row["ended_at"],
        released_at=row["released_at"],
        idempotency_key=row["idempotency_key"],
    )


# --- on documents ---------------------------------------------------------------------------------


def insert_discounts(unit: Unit, invoices: Sequence[Invoice]) -> None:
    """Store which redemption took what off documents that are being issued."""
    rows = [
        (invoice.customer, invoice.id, each.redemption, each.amount.minor)
        for invoice in invoices
        for each in invoice.discounts
    ]
    insert_cells(unit, unit.tables.invoice_discounts, _DISCOUNT, rows)


def uses(unit: Unit, customers: Collection[str]) -> dict[tuple[str, str], int]:
    """Give how many documents that stand each redemption took something off."""
    used, documents = unit.tables.invoice_discounts, unit.tables.invoices
    same = and_(documents.c.customer_id == used.c.customer_id, documents.c.id == used.c.invoice_id)
    names, found = sorted(set(customers)), dict[tuple[str, str], int]()
    for start in range(0, len(names), _AT_ONCE):
        some = used.c.customer_id.in_(names[start : start + _AT_ONCE])
        joined, status = with_standing(unit, used.join(documents, same))
        query = (
            select(used.c.customer_id, used.c.redemption_id, func.count())
            .select_from(joined)
            .where(some, status != "void")
            .group_by(used.c.customer_id, used.c.redemption_id)
        )
        found |= {(row[0], row[1]): row[2] for row in unit.connection.execute(query)}
    return found


def discounted(unit: Unit, customer: str) -> tuple[tuple[str, str], ...]:
    """Give which redemption took something off which document of a customer."""
    c = unit.tables.invoice_discounts.c
    query = select(c.redemption_id, c.invoice_id).where(c.customer_id == customer)
    return tuple((row[0], row[1]) for row in unit.connection.execute(query))
