"""Handing events out again: as they were sent, and as they were at one moment."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.storage.scope import ALL, one_customer
from tallystick.storage.usage import last_order, stored_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Period
    from tallystick.storage.unit import Storage, Unit

__all__ = ["exported"]

_PAGE: Final = 1_000


def exported(
    storage: Storage, *, customer: str | None = None, period: Period | None = None
) -> Iterator[UsageEvent]:
    """Give the events that are stored when it begins, in the order of arrival, one by one.

    PostgreSQL keeps one reading transaction for it, since an event that is committed later may
    have a lower place.  On SQLite it cannot, and each page is a transaction of its own that keeps
    nobody from writing.
    """
    scope = ALL if customer is None else one_customer(customer)
    if storage.dialect == "postgresql":
        with storage.look(scope) as unit:
            yield from stored_events(unit, customer=customer, period=period, sent=True)
        return
    after, end = 0, storage.attempt(last_order, reading=True)
    while True:
        look = partial(_page, customer=customer, period=period, after=after, up_to=end)
        page = storage.attempt(look, reading=True)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].order or after


def _page(
    unit: Unit, *, customer: str | None, period: Period | None, after: int, up_to: int
) -> list[UsageEvent]:
    events = stored_events(
        unit, customer=customer, period=period, after=after, up_to=up_to, sent=True
    )
    return list(islice(events, _PAGE))
