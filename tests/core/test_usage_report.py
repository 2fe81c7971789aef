"""What a provider that bills is told of usage: differences that add up, whatever came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.intent import ProviderAccount
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.core.usage_report import (
    Metered,
    first_report,
    next_report,
    report_key,
    told_window,
)
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.usage_report import UsageReport

START = datetime(2026, 10, 1, 9, 30, 15, tzinfo=UTC)
MONTH = Period(START, datetime(2026, 11, 1, 9, 30, 15, tzinfo=UTC))
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def first(aggregation: Any = "sum") -> UsageReport:
    metered = Metered(
        customer="acme", payer="cus_1", meter="calls", event_name="calls", window=MONTH
    )
    return first_report(
        metered,
        id_="mrp_1",
        provider="stripe",
        account=ProviderAccount("acct_1", live=False),
        meter=Meter(key="calls", aggregation=aggregation),
        at=NOON,
    )


def told(report: UsageReport) -> UsageReport:
    return replace(report, state="told")


def test_nothing_used_is_nothing_told() -> None:
    assert next_report(first(), Decimal(0), NOON) is None


def test_each_report_has_a_name_of_its_own() -> None:
    one = next_report(first(), Decimal(3), NOON)
    assert one is not None
    assert (one.number, one.value, one.total, one.state, one.at) == (1, 3, 3, "open", NOON)
    assert report_key(one) == "tallystick/mrp_1/1"
    assert next_report(one, Decimal(9), NOON) is None  # it has no answer yet
    assert next_report(told(one), Decimal(3), NOON) is None
    two = next_report(told(one), Decimal(1), NOON)
    assert two is not None
    assert (two.value, two.total, report_key(two)) == (-2, 1, "tallystick/mrp_1/2")


@pytest.mark.parametrize("aggregation", ["max", "last", "min", "average", "time_weighted"])
def test_of_a_gauge_the_figure_itself_is_told(aggregation: str) -> None:
    one = next_report(first(aggregation), Decimal(5), NOON)
    assert one is not None
    two = next_report(told(one), Decimal(4), NOON)
    assert two is not None
    assert (one.value, two.value) == (5, 4)


@pytest.mark.parametrize(
    ("at", "told_for"),
    [
        (START - timedelta(days=1), START.replace(minute=31, second=0)),
        (START, START.replace(minute=31, second=0)),
        (NOON, NOON),
        (MONTH.end, MONTH.end.replace(second=0) - timedelta(seconds=1)),
        (MONTH.end + timedelta(days=9), MONTH.end.replace(second=0) - timedelta(seconds=1)),
    ],
)
def test_it_is_told_for_a_time_within_the_window(at: datetime, told_for: datetime) -> None:
    report = next_report(first(), Decimal(1), at)
    assert report is not None
    assert report.at == told_for
    assert report.at in MONTH


def test_a_window_is_told_in_whole_minutes() -> None:
    window = told_window(MONTH)
    assert (window.start.second, window.end.second) == (0, 0)
    assert MONTH.start <= window.start < window.end <= MONTH.end
    whole = Period(NOON, NOON + timedelta(hours=1))
    assert told_window(whole) == whole
    with pytest.raises(InvalidInput, match="two minutes"):
        told_window(Period(START, START + timedelta(seconds=60)))


@given(st.lists(st.decimals(min_value=0, max_value=10**9, places=6), max_size=12))
def test_differences_add_up_to_what_was_used(totals: list[Decimal]) -> None:
    report, known = first(), Decimal(0)
    for total in totals:
        after = next_report(report, total, NOON)
        if after is not None:
            known += after.value
            report = told(after)
        assert known == total == report.total
