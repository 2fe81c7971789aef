"""How a subscription starts: now, later, long ago, after a trial, in phases, or from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.move import AddOn, Lapse, Phase
from tallystick.core.period import Period
from tallystick.core.subscription_moves import next_at
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidPeriod, UnknownPlan
from tests.core.billing import Story, day

# --- starts ---------------------------------------------------------------------------------------


def test_a_start_charges_the_first_period_at_once() -> None:
    story = Story().start("basic", at="2027-01-31")
    assert story.now.state == "active"
    assert story.now.period == Period(day("2027-01-31"), day("2027-02-28"))
    assert story.totals == ["10.00"]
    assert story.causes == ["boundary/s/2027-01-31T00:00:00Z"]


def test_a_start_in_the_future_charges_nothing_yet() -> None:
    story = Story().start("basic", at="2027-01-01", starts_at=day("2027-02-01"))
    assert (story.now.state, story.dues) == ("scheduled", [])
    assert next_at(story.now) == day("2027-02-01")
    assert story.until("2027-02-01").totals == ["10.00"]
    assert story.now.state == "active"


def test_a_start_in_the_past_bills_what_was_due_since() -> None:
    story = Story().start("basic", at="2027-03-15", starts_at=day("2027-01-01"))
    assert story.totals == ["10.00", "10.00", "10.00"]
    assert story.now.started_at == day("2027-01-01")


def test_one_that_runs_elsewhere_is_charged_from_where_it_is_paid_to() -> None:
    story = Story().start(
        "setup", at="2027-03-10", starts_at=day("2026-05-28"), paid_until=day("2027-03-28")
    )
    assert (story.now.state, story.dues) == ("active", [])
    assert story.now.started_at == day("2026-05-28")
    story.until("2027-03-28")
    assert story.last == [("fee", "setup", "10.00")]  # it was set up elsewhere


def test_one_that_runs_elsewhere_can_wait_with_less_until_then() -> None:
    story = Story().start(
        "max", at="2027-03-10", starts_at=day("2027-01-28"), paid_until=day("2027-03-28")
    )
    story.change("2027-03-11", offer="basic@1")
    assert story.now.plan == "max@1"
    story.until("2027-03-28")
    assert story.totals == ["10.00"]


def test_one_that_runs_elsewhere_can_pause_before_it_is_charged() -> None:
    start = {"starts_at": day("2027-01-28"), "paid_until": day("2027-03-28")}
    kept = Story().start("basic", at="2027-03-10", **start)
    kept.pause("2027-03-18").until("2027-04-07").resume("2027-04-07")
    assert kept.last == [("fee", "basic", "6.77")]  # 21 of 31 days to Apr 28
    moved = Story().start("basic", at="2027-03-10", **start)
    moved.pause("2027-03-18", mode="extend").until("2027-04-17").resume("2027-04-17")
    assert moved.dues == []
    assert moved.until("2027-04-27").totals == ["10.00"]  # 10 days later there were 10 days left
    lapsed = Story().start("basic", at="2027-03-10", **start).do("2027-03-11", Lapse())
    assert lapsed.until("2027-03-28").now.state == "past_due"


def test_acts_are_cut_to_the_second() -> None:
    story = Story().start("basic", at="2027-01-31T10:00:00.999999")
    assert story.now.period == Period(day("2027-01-31T10:00:00"), day("2027-02-28T10:00:00"))


def test_anchors_are_kept_and_clamped() -> None:
    for first, ends in {
        "2027-01-29": ["2027-02-28", "2027-03-29", "2027-04-29"],
        "2027-01-30": ["2027-02-28", "2027-03-30", "2027-04-30"],
        "2027-01-31": ["2027-02-28", "2027-03-31", "2027-04-30"],
        "2028-01-31": ["2028-02-29", "2028-03-31", "2028-04-30"],
    }.items():
        story = Story().start("basic", at=first)
        for end in ends:
            assert story.now.period is not None
            assert story.now.period.end == day(end)
            story.until(end)


def test_a_zone_keeps_its_wall_clock() -> None:
    story = Story().start("basic", at="2027-03-01T05:00:00", zone="America/New_York")
    assert story.now.period == Period(day("2027-03-01T05:00:00"), day("2027-04-01T04:00:00"))
    assert story.totals == ["10.00"]  # a month without an hour is a month


def test_calendar_billing_begins_with_a_part_of_a_month() -> None:
    story = Story().start("basic", at="2027-01-16", billing="calendar").until("2027-03-01")
    assert story.totals == ["5.16", "10.00", "10.00"]  # 16 of 31 days
    assert story.causes[1] == "boundary/s/2027-02-01T00:00:00Z"


def test_calendar_billing_from_the_first_has_whole_months_only() -> None:
    story = Story().start("basic", at="2027-02-01", billing="calendar").until("2027-03-01")
    assert story.totals == ["10.00", "10.00"]


def test_an_anchor_of_ones_own_begins_with_a_part_too() -> None:
    story = Story().start("basic", at="2027-01-16", anchor=day("2027-01-20")).until("2027-02-20")
    assert story.totals == ["1.29", "10.00", "10.00"]  # 4 of the 31 days from Dec 20
    assert story.causes[-1] == "boundary/s/2027-02-20T00:00:00Z"


def test_a_fixed_term_ends_and_charges_no_longer_than_that() -> None:
    story = Story().start("basic", at="2027-04-01", ends_at=day("2027-05-16")).until("2027-07-01")
    assert story.totals == ["10.00", "4.84"]  # 15 of 31 days
    assert (story.now.state, story.now.ended_at) == ("ended", day("2027-05-16"))
    assert next_at(story.now) is None


# --- trials ---------------------------------------------------------------------------------------


def test_a_trial_is_free_and_the_cycle_is_anchored_at_its_end() -> None:
    story = Story().start("pro", at="2027-01-10", trial_days=21)
    assert (story.now.state, story.dues, story.now.spans) == ("trialing", [], ())
    assert story.now.trial_end == day("2027-01-31")
    story.until("2027-02-28")
    assert story.now.state == "active"
    assert story.causes == ["boundary/s/2027-01-31T00:00:00Z", "boundary/s/2027-02-28T00:00:00Z"]


def test_trial_days_are_days_on_the_wall_clock() -> None:
    story = Story().start("basic", at="2027-03-10T17:00:00", zone="America/New_York", trial_days=7)
    assert story.now.trial_end == day("2027-03-17T16:00:00")  # 12:00 there, before and after
    gap = Story().start("basic", at="2027-03-13T07:30:00", zone="America/New_York", trial_days=1)
    assert gap.now.trial_end == day("2027-03-14T07:30:00")  # 02:30 is not on that day: 03:30


def test_a_trial_ends_as_was_chosen() -> None:
    canceled = Story().start("basic", at="2027-01-01", trial_days=7, after_trial="canceled")
    assert canceled.until("2027-02-01").now.state == "canceled"
    assert canceled.dues == []
    paused = Story().start("setup", at="2027-01-01", trial_days=7, after_trial="paused")
    assert paused.until("2027-02-01").now.state == "paused"
    assert paused.dues == []
    paused.resume("2027-02-15")
    assert paused.last == [("setup", "", "25.00"), ("fee", "setup", "10.00")]
    assert paused.now.period == Period(day("2027-02-15"), day("2027-03-15"))


def test_what_is_changed_in_a_trial_costs_nothing_yet() -> None:
    story = Story().start("pro", at="2027-01-01", trial_days=14)
    story.change("2027-01-05", offer="basic@1")  # who has paid nothing need not wait
    assert story.now.plan == "basic@1"
    story.change("2027-01-06", offer="max@1", timing="period_end")
    assert story.now.plan == "basic@1"
    assert story.until("2027-01-15").last == [("fee", "max", "90.00")]


def test_a_cancellation_at_the_end_of_a_trial_charges_nothing() -> None:
    story = (
        Story().start("basic", at="2027-01-01", trial_days=14).cancel("2027-01-02", "period_end")
    )
    assert story.now.cancel_at == day("2027-01-15")
    assert story.until("2027-02-01").now.state == "canceled"
    assert story.dues == []


# --- phases ---------------------------------------------------------------------------------------


def test_three_months_at_half_price_then_the_list() -> None:
    half = Phase(periods=3, percent_off="50")
    story = Story().start("pro", at="2027-01-31", seats=2, phases=(half,)).until("2027-05-31")
    assert story.totals == ["20.00", "20.00", "20.00", "40.00", "40.00"]


def test_phases_follow_each_other_and_the_last_may_stay() -> None:
    phases = (
        Phase(periods=1, overrides={"basic": {"cost": "1.00"}}),
        Phase(periods=2, percent_off="20"),
        Phase(periods=None, offer="extra@1"),
    )
    story = Story().start("basic", at="2027-01-01", phases=phases).until("2027-05-01")
    assert story.totals == ["1.00", "8.00", "8.00", "4.00", "4.00"]


def test_a_phase_that_ends_leaves_another_plan_alone() -> None:
    phases = (Phase(periods=2, percent_off="50"),)
    own = {"basic": {"name": "Mine"}}
    story = Story().start("basic", at="2027-01-01", phases=phases, overrides=own)
    story.change("2027-01-01", offer="max@1", proration="invoice_now")
    assert story.totals == ["5.00", "85.00"]
    assert story.until("2027-03-01").totals[2:] == ["90.00", "90.00"]
    assert story.now.plan == "max@1"


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trial_days", 0),
        ("trial_days", True),
        ("trial_days", 10**9),
        ("after_trial", "gone"),
        ("billing", "weekly"),
        ("ends_at", day("2026-12-31")),
        ("paid_until", day("2027-01-01")),
        ("seats", 0),
        ("seats", 10**9),
        ("overrides", {"nothing": {"cost": "1.00"}}),
        ("phases", (Phase(periods=0),)),
        ("phases", (Phase(periods=None), Phase(periods=1))),
        ("phases", (Phase(periods=1, percent_off="101"),)),
        ("add_ons", (AddOn("extra@1"), AddOn("extra@1"))),
        ("add_ons", (AddOn("basic@1"),)),
        ("add_ons", (AddOn("extra@1", 0),)),
        ("add_ons", tuple(AddOn(f"extra@{n}") for n in range(51))),
    ],
)
def test_a_start_names_the_field_that_is_wrong(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        Story().start("basic", at="2027-01-01", **{field: value})


def test_a_start_refuses_what_excludes_each_other_all_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        Story().start(
            "basic",
            at="2027-01-01",
            starts_at=day("2027-02-01"),
            paid_until=day("2027-03-01"),
            trial_days=3,
            billing="calendar",
            anchor=day("2027-01-05"),
        )
    assert set(refused.value.fields) == {"starts_at", "paid_until", "anchor"}


def test_a_start_needs_a_plan_a_zone_and_a_currency_that_are_known() -> None:
    with pytest.raises(UnknownPlan):
        Story().start("nope", at="2027-01-01")
    with pytest.raises(InvalidPeriod, match="Europe/Berlin"):
        Story().start("basic", at="2027-01-01", zone="Europe/Berlim")
    with pytest.raises(CurrencyMismatch):
        Story().start("basic", at="2027-01-01", currency="EUR")
