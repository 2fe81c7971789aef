"""What is held of a limit for others: open reservations, and leases that nobody has closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import and_, cast, literal, select, union_all

from tallystick.storage.among import one_of
from tallystick.storage.types import Exact

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Held", "held"]

_AT_ONCE: Final = 500


class Held(NamedTuple):
    """Units that are held: by a reservation against the limit at `at`, by a lease until then."""

    quantity: Decimal
    at: Instant
    leased: bool


def held(
    unit: Unit, customers: Collection[str], at: Instant
) -> dict[tuple[str, str], tuple[Held, ...]]:
    """Give what is held of customers, by meter: what is reserved until after `at`, and leased.

    What is left of a lease that has expired is held as well: only its holder knows what was used.
    """
    ordered = sorted(set(customers))
    found: dict[tuple[str, str], tuple[Held, ...]] = {}
    r, b = unit.tables.reservations.c, unit.tables.leases.c
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        reserved = select(
            r.customer_id, r.meter, r.quantity, r.counts_at.label("at"), literal(0).label("leased")
        ).where(and_(one_of(unit, r.customer_id, some), r.state == "open", r.expires_at > at))
        leased = select(
            b.customer_id, b.meter, cast(b.size - b.reported, Exact), b.expires_at, literal(1)
        ).where(and_(one_of(unit, b.customer_id, some), b.closed_at.is_(None)))
        for customer, meter, quantity, when, kind in unit.connection.execute(
            union_all(reserved, leased)
        ):
            each = Held(quantity, when, bool(kind))
            found[customer, meter] = (*found.get((customer, meter), ()), each)
    return found
