"""For which invoices a redeemed coupon acts, and what it has used up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.discount import CouponLine
from tallystick.core.period import parse_instant
from tallystick.core.redemption import Redemption, discount_invoice
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidPeriod
from tests.core.builders import EUR, USD, fixed_coupon, money, percent_coupon

if TYPE_CHECKING:
    from tallystick.core.coupon import Coupon


def at(text: str) -> datetime:
    return parse_instant(text if "T" in text else f"{text}T00:00:00Z")


def had(coupon: Coupon, since: str = "2027-01-31", **more: Any) -> Redemption:
    return Redemption(id=coupon.id, coupon=coupon, customer="acme", redeemed_at=at(since), **more)


def fees(*amounts: str) -> list[CouponLine]:
    return [CouponLine(str(i), money(f"{amount} EUR")) for i, amount in enumerate(amounts)]


ONCE = percent_coupon("once")
MONTHS = percent_coupon("months", duration="repeating", months=3)
FOREVER = percent_coupon("forever", duration="forever")


# --- when it acts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coupon", "when", "acts"),
    [
        (ONCE, "2027-01-30T23:59:59Z", False),
        (ONCE, "2027-01-31", True),
        (ONCE, "2030-01-01", True),
        (MONTHS, "2027-01-31", True),
        (MONTHS, "2027-04-29T23:59:59Z", True),
        (MONTHS, "2027-04-30", False),  # three months from 31 January, clamped
        (FOREVER, "2199-01-01", True),
        (FOREVER, "2027-01-30", False),
    ],
)
def test_it_acts_from_its_redemption_until_its_end(
    coupon: Coupon, when: str, *, acts: bool
) -> None:
    assert had(coupon).acts(at(when)) is acts


def test_months_are_counted_from_the_redemption_and_never_from_the_month_before() -> None:
    ends = [
        had(percent_coupon("a", duration="repeating", months=n)).ends_at for n in (1, 2, 3, 12, 13)
    ]
    days = ("2027-02-28", "2027-03-31", "2027-04-30", "2028-01-31", "2028-02-29")
    assert ends == list(map(at, days))
    assert had(ONCE).ends_at is had(FOREVER).ends_at is None


def test_months_are_those_of_the_customers_calendar() -> None:
    since = "2027-01-31T23:30:00Z"  # 1 February in Berlin
    coupon = percent_coupon("a", duration="repeating", months=1)
    assert had(coupon, since).ends_at == at("2027-02-28T23:30:00Z")
    assert had(coupon, since, zone="Europe/Berlin").ends_at == at("2027-02-28T23:30:00Z")
    summer = percent_coupon("a", duration="repeating", months=3)
    assert had(summer, since, zone="Europe/Berlin").ends_at == at("2027-04-30T22:30:00Z")


def test_it_may_be_ended_early_and_never_late() -> None:
    assert not had(FOREVER, ended_at=at("2027-02-15")).acts(at("2027-02-15"))
    assert had(FOREVER, ended_at=at("2027-02-15")).acts(at("2027-02-14"))
    assert had(MONTHS, ended_at=at("2027-12-01")).ends_at == at("2027-04-30")


def test_a_coupon_whose_window_is_over_goes_on_where_it_was_redeemed() -> None:
    coupon = percent_coupon("a", duration="forever", ends_at=at("2027-02-01"), active=False)
    assert had(coupon).acts(at("2028-01-01"))


def test_a_redemption_needs_real_times_and_counts() -> None:
    with pytest.raises(InvalidPeriod):
        Redemption(
            id="a", coupon=ONCE, customer="c", redeemed_at=datetime.fromisoformat("2027-01-01")
        )
    with pytest.raises(InvalidInput, match="from 0"):
        had(ONCE, used=-1)
    with pytest.raises(InvalidInput, match="from 0"):
        had(ONCE, used=True)


# --- what it uses up ------------------------------------------------------------------------------


def over(redemption: Redemption, *invoices: tuple[str, str]) -> list[int]:
    """Bill one fee after the other and give what was taken off each, in minor units."""
    taken = []
    for when, amount in invoices:
        came, used = discount_invoice([redemption], fees(amount), EUR, at(when))
        taken.append(came.discount.minor)
        redemption = next(iter(used), redemption)
    return taken


def test_once_is_the_first_invoice_with_an_amount() -> None:
    invoices = [("2027-02-01", "0.00"), ("2027-03-01", "5.00"), ("2027-04-01", "5.00")]
    assert over(had(ONCE), *invoices) == [0, 50, 0]


def test_the_rest_of_a_fixed_coupon_is_lost() -> None:
    invoices = [("2027-02-01", "0.06"), ("2027-03-01", "0.06")]
    assert over(had(fixed_coupon("a", "0.12 EUR")), *invoices) == [6, 0]
    assert over(had(fixed_coupon("a", "0.12 EUR", duration="forever")), *invoices) == [6, 6]


def test_once_waits_for_an_invoice_that_it_applies_to() -> None:
    coupon = percent_coupon("a", plans=frozenset({"pro"}))
    basic, pro = (CouponLine("l", money("5.00 EUR"), plan=plan) for plan in ("basic", "pro"))
    came, used = discount_invoice([had(coupon)], [basic], EUR, at("2027-02-01"))
    assert (came.discount.minor, used) == (0, ())
    came, used = discount_invoice([had(coupon)], [pro], EUR, at("2027-03-01"))
    assert (came.discount.minor, [each.used for each in used]) == (50, [1])


def test_a_credit_note_uses_nothing_up() -> None:
    came, used = discount_invoice([had(ONCE)], fees("-5.00"), EUR, at("2027-02-01"))
    assert (came.discount.minor, used) == (0, ())


def test_what_an_earlier_coupon_left_nothing_of_is_not_used_up() -> None:
    whole = percent_coupon("whole", "100")
    came, used = discount_invoice([had(whole), had(ONCE)], fees("5.00"), EUR, at("2027-02-01"))
    assert came.discount == money("5.00 EUR")
    assert [each.id for each in used] == ["whole"]


def test_of_two_redemptions_of_one_coupon_the_second_has_its_turn_later() -> None:
    first, second = had(ONCE), replace(had(ONCE), id="again")
    came, used = discount_invoice([first, second], fees("5.00"), EUR, at("2027-02-01"))
    assert (came.discount.minor, [each.id for each in used]) == (50, ["once"])
    came, used = discount_invoice([*used, second], fees("5.00"), EUR, at("2027-03-01"))
    assert (came.discount.minor, [each.id for each in used]) == (50, ["again"])


def test_a_coupon_of_another_currency_is_left_out_and_a_line_of_one_is_refused() -> None:
    dollars = had(fixed_coupon("a", "1.00 USD"))
    came, used = discount_invoice([dollars], fees("5.00"), EUR, at("2027-02-01"))
    assert (came.discounts, used) == ((), ())
    with pytest.raises(CurrencyMismatch):
        discount_invoice([dollars], fees("5.00"), USD, at("2027-02-01"))


days = st.integers(0, 1_000).map(lambda n: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=n))


@given(st.sampled_from([ONCE, MONTHS, FOREVER]), st.lists(days, max_size=8), st.integers(0, 100))
def test_over_a_life_it_takes_no_more_than_its_duration_allows(
    coupon: Coupon, when: list[datetime], minor: int
) -> None:
    redemption = had(coupon)
    invoices = [(day.date().isoformat(), f"{minor}.00") for day in sorted(when)]
    taken = over(redemption, *invoices)
    acting = [redemption.acts(at(day)) for day, _ in invoices]
    assert all(not amount or acts for amount, acts in zip(taken, acting, strict=True))
    assert all(0 <= amount <= minor * 100 for amount in taken)
    if coupon is ONCE:
        assert sum(amount > 0 for amount in taken) <= 1
    else:
        assert taken == [minor * 10 if acts else 0 for acts in acting]
