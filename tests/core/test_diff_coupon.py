"""What changed in coupons, in words."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.canonical import digest
from tallystick.core.coupon import Code, Coupon
from tallystick.core.diff import Subject, diff
from tallystick.core.diff_coupon import coupon_words
from tallystick.core.price import PercentOff
from tests.core.builders import EUR, catalog, fixed_coupon, flat, money, percent_coupon, plan

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog

WHEN = datetime(2027, 1, 1, tzinfo=UTC)
OLD = percent_coupon("welcome", codes=(Code(code="HI"),))


def sold(*coupons: Coupon) -> Catalog:
    return catalog(plan("pro", flat("9")), coupons=coupons)


@pytest.mark.parametrize(
    ("coupon", "words"),
    [
        (percent_coupon("a", "12.50"), "12.5 % off on one invoice"),
        (percent_coupon("a", duration="repeating", months=1), "10 % off for a month"),
        (percent_coupon("a", duration="repeating", months=12), "10 % off for 12 months"),
        (
            fixed_coupon("a", "5.00 USD", "1000 JPY", duration="forever"),
            "1,000 JPY or 5.00 USD off for ever",
        ),
    ],
)
def test_a_coupon_is_said_in_a_few_words(coupon: Coupon, words: str) -> None:
    assert coupon_words(coupon) == words


CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "off": ({"off": PercentOff(Decimal(15))}, ["takes off 10 % → 15 %"]),
    "fixed": ({"off": (money("5.00 USD"),)}, ["takes off 10 % → 5.00 USD"]),
    "name": ({"name": "Hello"}, ["name none → 'Hello'"]),
    "duration": ({"duration": "forever"}, ["acts on one invoice → for ever"]),
    "months": (
        {"duration": "repeating", "months": 3},
        ["acts on one invoice → for 3 months"],
    ),
    "plans": ({"plans": frozenset({"pro"})}, ["limit to plan 'pro' added"]),
    "products": ({"products": frozenset({"s"})}, ["limit to product 's' added"]),
    "prices": ({"prices": frozenset({"p"})}, ["limit to price 'p' added"]),
    "meters": ({"meters": frozenset({"m"})}, ["limit to meter 'm' added"]),
    "currencies": ({"currencies": frozenset({EUR})}, ["limit to currency 'EUR' added"]),
    "starts_at": ({"starts_at": WHEN}, ["starts at none → 2027-01-01T00:00:00Z"]),
    "ends_at": ({"ends_at": WHEN}, ["ends at none → 2027-01-01T00:00:00Z"]),
    "first_purchase": ({"first_purchase": True}, ["first purchase no → yes"]),
    "minimum": ({"minimum": (money("5.00 EUR"),)}, ["minimum amount none → 5.00 EUR"]),
    "max_redemptions": ({"max_redemptions": 1000}, ["max redemptions none → 1,000"]),
    "max_redemptions_per_customer": (
        {"max_redemptions_per_customer": 1},
        ["max redemptions per customer none → 1"],
    ),
    "codes": (
        {"codes": (Code(code="HELLO"), Code(code="YO"))},
        ["code 'HELLO' added", "code 'YO' added", "code 'HI' removed"],
    ),
    "code": (
        {"codes": (Code(code="HI", max_redemptions=5, ends_at=WHEN),)},
        ["code 'HI': max redemptions none → 5", "code 'HI': ends at none → 2027-01-01T00:00:00Z"],
    ),
    "spelling": (
        {"codes": (Code(code="Hi"),)},
        ["code 'Hi' added", "code 'HI' removed"],
    ),
    "automatic": ({"automatic": True}, ["automatic no → yes"]),
    "active": ({"active": False}, ["active yes → no"]),
    "metadata": ({"metadata": {"team": "growth"}}, ["metadata added"]),
}


def test_no_field_is_forgotten() -> None:
    assert {field.name for field in fields(Coupon)} - {"id"} <= set(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_each_field_has_its_words_in_both_directions(name: str) -> None:
    change, expected = CHANGES[name]
    new = replace(OLD, **change)
    changes = diff(sold(OLD), sold(new))
    assert [each.text for each in changes] == [f"coupon welcome: {text}" for text in expected]
    assert {each.subject for each in changes} == {Subject(coupon="welcome")}
    assert digest(sold(OLD)) != digest(sold(new))
    assert len(diff(sold(new), sold(OLD))) == len(expected)


def test_coupons_come_and_go_and_change_places() -> None:
    other = fixed_coupon("other", "5.00 USD")
    assert [each.text for each in diff(sold(OLD), sold(other))] == [
        "coupon other added: 5.00 USD off on one invoice",
        "coupon welcome removed: 10 % off on one invoice",
    ]
    (moved,) = diff(sold(OLD, other), sold(other, OLD))
    assert moved.text == (
        "catalogue: coupons stand in another order: welcome, other → other, welcome"
    )


def test_codes_in_another_order_are_a_change() -> None:
    both = (Code(code="A"), Code(code="B"))
    old, new = (percent_coupon("a", codes=codes) for codes in (both, both[::-1]))
    assert [each.text for each in diff(sold(old), sold(new))] == ["coupon a: codes A, B → B, A"]
