"""A ledger whose time stands still, and passes where a test says so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from tallystick import QuotaExceeded, UnknownPlan, define_plans
from tallystick.errors import CatalogNotFound, InvalidPeriod
from tallystick.testing.ledger import FrozenLedger

PLANS = define_plans(
    [
        {
            "id": id_,
            "name": id_.title(),
            "price": price,
            "currency": "USD",
            "interval": "month",
            "features": [
                {"featureKey": "projects", "enabled": True, "limit": many},
                {"featureKey": "calls", "enabled": True, "limit": many, "reset": "month"},
            ],
        }
        for id_, price, many in (("free", 0, 1), ("pro", 2900, 10))
    ]
)


def opened(**settings: Any) -> FrozenLedger:
    return FrozenLedger(catalog=PLANS, default_plan="free", **settings)


def test_it_is_ready_to_be_used() -> None:
    with opened() as tally:
        assert tally.use("acme", "projects").remaining == 0
        with pytest.raises(QuotaExceeded):
            tally.use("acme", "projects")
        assert [each.number for each in tally.catalogs()] == [1]
        assert tally.verify().ok


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2027-03-01", datetime(2027, 3, 1, tzinfo=UTC)),
        (date(2027, 3, 1), datetime(2027, 3, 1, tzinfo=UTC)),
        ("2027-03-01T12:00:00+02:00", datetime(2027, 3, 1, 10, tzinfo=UTC)),
        (
            datetime(2027, 3, 1, 12, 0, 0, 7, timezone(timedelta(hours=2))),
            datetime(2027, 3, 1, 10, 0, 0, 7, UTC),
        ),
        ("2020-01-01", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_time_is_what_the_block_says(moment: Any, shown: datetime) -> None:
    with opened() as tally:
        with tally.at(moment) as then:
            assert then is tally
            assert tally.clock.now() == shown
        assert tally.clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


def test_blocks_stand_in_one_another_and_end_also_by_an_error() -> None:
    with opened(start="2026-06-01") as tally:
        with tally.at("2027-01-01"):
            with pytest.raises(ZeroDivisionError), tally.at("2028-01-01"):
                1 // (tally.clock.advance(timedelta(days=1)).day - 2)
            assert tally.clock.now().year == 2027
        assert tally.clock.now() == datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        *("", "yesterday", "2027-02-30", "2027-13-01", "27-03-01", "2027-W09-1", "1899-12-31"),
        *("2027-03-01T12:00:00", None, 7, True, date(2300, 1, 1)),
        datetime(2027, 3, 1),  # noqa: DTZ001 - it is refused
    ],
)
def test_what_is_no_time_is_refused_and_changes_nothing(moment: Any) -> None:
    with opened() as tally:
        with pytest.raises(InvalidPeriod), tally.at(moment):
            pytest.fail("the block was entered")
        assert tally.clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidPeriod):
        opened(start=moment)


def test_three_years_are_billed_by_one_run() -> None:
    with opened() as tally:
        tally.customers.create("acme", name="Acme")
        tally.subscriptions.start("acme", "pro")
        with tally.at("2028-12-31"):
            run = tally.invoices.run()
        assert (run.documents, dict(run.totals)) == (36, {"USD": 36 * 2900})
        last = tally.invoices.get("INV-000036")
        assert last.invoice.issued_at == datetime(2028, 12, 1, tzinfo=UTC)
        assert tally.verify().ok


def test_a_quota_starts_again_in_the_next_month() -> None:
    with opened() as tally:
        tally.use("acme", "calls")
        assert not tally.check("acme", "calls").allowed
        with tally.at("2026-02-01"):
            assert tally.check("acme", "calls").allowed
        assert not tally.check("acme", "calls").allowed


def test_answers_from_memory_are_those_of_the_time() -> None:
    with opened() as tally:
        tally.use("acme", "calls")
        before = tally.entitlements("acme", max_age=60)
        assert not before.check("calls").allowed
        with tally.at("2026-02-01"):
            assert tally.entitlements("acme", max_age=60).check("calls").allowed
        assert not tally.entitlements("acme", max_age=60).check("calls").allowed


def test_every_run_has_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        with opened() as tally:
            tally.customers.create("acme", name="Acme")
            ids.append(tally.subscriptions.start("acme", "pro").subscription.id)
    assert ids[0] == ids[1]


def test_two_ledgers_share_nothing() -> None:
    with opened() as one, opened() as other:
        one.use("acme", "projects")
        assert other.check("acme", "projects").used == 0


def test_without_a_catalogue_usage_is_counted() -> None:
    with FrozenLedger() as tally:
        assert tally.usage.record("acme", "calls", id="e-1") == "accepted"
        assert tally.catalogs() == ()


def test_a_catalogue_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(CatalogNotFound):
        FrozenLedger(catalog="nothing.yaml")
    with pytest.raises(UnknownPlan):
        FrozenLedger(catalog=PLANS, default_plan="gold")
