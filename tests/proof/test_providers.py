"""Crash at every SQL boundary and around every call of a provider: one object there, paid once.

The provider answers, is silent before it did anything, or after it did.  What a crash left is
finished by a worker alone; then the caller asks again with its key, and nothing more happens.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.testing.clock import FrozenClock
from tallystick.wiring import Tallystick
from tests.bank import PAYS, PAYS_LATER, Bank
from tests.proof.billing_calls import BEGIN, day
from tests.proof.children import KILLED, run
from tests.proof.injector import Injector, install
from tests.proof.payment_paths import FIRST, owing
from tests.proof.places import KINDS, in_memory, place
from tests.proof.settings import FULL
from tests.proof.state import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bank import Fault
    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

FAULTS: dict[str, list[Fault | None]] = {
    "answers": [],
    "silent before": ["silent before"],
    "silent after": ["silent after"],
}
LEAST = {"collect": 80, "refund": 100, "give up": 100}
"""The boundaries that each path meets at least: one that shrinks is a sweep that lies."""


@dataclass
class Town:
    """A ledger and a bank, each of which is brought back to its start by itself."""

    place: Place
    folder: Path
    tally: Tallystick
    bank: Bank

    @property
    def files(self) -> Path:
        return self.folder / "bank"

    def keep(self) -> None:
        self.tally.close()
        self.place.keep()
        shutil.copytree(self.files, self.folder / "start", dirs_exist_ok=True)

    def restore(self) -> None:
        self.tally.close()
        self.place.restore()
        shutil.rmtree(self.files)
        shutil.copytree(self.folder / "start", self.files)


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    with in_memory() as folder, place(request.param, folder) as here:
        (folder / "bank").mkdir()
        bank = Bank(folder / "bank")
        with Tallystick(here.url, clock=FrozenClock(BEGIN), providers=[bank]) as tally:
            owing(tally)
            tally.customers.update("acme", provider_id=PAYS)
            yield Town(here, folder, tally, bank)


def collect(tally: Tallystick) -> None:
    tally.payments.collect(FIRST, provider="bank", idempotency_key="k", at=day(1))
    tally.payments.run(at=day(1.5))


def refund(tally: Tallystick) -> None:
    (paid,) = (each for each in tally.payments.list() if each.kind == "collect")
    tally.payments.refund(paid.id, "4.00", idempotency_key="r", at=day(2))
    tally.payments.run(at=day(2.5))


def give_up(tally: Tallystick) -> None:
    """Begin to collect what is paid otherwise then: a worker gives it up at the provider."""
    tally.payments.collect(FIRST, provider="bank", idempotency_key="k", at=day(1))
    tally.invoices.pay(FIRST, method="cash", idempotency_key="cash", at=day(1))
    tally.payments.run(at=day(2))


PATHS: dict[str, Callable[[Tallystick], None]] = {
    "collect": collect,
    "refund": refund,
    "give up": give_up,
}


def acting(town: Town, act: Callable[[Tallystick], None], plan: Any, at: int | None) -> Any:
    """Give what the child does: it meets the boundaries of SQL, and of the provider's calls."""

    def child(report: Report) -> None:
        injector = Injector(at)
        town.bank._around = injector.around
        town.bank.plan.extend(plan)
        install(town.tally.storage.engine, injector)
        act(town.tally)
        report({"met": injector.met})

    return child


def chosen(met: list[str], *, whole: bool) -> list[int]:
    """Choose all boundaries, or in a short run those near a commit and a call."""
    every = list(range(1, len(met) + 1))
    if FULL or whole:
        return every
    return [n for n in every if "COMMIT" in met[n - 1] or "CALL" in met[n - 1]]


def expected(name: str) -> tuple[int, int, list[tuple[str, int]]]:
    """Give what must be there: objects at the bank, what it moved, what we have recorded."""
    if name == "collect":
        return 1, 1000, [("payment", 1000)]
    if name == "give up":
        return 1, 0, [("payment", 1000)]
    return 2, 600, [("payment", 1000), ("refund", 400)]


def found(town: Town) -> tuple[int, int, list[tuple[str, int]]]:
    recorded: list[tuple[str, int]] = [
        (each.kind, each.amount.minor) for each in town.tally.invoices.payments(FIRST)
    ]
    return len(town.bank.objects()), town.bank.moved(), recorded


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PATHS)
def test_a_crash_anywhere_pays_nothing_twice(
    name: str, fault: str, town: Town, count: Count
) -> None:
    act, plan, tally = PATHS[name], FAULTS[fault], town.tally
    if name == "refund":
        collect(tally)
    if name == "give up":
        tally.customers.update("acme", provider_id=PAYS_LATER)
    town.keep()
    act(tally)  # what it reads once and remembers is never counted
    town.restore()
    whole = run(acting(town, act, plan, None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    assert found(town) == expected(name)
    assert len(met) >= LEAST[name]
    assert sum("CALL" in each for each in met) >= 2
    plain = (name, fault, town.place.kind) == ("collect", "answers", "sqlite")
    numbers = chosen(met, whole=plain)
    left_to_workers = 0
    for number in numbers:
        where = f"{name}, {fault}, boundary {number}: {met[number - 1]}"
        town.restore()
        child = run(acting(town, act, plan, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        assert tally.verify().ok, where
        left_to_workers += len(tally.payments.list(state="open"))
        tally.payments.run(at=day(3))  # a worker alone, once the lease is over
        assert not tally.payments.list(state="open").items, where
        begun = tally.payments.list(limit=100).items
        if len(begun) == expected(name)[0] and name != "give up":
            assert found(town) == expected(name), f"{where}: the worker did not finish it"
        act(tally)  # the caller asks again
        tally.payments.run(at=day(6))
        assert not tally.payments.list(state="waiting").items, where
        assert found(town) == expected(name), where
        assert tally.verify().ok, where
        tally.close()
        before = state(town.place.url, exact=True)
        act(tally)
        tally.payments.run(at=day(9))
        assert found(town) == expected(name), f"{where}: recovering twice did more"
        tally.close()
        assert state(town.place.url, exact=True) == before, where
    assert left_to_workers >= 4
    count(
        f"providers    {name:<8} {fault:<14} {town.place.kind:<11} {len(numbers):>4} of"
        f" {len(met):>4} boundaries, {left_to_workers} left to workers"
    )
