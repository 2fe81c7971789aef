"""Lines, and the difference of two reckonings."""

from __future__ import annotations

from tallystick.core.rating.line import Component, component, difference
from tests.core.rating.words import d, rows


def test_a_component_is_its_product() -> None:
    assert component("units", d("1.5"), d(3)) == Component("units", d("1.5"), d(3), d("4.5"))


def test_a_difference_leaves_out_what_is_equal() -> None:
    before = [component("tier 1 units", d(5), d(2)), component("tier 1 flat fee", d(1), d(9))]
    to_date = [*before, component("tier 2 units", d(3), d(1))]
    assert rows(difference(to_date, before)) == [("tier 2 units", "3", "3")]


def test_a_difference_counts_the_units_that_came_on_top() -> None:
    before, to_date = [component("units", d(5), d(2))], [component("units", d(8), d(2))]
    assert rows(difference(to_date, before)) == [("units", "3", "6")]


def test_another_unit_price_is_written_as_one_of_the_gap() -> None:
    before, to_date = [component("discount", d(1), d(-5))], [component("discount", d(1), d(-8))]
    assert rows(difference(to_date, before)) == [("discount", "1", "-3")]


def test_another_unit_price_without_a_gap_is_left_out() -> None:
    before, to_date = [component("units", d(2), d(3))], [component("units", d(3), d(2))]
    assert difference(to_date, before) == ()


def test_what_is_there_no_more_is_taken_back() -> None:
    before = [component("tier 1 units", d(5), d(2))]
    assert rows(difference([], before)) == [("tier 1 units", "-5", "-10")]
