"""Gates and reservations as rows: one caller at a time at a limit, and what is held for others.

Who may use something under a limit takes a turn first: the row of that customer and meter is theirs
until the transaction ends, so that what they then read and what they write are one step.  Each
reservation at a gate has a number of its own, which fences off whoever comes too late.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sqlalchemy import insert, select, text, update

from tallystick.storage.meters import HOLD_WORDS, check_level, hold, holding
from tallystick.storage.scope import SCOPE_WORDS

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Any

    from sqlalchemy import RowMapping, TextClause

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
    """Wait for the others at this gate and hold it, with the meters, until the transaction ends.

    Gives the limit that was seen at the last turn, None for the first.  The same statement makes
    the gate where there was none; where nobody has said yet for whom the transaction is, it says
    that too.
    """
    given: dict[str, Any] = {"customer": customer, "meter": meter}
    scope = unit.scope_to_say() if unit.dialect == "postgresql" else None
    seen: str | None
    if scope is None:
        hold(unit)
        words = _turn(unit.tables.gates.fullname, first=False)
        seen = unit.connection.execute(words, given).scalar_one()
        return seen
    given |= {"owner": scope.customer, "every": scope.every, **holding(unit)}
    words = _turn(unit.tables.gates.fullname, first=True)
    seen, level = unit.connection.execute(words, given).one()
    check_level(level)
    return seen


@lru_cache(maxsize=64)
def _turn(gates: str, *, first: bool) -> TextClause:
    """Write the statement that takes a turn; `first` where it is the first of a transaction."""
    row = "CAST(:customer AS text), CAST(:meter AS text), 0"
    head, level = "", ""
    if first:  # what is said there is said before the row is looked for
        said = SCOPE_WORDS.replace(":customer", ":owner")
        head = f"WITH said AS MATERIALIZED (SELECT {said}, {HOLD_WORDS}) "
        row, level = f"{row} FROM said", ", (SELECT level FROM said)"
    return text(
        f"{head}INSERT INTO {gates} AS d (customer_id, meter, tokens) SELECT {row}"
        " ON CONFLICT (customer_id, meter) DO UPDATE SET tokens = d.tokens"
        f" RETURNING limit_seen{level}"
    )


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
