"""What credits pay of an invoice, line by line, and who pays a charge."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.credit import CreditScope
from tallystick.core.credit_balance import GrantBalance, paid_by
from tallystick.core.credit_lines import credits_over_lines, pay_lines, settle_charge
from tallystick.core.money import Money
from tallystick.errors import CurrencyMismatch, InsufficientCredit, InvalidInput
from tests.core.credits import EUR, USD, day, dollars, line, units, usd, use

if TYPE_CHECKING:
    from tallystick.core.credit import CreditGrant, Use
    from tallystick.core.credit_lines import LinesPaid


def paid(grants: list[CreditGrant], lines: list[Use], **more: Any) -> LinesPaid:
    return pay_lines(map(GrantBalance, grants), lines, USD, **more)


def amounts(came: LinesPaid) -> list[str]:
    return [str(each.major) for each in came.by_line]


# --- lines ----------------------------------------------------------------------------------------


def test_grants_pay_lines_in_order() -> None:
    came = paid(
        [dollars("second", "70.00"), dollars("first", "30.00", priority=1)],
        [line("a", "20.00"), line("b", "50.00"), line("c", "40.00")],
    )
    assert amounts(came) == ["20.00", "50.00", "30.00"]
    assert came.total == usd("100.00")
    assert paid_by(came.burns, "b") == {"first": 1000, "second": 4000}
    assert {name: each.remaining for name, each in came.balances.items()} == {
        "first": 0,
        "second": 0,
    }


def test_promotional_grants_act_first_whatever_their_priority() -> None:
    given = dollars("given", "30.00", priority=99)
    bought = dollars("bought", "50.00", priority=1, category="paid")
    before_tax = paid([given, bought], [line("a", "100.00")], category="promotional")
    assert amounts(before_tax) == ["30.00"]
    after = pay_lines(before_tax.balances.values(), [line("a", "84.00")], USD, category="paid")
    assert amounts(after) == ["50.00"]
    assert after.balances["given"].consumed == 3000


def test_within_a_category_the_priority_counts() -> None:
    later, sooner = dollars("later", "50.00"), dollars("sooner", "50.00", priority=1)
    came = paid([later, sooner], [line("a", "60.00")], category="promotional")
    assert paid_by(came.burns, "a") == {"sooner": 5000, "later": 1000}


def test_a_grant_pays_what_it_covers_and_while_it_is_active() -> None:
    scope = CreditScope(prices=frozenset({"calls"}))
    came = paid([dollars("g", scope=scope)], [line("a", "5.00", price="base"), line("b", "7.00")])
    assert amounts(came) == ["0.00", "0.00"]
    came = paid(
        [dollars("g", effective_at=day(2), expires_at=day(3))],
        [line("a", "5.00", day(1)), line("b", "7.00", day(2)), line("c", "9.00", day(3))],
    )
    assert amounts(came) == ["0.00", "7.00", "0.00"]


def test_grants_never_pay_more_than_is_asked_for() -> None:
    lines = [line("fee", "50.00"), line("given back", "-20.00"), line("calls", "5.00")]
    came = paid([dollars("g")], lines)
    assert amounts(came) == ["35.00", "0.00", "0.00"]
    assert amounts(paid([dollars("g")], [line("a", "5.00"), line("b", "-9.00")])) == ["0.00"] * 2


def test_a_grant_for_one_line_stays_within_what_the_invoice_asks() -> None:
    scope = CreditScope(meters=frozenset({"calls"}))
    lines = [line("calls", "50.00", meter="calls"), line("given back", "-45.00")]
    assert amounts(paid([dollars("g", scope=scope)], lines)) == ["5.00", "0.00"]


def test_what_is_left_of_a_grant_is_all_it_pays() -> None:
    half = GrantBalance(dollars("g", "10.00"), consumed=Decimal(600))
    came = pay_lines([half], [line("a", "50.00")], USD)
    assert came.total == usd("4.00")
    assert came.balances["g"].consumed == 1000


def test_nothing_pays_nothing() -> None:
    assert paid([], [line("a", "5.00")]).total == usd("0.00")
    assert paid([dollars("g")], []).by_line == ()


def test_lines_and_grants_are_of_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        paid([replace(dollars("g"), amount=Money(1, EUR))], [line("a", "5.00")])
    with pytest.raises(CurrencyMismatch):
        pay_lines([], [line("a", "5.00")], EUR)
    with pytest.raises(CurrencyMismatch):
        paid([], [use("a", "5")])
    with pytest.raises(CurrencyMismatch):
        paid([units("g")], [line("a", "5.00")])
    with pytest.raises(InvalidInput, match="stands twice"):
        paid([], [line("a", "5.00"), line("a", "5.00")])


# --- credits that are given for lines -------------------------------------------------------------


@pytest.mark.parametrize(
    ("credits", "lines", "applied"),
    [
        (["150"], ["100", "50"], [["100"], ["50"]]),
        (["150"], ["100", "50", "5"], [["100"], ["50"], []]),
        (["75", "75"], ["100", "50"], [["75", "25"], ["50"]]),
        (["125"], ["100", "50"], [["100"], ["25"]]),
        (["175"], ["100", "50", "50"], [["100"], ["50"], ["25"]]),
        (["1", "2", "3"], ["6"], [["1", "2", "3"]]),
        (["0", "5"], ["5"], [["5"]]),
        (["10"], ["-5", "10"], [[], ["10"]]),
        ([], ["10"], [[]]),
        ([], [], []),
    ],
)
def test_credits_pay_lines_in_turn(
    credits: list[str],  # noqa: A002 - the field's word
    lines: list[str],
    applied: list[list[str]],
) -> None:
    came = credits_over_lines([usd(each) for each in credits], [usd(each) for each in lines])
    assert [[str(part.major.normalize() + 0) for part in parts] for parts in came] == [
        [str(Decimal(each).normalize() + 0) for each in parts] for parts in applied
    ]


@pytest.mark.parametrize(
    ("credits", "lines"),
    [(["300"], ["100", "50"]), (["0.01"], []), (["10"], ["-10"]), (["-1"], ["5"])],
)
def test_more_than_the_lines_bear_is_refused(
    credits: list[str],  # noqa: A002 - the field's word
    lines: list[str],
) -> None:
    with pytest.raises(InvalidInput):
        credits_over_lines([usd(each) for each in credits], [usd(each) for each in lines])


def test_credits_and_lines_are_of_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        credits_over_lines([Money(5, EUR)], [usd("0.05")])


# --- who pays a charge ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "charge", "credit", "used", "invoiced"),
    [
        ("credit_then_invoice", "100", "40", "40", "60"),
        ("credit_then_invoice", "100", "100", "100", "0"),
        ("credit_then_invoice", "100", "140", "100", "0"),
        ("credit_then_invoice", "100", "0", "0", "100"),
        ("credit_then_invoice", "100", "-5", "0", "100"),
        ("credit_then_invoice", "-10", "40", "0", "-10"),
        ("credit_only", "100", "100", "100", "0"),
        ("credit_only", "0", "0", "0", "0"),
        ("invoice_only", "100", "40", "0", "100"),
    ],
)
def test_a_charge_is_settled(mode: Any, charge: str, credit: str, used: str, invoiced: str) -> None:
    settled = settle_charge(usd(charge), usd(credit), mode)
    assert (settled.credits_used, settled.invoiced) == (usd(used), usd(invoiced))


def test_a_charge_for_credits_alone_is_refused_whole() -> None:
    with pytest.raises(InsufficientCredit, match=r"100\.00 USD .* 99\.99 USD is left") as refused:
        settle_charge(usd("100"), usd("99.99"), "credit_only")
    assert (refused.value.asked, refused.value.left) == ("100", "99.99")


def test_an_unknown_way_to_settle_and_two_currencies_are_refused() -> None:
    mode: Any = "barter"
    with pytest.raises(InvalidInput, match="'barter' is no way to settle"):
        settle_charge(usd("1"), usd("1"), mode)
    with pytest.raises(CurrencyMismatch):
        settle_charge(usd("1"), Money(100, EUR), "credit_then_invoice")
