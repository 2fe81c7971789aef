"""Crash at every SQL boundary and around every call of a checkout that Stripe bills.

Stripe answers, or its answer is lost before or after it did what was asked.  What a crash left is
finished by a worker alone: one page, one subscription that lives, nothing paid twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.errors import OutcomeUnknown
from tallystick.providers.stripe.provider import Stripe
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.testing.fake_stripe.faults import Fault, Seen
from tests.facade.billing import START
from tests.facade.selling_by_stripe import BACK, StripeShop
from tests.proof.children import KILLED, run
from tests.proof.injector import Injector, install
from tests.proof.kept_fake import KeptFake
from tests.proof.places import KINDS, in_memory, place
from tests.proof.settings import FULL, spread
from tests.proof.state import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

FAULTS: dict[str, tuple[Seen, bool] | None] = {
    "answers": None,
    "cut before": (Seen.CUT, False),
    "cut after": (Seen.CUT, True),
}
CALLS = {
    "open": "POST /v1/checkout/sessions",
    "finish": "GET /v1/subscriptions/*",
    "give back": "POST /v1/refunds",
}
"""The call of each path of which the answer is lost."""

LEAST = {"open": 60, "finish": 60, "give back": 60}
"""The boundaries that each path meets at least: one that shrinks is a sweep that lies."""


class Town:
    """A shop and a Stripe account, each of which is brought back to its start by itself."""

    def __init__(self, here: Place, fake: FakeStripe) -> None:
        self.place, self.fake = here, fake
        self.shop = StripeShop(here.url, fake, FrozenClock(START))
        self.tally = self.shop.tally
        self.kept: KeptFake | None = None

    def keep(self) -> None:
        self.tally.close()
        self.place.keep()
        self.kept = KeptFake(self.fake)

    def restore(self) -> None:
        """Go back to the start; whoever asks Stripe then has a line of their own to it."""
        assert self.kept is not None
        self.tally.close()
        self.place.restore()
        self.kept.restore()
        self.redial()

    def redial(self) -> Stripe:
        provider = Stripe(self.shop.stripe.settings, self.shop.lock)
        self.tally.providers = {**self.tally.providers, "stripe": provider}
        return provider

    def there(self) -> tuple[int, list[str], int]:
        """Give what Stripe holds: its pages, how subscriptions stand, what was really taken."""
        stand = sorted(each["status"] for each in self.shop.there())
        return len(self.shop.sessions()), stand, self.shop.moved()

    def here(self) -> tuple[list[str], list[str]]:
        """Give what is held here: how checkouts stand, and subscriptions that live."""
        checkouts = self.tally.checkouts.list().items
        every = self.tally.subscriptions.list().items
        live: list[str] = [each.state for each in every if each.state == "active"]
        return sorted(each.state for each in checkouts), live


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    fake = FakeStripe(FrozenClock(START))
    with in_memory() as folder, place(request.param, folder) as here, running(fake):
        found = Town(here, fake)
        yield found
        found.tally.close()


def later(minutes: float) -> Any:
    return START + timedelta(minutes=minutes)


def sold(town: Town, plan: str, key: str) -> None:
    more: Any = {"biller": "provider", "idempotency_key": key, "at": START}
    town.tally.checkouts.open("acme", plan=plan, **more, **BACK)


def open_(town: Town) -> None:
    sold(town, "basic", "k")
    town.tally.checkouts.run(at=later(1))


def finish(town: Town) -> None:
    for each in town.tally.checkouts.list().items:
        town.tally.checkouts.refresh(each.id, at=later(2))
    for minutes in (3, 9, 25):
        town.tally.checkouts.run(at=later(minutes))


PATHS: dict[str, Callable[[Town], None]] = {"open": open_, "finish": finish, "give back": finish}

ENDS: dict[str, tuple[Any, Any]] = {
    "open": ((1, [], 0), (["open"], [])),
    "finish": ((1, ["active"], 1000), (["complete"], ["active"])),
    "give back": ((2, ["active", "canceled"], 1000), (["complete", "refunded"], ["active"])),
}
"""What Stripe holds in the end, and what is held here."""


def prepare(name: str, town: Town) -> None:
    """Do what comes before a path: pages that were paid, and nobody here knows it."""
    if name == "open":
        return
    if name == "give back":
        sold(town, "basic", "k")
        (open_page,) = town.shop.sessions()
        was = {each: open_page[each] for each in ("status", "url")}
        sold(town, "basic", "l")  # it takes the place of the first, which stays open for a while
        open_page |= was
        (first,) = (e for e in town.tally.checkouts.list().items if e.state == "expired")
        town.tally.act(lambda unit, _: _reopened(unit, first.id))
    else:
        sold(town, "basic", "k")
    for page in town.shop.sessions():
        town.fake.pay(page["id"])


def _reopened(unit: Any, id_: str) -> None:
    table = unit.tables.checkouts
    values = {"state": "open", "closed_at": None}
    unit.connection.execute(table.update().where(table.c.id == id_).values(values))


def tried(town: Town, act: Callable[[Town], None]) -> None:
    """Act; where there is no answer, a worker goes on later."""
    try:
        act(town)
    except OutcomeUnknown:
        town.tally.checkouts.run(at=later(26))


def acting(town: Town, act: Callable[[Town], None], at: int | None) -> Any:
    """Give what the child does: it meets the boundaries of SQL, and those of each call."""

    def child(report: Report) -> None:
        injector = Injector(at)
        provider = town.redial()
        for client in (provider.client, provider.subscriptions.client):
            asks: Any = client._requestor
            asks.request = _around(injector, asks.request)
        install(town.tally.storage.engine, injector)
        tried(town, act)
        report({"met": injector.met})

    return child


def _around(injector: Injector, call: Callable[..., Any]) -> Callable[..., Any]:
    def run_it(method: str, url: str, *words: Any, **more: Any) -> Any:
        with injector.around(f"CALL {method} {url}"):
            return call(method, url, *words, **more)

    return run_it


def chosen(met: list[str], most: int) -> list[int]:
    every = list(range(1, len(met) + 1))
    if FULL:
        return every
    near = [n for n in every if "CALL" in met[n - 1] or "after COMMIT" in met[n - 1]]
    return spread(near, most)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PATHS)
def test_a_crash_anywhere_sells_once(name: str, fault: str, town: Town, count: Count) -> None:
    act, wrong = PATHS[name], FAULTS[fault]
    prepare(name, town)
    town.keep()
    tried(town, act)  # what is read once and remembered is never counted

    def again() -> None:
        town.restore()
        if wrong is not None:
            town.fake.account.faults.add(Fault(wrong[0], CALLS[name], after=wrong[1]))

    again()
    whole = run(acting(town, act, None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    town.redial()
    town.tally.checkouts.run(at=later(40))
    assert (town.there(), town.here()) == ENDS[name]
    assert len(met) >= LEAST[name], len(met)
    assert sum("CALL" in each for each in met) >= 4
    numbers = chosen(met, 16 if wrong is None else 5)
    for number in numbers:
        where = f"{name}, {fault}, boundary {number}: {met[number - 1]}"
        again()
        child = run(acting(town, act, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        town.redial()
        assert town.tally.verify().ok, where
        for minutes in (31, 47, 63, 79):  # a worker alone, once the lease is over
            town.tally.checkouts.run(at=later(minutes))
        if name != "open":
            assert (town.there(), town.here()) == ENDS[name], where
        tried(town, act)  # the caller asks again
        town.tally.checkouts.run(at=later(95))
        assert (town.there(), town.here()) == ENDS[name], where
        report = town.tally.verify()
        assert report.ok, (where, report.broken)
        town.tally.close()
        before = state(town.place.url, exact=True)
        tried(town, act)
        town.tally.close()
        assert state(town.place.url, exact=True) == before or name == "open", where
    count(
        f"sold         {name:<9} {fault:<14} {town.place.kind:<11} {len(numbers):>4} of"
        f" {len(met):>4} boundaries"
    )
