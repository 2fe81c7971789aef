"""Who may redeem a coupon, and what a stranger is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.coupon import Code
from tallystick.core.price import PerUnit
from tallystick.core.qualification import (
    REASONS,
    UNKNOWN_CODE,
    Purchase,
    Reason,
    Redeemed,
    find_code,
    qualify,
)
from tests.core.builders import (
    EUR,
    feature,
    fixed_coupon,
    flat,
    metered,
    money,
    percent_coupon,
    plan,
    usd,
)

if TYPE_CHECKING:
    from tallystick.core.coupon import Coupon

NOW = datetime(2027, 6, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NEVER = Redeemed()
BOUGHT = Purchase(
    at=NOW,
    amount=money("50.00 USD"),
    plans=frozenset({"pro"}),
    products=frozenset({"suite"}),
    prices=frozenset({"base", "calls"}),
    meters=frozenset({"calls"}),
)


def reasons(coupon: Coupon, redeemed: Redeemed = NEVER, code: Code | None = None) -> list[str]:
    return list(qualify(coupon, BOUGHT, redeemed, code).reasons)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, []),
        ({"active": False}, ["inactive"]),
        ({"starts_at": NOW}, []),
        ({"starts_at": NOW + SECOND}, ["not_yet"]),
        ({"ends_at": NOW + SECOND}, []),
        ({"ends_at": NOW}, ["expired"]),
        ({"currencies": frozenset({EUR})}, ["currency"]),
        ({"plans": frozenset()}, []),
        ({"plans": frozenset({"pro", "max"})}, []),
        ({"plans": frozenset({"max"})}, ["plan"]),
        ({"products": frozenset({"tools"})}, ["product"]),
        ({"prices": frozenset({"calls", "seats"})}, []),
        ({"prices": frozenset({"seats"})}, ["price"]),
        ({"meters": frozenset({"bytes"})}, ["meter"]),
        ({"first_purchase": True}, ["first_purchase"]),
        ({"minimum": (money("50.00 USD"),)}, []),
        ({"minimum": (money("50.01 USD"),)}, ["minimum"]),
        ({"minimum": (money("1.00 EUR"),)}, ["currency"]),
    ],
)
def test_each_limit_is_a_reason(limits: dict[str, Any], expected: list[str]) -> None:
    assert reasons(percent_coupon("a", **limits)) == expected


def test_every_reason_is_told_at_once_in_words() -> None:
    coupon = fixed_coupon(
        "a", "1.00 EUR", plans=frozenset({"max"}), ends_at=NOW, first_purchase=True, active=False
    )
    answer = qualify(coupon, BOUGHT, Redeemed())
    assert answer.reasons == ("inactive", "expired", "currency", "plan", "first_purchase")
    assert not answer.allowed
    assert answer.words[1] == "the coupon has expired"
    assert len(answer.words) == 5


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(get_args(Reason))
    assert len(set(REASONS.values())) == len(REASONS)


@pytest.mark.parametrize("most", [1, 3, 100])
def test_a_limit_lets_exactly_so_many_through(most: int) -> None:
    in_all = percent_coupon("a", max_redemptions=most)
    mine = percent_coupon("a", max_redemptions_per_customer=most)
    assert reasons(in_all, Redeemed(total=most - 1)) == []
    assert reasons(in_all, Redeemed(total=most, by_customer=0)) == ["used_up"]
    assert reasons(mine, Redeemed(total=10**6, by_customer=most - 1)) == []
    assert reasons(mine, Redeemed(total=most, by_customer=most)) == ["used_up_by_customer"]


def test_what_acts_already_is_not_redeemed_again() -> None:
    assert reasons(percent_coupon("a"), Redeemed(total=1, by_customer=1, held=True)) == ["held"]


def test_the_limits_of_coupon_and_code_both_hold() -> None:
    coupon = percent_coupon("a", max_redemptions=10)
    code = Code(
        code="x", max_redemptions=2, max_redemptions_per_customer=1, ends_at=NOW, starts_at=None
    )
    assert reasons(coupon, Redeemed(total=5, by_code=1)) == []
    assert reasons(coupon, Redeemed(total=5, by_code=1), code) == ["expired"]
    both = Redeemed(total=5, by_code=2, by_code_and_customer=1)
    assert reasons(coupon, both, code) == ["expired", "used_up", "used_up_by_customer"]
    assert reasons(coupon, Redeemed(total=10, by_code=0), Code(code="y")) == ["used_up"]
    assert reasons(coupon, Redeemed(), Code(code="z", starts_at=NOW + SECOND)) == ["not_yet"]


def test_a_purchase_of_a_plan_knows_what_is_in_it() -> None:
    parts = (flat("9.00"), metered(PerUnit(usd("1"))), feature("jobs", 5, unit_price=usd("1")))
    offer = plan("pro", *parts, feature("seats", 5), product_id="suite")
    bought = Purchase.of(offer, money("9.00 USD"), NOW, first=True)
    assert bought == Purchase(
        at=NOW,
        amount=money("9.00 USD"),
        plans=frozenset({"pro"}),
        products=frozenset({"suite"}),
        prices=frozenset({"base", "calls"}),
        meters=frozenset({"calls", "jobs"}),
        first=True,
    )


# --- codes ----------------------------------------------------------------------------------------

WELCOME = percent_coupon("a", codes=(Code(code="Welcome"), Code(code="HELLO", ends_at=NOW)))


@pytest.mark.parametrize("typed", ["welcome", " WELCOME ", "hello"])
def test_a_code_is_found_however_it_is_typed(typed: str) -> None:
    found = find_code([percent_coupon("other"), WELCOME], typed)
    assert found is not None
    assert found[0] is WELCOME
    assert found[1].key == typed.strip().casefold()


@pytest.mark.parametrize("typed", ["", "wel come", "a" * 10**6, "\x00", None, 5])
def test_what_is_no_code_of_ours_is_not_found_and_no_error(typed: Any) -> None:
    assert find_code([WELCOME], typed) is None


def test_a_stranger_is_told_the_same_of_every_code_that_is_refused() -> None:
    hello = find_code([WELCOME], "hello")
    assert hello is not None
    expired = qualify(hello[0], BOUGHT, Redeemed(), hello[1])
    used_up = qualify(percent_coupon("b", max_redemptions=1), BOUGHT, Redeemed(total=1), hello[1])
    assert expired.reasons != used_up.reasons
    assert expired.public == used_up.public == UNKNOWN_CODE == UNKNOWN_CODE.public
    assert UNKNOWN_CODE.words == ("this code is not known, or not valid here",)
    assert not UNKNOWN_CODE.allowed
    good = qualify(*(WELCOME, BOUGHT, Redeemed(), WELCOME.codes[0]))
    assert good.allowed
    assert good.public is good


def test_what_comes_without_a_code_is_told_in_full() -> None:
    answer = qualify(percent_coupon("a", active=False), BOUGHT, Redeemed())
    assert answer.public.reasons == ("inactive",)


counts = st.integers(0, 5)
limits = st.none() | st.integers(1, 5)


@given(counts, counts, limits, limits)
def test_a_coupon_is_allowed_just_where_no_limit_is_reached(
    total: int, mine: int, most: int | None, per: int | None
) -> None:
    coupon = percent_coupon("a", max_redemptions=most, max_redemptions_per_customer=per)
    allowed = qualify(coupon, BOUGHT, Redeemed(total=total, by_customer=mine)).allowed
    assert allowed is ((most is None or total < most) and (per is None or mine < per))
