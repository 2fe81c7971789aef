"""The published catalogues and the versions of their plans.  What is stored here never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tallystick.core.published import CatalogVersion, PlanVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import Row, Select

    from tallystick.core.period import Instant
    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Unit

__all__ = [
    "add",
    "every",
    "mark_sold",
    "newest",
    "newest_plans",
    "plan",
    "plan_numbers",
    "refs",
    "sold",
    "text_of",
]


def add(unit: Unit, version: CatalogVersion, text: str, plans: Collection[PlanVersion]) -> bool:
    """Store a version with the plans that are new in it, unless its number is taken by now.

    The keys decide that, not a look beforehand: of two at once one is told False, and its
    transaction goes on as if nothing had been tried.
    """
    tables = unit.tables
    try:
        with unit.savepoint():
            unit.connection.execute(
                insert(tables.catalog_versions).values(
                    number=version.number,
                    digest=version.digest,
                    author=version.author,
                    published_at=version.published_at,
                    tree=text,
                )
            )
            if plans:
                unit.connection.execute(insert(tables.plan_versions), [_plan_row(p) for p in plans])
    except IntegrityError:
        return False
    return True


def newest(unit: Unit) -> CatalogVersion | None:
    """Give the version that counts now, or None where nothing was published."""
    return next(iter(every(unit, limit=1)), None)


def every(unit: Unit, *, limit: int | None = None) -> tuple[CatalogVersion, ...]:
    """Give the versions, the newest first."""
    c = unit.tables.catalog_versions.c
    query = select(c.number, c.digest, c.author, c.published_at)
    rows = unit.connection.execute(query.order_by(c.number.desc()).limit(limit))
    return tuple(CatalogVersion(**row) for row in rows.mappings())


def text_of(unit: Unit, number: int) -> str | None:
    """Give the text of a version, or None."""
    c = unit.tables.catalog_versions.c
    return unit.connection.execute(select(c.tree).where(c.number == number)).scalar()


def plan_numbers(unit: Unit, number: int) -> dict[str, int]:
    """Give the version that each plan had in a catalogue: the last that came with it or before."""
    c = unit.tables.plan_versions.c
    query = select(c.plan_id, func.max(c.version)).where(c.catalog_number <= number)
    rows = unit.connection.execute(query.group_by(c.plan_id))
    return {row[0]: row[1] for row in rows}


def newest_plans(unit: Unit) -> dict[str, PlanVersion]:
    """Give the last version of every plan that was ever published, by plan id."""
    c = unit.tables.plan_versions.c
    last = select(c.plan_id, func.max(c.version).label("version")).group_by(c.plan_id).subquery()
    query = _plans(unit.tables).join(
        last, and_(c.plan_id == last.c.plan_id, c.version == last.c.version)
    )
    found = map(_plan_version, unit.connection.execute(query))
    return {each.plan_id: each for each in found}


def plan(unit: Unit, plan_id: str, version: int) -> PlanVersion | None:
    """Give one version of a plan, or None."""
    c = unit.tables.plan_versions.c
    query = _plans(unit.tables).where(c.plan_id == plan_id, c.version == version)
    row = unit.connection.execute(query).first()
    return None if row is None else _plan_version(row)


def _plans(tables: Tables) -> Select[tuple[object, ...]]:
    c = tables.plan_versions.c
    return select(c.plan_id, c.version, c.digest, c.catalog_number, c.tree, c.sold_at)


def _plan_version(row: Row[tuple[object, ...]]) -> PlanVersion:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return PlanVersion(text=values.pop("tree"), **values)


def _plan_row(plan: PlanVersion) -> dict[str, object]:
    return {
        "plan_id": plan.plan_id,
        "version": plan.version,
        "digest": plan.digest,
        "catalog_number": plan.catalog_number,
        "tree": plan.text,
    }


def mark_sold(unit: Unit, refs: Iterable[str], at: Instant) -> None:
    """Note when plan versions, `pro@2`, were first sold."""
    c = unit.tables.plan_versions.c
    for ref in sorted(set(refs)):
        plan_id, _, version = ref.rpartition("@")
        mine = and_(c.plan_id == plan_id, c.version == int(version), c.sold_at.is_(None))
        if unit.connection.execute(select(c.plan_id).where(mine)).first() is not None:
            unit.connection.execute(
                update(unit.tables.plan_versions).where(mine).values(sold_at=at)
            )


def refs(unit: Unit) -> tuple[str, ...]:
    """Give every plan version, `pro@2`, that was ever published, in order."""
    c = unit.tables.plan_versions.c
    rows = unit.connection.execute(select(c.plan_id, c.version).order_by(c.plan_id, c.version))
    return tuple(f"{row.plan_id}@{row.version}" for row in rows)


def sold(unit: Unit) -> tuple[str, ...]:
    """Give the plan versions, `pro@2`, that were ever sold, in order."""
    c = unit.tables.plan_versions.c
    query = select(c.plan_id, c.version).where(c.sold_at.is_not(None))
    rows = unit.connection.execute(query.order_by(c.plan_id, c.version))
    return tuple(f"{row.plan_id}@{row.version}" for row in rows)
