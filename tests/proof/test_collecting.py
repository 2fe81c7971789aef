"""Crash at every SQL boundary and around every call to Stripe: collecting, and telling usage.

The fake Stripe answers, is cut off before it did anything, or after.  A worker alone finishes what
a crash left: one object there for each intent, nothing paid twice, nobody named twice.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tallystick.core.period import Period
from tallystick.core.usage_report import Metered
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, running
from tallystick.wiring import Tallystick
from tests.proof.billing_calls import BEGIN, day
from tests.proof.children import KILLED, run
from tests.proof.injector import Injector, install
from tests.proof.payment_paths import FIRST, owing
from tests.proof.places import KINDS, in_memory, place
from tests.proof.settings import FULL
from tests.proof.state import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

KEY = "sk_test_fake1"
CONFIRM, PAGE = "POST /v1/payment_intents/*/confirm", "POST /v1/checkout/sessions"
REFUND, EVENTS = "POST /v1/refunds", "POST /v1/billing/meter_events"
LEAST = {"collect": 60, "page": 60, "refund": 100, "usage": 40}
"""The boundaries that each path meets at least: one that shrinks is a sweep that lies."""


@dataclass
class Town:
    """A ledger and a Stripe account, each of which is brought back to its start by itself."""

    place: Place
    tally: Tallystick
    fake: FakeStripe
    settings: StripeSettings
    _start: Any = field(default=None)

    def keep(self) -> None:
        self.tally.close()
        self.place.keep()
        self._start = copy.deepcopy(self._state())

    def restore(self) -> None:
        self.tally.close()
        self.place.restore()
        kept = copy.deepcopy(self._start)
        vars(self.fake.account).update(kept["account"])
        vars(self.fake._desk._keys).update(kept["keys"])

    def _state(self) -> Any:
        account = vars(self.fake.account)
        left_out = {"clock", "site", "faults"}
        return {
            "account": {name: each for name, each in account.items() if name not in left_out},
            "keys": vars(self.fake._desk._keys),
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        return list(self.fake.account.of(kind).values())

    def moved(self) -> int:
        """Add up what was really taken and not given back."""
        return sum(each["amount_captured"] - each["amount_refunded"] for each in self.of("charge"))


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    clock = FrozenClock(BEGIN)
    fake = FakeStripe(clock, api_key=KEY)
    with (
        in_memory() as folder,
        place(request.param, folder) as here,
        running(fake) as address,
    ):
        settings = StripeSettings(
            key=KEY,
            account=fake.account.id,
            address=address,
            return_url="https://shop.example/paid",
        )
        with Tallystick(here.url, clock=clock, providers=[Stripe(settings)]) as tally:
            owing(tally)
            tally.customers.update("acme", provider="stripe", email="a@example.com")
            yield Town(here, tally, fake, settings)


def collect(tally: Tallystick) -> None:
    tally.payments.run(at=day(14))
    tally.payments.run(at=day(14.5))


def refund(tally: Tallystick) -> None:
    (paid,) = (each for each in tally.payments.list() if each.kind == "collect")
    tally.payments.refund(paid.id, "4.00", idempotency_key="r", at=day(15))
    tally.payments.run(at=day(15.5))


def with_card(town: Town) -> None:
    """Let acme be known at Stripe, with a card."""
    provider = Stripe(town.settings)
    known = provider.name_payer(town.tally.customers.get("acme"))
    provider.client.v1.payment_methods.attach("pm_card_visa", {"customer": known})
    town.tally.customers.update("acme", provider_id=known)


def with_payment(town: Town) -> None:
    with_card(town)
    collect(town.tally)


def minutes(count: float) -> Any:
    """Give a time so near that Stripe's clock, which stands, takes it."""
    return BEGIN + timedelta(minutes=count)


def tell_usage(tally: Tallystick, at: float = 0) -> None:
    payer = tally.customers.get("acme").provider_id or ""
    month = Period(BEGIN - timedelta(days=1), BEGIN + timedelta(days=30))
    window = Metered(customer="acme", payer=payer, meter="calls", event_name="calls", window=month)
    tally.usage.record("acme", "calls", id="second", quantity=4, occurred_at=BEGIN)
    tally.meter_reports.run([window], provider="stripe", at=minutes(at))


def with_usage(town: Town) -> None:
    with_card(town)
    meters = Stripe(town.settings).client.v1.billing.meters
    meters.create(
        {
            "event_name": "calls",
            "display_name": "Calls",
            "default_aggregation": {"formula": "sum"},
        }
    )
    town.tally.usage.record("acme", "calls", id="first", quantity=3, occurred_at=BEGIN)
    tell_usage(town.tally)
    town.tally.usage.void("acme", "second")
    tell_usage(town.tally)
    town.tally.usage.record("acme", "calls", id="third", quantity=9, occurred_at=BEGIN)


PATHS: dict[str, tuple[Callable[[Tallystick], None], Callable[[Town], None], str]] = {
    "collect": (collect, with_card, CONFIRM),
    "page": (collect, lambda _: None, PAGE),
    "refund": (refund, with_payment, REFUND),
}
FAULTS = {"answers": None, "silent before": False, "silent after": True}


def acting(town: Town, act: Callable[[Tallystick], None], at: int | None) -> Any:
    """Give what the child does: it meets the boundaries of SQL, and of each call to Stripe."""

    def child(report: Report) -> None:
        injector = Injector(at)
        plain = stripe.RequestsClient.request

        def request(self: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
            with injector.around(f"CALL {method}"):
                return plain(self, method, url, *args, **more)

        stripe.RequestsClient.request = request  # type: ignore[method-assign]  # of this child alone
        # Nothing is said on the connections of the parent.
        town.tally.providers = {"stripe": Stripe(town.settings)}
        install(town.tally.storage.engine, injector)
        act(town.tally)
        report({"met": injector.met})

    return child


def chosen(met: list[str], *, whole: bool) -> list[int]:
    """Choose all boundaries, or in a short run those near a commit and a call, or some of them."""
    every = list(range(1, len(met) + 1))
    if FULL:
        return every
    near = [n for n in every if "COMMIT" in met[n - 1] or "CALL" in met[n - 1]]
    return near if whole else near[::4]


def told(town: Town) -> None:
    """Say what must be there once usage was told."""
    values = [each["payload"]["value"] for each in town.of("billing.meter_event")]
    assert values == ["7", "-4", "9"]
    (report,) = town.tally.meter_reports.list().items
    assert (report.state, report.number, report.total) == ("told", 3, 12)


def holds(name: str, town: Town) -> None:
    """Say what must be there once all is done."""
    assert len(town.of("customer")) == 1
    assert len(town.of("payment_intent")) == 1
    assert len(town.of("charge")) == 1
    assert len(town.of("checkout.session")) == (name == "page")
    assert len(town.of("refund")) == (name == "refund")
    assert town.moved() == (600 if name == "refund" else 1000)
    booked = [(each.kind, each.amount.minor) for each in town.tally.invoices.payments(FIRST)]
    assert booked == [("payment", 1000), *([("refund", 400)] if name == "refund" else [])]
    assert town.tally.customers.get("acme").provider_id == town.of("customer")[0]["id"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_crash_anywhere_tells_usage_once(fault: str, town: Town, count: Count) -> None:
    after, tally, fake = FAULTS[fault], town.tally, town.fake
    with_usage(town)
    town.keep()

    def again() -> None:
        town.restore()
        fake.account.faults.clear()
        if after is not None:
            fake.account.faults.add(Fault(Seen.CUT, EVENTS, after=after))

    tell_usage(tally)  # what it reads once and remembers is never counted
    again()
    whole = run(acting(town, tell_usage, None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    assert len(met) >= LEAST["usage"]
    assert sum("CALL" in each for each in met) >= 2
    numbers = chosen(met, whole=town.place.kind == "sqlite")
    for number in numbers:
        where = f"usage, {fault}, boundary {number}: {met[number - 1]}"
        again()
        child = run(acting(town, tell_usage, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        for at in (1, 2, 4):
            tell_usage(tally, at)
        told(town)
        assert tally.verify().ok, where
        tally.close()
        before = state(town.place.url, exact=True)
        tell_usage(tally, 4.5)
        told(town)
        tally.close()
        assert state(town.place.url, exact=True) == before, f"{where}: recovering twice did more"
    count(
        f"usage        report   {fault:<14} {town.place.kind:<11} {len(numbers):>4} of"
        f" {len(met):>4} boundaries"
    )


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PATHS)
def test_a_crash_anywhere_collects_once(name: str, fault: str, town: Town, count: Count) -> None:
    act, prepare, call = PATHS[name]
    after, tally, fake = FAULTS[fault], town.tally, town.fake
    prepare(town)
    town.keep()

    def again() -> None:
        town.restore()
        fake.account.faults.clear()
        if after is not None:
            fake.account.faults.add(Fault(Seen.CUT, call, after=after))

    def recover(first: float) -> None:
        """Let a worker finish it, the payer act, and whoever asked ask again."""
        for days in (0, 1, 2):
            tally.payments.run(at=day(first + days))
            for session in town.of("checkout.session"):
                if session["status"] == "open":
                    fake.pay(session["id"])
        act(tally)
        tally.payments.run(at=day(first + 3))

    act(tally)  # what it reads once and remembers is never counted
    again()
    whole = run(acting(town, act, None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    recover(16)
    holds(name, town)
    assert len(met) >= LEAST[name]
    assert sum("CALL" in each for each in met) >= 4
    numbers = chosen(met, whole=(town.place.kind, fault) == ("sqlite", "silent after"))
    for number in numbers:
        where = f"{name}, {fault}, boundary {number}: {met[number - 1]}"
        again()
        child = run(acting(town, act, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        assert tally.verify().ok, where
        recover(16)
        assert not tally.payments.list(state="open").items, where
        assert not tally.payments.list(state="waiting").items, where
        assert not tally.payments.list(set_aside=True).items, where
        holds(name, town)
        assert tally.verify().ok, where
        tally.close()
        before = state(town.place.url, exact=True)
        act(tally)
        tally.payments.run(at=day(20))
        holds(name, town)
        tally.close()
        assert state(town.place.url, exact=True) == before, f"{where}: recovering twice did more"
    count(
        f"collecting   {name:<8} {fault:<14} {town.place.kind:<11} {len(numbers):>4} of"
        f" {len(met):>4} boundaries"
    )
