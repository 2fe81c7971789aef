"""Gates and reservations as rows: one caller at a time at a limit, and what is held for others.

Who may use something under a limit takes a turn first: the row of that customer and meter is theirs
until the transaction ends, so that what they then read and what they write are one step.  Each
reservation at a gate has a number of its own, which fences off whoever comes too late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sqlalchemy import insert, select, text, update

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Any

    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "ReservationRow",
    "ReservationState",
    "add_reservation",
    "close_reservation",
    "expire_reservations",
    "next_token",
    "reservation_by_id",
    "see_limit",
    "take_turn",
]

ReservationState: TypeAlias = Literal["open", "committed", "released", "expired"]
"""How a reservation stands; from `open` it goes to one of the others, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    """Units that are held for somebody until `expires_at`, against the limit at `counts_at`.

    `token` is its number at the gate.  `actual` is what was used of it in the
    end, and `event_id` the event that says so.  `plan` is the host's word, where it has one.
    """

    customer: str
    id: str
    meter: str
    feature: str
    quantity: Decimal
    token: int
    reserved_at: Instant
    counts_at: Instant
    expires_at: Instant
    state: ReservationState = "open"
    closed_at: Instant | None = None
    actual: Decimal | None = None
    event_id: str | None = None
    plan: str | None = None


def take_turn(unit: Unit, customer: str, meter: str) -> str | None:
    """Wait for the others at this gate and hold it until the transaction ends.

    Gives the limit that was seen at the last turn, None for the first.  The same statement makes
    the gate where there was none.
    """
    words = (
        f"INSERT INTO {unit.tables.gates.fullname} AS d (customer_id, meter, tokens)"  # noqa: S608 - names of ours
        " VALUES (:customer, :meter, 0)"
        " ON CONFLICT (customer_id, meter) DO UPDATE SET tokens = d.tokens RETURNING limit_seen"
    )
    given = {"customer": customer, "meter": meter}
    seen: str | None = unit.connection.execute(text(words), given).scalar_one()
    return seen


def next_token(unit: Unit, customer: str, meter: str) -> int:
    """Take the next number of a gate that is held; nobody else is given it."""
    c = unit.tables.gates.c
    mine = update(unit.tables.gates).where(c.customer_id == customer, c.meter == meter)
    changed = mine.values(tokens=c.tokens + 1).returning(c.tokens)
    return int(unit.connection.execute(changed).scalar_one())


def see_limit(unit: Unit, customer: str, meter: str, limit: str) -> None:
    """Keep the limit that is seen in this turn."""
    c = unit.tables.gates.c
    mine = update(unit.tables.gates).where(c.customer_id == customer, c.meter == meter)
    unit.connection.execute(mine.values(limit_seen=limit))


# --- reservations ---------------------------------------------------------------------------------


def expire_reservations(unit: Unit, customer: str, meter: str, at: Instant) -> int:
    """Close what has expired by an instant: call `take_turn` before.  Counts them.

    Each gives its units back here, and once: who comes to commit it finds it closed, whatever
    their clock says.
    """
    c = unit.tables.reservations.c
    mine = (c.customer_id == customer, c.meter == meter, c.state == "open", c.expires_at <= at)
    changed = update(unit.tables.reservations).where(*mine)
    return unit.connection.execute(changed.values(state="expired", closed_at=at)).rowcount


def add_reservation(unit: Unit, row: ReservationRow) -> None:
    """Store a reservation."""
    values: dict[str, Any] = {
        "customer_id": row.customer,
        "id": row.id,
        "meter": row.meter,
        "feature": row.feature,
        "plan": row.plan,
        "quantity": row.quantity,
        "token": row.token,
        "reserved_at": row.reserved_at,
        "counts_at": row.counts_at,
        "expires_at": row.expires_at,
        "state": row.state,
    }
    unit.connection.execute(insert(unit.tables.reservations).values(values))


def reservation_by_id(unit: Unit, customer: str, id_: str) -> ReservationRow | None:
    """Give a reservation of a customer, or None."""
    table = unit.tables.reservations
    query = select(table).where(table.c.customer_id == customer, table.c.id == id_)
    row = unit.connection.execute(query).mappings().first()
    return None if row is None else _row(row)


def close_reservation(
    unit: Unit,
    row: ReservationRow,
    state: ReservationState,
    at: Instant,
    *,
    actual: Decimal | None = None,
    event_id: str | None = None,
) -> bool:
    """Close an open reservation; False where it was closed by then."""
    c = unit.tables.reservations.c
    mine = (c.customer_id == row.customer, c.id == row.id, c.state == "open")
    values = {"state": state, "closed_at": at, "actual": actual, "event_id": event_id}
    changed = update(unit.tables.reservations).where(*mine).values(values)
    return unit.connection.execute(changed).rowcount == 1


def _row(row: RowMapping) -> ReservationRow:
    return ReservationRow(
        customer=row["customer_id"],
        id=row["id"],
        meter=row["meter"],
        feature=row["feature"],
        quantity=row["quantity"],
        token=row["token"],
        reserved_at=row["reserved_at"],
        counts_at=row["counts_at"],
        expires_at=row["expires_at"],
        state=cast("ReservationState", row["state"]),
        closed_at=row["closed_at"],
        actual=row["actual"],
        event_id=row["event_id"],
        plan=row["plan"],
    )
