"""Documents in the order in which they come about: the database and the core say the same."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tallystick.storage import invoices
from tallystick.storage.turns import last_ready
from tests.storage.billing_values import AT, draft, filled, later

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

IN_TURN = (
    "boundary/sub/2026-12-01T00:00:00Z",
    "resume/sub/2026-12-01T00:00:00Z",
    "change/sub/2",
    "change/sub/9",
    "change/sub/10",
    "change/sub/100",
    "end/sub/2026-12-01T00:00:00Z",
)
OWNER = ("acme", "sub_1")


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """A migrated database of each kind, with two customers and their subscriptions."""
    filled(storage, "acme", "beta")
    return storage


@pytest.mark.parametrize("shift", range(len(IN_TURN)))
def test_documents_of_one_instant_are_claimed_in_their_turn(storage: Storage, shift: int) -> None:
    causes = (*IN_TURN[shift:], *IN_TURN[:shift])
    made = [draft(f"inv_{place}", cause=cause) for place, cause in enumerate(causes)]
    with storage.begin() as unit:
        invoices.insert_drafts(unit, made)
        claimed = invoices.claim_drafts(unit, later(days=1), 10)
    assert [each.cause for each in claimed] == list(IN_TURN)
    assert sorted(made, key=lambda each: each.turn) == claimed


def test_what_comes_first_in_time_comes_first() -> None:
    times = (AT, later(seconds=1))
    turns = {(at, cause): draft(cause=cause, at=at).turn[1:] for at in times for cause in IN_TURN}
    for one, other in permutations(turns, 2):
        if one[0] < other[0]:
            assert turns[one] < turns[other]


def test_the_last_of_a_subscription_is_the_last_by_moves_and_time(storage: Storage) -> None:
    with storage.begin() as unit:
        invoices.insert_drafts(
            unit,
            [
                draft("inv_1", cause="change/sub_1/2"),
                draft("inv_2", cause="change/sub_1/3", finalize_at=later(hours=1)),
                draft("inv_3", cause="late/sub_1/x", finalize_at=later(hours=2)),
            ],
        )
        asked = {OWNER, ("acme", "other"), ("beta", "sub_2")}
        assert last_ready(unit, asked, AT, ("boundary", "change")) == {OWNER: later(hours=1)}
        assert last_ready(unit, asked, later(hours=1), ("boundary", "change")) == {}
        assert last_ready(unit, asked, AT, ("boundary",)) == {}
