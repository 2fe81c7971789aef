"""What was exported is what was sent: here it is all known, and elsewhere it counts the same."""

from __future__ import annotations

import io
import itertools
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tallystick import Tallystick
from tallystick.app.sent import event_text
from tallystick.core.event import digest, parse_event
from tallystick.core.fold import fold
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.files.events import EventFile
from tallystick.testing.clock import FrozenClock
from tests.usage_histories import METERS, START, after, event, histories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.app.imports import Imported
    from tallystick.storage.unit import Storage

DAY = 86_400
NOW = after(3 * DAY)
ALL = Period(START - timedelta(days=9), START + timedelta(days=90))
NUMBERS = itertools.count()
CALLS = Meter(key="calls", event_type="calls")
WAYS = (
    {"id": "none", "customer": "c", "type": "calls"},
    {
        "id": "null",
        "customer": "c",
        "type": "calls",
        "occurred_at": None,
        "properties": {"x": None},
    },
    {"id": "told", "customer": "c", "type": "calls", "occurred_at": "2027-01-31T01:00:00.25+01:00"},
    {
        "specversion": "1.0",
        "id": "cloud",
        "source": "s",
        "subject": "c",
        "type": "calls",
        "data": {"quantity": 3},
    },
    {"id": "a1", "customer": "c", "amend": "none", "properties": {"quantity": 7}},
    {
        "id": "a2",
        "customer": "c",
        "amend": "told",
        "type": "calls",
        "occurred_at": "2027-01-31T02:00:00Z",
        "properties": {"quantity": "0.50", "ü": '"\\\n'},
    },
    {
        "specversion": "1.0",
        "id": "a3",
        "source": "s",
        "subject": "c",
        "type": "calls",
        "amend": "cloud",
        "time": "2027-02-01T00:00:00Z",
        "data": {"quantity": 4},
    },
    {
        "specversion": "1.0",
        "id": "v1",
        "source": "s",
        "subject": "c",
        "type": "calls",
        "void": "cloud",
        "time": "2027-02-01T00:00:00Z",
    },
    {"id": "v2", "customer": "c", "void": {"id": "null", "source": "api"}},
)


@pytest.fixture
def tally(storage: Storage) -> Tallystick:
    """A ledger of each kind, at a moment after the events of the histories."""
    return Tallystick(storage.engine, clock=FrozenClock(NOW))


@contextmanager
def another(now: datetime = NOW) -> Iterator[Tallystick]:
    """Give an empty ledger elsewhere."""
    with Tallystick("sqlite://", clock=FrozenClock(now)) as opened:
        opened.migrate()
        yield opened


def exported(tally: Tallystick, customer: str | None = None) -> bytes:
    """Write everything as `tallystick usage export` does."""
    return "".join(f"{event_text(e)}\n" for e in tally.usage.export(customer=customer)).encode()


def imported(tally: Tallystick, lines: bytes) -> Imported:
    """Record the lines as `tallystick usage import` does; no line may be refused."""
    refused: list[Any] = []
    with EventFile("-", form="jsonl", stream=io.BytesIO(lines)) as file:
        counts = tally.usage.import_file(file, bad=refused.append)
    assert refused == []
    return counts


def test_every_way_to_send_an_event_comes_back_as_it_was_sent(tally: Tallystick) -> None:
    usage = tally.usage
    assert set(usage.record_many(WAYS).statuses) == {"accepted"}
    sent = [digest(parse_event(tree, received_at=NOW)) for tree in WAYS]
    tally.clock = FrozenClock(NOW + timedelta(days=30))
    assert [digest(each) for each in usage.export()] == sent
    counts = imported(tally, exported(tally))
    assert (counts.read, counts.duplicates) == (len(WAYS), len(WAYS))
    assert usage.record_many(list(usage.export())).duplicates == len(WAYS), "also as values"


def test_an_event_without_a_time_keeps_its_arrival_elsewhere(tally: Tallystick) -> None:
    tally.usage.record_many(WAYS)
    lines = exported(tally)
    with another(NOW + timedelta(days=60)) as other:
        assert imported(other, lines).accepted == len(WAYS)
        assert exported(other) == lines, "and can be handed on from there"
        for ledger in (tally, other):
            assert ledger.usage.quantity("c", CALLS, ALL) == tally.usage.quantity("c", CALLS, ALL)
        assert [each.occurred_at for each in other.usage.export()] == [
            each.occurred_at for each in tally.usage.export()
        ]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories(), st.sets(st.integers(0, 29)))
@example([[event("e", START)], [event("a", START, kind="amend", target=("api", "e"))]], {0})
def test_any_history_is_known_here_and_counts_the_same_elsewhere(
    tally: Tallystick, batches: list[list[Any]], untimed: set[int]
) -> None:
    """Meters that refuse what is late are left out: by the clock elsewhere all of it is late."""
    c, d = (f"{name}{next(NUMBERS)}" for name in "cd")
    place = 0
    for batch in batches:
        items = []
        for each in batch:
            tree = {
                **({} if place in untimed or not each.timed else {"occurred_at": each.occurred_at}),
                **({} if each.kind == "void" else {"properties": dict(each.properties)}),
                **({"type": each.type} if each.type else {}),
                **({} if each.target is None else {each.kind: each.target[1]}),
                "id": each.id,
                "customer": c if each.customer == "c" else d,
            }
            items.append(tree)
            place += 1
        tally.clock = FrozenClock(max(NOW, batch[0].received_at or NOW))
        tally.usage.record_many(items)
    lines = exported(tally, c) + exported(tally, d)
    written = sorted(lines.splitlines())
    count = len(written)
    assert imported(tally, lines).duplicates == count
    meters = [meter for meter in METERS.values() if meter.late != "refuse"]
    with another(NOW + timedelta(days=50)) as other:
        assert imported(other, lines).accepted == count
        assert sorted((exported(other, c) + exported(other, d)).splitlines()) == written
        for customer in (c, d):
            told = list(tally.usage.export(customer=customer))
            for meter in meters:
                here = tally.usage.quantity(customer, meter, ALL)
                assert other.usage.quantity(customer, meter, ALL) == here
                assert fold(meter, told, ALL) == here, "what was exported can be folded"


@pytest.mark.parametrize("read", [500, 1_500])
def test_an_export_sees_one_moment(storage_postgresql: Storage, read: int) -> None:
    """A writer that is still open has lower places than what was committed meanwhile."""
    tally = Tallystick(storage_postgresql.engine, clock=FrozenClock(NOW))
    trees = [{"id": f"{n:04}", "customer": "c", "type": "calls"} for n in range(3_000)]
    tally.usage.record_many(trees[:1_000])
    with storage_postgresql.engine.connect() as writer:
        tally.usage.record_many(trees[1_000:1_100], connection=writer)
        tally.usage.record_many(trees[1_100:2_500])
        reading = tally.usage.export()
        first = [next(reading).id for _ in range(read)]
        writer.commit()
        tally.usage.record_many(trees[2_500:])
        seen = first + [each.id for each in reading]
    before = [tree["id"] for tree in trees[:1_000] + trees[1_100:2_500]]
    assert seen == before, "nothing of what was not there when it began, and all that was"
    assert len(list(tally.usage.export())) == 3_000


def test_an_export_ends_though_others_record_and_can_be_left_half_way(tally: Tallystick) -> None:
    trees = [{"id": f"{n:04}", "customer": "c", "type": "calls"} for n in range(2_100)]
    tally.usage.record_many(trees)
    seen = 0
    for each in tally.usage.export():
        seen += 1
        if seen % 500 == 0:
            tally.usage.record("c", "calls", id=f"again-{each.id}")
    assert seen == 2_100
    for _ in range(40):  # more often than there are connections
        next(iter(tally.usage.export()))
    assert tally.usage.quantity("c", CALLS, Period(NOW, NOW + timedelta(days=1))) == 2_104


def test_received_at_is_no_part_of_what_was_sent() -> None:
    tree = {"id": "e", "customer": "c", "type": "calls"}
    plain = parse_event(tree, received_at=NOW)
    passed = parse_event({**tree, "received_at": "2027-01-30T00:00:00Z"}, received_at=NOW)
    assert (passed.occurred_at, passed.received_at, passed.timed) == (START, NOW, False)
    assert digest(passed) == digest(plain)
    told = {**tree, "occurred_at": "2027-01-31T00:00:00Z"}
    both = parse_event({**told, "received_at": datetime(2027, 2, 1, tzinfo=UTC)}, received_at=NOW)
    assert both == parse_event(told, received_at=NOW)
