"""A ledger for the tests of a product: in memory, at a time that stands still."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Self

from tallystick.core.period import instant_text, parse_instant
from tallystick.core.property import shown
from tallystick.errors import InvalidPeriod
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tallystick.wiring import Tallystick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Catalog
    from tallystick.core.period import Instant

__all__ = ["FrozenLedger"]

_AUTHOR: Final = "tests"
_SIGNING_KEY: Final = "the key of a test signs nothing else"


class FrozenLedger(Tallystick):
    """A ledger in memory, migrated and published, whose clock stands still.

    Ids count (`sub_000001`), so that every run of a test has the same.
    """

    clock: FrozenClock

    def __init__(
        self,
        *,
        catalog: Catalog[str, str] | str | None = None,
        default_plan: str | None = None,
        start: datetime | date | str = "2026-01-01",
    ) -> None:
        """Open it at a time, with a catalogue or the path of its file.

        Raises InvalidPeriod, InvalidCatalog, CatalogNotFound, UnknownPlan, SetupError.
        """
        super().__init__(
            "sqlite://",
            catalog=catalog,
            default_plan=default_plan,
            clock=FrozenClock(_moment(start)),
            ids=CountedIds(),
            signing_keys=(_SIGNING_KEY,),
        )
        self.migrate()
        if self.price_book is not None:
            self.publish(author=_AUTHOR)

    @contextmanager
    def at(self, moment: datetime | date | str) -> Iterator[Self]:
        """Let it be another time within a block, and after it the time before it.

        A day, such as `2027-03-01`, is its midnight in UTC.  Nothing is billed by itself: a run in
        the block (`invoices.run()`) catches up with all that has fallen due by then.

        Raises InvalidPeriod.
        """
        before = self.clock.now()
        self._set(_moment(moment))
        try:
            yield self
        finally:
            self._set(before)

    def _set(self, moment: Instant) -> None:
        self.clock.set(moment)
        self._kept().clear()  # answers are as old as this machine's clock says, which stands apart


def _moment(given: object) -> Instant:
    if isinstance(given, datetime):
        return parse_instant(instant_text(given))
    text = given.isoformat() if isinstance(given, date) else given
    if not isinstance(text, str):
        raise InvalidPeriod(f"a time is a text, a datetime or a date, not {shown(given)}")
    return parse_instant(f"{text}T00:00:00Z" if len(text) == len("2027-03-01") else text)
