"""Values become one quantity by the meter's rule, and rows become what a price is rated on."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tallystick import define_plans
from tallystick.core.canonical import canonical_json, digest, to_tree
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.filters import Filter, Property
from tallystick.core.diff import diff
from tallystick.core.meter import (
    Aggregation,
    Meter,
    aggregate,
    definition,
    definition_digest,
    measure,
    meter_of_definition,
    meters_of,
)
from tallystick.core.rating.usage import Priced, Quantity, Transactions
from tallystick.core.usage_row import UsageRow
from tallystick.errors import InvalidCatalog, InvalidUsage


def rows(key: str, *quantities: str) -> list[UsageRow]:
    """Write rows of one key."""
    return [UsageRow(key, Decimal(quantity)) for quantity in quantities]


@pytest.mark.parametrize(
    ("aggregation", "quantity"),
    [("sum", 9), ("count", 3), ("max", 5), ("last", 1), ("min", 1), ("average", 3)],
)
def test_values_become_one_quantity(aggregation: Aggregation, quantity: int) -> None:
    assert aggregate(aggregation, [Decimal(3), Decimal(5), Decimal(1)]) == quantity
    assert aggregate(aggregation, []) == 0


def test_an_average_is_rounded_once_to_12_decimals_away_from_zero() -> None:
    assert str(aggregate("average", [Decimal(2), Decimal(0), Decimal(0)])) == "0.666666666667"
    assert str(aggregate("average", [Decimal("-0.000000000001"), Decimal(0)])) == "-1E-12"


@pytest.mark.parametrize("aggregation", ["time_weighted", "unique"])
def test_rows_without_times_or_texts_are_taken_one_at_most(aggregation: Aggregation) -> None:
    assert aggregate(aggregation, []) == 0
    assert aggregate(aggregation, [Decimal(3)]) == 3
    with pytest.raises(InvalidUsage, match="cannot be made of rows"):
        aggregate(aggregation, [Decimal(3), Decimal(3)])


def test_sums_are_exact_beyond_the_default_precision() -> None:
    big, small = Decimal(10**17), Decimal("0.000000000001")
    assert str(aggregate("sum", [big, small, small])) == "100000000000000000.000000000002"


def test_a_feature_with_a_reset_is_summed_and_one_without_is_a_gauge() -> None:
    entry: dict[str, Any] = {"featureKey": "calls", "enabled": True, "limit": 9, "reset": "month"}
    plan = define_plans(
        [
            {
                "id": "p",
                "name": "P",
                "price": 1,
                "currency": "USD",
                "interval": "month",
                "features": [entry, {"featureKey": "projects", "enabled": True, "limit": 9}],
            }
        ]
    )["p"]
    taken = measure(plan, [*rows("calls", "1", "2"), *rows("projects", "1", "2")], {})
    assert taken == {"calls": Quantity(Decimal(3)), "projects": Quantity(Decimal(2))}
    declared = {"projects": Meter(key="projects", aggregation="sum")}
    assert measure(plan, rows("projects", "1", "2"), declared)["projects"] == Quantity(Decimal(3))
    assert measure(plan, rows("unknown", "1", "2"), {})["unknown"] == Quantity(Decimal(3))


def test_a_percentage_takes_transactions_and_a_dynamic_price_what_the_events_carry() -> None:
    plan = read_catalog(
        {
            "products": [
                {
                    "id": "x",
                    "name": "X",
                    "currency": "USD",
                    "plans": [
                        {
                            "id": "p",
                            "name": "P",
                            "interval": "month",
                            "prices": [
                                {"id": "pay", "type": "percentage", "unit": "USD", "percent": 1},
                                {"id": "sms", "type": "dynamic", "unit": "message"},
                            ],
                        }
                    ],
                }
            ]
        }
    )["p"]
    used = [
        UsageRow("pay", Decimal(1), Decimal("12.50")),
        UsageRow("pay", Decimal(7)),
        UsageRow("sms", Decimal(2), Decimal("0.10")),
        UsageRow("sms", Decimal(3), Decimal("0.15")),
        UsageRow("sms", Decimal(1)),
    ]
    assert measure(plan, used, {}) == {
        "pay": Transactions((Decimal(1250), Decimal(700))),
        "sms": Priced(Decimal(6), Decimal(25)),
    }


# --- a meter and its definition -----------------------------------------------------------------

FULL = Meter(
    key="gpu",
    event_type="job.ended",
    aggregation="time_weighted",
    value="level",
    filter={"region": ("us", "eu", "us"), "paid": ("true",)},
    group_by=("model", "region"),
    unit="GPU",
    rounding=3,
    allow_negative=True,
    late_after=30,
    late="refuse",
    description="How many are in use",
)


def test_a_meter_has_one_form_for_what_means_the_same() -> None:
    assert Meter(key="a") == Meter(key="a", event_type="a")
    assert FULL.filter == {"region": ("eu", "us"), "paid": ("true",)}
    assert Meter(key="a", aggregation="count", value="x") == Meter(key="a", aggregation="count")


def test_gauges_say_what_exists_and_counters_add() -> None:
    every = ["count", "sum", "min", "max", "last", "unique", "average", "time_weighted"]
    gauges = [word for word in every if Meter(key="a", aggregation=word).gauge]  # type: ignore[arg-type]  # words of the alias
    assert gauges == ["min", "max", "last", "average", "time_weighted"]


def test_a_definition_is_json_and_reads_back() -> None:
    for meter in (FULL, Meter(key="a"), Meter(key="n", aggregation="count", late="reissue")):
        again = meter_of_definition(json.loads(canonical_json(definition(meter))))
        assert definition(again) == definition(meter)
        assert definition_digest(again) == definition_digest(meter)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "other"},
        {"event_type": "other"},
        {"aggregation": "sum"},
        {"value": "other"},
        {"filter": {"region": ("eu",)}},
        {"filter": {}},
        {"group_by": ("region", "model")},
        {"allow_negative": False},
        {"late_after": 31},
        {"late": "adjust"},
    ],
)
def test_a_digest_sees_what_figures_depend_on(change: dict[str, Any]) -> None:
    assert definition_digest(replace(FULL, **change)) != definition_digest(FULL)


@pytest.mark.parametrize("change", [{"unit": "x"}, {"description": "x"}, {"rounding": None}])
def test_a_digest_does_not_see_what_only_dresses_a_figure(change: dict[str, Any]) -> None:
    assert definition_digest(replace(FULL, **change)) == definition_digest(FULL)


def test_lateness_is_no_part_of_a_definition_that_counts_what_is_late() -> None:
    plain, late = Meter(key="a"), Meter(key="a", late_after=3, late="reissue")
    assert definition_digest(plain) == definition_digest(late)


# --- meters of a catalogue ----------------------------------------------------------------------


def sold(*meters: dict[str, Any], limits: Any = (), prices: Any = ()) -> Any:
    """Read a catalogue of one plan."""
    plan = {"id": "p", "name": "P", "interval": "month", "limits": limits, "prices": prices}
    product = {"id": "x", "name": "X", "currency": "USD", "plans": [plan]}
    return read_catalog({"meters": list(meters), "products": [product]})


def test_a_meter_is_read_with_every_field_and_written_back() -> None:
    catalog = sold(
        {
            "key": "gpu",
            "eventType": "job.ended",
            "aggregation": "time_weighted",
            "value": "level",
            "filter": {"region": ["us", "eu"], "paid": True},
            "groupBy": ["model", "region"],
            "unit": "GPU",
            "rounding": 3,
            "allowNegative": True,
            "lateAfter": 30,
            "late": "refuse",
            "description": "How many are in use",
        },
        {"key": "users", "aggregation": "unique", "value": "quantity", "filter": {"tier": 2}},
    )
    assert catalog.meters["gpu"] == FULL
    assert catalog.meters["users"].filter == {"tier": ("2",)}
    again = read_catalog(to_tree(catalog))
    assert again.meters == catalog.meters
    assert digest(again) == digest(catalog)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"aggregation": "mean"}, "aggregation"),
        ({"aggregation": "unique"}, "value"),
        ({"aggregation": "count", "value": "x"}, "value"),
        ({"value": ""}, "value"),
        ({"value": 7}, "value"),
        ({"filter": []}, "filter"),
        ({"filter": {"": "x"}}, "filter."),
        ({"filter": {7: "x"}}, "filter"),
        ({"filter": {"a\x00": "x"}}, "filter.a?"),
        ({"filter": {"a": "x" * 1001}}, "filter.a"),
        ({"filter": {"a": []}}, "filter.a"),
        ({"filter": {"a": None}}, "filter.a"),
        ({"filter": {"a": [["x"]]}}, "filter.a"),
        ({"filter": {"a": 1.5}}, "filter.a"),
        ({"filter": {"a": ["x"] * 1001}}, "filter.a"),
        ({"filter": {f"p{n}": "x" for n in range(21)}}, "filter"),
        ({"group_by": "region"}, "group_by"),
        ({"group_by": ["a", "a"]}, "group_by"),
        ({"group_by": list("abcdef")}, "group_by"),
        ({"group_by": [""]}, "group_by[0]"),
        ({"rounding": 13}, "rounding"),
        ({"rounding": -1}, "rounding"),
        ({"allow_negative": "yes"}, "allow_negative"),
        ({"late_after": 0}, "late_after"),
        ({"late": "drop"}, "late"),
        ({"late": "refuse"}, "late_after"),
    ],
)
def test_what_a_meter_cannot_mean_is_a_problem_with_its_place(
    fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidCatalog) as refused:
        sold({"key": "a", **fields})
    assert [problem.path for problem in refused.value.problems] == [f"meters[0].{path}"]


def test_the_published_schema_says_what_a_meter_may_name() -> None:
    assert Property().schema()["maxLength"] == 100
    assert Filter().schema()["type"] == "object"


def test_features_and_metered_prices_have_meters_of_their_own() -> None:
    catalog = sold(
        {"key": "declared", "aggregation": "max"},
        limits=[
            {"key": "projects", "limit": 3},
            {"key": "calls", "limit": 9, "reset": "month"},
            {"key": "declared", "limit": 9, "reset": "month"},
            {"key": "exports"},
        ],
        prices=[
            {"id": "base", "type": "flat", "cost": 1},
            {"id": "sms", "type": "per_unit", "unit": "message", "cost": 1},
        ],
    )
    found = {key: meter.aggregation for key, meter in meters_of(catalog).items()}
    assert found == {"declared": "max", "projects": "last", "calls": "sum", "sms": "sum"}


def test_what_changed_in_a_meter_is_told_in_words() -> None:
    old = sold({"key": "a", "filter": {"region": "eu"}})
    new = sold(
        {
            "key": "a",
            "event_type": "b",
            "filter": {"region": ["eu", "us"], "paid": True},
            "group_by": ["model"],
            "rounding": 2,
            "allow_negative": True,
            "late_after": 30,
            "late": "refuse",
        }
    )
    assert [change.text for change in diff(old, new)] == [
        "meter a: event type 'a' → 'b'",
        "meter a: filter region 'eu' → paid 'true', region 'eu' or 'us'",
        "meter a: group by none → model",
        "meter a: rounding exact → 2 decimals",
        "meter a: allow negative no → yes",
        "meter a: late after never → 30 days",
        "meter a: late 'adjust' → 'refuse'",
    ]
    assert diff(new, old)[1].after == "region 'eu'"
    assert diff(old, sold({"key": "a"}))[0].after == "everything"
