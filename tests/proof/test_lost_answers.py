"""A proxy eats the answer to COMMIT, or cuts before it: a retry neither loses nor doubles.

The client sees the same in both cases.  Only the database knows, and the same event sent again
finds out.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tallystick.errors import StorageUnavailable
from tests.proof.places import place
from tests.proof.proxy import Proxy
from tests.proof.settings import times
from tests.proof.state import has, state
from tests.proof.usage_calls import event, opened, ready, record, total

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.proof.conftest import Count
    from tests.proof.places import Place
    from tests.proof.proxy import Fate

LOST_ANSWERS = times(100, 2_000)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Place]:
    with place("postgresql", tmp_path) as found:
        with opened(found.url) as tally:
            ready(tally)
        yield found


class Fates:
    """Deals fates; after two bad ones in a row a good one."""

    def __init__(self) -> None:
        self.dice = random.Random(6)  # noqa: S311 - a sequence that can be repeated
        self.bad: list[Fate] = []

    def __call__(self) -> Fate:
        fate: Fate = "pass"
        if len(self.bad) < 2:
            fate = self.dice.choice(("eat", "eat", "cut", "cut", "pass"))
        self.bad = [] if fate == "pass" else [*self.bad, fate]
        return fate


def test_a_commit_whose_answer_was_lost_counts_once(served: Place, count: Count) -> None:
    fates, sent = Fates(), 0
    with Proxy(served.url, fates) as proxy, opened(proxy.url) as tally:
        while min(proxy.fates["eat"], proxy.fates["cut"]) < LOST_ANSWERS:
            before = proxy.fates["eat"]
            status = record(tally, event(f"e{sent}", 3))
            assert status == ("duplicate" if proxy.fates["eat"] > before else "accepted")
            sent += 1
        eaten, cut = proxy.fates["eat"], proxy.fates["cut"]
    with opened(served.url) as tally:
        assert total(tally) == 3 * sent
        assert total(tally, "calls") == sent
        assert not tally.verify().broken
    assert len(state(served.url)["usage_events"]) - 1 == sent
    count(
        f"lost answers {eaten} eaten after COMMIT, {cut} cut before it: "
        f"{sent} events, each counted once"
    )


@pytest.mark.parametrize(("fate", "kept"), [("eat", True), ("cut", False)])
def test_where_no_answer_comes_at_all_the_caller_is_told_that_nobody_knows(
    fate: Fate, kept: bool, served: Place
) -> None:
    with Proxy(served.url, lambda: fate) as proxy, opened(proxy.url) as tally:
        with pytest.raises(StorageUnavailable) as refused:
            record(tally, event("e1", 3))
        assert refused.value.unknown
        assert refused.value.details() == {"outcome": "unknown"}
        assert proxy.fates[fate] == 5  # tried again as often as it makes sense
    assert has(state(served.url), "usage_events", "e1") == kept
    with opened(served.url) as tally:
        assert record(tally, event("e1", 3)) == ("duplicate" if kept else "accepted")
        assert total(tally) == 3


def test_what_is_not_repeatable_is_not_tried_again_by_itself(served: Place) -> None:
    with Proxy(served.url, lambda: "eat") as proxy, opened(proxy.url) as tally:
        with pytest.raises(StorageUnavailable, match="try again") as refused:
            tally.customers.create("acme", name="Acme")
        assert refused.value.unknown
        assert proxy.fates["eat"] == 1
    assert has(state(served.url), "customers", "acme")
