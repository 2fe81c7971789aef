"""Grants burnt down over time: published figures of other engines, and what none of them says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.core.credit import CreditScope, Withdrawal
from tallystick.core.credit_balance import GrantBalance, paid_by, paid_for
from tallystick.core.credit_burn import BurnDown, burn_down
from tallystick.core.money import Money
from tallystick.errors import (
    CurrencyMismatch,
    InsufficientCredit,
    InvalidInput,
    InvalidPeriod,
    InvalidUsage,
)
from tests.core.credits import EUR, day, dollars, line, plain_figures, units, use

if TYPE_CHECKING:
    from tallystick.core.credit import CreditGrant, Use


def burnt(grants: list[CreditGrant], uses: list[Use], until: int = 10, since: int = 1) -> BurnDown:
    return burn_down(grants, uses, day(since), day(until))


def left(came: BurnDown) -> dict[str, str]:
    return plain_figures(came.available)


# --- figures of others ----------------------------------------------------------------------------


def test_without_grants_all_use_is_overage() -> None:
    came = burnt([], [use("u", "50")])
    assert (came.available, came.overage, came.used) == ({}, 50, 50)


def test_a_grant_that_begins_later_has_nothing_yet_and_one_that_ended_has_nothing_left() -> None:
    to_come = units("to come", effective_at=day(11))
    over = units("over", effective_at=day(-300), expires_at=day(-200))
    came = burnt([to_come, over], [use("u", "50", day(1, 1))], until=6)
    assert left(came) == {"to come": "0", "over": "0"}
    assert came.overage == 50


def test_a_grant_that_ends_as_the_stretch_begins_pays_nothing() -> None:
    came = burnt([units("a", effective_at=day(-5), expires_at=day(1))], [use("u", "50", day(1, 1))])
    assert (left(came), came.overage) == ({"a": "0"}, 50)


def test_of_two_the_one_that_ends_first_burns_first() -> None:
    late, early = units("late", expires_at=day(999)), units("early", expires_at=day(31))
    assert left(burnt([late, early], [use("u", "120")])) == {"early": "0", "late": "80"}


def test_one_among_many_burns_first() -> None:
    many = [units(f"g{n:04}", expires_at=day(31)) for n in range(2_000)]
    many[1_234] = units("g1234", expires_at=day(30))
    came = burnt(many, [use("u", "99", day(1, 1))], until=2)
    assert came.available["g1234"] == 1
    assert came.balance == 1 + 1_999 * 100


def test_overage_is_not_eaten_from_the_next_grant() -> None:
    grant = units("next", effective_at=day(3))
    came = burnt([grant], [use("before", "25", day(2)), use("after", "25", day(3, 1))])
    assert (left(came), came.overage) == ({"next": "75"}, 25)
    assert dict(came.unpaid) == {"before": 25}


def test_what_is_due_at_the_start_is_paid_and_at_the_end_is_not() -> None:
    grant = units("a", effective_at=day(2), expires_at=day(4))
    times = [day(2) - timedelta(microseconds=1), day(2), day(4) - timedelta(microseconds=1), day(4)]
    came = burnt([grant], [use(str(n), "1", at) for n, at in enumerate(times)])
    assert [(each.use, each.size) for each in came.burns] == [("1", 1), ("2", 1)]
    assert set(came.unpaid) == {"0", "3"}
    assert came.balances["a"].expired == 98


# --- what is read ---------------------------------------------------------------------------------


def test_a_stretch_has_its_start_and_not_its_end() -> None:
    uses = [use("a", "1", day(1)), use("b", "1", day(2)), use("c", "1", day(3))]
    came = burn_down([units("g")], uses, day(2), day(3))
    assert [each.use for each in came.burns] == ["b"]
    assert came.used == 1


def test_a_grant_that_begins_at_the_reading_is_there() -> None:
    assert burnt([units("g", effective_at=day(10))], []).balance == 100
    assert burnt([units("g", effective_at=day(5), expires_at=day(10))], []).balance == 0


def test_the_trace_reads_from_both_ends() -> None:
    grants = [units("a", "50", priority=1), units("b", "50", priority=2)]
    came = burnt(grants, [use("x", "30"), use("y", "40", day(2))])
    assert paid_by(came.burns, "y") == {"a": 20, "b": 20}
    assert paid_for(came.burns, "a") == {"x": 30, "y": 20}
    assert paid_for(came.burns, "nobody") == {}


def test_a_grant_pays_only_what_it_may() -> None:
    rows = units("rows", "50", priority=1, scope=CreditScope(meters=frozenset({"rows"})))
    came = burnt(
        [units("any"), rows],
        [use("1", "60", meter="calls"), use("2", "70", day(2), meter="rows")],
    )
    assert left(came) == {"rows": "0", "any": "20"}
    assert paid_by(came.burns, "2") == {"rows": 50, "any": 20}


def test_money_burns_in_minor_units() -> None:
    came = burnt([dollars("d", "10.00")], [line("l", "12.34")])
    assert came.balances["d"].consumed == 1000
    assert came.overage == 234


def test_figures_beyond_the_usual_28_digits_stay_exact() -> None:
    most, least = "9" * 18 + "." + "9" * 12, "0." + "0" * 11 + "1"
    came = burnt([units("g", most)], [use("u", least)])
    assert came.balance == Decimal("9" * 18 + "." + "9" * 11 + "8")


# --- voids and transfers --------------------------------------------------------------------------


def test_a_part_of_a_grant_can_be_voided() -> None:
    grant = units("g", withdrawals=(Withdrawal(at=day(3), size=Decimal(30)),))
    came = burnt([grant], [use("a", "50", day(2)), use("b", "50", day(4))])
    balance = came.balances["g"]
    assert (balance.consumed, balance.voided, balance.remaining) == (70, 30, 0)
    assert came.overage == 30


def test_a_void_comes_before_the_use_of_its_instant() -> None:
    grant = units("g", withdrawals=(Withdrawal(at=day(3)),))
    came = burnt([grant], [use("a", "50", day(3))])
    assert (came.balances["g"].voided, came.overage) == (100, 50)


def test_a_void_takes_no_more_than_it_finds() -> None:
    grant = units("g", withdrawals=(Withdrawal(at=day(3), size=Decimal(80)),))
    assert burnt([grant], [use("a", "50", day(2))]).balances["g"].voided == 50


def test_a_void_after_the_end_finds_nothing() -> None:
    grant = units("g", expires_at=day(3), withdrawals=(Withdrawal(at=day(3)),))
    balance = burnt([grant], []).balances["g"]
    assert (balance.expired, balance.voided) == (100, 0)


def test_a_void_at_the_reading_is_read() -> None:
    assert burnt([units("g", withdrawals=(Withdrawal(at=day(10)),))], []).balance == 0
    assert burnt([units("g", withdrawals=(Withdrawal(at=day(10, 1)),))], []).balance == 100


def test_what_was_transferred_was_granted_elsewhere() -> None:
    moved = Withdrawal(at=day(3), size=Decimal(30), kind="transferred")
    balance = burnt([units("g", withdrawals=(moved,))], [use("a", "60", day(2))]).balances["g"]
    assert (balance.granted, balance.remaining) == (70, 10)


def test_a_transfer_of_what_is_not_there_is_refused() -> None:
    moved = Withdrawal(at=day(3), size=Decimal(60), kind="transferred")
    with pytest.raises(InsufficientCredit) as refused:
        burnt([units("g", withdrawals=(moved,))], [use("a", "50", day(2))])
    assert refused.value.details() == {"asked": "50", "left": "40"}
    assert refused.value.code == "PAYMENT_REQUIRED"


# --- going on from a reading ----------------------------------------------------------------------


def test_going_on_from_a_reading_gives_what_one_reading_gives() -> None:
    grants = [
        units("a", expires_at=day(4), withdrawals=(Withdrawal(at=day(3), size=Decimal(5)),)),
        units("b", effective_at=day(3), priority=60),
    ]
    uses = [use(str(n), "70", day(n)) for n in range(1, 8)]
    whole = burnt(grants, uses)
    first = burn_down(grants, uses, day(1), day(3))
    second = burn_down(grants, uses, day(3), day(10), opening=first)
    assert first.overage == 40
    assert second.balances == whole.balances
    assert second.overage == whole.overage
    assert first.burns + second.burns == whole.burns


def test_a_grant_made_since_begins_whole() -> None:
    first = burnt([units("a")], [use("u", "50")], until=2)
    second = burn_down([units("a"), units("b")], [], day(2), day(3), opening=first)
    assert left(second) == {"a": "50", "b": "100"}


def test_an_opening_of_another_instant_or_of_strange_grants_is_refused() -> None:
    first = burnt([units("a")], [], until=2)
    with pytest.raises(InvalidInput, match="2024-01-02T00:00:00Z, not of 2024-01-03"):
        burn_down([units("a")], [], day(3), day(4), opening=first)
    with pytest.raises(InvalidInput, match="no grant 'a'"):
        burn_down([units("b")], [], day(2), day(3), opening=first)


# --- what is refused ------------------------------------------------------------------------------


def test_ids_stand_once() -> None:
    with pytest.raises(InvalidInput, match="the grant 'a' stands twice"):
        burnt([units("a"), units("a")], [])
    with pytest.raises(InvalidInput, match="the use 'u' stands twice"):
        burnt([], [use("u", "1"), use("u", "2")])


def test_one_measure_for_all() -> None:
    euros = replace(dollars("e"), amount=Money(100, EUR))
    for strange in ([euros], [units("u")]):
        with pytest.raises(CurrencyMismatch):
            burnt([dollars("d"), *strange], [])
    with pytest.raises(CurrencyMismatch, match="calls, rows"):
        burnt([units("c"), units("r", feature="rows")], [])
    with pytest.raises(CurrencyMismatch):
        burnt([units("c")], [line("l", "1.00")])


def test_time_does_not_run_backwards_and_use_is_not_below_zero() -> None:
    with pytest.raises(InvalidPeriod):
        burnt([], [], until=1, since=2)
    with pytest.raises(InvalidUsage, match="'u' is below zero"):
        burnt([units("g")], [use("u", "-1")])


def test_no_more_goes_out_of_a_grant_than_went_in() -> None:
    with pytest.raises(InsufficientCredit, match="101 went out of the grant 'g' of 100"):
        GrantBalance(units("g"), consumed=Decimal(100), voided=Decimal(1))
    with pytest.raises(InvalidInput, match="below zero"):
        GrantBalance(units("g"), expired=Decimal(-1))
    with pytest.raises(InsufficientCredit):
        GrantBalance(units("g"), consumed=Decimal(60)).burn(Decimal(41))
