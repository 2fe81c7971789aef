"""A grant as a value: what it may be, when it may pay and for what, and the order of burning."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from tallystick.core.credit import (
    CreditGrant,
    CreditScope,
    Withdrawal,
    burn_order,
    currency_of,
    size_of,
)
from tallystick.errors import InvalidInput, InvalidNumber, InvalidPeriod, TallystickError
from tests.core.credits import START, USD, day, dollars, line, units, usd, use


def test_a_grant_may_pay_from_its_start_to_just_before_its_end() -> None:
    grant = units("g", effective_at=day(2), expires_at=day(4))
    assert [grant.active_at(day(n)) for n in (1, 2, 3, 4, 5)] == [False, True, True, False, False]
    assert grant.active_at(day(4) - timedelta(microseconds=1))
    assert units("for ever").active_at(day(36_500))


def test_times_of_other_zones_are_the_same_instants() -> None:
    tokyo = timezone(timedelta(hours=9))
    grant = units("g", effective_at=datetime(2024, 1, 1, 9, tzinfo=tokyo), expires_at=day(2))
    assert grant == units("g", expires_at=day(2))
    assert grant.active_at(datetime(2024, 1, 2, 8, 59, tzinfo=tokyo))
    assert not grant.active_at(datetime(2024, 1, 2, 9, tzinfo=tokyo))


ORDERED = [
    units("urgent", priority=1, category="paid"),
    units("soon", expires_at=day(31)),
    units("soon, but paid", expires_at=day(31), category="paid"),
    units("soon, paid and later", expires_at=day(31), category="paid", effective_at=day(2)),
    units("later", expires_at=day(60)),
    units("never", effective_at=START),
    units("never, from the second day on", effective_at=day(2)),
    units("never, from the second day on, made after it", effective_at=day(2), created=1),
    units("never and paid", category="paid"),
    units("last", priority=51, expires_at=day(2)),
]


def test_grants_burn_by_priority_expiry_category_start_and_making() -> None:
    for shift in range(len(ORDERED)):
        turned = ORDERED[shift:] + ORDERED[:shift]
        assert [g.id for g in sorted(turned, key=burn_order)] == [g.id for g in ORDERED]


def test_nothing_is_left_to_chance_where_all_else_is_equal() -> None:
    for three in permutations([units("a"), units("b"), units("c")]):
        assert [g.id for g in sorted(three, key=burn_order)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (CreditScope(), True),
        (CreditScope(meters=frozenset({"calls"})), True),
        (CreditScope(meters=frozenset({"calls", "rows"})), True),
        (CreditScope(meters=frozenset({"rows"})), False),
        (CreditScope(prices=frozenset({"per-call"}), plans=frozenset({"pro"})), True),
        (CreditScope(prices=frozenset({"per-call"}), plans=frozenset({"team"})), False),
        (CreditScope(plans=frozenset({"pro"})), True),
    ],
)
def test_a_scope_limits_what_a_grant_may_pay(scope: CreditScope, *, covered: bool) -> None:
    asked = use("u", "1", meter="calls", price="per-call", plan="pro")
    assert scope.covers(asked) is covered


def test_a_limit_does_not_cover_what_says_nothing_of_itself() -> None:
    assert not CreditScope(meters=frozenset({"calls"})).covers(use("u", "1"))


def test_an_amount_is_a_plain_number_of_minor_units_or_units() -> None:
    assert size_of(usd("12.34")) == 1234
    assert size_of(Decimal("0.5")) == Decimal("0.5")
    assert currency_of(usd("1")) == USD
    assert currency_of(Decimal(1)) is None
    assert dollars("d").worth(Decimal(1234)) == usd("12.34")
    assert units("u").worth(Decimal("1.5")) == Decimal("1.5")


def test_money_has_no_part_of_a_minor_unit() -> None:
    with pytest.raises(InvalidInput, match="whole minor units"):
        dollars("d").worth(Decimal("0.5"))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"amount": Decimal(-1)}, InvalidInput),
        ({"amount": Decimal("NaN")}, InvalidNumber),
        ({"amount": Decimal("1e19")}, InvalidNumber),
        ({"amount": Decimal("1e-13")}, InvalidNumber),
        ({"amount": 5}, InvalidInput),
        ({"amount": 0.5}, InvalidInput),
        ({"amount": "5"}, InvalidInput),
        ({"amount": usd("1")}, InvalidInput),
        ({"feature": None}, InvalidInput),
        ({"expires_at": START}, InvalidPeriod),
        ({"expires_at": day(0)}, InvalidPeriod),
        ({"effective_at": datetime(2024, 1, 1)}, InvalidPeriod),  # noqa: DTZ001 - what is refused
        ({"effective_at": "2024-01-01"}, InvalidPeriod),
        ({"category": "free"}, InvalidInput),
        ({"source": "magic"}, InvalidInput),
        ({"priority": True}, InvalidInput),
        ({"priority": "1"}, InvalidInput),
        ({"created": 1.0}, InvalidInput),
    ],
)
def test_what_is_no_grant_is_refused(fields: dict[str, Any], error: type[TallystickError]) -> None:
    with pytest.raises(error):
        replace(units("g"), **fields)


def test_units_are_of_a_feature_and_money_is_of_none() -> None:
    with pytest.raises(InvalidInput, match="money has no feature"):
        dollars("d", feature="calls")
    assert CreditGrant(id="e", customer="c", amount=usd("0"), effective_at=START).size == 0


@pytest.mark.parametrize("size", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_withdrawal_takes_more_than_nothing(size: Decimal) -> None:
    with pytest.raises(InvalidInput):
        Withdrawal(at=START, size=size)


def test_a_transfer_says_how_much() -> None:
    assert Withdrawal(at=START).size is None
    with pytest.raises(InvalidInput, match="how much"):
        Withdrawal(at=START, kind="transferred")


def test_a_grant_is_a_value() -> None:
    grant = dollars("d", scope=CreditScope(plans=frozenset({"pro"})))
    assert pickle.loads(pickle.dumps(grant)) == grant  # noqa: S301 - our own bytes
    assert hash(grant) == hash(replace(grant))
    assert line("a", "1.00") != line("a", "1.01")
