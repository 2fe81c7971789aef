"""The ladder of an unpaid invoice: when its steps come, what each leaves, what waits at its end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.dunning import (
    Dunning,
    DunningAct,
    DunningEnd,
    Ladder,
    Rung,
    dunning_at,
    ladder_tree,
    read_ladder,
    recovered,
)
from tallystick.core.seller import read_seller, seller_tree
from tallystick.errors import InvalidInput

TREE: dict[str, Any] = {
    "steps": [
        0,
        {"days": 3, "notice": "payment_reminder"},
        {"days": 5, "access": "read_only"},
        {"days": 7, "access": "none", "notice": None},
    ],
    "end": "cancel",
    "end_days": 14,
}


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ladder(**more: Any) -> Ladder:
    found = read_ladder(TREE | more, "dunning")
    assert found is not None
    return found


DUE = day("2027-03-10T15:30:00")


# --- the steps ------------------------------------------------------------------------------------


def test_each_step_says_what_is_to_be_done_and_what_remains() -> None:
    done = dunning_at(ladder(), DUE, 0, DUE + timedelta(days=30))
    assert done == Dunning(
        state="final",
        attempts=5,
        access="none",
        next_at=None,
        acts=(
            DunningAct(number=1, at=DUE, access="full", notice="payment_failed"),
            DunningAct(
                number=2, at=day("2027-03-13T15:30"), access="full", notice="payment_reminder"
            ),
            DunningAct(
                number=3, at=day("2027-03-15T15:30"), access="read_only", notice="payment_failed"
            ),
            DunningAct(number=4, at=day("2027-03-17T15:30"), access="none"),
            DunningAct(
                number=5,
                at=day("2027-03-24T15:30"),
                access="none",
                notice="dunning_ended",
                end="cancel",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("at", "attempts", "state", "access", "next_at", "acts"),
    [
        ("2027-03-10T15:29:59", 0, "waiting", "full", "2027-03-10T15:30", []),
        ("2027-03-10T15:30:00", 0, "retrying", "full", "2027-03-13T15:30", [1]),
        ("2027-03-10T15:30:00", 1, "retrying", "full", "2027-03-13T15:30", []),
        ("2027-03-15T15:30:00", 1, "retrying", "read_only", "2027-03-17T15:30", [2, 3]),
        ("2027-03-24T15:29:59", 4, "retrying", "none", "2027-03-24T15:30", []),
        ("2027-03-24T15:30:00", 4, "final", "none", None, [5]),
        ("2099-01-01T00:00:00", 5, "final", "none", None, []),
    ],
)
def test_a_step_is_due_at_its_very_second_and_not_before(  # noqa: PLR0917 - a table
    at: str, attempts: int, state: str, access: str, next_at: str | None, acts: list[int]
) -> None:
    found = dunning_at(ladder(), DUE, attempts, day(at))
    assert (found.state, found.access) == (state, access)
    assert found.next_at == (None if next_at is None else day(next_at))
    assert [each.number for each in found.acts] == acts


@pytest.mark.parametrize(
    ("end", "access"),
    [("cancel", "none"), ("pause", "none"), ("uncollectible", "none"), ("leave", "read_only")],
)
def test_the_end_takes_the_access_unless_it_leaves_all_as_it_is(
    end: DunningEnd, access: str
) -> None:
    steps = [{"days": 1, "access": "read_only"}]
    found = dunning_at(ladder(steps=steps, end=end), DUE, 1, day("2027-04-30"))
    assert (found.access, found.acts[0].end) == (access, end)


# --- the calendar ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due", "at", "zone", "first", "second"),
    [
        # later that day, for the time has not come yet; else the next day
        ("2027-03-10T08:00", "09:00", None, "2027-03-10T09:00", "2027-03-13T09:00"),
        ("2027-03-10T09:00", "09:00", None, "2027-03-10T09:00", "2027-03-13T09:00"),
        ("2027-03-10T09:01", "09:00", None, "2027-03-11T09:00", "2027-03-14T09:00"),
        # Vienna's clock, on which it is the 11th already; summer time begins on the 28th
        ("2027-03-10T23:30", "09:00", "Europe/Vienna", "2027-03-11T08:00", "2027-03-14T08:00"),
        ("2027-03-26T07:00", "09:00", "Europe/Vienna", "2027-03-26T08:00", "2027-03-29T07:00"),
        ("2027-03-26T07:00", None, "Europe/Vienna", "2027-03-26T07:00", "2027-03-29T06:00"),
        # 02:30 is skipped on the 28th
        ("2027-03-25T00:00", "02:30", "Europe/Vienna", "2027-03-25T01:30", "2027-03-28T01:30"),
    ],
)
def test_steps_come_at_a_time_of_day_on_the_wall_clock(
    due: str, at: str | None, zone: str | None, first: str, second: str
) -> None:
    found = dunning_at(ladder(at=at, zone=zone), day(due), 0, day("2027-06-01"))
    assert [each.at for each in found.acts[:2]] == [day(first), day(second)]


def test_no_step_comes_before_the_invoice_is_due() -> None:
    due = day("2027-10-31T01:30")  # the second 02:30 of that night in Vienna
    found = dunning_at(ladder(zone="Europe/Vienna"), due, 0, day("2027-11-01"))
    assert found.acts[0].at == due
    assert dunning_at(ladder(zone="Europe/Vienna"), due, 0, day("2027-10-31T00:30")).acts == ()


# --- catching up ----------------------------------------------------------------------------------

ladders = st.builds(
    lambda days, end, clock, zone: Ladder(
        steps=tuple(map(Rung, sorted(days))),
        end=end,
        end_days=max(days) + 3,
        at=clock,
        zone=zone,
    ),
    st.sets(st.integers(0, 60), min_size=1, max_size=8),
    st.sampled_from(["cancel", "pause", "leave", "uncollectible"]),
    st.none() | st.times().map(lambda each: each.replace(microsecond=0)),
    st.sampled_from([None, "Europe/Vienna", "America/New_York", "Asia/Kolkata"]),
)
times = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - a zone is given


@given(ladders, times, st.lists(st.integers(0, 90 * 24), max_size=12))
def test_steps_caught_up_are_the_steps_on_time(
    asked: Ladder, due: datetime, hours: list[int]
) -> None:
    looks = [due + timedelta(hours=each) for each in sorted({*hours, 90 * 24})]
    attempts = 0
    acts: list[DunningAct] = []
    for at in looks:
        found = dunning_at(asked, due, attempts, at)
        assert found.next_at is None or found.next_at > at.replace(microsecond=0)
        attempts, acts = found.attempts, acts + list(found.acts)
    late = dunning_at(asked, due, 0, looks[-1])
    assert (tuple(acts), attempts) == (late.acts, late.attempts)
    assert late.state == "final"
    assert [each.number for each in acts] == list(range(1, len(asked.steps) + 2))
    assert [each.at for each in acts] == sorted(each.at for each in acts)
    assert all(each.at >= due.replace(microsecond=0) for each in acts)


# --- recovery -------------------------------------------------------------------------------------


def test_who_pays_at_any_step_has_all_back_and_is_told_once_there_was_a_step() -> None:
    at = day("2027-03-14T10:00")
    assert recovered(ladder(), 0, at) is None
    for attempts in range(1, 6):
        assert recovered(ladder(), attempts, at) == DunningAct(
            number=attempts, at=at, access="full", notice="payment_recovered"
        )


@pytest.mark.parametrize("attempts", [-1, 6, True, "1", 1.0, None])
def test_a_number_of_steps_that_there_is_not_is_refused(attempts: Any) -> None:
    with pytest.raises(InvalidInput, match="attempts is a number of steps from 0 to 5"):
        dunning_at(ladder(), DUE, attempts, DUE)
    with pytest.raises(InvalidInput, match="attempts is a number of steps from 0 to 5"):
        recovered(ladder(), attempts, DUE)


# --- as plain values ------------------------------------------------------------------------------


def test_a_ladder_is_a_setting_of_the_seller_and_comes_back_as_it_was() -> None:
    seller = read_seller({"dunning": TREE | {"at": "09:00", "zone": "Europe/Vienna"}})
    assert seller.dunning == ladder(at="09:00", zone="Europe/Vienna")
    assert seller.dunning.at == time(9)
    assert read_seller(seller_tree(seller)) == seller
    assert read_seller({"net_days": 3}, seller).dunning == seller.dunning
    assert read_seller({"dunning": None}, seller).dunning is None
    assert ladder_tree(None) is None
    old = {name: value for name, value in seller_tree(seller).items() if name != "dunning"}
    assert read_seller(old).dunning is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"steps": []}, "dunning.steps is a list of 1 to 20"),
        ({"steps": "0"}, "dunning.steps is a list"),
        ({"steps": list(range(21))}, "dunning.steps is a list of 1 to 20"),
        ({"steps": [3, 3]}, r"dunning.steps\[1\].days must come after day 3"),
        ({"steps": [-1]}, r"dunning.steps\[0\] is a whole number of days"),
        ({"steps": [{"days": 366}]}, r"dunning.steps\[0\].days is a whole number"),
        ({"steps": [{"days": True}]}, r"dunning.steps\[0\].days is a whole number"),
        ({"steps": [True]}, r"dunning.steps\[0\] is an object"),
        ({"steps": [{"day": 1}]}, r"dunning.steps\[0\].day is not a field.*'days'"),
        ({"steps": [{"days": 1, "access": "soft"}]}, "access is one of full, read_only, none"),
        (
            {"steps": [{"days": 1, "access": "none"}, 2]},
            r"dunning.steps\[1\].access gives back what the step before has taken: none",
        ),
        ({"steps": [{"days": 1, "notice": ""}]}, "notice"),
        ({"end": "forget"}, "dunning.end is one of cancel, pause, leave, uncollectible"),
        ({"end": None}, "dunning.end is one of"),
        ({"end_days": 6}, "dunning.end_days comes before the last step, 7 days"),
        ({"end_days": None}, "dunning.end_days is a whole number"),
        ({"at": "9:00"}, "dunning.at is a time of day such as '09:00'"),
        ({"at": "24:00"}, "dunning.at is a time of day"),
        ({"at": "٠٩:٠٠"}, "dunning.at is a time of day"),
        ({"at": 9}, "dunning.at is a time of day"),
        ({"zone": "Europe/Viena"}, "dunning.zone .*Europe/Vienna"),
        ({"zone": 1}, "dunning.zone a time zone is given by its name"),
        ({"ends": "cancel"}, "dunning.ends is not a field"),
    ],
)
def test_a_ladder_that_cannot_be_climbed_says_where_and_why(
    more: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        read_ladder(TREE | more, "dunning")
    with pytest.raises(InvalidInput, match="a seller that cannot be kept: dunning"):
        read_seller({"dunning": TREE | more})


def test_what_is_no_object_is_no_ladder() -> None:
    with pytest.raises(InvalidInput, match="dunning is an object of steps, at, zone"):
        read_ladder([0, 3], "dunning")
