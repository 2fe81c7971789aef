"""A ledger on which one customer's limits are used, act by act, as the oracle is told of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

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

__all__ = ["LONG", "PLANS", "Ledger", "Life", "granted_lives", "lives"]

Life = tuple[datetime, str | None, list[dict[str, Any]]]
"""When it begins, in which zone, and what happens."""

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
        "period": {"limit": 0, "gauge": True},
    },
    "pack": {
        "projects": {"limit": 1, "gauge": True},
        "month": {"limit": 2, "reset": "month"},
        "hour": {"limit": 3, "reset": "hour"},
    },
}
"""What each plan has; the last is an add-on, by seat."""

_METERS: Final = sorted({key for each in PLANS.values() for key in each})
_GAUGES: Final = frozenset({"projects"})
_ADDING: Final = sorted(set(_METERS) - _GAUGES)
_EVERYWHERE: Final = sorted(_all(1))
_UNPRICED: Final = sorted(set(_METERS) - {"soft"})


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
            {"key": key, "aggregation": "last" if key in _GAUGES else "sum"}
            for key in [*_METERS, "units"]
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


# --- lives ----------------------------------------------------------------------------------------

_DAY: Final = 86_400
_SECONDS: Final = st.sampled_from([1, 20, 59, 60, 61, 3_600, 7_200, _DAY, 5 * _DAY, 31 * _DAY])
_HOLDS: Final = st.sampled_from([1, 60, 3_600, 4 * _DAY, 7 * _DAY])
_SIZES: Final = st.integers(1, 4)
_WHICH: Final = st.integers(0, 4)


def _act(do: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries({"do": st.just(do), **more})


_USES: Final = st.one_of(
    _act("use", key=st.sampled_from(_METERS), size=_SIZES),
    _act("reserve", key=st.sampled_from(_METERS), size=_SIZES, seconds=_HOLDS),
    _act("lease", key=st.sampled_from(_ADDING), size=_SIZES, seconds=st.sampled_from([60, 3_600])),
)
_AFTER: Final = st.one_of(
    _act("commit", id=_WHICH, size=st.none() | st.integers(0, 6)),
    _act("release", id=_WHICH),
    _act("stale", id=_WHICH),
    _act("report", id=_WHICH, size=st.integers(0, 4), close=st.booleans()),
    _act("set", key=st.just("projects"), size=st.integers(0, 6)),
    _act("less", key=st.just("projects"), size=_SIZES),
)
_HAVING: Final = st.one_of(
    _act("start", plan=st.sampled_from(["pro", "team"])),
    _act("change", plan=st.sampled_from(["pro", "team"])),
    _act("add", seats=st.integers(1, 3)),
    _act("remove"),
    _act("cancel"),
    _act("agree", key=st.sampled_from(_EVERYWHERE), limit=st.sampled_from([None, -1, 0, 3, 9])),
    _act("lift", key=st.sampled_from(_EVERYWHERE)),
    _act(
        "grant",
        key=st.sampled_from(_UNPRICED),
        size=_SIZES,
        seconds=st.sampled_from([None, 60, 4 * _DAY, 40 * _DAY]),
    ),
)
_RUNS: Final = _act("run")
_BEGINNINGS: Final = st.sampled_from(
    ["2027-01-31T22:59:58", "2027-03-27T12:00:00", "2027-12-31T23:59:30", "2028-02-29T00:00:00"]
)


@st.composite
def lives(draw: st.DrawFn, most: int) -> Life:
    """Draw when a life begins, in which zone, and what happens."""
    begin = datetime.fromisoformat(draw(_BEGINNINGS) + "+00:00")
    zone = draw(st.sampled_from([None, "America/New_York", "Europe/Berlin"]))
    wait = _act("wait", seconds=_SECONDS)
    acts = st.one_of(_USES, _USES, _USES, _AFTER, _AFTER, _AFTER, wait, wait, _HAVING, _RUNS)
    return begin, zone, draw(st.lists(acts, min_size=most // 2, max_size=most))


@st.composite
def granted_lives(draw: st.DrawFn, most: int) -> Life:
    """Draw a life on the plan that grants units, seldom billed when it is due."""
    begin = datetime.fromisoformat(draw(_BEGINNINGS) + "+00:00")
    zone = draw(st.sampled_from([None, "America/New_York", "Europe/Berlin"]))
    days = st.sampled_from([1, 1_800, _DAY, 9 * _DAY, 28 * _DAY, 31 * _DAY, 61 * _DAY])
    lasts = st.sampled_from([None, 20 * _DAY, 90 * _DAY])
    key = st.just("units")
    acts = st.one_of(
        _act("use", key=key, size=st.integers(1, 30)),
        _act("use", key=key, size=st.integers(1, 30)),
        _act("wait", seconds=days),
        _act("wait", seconds=days),
        _act("grant", key=key, size=st.integers(1, 15), seconds=lasts),
        _RUNS,
    )
    return begin, zone, draw(st.lists(acts, min_size=most // 2, max_size=most))


def _told(text: str) -> Tree:
    """Read an act from words: `reserve key=month size=2 seconds=60`."""
    do, *rest = text.split()
    pairs = (each.split("=") for each in rest)
    words: Tree = {"none": None, "yes": True, "no": False}
    facts: Tree = {name: words.get(of, of) for name, of in pairs}
    return {"do": do} | {
        name: int(of) if isinstance(of, str) and of.lstrip("-").isdigit() else of
        for name, of in facts.items()
    }


LONG: Final[Life] = (
    datetime.fromisoformat("2027-01-31T22:59:58+00:00"),
    "Europe/Berlin",
    [
        _told(line.strip())
        for line in """
        use key=month size=4
        reserve key=month size=2 seconds=60
        use key=month size=1
        stale id=0
        commit id=0 size=1
        commit id=0 size=1
        commit id=0 size=2
        use key=month size=1
        reserve key=day size=3 seconds=60
        use key=day size=3
        use key=day size=4
        wait seconds=60
        commit id=0 size=none
        release id=0
        use key=day size=3
        use key=burst size=3
        wait seconds=59
        use key=burst size=1
        wait seconds=1
        use key=burst size=1
        lease key=exports size=5 seconds=60
        use key=exports size=3
        report id=0 size=2 close=no
        use key=exports size=3
        report id=0 size=1 close=yes
        use key=exports size=3
        lease key=minute size=2 seconds=3600
        wait seconds=60
        report id=0 size=1 close=no
        use key=minute size=2
        lease key=burst size=2 seconds=60
        wait seconds=3600
        use key=burst size=3
        reserve key=projects size=1 seconds=604800
        wait seconds=432000
        set key=projects size=1
        commit id=0 size=none
        use key=projects size=1
        less key=projects size=1
        less key=projects size=4
        start plan=pro
        use key=period size=4
        use key=soft size=3
        wait seconds=61
        add seats=2
        use key=month size=4
        use key=month size=4
        agree key=month limit=3
        use key=month size=4
        lift key=month
        grant key=month size=2 seconds=86400
        reserve key=month size=2 seconds=345600
        run
        wait seconds=86400
        release id=0
        use key=month size=2
        agree key=day limit=none
        use key=day size=1
        agree key=day limit=-1
        use key=day size=4
        remove
        change plan=team
        use key=year size=4
        grant key=period size=4 seconds=none
        wait seconds=2678400
        run
        reserve key=week size=4 seconds=60
        reserve key=month size=2 seconds=345600
        use key=month size=4
        wait seconds=86400
        cancel
        commit id=0 size=6
        commit id=0 size=2
        use key=month size=4
        """.strip().splitlines()
    ],
)
"""A life in which everything that may be asked is asked at the edges of limits and windows."""
