"""Questions of the kinds of the kit that are not in it, and the ways in which they are written.

The figures are those of the sources that the kit names (Stripe's pages; the published tests of
Lago, OpenMeter, Polar, Autumn, Flexprice, Kill Bill and Meteroid), or follow from its policies.
"""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.testing.conformance import NotApplicable
from tallystick.testing.conformance.reading import Case
from tallystick.testing.conformance.runner import ADAPTERS, run_case


def asked(kind: str, question: dict[str, Any], expected: dict[str, Any]) -> str:
    """Ask one question and give the status, with the reason where it is not passed."""
    result = run_case(Case("a", kind, question, expected))
    return f"{result.status} {result.reason}".strip()


def tiers(*rows: tuple[str | None, str, str]) -> list[dict[str, str | None]]:
    return [
        {"up_to": up_to, "unit_amount": unit, "flat_amount": flat} for up_to, unit, flat in rows
    ]


LAGO = tiers(("10", "10", "2"), ("20", "5", "3"), (None, "5", "3"))
LAGO_VOLUME = tiers(("100", "2", "10"), ("200", "1", "0"), (None, "0.5", "50"))
LAGO_PERCENT = [
    {"up_to": "10", "rate_percent": "1", "flat_amount": "200"},
    {"up_to": "20", "rate_percent": "2", "flat_amount": "300"},
    {"up_to": None, "rate_percent": "3", "flat_amount": "400"},
]
# Written with as little as the source writes: no flat fee, no unit price, no bound.
OPENMETER = [
    {"up_to": 5, "flat_amount": "100"},
    {"up_to": 10, "flat_amount": "50"},
    {"up_to": 15, "unit_amount": "5"},
    {"unit_amount": "1"},
]
AUTUMN = tiers(("100", "0.10", "0"), ("500", "0.05", "0"), (None, "0.02", "0"))


@pytest.mark.parametrize(
    ("model", "steps", "quantity", "more", "expected"),
    [
        ("graduated", LAGO, "21", {}, {"total": "163"}),
        ("volume", LAGO_VOLUME, "0", {}, {"total": "10"}),
        ("volume", LAGO_VOLUME, "-5", {}, {"total": "0"}),
        ("volume", LAGO_VOLUME, "101", {}, {"total": "101"}),
        ("graduated_percentage", LAGO_PERCENT, "0", {}, {"total": "0"}),
        ("graduated_percentage", LAGO_PERCENT, "1", {}, {"total": "200.01"}),
        ("graduated_percentage", LAGO_PERCENT, "21", {}, {"total": "900.33"}),
        (
            "graduated",
            OPENMETER,
            "22",
            {},
            {"total": "182", "expected_lines": [{"amount": a} for a in ("0", "100", "50", 25, 7)]},
        ),
        ("graduated", OPENMETER, 0, {"already_rated_quantity": 0}, {"expected_lines": []}),
        ("graduated", OPENMETER, "0", {"already_rated_quantity": None}, {"total": "100"}),
        ("graduated", AUTUMN, "-250", {"allow_negative": True}, {"total": "-17.5"}),
        ("graduated", AUTUMN, "-250", {"allow_negative": None}, {"total": "0"}),
        ("volume", AUTUMN, "51", {"included_quantity": "50"}, {"total": "0.1"}),
        ("volume", None, "1", {}, {"error": True}),
        (None, None, "1", {}, {"error": True}),
        ("graduated", [], "0", {}, {"error": True}),
    ],
)
def test_tiers(
    model: str, steps: object, quantity: object, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    question = {
        "pricing_model": model,
        "currency": "EUR",
        "tiers": steps,
        "quantity": quantity,
        "round_to_minor_units": False,
    }
    assert asked("tiered", question | more, expected) == "passed"


@pytest.mark.parametrize(
    ("kind", "question", "expected"),
    [
        (
            "package",
            {"package_size": 10, "package_amount": "15", "quantity_already_rated": "16"}
            | {"quantity": "4", "round_packages": None, "free_units": None},
            {"packages": 0, "total": "0"},
        ),
        (
            "package",
            {"package_size": "0", "package_amount": "15", "quantity": "4"},
            {"error": True},
        ),
        (
            "per_unit",
            {"unit_amount": "1e-14", "quantity": "1000000000000", "cap_amount": None},
            {"total": "0.01"},
        ),
        (
            "per_unit",
            {"unit_amount": "33.3333333333333333333333333", "quantity": 3},
            {"total": "100"},
        ),
        ("per_unit", {"unit_amount": "1", "quantity": "NaN"}, {"error": True}),
        ("per_unit", {"unit_amount": "1", "quantity": True}, {"error": True}),
        (
            "percentage",
            {"rate_percent": "2.99", "transactions": ["10", "80", "10000"], "free_volume": "30"}
            | {"min_per_transaction": "1.75", "max_per_transaction": "12"}
            | {"round_to_minor_units": False},
            {"total": "13.794"},
        ),
        (
            "percentage",
            {"rate_percent": "1.3", "transactions": ["50", "100", "250", "400"]}
            | {"fixed_amount_per_transaction": "2", "free_transactions": 0, "free_volume": "0"},
            {"total": "18.4"},
        ),
        (
            "percentage",
            {"rate_percent": "1.3", "transactions": ["1"], "free_transactions": "1.5"},
            {"error": True},
        ),
        ("percentage", {"rate_percent": "1.3", "transactions": None}, {"total": "0"}),
        ("dynamic", {"event_amounts_sum": "10", "multiplier": "1.33333"}, {"total": "13.33"}),
        ("dynamic", {"event_amounts_sum": "0.402", "quantity": "0"}, {"total": "0"}),
        ("dynamic", {"event_amounts_sum": "7", "multiplier": 0, "quantity": 1}, {"total": "0"}),
        (
            "spend_bounds",
            {"gross_lines": ["0"], "minimum_spend": "1000", "already_billed_in_period": "100"}
            | {"is_last_slice_of_period": None},
            {"expected_lines": [{"amount": "900", "discount": "0", "total": "900"}]},
        ),
        ("true_up", {"minimum_spend": "10", "usage_amount": "15"}, {"true_up": "0"}),
        (
            "unit_conversion",
            {"raw_quantity": "1400", "usage_discount_quantity": "0.5", "unit_amount": "10"}
            | {"conversion": {"operation": "divide", "factor": "1000", "rounding": "ceiling"}},
            {"billed_quantity": "1.5", "total": "15"},
        ),
        (
            "unit_conversion",
            {"raw_quantity": "1400", "conversion": {"operation": "divide", "factor": 0}},
            {"error": True},
        ),
        (
            "unit_conversion",
            {"raw_quantity": "14", "conversion": None, "unit_amount": "1", "tiers": None},
            {"billed_quantity": "14", "total": "14"},
        ),
        (
            "included_allowance",
            {"included_quantity": "10", "quantity_before": "20", "quantity_now": "15"},
            {"allowance_used_now": "0", "billable_now": "15"},
        ),
        (
            "multi_item",
            {"items": [{"unit_amount": "100", "quantity": 0}, {"flat_amount": "5", "tiers": None}]},
            {"total": "5"},
        ),
        (
            "volume_prorated",
            {"tiers": LAGO_VOLUME, "full_quantity": "150", "prorated_quantity": "75.5"}
            | {"pricing_model": None},
            {"total": "75.5"},
        ),
    ],
)
def test_the_other_pricing_models(
    kind: str, question: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert asked(kind, {"currency": "USD"} | question, expected) == "passed"


@pytest.mark.parametrize(
    ("kind", "question", "expected"),
    [
        ("round_amount", {"amount": 0.5, "currency": "JPY"}, {"error": True}),
        ("round_amount", {"amount": "2.675", "currency": "USD"}, {"rounded": "2.68"}),
        ("minor_units", {"currency": "usd"}, {"error": True}),
        ("minor_units", {}, {"error": True}),
        (
            "allocate",
            {"currency": "USD", "amount": 10, "tie_break": None}
            | {"weights": [{"key": "A", "weight": 1}, {"key": "B", "weight": 2}]},
            {"parts": {"A": "3.33", "B": "6.67"}},
        ),
        (
            "allocate",
            {"currency": "USD", "amount": "1", "weights": [{"key": "A", "weight": "0"}]},
            {"error": True},
        ),
        ("stripe_api_amount", {"currency": "KWD", "amount": "5.124"}, {"error": True}),
        ("stripe_refused", {"currency": "ISK", "api_amount": "4000"}, {"error": False}),
    ],
)
def test_rounding_and_currencies(
    kind: str, question: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert asked(kind, question, expected) == "passed"


@pytest.mark.parametrize(
    ("start", "anchor", "more", "end"),
    [
        ("2024-01-31", "2024-01-31", {"interval": "month"}, "2024-02-29"),
        ("2024-02-29", "2024-01-31", {"interval": "monthly"}, "2024-03-31"),
        ("2024-02-29", "2024-01-31", {"interval": "month", "interval_count": "2"}, "2024-04-30"),
        ("2026-06-01", "2026-04-01", {"interval": "quarter"}, "2026-09-01"),
        ("2026-07-01", "2026-04-01", {"interval": "half_year"}, "2027-01-01"),
        ("2025-02-28", "2024-02-29", {"interval": "annual"}, "2026-02-28"),
        ("2024-01-01", "2024-01-01", {"interval": "30_days"}, "2024-01-31"),
        (
            "2024-12-29",
            "2024-01-04T15:30",
            {"interval": "week", "interval_count": 3},
            "2025-01-16T15:30",
        ),
        ("2024-03-06", "2023-01-04T14:30", {"interval": "week"}, "2024-03-06T14:30"),
        (
            "2024-01-31T00:00+05:30",
            "2024-01-31T00:00+05:30",
            {"interval": "month"},
            "2024-02-29T00:00+05:30",
        ),
        (
            "2024-03-01T05:00:00Z",
            "2024-02-01T05:00:00Z",
            {"interval": "month", "time_zone": "America/New_York"},
            "2024-04-01T04:00:00Z",
        ),
        (
            "2024-03-09T02:30",
            "2024-03-09T02:30",
            {"interval": "day", "time_zone": "America/New_York"},
            "2024-03-10T03:30",
        ),
        (
            "2026-03-22T00:00",
            "2026-04-01T00:00",
            {"interval": "quarter", "subscription_end": "2026-03-28T00:00"},
            "2026-03-28T00:00",
        ),
        ("2024-03-10", "2024-03-10", {"interval": "day", "interval_count": 0}, None),
        ("2024-03-10", "2024-03-10", {"interval": "day", "interval_count": "1.5"}, None),
        ("2024-03-10", "2024-03-10", {"interval": "fortnite"}, None),
        ("2024-02-30", "2024-03-10", {"interval": "day"}, None),
    ],
)
def test_the_end_of_a_period(
    start: str, anchor: str, more: dict[str, Any], end: str | None
) -> None:
    question = {
        "current_period_start": start,
        "billing_anchor": anchor,
        "interval_count": None,
        "time_zone": "Asia/Kolkata" if "+" in start else None,
        "subscription_end": None,
    }
    expected = {"error": True} if end is None else {"next": end}
    assert asked("next_boundary", question | more, expected) == "passed"


@pytest.mark.parametrize(
    ("kind", "question", "expected"),
    [
        (
            "calendar_aligned_first_end",
            {"start": "2024-03-09T23:59:59", "interval": "week", "week_starts": "sunday"},
            {"first_period_end": "2024-03-10"},
        ),
        (
            "calendar_aligned_first_end",
            {"start": "2026-03-02T07:58:45.337", "interval": "daily", "week_starts": None},
            {"first_period_end": "2026-03-03"},
        ),
        (
            "calendar_aligned_first_end",
            {"start": "2026-02-10", "interval": "quarter", "interval_count": 2},
            {"first_period_end": "2026-07-01"},
        ),
        (
            "period_containing",
            {"anchor": "2026-12-15", "interval": "year", "interval_count": 2, "at": "2025-06-20"},
            {"period_start": "2024-12-15", "period_end": "2026-12-15"},
        ),
        (
            "period_with_billing_day",
            {"start": "2024-01-10", "interval": "quarter", "bill_day": "1", "at": "2024-07-15"},
            {"period_start": "2024-07-01", "period_end": "2024-10-01", "elapsed_periods": 2},
        ),
        (
            "period_with_billing_day",
            {"start": "2024-06-01", "interval": "month", "bill_day": 1, "at": "2024-01-01"},
            {"period_start": "2024-06-01", "period_end": "2024-07-01", "elapsed_periods": 0},
        ),
        (
            "first_bill_date",
            {"start": "2012-01-31", "interval": "year", "bill_day": 30},
            {"first_bill_date": "2013-01-30"},
        ),
        (
            "first_bill_date",
            {"start": "2012-01-31", "interval": "month", "bill_day": 32},
            {"error": True},
        ),
        (
            "whole_periods_between",
            {"start": "2012-07-16", "end": "2012-09-14", "interval": "30_days"},
            {"count": 2},
        ),
        (
            "advance",
            {"start": "2016-11-04", "interval": "30_days", "count": "-7"},
            {"date": "2016-04-08"},
        ),
    ],
)
def test_the_calendar(kind: str, question: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asked(kind, question, expected) == "passed"


def test_an_interval_shorter_than_a_day_is_a_situation_the_engine_does_not_know() -> None:
    question = {"anchor": "2024-01-01", "at": "2024-01-01", "interval": "hour"}
    assert asked("previous_boundary", question, {}) == "not_applicable the interval 'hour'"
    with pytest.raises(NotApplicable):
        ADAPTERS["advance"]({"start": "2024-01-01", "interval": "minute", "count": 1})
