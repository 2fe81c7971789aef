"""Questions of the topics credits and entitlements that are not in the kit, and ways to write them.

The figures are those of the sources that the kit names (the published tests of OpenMeter, Lago,
Polar, Autumn, Flexprice and Meteroid, pages of Kong and Stigg), or follow from its policies.
"""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.testing.conformance import run_cases
from tallystick.testing.conformance.reading import Case, packaged_files
from tallystick.testing.conformance.runner import run_case

YEAR = {"effective_at": "2024-01-01T00:00Z", "expires_at": "2024-12-31T00:00Z"}


def asked(kind: str, question: dict[str, Any], expected: dict[str, Any]) -> str:
    result = run_case(Case("a", kind, question, expected))
    return f"{result.status} {result.reason}".strip()


@pytest.mark.parametrize("topic", ["credits", "entitlements"])
def test_every_case_of_the_topic_passes(topic: str) -> None:
    (source,) = (each for each in packaged_files() if each.name == f"{topic}.json")
    report = run_cases([str(source)])
    assert report.passed == len(report.results) > 10


def grant(name: str, amount: str = "100", **more: Any) -> dict[str, Any]:
    return {"id": name, "amount": amount, "priority": 1, **YEAR, **more}


def burnt(grants: list[Any], *uses: tuple[str, str], until: str = "2024-06-01") -> dict[str, Any]:
    return {
        "grants": grants,
        "usage": [{"quantity": quantity, "at": at} for quantity, at in uses],
        "from": "2024-01-01T00:00Z",
        "until": until,
    }


@pytest.mark.parametrize(
    ("question", "balances", "overage"),
    [
        (burnt([], ("50", "2024-01-02T00:00Z")), {}, "50"),
        (burnt([grant("a", effective_at="2024-07-01")], ("50", "2024-01-02")), {"a": "0"}, "50"),
        (burnt([grant("a", expires_at="2024-01-02")], ("50", "2024-01-02")), {"a": "0"}, "50"),
        (burnt([grant("a", deleted_at="2024-01-01")], ("50", "2024-01-02")), {"a": "0"}, "50"),
        (burnt([grant("a", expires_at=None)], ("0.5", "2024-01-02")), {"a": "99.5"}, "0"),
        (burnt([grant("a")], ("50", "2023-12-31T23:59Z"), ("1", "2024-06-01")), {"a": "100"}, "0"),
        (
            burnt([grant("late"), grant("early", expires_at="2024-02-01")], ("20", "2024-01-02")),
            {"late": "100", "early": "0"},  # 80 of it were lost at its end
            "0",
        ),
        (
            burnt(
                [grant("paid", category="paid"), grant("given", category="promotional")],
                ("120", "2024-01-02"),
                until="2024-01-03",
            ),
            {"paid": "80", "given": "0"},
            "0",
        ),
        (
            burnt(
                [
                    grant("second", created_at="2024-01-01T00:00:01Z"),
                    grant("first", created_at="2024-01-01T00:00:00Z"),
                ],
                ("120", "2024-01-02"),
            ),
            {"first": "0", "second": "80"},
            "0",
        ),
        (
            burnt([grant("first"), grant("second")], ("120", "2024-01-02")),
            {"first": "0", "second": "80"},
            "0",
        ),
        (
            burnt([grant("second", priority="2"), grant("first")], ("120", "2024-01-02T00:00")),
            {"first": "0", "second": "80"},
            "0",
        ),
        (
            burnt(
                [grant("a", effective_at="2024-01-03")], ("25", "2024-01-02"), ("25", "2024-01-03")
            ),
            {"a": "75"},
            "25",
        ),
    ],
)
def test_burning_down(question: dict[str, Any], balances: dict[str, str], overage: str) -> None:
    assert asked("burn_down", question, {"balances": balances, "overage": overage}) == "passed"


WALLETS = [{"id": "b", "balance": "50", "priority": 2}, {"id": "a", "balance": "30", "priority": 1}]


@pytest.mark.parametrize(
    ("kind", "question", "expected"),
    [
        (
            "wallet_apply",
            {"currency": "EUR", "invoice_total": "60", "wallets": WALLETS},
            {
                "used_by_wallet": {"a": "30", "b": "30"},
                "credits_applied": "60.00",
                "amount_due": "0",
            },
        ),
        (
            "wallet_apply",
            {"currency": "EUR", "invoice_total": "100", "wallets": WALLETS},
            {"used_by_wallet": {"a": "30", "b": "50"}, "amount_due": "20"},
        ),
        (
            "wallet_apply",
            {
                "currency": "JPY",
                "invoice_total": "10",
                "wallets": [{"id": "x", "balance": "-5"}, {"id": "y", "balance": "7"}],
            },
            {"used_by_wallet": {"x": "0", "y": "7"}, "amount_due": "3"},
        ),
        (
            "wallet_apply",
            {"currency": "EUR", "invoice_total": "0", "wallets": []},
            {"used_by_wallet": {}, "credits_applied": "0", "amount_due": "0"},
        ),
        (
            "credit_ledger",
            {"events": [{"type": "credit", "units": u} for u in ("100", "-150", "50")]},
            {"consumed": "0", "credited": "50", "balance": "50"},
        ),
        (
            "credit_ledger",
            {"events": [{"type": "usage", "units": "20"}, {"type": "credit", "units": "10"}]},
            {"consumed": "20", "credited": "10", "balance": "-10"},
        ),
        ("credit_ledger", {"events": []}, {"consumed": "0", "credited": "0", "balance": "0"}),
        ("credit_ledger", {"events": [{"type": "gift"}]}, {"error": True}),
        (
            "settlement",
            {"mode": "credit_only", "charge": "100", "credits": "100"},
            {"credits_used": "100", "invoiced": "0"},
        ),
        (
            "settlement",
            {"mode": "credit_only", "charge": "100", "credits": "40"},
            {"error": True},
        ),
        (
            "settlement",
            {"mode": "credit_then_invoice", "charge": "100", "credits": "140"},
            {"credits_used": "100", "invoiced": "0"},
        ),
        (
            "settlement",
            {"mode": "invoice_only", "charge": "100", "credits": "140"},
            {"credits_used": "0", "invoiced": "100"},
        ),
        (
            "credits_over_lines",
            {"lines": ["100", "50"], "credits": ["75", "75"]},
            {"applied": [["75", "25"], ["50"]]},
        ),
        (
            "credits_over_lines",
            {"lines": ["100", "50", "50"], "credits": ["175"]},
            {"applied": [["100"], ["50"], ["25"]]},
        ),
    ],
)
def test_credits(kind: str, question: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asked(kind, question, expected) == "passed"


G1 = {"id": "g1", "amount": "1000", "priority": 1, "max_rollover": "1000"}
G2 = {
    "id": "g2",
    "amount": "1000",
    "priority": 3,
    "max_rollover": "500",
    "min_rollover": "500",
}


def reset(now: str, period: str = "month", **more: Any) -> dict[str, Any]:
    return {
        "now": now,
        "subscription_start": "2024-01-05T00:00",
        "billing_anchor": "2024-01-05T00:00",
        "reset_period": period,
        "time_zone": "UTC",
        **more,
    }


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (reset("2024-03-15T12:00", subscription_end="2024-03-20T00:00"), "2024-03-20T00:00"),
        (reset("2024-03-15T12:00", subscription_end="2024-03-15T12:00"), "2024-03-15T12:00"),
        (reset("2024-02-05T00:00"), "2024-03-05T00:00"),
        (reset("2024-02-05T00:00", "monthly"), "2024-03-05T00:00"),
        (reset("2024-02-29T23:59:59", "daily"), "2024-03-01T00:00"),
        (reset("2024-02-15T12:00", "quarter"), "2024-04-05T00:00"),
        (reset("2024-02-15T12:00", "annual"), "2025-01-05T00:00"),
        (reset("2024-01-10T12:00", "week", billing_anchor=None), "2024-01-12T00:00"),
        (reset("2024-01-10T12:34", "hour"), "2024-01-10T13:00"),
        (reset("2024-01-10T12:34", "never"), None),
        (
            reset(
                "2024-03-15T14:30",
                time_zone="America/Los_Angeles",
                billing_anchor="2024-01-05T08:00",
            ),
            "2024-04-05T00:00",
        ),
        (
            reset(
                "2024-03-15T14:00Z",
                subscription_start="2024-02-15T18:30Z",
                billing_anchor="2024-03-01T00:00Z",
                time_zone="Asia/Kolkata",
            ),
            "2024-03-31T18:30Z",
        ),
        (
            reset(
                "2024-02-15T12:00Z",
                subscription_start="2024-02-01T05:00Z",
                billing_anchor="2024-02-01T05:00Z",
                time_zone="America/New_York",
            ),
            "2024-03-01T00:00",
        ),
    ],
)
def test_resets(question: dict[str, Any], expected: str | None) -> None:
    assert asked("next_usage_reset", question, {"next_reset": expected}) == "passed"


def test_a_reset_that_is_not_a_matter_of_the_calendar_is_refused() -> None:
    for period in ("billing_period", "fortnight"):
        question = reset("2024-03-15T12:00", period)
        assert asked("next_usage_reset", question, {"error": True}) == "passed"
    early = reset("2023-01-01T00:00")
    assert asked("next_usage_reset", early, {"error": True}) == "passed"


@pytest.mark.parametrize(
    ("kind", "question", "expected"),
    [
        (
            "reset_with_rollover",
            {"grants": [G2, G1], "used_in_period": "2100", "preserve_overage": True},
            {
                "balances_after_reset": {"g1": "0", "g2": "400"},
                "overage_after_reset": "0",
                "usage_after_reset": "0",
            },
        ),
        (
            "reset_with_rollover",
            {"grants": [G2, G1], "used_in_period": "2600", "preserve_overage": True},
            {"balances_after_reset": {"g1": "0", "g2": "0"}, "overage_after_reset": "100"},
        ),
        (
            "reset_with_rollover",
            {"grants": [G1, {**G2, "min_rollover": None}], "used_in_period": "2600"},
            {"balances_after_reset": {"g1": "0", "g2": "0"}, "overage_after_reset": "0"},
        ),
        (
            "metered_balance",
            {
                "measure_from": "2024-03-01T00:00Z",
                "grants": [
                    grant("a", "1000", effective_at="2024-03-01T00:00Z"),
                    grant("b", "1000", effective_at="2024-03-01T02:00Z"),
                ],
                "usage": [
                    {"quantity": "100", "at": "2024-03-01T00:01Z"},
                    {"quantity": "100", "at": "2024-03-01T01:01Z"},
                ],
                "at": "2024-03-01T01:00Z",
            },
            {"usage_in_period": "100", "balance": "900", "overage": "0"},
        ),
        (
            "metered_balance",
            {
                "measure_from": "2024-03-01T00:00Z",
                "grants": [{"id": "a", "amount": "50", "voided_at": "2024-03-01T00:02Z"}],
                "usage": [{"quantity": "60", "at": "2024-03-01T00:01Z"}],
                "at": "2024-03-01T01:00Z",
            },
            {"usage_in_period": "60", "balance": "0", "overage": "10"},
        ),
        ("quota", {"quota": "100", "usage": "99"}, {"exhausted": False, "overage": "0"}),
        ("quota", {"quota": "100", "usage": "100"}, {"exhausted": True, "overage": "0"}),
        ("quota", {"quota": "0", "usage": "0"}, {"exhausted": True, "overage": "0"}),
        ("quota", {"quota": None, "usage": "9"}, {"exhausted": False, "overage": "0"}),
        ("quota", {"quota": "-1", "usage": "9"}, {"error": True}),
        (
            "rollover_cycles",
            {"included": "400", "rollover_cap": "500", "used_per_cycle": ["100", "0"]},
            {"balance_after_last_reset": "900", "rollovers_oldest_first": ["100", "400"]},
        ),
        (
            "rollover_cycles",
            {"included": "200", "cap_percent": "50", "used_per_cycle": ["50"]},
            {"balance_after_last_reset": "300", "rollovers_oldest_first": ["100"]},
        ),
        (
            "rollover_cycles",
            {"included": "100", "rollover_cap": None, "used_per_cycle": ["0", "150", "500"]},
            {"balance_after_last_reset": "100", "rollovers_oldest_first": []},
        ),
        (
            "rollover_cycles",
            {"included": "100", "rollover_cap": "50", "used_per_cycle": []},
            {"balance_after_last_reset": "100", "rollovers_oldest_first": []},
        ),
        (
            "rollover_consumption",
            {"rollovers_oldest_first": ["100", "400"], "allowance": "400", "usage": "150"},
            {"rollovers_oldest_first": ["0", "350"], "allowance": "400"},
        ),
        (
            "rollover_consumption",
            {"rollovers_oldest_first": [], "allowance": "400", "usage": "500"},
            {"rollovers_oldest_first": [], "allowance": "0"},
        ),
        (
            "entitlement_precedence",
            {
                "grants": [
                    {"level": "plan", "enabled": True},
                    {"level": "plan_version", "enabled": False},
                ]
            },
            {"effective": {"enabled": False}},
        ),
        (
            "entitlement_precedence",
            {
                "grants": [
                    {"level": "plan", "enabled": True, "limit": "1000"},
                    {"level": "plan_version", "enabled": True, "limit": "5000"},
                    {"level": "addon", "enabled": True, "limit": "50"},
                    {"level": "add_on", "enabled": False, "limit": "7"},
                ]
            },
            {"effective": {"enabled": True, "limit": "5050"}},
        ),
        (
            "entitlement_precedence",
            {"grants": [{"level": "plan", "limit": "5"}, {"level": "subscription", "limit": None}]},
            {"effective": {"limit": None}},
        ),
        (
            "entitlement_precedence",
            {
                "grants": [
                    {"level": "feature", "value": "basic"},
                    {"level": "subscription", "value": "gold"},
                ]
            },
            {"effective": {"value": "gold"}},
        ),
        (
            "entitlement_precedence",
            {"grants": [{"level": "friend", "limit": "1"}]},
            {"error": True},
        ),
        (
            "seat_changes_over_cycle",
            {"initial": 10, "changes": [{"delta": 5}, {"delta": "-3"}]},
            {"now": "15", "after_period_end": "12"},
        ),
        ("seat_limit", {"current": "10", "delta": "-10", "min": "1"}, {"allowed": False}),
        ("seat_limit", {"current": "10", "delta": "-20", "min": None}, {"allowed": False}),
        ("seat_limit", {"current": "10", "delta": "40", "max": "50"}, {"allowed": True}),
        ("seat_limit", {"current": "10", "delta": "0", "max": "50"}, {"allowed": False}),
        ("seat_limit", {"current": 11, "delta": 1, "pending_delta": 5}, {"allowed": True}),
    ],
)
def test_entitlements(kind: str, question: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asked(kind, question, expected) == "passed"
