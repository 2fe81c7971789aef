"""Counterparts of prices: what is kept, what is priced anew, what is set apart and why."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.dialects import read_catalog
from tallystick.core.trial import LineAmounts, Trial, tried
from tallystick.errors import OutOfBounds

SEAT = {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5"}
CALLS = {
    "id": "calls",
    "name": "Calls",
    "type": "per_unit",
    "meter": "calls",
    "unit": "call",
    "cost": "0.01",
}


def flat(id_: str = "pro", cost: str = "30") -> dict[str, Any]:
    return {"id": id_, "name": id_, "type": "flat", "cost": cost}


def plan(*prices: dict[str, Any], aggregation: str = "sum", unit: str = "USD", **more: Any) -> Any:
    tree = {"id": "pro", "name": "Pro", "interval": "month", "interval_count": 1, **more}
    product = {"id": "app", "name": "App", "currency": unit, "plans": [{**tree, "prices": prices}]}
    meters = [{"key": "calls", "aggregation": aggregation}, {"key": "jobs", "aggregation": "sum"}]
    return read_catalog({"dialect": "tallystick", "meters": meters, "products": [product]})["pro"]


OLD = plan(flat(), SEAT, CALLS)


def fates(trial: Trial) -> dict[str, str]:
    return {id_: each.fate for id_, each in trial.charges.items()}


def test_equal_prices_are_kept_whatever_they_are_called() -> None:
    trial = tried(OLD, plan(flat() | {"name": "Other"}, SEAT, CALLS | {"unit": "request"}))
    assert set(fates(trial).values()) == {"kept"}
    assert not trial.changes
    assert not trial.whole


def test_a_price_that_changed_is_priced_anew_under_its_id() -> None:
    trial = tried(OLD, plan(flat(cost="25"), SEAT, CALLS))
    assert fates(trial) == {"pro": "changed", "seat": "kept", "calls": "kept"}
    assert LineAmounts(trial, "fee", "pro").of("plan", "1") == 2_500
    assert LineAmounts(trial, "fee", "pro").of("addon", "3") == 7_500
    assert trial.plan.ref == OLD.ref


def test_the_only_one_of_its_kind_is_the_counterpart() -> None:
    other = plan(flat("base", "9"), SEAT | {"id": "user"}, CALLS | {"id": "requests"})
    trial = tried(OLD, other)
    assert fates(trial) == {"pro": "changed", "seat": "kept", "calls": "kept"}
    assert not trial.charges["pro"].holds_agreements


@pytest.mark.parametrize(
    ("other", "charge", "why"),
    [
        (None, "pro", "there is no such plan"),
        (plan(flat(), unit="EUR"), "pro", "pro is sold in EUR"),
        (plan(flat(), SEAT), "calls", "pro has no price for it"),
        (plan(flat(), SEAT, CALLS, interval="year"), "seat", "charges seat at another interval"),
        (plan(flat(), CALLS | {"id": "seat"}), "seat", "counts something else for seat"),
    ],
)
def test_what_cannot_be_compared_says_why(other: Any, charge: str, why: str) -> None:
    found = tried(OLD, other).charges[charge]
    assert found.fate == "apart"
    assert why in found.why


@pytest.mark.parametrize(
    ("other", "anew"),
    [
        (plan(flat(), SEAT, CALLS, aggregation="max"), True),
        (plan(flat(), SEAT, CALLS | {"meter": "jobs"}), True),
        (plan(flat(), SEAT, CALLS | {"cost": "0.02"}), False),
    ],
)
def test_usage_that_counts_something_else_is_counted_anew(other: Any, *, anew: bool) -> None:
    trial = tried(OLD, other)
    assert (trial.charges["calls"].fate, trial.charges["calls"].anew) == ("changed", anew)
    assert trial.whole == anew


@pytest.mark.parametrize(
    ("old", "other"),
    [
        (plan(flat(), minimum_commitment="50"), plan(flat(cost="1"), minimum_commitment="50")),
        (plan(flat(), minimum_commitment="50"), plan(flat(), minimum_commitment="60")),
        (plan(CALLS, invoice_threshold="5"), plan(CALLS | {"cost": "1"}, invoice_threshold="5")),
        (plan(CALLS), plan(CALLS | {"minimum_spend": "5"})),
        (plan(flat("seat")), plan(SEAT)),
    ],
)
def test_what_lines_cannot_tell_is_told_whole(old: Any, other: Any) -> None:
    assert tried(old, other).whole
    assert not tried(old, old).whole


def test_what_only_the_other_plan_asks_for_is_named() -> None:
    other = plan(flat(), SEAT, CALLS, setup_fee="5", minimum_commitment="9")
    trial = tried(plan(SEAT, CALLS), other)
    assert trial.added == ("pro: pro", "pro: set-up fee", "pro: minimum commitment")
    assert trial.plan.minimum_commitment is None
    assert not trial.changes


def test_a_set_up_fee_that_changed() -> None:
    trial = tried(plan(flat(), setup_fee="5"), plan(flat(), setup_fee="7"))
    assert LineAmounts(trial, "setup", "").of("plan", "1") == 700


def test_amounts_beyond_any_ledger_are_refused() -> None:
    trial = tried(OLD, plan(flat(), SEAT, CALLS | {"cost": "1000000000"}))
    with pytest.raises(OutOfBounds):
        LineAmounts(trial, "usage", "calls").of("plan", "999999999999")
