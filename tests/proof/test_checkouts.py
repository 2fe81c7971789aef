"""Crash at every SQL boundary of a checkout and around every call: one page, sold once, paid once.

As with payments the provider answers, is silent before it did anything, or after it did.  What a
crash left is finished by a worker alone; then the caller asks again, and nothing more happens.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick
from tests.page_bank import PageBank
from tests.proof.billing_calls import BEGIN, customers, day, sell
from tests.proof.children import KILLED, run
from tests.proof.places import KINDS, in_memory, place
from tests.proof.state import state
from tests.proof.test_providers import FAULTS, Town, acting, chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proof.conftest import Count

BACK: dict[str, Any] = {
    "success_url": "https://app.example/done",
    "cancel_url": "https://app.example/",
}
LEAST = {"open": 250, "finish": 300, "give back": 450}
"""The boundaries that each path meets at least: one that shrinks is a sweep that lies."""


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    with in_memory() as folder, place(request.param, folder) as here:
        (folder / "bank").mkdir()
        bank = PageBank(folder / "bank")
        with Tallystick(
            here.url,
            clock=FrozenClock(BEGIN),
            providers=[bank],
            signing_keys=[b"k" * 32],
            return_origins=["https://app.example"],
        ) as tally:
            sell(tally)
            customers(tally, ["acme"])
            yield Town(here, folder, tally, bank)


def later(minutes: int) -> Any:
    return day(1) + timedelta(minutes=minutes)


def sold(tally: Tallystick, plan: str, key: str) -> None:
    tally.checkouts.open("acme", plan=plan, provider="bank", idempotency_key=key, at=day(1), **BACK)


def open_(tally: Tallystick) -> None:
    sold(tally, "basic", "k")
    tally.checkouts.run(at=later(1))


def finish(tally: Tallystick) -> None:
    (opened,) = tally.checkouts.list()
    tally.checkouts.refresh(opened.id, at=later(2))
    tally.checkouts.run(at=later(3))


def give_back(tally: Tallystick) -> None:
    """Finish two pages that were both paid: one is sold, the money of the other goes back."""
    for opened in tally.checkouts.list():
        tally.checkouts.refresh(opened.id, at=later(2))
    for minutes in (3, 9, 25):
        tally.checkouts.run(at=later(minutes))


PATHS: dict[str, Callable[[Tallystick], None]] = {
    "open": open_,
    "finish": finish,
    "give back": give_back,
}


def prepare(name: str, town: Town) -> None:
    """Do what comes before a path."""
    bank = town.bank
    assert isinstance(bank, PageBank)
    if name == "open":
        return
    if name == "give back":
        bank.plan.extend([None, None, "silent before"])  # the first page is not closed in time
        sold(town.tally, "pro", "k")
    sold(town.tally, "basic", "l")
    for page in bank.put_up():
        bank.pay_page(f"page-{page['key'].replace('/', '_')}")


def found(town: Town) -> tuple[int, int, int, list[Any]]:
    """Give what is there: pages, what moved, live subscriptions, and the states of checkouts."""
    bank, tally = town.bank, town.tally
    assert isinstance(bank, PageBank)
    states = sorted(each.state for each in tally.checkouts.list())
    return len(bank.put_up()), bank.moved(), len(tally.subscriptions.list()), states


def expected(name: str) -> tuple[set[int], int, int, list[str]]:
    """Give what must be there: which sums may have moved, and the rest as `found` gives it."""
    if name == "open":
        return {0}, 1, 0, ["open"]
    if name == "finish":
        return {1000}, 1, 1, ["complete"]
    return {1000, 3500}, 2, 1, ["complete", "refunded"]


def check(name: str, town: Town, where: str) -> None:
    pages, moved, subscriptions, states = found(town)
    sums, *rest = expected(name)
    assert [pages, subscriptions, states] == rest, where
    assert moved in sums, where
    payments = [
        (each.kind, each.amount.minor)
        for document in town.tally.invoices.list()
        for each in town.tally.invoices.payments(document.invoice.id)
    ]
    assert payments == ([("payment", moved)] if moved else []), where
    report = town.tally.verify()
    assert report.ok, (where, report.broken)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PATHS)
def test_a_crash_anywhere_sells_nothing_twice(
    name: str, fault: str, town: Town, count: Count
) -> None:
    act, plan, tally = PATHS[name], FAULTS[fault], town.tally
    prepare(name, town)
    town.keep()
    act(tally)  # what it reads once and remembers is never counted
    town.restore()
    whole = run(acting(town, act, plan, None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    check(name, town, "without a crash")
    assert len(met) >= LEAST[name], len(met)
    assert sum("CALL" in each for each in met) >= 2
    numbers = chosen(met, whole=False)
    left_to_workers = 0
    for number in numbers:
        where = f"{name}, {fault}, boundary {number}: {met[number - 1]}"
        town.restore()
        child = run(acting(town, act, plan, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        assert tally.verify().ok, where
        begun = [each for each in tally.checkouts.list() if each.closed_at is None]
        left_to_workers += len(begun)
        for minutes in (31, 47, 63):  # a worker alone, once the lease is over
            tally.checkouts.run(at=later(minutes))
        if tally.checkouts.list():
            check(name, town, f"{where}: the worker did not finish it")
        act(tally)  # the caller asks again
        check(name, town, where)
        tally.close()
        before = state(town.place.url, exact=True)
        act(tally)
        check(name, town, f"{where}: recovering twice did more")
        tally.close()
        assert state(town.place.url, exact=True) == before or name == "open", where
    assert left_to_workers >= 2
    count(
        f"checkouts    {name:<9} {fault:<14} {town.place.kind:<11} {len(numbers):>4} of"
        f" {len(met):>4} boundaries, {left_to_workers} left to workers"
    )
