"""What was agreed with customers about features, as rows: each change is a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from tallystick.core.override import override_of, override_text
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.core.override import Override
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["add_override", "overrides_of"]

_AT_ONCE: Final = 500


def overrides_of(unit: Unit, customers: Collection[str]) -> dict[str, dict[str, Override]]:
    """Give what holds now, by customer and feature."""
    c = unit.tables.entitlement_overrides.c
    names = sorted(set(customers))
    found: dict[str, dict[str, Override]] = {}
    for start in range(0, len(names), _AT_ONCE):
        query = select(c.customer_id, c.feature, c.facts).where(
            c.customer_id.in_(names[start : start + _AT_ONCE])
        )
        for customer, feature, facts in unit.connection.execute(query.order_by(c.version)):
            mine = found.setdefault(customer, {})
            mine.pop(feature, None)
            if facts is not None:
                mine[feature] = override_of(facts)
    return found


def add_override(
    unit: Unit, customer: str, feature: str, override: Override | None, at: Instant
) -> None:
    """Store the next version; None lifts it.  Raises Conflict where another came in between."""
    table = unit.tables.entitlement_overrides
    c = table.c
    mine = select(func.max(c.version)).where(c.customer_id == customer, c.feature == feature)
    last = unit.connection.execute(mine).scalar() or 0
    values = {
        "customer_id": customer,
        "feature": feature,
        "version": last + 1,
        "facts": None if override is None else override_text(override),
        "set_at": at,
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(table).values(values))
    except IntegrityError:
        raise Conflict(f"{feature!r} was agreed otherwise meanwhile: try again") from None
