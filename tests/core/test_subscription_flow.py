"""Changes: when they take effect, what is charged and given back, and what that never does."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.core.move import AddOn, Lapse, Unplan
from tallystick.core.period import Period
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Used
from tallystick.core.subscription_moves import next_at
from tests.core.billing import Story, day, offers_of, reckoned, usd

if TYPE_CHECKING:
    from tallystick.core.charge import Charge

HALF = "2027-04-16"  # of April 2027, which has 30 days


def _thousand(_charge: Charge) -> str:
    return "1500"


# --- plans ----------------------------------------------------------------------------------------


def test_an_upgrade_is_now_and_waits_for_the_next_invoice() -> None:
    story = Story().start("basic", at="2027-04-01").change(HALF, offer="pro@1", seats=2)
    assert (story.now.plan, story.totals) == ("pro@1", ["10.00"])
    story.until("2027-05-01")
    assert story.last == [
        ("credit", "basic", "-5.00"),
        ("fee", "pro", "15.00"),
        ("fee", "seat", "5.00"),
        ("fee", "pro", "30.00"),
        ("fee", "seat", "10.00"),
    ]


def test_an_upgrade_can_be_invoiced_at_once() -> None:
    story = Story().start("basic", at="2027-04-01")
    story.change(HALF, offer="max@1", proration="invoice_now")
    assert story.causes[-1] == "change/s/2"
    assert story.last == [("credit", "basic", "-5.00"), ("fee", "max", "45.00")]


def test_an_invoice_at_once_takes_what_waits_along() -> None:
    story = Story().start("seats", at="2027-04-01").change(HALF, seats=2)
    story.change("2027-04-21", seats=3, proration="invoice_now")
    assert [amount for *_, amount in story.last] == ["-3.00", "6.00", "-4.00", "6.00"]


def test_a_downgrade_waits_for_the_end_of_the_period() -> None:
    story = Story().start("max", at="2027-04-01").change(HALF, offer="basic@1")
    assert story.now.plan == "max@1"
    assert story.until("2027-05-01").now.plan == "basic@1"
    assert story.totals == ["90.00", "10.00"]


def test_a_downgrade_can_be_now_and_gives_the_rest_back() -> None:
    story = Story().start("max", at="2027-04-01")
    story.change(HALF, offer="basic@1", timing="now", proration="invoice_now")
    assert story.totals == ["90.00", "-40.00"]
    assert story.documents[-1].kind == "credit_note"


def test_no_proration_charges_nothing_until_the_next_period() -> None:
    story = Story().start("basic", at="2027-04-01").change(HALF, offer="max@1", proration="none")
    assert story.now.plan == "max@1"
    assert story.until("2027-05-01").totals == ["10.00", "90.00"]


def test_what_was_paid_counts_for_what_took_its_place() -> None:
    story = Story().start("max", at="2027-04-01")
    story.change(HALF, offer="basic@1", timing="now", proration="none")
    story.change("2027-04-21", offer="max@1", proration="invoice_now")
    assert story.last == [("credit", "basic", "-3.33"), ("fee", "max", "30.00")]


def test_a_change_of_interval_restarts_with_a_whole_charge_at_once() -> None:
    story = Story().start("basic", at="2027-01-31").change("2027-02-14", offer="year@1")
    assert story.causes[-1] == "change/s/2"
    assert story.last == [("credit", "basic", "-5.00"), ("fee", "year", "300.00")]
    assert story.now.period == Period(day("2027-02-14"), day("2028-02-14"))
    assert next_at(story.now) == day("2027-03-14")  # the month of the usage


def test_a_shorter_interval_is_now_too_whatever_the_prices_say() -> None:
    story = Story().start("year", at="2027-01-31").change("2027-03-31", offer="basic@1")
    assert story.last == [("credit", "year", "-251.51"), ("fee", "basic", "10.00")]
    assert story.totals[-1] == "-241.51"
    assert story.until("2027-04-30").causes[-1] == "boundary/s/2027-04-30T00:00:00Z"
    assert story.until("2027-05-31").causes[-1] == "boundary/s/2027-05-31T00:00:00Z"


def test_a_change_of_interval_can_wait_and_counts_from_there() -> None:
    story = Story().start("basic", at="2027-01-31")
    story.change("2027-02-14", offer="quarter@1", timing="period_end").until("2027-05-28")
    assert story.causes == [
        f"boundary/s/{text}T00:00:00Z" for text in ("2027-01-31", "2027-02-28", "2027-05-28")
    ]
    assert story.totals == ["10.00", "27.00", "27.00"]


def test_a_change_at_a_date_is_made_then_and_can_be_taken_back() -> None:
    story = (
        Story().start("basic", at="2027-04-01").change("2027-04-02", offer="max@1", at=day(HALF))
    )
    assert (story.now.plan, next_at(story.now)) == ("basic@1", day(HALF))
    other = copy(story)
    assert story.until(HALF).now.plan == "max@1"
    assert story.until("2027-05-01").totals == ["10.00", "130.00"]
    assert other.do("2027-04-03", Unplan(number=2)).until("2027-05-01").totals == ["10.00", "10.00"]


def test_a_change_on_a_boundary_comes_after_its_invoice() -> None:
    story = Story().start("basic", at="2027-04-01").change("2027-05-01", offer="max@1")
    assert story.totals == ["10.00", "10.00"]
    assert story.until("2027-06-01").totals[-1] == "170.00"  # -10 + 90 for May, 90 for June
    planned = Story().start("basic", at="2027-04-01")
    planned.change("2027-04-02", offer="max@1", at=day("2027-05-01")).until("2027-06-01")
    assert planned.totals == story.totals


def test_a_planned_removal_of_what_is_gone_already_does_no_harm() -> None:
    story = Story().start("basic", at="2027-04-01", add_ons=(AddOn("extra@1"),))
    story.change("2027-04-02", remove=("extra",))
    story.change("2027-04-03", remove=("extra",), timing="now", proration="none")
    assert story.until("2027-05-01").totals == ["14.00", "10.00"]


def test_a_customers_own_price_is_a_difference_on_the_version() -> None:
    story = Story().start("basic", at="2027-04-01", overrides={"basic": {"cost": "4.00"}})
    story.change(HALF, overrides={"basic": {"cost": "8.00"}})
    assert story.until("2027-05-01").totals == ["4.00", "10.00"]
    story.change("2027-05-02", overrides={})
    assert story.until("2027-06-01").last[-1] == ("fee", "basic", "10.00")


def test_an_unpaid_invoice_changes_nothing_of_what_is_billed() -> None:
    story = Story().start("basic", at="2027-04-01").do("2027-04-20", Lapse()).until("2027-06-01")
    assert (story.now.state, story.totals) == ("past_due", ["10.00"] * 3)


# --- seats and add-ons ----------------------------------------------------------------------------


def test_more_seats_are_now_and_fewer_at_the_end_of_the_period() -> None:
    story = Story().start("seats", at="2027-04-01", seats=4)
    story.change(HALF, seats=6)
    assert story.now.seats == 6
    story.change("2027-04-20", seats=1)
    assert story.now.seats == 6
    assert story.until("2027-05-01").last == [
        ("credit", "s", "-12.00"),
        ("fee", "s", "18.00"),
        ("fee", "s", "6.00"),
    ]


def test_seats_do_not_touch_the_flat_price_nor_the_tiers() -> None:
    story = Story(used=_thousand).start("pro", at="2027-04-01").change(HALF, seats=3)
    assert [(line.price, line.share) for line in story.until("2027-05-01").documents[-1].lines] == [
        ("seat", (1296000, 2592000)),
        ("seat", (1296000, 2592000)),
        ("calls", None),
        ("pro", None),
        ("seat", None),
    ]


def test_an_add_on_is_charged_for_the_rest_and_removed_at_the_end() -> None:
    story = Story().start("basic", at="2027-04-01").change(HALF, add=(AddOn("extra@1", 2),))
    story.change("2027-04-20", remove=("extra",))
    assert [item.key for item in story.now.items] == ["plan", "extra"]
    assert story.until("2027-05-01").last == [("fee", "extra", "4.00"), ("fee", "basic", "10.00")]
    assert [item.key for item in story.now.items] == ["plan"]


def test_an_add_on_of_a_longer_interval_is_credited_where_it_is_removed() -> None:
    story = Story().start("basic", at="2027-01-01", add_ons=(AddOn("year@1"),))
    story.change("2027-06-15", remove=("year",)).until("2027-07-01")
    assert story.last[-2:] == [("credit", "year", "-151.23"), ("fee", "basic", "10.00")]


def test_an_add_on_of_a_quarter_ends_with_the_others() -> None:
    story = Story().start("quarter", at="2027-01-01")
    other = offers_of(
        {"id": "q", "name": "Q", "interval": "month", "interval_count": 3,
         "prices": [{"id": "q", "name": "Q", "type": "flat", "cost": "9.00"}]}
    )  # fmt: skip
    story.offers = {**story.offers, **other}
    story.change("2027-02-01", add=(AddOn("q@1"),), proration="invoice_now")
    assert story.last == [("fee", "q", "5.90")]  # 59 of 90 days, not a quarter of its own
    assert story.until("2027-04-01").last == [("fee", "quarter", "27.00"), ("fee", "q", "9.00")]


def test_a_one_time_plan_is_charged_once() -> None:
    story = Story().start("licence", at="2027-01-31")
    assert story.last == [("setup", "", "5.00"), ("fee", "licence", "99.00")]
    assert next_at(story.now) is None
    story.pause("2027-02-01").resume("2027-03-01")
    story.change("2027-03-31", add=(AddOn("extra@1"),), proration="invoice_now").until("2027-06-30")
    assert story.totals == ["104.00", "4.00", "4.00", "4.00", "4.00"]
    assert story.now.spans[0].end == day("2027-07-31")  # counted from the start, the 31st


def test_a_setup_fee_is_charged_once() -> None:
    story = Story().start("setup", at="2027-01-01")
    story.change("2027-01-01", offer="basic@1", timing="now")
    story.change("2027-01-01", offer="setup@1", proration="invoice_now").until("2027-02-01")
    assert story.totals == ["35.00", "0.00", "10.00"]


def test_a_yearly_plan_has_its_usage_by_the_month() -> None:
    story = Story(used=_thousand).start("year", at="2027-01-31").until("2028-01-31")
    assert story.totals == ["300.00", *["5.00"] * 11, "305.00"]


# --- usage and minimums across a change -----------------------------------------------------------


def test_allowances_of_a_price_that_changes_count_by_time() -> None:
    story = Story(used=_thousand).start("pro", at="2027-04-01")
    story.change(HALF, offer="max@1", proration="invoice_now").until("2027-05-01")
    assert next(line.amount for line in story.documents[1].lines if line.kind == "usage") == usd(
        "10.00"  # 1,500 less 500 at 0.01
    )
    assert story.last[0] == ("usage", "max-calls", "5.00")  # 1,500 less 500 at 0.005


def test_a_price_that_both_plans_share_goes_on_uncut() -> None:
    story = Story(used=_thousand).start("basic", at="2027-04-01")
    story.change("2027-04-01", offer="pro@1", proration="invoice_now")
    story.change(HALF, offer="twin@1", timing="now").until("2027-05-01")
    usage = [line for each in story.documents for line in each.lines if line.kind == "usage"]
    assert [(line.window, line.share) for line in usage] == [
        (Period(day("2027-04-01"), day("2027-05-01")), None)
    ]


def test_a_minimum_is_what_is_missing_of_it() -> None:
    story = Story(used=_thousand).start("floor", at="2027-04-01").until("2027-05-01")
    assert [kind for kind, *_ in story.last] == ["usage", "fee", "minimum"]
    due = story.dues[-1]
    place = next(n for n, charge in enumerate(due.charges) if charge.kind == "minimum")
    bill = reckoned(due, measured=_thousand, billed={place: 1000})
    assert [line.amount for line in bill.lines if line.kind == "minimum"] == [usd("35.00")]


@pytest.mark.parametrize(
    ("used", "credit"), [("0", "-45.00"), ("500", "-45.00"), ("900", "-9.00"), ("5000", "0.00")]
)
def test_a_credit_by_value_is_no_more_than_the_allowance_that_is_left(
    used: str, credit: str
) -> None:
    story = Story().start("max", at="2027-04-01")
    story.change(HALF, offer="year@1", proration="value_capped")
    due = story.dues[-1]
    place = next(n for n, charge in enumerate(due.charges) if charge.kind == "credit")
    spent = Used(measured=Quantity(Decimal(used)), included=Decimal(1000))
    bill = reckoned(due, used={place: (spent,)})
    assert next(line.amount for line in bill.lines if line.kind == "credit") == usd(credit)


def test_a_credit_that_rounds_to_nothing_still_frees_its_time() -> None:
    story = Story().start("seats", at="2027-04-01").change("2027-04-30T23:59:59", seats=2)
    assert story.until("2027-05-01").last[0] == ("credit", "s", "0.00")
