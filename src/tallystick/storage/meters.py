"""The meters whose roll-ups are kept, told apart by what their figures depend on.

A meter is `building` until its roll-ups hold every event, then `ready`.  Only ready ones are kept
up by whoever records; whoever changes a state is alone with it (see `hold`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from sqlalchemy import Text, cast, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from tallystick.core.meter import Meter, definition, definition_digest, meter_of_definition
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tallystick.core.meter import Aggregation
    from tallystick.storage.unit import Unit

__all__ = [
    "HOLD_WORDS",
    "KeptMeter",
    "MeterState",
    "check_level",
    "digest_of",
    "find_meter",
    "hold",
    "hold_alone",
    "hold_meter",
    "hold_targets",
    "holding",
    "is_building",
    "kept_meters",
    "register",
    "set_state",
]

MeterState: TypeAlias = Literal["building", "ready"]
"""Whether the roll-ups of a meter hold every event."""

_READY: Final[tuple[MeterState, ...]] = ("ready",)
_METERS: Final = 0  # the lock of the meters' states; the rest are for targets of corrections
_TARGETS: Final = 255
_FILLING: Final = 256  # with the number of a meter
_ALONE: Final = text("SELECT pg_advisory_xact_lock(CAST(:space AS int), CAST(:slot AS int))")
HOLD_WORDS: Final = (
    "current_setting('transaction_isolation') AS level,"
    " pg_advisory_xact_lock_shared(CAST(:space AS int), CAST(:slot AS int))"
)
"""What a SELECT of PostgreSQL has to say to hold; its level is for `check_level`."""

_SHARE: Final = text(f"SELECT {HOLD_WORDS}")


@dataclass(frozen=True, slots=True)
class KeptMeter:
    """A meter whose roll-ups are kept: its number in the database, its definition, its state."""

    id: int
    meter: Meter
    state: MeterState


# --- locks ----------------------------------------------------------------------------------------


def hold(unit: Unit) -> None:
    """Keep the states of all meters as they are until the transaction ends; many may at once.

    On SQLite the one writer is alone anyway.  Raises SetupError on PostgreSQL in a host's
    transaction that looks back (REPEATABLE READ and beyond): it would not see a meter that
    became ready since, and leave it without its figures.
    """
    if unit.dialect == "sqlite":
        return
    check_level(unit.connection.execute(_SHARE, holding(unit)).scalar_one())


def holding(unit: Unit) -> dict[str, int]:
    """Give what `HOLD_WORDS` are given."""
    return {"space": _space(unit), "slot": _METERS}


def check_level(level: str) -> None:
    """Refuse the isolation of a transaction that looks back.  Raises SetupError."""
    if level != "read committed":
        raise SetupError(
            f"usage is recorded in a READ COMMITTED transaction, this one is {level.upper()}: "
            "record it in a transaction of its own"
        )


def hold_alone(unit: Unit) -> None:
    """Wait for all who record, and keep others from it until the transaction ends."""
    if unit.dialect == "postgresql":
        _lock(unit, _METERS)


def hold_meter(unit: Unit, meter_id: int) -> None:
    """Be the only one who fills the roll-ups of a meter until the transaction ends."""
    if unit.dialect == "postgresql":
        _lock(unit, _FILLING + meter_id)


def hold_targets(unit: Unit, keys: Iterable[tuple[str, str, str]]) -> None:
    """Be the only one who corrects these events until the transaction ends."""
    if unit.dialect == "sqlite":
        return
    slots = {1 + int.from_bytes(_sha("\0".join(key))[:4], "big") % _TARGETS for key in keys}
    for slot in sorted(slots):
        _lock(unit, slot)


def _lock(unit: Unit, slot: int) -> None:
    unit.connection.execute(_ALONE, {"space": _space(unit), "slot": slot})


def _space(unit: Unit) -> int:
    """Give the number under which the locks of our tables stand in the database."""
    return _number(unit.tables.usage_events.fullname)


@lru_cache(maxsize=64)
def _number(name: str) -> int:
    return int.from_bytes(_sha(name)[:4], "big", signed=True)


def _sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


# --- which there are ------------------------------------------------------------------------------


def kept_meters(unit: Unit, states: Collection[MeterState] = _READY) -> list[KeptMeter]:
    """List the meters in these states, in the order in which they were registered."""
    meters = unit.tables.meters
    rows = unit.connection.execute(
        select(meters.c.id, cast(meters.c.definition, Text), meters.c.state).order_by(meters.c.id)
    )
    return [
        KeptMeter(number, _read(text), state) for number, text, state in rows if state in states
    ]


def digest_of(meter: Meter) -> str:
    """Give the digest of a meter's definition, which is asked for with every read."""
    late_after = meter.late_after if meter.late == "refuse" else None
    values = (meter.value, meter.allow_negative, late_after)
    allowed = tuple(meter.filter.items())
    return _digest(
        (meter.key, meter.event_type, meter.aggregation), values, allowed, meter.group_by
    )


@lru_cache(maxsize=1024)
def _digest(
    names: tuple[str, str, Aggregation],
    values: tuple[str, bool, int | None],
    allowed: tuple[tuple[str, tuple[str, ...]], ...],
    group_by: tuple[str, ...],
) -> str:
    (key, event_type, aggregation), (value, allow_negative, late_after) = names, values
    return definition_digest(
        Meter(
            key=key,
            event_type=event_type,
            aggregation=aggregation,
            value=value,
            filter=dict(allowed),
            group_by=group_by,
            allow_negative=allow_negative,
            late_after=late_after,
            late="adjust" if late_after is None else "refuse",
        )
    )


def find_meter(unit: Unit, meter: Meter) -> KeptMeter | None:
    """Find a meter by what its figures depend on; None where it was never registered."""
    meters = unit.tables.meters
    row = unit.connection.execute(
        select(meters.c.id, meters.c.state).where(meters.c.digest == digest_of(meter))
    ).one_or_none()
    return None if row is None else KeptMeter(row.id, meter, row.state)


@lru_cache(maxsize=1024)
def _read(text: str) -> Meter:
    return meter_of_definition(json.loads(text))


# --- changing them --------------------------------------------------------------------------------


def register(unit: Unit, meters: Iterable[Meter]) -> list[KeptMeter]:
    """Make sure that meters are registered, new ones as `building`; give them in their order.

    Where no event was ever stored a new one is `ready` at once: call `hold_alone` before.
    """
    wanted = {digest_of(meter): meter for meter in meters}
    state = "building" if _has_events(unit) else "ready"
    rows = [
        {"key": meter.key, "digest": digest, "definition": definition(meter), "state": state}
        for digest, meter in wanted.items()
    ]
    table = unit.tables.meters
    insert = postgresql.insert if unit.dialect == "postgresql" else sqlite.insert
    if rows:
        unit.connection.execute(insert(table).on_conflict_do_nothing(), rows)
    found: Mapping[str, tuple[int, MeterState]] = {
        row.digest: (row.id, row.state)
        for row in unit.connection.execute(select(table.c.digest, table.c.id, table.c.state))
    }
    return [KeptMeter(found[d][0], meter, found[d][1]) for d, meter in wanted.items()]


def set_state(unit: Unit, meter_id: int, state: MeterState) -> None:
    """Change the state of a meter: call `hold_alone` before."""
    meters = unit.tables.meters
    unit.connection.execute(update(meters).where(meters.c.id == meter_id).values(state=state))


def is_building(unit: Unit, meter_id: int) -> bool:
    """Whether the roll-ups of a meter do not hold every event yet."""
    meters = unit.tables.meters
    state = unit.connection.execute(select(meters.c.state).where(meters.c.id == meter_id))
    return state.scalar() == "building"


def _has_events(unit: Unit) -> bool:
    events = unit.tables.usage_events
    first = unit.connection.execute(select(func.min(events.c.seq))).scalar()
    return first is not None
