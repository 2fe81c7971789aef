"""What goes on into the next period: resets with rollover, grants that roll over into new ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.credit import CreditGrant, burn_order
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.credit_burn import burn_down
from tallystick.core.credit_reset import reset_grants, roll_over
from tallystick.core.period import Cadence
from tallystick.core.rollover import Rollover
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidUsage
from tests.core.credits import day, dollars, plain_figures, units, usd, use


def rolls(most: str | None, least: str = "0", lasts: Cadence | None = None) -> Rollover:
    return Rollover(None if most is None else Decimal(most), Decimal(least), lasts)


def grant(name: str, amount: str, most: str, least: str = "0", **more: Any) -> CreditGrant:
    return units(name, amount, rollover=rolls(most, least), **more)


# --- a reset of usage -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "kept", "balances", "overage"),
    [
        ("0", False, {"g1": "1000", "g2": "500"}, "0"),
        ("600", False, {"g1": "400", "g2": "500"}, "0"),
        ("2100", False, {"g1": "0", "g2": "500"}, "0"),
        ("2100", True, {"g1": "0", "g2": "400"}, "0"),
        ("2600", True, {"g1": "0", "g2": "0"}, "100"),
        ("2600", False, {"g1": "0", "g2": "500"}, "0"),
        ("2000", True, {"g1": "0", "g2": "500"}, "0"),
    ],
)
def test_overage_is_forgotten_or_taken_of_the_new_balances(
    used: str, balances: dict[str, str], overage: str, *, kept: bool
) -> None:
    grants = [
        grant("g2", "1000", "500", "500", priority=3),
        grant("g1", "1000", "1000", priority=1),
    ]
    reset = reset_grants(grants, Decimal(used), preserve_overage=kept)
    assert plain_figures(reset.balances) == balances
    assert (reset.overage, reset.used) == (Decimal(overage), 0)


def test_what_was_used_is_taken_of_the_grants_in_burn_order() -> None:
    grants = [grant("second", "1000", "100", priority=3), grant("first", "1000", "1000")]
    assert plain_figures(reset_grants(grants, Decimal(600)).balances) == {
        "second": "100",
        "first": "1000",
    }


def test_a_grant_without_a_rule_is_empty_after_the_reset() -> None:
    reset = reset_grants([units("g", "1000")], Decimal(10))
    assert plain_figures(reset.balances) == {"g": "0"}


def test_without_grants_there_is_nothing_but_what_was_kept() -> None:
    assert reset_grants([], Decimal(100)).overage == 0
    assert reset_grants([], Decimal(100), preserve_overage=True).overage == 100


def test_what_cannot_be_reset_is_refused() -> None:
    with pytest.raises(InvalidUsage):
        reset_grants([], Decimal(-1))
    with pytest.raises(CurrencyMismatch):
        reset_grants([units("u"), dollars("d")], Decimal(0))


# --- grants that roll over ------------------------------------------------------------------------


def ended(name: str, used: str = "0", rule: Rollover | None = None, **more: Any) -> GrantBalance:
    """Give how a grant of 400 stands that ends on day 31."""
    allowance = units(name, "400", expires_at=day(31), rollover=rule, **more)
    came = burn_down([allowance], [use("u", used)], day(1), day(31))
    return came.balances[name]


def test_what_is_left_is_granted_anew() -> None:
    rolled = roll_over([ended("a", "150", rolls(None))], [], day(31))
    (new,) = rolled.grants
    assert (new.amount, new.source, new.effective_at, new.expires_at) == (
        250,
        "rollover",
        day(31),
        None,
    )
    assert new.id == "a+2024-01-31T00:00:00Z"
    assert new.rollover is None
    assert rolled.withdrawals == ()


def test_rollovers_burn_before_the_allowance_the_oldest_first() -> None:
    lasts = Cadence("month")
    older = units("older", "50", effective_at=day(10), priority=49, expires_at=day(41))
    (newer,) = roll_over([ended("a", "150", rolls(None, lasts=lasts))], [], day(31)).grants
    assert newer.expires_at == day(60)
    allowance = units("allowance", "400", effective_at=day(31), expires_at=day(59))
    order = sorted([allowance, newer, older], key=burn_order)
    assert [each.id for each in order] == ["older", newer.id, "allowance"]


@pytest.mark.parametrize(
    ("used", "most", "least", "amount"),
    [("310", "50", "0", 50), ("390", "50", "0", 10), ("390", "50", "30", 30), ("0", "0", "0", 0)],
)
def test_each_by_its_own_rule(used: str, most: str, least: str, amount: int) -> None:
    rolled = roll_over([ended("a", used, rolls(most, least))], [], day(31))
    assert [each.size for each in rolled.grants] == ([amount] if amount else [])


def test_a_grant_without_a_rule_does_not_roll() -> None:
    assert roll_over([ended("a")], [], day(31)).grants == ()


def test_one_cap_over_all_rollovers_trims_the_oldest() -> None:
    older = GrantBalance(units("older", "200", source="rollover", effective_at=day(1)))
    rolled = roll_over([ended("a", rule=rolls(None))], [older], day(31), cap=Decimal(500))
    assert [each.size for each in rolled.grants] == [400]
    assert [(name, each.size, each.kind) for name, each in rolled.withdrawals] == [
        ("older", 100, "voided")
    ]
    rolled = roll_over([ended("a", rule=rolls(None))], [older], day(31), cap=Decimal(50))
    assert [each.size for each in rolled.grants] == [50]
    assert [each.size for _, each in rolled.withdrawals] == [200]


def test_rollovers_that_ended_take_no_room() -> None:
    gone = GrantBalance(units("gone", "200", source="rollover", expires_at=day(31)))
    rolled = roll_over([ended("a", rule=rolls(None))], [gone], day(31), cap=Decimal(400))
    assert [each.size for each in rolled.grants] == [400]
    assert rolled.withdrawals == ()


def test_nothing_counts_twice() -> None:
    balance = ended("a", "150", rolls(None))
    (new,) = roll_over([balance], [], day(31)).grants
    assert balance.expired == new.size
    assert balance.consumed + balance.expired + balance.remaining == 400


def test_money_rolls_over_in_whole_minor_units() -> None:
    cents = GrantBalance(dollars("d", "10.00", expires_at=day(31), rollover=rolls("250")))
    assert roll_over([cents], [], day(31)).grants[0].amount == usd("2.50")
    part = GrantBalance(dollars("d", "10.00", expires_at=day(31), rollover=rolls("0.5")))
    with pytest.raises(InvalidInput, match="whole minor units"):
        roll_over([part], [], day(31))


def test_a_grant_that_goes_on_does_not_roll_over() -> None:
    for running in (units("g"), units("g", expires_at=day(60))):
        with pytest.raises(InvalidInput, match="'g' does not end at 2024-01-31"):
            roll_over([GrantBalance(running)], [], day(31))
