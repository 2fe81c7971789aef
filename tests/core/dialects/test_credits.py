"""The credits of a plan as a catalogue writes them, and every way to write them wrongly."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.canonical import digest, to_tree
from tallystick.core.credit import CreditScope
from tallystick.core.dialects import read_catalog
from tallystick.core.diff import diff
from tallystick.core.money import Money
from tallystick.core.period import Cadence
from tallystick.core.rollover import Rollover
from tallystick.errors import InvalidCatalog, InvalidInput

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog

PLACE = "products[0].plans[0].credits[0]"
MONEY = {"id": "welcome", "amount": "10.00"}
UNITS = {"id": "calls", "units": "100.5", "feature": "calls"}


def native(*credits_: object, **of_plan: object) -> Any:
    plan = {"id": "pro", "name": "Pro", "interval": "year", **of_plan, "credits": list(credits_)}
    product = {"id": "app", "name": "App", "currency": "EUR", "plans": [plan]}
    return {"dialect": "tallystick", "products": [product]}


def read(*credits_: object, **of_plan: object) -> Catalog:
    return read_catalog(native(*credits_, **of_plan))


def test_all_that_can_be_said_is_read_and_written_back() -> None:
    first = {
        **MONEY,
        "interval": "month",
        "interval_count": 2,
        "category": "paid",
        "priority": 0,
        "expires_after": 3,
        "rollover": {"maximum": "5", "minimum": "1.50", "cap": "8.00", "expires_after": 2},
    }
    catalog = read(first, {**UNITS, "expires_after": None})
    money, units = catalog["pro"].credits
    assert money.amount == Money(1000, catalog["pro"].currency)
    assert (money.cadence, money.expires) == (Cadence("month", 2), 3)
    assert (money.category, money.priority, money.cap) == ("paid", 0, Decimal(800))
    assert money.rollover == Rollover(Decimal(500), Decimal(150), Cadence("month", 4))
    assert (units.amount, units.feature, units.expires) == (Decimal("100.5"), "calls", "never")
    assert (units.cadence, units.rollover) == (None, None)
    assert read_catalog(to_tree(catalog)) == catalog
    assert digest(read_catalog(to_tree(catalog))) == digest(catalog)


def test_camel_case_is_the_same_in_the_other_dialects() -> None:
    credit = {**MONEY, "interval": "month", "expiresAfter": 2, "rollover": {"expiresAfter": 1}}
    listed = read_catalog(
        [
            {
                "id": "pro",
                "name": "Pro",
                "price": 2900,
                "currency": "EUR",
                "interval": "year",
                "features": [],
                "credits": [credit],
            }
        ]
    )
    assert listed["pro"].credits == read(credit)["pro"].credits


@pytest.mark.parametrize(
    ("credit", "path"),
    [
        ({"amount": "1"}, "id"),
        ({"id": "x"}, "amount"),
        ({**MONEY, "units": 1, "feature": "calls"}, "units"),
        ({"id": "x", "units": 1}, "feature"),
        ({**MONEY, "feature": "calls"}, "feature"),
        ({**MONEY, "amount": "1.001"}, "amount"),
        ({**MONEY, "amount": 0}, "amount"),
        ({**MONEY, "amount": -1}, "amount"),
        ({**MONEY, "amount": "9" * 30}, "amount"),
        ({**MONEY, "interval": "fortnight"}, "interval"),
        ({**MONEY, "interval": "year", "interval_count": 4}, "interval_count"),
        ({**MONEY, "interval_count": 2}, "interval"),
        ({**MONEY, "category": "lent"}, "category"),
        ({**MONEY, "priority": -1}, "priority"),
        ({**MONEY, "priority": 1001}, "priority"),
        ({**MONEY, "expires_after": 0}, "expires_after"),
        ({**MONEY, "expires_after": 121}, "expires_after"),
        ({**MONEY, "expires_after": None, "rollover": {}}, "rollover"),
        ({**MONEY, "rollover": {"minimum": 3, "maximum": 2}}, "rollover.minimum"),
        ({**MONEY, "rollover": {"cap": "1.001"}}, "rollover.cap"),
        ({**MONEY, "rollover": {"expires_after": 2}}, "rollover.expires_after"),
        ({**MONEY, "rollover": {"max": 2}}, "rollover.max"),
        ({**MONEY, "rollover": 3}, "rollover"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(credit: Any, path: str) -> None:
    with pytest.raises(InvalidCatalog) as refused:
        read(credit)
    assert f"{PLACE}.{path}" in {each.path for each in refused.value.problems}


def test_ids_are_unique_in_a_plan_and_there_is_a_bound() -> None:
    with pytest.raises(InvalidCatalog, match="ids of credits are unique"):
        read(MONEY, MONEY)
    with pytest.raises(InvalidCatalog, match="more than 20"):
        read(*({**MONEY, "id": f"c{each}"} for each in range(21)))


def test_a_plan_that_is_paid_once_says_how_often() -> None:
    once = {"interval": None, "payment_type": "one-time"}
    with pytest.raises(InvalidCatalog, match="paid once has no cadence"):
        read(MONEY, **once)
    assert read({**MONEY, "interval": "month"}, **once)["pro"].credits[0].cadence is not None


def test_what_changed_is_told_in_words() -> None:
    rolling = {**MONEY, "interval": "month", "rollover": {"maximum": 5, "cap": 8}}
    told = [
        each.text for each in diff(read(MONEY, UNITS), read(UNITS, rolling, {**MONEY, "id": "x"}))
    ]
    after = "10.00 EUR every month, at most 5.00 EUR of the rest rolls over, 8.00 EUR in all"
    assert told == [
        f"Pro: credit welcome 10.00 EUR every period → {after}",
        "Pro: credit x added: 10.00 EUR every period",
        "Pro: credits stand in another order: welcome, calls → calls, welcome",
    ]
    [gone] = diff(read(UNITS), read())
    assert gone.text == "Pro: credit calls removed: 100.5 calls every period"


def test_what_no_file_can_say_is_not_written() -> None:
    catalog = read({**MONEY, "interval": "month", "rollover": {"expires_after": 1}})
    [credit] = catalog["pro"].credits
    strange = [
        replace(credit, scope=CreditScope(plans=frozenset({"pro"}))),
        replace(credit, expires=Cadence("day")),
        replace(credit, rollover=Rollover(lasts=Cadence("day", 3))),
    ]
    for each in strange:
        product = catalog.products[0]
        plan = replace(product.plans[0], credits=(each,))
        with pytest.raises(InvalidInput, match="welcome"):
            to_tree(replace(catalog, products=(replace(product, plans=(plan,)),)))
