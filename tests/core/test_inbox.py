"""When an answer of a provider is newer than what is held, and that any order ends in one state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.inbox import SETTLED, Held, Seen, Told, held_after, is_covered, weigh

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SOON = NOON + 2 * SECOND


def told(mark: str | None, reach: int = 0, at: datetime = NOON, **more: object) -> Told:
    return Told(at, mark, reach, **more)  # type: ignore[arg-type]  # named as the fields are


def test_what_agrees_with_the_newest_event_is_applied() -> None:
    assert weigh([told("b")], None, Seen("b"), SOON) == "apply"
    assert held_after([told("b")], Seen("b"), SOON) == Held(NOON, NOON, "b")


@pytest.mark.parametrize(
    ("reach", "verdict"), [(0, "later"), (1, "later")], ids=["same reach", "behind"]
)
def test_what_does_not_agree_is_asked_for_again(reach: int, verdict: str) -> None:
    assert weigh([told("b", reach)], None, Seen("a"), SOON) == verdict


def test_what_still_does_not_agree_once_it_is_settled_is_newer() -> None:
    assert weigh([told("b")], None, Seen("c"), NOON + SETTLED - SECOND) == "later"
    at = NOON + SETTLED
    assert weigh([told("b")], None, Seen("c"), at) == "apply"
    assert held_after([told("b")], Seen("c"), at) == Held(NOON, at, "c")


def test_what_is_behind_is_never_applied_however_late() -> None:
    at = NOON + timedelta(days=9)
    assert weigh([told("paid", 1)], None, Seen("open", 0), at) == "later"
    held = Held(NOON, NOON, "paid", 1)
    assert weigh([told("open", at=NOON + SECOND)], held, Seen("open", 0), at) == "later"


def test_what_is_further_than_any_event_is_applied() -> None:
    assert weigh([told("open")], None, Seen("paid", 1), SOON) == "apply"


def test_what_is_not_found_is_gone_only_once_it_is_settled() -> None:
    assert weigh([told("a")], None, None, SOON) == "later"
    assert weigh([told("a")], None, None, NOON + SETTLED) == "gone"


def test_of_one_second_the_first_event_is_not_the_last() -> None:
    both = [told("made", first=True), told("active")]
    assert weigh(both, None, Seen("active"), SOON) == "apply"
    assert weigh(both, None, Seen("made"), SOON) == "later"


def test_of_one_second_what_another_event_calls_before_is_not_the_last() -> None:
    both = [told("a", before="o"), told("b", before="a")]
    assert weigh(both, None, Seen("b"), SOON) == "apply"
    assert weigh(both, None, Seen("a"), SOON) == "later"


def test_of_one_second_that_says_two_things_one_is_applied_and_confirmed() -> None:
    both = [told("a"), told("b")]
    assert weigh(both, None, Seen("a"), SOON) == "confirm"
    held = held_after(both, Seen("a"), SOON)
    assert weigh(both, held, Seen("a"), SOON) == "confirm"
    assert weigh(both, held, Seen("b"), SOON) == "later"
    assert weigh(both, held, Seen("b"), NOON + SETTLED) == "apply"
    circle = [told("a", before="b"), told("b", before="a")]
    assert weigh(circle, None, Seen("a"), SOON) == "confirm"


def test_what_cannot_be_compared_is_applied_and_confirmed() -> None:
    assert weigh([told(None)], None, Seen("a"), SOON) == "confirm"
    assert held_after([told(None)], Seen("a"), SOON).upto == SOON


def test_an_older_event_says_nothing_new_and_one_of_the_same_second_may() -> None:
    held = Held(NOON, NOON, "a")
    assert is_covered(NOON - SECOND, held)
    assert not is_covered(NOON, held)
    assert not is_covered(NOON - SECOND, None)


def test_a_late_event_from_before_an_unmatched_answer_waits_until_it_is_settled() -> None:
    held = Held(NOON, NOON + SETTLED, "c")
    late = [told("b", at=NOON + 60 * SECOND)]
    assert weigh(late, held, Seen("b"), NOON + SETTLED) == "later"
    assert weigh(late, held, Seen("c"), NOON + 60 * SECOND + SETTLED) == "apply"


# --- any order -------------------------------------------------------------------------------


@dataclass
class World:
    """An object that changes, a provider that answers what was for a while, and who believes it."""

    times: list[int]
    marks: list[str]
    reaches: list[int]
    tells_before: bool
    held: Held | None = None
    version: int = -1
    came: set[int] = field(default_factory=set)
    went_back: bool = False

    def event(self, number: int) -> Told:
        return Told(
            NOON + self.times[number] * SECOND,
            self.marks[number],
            self.reaches[number],
            first=number == 0,
            before=self.marks[number - 1] if number and self.tells_before else None,
        )

    def fetch(self, asked_at: datetime, stale: int) -> int:
        """Give a version that was true within the time that answers may be late."""
        true = [n for n, at in enumerate(self.times) if NOON + at * SECOND <= asked_at]
        bound = asked_at - SETTLED
        least = max([n for n in true if NOON + self.times[n] * SECOND <= bound], default=0)
        return max(least, true[-1] - stale)

    def take(self, number: int, asked_at: datetime) -> str:
        newest = max(self.times[each] for each in self.came)
        told = [self.event(each) for each in self.came if self.times[each] == newest]
        seen = Seen(self.marks[number], self.reaches[number])
        verdict = weigh(told, self.held, seen, asked_at)
        if verdict in {"apply", "confirm"}:
            self.went_back |= number < self.version
            self.version = number
            self.held = held_after(told, seen, asked_at)
        return verdict


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_order_repeats_and_stale_answers_end_in_the_last_state(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.sampled_from([0, 0, 1, 40]), min_size=1, max_size=6))
    times = [sum(steps[: n + 1]) for n in range(len(steps))]
    rises = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    reaches = [sum(rises[: n + 1]) for n in range(len(times))]
    again = data.draw(st.booleans())  # an object may come back to how it was
    before = data.draw(st.booleans())
    world = World(times, [f"m{n % 2 if again else n}" for n in range(len(times))], reaches, before)
    arrivals = data.draw(st.permutations(list(range(len(times))) * 2))
    now = NOON + times[-1] * SECOND
    for number in arrivals:
        event = world.event(number)
        now += data.draw(st.sampled_from([0, 1, 30, 300])) * SECOND
        if is_covered(event.at, world.held):
            continue
        world.came.add(number)
        if data.draw(st.booleans()):
            world.take(world.fetch(now, data.draw(st.integers(0, 6))), now)
    verdict = ""
    for _ in range(40):  # the worker goes on until nothing is to be asked
        verdict = world.take(world.fetch(now, data.draw(st.integers(0, 6))), now)
        if verdict == "apply":
            break
        now += 60 * SECOND
    assert verdict == "apply"
    if again:
        assert world.marks[world.version] == world.marks[-1]
    else:
        assert world.version == len(times) - 1
        assert not world.went_back


@given(st.integers(1, 10**6))
def test_the_bound_is_the_one_that_is_written(late: int) -> None:
    settled = late >= SETTLED.total_seconds()
    found = weigh([told("b")], None, Seen("a"), NOON + late * SECOND)
    assert found == ("apply" if settled else "later")
