"""Faults in what time and moves do to a subscription."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_TIME"]

_PERIOD: Final = "tests/core/test_period.py::"
_CALENDAR: Final = "tests/core/test_period_calendar.py::"
_FLOW: Final = "tests/core/test_subscription_flow.py::"
_MOVES: Final = "tests/core/test_subscription_moves.py::"
_PAUSES: Final = "tests/core/test_subscription_pauses.py::"
_START: Final = "tests/core/test_subscription_start.py::"
_NOTICED: Final = "tests/mutants/test_noticed.py::"

OF_TIME: Final = (
    Mutant(
        "the end of a period is in it",
        "core/period.py",
        "return self.start <= instant(at) < self.end",
        "return self.start <= instant(at) <= self.end",
        (f"{_PERIOD}test_a_period_has_its_start_and_not_its_end",),
        quick=True,
    ),
    Mutant(
        "neighbours overlap",
        "core/period.py",
        "return self.start < other.end and other.start < self.end",
        "return self.start <= other.end and other.start <= self.end",
        (f"{_PERIOD}test_periods_intersect_where_both_are",),
    ),
    Mutant(
        "a month has 30 days",
        "core/calendar.py",
        ("    if cadence.months:\n        year, month = divmod"),
        (
            "    if cadence.months:\n"
            "        return wall + timedelta(days=30 * n * cadence.months)\n"
            "        year, month = divmod"
        ),
        (f"{_CALENDAR}test_a_boundary_keeps_the_anchor_day",),
    ),
    Mutant(
        "the anchor drifts after February",
        "core/subscription_flow.py",
        "return Period(at, period_from(at, anchor, cadence, self.now.zone)[0])",
        "return Period(at, period_from(at, at, cadence, self.now.zone)[0])",
        (f"{_START}test_anchors_are_kept_and_clamped",),
        quick=True,
    ),
    Mutant(
        "every fourth year is a leap year",
        "core/calendar.py",
        "year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        "year % 4 == 0",
        (
            f"{_CALENDAR}test_no_anchor_day_drifts_in_a_hundred_years",
            f"{_CALENDAR}test_a_boundary_keeps_the_anchor_day",
        ),
    ),
    Mutant(
        "months are those of UTC",
        "core/subscription_moves.py",
        "zone=None if move.zone is None else check_zone(move.zone)",
        "zone=None if move.zone is None else check_zone(move.zone) and None",
        (f"{_START}test_a_zone_keeps_its_wall_clock",),
        quick=True,
    ),
    Mutant(
        "of a repeated hour the second counts",
        "core/calendar.py",
        "tzinfo=_zone(check_zone(zone)), fold=0)",
        "tzinfo=_zone(check_zone(zone)), fold=1)",
        (f"{_CALENDAR}test_of_a_repeated_wall_clock_time_the_first_counts",),
    ),
    Mutant(
        "proration by days",
        "core/span.py",
        "return TimeShare(_seconds(window, holes), _seconds(whole, holes) or whole.seconds)",
        (
            "whole_seconds = _seconds(whole, holes) or whole.seconds\n"
            "    return TimeShare(_seconds(window, holes) // 86_400, whole_seconds // 86_400 or 1)"
        ),
        (f"{_NOTICED}test_a_share_is_counted_by_the_second",),
    ),
    Mutant(
        "a boundary on the time of the run waits",
        "core/subscription_flow.py",
        "is not None and at <= until:",
        "is not None and at < until:",
        (f"{_FLOW}test_an_upgrade_is_now_and_waits_for_the_next_invoice",),
    ),
    Mutant(
        "catching up bills one period",
        "core/subscription_flow.py",
        "            self.grant(at)\n\n    def settle",
        "            self.grant(at)\n            break\n\n    def settle",
        (f"{_START}test_a_start_in_the_past_bills_what_was_due_since",),
        quick=True,
    ),
    Mutant(
        "a cancellation at the end bills one more",
        "core/subscription_flow.py",
        ("        if at in {now.cancel_at, now.ends_at}:\n            charges += self._end"),
        ("        if at in {now.ends_at}:\n            charges += self._end"),
        (f"{_PAUSES}test_a_cancellation_at_the_end_of_the_period_bills_the_last_usage",),
        quick=True,
    ),
    Mutant(
        "a trial is billed",
        "core/subscription_flow.py",
        'elif now.state == "scheduled" and now.trial_days is not None:',
        'elif now.state == "scheduled" and not now.started_at:',
        (f"{_START}test_a_trial_is_free_and_the_cycle_is_anchored_at_its_end",),
    ),
    Mutant(
        "the end of a trial is billed twice",
        "core/subscription_flow.py",
        'instant_text(at)}", at, self._first_charges(at))',
        (
            'instant_text(at)}", at, self._first_charges(at))\n'
            '            if starts and now.state == "trialing":\n'
            '                self._due(f"trial/{now.id}", at, self.dues[-1].charges)'
        ),
        (f"{_START}test_a_trial_is_free_and_the_cycle_is_anchored_at_its_end",),
    ),
    Mutant(
        "a pause gives nothing back",
        "core/subscription_pauses.py",
        'fees, at, part, mode="next_invoice")',
        '(), at, part, mode="next_invoice")',
        (f"{_PAUSES}test_a_pause_within_a_period_is_not_billed",),
    ),
    Mutant(
        "paused time is billed",
        "core/subscription_pauses.py",
        'return now.state == "paused" and now.pause_mode == "keep"',
        'return now.state == "paused" and now.pause_mode == "keeps"',
        (f"{_PAUSES}test_nothing_is_charged_for_periods_in_a_pause",),
        quick=True,
    ),
    Mutant(
        "usage in a pause is billed",
        "core/subscription_spans.py",
        '    if now.state == "paused" and now.paused_at is not None:',
        '    if now.state == "paused" and now.paused_at is None:',
        (
            f"{_PAUSES}test_a_period_that_was_paused_from_its_first_second_has_no_usage",
            f"{_PAUSES}test_a_monthly_usage_of_a_year_is_paused_with_it",
        ),
    ),
    Mutant(
        "a clock that goes back bills again",
        "core/subscription_moves.py",
        "    if at < subscription.clock:",
        "    if at < subscription.clock and subscription.moves < 0:",
        (f"{_MOVES}test_nothing_happens_before_what_happened_already",),
    ),
    Mutant(
        "a fee is charged again while it runs",
        "core/subscription_spans.py",
        "if cadence is not None and (item.key, price) not in running:",
        "if cadence is not None:",
        (f"{_FLOW}test_seats_do_not_touch_the_flat_price_nor_the_tiers",),
    ),
    Mutant(
        "the set-up fee comes again",
        "core/subscription_flow.py",
        "if not plan.setup_fee or _SET_UP in now.paid_once:",
        "if not plan.setup_fee:",
        (f"{_NOTICED}test_a_set_up_fee_that_was_paid_elsewhere_is_not_charged_again",),
    ),
    Mutant(
        "more seats cost nothing until the renewal",
        "core/subscription_items.py",
        "return None if counts_seats and span.item.seats != after.seats else after",
        "return after",
        (f"{_FLOW}test_more_seats_are_now_and_fewer_at_the_end_of_the_period",),
    ),
    Mutant(
        "an extended period is not extended",
        "core/span.py",
        "replace(span, end=span.end + moved, whole=whole, ",
        "replace(span, end=span.end, whole=whole, ",
        (f"{_PAUSES}test_an_extended_period_moves_on_by_the_pause",),
    ),
)
"""Faults in what time and moves do to a subscription."""
