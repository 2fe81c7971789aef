"""`tally.lease` and `tally.entitlements`: answers from memory, for paths that ask all the time."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Final, Generic, cast

from tallystick.app import reservation
from tallystick.app.entitlement import PlanShelf
from tallystick.app.lease import LONGEST_LEASE, MOST_LEASED
from tallystick.app.snapshot import snapshot
from tallystick.app.turn import Wish
from tallystick.core.property import shown
from tallystick.core.snapshot import Entitlements
from tallystick.core.text import id_at, refused_at
from tallystick.errors import StorageUnavailable
from tallystick.facade.keys import Key
from tallystick.facade.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.wiring import Tallystick

__all__ = ["FromMemory", "length_of"]

_HELD: Final = 60  # seconds
_MAX_AGE: Final = 5.0  # seconds
_OLDEST: Final = 3_600
_MOST_CUSTOMERS: Final = 10_000


class FromMemory(Generic[Key]):
    """What a process answers without asking the database each time."""

    def _tally(self) -> Tallystick:
        return cast("Tallystick", self)

    def _plans(self) -> PlanShelf:
        """Give what plans there are; one for each ledger, as it remembers what it has read."""
        tally = self._tally()
        found = tally.__dict__.get("_shelf")
        if found is None:
            found = tally.__dict__["_shelf"] = PlanShelf(tally.price_book, tally.default_plan)
        return cast("PlanShelf", found)

    def entitlements(self, customer: str, *, max_age: float = _MAX_AGE) -> Entitlements:
        """Give all that a customer may do as one value, at most `max_age` seconds old.

        It is kept in this process, for up to 10,000 customers.  An older one is compared with the
        ledger by its version: where nothing has changed, only use is counted again.  With a
        `max_age` of 0 every call asks.  What it allows is what was left then: `use` and `lease`
        are what holds a limit.  Where the database does not answer, everything in it is denied,
        with the reason `dependency_away`.

        Raises InvalidInput.
        """
        kept = self._kept()
        found = kept.get(customer)
        if found is not None and monotonic() - found[0] < max_age:
            return found[1]
        return self._read_again(id_at(customer, "customer"), max_age, found and found[1])

    def _kept(self) -> OrderedDict[str, tuple[float, Entitlements]]:
        held = self._tally().__dict__
        found = held.get("_entitlements")
        if found is None:
            found = held.setdefault("_entitlements", OrderedDict())
        return cast("OrderedDict[str, tuple[float, Entitlements]]", found)

    def _read_again(
        self, customer: str, max_age: float, before: Entitlements | None
    ) -> Entitlements:
        if type(max_age) not in {int, float} or not 0 <= max_age <= _OLDEST:
            raise refused_at("max_age", f"is a number of seconds, at most {_OLDEST:,}")
        asked, shelf, tally = monotonic(), self._plans(), self._tally()
        try:
            found = tally.act(
                lambda unit, now: snapshot(unit, now, customer, shelf, before), reading=True
            )
        except StorageUnavailable:
            return Entitlements(customer=customer, at=tally.clock.now())
        kept = self._kept()
        kept[customer] = asked, found
        while len(kept) > _MOST_CUSTOMERS:
            kept.popitem(last=False)
        return found

    def lease(
        self,
        customer: str,
        feature: Key,
        size: int,
        *,
        expires_in: timedelta | int = _HELD,
        report_every: float = 1.0,
        plan: str | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> Lease:
        """Take a block of `size` units, or as many as are left, and answer from memory.

        For quotas on a hot path: `lease.use()` asks no database.  A block is used until
        `expires_in` is over (seconds or a timedelta, at most an hour) or its quota starts again;
        for so long a change of what the customer has is not seen.

        Raises as `use` does where not one unit is left; InvalidInput for a switch, a gauge and
        what does not add up.
        """
        held = length_of(expires_in, LONGEST_LEASE)
        if type(size) is not int or not 0 < size <= MOST_LEASED:
            raise refused_at("size", f"is a whole number from 1 to {MOST_LEASED:,}")
        if type(report_every) not in {int, float} or not 0 < report_every <= _HELD:
            raise refused_at("report_every", "is a number of seconds, at most 60")
        wish = Wish(
            id=self._tally().ids.new("lse"),
            customer=id_at(customer, "customer"),
            feature=id_at(feature, "feature"),
            quantity=Decimal(size),
            plan=None if plan is None else id_at(plan, "plan"),
            properties=properties,
        )
        return Lease(self._tally(), self._plans(), wish, held, report_every)


def length_of(expires_in: object, most: timedelta = reservation.LONGEST_HOLD) -> timedelta:
    """Read how long something is held: a timedelta or whole seconds.  Raises InvalidInput."""
    length = expires_in
    if type(length) is int and 0 < length <= most.total_seconds():
        length = timedelta(seconds=length)
    if not isinstance(length, timedelta) or not timedelta() < length <= most:
        long = "7 days" if most.days else "1 hour"
        text = f"is a timedelta, or whole seconds, of at most {long}, not {shown(expires_in)}"
        raise refused_at("expires_in", text)
    return length
