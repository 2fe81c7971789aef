"""The published tax rules.  What is stored here never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tallystick.core.tax_rules import TaxRulesVersion

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit

__all__ = ["add", "every", "newest", "newest_text", "text_of", "text_of_digest"]


def add(unit: Unit, version: TaxRulesVersion, text: str) -> bool:
    """Store a version, unless its number is taken by now: of two at once one is told False."""
    row = {
        "number": version.number,
        "digest": version.digest,
        "author": version.author,
        "published_at": version.published_at,
        "tree": text,
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.tax_rules).values(row))
    except IntegrityError:
        return False
    return True


def newest(unit: Unit) -> TaxRulesVersion | None:
    """Give the version that counts now, or None where nothing was published."""
    return next(iter(every(unit, limit=1)), None)


def newest_text(unit: Unit) -> str | None:
    """Give the text of the version that counts now, or None where nothing was published."""
    c = unit.tables.tax_rules.c
    query = select(c.tree).order_by(c.number.desc()).limit(1)
    return unit.connection.execute(query).scalar()


def every(unit: Unit, *, limit: int | None = None) -> tuple[TaxRulesVersion, ...]:
    """Give the versions, the newest first."""
    c = unit.tables.tax_rules.c
    query = select(c.number, c.digest, c.author, c.published_at)
    rows = unit.connection.execute(query.order_by(c.number.desc()).limit(limit))
    return tuple(TaxRulesVersion(**row) for row in rows.mappings())


def text_of(unit: Unit, number: int) -> str | None:
    """Give the text of a version, or None."""
    c = unit.tables.tax_rules.c
    return unit.connection.execute(select(c.tree).where(c.number == number)).scalar()


def text_of_digest(unit: Unit, digest: str) -> str | None:
    """Give the text of rules by what they hash to, or None."""
    c = unit.tables.tax_rules.c
    return unit.connection.execute(select(c.tree).where(c.digest == digest).limit(1)).scalar()
