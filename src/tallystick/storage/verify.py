"""The invariants as queries that must return no rows.  They live here once, and only read.

What a query cannot show is proved elsewhere: that nothing acknowledged is lost (I2), by the tests
that crash at every boundary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import and_, func, literal_column, or_, select

from tallystick.core.canonical import digest
from tallystick.core.customer import PERSONAL_FIELDS
from tallystick.core.published import catalog_of_text
from tallystick.core.quick_event import LONGEST_ID
from tallystick.errors import TallystickError
from tallystick.storage.verify_rollups import wrong_rollups

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Table

    from tallystick.storage.unit import Unit

__all__ = ["CHECKS", "Check", "Rows"]

Rows: TypeAlias = Generator[Mapping[str, Any], None, None]
"""What breaks an invariant: enough of each row to find it."""

_HEX: Final = "0123456789abcdef"
_HEAD: Final = "sha256:"
_DIGEST_LENGTH: Final = len(_HEAD) + 64
_HOUR: Final = {"postgresql": "INTERVAL '1 hour'", "sqlite": "3600000000"}


@dataclass(frozen=True, slots=True)
class Check:
    """One query: its name, the invariants it is of, what it says, and how its rows are found."""

    name: str
    invariants: str
    sentence: str
    rows: Callable[[Unit], Rows]


# --- usage ----------------------------------------------------------------------------------------


def _keys_twice(unit: Unit) -> Rows:
    c = unit.tables.usage_events.c
    key = (c.customer_id, c.source, c.id)
    n = func.count().label("n")
    query = select(*key, n).group_by(*key).having(func.count() > 1).order_by(*key)
    return _mappings(unit, query)


def _digests(unit: Unit) -> Rows:
    c = unit.tables.usage_events.c
    return _mappings(unit, select(*_event(unit), c.digest).where(_malformed(c.digest)))


def _malformed(column: Column[str]) -> ColumnElement[bool]:
    return or_(
        func.length(column) != _DIGEST_LENGTH,
        func.substr(column, 1, len(_HEAD)) != _HEAD,
        func.ltrim(func.substr(column, len(_HEAD) + 1), _HEX) != "",
    )


def _shapes(unit: Unit) -> Rows:
    """Find what no door lets in: empty or endless texts, a kind that is none, half a target."""
    c = unit.tables.usage_events.c
    texts = (c.customer_id, c.source, c.id, c.type)
    wrong = [bad for text in texts for bad in (text == "", func.length(text) > LONGEST_ID)]
    whole = or_(
        and_(c.kind == "use", c.target_id.is_(None), c.target_source.is_(None)),
        and_(c.kind.in_(("void", "amend")), c.target_id != "", c.target_source != ""),
    )
    # NOT (unknown) is unknown, and would hide a correction without a target.
    return _mappings(unit, select(*_event(unit), c.kind).where(or_(*wrong, whole.is_not(True))))


def _targets(unit: Unit) -> Rows:
    """Find corrections of what is not there, came later, is a correction or of another type."""
    events = unit.tables.usage_events
    own, target = events.alias("own"), events.alias("target")
    same = and_(
        target.c.customer_id == own.c.customer_id,
        target.c.source == own.c.target_source,
        target.c.id == own.c.target_id,
    )
    right = and_(target.c.kind == "use", target.c.type == own.c.type, target.c.seq < own.c.seq)
    query = (
        select(*_event(unit, own), own.c.kind, own.c.target_source, own.c.target_id)
        .select_from(own.outerjoin(target, same))
        .where(own.c.kind != "use", or_(target.c.seq.is_(None), ~right))
        .order_by(own.c.seq)
    )
    return _mappings(unit, query)


def _after_void(unit: Unit) -> Rows:
    events = unit.tables.usage_events
    own, void = events.alias("own"), events.alias("void")
    same = and_(
        void.c.kind == "void",
        void.c.customer_id == own.c.customer_id,
        void.c.target_source == own.c.target_source,
        void.c.target_id == own.c.target_id,
        void.c.seq < own.c.seq,
    )
    query = select(*_event(unit, own), own.c.kind, void.c.id.label("voided_by"))
    return _mappings(unit, query.select_from(own.join(void, same)).order_by(own.c.seq))


def _times(unit: Unit) -> Rows:
    c = unit.tables.usage_events.c
    ahead: ColumnElement[bool] = literal_column(
        f"occurred_at - received_at > {_HOUR[unit.dialect]}"
    )
    query = select(*_event(unit), c.occurred_at, c.received_at).where(ahead)
    return _mappings(unit, query.order_by(c.seq))


def _event(unit: Unit, events: Any = None) -> list[Column[Any]]:
    c = (unit.tables.usage_events if events is None else events).c
    return [c.seq, c.customer_id, c.source, c.id]


# --- catalogues and customers ---------------------------------------------------------------------


def _catalog_digests(unit: Unit) -> Rows:
    """Read every published catalogue again: it must still be what its digest says."""
    c = unit.tables.catalog_versions.c
    for number, told, text in unit.connection.execute(
        select(c.number, c.digest, c.tree).order_by(c.number)
    ):
        try:
            found = digest(catalog_of_text(text))
        except (TallystickError, ValueError) as error:
            found = f"cannot be read: {error}"[:200]
        if found != told:
            yield {"number": number, "digest": told, "found": found}
    p = unit.tables.plan_versions.c
    for plan_id, version, told, text in unit.connection.execute(
        select(p.plan_id, p.version, p.digest, p.tree).order_by(p.plan_id, p.version)
    ):
        found = _HEAD + hashlib.sha256(text.encode()).hexdigest()
        if found != told:
            yield {"plan_id": plan_id, "version": version, "digest": told, "found": found}
    t = unit.tables.tax_rules.c
    for number, told, text in unit.connection.execute(
        select(t.number, t.digest, t.tree).order_by(t.number)
    ):
        found = _HEAD + hashlib.sha256(text.encode()).hexdigest()
        if found != told:
            yield {"tax_rules": number, "digest": told, "found": found}


def _catalog_numbers(unit: Unit) -> Rows:
    p, count = unit.tables.plan_versions.c, func.count()
    for what, table in (
        ("catalogue versions", unit.tables.catalog_versions),
        ("tax rules", unit.tables.tax_rules),
    ):
        last = func.max(table.c.number)
        query = select(last.label("last"), count.label("n")).having(last != count)
        yield from ({"what": what, **row} for row in _mappings(unit, query))
    last = func.max(p.version)
    gaps = select(p.plan_id, last.label("last"), count.label("n")).group_by(p.plan_id)
    yield from _mappings(unit, gaps.having(last != count).order_by(p.plan_id))


def _forgotten(unit: Unit) -> Rows:
    table: Table = unit.tables.customers
    kept = [table.c[name].is_not(None) for name in PERSONAL_FIELDS]
    query = select(table.c.id, table.c.forgotten_at)
    return _mappings(
        unit, query.where(table.c.forgotten_at.is_not(None), or_(*kept)).order_by(table.c.id)
    )


def _mappings(unit: Unit, query: Any) -> Rows:
    with unit.connection.execute(query, execution_options={"yield_per": 1_000}) as rows:
        for row in rows.mappings():
            yield dict(row)


CHECKS: Final[tuple[Check, ...]] = (
    Check("usage-keys", "I1", "an event is stored once: customer, source, id", _keys_twice),
    Check("usage-digests", "I1", "an event has the digest of what was sent", _digests),
    Check("usage-shapes", "I3", "an event has the form that the door asks for", _shapes),
    Check(
        "usage-targets",
        "I3",
        "a correction follows the event it corrects, of one customer",
        _targets,
    ),
    Check("usage-voids", "I3", "nothing corrects an event after it was voided", _after_void),
    Check("usage-times", "I4", "an event is at most an hour ahead of its arrival", _times),
    Check("roll-ups", "I5 I6", "what is kept of a day is what its events say", wrong_rollups),
    Check(
        "catalog-digests", "I11", "a published version says what its digest says", _catalog_digests
    ),
    Check("catalog-numbers", "I11", "versions are counted without a gap", _catalog_numbers),
    Check("forgotten", "I37", "a forgotten customer has nothing personal", _forgotten),
)
"""Every invariant that is a query, in the order in which they are run."""
