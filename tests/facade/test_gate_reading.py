"""The short ways of a gate: few statements, the same figures as the events, and nothing stale."""

from __future__ import annotations

import random
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select

from tallystick import QuotaExceeded, Tallystick
from tallystick.app import kept_standings
from tallystick.app.entitlement import Asked, counts_of, meter_for, standings
from tallystick.app.gate_count import counted_of, question_of
from tallystick.core.access import given_of
from tallystick.core.dialects import read_catalog
from tallystick.core.period import Period
from tallystick.errors import AccessDenied, Conflict, StorageUnavailable
from tallystick.storage.gate_facts import facts_at
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.access import Counted
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Storage, Unit

START = datetime(2026, 11, 10, 15, 7, 9, tzinfo=UTC)
KEYS = ("projects", "calls", "burst", "day", "hour", "hits", "bytes")
RESETS = {"calls": "billing_period", "day": "day", "hour": "hour", "hits": "month"}


def plan(id_: str, most: int) -> dict[str, Any]:
    limits = [{"feature_key": key, "enabled": True, "limit": most} for key in KEYS]
    for each in limits:
        if each["feature_key"] in RESETS:
            each["reset"] = RESETS[each["feature_key"]]
    limits[2]["window_seconds"] = 3_600
    limits[5]["meter"], limits[6]["meter"] = "hits", "bytes"
    price = {"id": id_, "type": "flat", "cost": "1"}
    base = {"id": id_, "name": id_, "interval": "month", "interval_count": 1}
    return {**base, "prices": [price], "limits": limits}


def catalog(most: int, *meters: dict[str, Any]) -> Any:
    big = plan("big", most)
    big["limits"][1]["meter"] = "hits"
    return read_catalog(
        {
            "currency": "USD",
            "meters": [
                *meters,
                {"key": "hits", "event_type": "hits", "aggregation": "count"},
                {
                    "key": "bytes",
                    "event_type": "bytes",
                    "aggregation": "sum",
                    "value": "size",
                    "group_by": ["region"],
                    "rounding": 1,
                },
            ],
            "products": [
                {"id": "app", "name": "App", "currency": "USD", "plans": [plan("pro", most), big]}
            ],
        }
    )


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    """A ledger whose customers have a subscription that began in the middle of a day."""
    clock = FrozenClock(START)
    book = catalog(10_000)
    with Tallystick(storage.engine, catalog=book, clock=clock, ids=CountedIds()) as ledger:
        ledger.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        for customer, zone in (("acme", None), ("bond", "America/New_York")):
            ledger.customers.create(customer, name=customer, time_zone=zone)
            ledger.subscriptions.start(customer, "pro")
        yield ledger


def later(tally: Tallystick, **much: float) -> None:
    clock: Any = tally.clock
    clock.set(clock.now() + timedelta(**much))


@contextmanager
def told(tally: Tallystick) -> Iterator[list[str]]:
    said: list[str] = []

    def note(*given: Any) -> None:
        said.append(given[2])

    event.listen(tally.storage.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(tally.storage.engine, "before_cursor_execute", note)


# --- how many statements --------------------------------------------------------------------------


def counted(tally: Tallystick, act: Any) -> int:
    """Count the statements of an act that was done before; SQLite's BEGIN is none of them."""
    act()
    with told(tally) as said:
        act()
    return len([each for each in said if not each.startswith("BEGIN")])


@pytest.mark.parametrize("feature", KEYS)
def test_a_use_costs_at_most_so_many_statements(tally: Tallystick, feature: str) -> None:
    many = counted(tally, lambda: tally.use("acme", feature))
    level = feature == "projects"  # whether it was used before is asked first
    assert many <= (3 if tally.storage.dialect == "postgresql" else 4) + level


def test_a_use_near_its_limit_costs_one_more(tally: Tallystick) -> None:
    tally.use("acme", "day", 9_000)
    assert counted(tally, lambda: tally.use("acme", "day")) <= 5


def test_an_answer_costs_at_most_two_statements(tally: Tallystick) -> None:
    for feature in KEYS:
        assert counted(tally, lambda key=feature: tally.check("acme", key)) <= 2


def test_a_refusal_writes_nothing_and_names_what_it_saw(tally: Tallystick) -> None:
    tally.use("acme", "calls", 10_000)
    with told(tally) as said, pytest.raises(QuotaExceeded):
        tally.use("acme", "calls")
    assert not any("usage_days AS d" in each for each in said)
    assert tally.check("acme", "calls").used == 10_000


# --- the same figures -----------------------------------------------------------------------------


def counted_by_events(unit: Unit, tally: Tallystick, now: Instant, one: Asked) -> Counted:
    shelf = tally._plans()
    standing = standings(unit, now, [one.customer], shelf)[one.customer]
    given = given_of(standing, one.feature)
    (found,) = counts_of(unit, now, now, [(one, given, meter_for(given, shelf))])
    return found


def at_gate(unit: Unit, tally: Tallystick, now: Instant, one: Asked) -> Counted:
    shelf = tally._plans()
    given = given_of(standings(unit, now, [one.customer], shelf)[one.customer], one.feature)
    meter = meter_for(given, shelf)
    assert meter is not None
    asked = question_of(one, given, meter, now, now)
    return counted_of(unit, asked, facts_at(unit, asked), one, given)


def compare(tally: Tallystick) -> None:
    """Ask in each way, and hold it to what the events say."""
    asked = [(customer, key) for customer in ("acme", "bond") for key in KEYS]
    many = tally.check_many(asked)
    for (customer, key), answer in zip(asked, many, strict=True):
        one = Asked(customer, key)
        wanted = tally.act(lambda u, n, one=one: counted_by_events(u, tally, n, one), reading=True)  # type: ignore[misc]  # mypy cannot tell what it gives
        found = tally.act(lambda u, n, one=one: at_gate(u, tally, n, one), reading=True)  # type: ignore[misc]  # mypy cannot tell what it gives
        assert found == wanted, (customer, key)
        assert answer == tally.check(customer, key), (customer, key)
        assert (answer.used, answer.reserved) == (wanted.used, wanted.reserved), (customer, key)


def act_at_random(tally: Tallystick, dice: random.Random, number: int) -> None:
    customer, key = dice.choice(["acme", "bond"]), dice.choice(KEYS)
    now = tally.clock.now()
    match dice.randrange(9):
        case 0 | 1 | 2:
            tally.use(customer, key, 1 if key == "hits" else dice.randint(1, 5))
        case 3:
            ago = now - timedelta(seconds=dice.randrange(200_000))
            said = {"size": Decimal(dice.randint(0, 9_999)) / 1_000, "region": dice.choice("ab")}
            tally.usage.record(customer, "bytes", id=f"e{number}", occurred_at=ago, properties=said)
        case 4:
            ago = now - timedelta(seconds=dice.randrange(100_000))
            tally.usage.record(customer, "calls", id=f"e{number}", occurred_at=ago, quantity=2)
        case 5:
            held = tally.reserve(customer, dice.choice(["calls", "day"]), dice.randint(1, 4))
            if dice.random() < 0.6:
                held.commit()
        case 6:
            correct_one(tally, customer, dice, number)
        case 7:
            tally.credits.grant(customer, units=dice.randint(1, 9), feature="calls")
        case _:
            later(tally, seconds=dice.choice([1, 40, 3_700, 30_000, 86_400, 800_000]))


def correct_one(tally: Tallystick, customer: str, dice: random.Random, number: int) -> None:
    """Take an event back, or move it a day."""
    events = [each for each in tally.usage.export(customer=customer) if each.kind == "use"]
    if not events:
        return
    one = dice.choice(events[-6:])
    if dice.random() < 0.5:
        tally.usage.void(customer, one.id, source=one.source)
        return
    moved = one.occurred_at - timedelta(seconds=dice.randrange(90_000))
    with suppress(Conflict):  # it was voided before
        tally.usage.amend(
            customer, one.id, source=one.source, occurred_at=moved, correction_id=f"a{number}"
        )


@pytest.mark.parametrize("seed", range(4))
def test_the_short_ways_say_what_the_events_say(tally: Tallystick, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - to be the same again
    for number in range(60):
        act_at_random(tally, dice, number)
        if number % 6 == 0:
            compare(tally)
    compare(tally)
    assert not tally.verify().broken


def test_what_lies_beyond_the_end_of_a_window_counts_in_the_next(tally: Tallystick) -> None:
    """The last day of a window is read as a whole, less what comes after its end."""
    end = tally.check("bond", "calls").resets_at
    assert end == datetime(2026, 12, 10, 5, tzinfo=UTC)  # midnight in New York
    clock: Any = tally.clock
    clock.set(end - timedelta(minutes=20))
    tally.use("bond", "calls", 3)
    for minutes, quantity in ((19, 5), (21, 7)):
        at = clock.now() + timedelta(minutes=minutes)
        said = {"occurred_at": at, "quantity": quantity}
        tally.usage.record("bond", "calls", id=f"ahead {minutes}", **said)
    compare(tally)
    assert tally.use("bond", "calls").used == 3 + 5 + 1
    clock.set(end)
    compare(tally)
    assert tally.use("bond", "calls").used == 7 + 1


# --- nothing stale decides ------------------------------------------------------------------------


def subscription(tally: Tallystick) -> str:
    (had,) = tally.subscriptions.list(customer="acme").items
    return had.id


def gates(tally: Tallystick) -> list[Any]:
    with tally.begin() as unit:
        return list(unit.connection.execute(select(unit.tables.gates)))


@pytest.fixture
def other(tally: Tallystick) -> Iterator[Tallystick]:
    """Another process at the same ledger, with a memory of its own."""
    with Tallystick(
        tally.storage.engine, catalog=catalog(10_000), clock=tally.clock, ids=CountedIds(10_000)
    ) as ledger:
        yield ledger


def test_what_another_process_has_changed_decides_at_once(
    tally: Tallystick, other: Tallystick
) -> None:
    had = subscription(tally)
    assert tally.use("acme", "calls").allowed
    assert tally.check("acme", "calls").allowed
    other.subscriptions.pause(had)
    with pytest.raises(AccessDenied):
        tally.use("acme", "calls")
    assert tally.check("acme", "calls").reason == "paused"
    assert tally.check_many([("acme", "calls"), ("bond", "calls")])[0].reason == "paused"
    later(tally, seconds=1)
    other.subscriptions.resume(had)
    assert tally.use("acme", "calls").used == 2
    other.overrides.set("acme", "calls", limit=2)
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "calls")
    other.overrides.set("acme", "calls", limit=3)
    assert tally.use("acme", "calls").used == 3


def test_another_gate_is_taken_where_the_meter_is_another_one(
    tally: Tallystick, other: Tallystick
) -> None:
    """Of what was remembered not even the gate counts: that of the new plan's meter is held."""
    tally.use("acme", "calls", 4)
    other.subscriptions.change(subscription(tally), plan="big", when="now")
    before = {each.meter for each in gates(tally)}
    assert tally.use("acme", "calls").plan == "big"  # where calls are counted as hits
    assert {each.meter for each in gates(tally)} - before == {"hits"}
    assert tally.usage.quantity("acme", "hits", Period(START, START + timedelta(days=1))) == 1


def test_what_a_host_undoes_was_never_remembered(tally: Tallystick) -> None:
    """It would have the very version of what is agreed instead."""
    tally.use("acme", "calls")
    with tally.storage.engine.connect() as host:
        tally.overrides.set("acme", "calls", limit=1, connection=host)
        assert not tally.check("acme", "calls", connection=host).allowed
        with pytest.raises(QuotaExceeded):
            tally.use("acme", "calls", connection=host)
        host.rollback()
    tally.overrides.set("acme", "calls", limit=5)
    assert tally.check("acme", "calls").limit == 5
    assert tally.use("acme", "calls").used == 2


def test_meters_that_another_process_has_added_are_kept_up(
    tally: Tallystick, other: Tallystick
) -> None:
    tally.use("acme", "calls", 5)
    most = {"key": "most", "event_type": "calls", "aggregation": "max", "value": "quantity"}
    other.publish(catalog(20_000, most), author="bond")
    tally.use("acme", "calls", 7)
    assert tally.check("acme", "calls").used == 12
    assert not tally.verify().broken


def test_a_quota_by_billing_period_unlocks_who_has_no_subscription(tally: Tallystick) -> None:
    denied = tally.check("nobody", "calls")
    assert (denied.reason, denied.upgrade_to) == ("no_subscription", "pro")


def test_the_memory_is_bounded(tally: Tallystick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_standings, "_MOST", 2)
    for number in range(5):
        assert not tally.check(f"c{number}", "calls").allowed
    assert len(tally._plans().standings) == 2
    assert tally.use("acme", "calls").allowed


def test_who_changes_as_often_as_they_are_read_is_refused(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.use("acme", "calls")
    monkeypatch.setattr(kept_standings, "standing_versions", lambda _, ids: dict.fromkeys(ids, ()))
    tally._plans().standings.clear()
    for ask in (tally.use, tally.reserve):
        with pytest.raises(StorageUnavailable):
            ask("acme", "calls")
    assert tally.check("acme", "calls").reason == "dependency_away"
    monkeypatch.undo()
    assert tally.check("acme", "calls").used == 1
