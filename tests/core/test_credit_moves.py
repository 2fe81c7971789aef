"""Credits that move by hand or by rule: void, transfer, top-up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.credit import CreditScope, Withdrawal
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.credit_burn import burn_down
from tallystick.core.credit_moves import TopUpRule, top_up, transfer, void
from tallystick.core.money import Money
from tallystick.errors import CurrencyMismatch, InsufficientCredit, InvalidInput, TallystickError
from tests.core.credits import EUR, day, dollars, units, usd, use

# --- void -----------------------------------------------------------------------------------------


def test_a_void_goes_through_grants_in_burn_order() -> None:
    grants = [units("c", "25", priority=2, created=2), units("a", "20", priority=1)]
    grants.append(units("b", "25", priority=2, created=1))
    voided = void(map(GrantBalance, grants), day(5), Decimal(50))
    assert [(name, each.size) for name, each in voided] == [("a", 20), ("b", 25), ("c", 5)]
    assert {each.at for _, each in voided} == {day(5)}


def test_a_void_of_all_takes_what_is_left_and_reads_so_afterwards() -> None:
    grant = units("g", "100")
    ((_, withdrawal),) = void([GrantBalance(grant, consumed=Decimal(60))], day(5))
    assert withdrawal.size == 40
    voided = replace(grant, withdrawals=(withdrawal,))
    came = burn_down([voided], [use("u", "60")], day(1), day(6)).balances["g"]
    assert (came.voided, came.remaining) == (40, 0)
    assert void([GrantBalance(grant, consumed=Decimal(100))], day(5)) == ()


def test_what_ended_cannot_be_voided_and_what_is_to_come_can() -> None:
    ended = GrantBalance(units("g", expires_at=day(4)))
    with pytest.raises(InsufficientCredit):
        void([ended], day(4), Decimal(1))
    assert void([ended], day(3), Decimal(1)) == (("g", Withdrawal(at=day(3), size=Decimal(1))),)
    to_come = GrantBalance(units("h", effective_at=day(9)))
    assert len(void([to_come], day(5), Decimal(100))) == 1


def test_more_than_is_left_is_not_voided_at_all() -> None:
    with pytest.raises(InsufficientCredit, match="50 cannot be voided: 30 is left") as refused:
        void([GrantBalance(units("g", "30"))], day(5), Decimal(50))
    assert refused.value.details() == {"asked": "50", "left": "30"}


@pytest.mark.parametrize("size", [Decimal(0), Decimal(-5), Decimal("NaN"), Decimal("0.5")])
def test_what_is_no_size_is_refused(size: Decimal) -> None:
    with pytest.raises(InvalidInput):
        void([GrantBalance(dollars("g"))], day(5), size)


# --- transfer -------------------------------------------------------------------------------------


def test_a_transfer_is_two_moves_that_sum_to_zero() -> None:
    scope = CreditScope(plans=frozenset({"pro"}))
    source = dollars("g", category="paid", expires_at=day(31), priority=7, scope=scope)
    moved = transfer(GrantBalance(source), day(5), Decimal(2500), to="globex", id="h", created=9)
    given = moved.grant
    assert moved.source == "g"
    assert moved.withdrawal == Withdrawal(at=day(5), size=Decimal(2500), kind="transferred")
    assert given.size == moved.withdrawal.size
    assert (given.id, given.customer, given.amount) == ("h", "globex", usd("25.00"))
    assert (given.category, given.expires_at, given.priority) == ("paid", day(31), 7)
    assert (given.scope, given.source, given.created) == (scope, "transfer", 9)
    assert given.effective_at == day(5)
    assert not given.active_at(day(4))


def test_a_grant_that_is_to_come_goes_over_as_one_to_come() -> None:
    balance = GrantBalance(units("g", effective_at=day(9)))
    assert transfer(balance, day(5), Decimal(1), to="x", id="h").grant.effective_at == day(9)


@pytest.mark.parametrize(
    ("size", "to", "at", "error"),
    [
        ("41", "globex", 5, InsufficientCredit),
        ("1", "globex", 31, InsufficientCredit),
        ("0", "globex", 5, InvalidInput),
        ("-1", "globex", 5, InvalidInput),
        ("1", "acme", 5, InvalidInput),
    ],
)
def test_a_transfer_that_would_make_credit_of_nothing_is_refused(
    size: str, to: str, at: int, error: type[TallystickError]
) -> None:
    balance = GrantBalance(units("g", expires_at=day(31)), consumed=Decimal(60))
    with pytest.raises(error):
        transfer(balance, day(at), Decimal(size), to=to, id="h")
    assert transfer(balance, day(5), Decimal(40), to="globex", id="h").grant.size == 40


# --- top-up ---------------------------------------------------------------------------------------

RULE = TopUpRule(threshold=usd("10.00"), amount=usd("50.00"), most=2)


@pytest.mark.parametrize(
    ("balance", "done", "number"),
    [
        ("9.99", 0, 1),
        ("0.00", 1, 2),
        ("-5.00", 1, 2),
        ("10.00", 0, None),
        ("99.00", 0, None),
        ("0.00", 2, None),
        ("0.00", 3, None),
    ],
)
def test_a_top_up_is_due_below_the_threshold(balance: str, done: int, number: int | None) -> None:
    due = top_up(RULE, usd(balance), done)
    assert (None if due is None else due.number) == number
    assert due is None or due.amount == usd("50.00")


def test_a_rule_without_a_bound_goes_on() -> None:
    units_rule = TopUpRule(threshold=Decimal(5), amount=Decimal(100))
    due = top_up(units_rule, Decimal("4.5"), 1_000)
    assert due is not None
    assert (due.amount, due.number) == (100, 1_001)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"amount": usd("0.00")}, InvalidInput),
        ({"amount": usd("-1.00")}, InvalidInput),
        ({"threshold": usd("-0.01")}, InvalidInput),
        ({"most": 0}, InvalidInput),
        ({"most": True}, InvalidInput),
        ({"amount": Decimal(5)}, CurrencyMismatch),
        ({"amount": Money(5, EUR)}, CurrencyMismatch),
        ({"amount": 5}, InvalidInput),
    ],
)
def test_what_is_no_rule_is_refused(fields: dict[str, Any], error: type[TallystickError]) -> None:
    with pytest.raises(error):
        replace(RULE, **fields)


def test_a_top_up_looks_at_what_it_buys() -> None:
    for strange in (Decimal(5), Money(5, EUR)):
        with pytest.raises(CurrencyMismatch):
            top_up(RULE, strange, 0)
    for count in (-1, True, "1"):
        done: Any = count
        with pytest.raises(InvalidInput):
            top_up(RULE, usd("1"), done)
