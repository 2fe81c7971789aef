"""Credit grants as rows, and where each of them went, only ever added to.

What is left of a grant stands in its row, which is locked before anything is taken of it; that it
is never below zero, the database holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from tallystick.core.credit import CreditGrant, CreditScope, currency_of
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.number import EXACT, ZERO, plain
from tallystick.errors import Conflict, InsufficientCredit
from tallystick.storage.among import among, one_of
from tallystick.storage.batches import insert_cells, moments, rows_of, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from decimal import Decimal

    from sqlalchemy import RowMapping

    from tallystick.core.credit import Category, GrantSource
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "CreditMove",
    "GrantRow",
    "MoveKind",
    "add_grant",
    "grant_by_id",
    "grant_by_key",
    "grant_of",
    "grant_values",
    "grants_by_id",
    "grants_of",
    "last_place",
    "move_grants",
    "moves_of",
    "to_expire",
]

MoveKind: TypeAlias = Literal["burned", "restored", "expired", "voided", "transferred"]
"""What happened to a part of a grant."""

_AT_ONCE: Final = 500
_MOVE: Final = (
    ("customer_id", "text"),
    ("grant_id", "text"),
    ("number", "bigint"),
    ("kind", "text"),
    ("size", "numeric"),
    ("at", "timestamptz"),
    ("invoice_id", "text"),
    ("cause", "text"),
)
_LEFT: Final = (("customer_id", "text"), ("id", "text"), ("remaining", "numeric"))
_BACK: Final = frozenset({"restored"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """A grant as it is kept, and what is left of it."""

    grant: CreditGrant
    remaining: Decimal
    recorded_at: Instant
    reason: str | None = None
    idempotency_key: str | None = None

    @property
    def balance(self) -> GrantBalance:
        """The grant as the core reckons with it: all that is gone counts as consumed."""
        return GrantBalance(self.grant, consumed=EXACT.subtract(self.grant.size, self.remaining))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMove:
    """One thing that happened to a grant: `size` went, or came back where it is `restored`.

    `number` counts the moves of a grant from 1; `cause` is what it was for, once for each kind.
    """

    customer: str
    grant: str
    kind: MoveKind
    size: Decimal
    at: Instant
    cause: str
    invoice: str | None = None
    number: int = 0


def add_grant(unit: Unit, row: GrantRow) -> None:
    """Store a grant.  Raises Conflict where its id, its place or the customer's key was used."""
    values = grant_values(row)
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.credit_grants).values(values))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict("another grant came first: read what there is and try again") from None


def grant_values(row: GrantRow) -> dict[str, Any]:
    """Give the columns of a grant."""
    grant = row.grant
    unit_ = currency_of(grant.amount)
    return {
        "customer_id": grant.customer,
        "id": grant.id,
        "place": grant.created,
        "currency": None if unit_ is None else unit_.code,
        "feature": grant.feature,
        "size": grant.size,
        "remaining": row.remaining,
        "category": grant.category,
        "source": grant.source,
        "priority": grant.priority,
        "effective_at": grant.effective_at,
        "expires_at": grant.expires_at,
        "scope": _scope_text(grant.scope),
        "recorded_at": row.recorded_at,
        "reason": row.reason,
        "idempotency_key": row.idempotency_key,
    }


def grants_by_id(
    unit: Unit, customer: str, ids: Collection[str], *, lock: bool = False
) -> dict[str, GrantRow]:
    """Give grants of a customer by their ids; `lock` holds them until the transaction ends."""
    names = ("customer_id", "id")
    keys = [(customer, each) for each in ids]
    found = rows_of(unit, unit.tables.credit_grants, names, keys, lock=lock)
    return {row["id"]: grant_of(row) for row in found}


def grants_of(
    unit: Unit, customers: Collection[str], *, lock: bool = False, spent: bool = False
) -> tuple[GrantRow, ...]:
    """Give the grants of customers, by customer and the order in which they were made.

    Those of which nothing is left are left out unless `spent` ones are asked for.  `lock` holds
    them until the transaction ends.
    """
    table = unit.tables.credit_grants
    names, found = sorted(set(customers)), list[GrantRow]()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        query = select(table).where(one_of(unit, table.c.customer_id, some))
        if not spent:
            query = query.where(table.c.remaining != ZERO)
        query = query.order_by(table.c.customer_id, table.c.place)
        rows = unit.connection.execute(query.with_for_update() if lock else query)
        found += map(grant_of, rows.mappings())
    return tuple(found)


def last_place(unit: Unit, customer: str) -> int:
    """Give the place of the grant that a customer got last, 0 where there is none."""
    c = unit.tables.credit_grants.c
    query = select(func.max(c.place)).where(c.customer_id == customer)
    return unit.connection.execute(query).scalar() or 0


def grant_by_id(unit: Unit, id_: str, *, lock: bool = False) -> GrantRow | None:
    """Give a grant, or None."""
    table = unit.tables.credit_grants
    query = select(table).where(table.c.id == id_)
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else grant_of(row)


def grant_by_key(unit: Unit, customer: str, idempotency_key: str) -> GrantRow | None:
    """Give the grant that a customer's key made, or None."""
    names = ("customer_id", "idempotency_key")
    found = rows_of(unit, unit.tables.credit_grants, names, [(customer, idempotency_key)])
    return next(map(grant_of, found), None)


def to_expire(unit: Unit, at: Instant, limit: int) -> tuple[GrantRow, ...]:
    """Lock grants that ended by an instant and of which something is left, the first ended first.

    One that a draft of its customer may still be paid by, or that goes on, waits for it.
    """
    table, drafts = unit.tables.credit_grants, unit.tables.invoices
    planned = unit.tables.plan_grants.c
    goes_on = (
        select(planned.grant_id)
        .where(
            planned.customer_id == table.c.customer_id,
            planned.grant_id == table.c.id,
            planned.rolls_at.is_not(None),
        )
        .exists()
    )
    waits = (
        select(drafts.c.id)
        .where(
            drafts.c.customer_id == table.c.customer_id,
            drafts.c.status == "draft",
            drafts.c.at < table.c.expires_at,
        )
        .exists()
    )
    query = (
        select(table)
        .where(table.c.expires_at <= at, table.c.remaining != ZERO, ~waits, ~goes_on)
        .order_by(table.c.expires_at, table.c.customer_id, table.c.id)
        .limit(limit)
    )
    if unit.dialect == "postgresql":
        query = query.with_for_update(skip_locked=True, of=table)
    return tuple(map(grant_of, unit.connection.execute(query).mappings()))


# --- moves ----------------------------------------------------------------------------------------


def move_grants(unit: Unit, moves: Sequence[CreditMove]) -> None:
    """Write down what happened to grants, which are locked, and what is left of them.

    Raises InsufficientCredit, and nothing is to be committed then, where more goes than there is;
    Conflict where one was written down before.
    """
    if not moves:
        return
    keys = sorted({(move.customer, move.grant) for move in moves})
    table = unit.tables.credit_grants
    rows = {
        (row["customer_id"], row["id"]): grant_of(row)
        for row in rows_of(unit, table, ("customer_id", "id"), keys, lock=True)
    }
    left = {key: row.remaining for key, row in rows.items()}
    numbers = _last_numbers(unit, keys)
    moment = moments(unit)
    written = []
    for move in moves:
        key = (move.customer, move.grant)
        gone = -move.size if move.kind in _BACK else move.size
        left[key] = EXACT.subtract(left[key], gone)
        if left[key] < 0 or left[key] > rows[key].grant.size:
            raise InsufficientCredit(
                f"grant {move.grant!r} has not so much",
                asked=plain(move.size),
                left=plain(rows[key].remaining),
            )
        numbers[key] = numbers.get(key, 0) + 1
        written.append(
            (
                *(*key, numbers[key], move.kind, plain(move.size), moment(move.at)),
                *(move.invoice, move.cause),
            )
        )
    try:
        with unit.savepoint():
            insert_cells(unit, unit.tables.credit_moves, _MOVE, written)
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict("this was done with the grant before") from None
    changed = [(*key, plain(left[key])) for key in keys]
    where = "d.customer_id = {customer_id} AND d.id = {id}"
    update_rows(unit, table, _LEFT, changed, {"remaining": "{remaining}"}, where)


def moves_of(
    unit: Unit, customer: str, *, grant: str | None = None, invoice: str | None = None
) -> tuple[CreditMove, ...]:
    """Give what happened to a customer's grants, or to one, or by one document; in their order."""
    table = unit.tables.credit_moves
    query = select(table).where(table.c.customer_id == customer)
    for column, wanted in ((table.c.grant_id, grant), (table.c.invoice_id, invoice)):
        if wanted is not None:
            query = query.where(column == wanted)
    rows = unit.connection.execute(query.order_by(table.c.grant_id, table.c.number))
    return tuple(map(_move, rows.mappings()))


def _last_numbers(unit: Unit, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    c = unit.tables.credit_moves.c
    ordered, found = sorted(keys), dict[tuple[str, str], int]()
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        query = (
            select(c.customer_id, c.grant_id, func.max(c.number))
            .where(among(unit, (c.customer_id, c.grant_id), some))
            .group_by(c.customer_id, c.grant_id)
        )
        found |= {(row[0], row[1]): row[2] for row in unit.connection.execute(query)}
    return found


# --- rows -----------------------------------------------------------------------------------------


def grant_of(row: RowMapping | Mapping[str, Any]) -> GrantRow:
    """Read a grant."""
    code, size = row["currency"], row["size"]
    grant = CreditGrant(
        id=row["id"],
        customer=row["customer_id"],
        amount=size if code is None else Money(int(size), currency(code)),
        effective_at=row["effective_at"],
        expires_at=row["expires_at"],
        feature=row["feature"],
        category=cast("Category", row["category"]),
        source=cast("GrantSource", row["source"]),
        priority=row["priority"],
        created=row["place"],
        scope=_scope(row["scope"]),
    )
    return GrantRow(
        grant=grant,
        remaining=row["remaining"],
        recorded_at=row["recorded_at"],
        reason=row["reason"],
        idempotency_key=row["idempotency_key"],
    )


def _move(row: RowMapping) -> CreditMove:
    return CreditMove(
        customer=row["customer_id"],
        grant=row["grant_id"],
        kind=cast("MoveKind", row["kind"]),
        size=row["size"],
        at=row["at"],
        cause=row["cause"],
        invoice=row["invoice_id"],
        number=row["number"],
    )


_SCOPE: Final = ("meters", "prices", "plans")


def _scope_text(scope: CreditScope) -> str:
    tree = {name: sorted(getattr(scope, name)) for name in _SCOPE if getattr(scope, name)}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _scope(text: str) -> CreditScope:
    tree = json.loads(text)
    return CreditScope(**{name: frozenset(tree.get(name, ())) for name in _SCOPE})
