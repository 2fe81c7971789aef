"""A fee for the period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.core.price import Flat
from tallystick.core.rating import Earlier, Priced, Quantity, rate
from tallystick.core.rating.flat import flat
from tests.core.rating.words import d, price, rows, transactions, units

if TYPE_CHECKING:
    from tallystick.core.rating import Measured


@pytest.mark.parametrize(
    "measured", [units(0), units(1_000), Priced(d(3), d(99)), transactions(5, 6)]
)
def test_the_fee_is_due_once_whatever_was_measured(measured: Measured) -> None:
    assert rows(flat(Flat(d(2900)), measured)) == [("flat fee", "1", "2900")]


def test_a_fraction_of_a_minor_unit_is_rounded_for_the_line() -> None:
    assert rate(price(Flat(d("2900.5"))), units(1)).amount.minor == 2901


def test_a_later_slice_of_the_period_does_not_bill_the_fee_again() -> None:
    fee = price(Flat(d(2900)))
    first = rate(fee, units(1), last=False)
    second = rate(fee, units(1), earlier=Earlier(units(1), first.amount))
    assert first.amount.minor == 2900
    assert second.amount.minor == 0
    assert second.components == ()


def test_the_fee_has_no_mirror() -> None:
    assert rate(price(Flat(d(2900)), allow_negative=True), Quantity(d(-1))).amount.minor == 2900
