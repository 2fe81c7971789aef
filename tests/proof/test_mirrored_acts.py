"""Crash at every SQL boundary and around every call of an act on what Stripe bills: one effect.

Stripe answers, or its answer is lost before or after it did anything, or it keeps a fault of its
own.  What a crash left is finished by a worker alone; then the caller asks again with its key.
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
from tests.proof.children import KILLED, run
from tests.proof.injector import Injector, install
from tests.proof.kept_fake import KeptFake
from tests.proof.places import KINDS, in_memory, place
from tests.proof.settings import FULL
from tests.proof.state import state
from tests.selling import START, Selling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.providers.stripe.settings import StripeSettings
    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

FAULTS: dict[str, tuple[Seen, bool] | None] = {
    "answers": None,
    "cut before": (Seen.CUT, False),
    "cut after": (Seen.CUT, True),
    "broken after": (Seen.BROKEN, True),
}
LEAST = 20
"""The boundaries that each path meets at least: one that shrinks is a sweep that lies."""


class Town:
    """A ledger and a Stripe account, each of which is brought back to its start by itself."""

    def __init__(self, here: Place, address: str, fake: FakeStripe) -> None:
        self.place, self.fake = here, fake
        self.shop = Selling(here.url, fake, address, FrozenClock(START))
        self.tally = self.shop.tally
        self.held = self.shop.mirror(self.shop.sold("pro", "seat:3")).id
        self.settings = _settings(fake, address)
        self.kept: Any = None

    def keep(self) -> None:
        self.tally.close()
        self.place.keep()
        self.kept = KeptFake(self.fake)

    def restore(self) -> None:
        """Go back to the start; whoever asks Stripe then has a line of their own to it."""
        self.tally.close()
        self.place.restore()
        self.kept.restore()
        self.redial()

    def redial(self) -> None:
        provider = Stripe(self.settings)
        provider.subscriptions.lines = self.shop.stripe.lines
        self.tally.providers = {**self.tally.providers, "stripe": provider}

    def effects(self) -> tuple[str, list[int], int]:
        """Give what Stripe holds: how it stands, its quantities, the changes it billed."""
        (one,) = self.fake.account.of("subscription").values()
        reasons = [each["billing_reason"] for each in self.fake.account.of("invoice").values()]
        counts = [each["quantity"] for each in one["items"]["data"]]
        return one["status"], counts, reasons.count("subscription_update")

    def here(self) -> tuple[str, int]:
        found = self.tally.subscriptions.get(self.held)
        return found.state, found.seats


def _settings(fake: FakeStripe, address: str) -> StripeSettings:
    from tallystick.providers.stripe.settings import StripeSettings  # noqa: PLC0415 - for one call

    return StripeSettings(key=fake.account.api_key, account=fake.account.id, address=address)


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    fake = FakeStripe(FrozenClock(START))
    with (
        in_memory() as folder,
        place(request.param, folder) as here,
        running(fake) as address,
    ):
        found = Town(here, address, fake)
        yield found
        found.tally.close()


def day(number: float) -> Any:
    return START + timedelta(days=number)


def change(town: Town) -> None:
    town.tally.subscriptions.change(
        town.held, seats=5, proration="invoice_now", idempotency_key="k", at=day(0.1)
    )


def cancel(town: Town) -> None:
    town.tally.subscriptions.cancel(town.held, when="now", idempotency_key="k", at=day(0.1))


PATHS: dict[str, tuple[Callable[[Town], None], Any, Any]] = {
    "change": (change, ("active", [1, 5], 1), ("active", 5)),
    "cancel": (cancel, ("canceled", [1, 3], 0), ("canceled", 3)),
}
"""What is asked, what Stripe holds then, and what is held here."""


def tried(town: Town, act: Callable[[Town], None], at: float) -> None:
    """Ask; where there is no answer, a worker goes on."""
    try:
        act(town)
    except OutcomeUnknown:
        town.tally.mirrors.run(at=day(at))


def acting(town: Town, act: Callable[[Town], None], at: int | None) -> Any:
    """Give what the child does: it meets the boundaries of SQL, and those of Stripe's calls."""

    def child(report: Report) -> None:
        injector = Injector(at)
        town.redial()
        biller: Any = town.tally.mirrors.biller()
        for name in ("ask", "fetch_raw"):
            setattr(biller, name, _around(injector, name, getattr(biller, name)))
        install(town.tally.storage.engine, injector)
        tried(town, act, 0.2)
        report({"met": injector.met})

    return child


def _around(injector: Injector, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def run_it(*words: Any) -> Any:
        with injector.around(f"CALL {name}"):
            return call(*words)

    return run_it


def chosen(met: list[str], *, whole: bool) -> list[int]:
    every = list(range(1, len(met) + 1))
    if FULL or whole:
        return every
    return [n for n in every if "CALL" in met[n - 1] or "after COMMIT" in met[n - 1]]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PATHS)
def test_a_crash_anywhere_has_one_effect(name: str, fault: str, town: Town, count: Count) -> None:
    (act, there, here), wrong = PATHS[name], FAULTS[fault]

    def again() -> None:
        town.restore()
        if wrong is not None:
            call = "DELETE *" if name == "cancel" else "POST /v1/subscriptions/*"
            town.fake.account.faults.add(Fault(wrong[0], call, after=wrong[1]))

    town.keep()
    again()
    whole = run(acting(town, act, None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    town.redial()
    assert (town.effects(), town.here()) == (there, here)
    assert len(met) >= LEAST
    assert sum("CALL" in each for each in met) >= 4
    plain = (name, fault, town.place.kind) == ("change", "answers", "sqlite")
    numbers = chosen(met, whole=plain)
    for number in numbers:
        where = f"{name}, {fault}, boundary {number}: {met[number - 1]}"
        again()
        child = run(acting(town, act, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        town.redial()
        assert town.tally.verify().ok, where
        town.tally.mirrors.run(at=day(0.3))  # a worker alone, once the lease is over
        town.tally.mirrors.run(at=day(0.4))
        tried(town, act, 0.5)  # the caller asks again
        town.tally.mirrors.run(at=day(0.6))
        assert (town.effects(), town.here()) == (there, here), where
        assert town.tally.verify().ok, where
        town.tally.close()
        before = state(town.place.url, exact=True)
        tried(town, act, 0.7)
        assert town.tally.mirrors.run(at=day(0.8)).asked == 0, where
        town.tally.close()
        assert state(town.place.url, exact=True) == before, where
    count(
        f"acts         {name:<8} {fault:<14} {town.place.kind:<11} {len(numbers):>4} of"
        f" {len(met):>4} boundaries"
    )
