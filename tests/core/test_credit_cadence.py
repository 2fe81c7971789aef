"""Credits that a plan grants again and again, on the dates of the calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.credit_cadence import RecurringGrant, due_grants
from tallystick.core.period import Cadence, Period
from tallystick.core.schedule import Schedule
from tallystick.errors import InvalidInput, InvalidPeriod
from tests.core.credits import usd

MONTHLY = RecurringGrant(key="pro", amount=Decimal(100), feature="calls", cadence=Cadence("month"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def year(start: str = "2027-01-01", end: str = "2028-01-01") -> Period:
    return Period(at(start), at(end))


def dates(rule: RecurringGrant, schedule: Schedule, during: Period) -> list[str]:
    grants = due_grants(rule, "acme", schedule, during)
    return [f"{each.effective_at:%m-%d}" for each in grants]


def test_a_yearly_plan_grants_monthly_on_the_anchors_day() -> None:
    schedule = Schedule(start=at("2027-01-31"))
    assert dates(MONTHLY, schedule, year("2027-01-31", "2027-08-01")) == [
        "01-31",
        "02-28",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
        "07-31",
    ]


def test_the_first_grant_is_at_the_start_and_the_next_at_the_anchor() -> None:
    schedule = Schedule(start=at("2027-01-15"), anchor=at("2027-02-01"))
    first, second, *_ = due_grants(MONTHLY, "acme", schedule, year())
    assert (first.effective_at, first.expires_at) == (at("2027-01-15"), at("2027-02-01"))
    assert second.effective_at == at("2027-02-01")


def test_asked_in_any_parts_and_however_late_the_grants_are_the_same() -> None:
    schedule = Schedule(start=at("2027-01-31"), zone="Europe/Berlin")
    whole = due_grants(MONTHLY, "acme", schedule, year())
    parts = [
        grant
        for days in range(0, 365, 5)
        for grant in due_grants(
            MONTHLY,
            "acme",
            schedule,
            Period(
                at("2027-01-01") + timedelta(days=days), at("2027-01-01") + timedelta(days=days + 5)
            ),
        )
    ]
    assert [replace(each, created=0) for each in whole] == parts
    assert [each.created for each in whole] == list(range(len(whole)))
    assert whole[0].id == "pro@2027-01-31T00:00:00Z"
    assert len({each.id for each in whole}) == len(whole) == 12


def test_a_month_is_of_the_zones_clock() -> None:
    schedule = Schedule(start=at("2027-01-31T23:00"), zone="Europe/Berlin")
    starts = [g.effective_at for g in due_grants(MONTHLY, "acme", schedule, year())]
    assert starts[:4] == [
        at("2027-01-31T23:00"),
        at("2027-02-28T23:00"),
        at("2027-03-31T22:00"),
        at("2027-04-30T22:00"),
    ]


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("next", at("2027-02-28")),
        ("never", None),
        (Cadence("month", 3), at("2027-04-30")),
        (Cadence("day", 10), at("2027-02-10")),
    ],
)
def test_each_may_be_used_as_long_as_the_rule_says(expires: Any, end: datetime | None) -> None:
    rule = replace(MONTHLY, expires=expires)
    grant = due_grants(rule, "acme", Schedule(start=at("2027-01-31")), year())[0]
    assert grant.expires_at == end


def test_nothing_is_granted_from_the_end_of_the_subscription_on() -> None:
    schedule = Schedule(start=at("2027-01-01"), end=at("2027-03-15"))
    grants = due_grants(MONTHLY, "acme", schedule, year())
    assert [f"{each.effective_at:%m-%d}" for each in grants] == ["01-01", "02-01", "03-01"]
    assert grants[-1].expires_at == at("2027-03-15")
    assert due_grants(MONTHLY, "acme", schedule, year("2027-03-15")) == ()
    assert due_grants(MONTHLY, "acme", Schedule(start=at("2029-01-01")), year()) == ()


def test_the_rest_of_the_rule_goes_onto_the_grant() -> None:
    rule = RecurringGrant(
        key="k", amount=usd("5.00"), cadence=Cadence("year"), category="paid", priority=3
    )
    schedule = Schedule(start=at("2027-05-01"))
    (grant,) = due_grants(rule, "acme", schedule, year(), created=7)
    assert (grant.amount, grant.category, grant.priority) == (usd("5.00"), "paid", 3)
    assert (grant.source, grant.customer, grant.created) == ("plan", "acme", 7)


def test_a_word_that_says_nothing_of_the_end_is_refused() -> None:
    word: Any = "soon"
    with pytest.raises(InvalidInput, match="'next', 'never' or after a Cadence"):
        replace(MONTHLY, expires=word)


@pytest.mark.parametrize(
    "fields",
    [
        {"zone": "Mars/Olympus"},
        {"end": at("2027-01-01")},
        {"start": datetime(2027, 1, 1)},  # noqa: DTZ001 - what is refused
        {"anchor": "2027-01-01"},
    ],
)
def test_a_schedule_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidPeriod):
        Schedule(**{"start": at("2027-01-01"), **fields})


def test_without_an_anchor_periods_are_counted_from_the_start() -> None:
    assert Schedule(start=at("2027-01-01")).origin == at("2027-01-01")
    assert Schedule(start=at("2027-01-01"), anchor=at("2027-02-01")).origin == at("2027-02-01")
