"""A ledger on which one customer's limits are used, act by act, as the oracle is told of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tallystick import Tallystick
from tallystick.app import lease
from tallystick.app.entitlement import PlanShelf
from tallystick.app.turn import Wish
from tallystick.core.dialects import read_catalog
from tallystick.errors import AccessDenied, PaymentNeeded, QuotaExceeded, ReservationOver
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import flat, plan
from tests.oracle.granting import CAP, GRANTED, INCLUDED, LASTS, ROLLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.storage.leases import LeaseRow
    from tallystick.storage.unit import Storage
    from tests.oracle.limits import Answer, Tree

__all__ = ["ADDING", "EVERYWHERE", "METERS", "PLANS", "UNPRICED", "Ledger"]

_WHO: Final = "acme"
_LESS: Final = timedelta(days=200)
_REFUSED: Final = (QuotaExceeded, AccessDenied, PaymentNeeded)


def _all(times: int) -> dict[str, Tree]:
    """Give what a plan has of each feature."""
    return {
        "projects": {"limit": 2 * times, "gauge": True},
        "exports": {"limit": 7 * times},
        "burst": {"limit": 3 * times, "seconds": 60},
        "minute": {"limit": 2 * times, "reset": "minute"},
        "day": {"limit": 5 * times, "reset": "day", "grace": 20},
        "month": {"limit": 6 * times, "reset": "month"},
    }


PLANS: Final[Mapping[str, Mapping[str, Tree]]] = {
    "free": _all(1),
    "pro": {
        **_all(2),
        "hour": {"limit": 4, "reset": "hour"},
        "week": {"limit": 6, "reset": "week"},
        "year": {"limit": 9, "reset": "year"},
        "period": {"limit": 7, "reset": "billing_period"},
        "soft": {"limit": 2, "reset": "month", "price": True},
    },
    "team": {
        **_all(3),
        "year": {"limit": -1, "reset": "year"},
        "period": {"limit": 0},
    },
    "pack": {
        "projects": {"limit": 1, "gauge": True},
        "month": {"limit": 2, "reset": "month"},
        "hour": {"limit": 3, "reset": "hour"},
    },
}
"""What each plan has; the last is an add-on, by seat."""

METERS: Final = sorted({key for each in PLANS.values() for key in each})
"""Every key; each counts on a meter of its own."""

GAUGES: Final = frozenset({"projects"})
ADDING: Final = sorted(set(METERS) - GAUGES)
"""Those that add up, and so can be leased."""

EVERYWHERE: Final = sorted(_all(1))
"""Those that every plan has."""

UNPRICED: Final = sorted(set(METERS) - {"soft"})
"""Those that no invoice bills."""


def _feature(key: str, facts: Tree) -> Tree:
    more: Tree = {"key": key, "limit": facts["limit"], "meter": key}
    names = {"reset": "reset", "seconds": "window_seconds", "grace": "grace"}
    more |= {name: facts[word] for word, name in names.items() if word in facts}
    return more | ({"unit_price": "2"} if facts.get("price") else {})


def _sold(id_: str) -> Tree:
    seats = {"id": f"{id_}-seat", "name": "Seats", "type": "per_seat", "cost": "1.00"}
    price = seats if id_ == "pack" else flat(id_, "10.00")
    return plan(id_, price, limits=[_feature(key, facts) for key, facts in PLANS[id_].items()])


def _product(id_: str, *plans: str) -> Tree:
    more = {"name": id_.title(), "currency": "USD", "group": id_}
    return {"id": id_, **more, "plans": [_sold(each) for each in plans]}


def _granting() -> Tree:
    """Give a plan that grants units of what it bills, of which a part goes on."""
    price = {"id": "granting-units", "name": "Units", "type": "per_unit", "meter": "units"}
    price |= {"unit": "unit", "cost": "0.01", "included": str(INCLUDED)}
    credit = {"id": "more", "units": str(GRANTED), "feature": "units", "interval": "month"}
    rolls = {"maximum": str(ROLLS), "cap": str(CAP), "expires_after": LASTS}
    limit = {"key": "units", "limit": INCLUDED, "reset": "month", "meter": "units"}
    more = {"credits": [{**credit, "expires_after": LASTS, "rollover": rolls}], "limits": [limit]}
    return plan("granting", flat("granting", "1.00"), price, **more)


CATALOG: Final = read_catalog(
    {
        "dialect": "tallystick",
        "currency": "USD",
        "meters": [
            {"key": key, "aggregation": "last" if key in GAUGES else "sum"}
            for key in [*METERS, "units"]
        ],
        "products": [
            _product("app", "free", "pro", "team"),
            _product("more", "pack"),
            {**_product("grants"), "plans": [_granting()]},
        ],
    }
)


class Ledger:
    """One ledger; `take` lets an act happen, `answers` tells what may be used."""

    def __init__(self, storage: Storage, begin: datetime, zone: str | None) -> None:
        """Publish the catalogue long before."""
        self.clock = FrozenClock(begin - _LESS)
        self.tally = Tallystick(
            storage.engine,
            catalog=CATALOG,
            clock=self.clock,
            ids=CountedIds(),
            default_plan="free",
        )
        self.tally.publish(author="us")
        self.tally.customers.create(_WHO, name=_WHO, currency="USD", time_zone=zone)
        self.clock.set(begin)
        self.shelf = PlanShelf(CATALOG, "free")
        self.held: list[Any] = []
        self.leased: list[LeaseRow] = []
        self.started = 0

    def answers(self) -> dict[str, Answer]:
        """Answer for every feature; each alone, all together and the snapshot say the same."""
        found = self.tally.check_all(_WHO)
        kept = self.tally.entitlements(_WHO, max_age=0)
        assert {key: kept.check(key) for key in found} == found
        return {
            key: (
                each.allowed,
                None if each.limit is None else int(each.limit),
                int(each.used),
                int(each.reserved),
                None if each.remaining is None else int(each.remaining),
                each.resets_at,
            )
            for key, each in found.items()
        }

    def take(self, act: Tree) -> str:
        """Let an act happen; give `ok`, or how it is refused."""
        take: Callable[[Tree], object] = getattr(self, f"_{act['do']}")
        try:
            take(act)
        except _REFUSED:
            return "refused"
        except ReservationOver:
            return "over"
        return "ok"

    def holds(self) -> None:
        """Hold the ledger to its invariants."""
        found = self.tally.verify()
        assert not found.broken, found.broken

    def _wait(self, act: Tree) -> None:
        self.clock.advance(timedelta(seconds=act["seconds"]))

    def _run(self, _: Tree) -> None:
        assert not self.tally.invoices.run().set_aside

    def _use(self, act: Tree) -> None:
        self.tally.use(_WHO, act["key"], act["size"])

    def _set(self, act: Tree) -> None:
        self.tally.set(_WHO, act["key"], act["size"])

    def _less(self, act: Tree) -> None:
        self.tally.give_back(_WHO, act["key"], act["size"])

    def _reserve(self, act: Tree) -> None:
        size, seconds = act["size"], act["seconds"]
        self.held.append(self.tally.reserve(_WHO, act["key"], size, expires_in=seconds))

    def _commit(self, act: Tree) -> None:
        self.held[act["id"]].commit(act["size"])

    def _release(self, act: Tree) -> None:
        self.held[act["id"]].release()

    def _stale(self, act: Tree) -> None:
        held = self.held[act["id"]]
        with suppress(ReservationOver):
            self.tally.release(_WHO, held.id, held.token + 1)
            raise AssertionError("a number that is not its own lets go of it")
        self.tally.commit(_WHO, held.id, held.token - 1)

    def _lease(self, act: Tree) -> None:
        name = f"lease {len(self.leased)}"
        wish = Wish(id=name, customer=_WHO, feature=act["key"], quantity=Decimal(act["size"]))
        held = timedelta(seconds=act["seconds"])
        take = partial(lease.take, wish=wish, held=held, shelf=self.shelf)
        self.leased.append(self.tally.act(take))

    def _report(self, act: Tree) -> None:
        row = self.leased[act["id"]]
        used = min(row.reported + act["size"], row.size)
        wish = Wish(id=row.id, customer=_WHO, feature=row.feature, quantity=Decimal(used))
        told = partial(lease.report, wish=wish, shelf=self.shelf, close=act["close"])
        self.leased[act["id"]] = replace(row, reported=self.tally.act(told).reported)

    def _start(self, act: Tree) -> None:
        self.started += 1
        self.tally.subscriptions.start(_WHO, act["plan"], id=self._name)

    @property
    def _name(self) -> str:
        return f"s{self.started}"

    def _change(self, act: Tree) -> None:
        self.tally.subscriptions.change(self._name, plan=act["plan"], when="now")

    def _add(self, act: Tree) -> None:
        self.tally.subscriptions.change(self._name, add={"pack": act["seats"]}, when="now")

    def _remove(self, _: Tree) -> None:
        self.tally.subscriptions.change(self._name, remove=["pack"], when="now")

    def _cancel(self, _: Tree) -> None:
        self.tally.subscriptions.cancel(self._name, when="now")

    def _agree(self, act: Tree) -> None:
        given = {"enabled": False} if act["limit"] is None else {"limit": act["limit"]}
        self.tally.overrides.set(_WHO, act["key"], **given)

    def _lift(self, act: Tree) -> None:
        self.tally.overrides.lift(_WHO, act["key"])

    def _grant(self, act: Tree) -> None:
        now, more = self.clock.now(), act["seconds"]
        until = None if more is None else now + timedelta(seconds=more)
        self.tally.credits.grant(_WHO, units=act["size"], feature=act["key"], expires_at=until)
