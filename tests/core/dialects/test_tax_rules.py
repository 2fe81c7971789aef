"""Tax rules from plain values: every problem at once, each with its path."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.core.dialects import tax_rules as reading
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.core.tax_rules import TaxRule
from tallystick.errors import InvalidTaxRules

RATE: dict[str, Any] = {"country": "AT", "name": "USt", "percent": 20}


def paths(tree: Any) -> dict[str, str]:
    with pytest.raises(InvalidTaxRules) as refused:
        read_tax_rules(tree)
    return {each.path: each.text for each in refused.value.problems}


def test_a_rate_is_read_with_all_of_its_fields() -> None:
    tree = RATE | {
        "region": "W",
        "category": "books",
        "inclusive": True,
        "since": "2027-01-01",
        "until": "2028-01-01",
        "percent": "8.875",
    }
    assert read_tax_rules({"rates": [tree]}).rates == (
        TaxRule(
            country="AT",
            region="W",
            category="books",
            name="USt",
            percent=Decimal("8.875"),
            inclusive=True,
            since=date(2027, 1, 1),
            until=date(2028, 1, 1),
        ),
    )


@pytest.mark.parametrize(
    ("change", "path", "text"),
    [
        ({"country": "at"}, "country", "two capital letters"),
        ({"country": None}, "country", "is missing"),
        ({"name": ""}, "name", "must not be empty"),
        ({"percent": -1}, "percent", "zero or more"),
        ({"percent": 2000}, "percent", "at most 100"),
        ({"percent": "20 %"}, "percent", "is not a number"),
        ({"percent": BadNumber("1e9", "has an exponent")}, "percent", "has an exponent"),
        ({"percent": float("nan")}, "percent", "not a finite number"),
        ({"percent": True}, "percent", "true is not a number"),
        ({"inclusive": "no"}, "inclusive", "must be true or false"),
        ({"since": "2027-02-30"}, "since", "must be a day"),
        ({"since": "٢٠٢٧-01-01"}, "since", "must be a day"),
        ({"since": 20270101}, "since", "must be a day"),
        ({"since": "2027-02-01", "until": "2027-02-01"}, "until", "must come after"),
        ({"region": " W"}, "region", "blanks at its ends"),
        ({"percentage": 20}, "percentage", "is not a field"),
    ],
)
def test_a_wrong_field_is_told_with_its_place(change: dict[str, Any], path: str, text: str) -> None:
    found = paths({"rates": [RATE | {"country": "DE"}, RATE | change]})
    assert text in found[f"rates[1].{path}"]


@pytest.mark.parametrize(
    ("tree", "path", "text"),
    [
        ([], "tax rules", "must be an object, not a list"),
        (None, "tax rules", "must be an object, not null"),
        ({}, "rates", "is missing or empty"),
        ({"rates": {}}, "rates", "must be a list"),
        ({"rates": ["AT 20"]}, "rates[0]", "must be an object"),
        ({"rates": [RATE], "elsewhere": "free"}, "elsewhere", "must be one of"),
        ({"rates": [RATE], "reverse_charge": 1}, "reverse_charge", "must be true or false"),
        ({"rates": [RATE], "time_zone": "Vienna"}, "time_zone", "not the name of an IANA"),
        ({"rates": [RATE], "time_zone": 1}, "time_zone", "by its name"),
        ({"rates": [RATE], "categories": ["a"]}, "categories", "an object of texts"),
        ({"rates": [RATE], "categories": {"a": "book"}}, "categories.a", "is no category"),
        ({"rates": [RATE], 4: 4}, "4", "is not a field"),
    ],
)
def test_a_wrong_table_is_told(tree: Any, path: str, text: str) -> None:
    assert text in paths(tree)[path]


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    found = paths({"elsewhere": "x", "rates": [{}, RATE | {"percent": "x"}], "engin": "y"})
    assert list(found) == [
        "elsewhere",
        "rates[0].country",
        "rates[0].name",
        "rates[0].percent",
        "rates[1].percent",
        "engin",
    ]


def test_lines_are_told_where_they_are_known() -> None:
    with pytest.raises(InvalidTaxRules, match=r"rates\.yaml: 1 problem\n.*\(line 7\)"):
        read_tax_rules(
            {"rates": [{**RATE, "percent": "x"}]}, lines={"rates[0]": 7}, source="rates.yaml"
        )


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ({}, {}, False),
        ({"until": "2027-01-01"}, {"since": "2027-01-01"}, True),
        ({"until": "2027-01-02"}, {"since": "2027-01-01"}, False),
        ({"since": "2027-01-01"}, {"until": "2027-01-01"}, True),
        ({"since": "2027-01-01"}, {"since": "2026-01-01"}, False),
        ({}, {"name": "Other"}, True),
        ({}, {"category": "books"}, True),
        ({"region": "QC"}, {"region": "qc"}, False),
        ({"region": "QC"}, {}, True),
    ],
)
def test_one_name_has_one_rate_on_a_day(
    first: dict[str, Any], second: dict[str, Any], apart: bool
) -> None:
    tree = {"rates": [RATE | first, RATE | second]}
    if apart:
        assert len(read_tax_rules(tree).rates) == 2
    else:
        (text,) = paths(tree).values()
        assert "of the same name and place" in text


def test_an_engine_needs_no_rates() -> None:
    assert read_tax_rules({"engine": "avocado"}).engine == "avocado"


def test_a_table_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_RATES", 1)
    assert "at most 1 rates" in paths({"rates": [RATE, RATE]})["rates"]
