"""The moves of subscriptions as rows, only ever added to; and the trials that were given."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tallystick.core.trees import bytes_of, move_of
from tallystick.errors import Conflict
from tallystick.storage.batches import insert_cells, moments, rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import RowMapping

    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "MoveRecord",
    "add_moves",
    "had_trial",
    "hold_trial",
    "move_by_key",
    "move_digest",
    "moves_of",
    "trial_identities",
]

_COLUMNS: Final = (
    ("customer_id", "text"),
    ("subscription_id", "text"),
    ("number", "bigint"),
    ("kind", "text"),
    ("at", "timestamptz"),
    ("recorded_at", "timestamptz"),
    ("idempotency_key", "text"),
    ("digest", "text"),
    ("body", "text"),
)
_TRIAL: Final = (
    ("identity", "text"),
    ("customer_id", "text"),
    ("subscription_id", "text"),
    ("at", "timestamptz"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRecord:
    """One move of a subscription: which one it is, when it counts from and when it was made.

    `number` counts from 1.  `idempotency_key` is the customer's: who sends it again with a move
    of the same `digest` asks for nothing new.
    """

    customer: str
    subscription: str
    number: int
    move: Move
    at: Instant
    recorded_at: Instant
    idempotency_key: str | None = None
    digest: str = ""


def move_digest(move: Move) -> str:
    """Give what a move hashes to."""
    return hashlib.sha256(bytes_of(move)).hexdigest()


def add_moves(unit: Unit, records: Sequence[MoveRecord]) -> None:
    """Store moves, each with its digest (worked out where there is none).

    Raises Conflict, and nothing is to be committed then, where another move has the number or the
    customer's key.
    """
    moment = moments(unit)
    rows = [
        (
            *(each.customer, each.subscription, each.number, type(each.move).__name__.lower()),
            *(moment(each.at), moment(each.recorded_at), each.idempotency_key),
            *(each.digest or move_digest(each.move), bytes_of(each.move).decode()),
        )
        for each in records
    ]
    try:
        with unit.savepoint():
            insert_cells(unit, unit.tables.subscription_moves, _COLUMNS, rows)
    except IntegrityError as refused:
        raise _refusal(refused) from None


def _refusal(refused: IntegrityError) -> Exception:
    said = str(refused.orig)
    if "idempotency_key" in said:
        return Conflict("the idempotency key was used before: read the move that it made")
    if "pk_" in said or "moves.number" in said:
        return Conflict("another move came first: read the subscription again and try again")
    return refused


def moves_of(unit: Unit, customer: str, subscription: str) -> tuple[MoveRecord, ...]:
    """Give the moves of a subscription, the first first."""
    table = unit.tables.subscription_moves
    query = select(table).where(
        table.c.customer_id == customer, table.c.subscription_id == subscription
    )
    rows = unit.connection.execute(query.order_by(table.c.number)).mappings()
    return tuple(map(_record, rows))


def move_by_key(unit: Unit, customer: str, idempotency_key: str) -> MoveRecord | None:
    """Give the move that a customer's key made, or None."""
    table = unit.tables.subscription_moves
    names = ("customer_id", "idempotency_key")
    found = next(rows_of(unit, table, names, [(customer, idempotency_key)]), None)
    return None if found is None else _record(found)


def _record(row: RowMapping | Mapping[str, Any]) -> MoveRecord:
    return MoveRecord(
        customer=row["customer_id"],
        subscription=row["subscription_id"],
        number=row["number"],
        move=move_of(json.loads(row["body"])),
        at=row["at"],
        recorded_at=row["recorded_at"],
        idempotency_key=row["idempotency_key"],
        digest=row["digest"],
    )


def trial_identities(customer: str, declared: Iterable[str]) -> tuple[str, ...]:
    """Give the identities under which a trial is given: the customer's, and those declared."""
    return (f"customer/{customer}", *(f"identity/{name}" for name in declared))


def had_trial(unit: Unit, identities: Collection[str]) -> bool:
    """Whether any of these identities was given a trial, with whichever customer it came."""
    c = unit.tables.trials.c
    query = select(c.identity).where(c.identity.in_(sorted(set(identities)))).limit(1)
    with unit.for_all():
        return unit.connection.execute(query).first() is not None


def hold_trial(
    unit: Unit, identities: Collection[str], customer: str, subscription: str, at: Instant
) -> None:
    """Give a trial to these identities, which none of them can have again.

    An identity is `customer/ID`, or a key that the merchant declared.  The subscription is stored
    already.  Raises Conflict where one of them had a trial; then none of them is given one.
    """
    written = moments(unit)(at)
    rows = [(identity, customer, subscription, written) for identity in sorted(set(identities))]
    with unit.savepoint():
        table = unit.tables.trials
        done = insert_cells(unit, table, _TRIAL, rows, " ON CONFLICT (identity) DO NOTHING")
        if done != len(rows):
            raise Conflict("a trial is given once, and this customer had it: start without")
