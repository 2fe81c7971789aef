"""Allowances that are renewed, and what of one goes on."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.period import Cadence
from tallystick.core.rollover import Allowance, Rollover, trimmed
from tallystick.errors import InvalidInput, InvalidUsage

QUANTITIES = st.decimals(0, 10**6, places=3)


def numbers(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


@pytest.mark.parametrize(
    ("most", "least", "left", "rolled"),
    [
        ("50", "0", "90", "50"),
        ("50", "0", "30", "30"),
        ("50", "50", "0", "50"),
        ("0", "0", "1000", "0"),
        ("1000", "100", "40", "100"),
        ("30", "50", "0", "30"),
        (None, "0", "90", "90"),
        (None, "10", "0", "10"),
    ],
)
def test_a_minimum_and_a_maximum_hold(most: str | None, least: str, left: str, rolled: str) -> None:
    rule = Rollover(None if most is None else Decimal(most), Decimal(least))
    assert rule.of(Decimal(left)) == Decimal(rolled)


def test_bounds_below_zero_are_refused() -> None:
    with pytest.raises(InvalidInput):
        Rollover(Decimal(-1))
    with pytest.raises(InvalidInput):
        Rollover(None, Decimal(-1), Cadence("month"))


@pytest.mark.parametrize(
    ("oldest_first", "cap", "kept"),
    [
        (("200", "400"), "500", ("100", "400")),
        (("40", "100"), "50", ("0", "50")),
        (("40", "50"), "90", ("40", "50")),
        (("40", "50"), "0", ("0", "0")),
        ((), "10", ()),
    ],
)
def test_the_oldest_is_trimmed_first(
    oldest_first: tuple[str, ...], cap: str, kept: tuple[str, ...]
) -> None:
    assert trimmed(numbers(*oldest_first), Decimal(cap)) == numbers(*kept)
    assert trimmed(numbers(*oldest_first), None) == numbers(*oldest_first)


def test_a_cap_below_zero_is_refused() -> None:
    with pytest.raises(InvalidInput):
        trimmed(numbers("1"), Decimal(-1))


@pytest.mark.parametrize(
    ("rollovers", "left", "used", "then", "allowance", "overage"),
    [
        (("100", "400"), "400", "150", ("0", "350"), "400", "0"),
        (("0", "350"), "400", "400", ("0", "0"), "350", "0"),
        ((), "400", "250", (), "150", "0"),
        (("100",), "400", "500", ("0",), "0", "0"),
        (("100",), "400", "512.5", ("0",), "0", "12.5"),
        (("100",), "0", "0", ("100",), "0", "0"),
    ],
)
def test_rollovers_are_used_before_the_allowance(
    rollovers: tuple[str, ...],
    left: str,
    used: str,
    *,
    then: tuple[str, ...],
    allowance: str,
    overage: str,
) -> None:
    came = Allowance(Decimal(left), numbers(*rollovers)).use(Decimal(used))
    assert came == Allowance(Decimal(allowance), numbers(*then), Decimal(overage))


def test_overage_adds_up_within_a_period_and_ends_with_it() -> None:
    twice = Allowance(Decimal(10)).use(Decimal(15)).use(Decimal(1))
    assert twice.overage == 6
    assert twice.renew(Decimal(10)) == Allowance(Decimal(10))


def test_period_after_period() -> None:
    allowance = Allowance(Decimal(400)).use(Decimal(250)).renew(Decimal(400), cap=Decimal(500))
    assert (allowance.balance, allowance.rollovers) == (550, numbers("150"))
    allowance = allowance.renew(Decimal(400), cap=Decimal(500))
    assert (allowance.balance, allowance.rollovers) == (900, numbers("100", "400"))


def test_what_cannot_be_is_refused() -> None:
    for broken in ((Decimal(-1),), (Decimal(1), numbers("-1")), (Decimal(1), (), Decimal(-1))):
        with pytest.raises(InvalidInput):
            Allowance(*broken)
    with pytest.raises(InvalidUsage):
        Allowance(Decimal(1)).use(Decimal(-1))


@given(st.lists(QUANTITIES, max_size=6), QUANTITIES, QUANTITIES, QUANTITIES)
def test_nothing_is_lost_and_no_cap_is_passed(
    rollovers: list[Decimal], left: Decimal, used: Decimal, cap: Decimal
) -> None:
    before = Allowance(left, tuple(rollovers))
    after = before.use(used)
    assert before.balance + after.overage == after.balance + used
    assert after.overage == 0 or after.balance == 0
    renewed = after.renew(left, cap=cap)
    carried = sum(renewed.rollovers, Decimal(0))
    assert carried == min(cap, after.balance)
    assert renewed.balance == left + carried
    assert all(each > 0 for each in renewed.rollovers)
