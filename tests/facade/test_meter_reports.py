"""Usage that Stripe bills: told to its meters, each unit once, whatever goes wrong on the way."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick
from tallystick.app import meter_report_run
from tallystick.core.dialects import read_catalog
from tallystick.core.period import Period
from tallystick.core.usage_report import Metered
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, running
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, catalog, day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

KEY = "sk_test_fake1"
EVENTS = "POST /v1/billing/meter_events"
MONTH = Period(START, day("2026-11-01"))


@pytest.fixture
def clock() -> FrozenClock:
    """Give the one clock of the ledger and of Stripe."""
    return FrozenClock(START + timedelta(hours=1))


@pytest.fixture
def fake(clock: FrozenClock) -> FakeStripe:
    return FakeStripe(clock, api_key=KEY)


@pytest.fixture
def stripe(fake: FakeStripe) -> Iterator[Stripe]:
    with running(fake) as address:
        provider = Stripe(StripeSettings(key=KEY, account=fake.account.id, address=address))
        meter(provider, "calls", "sum")
        yield provider


@pytest.fixture
def tally(database: Database, stripe: Stripe, clock: FrozenClock) -> Iterator[Tallystick]:
    """Give a ledger with a customer that Stripe knows."""
    with Tallystick(
        database.url, catalog=catalog(), clock=clock, ids=CountedIds(), providers=[stripe]
    ) as found:
        found.migrate()
        found.publish(author="anna", at=day("2026-01-01"))
        known(found, stripe, "acme")
        yield found


def meter(provider: Stripe, name: str, formula: Any) -> None:
    provider.client.v1.billing.meters.create(
        {"event_name": name, "display_name": name, "default_aggregation": {"formula": formula}}
    )


def known(tally: Tallystick, stripe: Stripe, name: str) -> None:
    customer = tally.customers.create(name)
    tally.customers.update(name, provider_id=stripe.name_payer(customer))


def metered(tally: Tallystick, name: str = "acme", **more: Any) -> Metered:
    payer = tally.customers.get(name).provider_id or ""
    fields = {"meter": "calls", "event_name": "calls", "window": MONTH, **more}
    return Metered(customer=name, payer=payer, **fields)


def used(tally: Tallystick, id_: str, amount: int | str, name: str = "acme", **more: Any) -> None:
    tally.usage.record(name, "calls", id=id_, quantity=amount, **more)


def run(tally: Tallystick, *more: Metered) -> tuple[int, int, int, int]:
    done = tally.meter_reports.run(more or [metered(tally)], provider="stripe")
    return done.begun, done.told, done.silent, done.refused


def told(fake: FakeStripe) -> list[str]:
    return [each["payload"]["value"] for each in fake.account.of("billing.meter_event").values()]


def differences(tally: Tallystick) -> list[tuple[Decimal, ...]]:
    found = tally.meter_reports.check([metered(tally)], provider="stripe")
    return [(each.used, each.reported, each.known) for each in found]


# --- the plain way --------------------------------------------------------------------------------


def test_the_difference_is_told_and_then_nothing(
    tally: Tallystick, fake: FakeStripe, clock: FrozenClock
) -> None:
    assert run(tally) == (0, 0, 0, 0)
    used(tally, "a", 3)
    used(tally, "b", "1.25")
    assert run(tally) == (1, 1, 0, 0)
    assert run(tally) == (0, 0, 0, 0)
    clock.advance(timedelta(days=2))
    used(tally, "c", 7)
    assert run(tally) == (1, 1, 0, 0)
    assert told(fake) == ["4.25", "7"]
    assert differences(tally) == []
    (report,) = tally.meter_reports.list()
    assert (report.number, report.total, report.state) == (2, Decimal("11.25"), "told")
    names = list(fake.account.of("billing.meter_event"))
    assert names == [f"tallystick/{report.id}/{number}" for number in (1, 2)]


def test_late_usage_and_corrections_come_along(
    tally: Tallystick, fake: FakeStripe, clock: FrozenClock
) -> None:
    used(tally, "a", 10)
    used(tally, "b", 5)
    run(tally)
    clock.advance(timedelta(days=3))
    used(tally, "late", 2, occurred_at=START + timedelta(minutes=5))
    tally.usage.void("acme", "a")
    assert run(tally) == (1, 1, 0, 0)
    assert told(fake) == ["15", "-8"]
    assert differences(tally) == []


def test_each_period_is_a_window_of_its_own_and_is_closed_within_it(
    tally: Tallystick, fake: FakeStripe, clock: FrozenClock
) -> None:
    later = metered(tally, window=Period(MONTH.end, day("2026-12-01")))
    clock.advance(MONTH.end - timedelta(hours=1) - clock.now())
    used(tally, "a", 4)
    clock.advance(timedelta(hours=2))
    used(tally, "b", 9)
    assert run(tally, metered(tally), later) == (2, 2, 0, 0)
    found = fake.account.of("billing.meter_event").values()
    assert {each["payload"]["value"]: each["timestamp"] for each in found} == {
        "4": int((MONTH.end - timedelta(seconds=1)).timestamp()),
        "9": int(clock.now().timestamp()),
    }


def test_a_gauge_is_told_as_it_is(
    database: Database, stripe: Stripe, fake: FakeStripe, clock: FrozenClock
) -> None:
    meter(stripe, "peak", "last")
    price = {"id": "p", "name": "P", "type": "flat", "cost": "1.00"}
    plan = {"id": "p", "name": "P", "interval": "month", "interval_count": 1, "prices": [price]}
    tree = {
        "dialect": "tallystick",
        "currency": "USD",
        "meters": [{"key": "calls", "aggregation": "max"}],
        "products": [{"id": "app", "name": "App", "currency": "USD", "plans": [plan]}],
    }
    with Tallystick(
        database.url, catalog=read_catalog(tree), clock=clock, providers=[stripe]
    ) as tally:
        tally.migrate()
        tally.publish(author="anna")
        known(tally, stripe, "acme")
        window = metered(tally, event_name="peak")
        for id_, amount in (("a", 5), ("b", 3), ("c", 8)):
            used(tally, id_, amount)
            run(tally, window)
            clock.advance(timedelta(hours=1))
        assert told(fake) == ["5", "8"]
        assert tally.meter_reports.check([window], provider="stripe") == ()


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Seen.LIMITED, EVENTS),
        Fault(Seen.BROKEN, EVENTS),
        Fault(Seen.BROKEN, EVENTS, after=True),
        Fault(Seen.CUT, EVENTS),
        Fault(Seen.CUT, EVENTS, after=True),
    ],
    ids=lambda fault: f"{fault.seen.value} {'after' if fault.after else 'before'}",
)
def test_silence_counts_once(
    fault: Fault, tally: Tallystick, fake: FakeStripe, clock: FrozenClock
) -> None:
    used(tally, "a", 3)
    fake.account.faults.add(replace(fault))
    assert run(tally) == (1, 0, 1, 0)
    used(tally, "b", 4)
    assert run(tally) == (0, 0, 0, 0)  # not at once
    clock.advance(timedelta(minutes=1))
    assert run(tally)[1:] == (1, 0, 0)
    assert run(tally) == (1, 1, 0, 0)
    assert told(fake) == ["3", "4"]
    assert differences(tally) == []


@pytest.mark.parametrize("after", [False, True])
def test_what_was_silent_for_longer_than_names_are_remembered(
    after: bool, tally: Tallystick, fake: FakeStripe, clock: FrozenClock
) -> None:
    used(tally, "a", 3)
    run(tally)
    used(tally, "b", 4)
    fake.account.faults.add(Fault(Seen.CUT, EVENTS, after=after))
    assert run(tally) == (1, 0, 1, 0)
    clock.advance(timedelta(days=3))
    known_by_now = fake.account.of("billing.meter_event")
    for name in list(known_by_now):  # Stripe forgets names, not what it has counted
        known_by_now[f"forgotten {name}"] = known_by_now.pop(name)
    assert run(tally)[1:] == (1, 0, 0)
    assert sorted(told(fake)) == ["3", "4"]
    assert differences(tally) == []


def test_what_stripe_should_not_have_is_not_guessed_at(
    tally: Tallystick, fake: FakeStripe, stripe: Stripe, clock: FrozenClock
) -> None:
    used(tally, "a", 3)
    fake.account.faults.add(Fault(Seen.CUT, EVENTS))
    run(tally)
    payer = tally.customers.get("acme").provider_id or ""
    stripe.client.v1.billing.meter_events.create(
        {"event_name": "calls", "payload": {"stripe_customer_id": payer, "value": "100"}}
    )
    clock.advance(timedelta(days=2))
    assert run(tally) == (0, 0, 0, 1)
    assert told(fake) == ["100"]
    assert differences(tally) == [(Decimal(3), Decimal(0), Decimal(100))]
    (report,) = tally.meter_reports.list(state="open")
    assert "100" in (report.answer or "")


def test_what_stripe_refuses_waits_and_holds_up_no_other(
    tally: Tallystick, fake: FakeStripe, stripe: Stripe, clock: FrozenClock
) -> None:
    known(tally, stripe, "other")
    used(tally, "a", 3)
    used(tally, "b", 4, name="other")
    nowhere = replace(metered(tally), payer="cus_nobody")
    assert run(tally, nowhere, metered(tally, "other")) == (2, 1, 0, 1)
    assert told(fake) == ["4"]
    clock.advance(timedelta(hours=7))
    assert run(tally, nowhere) == (0, 0, 0, 1)


def test_a_silent_stripe_is_left_in_peace(
    tally: Tallystick, fake: FakeStripe, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_report_run, "_SENT_AT_ONCE", 2)
    names = [f"c-{number}" for number in range(6)]
    for name in names:
        known(tally, stripe, name)
        used(tally, name, 1, name=name)
    fake.account.faults.add(Fault(Seen.CUT, EVENTS, times=99))
    assert run(tally, *(metered(tally, name) for name in names)) == (6, 0, 3, 0)
    fake.account.faults.clear()
    assert run(tally)[1] == 3


def test_a_worker_that_dies_before_it_keeps_the_answer_tells_it_again(
    tally: Tallystick, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(tally, "a", 3)

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(meter_report_run, "put_reports", dies)
        with pytest.raises(KeyboardInterrupt):
            run(tally)
    assert run(tally) == (0, 1, 0, 0)
    assert told(fake) == ["3"]


def test_workers_at_once_tell_each_unit_once(
    tally: Tallystick, fake: FakeStripe, stripe: Stripe
) -> None:
    names = [f"c-{number}" for number in range(5)]
    for name in names:
        known(tally, stripe, name)
        used(tally, name, 2, name=name)
    windows = [metered(tally, name) for name in names]
    workers = [threading.Thread(target=run, args=(tally, *windows)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert told(fake) == ["2"] * 5
    assert tally.meter_reports.check(windows, provider="stripe") == ()


# --- what is refused ------------------------------------------------------------------------------


def test_what_cannot_be_reported_is_refused_and_changes_nothing(tally: Tallystick) -> None:
    with pytest.raises(NotFound):
        tally.meter_reports.run([], provider="nobody")
    with pytest.raises(Conflict, match="bills no usage"):
        tally.meter_reports.run([], provider="manual")
    with pytest.raises(NotFound):
        tally.meter_reports.run([replace(metered(tally), meter="nothing")], provider="stripe")
    short = Period(START + timedelta(seconds=1), START + timedelta(seconds=61))
    with pytest.raises(InvalidInput, match="two minutes"):
        tally.meter_reports.run([metered(tally, window=short)], provider="stripe")
    assert tally.meter_reports.list().items == ()


def test_a_difference_is_named(tally: Tallystick) -> None:
    used(tally, "a", 3)
    assert differences(tally) == [(Decimal(3), Decimal(0), Decimal(0))]
