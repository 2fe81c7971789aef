"""Moves: which there are in which state, and that whoever comes late gets what came on time."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.move import (
    AddOn,
    Cancel,
    Change,
    Keep,
    Lapse,
    MoveKind,
    Pause,
    Recover,
    Resume,
    Unplan,
)
from tallystick.core.subscription import State
from tallystick.core.subscription_moves import ALLOWED, KINDS, advance, apply
from tallystick.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    UnknownPlan,
)
from tests.core.billing import OFFERS, Story, day, usd

if TYPE_CHECKING:
    from tallystick.core.charge import Due
    from tallystick.core.move import Move

NOON = "2027-02-10T12:00:00"


def _in_state(state: State) -> Story:
    """Give a subscription in a state on Feb 10, with a change planned and a cancellation due."""
    match state:
        case "scheduled":
            story = Story().start("basic", at="2027-02-01", starts_at=day("2027-03-01"))
        case "trialing":
            story = Story().start("basic", at="2027-02-01", trial_days=30)
        case _:
            story = Story().start("basic", at="2027-02-01")
    story.do("2027-02-02", Change(seats=7, at=day("2027-12-01")))
    story.cancel("2027-02-02", at=day("2027-11-01"))
    match state:
        case "past_due":
            story.do("2027-02-03", Lapse())
        case "paused":
            story.pause("2027-02-03")
        case "canceled":
            story.cancel("2027-02-03")
        case "ended":
            story = Story().start("basic", at="2027-01-01", ends_at=day("2027-02-05"))
            story.until("2027-02-05")
        case _:
            pass
    assert story.now.state == state
    return story


MOVES: dict[MoveKind, Move] = {
    "change": Change(offer="pro@1"),
    "pause": Pause(),
    "resume": Resume(),
    "cancel": Cancel(timing="now"),
    "keep": Keep(),
    "unplan": Unplan(number=2),
    "lapse": Lapse(),
    "recover": Recover(),
}

AFTER: dict[tuple[State, MoveKind], State] = {
    ("active", "pause"): "paused",
    ("past_due", "pause"): "paused",
    ("paused", "resume"): "active",
    ("active", "lapse"): "past_due",
    ("past_due", "recover"): "active",
    ("scheduled", "cancel"): "canceled",
    ("trialing", "cancel"): "canceled",
    ("active", "cancel"): "canceled",
    ("past_due", "cancel"): "canceled",
    ("paused", "cancel"): "canceled",
}


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("kind", MOVES)
def test_each_state_allows_its_moves_and_refuses_the_others(state: State, kind: MoveKind) -> None:
    story = _in_state(state)
    before = story.now
    if kind not in ALLOWED[state]:
        with pytest.raises(Conflict, match=f"is {state}: no {kind} now"):
            story.do(NOON, MOVES[kind])
        assert story.now == before
        return
    story.do(NOON, MOVES[kind])
    after = story.now
    assert after.state == AFTER.get((state, kind), state)
    assert after.moves == before.moves + 1
    assert after.clock == day(NOON)
    assert (after.plan == "pro@1") == (kind == "change")
    assert (after.cancel_at is None) == (kind == "keep")
    assert (after.planned == ()) == (kind in {"unplan", "cancel"})


def test_the_table_names_every_move_but_the_start() -> None:
    assert set(MOVES) == set(get_args(MoveKind)) - {"start", "mirror"}
    assert set().union(*ALLOWED.values()) == {*MOVES, "mirror"}
    assert set(KINDS.values()) == set(get_args(MoveKind))
    assert set(ALLOWED) == set(get_args(State))


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("move", "error"),
    [
        (Change(), Conflict),
        (Change(offer="basic@1"), Conflict),
        (Change(offer=""), UnknownPlan),
        (Change(seats=0), InvalidInput),
        (Change(seats=2, timing="later"), InvalidInput),  # type: ignore[arg-type] # bad input
        (Change(seats=2, proration="all"), InvalidInput),  # type: ignore[arg-type] # bad input
        (Change(seats=2, at=day("2027-01-05")), InvalidInput),
        (Change(seats=2, at=day("2027-03-01"), timing="now"), InvalidInput),
        (Change(remove=("extra",)), InvalidInput),
        (Change(add=(AddOn("basic@1"),)), InvalidInput),
        (Change(overrides={"pro": {"cost": "1.00"}}), InvalidInput),
        (Pause(mode="stop"), InvalidInput),  # type: ignore[arg-type] # bad input
        (Pause(resumes_at=day("2027-01-10")), InvalidInput),
        (Cancel(timing="soon"), InvalidInput),  # type: ignore[arg-type] # bad input
        (Cancel(at=day("2027-01-10")), InvalidInput),
        (Keep(), Conflict),
        (Unplan(number=9), NotFound),
    ],
)
def test_a_move_that_cannot_be_made_says_so(move: Move, error: type[Exception]) -> None:
    story = Story().start("basic", at="2027-01-01")
    before = story.now
    with pytest.raises(error):
        story.do("2027-01-10", move)
    assert story.now == before


def test_nothing_happens_before_what_happened_already() -> None:
    story = Story().start("basic", at="2027-01-01").until("2027-02-15")
    with pytest.raises(Conflict, match="settled up to 2027-02-01T00:00:00Z"):
        story.change("2027-01-31", offer="pro@1")
    story.change("2027-02-01", offer="pro@1")  # the boundary itself is not before it


# --- late is like on time -------------------------------------------------------------------------

STEPS = st.lists(st.integers(0, 400 * 24), max_size=12).map(sorted)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from(["pro", "year", "quarter"]), st.integers(1, 31))
def test_time_in_any_steps_gives_what_it_gives_at_once(
    steps: list[int], plan: str, first: int
) -> None:
    begun = Story().start(plan, at=f"2027-01-{first:02d}")
    begun.cancel(f"2027-01-{first:02d}", at=day("2028-02-03T01:02:03"))
    begun.do(f"2027-01-{first:02d}", Change(add=(AddOn("extra@1"),), at=day("2027-06-07")))
    end = day("2028-03-05")
    once = advance(begun.now, end, OFFERS)
    now = begun.now
    dues: list[Due] = []
    for hours in [*steps, 400 * 24]:
        at = day("2027-02-01") + (end - day("2027-02-01")) * hours / (400 * 24)
        outcome = advance(now, at, OFFERS)
        now = outcome.subscription
        dues += outcome.dues
    assert (now, tuple(dues)) == (once.subscription, once.dues)


def test_a_move_after_a_long_silence_bills_what_was_missed_first() -> None:
    late = Story().start("basic", at="2027-01-31")
    outcome = apply(late.now, Change(offer="max@1"), day("2027-06-15"), OFFERS)
    assert [due.at for due in outcome.dues] == [
        day("2027-02-28"),
        day("2027-03-31"),
        day("2027-04-30"),
        day("2027-05-31"),
    ]
    on_time = Story().start("basic", at="2027-01-31")
    for end in ("2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"):
        on_time.until(end)
    on_time.change("2027-06-15", offer="max@1")
    assert outcome.subscription == on_time.now
    assert on_time.total == usd("50.00")
