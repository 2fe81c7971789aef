"""Units of a lease that are held: committed or released in memory, and counted where they must."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tallystick.errors import InvalidInput, SetupError
from tests.facade.test_lease import counts, events, later, tally

if TYPE_CHECKING:
    from tallystick import Tallystick
    from tallystick.facade.lease import Lease

__all__ = ["tally"]


@pytest.fixture
def lease(tally: Tallystick) -> Lease:
    """A lease of four units out of ten that reports when it is told to."""
    return tally.lease("acme", "calls", 4, report_every=60)


def told(lease: Lease) -> None:
    with lease._turn:
        assert lease._block is not None
        lease._report(lease._block)


def test_what_is_held_is_used_or_given_back(tally: Tallystick, lease: Lease) -> None:
    first, second = lease.hold(), lease.hold(2)
    assert first is not None
    assert second is not None
    assert lease.left == 1
    first.commit()
    second.release()
    second.release()  # once more does nothing
    first.release()
    assert lease.left == 3
    lease.close()
    assert events(tally) == [1]


def test_what_is_held_is_not_told_before_it_is_known(tally: Tallystick, lease: Lease) -> None:
    lease.use()
    held = lease.hold(2)
    assert held is not None
    told(lease)
    assert events(tally) == [1]
    held.release()
    told(lease)
    assert counts(tally, "calls") == (1, 3, 6)
    lease.close()
    assert events(tally) == [1]


def test_what_is_held_when_its_block_ends_counts_as_used(tally: Tallystick, lease: Lease) -> None:
    held = lease.hold(3)
    assert held is not None
    assert lease.hold(2, wait=False) is None
    following = lease.hold(2)  # of the next block
    assert following is not None
    assert events(tally) == [3]
    held.release()  # too late: it gives nothing to the new block
    assert lease.left == 2
    following.release()
    assert lease.left == 4
    lease.close()
    assert events(tally) == [3]
    held.commit()
    assert counts(tally, "calls") == (3, 0, 7)


def test_a_block_that_is_over_holds_nothing(tally: Tallystick, lease: Lease) -> None:
    later(tally, seconds=61)
    assert lease.hold(wait=False) is None
    held = lease.hold()
    assert held is not None
    held.commit()
    lease.close()
    assert events(tally) == [1]
    assert lease.hold(wait=False) is None
    with pytest.raises(SetupError):
        lease.hold()


def test_holders_share_the_limit_and_all_of_it_can_be_used(tally: Tallystick, lease: Lease) -> None:
    held = [lease.hold() for _ in range(10)]
    for each in held:
        assert each is not None
    for each in held[8:10]:
        assert each is not None
        each.release()
    assert [lease.hold() is not None for _ in range(3)] == [True, True, False]
    lease.close()
    assert counts(tally, "calls") == (10, 0, 0)


@pytest.mark.parametrize("bad", [0, -1, 5, True, 1.0, "1", None])
def test_a_hold_is_a_whole_number_within_the_block(lease: Lease, bad: Any) -> None:
    with pytest.raises(InvalidInput):
        lease.hold(bad)
    assert lease.left == 4
    lease.close()
