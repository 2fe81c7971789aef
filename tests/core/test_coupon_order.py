"""Several coupons: which come by themselves, their order, and which a provider takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.coupon_order import automatic_coupons, best, stack
from tallystick.core.discount import CouponLine, apply_coupons
from tallystick.errors import InvalidInput
from tests.core.builders import USD, catalog, fixed_coupon, flat, money, percent_coupon, plan

if TYPE_CHECKING:
    from tallystick.core.coupon import Coupon
    from tallystick.core.money import Money

A, B, C = (percent_coupon(key) for key in "abc")
TEN, HALF = fixed_coupon("ten", "10.00 USD"), percent_coupon("half", "50")


def test_the_plans_own_come_first_then_promotions_then_codes_and_each_once() -> None:
    assert stack([A], [B], [C]) == (A, B, C)
    assert stack([A], [C, B, C], [A, B]) == (A, C, B)
    assert stack([], [], [C, A]) == (C, A)


def test_a_plan_has_the_coupons_that_it_names_and_those_that_are_automatic() -> None:
    given = (
        percent_coupon("all", automatic=True),
        percent_coupon("others", automatic=True, plans=frozenset({"max"})),
        percent_coupon("house", automatic=True, products=frozenset({"pro"})),
        percent_coupon("named"),
        percent_coupon("asked"),
    )
    pro = plan("pro", flat("9"), coupon_ids=("named", "at-the-provider", "all"))
    sold = catalog(pro, plan("max", flat("19", id="m")), coupons=given)
    assert [each.id for each in automatic_coupons(sold, sold["pro"])] == ["named", "all", "house"]
    assert [each.id for each in automatic_coupons(sold, sold["max"])] == ["all", "others"]


def due(coupons: tuple[Coupon, ...], amount: str = "30.00") -> tuple[Money, Money]:
    line = CouponLine("l", money(f"{amount} USD"))
    today = apply_coupons(coupons, [line], USD).total
    renewing = [coupon for coupon in coupons if coupon.recurring]
    return today, apply_coupons(renewing, [line], USD).total


def test_a_provider_of_one_coupon_takes_the_one_with_the_least_to_pay_today() -> None:
    assert best([TEN, HALF], 1, due) == ((HALF,), (TEN,))
    assert best([TEN, HALF], 2, due) == ((TEN, HALF), ())
    assert best([TEN, HALF], 0, due) == ((), (TEN, HALF))
    assert best([], 1, due) == ((), ())


def test_alike_today_the_renewal_decides_and_then_the_order() -> None:
    same, lasting = percent_coupon("same", "50"), percent_coupon("long", "50", duration="forever")
    assert best([HALF, same, lasting], 1, due)[0] == (lasting,)
    assert best([same, HALF], 1, due)[0] == (same,)
    assert best([HALF, same], 1, due)[0] == (HALF,)


@pytest.mark.parametrize("most", [-1, 1.0, True, None])
def test_how_many_is_a_whole_number(most: Any) -> None:
    with pytest.raises(InvalidInput, match="whole number"):
        best([A], most, due)


def test_too_many_ways_are_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="give fewer"):
        best([percent_coupon(str(n)) for n in range(60)], 30, due)


offs = st.integers(0, 120).map(lambda n: percent_coupon(f"p{n}", str(n))) | st.integers(0, 40).map(
    lambda n: fixed_coupon(f"f{n}", f"{n}.00 USD", duration="forever")
)


@given(st.lists(offs, max_size=4, unique_by=lambda each: each.id), st.integers(0, 4))
def test_no_other_choice_is_cheaper_and_none_gets_lost(coupons: list[Coupon], most: int) -> None:
    kept, left = best(coupons, most, due)
    assert len(kept) == min(most, len(coupons))
    assert sorted(each.id for each in (*kept, *left)) == sorted(each.id for each in coupons)
    assert [each for each in coupons if each in kept] == list(kept)
    if most == 1 and coupons:
        assert due(kept)[0] == min(due((each,))[0] for each in coupons)
    assert due(kept)[0] >= due(tuple(coupons))[0]  # so what is left out never made it dearer
