"""The price comes with the events."""

from __future__ import annotations

import pytest

from tallystick.core.money import Money
from tallystick.core.price import Dynamic
from tallystick.core.rating import Earlier, Priced, rate
from tallystick.core.rating.dynamic import average_unit, dynamic
from tallystick.errors import InvalidInput, InvalidUsage
from tests.core.rating.words import USD, d, price, total, units


def test_the_sum_of_the_events_prices_is_multiplied() -> None:
    assert total(dynamic(Dynamic(), Priced(d(20), d("40.2")))) == d("40.2")
    assert total(dynamic(Dynamic(d("1.33333")), Priced(d(1), d(1000)))) == d("1333.33")


def test_no_units_have_no_price() -> None:
    assert dynamic(Dynamic(), Priced(d(0), d("40.2"))) == ()
    assert dynamic(Dynamic(), Priced(d(3), d(0))) == ()


@pytest.mark.parametrize(
    ("amount", "quantity", "average"),
    [
        ("0.402", "20", "0.0201"),
        ("1", "3", "0.333333333333"),
        ("-2", "3", "-0.666666666667"),
        ("5", "0", "0"),
    ],
)
def test_the_average_is_for_showing(amount: str, quantity: str, average: str) -> None:
    assert average_unit(d(amount), d(quantity)) == d(average)


def test_a_later_slice_is_bounded_by_the_maximum_of_the_period() -> None:
    bounded = price(Dynamic(d("1.33333")), maximum=d(10000))
    earlier = Earlier(Priced(d(70), d(7000)), Money(9333, USD))
    assert rate(bounded, Priced(d(120), d(12000)), earlier=earlier).amount.minor == 667


def test_less_than_nothing_is_floored_or_mirrored() -> None:
    given_back = Priced(d(-5), d(-1000))
    assert rate(price(Dynamic()), given_back).amount.minor == 0
    assert rate(price(Dynamic()), Priced(d(5), d(-1000))).amount.minor == 0
    assert rate(price(Dynamic(), allow_negative=True), given_back).amount.minor == -1000
    assert rate(price(Dynamic(), allow_negative=True), Priced(d(5), d(-7))).amount.minor == -7


def test_what_the_events_carried_is_needed() -> None:
    with pytest.raises(InvalidUsage, match="Priced"):
        dynamic(Dynamic(), units(5))


def test_what_counts_units_cannot_stand_around_it() -> None:
    with pytest.raises(InvalidInput, match="counts units"):
        rate(price(Dynamic(), minimum_quantity=d(5)), Priced(d(1), d(1)))
