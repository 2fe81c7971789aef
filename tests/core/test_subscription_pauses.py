"""Pauses and ends: paused time is not billed, and what is left is given back where it is asked."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.move import AddOn, Keep, Lapse, Recover
from tallystick.core.period import Period
from tallystick.core.subscription_moves import next_at
from tallystick.errors import Conflict
from tests.core.billing import Story, day, iso, reckoned, usd

if TYPE_CHECKING:
    from tallystick.core.charge import Charge
    from tallystick.core.subscription import PauseMode


def _thousand(_charge: Charge) -> str:
    return "1500"


# --- a pause that leaves the boundaries -----------------------------------------------------------


def test_a_pause_within_a_period_is_not_billed() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-11").resume("2027-04-21")
    assert story.causes[-1] == "change/s/3"
    assert story.last == [("credit", "basic", "-6.67"), ("fee", "basic", "3.33")]
    assert story.until("2027-05-01").totals == ["10.00", "-3.34", "10.00"]


def test_nothing_is_charged_for_periods_in_a_pause() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-11").until("2027-07-11")
    assert story.totals == ["10.00", "-6.67"]
    assert story.causes[-1] == "boundary/s/2027-05-01T00:00:00Z"
    assert story.now.period == Period(day("2027-07-01"), day("2027-08-01"))
    story.resume("2027-07-22")
    assert story.last == [("fee", "basic", "3.23")]  # 10 of 31 days
    assert story.until("2027-08-01").totals[-1] == "10.00"


def test_a_pause_resumes_by_itself_where_that_was_said() -> None:
    story = Story().start("basic", at="2027-04-01")
    story.pause("2027-04-11", resumes_at=day("2027-04-21")).until("2027-05-01")
    assert story.causes[1] == "resume/s/2027-04-21T00:00:00Z"
    assert story.totals == ["10.00", "-3.34", "10.00"]
    on_boundary = Story().start("basic", at="2027-04-01")
    on_boundary.pause("2027-04-11", resumes_at=day("2027-05-01")).until("2027-05-01")
    assert on_boundary.totals == ["10.00", "-6.67", "10.00"]
    assert on_boundary.causes[-1] == "resume/s/2027-05-01T00:00:00Z"


def test_usage_in_a_pause_is_left_out_of_its_window() -> None:
    story = Story(used=_thousand).start("pro", at="2027-04-01")
    story.pause("2027-04-11").resume("2027-04-21").until("2027-05-01")
    charge = next(each for each in story.dues[-1].charges if each.kind == "usage")
    assert charge.window == Period(day("2027-04-01"), day("2027-05-01"))
    assert charge.holes == (Period(day("2027-04-11"), day("2027-04-21")),)
    assert not charge.cut  # the allowance of a period stays whole


def test_a_period_that_was_paused_from_its_first_second_has_no_usage() -> None:
    story = Story().start("pro", at="2027-04-01").pause("2027-04-01").until("2027-06-01")
    kinds = {charge.kind for due in story.dues for charge in due.charges}
    assert kinds == {"fee", "credit"}
    assert story.total == usd("0.00")


def test_a_pause_at_the_first_second_and_back_costs_nothing() -> None:
    story = Story().start("pro", at="2027-04-01", seats=3)
    once = story.total
    story.pause("2027-04-09").resume("2027-04-09")
    assert story.total == once


def test_a_plan_can_be_changed_in_a_pause() -> None:
    story = Story().start("pro", at="2027-04-01").pause("2027-04-11")
    story.change("2027-04-16", offer="max@1").resume("2027-04-21")
    assert [line for line in story.last if line[0] == "fee"] == [("fee", "max", "30.00")]
    usage = [each for due in story.dues for each in due.charges if each.kind == "usage"]
    assert [(each.price, each.cut) for each in usage] == [("calls", True)]
    after = story.until("2027-05-01").dues[-1].charges
    assert [each.cut for each in after if each.kind == "usage"] == [True]


def test_after_a_pause_fees_are_shares_of_the_whole_month() -> None:
    story = Story().start("pro", at="2027-04-01").pause("2027-04-11").resume("2027-04-21")
    story.change("2027-04-26", offer="max@1", proration="invoice_now")
    assert ("credit", "pro", "-5.00") in story.last
    assert ("fee", "max", "15.00") in story.last


def test_another_interval_in_a_pause_is_charged_at_the_resume() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-11")
    story.change("2027-04-12", offer="quarter@1")
    assert story.totals[1:] == ["-6.67"]
    story.resume("2027-05-12")
    assert story.last == [("fee", "quarter", "18.10")]  # 61 of 91 days from Apr 12 to Jul 12
    assert story.now.period == Period(day("2027-04-12"), day("2027-07-12"))


# --- a pause that moves the period on -------------------------------------------------------------


def test_an_extended_period_moves_on_by_the_pause() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-11", mode="extend")
    assert next_at(story.now) is None
    assert story.until("2027-08-01").dues[1:] == []
    story.resume("2027-08-01")
    assert story.now.period == Period(day("2027-04-01"), day("2027-08-21"))
    assert story.until("2027-09-21").totals == ["10.00", "10.00", "10.00"]
    assert story.causes[1:] == [
        "boundary/s/2027-08-21T00:00:00Z",
        "boundary/s/2027-09-21T00:00:00Z",  # the anchor is the new end
    ]


def test_a_change_after_an_extended_pause_is_of_the_days_that_are_left() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-11", mode="extend")
    story.resume("2027-05-11").change("2027-05-16", offer="max@1", proration="invoice_now")
    assert story.last == [("credit", "basic", "-5.00"), ("fee", "max", "45.00")]
    story.change("2027-05-26", add=(AddOn("extra@1"),), proration="invoice_now")
    assert story.last == [("fee", "extra", "0.67")]  # 5 of 30 days


def test_a_change_in_an_extended_pause_swaps_what_is_left() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-16", mode="extend")
    story.change("2027-05-01", offer="max@1", proration="invoice_now")
    assert story.last == [("credit", "basic", "-5.00"), ("fee", "max", "45.00")]
    story.resume("2027-05-16")
    assert story.now.period == Period(day("2027-04-01"), day("2027-05-31"))
    assert story.until("2027-05-31").last == [("fee", "max", "90.00")]


def test_another_interval_in_an_extended_pause_runs_from_the_resume() -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-16", mode="extend")
    story.change("2027-04-20", offer="quarter@1")
    assert story.last == [("credit", "basic", "-5.00"), ("fee", "quarter", "27.00")]
    story.resume("2027-04-30")
    assert story.now.period == Period(day("2027-04-20"), day("2027-07-30"))
    assert story.until("2027-07-30").last == [("fee", "quarter", "27.00")]


def test_a_pause_that_ends_by_itself_moves_the_period_by_its_length() -> None:
    story = Story().start("basic", at="2027-04-01")
    story.pause("2027-04-11", mode="extend", resumes_at=day("2027-05-01")).until("2027-05-21")
    assert story.causes[1:] == ["boundary/s/2027-05-21T00:00:00Z"]


def test_a_cancellation_at_the_end_moves_on_with_it() -> None:
    story = Story().start("basic", at="2027-04-01").cancel("2027-04-02", "period_end")
    story.pause("2027-04-11", mode="extend").until("2027-06-01")
    states = [story.now.state]
    states.append(story.resume("2027-06-01").until("2027-06-20").now.state)
    states.append(story.until("2027-06-21").now.state)
    assert states == ["paused", "active", "canceled"]
    assert story.totals == ["10.00"]


def test_a_cancellation_at_a_date_comes_in_any_pause() -> None:
    for mode in ("keep", "extend"):
        story = Story().start("basic", at="2027-04-01")
        story.cancel("2027-04-02", at=day("2027-04-21"), credit=True)
        story.pause("2027-04-11", mode=mode).until("2027-04-21")
        assert story.now.state == "canceled"
        assert story.total == usd("3.33")


@pytest.mark.parametrize("mode", ["keep", "extend"])
def test_what_is_past_due_is_so_again_after_a_pause(mode: PauseMode) -> None:
    story = Story().start("basic", at="2027-04-01").do("2027-04-02", Lapse())
    story.pause("2027-04-11", mode=mode).resume("2027-04-11")
    assert (story.now.state, story.total) == ("past_due", usd("10.00"))
    story.pause("2027-04-12", mode=mode, resumes_at=day("2027-04-13")).until("2027-04-14")
    assert story.now.state == "past_due"
    assert not story.now.lapsed  # the state says it


@pytest.mark.parametrize("mode", ["keep", "extend"])
def test_who_pays_or_fails_to_in_a_pause_goes_on_so(mode: PauseMode) -> None:
    story = Story().start("basic", at="2027-04-01").pause("2027-04-11", mode=mode)
    story.do("2027-04-12", Lapse()).do("2027-04-12", Lapse())
    assert (story.now.state, story.now.lapsed) == ("paused", True)
    other = copy(story).do("2027-04-13", Recover()).resume("2027-04-14")
    assert (story.resume("2027-04-14").now.state, other.now.state) == ("past_due", "active")
    assert story.cancel("2027-04-15").now.state == "canceled"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6 * 86_400), min_size=1, max_size=4), st.integers(0, 90 * 86_400))
def test_pauses_that_extend_lose_nobody_a_second(gaps: list[int], length: int) -> None:
    story = Story().start("pro", at="2027-04-01")
    at = day("2027-04-01")
    for gap in gaps:
        at += timedelta(seconds=gap)
        story.pause(iso(at), mode="extend")
        at += timedelta(seconds=length)
        story.resume(iso(at))
    assert story.now.period is not None
    assert story.now.period.seconds == 30 * 86_400 + length * len(gaps)
    assert len(story.dues) == 1


# --- ends -----------------------------------------------------------------------------------------


def test_a_cancellation_now_keeps_what_was_paid_unless_credit_is_asked_for() -> None:
    kept = Story().start("basic", at="2027-04-01").cancel("2027-04-16")
    assert (kept.now.state, kept.totals) == ("canceled", ["10.00"])
    given_back = Story().start("basic", at="2027-04-01").cancel("2027-04-16", credit=True)
    assert given_back.totals == ["10.00", "-5.00"]
    assert given_back.dues[-1].final
    assert next_at(given_back.now) is None


def test_a_cancellation_now_charges_the_usage_so_far() -> None:
    story = Story(used=_thousand).start("pro", at="2027-04-01").cancel("2027-04-16")
    assert story.last == [("usage", "calls", "5.00")]
    assert story.causes[-1] == "change/s/2"


def test_a_cancellation_takes_what_waits_along() -> None:
    story = Story().start("basic", at="2027-04-01").change("2027-04-16", offer="max@1")
    story.cancel("2027-04-16", credit=True)
    assert story.total == usd("5.00")


def test_a_cancellation_at_the_end_of_the_period_bills_the_last_usage() -> None:
    story = Story(used=_thousand).start("pro", at="2027-04-01").cancel("2027-04-02", "period_end")
    assert story.now.cancel_at == day("2027-05-01")
    story.until("2027-08-01")
    assert story.last == [("usage", "calls", "5.00")]
    assert story.causes[-1] == "boundary/s/2027-05-01T00:00:00Z"
    assert story.dues[-1].final


def test_a_cancellation_can_be_taken_back_until_it_comes_true() -> None:
    story = Story().start("basic", at="2027-04-01").cancel("2027-04-02", "period_end")
    story.do("2027-04-30T23:59:59", Keep()).until("2027-05-01")
    assert story.totals == ["10.00", "10.00"]
    gone = Story().start("basic", at="2027-04-01").cancel("2027-04-02", "period_end")
    with pytest.raises(Conflict):
        gone.do("2027-05-01", Keep())


def test_a_cancellation_at_a_date_charges_a_part_of_the_last_period() -> None:
    story = Story().start("basic", at="2027-04-01").cancel("2027-04-02", at=day("2027-05-11"))
    assert story.until("2027-05-01").last == [("fee", "basic", "3.23")]  # 10 of 31 days
    kept = copy(story)
    assert story.until("2027-09-01").totals == ["10.00", "3.23"]
    kept.do("2027-05-05", Keep()).until("2027-05-11")
    assert kept.last == [("fee", "basic", "6.77")]
    assert kept.until("2027-06-01").totals[-1] == "10.00"


def test_what_is_planned_goes_with_the_subscription() -> None:
    story = Story().start("max", at="2027-04-01").change("2027-04-02", offer="basic@1")
    story.cancel("2027-04-03")
    assert (story.now.planned, story.now.spans, next_at(story.now)) == ((), (), None)


def test_one_without_a_period_can_only_be_canceled_now_or_at_a_date() -> None:
    story = Story().start("licence", at="2027-04-01")
    with pytest.raises(Conflict, match="cancel it now"):
        story.cancel("2027-04-02", "period_end")
    assert story.cancel("2027-04-02").now.state == "canceled"


@pytest.mark.parametrize("mode", ["keep", "extend"])
def test_a_monthly_usage_of_a_year_is_paused_with_it(mode: PauseMode) -> None:
    story = Story(used=_thousand).start("year", at="2027-01-31").pause("2027-03-10", mode=mode)
    story.resume("2027-03-20").until("2028-02-10")
    windows = [
        charge.window
        for due in story.dues
        for charge in due.charges
        if charge.kind == "usage" and charge.window is not None
    ]
    assert all(one.end == other.start for one, other in pairwise(windows))
    ends = {"keep": "2027-03-31", "extend": "2027-04-10"}
    assert windows[1].end == day(ends[mode])
    assert len(windows) == 12


def test_a_price_with_a_minimum_is_not_owed_for_paused_time() -> None:
    story = Story().start("floor", at="2027-04-01").pause("2027-04-16").until("2027-05-01")
    due = story.dues[-1]
    place = next(n for n, charge in enumerate(due.charges) if charge.kind == "minimum")
    lines = reckoned(due, billed={place: 1000}).lines
    assert [line.amount for line in lines] == [usd("-5.00"), usd("20.00")]  # to 25.00 with the fee
