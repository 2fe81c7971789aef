"""`tally.usage` on every database: recorded once, corrected, read, exported, buffered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tallystick import InvalidUsage, Tallystick, UsageBuffer, create_billing_schema
from tallystick.core.line_item import bill
from tallystick.core.period import Period
from tallystick.core.rating.usage import Quantity, Transactions
from tallystick.errors import Conflict, NotFound
from tallystick.testing.clock import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.storage.unit import Storage

PATIENCE = 120  # seconds, of which a machine that is not busy takes none
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
CATALOG = create_billing_schema(
    {
        "meters": [
            {"key": "calls", "aggregation": "sum", "groupBy": ["region"]},
            {"key": "payments", "aggregation": "sum"},
            {"key": "seats", "aggregation": "last"},
        ],
        "products": [
            {
                "id": "p",
                "name": "P",
                "description": "",
                "features": [],
                "currency": "USD",
                "plans": [
                    {
                        "id": "q",
                        "name": "Q",
                        "paymentType": "recurring",
                        "interval": "month",
                        "lineItems": [
                            {
                                "id": "c",
                                "name": "Calls",
                                "type": "per_unit",
                                "cost": "0.10",
                                "unit": "call",
                                "meter": "calls",
                            },
                            {
                                "id": "f",
                                "name": "Fees",
                                "type": "percentage",
                                "percent": 1,
                                "fixed": "0.30",
                                "unit": "payment",
                                "meter": "payments",
                            },
                        ],
                    }
                ],
            }
        ],
    }
)


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    """A ledger with three meters, their roll-ups kept."""
    with Tallystick(storage.engine, catalog=CATALOG, clock=FrozenClock(NOW)) as opened:
        opened.usage.prepare()
        yield opened


def test_an_event_counts_once_and_is_corrected(tally: Tallystick) -> None:
    usage = tally.usage
    for expected in ("accepted", "duplicate"):
        status = usage.record("acme", "calls", id="1", quantity=5, properties={"region": "eu"})
        assert status == expected
    with pytest.raises(Conflict):
        usage.record("acme", "calls", id="1", quantity=6)
    assert usage.quantity("acme", "calls", NOVEMBER) == 5
    assert usage.amend("acme", "1", quantity="2.5", correction_id="c1") == "accepted"
    assert usage.amend("acme", "1", quantity="2.5", correction_id="c1") == "duplicate"
    (figure,) = usage.read("acme", "calls", NOVEMBER, group_by=["region"])
    assert (figure.quantity, figure.group) == (Decimal("2.5"), ("eu",)), "the region stayed"
    assert (usage.void("acme", "1"), usage.void("acme", "1")) == ("accepted", "duplicate")
    assert usage.quantity("acme", "calls", NOVEMBER) == 0
    with pytest.raises(Conflict):
        usage.amend("acme", "1", quantity=1)
    assert [event.kind for event in usage.export()] == ["use", "amend", "void"]


def test_an_amendment_keeps_what_it_does_not_name(tally: Tallystick) -> None:
    usage = tally.usage
    october = Period(datetime(2026, 10, 1, tzinfo=UTC), NOVEMBER.start)
    usage.record(
        "acme",
        "calls",
        id="1",
        properties={"quantity": 5, "region": "eu"},
        occurred_at=NOVEMBER.start,
    )
    moved = partial(
        usage.amend, "acme", "1", occurred_at="2026-10-31T00:00:00Z", correction_id="moved"
    )
    more = partial(usage.amend, "acme", "1", correction_id="more")
    assert (moved(), more(quantity=7)) == ("accepted", "accepted")
    (figure,) = usage.read("acme", "calls", october, group_by=["region"])
    assert (figure.quantity, figure.group) == (Decimal(7), ("eu",)), "it stays in October"
    assert usage.quantity("acme", "calls", NOVEMBER) == 0
    usage.amend("acme", "1", properties={"region": "us"}, correction_id="us")
    assert (moved(), more(quantity=7)) == ("duplicate", "duplicate"), "a repeat says what it said"
    with pytest.raises(Conflict):
        more(quantity=8)
    usage.void("acme", "1")
    assert more(quantity=7) == "duplicate"


def test_amendments_at_one_moment_keep_what_the_other_named(storage_postgresql: Storage) -> None:
    with Tallystick(storage_postgresql.engine, catalog=CATALOG, clock=FrozenClock(NOW)) as tally:
        usage = tally.usage
        usage.record("acme", "calls", id="1", quantity=5)
        with storage_postgresql.engine.connect() as first, ThreadPoolExecutor() as pool:
            usage.amend("acme", "1", quantity=7, connection=first)
            second = pool.submit(usage.amend, "acme", "1", properties={"region": "eu"})
            with pytest.raises(TimeoutError):
                second.result(0.3)
            first.commit()
            assert second.result(PATIENCE) == "accepted"
        (figure,) = usage.read("acme", "calls", NOVEMBER, group_by=["region"])
        assert (figure.quantity, figure.group) == (Decimal(7), ("eu",))


def test_nothing_is_filled_into_what_is_recorded(tally: Tallystick) -> None:
    usage = tally.usage
    assert usage.record("acme", "calls", id="1") == "accepted"
    tree = {"id": "1", "customer": "acme", "type": "calls"}
    assert usage.record_many([tree]).statuses == ("duplicate",), "as it comes over HTTP"
    assert usage.quantity("acme", "calls", NOVEMBER) == 1, "a sum counts what says no value as 1"
    usage.record("acme", "seats", id="2", quantity=50)
    with pytest.raises(InvalidUsage, match="is missing: meter 'seats' takes its last"):
        usage.record("acme", "seats", id="3")
    assert usage.quantity("acme", "seats", NOVEMBER) == 50


def test_what_is_not_there_and_what_is_no_event(tally: Tallystick) -> None:
    usage = tally.usage
    with pytest.raises(NotFound):
        usage.void("acme", "9")
    with pytest.raises(NotFound):
        usage.amend("acme", "9", quantity=1)
    with pytest.raises(NotFound, match="no meter 'x'"):
        usage.quantity("acme", "x", NOVEMBER)
    with pytest.raises(InvalidUsage):
        usage.record("acme", "calls", id="1", quantity="-5")
    recorded = usage.record_many([{"id": "a", "customer": "acme", "type": "calls"}, 5])
    assert recorded.statuses == ("accepted", "rejected")


def test_an_export_is_paged_and_bounded(tally: Tallystick) -> None:
    trees = [{"id": str(n), "customer": f"c{n % 2}", "type": "calls"} for n in range(2_500)]
    tally.usage.record_many(trees)
    assert [event.id for event in tally.usage.export()] == [str(n) for n in range(2_500)]
    assert sum(1 for _ in tally.usage.export(customer="c1")) == 1_250
    december = Period(NOVEMBER.end, datetime(2027, 1, 1, tzinfo=UTC))
    assert list(tally.usage.export(period=december)) == []


def test_stored_usage_becomes_lines(tally: Tallystick) -> None:
    tally.usage.record("acme", "calls", id="1", quantity="10.5")
    for key, amount in (("2", 100), ("3", "50.50"), ("4", 9)):
        tally.usage.record("acme", "payments", id=key, properties={"amount": amount})
    tally.usage.void("acme", "4")
    plan = CATALOG["q"]
    measured = tally.usage.measured("acme", plan, NOVEMBER)
    assert measured == {
        "calls": Quantity(Decimal("10.5")),
        "payments": Transactions((Decimal(10_000), Decimal(5_050))),
    }
    assert [str(line.amount) for line in bill(plan, measured)] == ["1.05 USD", "2.11 USD"]
    assert tally.usage.measured("beta", plan, NOVEMBER) == {}


def test_a_hosts_transaction_decides(tally: Tallystick) -> None:
    with tally.storage.engine.connect() as connection:
        tally.usage.record("acme", "calls", id="1", connection=connection)
        assert tally.usage.quantity("acme", "calls", NOVEMBER, connection=connection) == 1
        connection.rollback()
    assert tally.usage.quantity("acme", "calls", NOVEMBER) == 0


def test_the_same_id_without_a_time_is_one_event_to_a_buffer(
    tally: Tallystick, tmp_path: Path
) -> None:
    clock = FrozenClock(NOW)
    tally.clock = clock
    for place in range(3):
        with UsageBuffer(tally, folder=tmp_path / str(place), durable=place == 1) as buffer:
            for _ in range(2):
                clock.advance(timedelta(minutes=5))
                buffer.record("acme", "calls", id="same", quantity=2)
            assert buffer.flush(PATIENCE)
            state = buffer.state()
        assert (state.stored, state.duplicates, state.rejected) == (
            int(not place),
            2 - (not place),
            0,
        )
    tree = {"id": "same", "customer": "acme", "type": "calls", "properties": {"quantity": 2}}
    assert tally.usage.record_many([tree]).statuses == ("duplicate",), "over HTTP too"
    (event,) = tally.usage.export()
    assert event.occurred_at == NOW + timedelta(minutes=5), "when the first was taken"


def test_what_a_crash_left_in_the_spool_is_sent_again_as_it_was_sent(
    tally: Tallystick, tmp_path: Path
) -> None:
    clock = FrozenClock(NOW)
    tally.clock = clock
    with UsageBuffer(tally, folder=tmp_path, durable=True, every=60) as buffer:
        buffer.record("acme", "calls", id="1")
        clock.advance(timedelta(hours=2))
        buffer.record("acme", "calls", id="2", properties={"region": "eu"})
        (segment,) = tmp_path.glob("*.spool")
        left = segment.read_bytes()
        assert buffer.flush(PATIENCE)
        assert buffer.state().stored == 2
    (tmp_path / segment.name).write_bytes(left)  # as if it had died before it let go of them
    clock.advance(timedelta(days=1))
    with UsageBuffer(tally, folder=tmp_path) as buffer:
        assert buffer.flush(PATIENCE)
        assert (buffer.state().duplicates, buffer.state().rejected) == (2, 0)
    hours = [event.occurred_at - NOW for event in tally.usage.export()]
    assert hours == [timedelta(0), timedelta(hours=2)], "each at the time at which it was taken"


def test_a_buffer_over_a_real_ledger(tally: Tallystick, tmp_path: Path) -> None:
    with UsageBuffer(tally, folder=tmp_path, durable=True, batch=10) as buffer:
        ids = [buffer.record("acme", "calls", quantity=2) for _ in range(25)]
        buffer.record("acme", "calls", id=ids[0], quantity=2)
        buffer.record("acme", "calls", quantity=-5)
        assert buffer.flush(PATIENCE)
        state = buffer.state()
    assert (state.stored, state.duplicates, state.rejected) == (25, 1, 1)
    assert tally.usage.quantity("acme", "calls", NOVEMBER) == 50
    assert "properties.quantity" in (tmp_path / "0.rejected").read_text()
