"""`tally.lease`: a block of a limit that is answered from memory, on every database."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from tallystick import Tallystick
from tallystick.app import lease as leasing
from tallystick.core.dialects import define_plans
from tallystick.errors import (
    AccessDenied,
    InvalidInput,
    QuotaExceeded,
    SetupError,
    StorageUnavailable,
)
from tallystick.facade import lease as lease_module
from tallystick.storage.outbox import notices
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.storage.unit import Storage

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
NEVER = 60.0  # seconds: longer than any of these tests takes


def feature(key: str, limit: int, **more: Any) -> dict[str, Any]:
    return {"featureKey": key, "enabled": True, "limit": limit, **more}


PLANS = define_plans(
    [
        {
            "id": "free",
            "name": "Free",
            "price": 0,
            "currency": "USD",
            "interval": "month",
            "features": [
                feature("calls", 10, reset="month"),
                feature("hourly", 10, reset="hour"),
                feature("burst", 10, windowSeconds=60),
                feature("soft", 3, reset="month", unitPrice="0.02"),
                feature("grace", 10, reset="month", grace=20),
                feature("free", -1, reset="month"),
                feature("projects", 3),
                {"featureKey": "sso", "enabled": True},
                {"featureKey": "never", "enabled": False},
            ],
        }
    ]
)


class Timer:
    """The seconds of a process, which pass with its clock."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock

    def __call__(self) -> float:
        return (self.clock.now() - START).total_seconds() + 100


@pytest.fixture
def tally(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tallystick]:
    """A ledger with the plan as everybody's."""
    clock = FrozenClock(START)
    monkeypatch.setattr(lease_module, "monotonic", Timer(clock))
    opened = Tallystick(
        storage.engine, catalog=PLANS, default_plan="free", clock=clock, ids=CountedIds()
    )
    with opened as ledger:
        ledger.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        yield ledger
        assert not ledger.verify().broken


def later(tally: Tallystick, **time: float) -> None:
    tally.clock.advance(timedelta(**time))  # type: ignore[attr-defined]  # a clock of the tests


def counts(tally: Tallystick, key: str) -> tuple[Any, Any, Any]:
    answer = tally.check("acme", key)
    return answer.used, answer.reserved, answer.remaining


def events(tally: Tallystick) -> list[Any]:
    return [each.properties["quantity"] for each in tally.usage.export(customer="acme")]


def test_a_block_is_taken_at_once_and_reported_at_the_end(tally: Tallystick) -> None:
    with tally.lease("acme", "calls", 6, report_every=NEVER) as lease:
        assert counts(tally, "calls") == (0, 6, 4)
        assert [lease.use(), lease.use(3)] == [True, True]
        assert lease.left == 2
        assert counts(tally, "calls") == (0, 6, 4)  # nobody was told yet
    assert counts(tally, "calls") == (4, 0, 6)
    assert events(tally) == [4]
    lease.close()
    assert events(tally) == [4]
    with pytest.raises(SetupError):
        lease.use()


def test_blocks_follow_each_other_until_the_limit_and_all_of_it_can_be_used(
    tally: Tallystick,
) -> None:
    with tally.lease("acme", "calls", 4, report_every=NEVER) as lease:
        assert [lease.use() for _ in range(12)] == [True] * 10 + [False] * 2
        assert events(tally) == [4, 4, 2]  # the last block was what was left
    assert counts(tally, "calls") == (10, 0, 0)
    with pytest.raises(QuotaExceeded):
        tally.lease("acme", "calls", 4)
    told = tally.act(lambda unit, _: notices(unit, 50), reading=True)
    reached = [each for each in told if each.kind == "limit.reached"]
    assert sorted(str(each.body["percent"]) for each in reached) == ["100", "80"]


def test_two_holders_and_others_share_one_limit(tally: Tallystick) -> None:
    with (
        tally.lease("acme", "calls", 4, report_every=NEVER) as one,
        tally.lease("acme", "calls", 4, report_every=NEVER) as other,
    ):
        tally.use("acme", "calls", 2)
        with pytest.raises(QuotaExceeded):
            tally.use("acme", "calls")
        assert one.use(4)
        assert other.use(1)
        assert not one.use()  # denied, and for a second from memory
        other.close()
        assert not one.use()
        later(tally, seconds=1)
        assert one.use()
    assert counts(tally, "calls") == (8, 0, 2)


def test_what_a_holder_that_died_never_told_counts_as_used_until_the_quota_starts_again(
    tally: Tallystick,
) -> None:
    lease = tally.lease("acme", "hourly", 6, report_every=NEVER)
    assert lease.use(2)
    lease.forget()  # as if it had been killed
    assert counts(tally, "hourly") == (0, 6, 4)
    later(tally, minutes=1)
    assert counts(tally, "hourly") == (6, 0, 4)
    assert tally.use("acme", "hourly", 4).remaining == 0
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "hourly")
    assert events(tally) == [4]  # no bill says that it was used
    later(tally, hours=1)
    assert counts(tally, "hourly") == (0, 0, 10)


def test_a_block_ends_with_the_window_of_its_quota(tally: Tallystick) -> None:
    later(tally, minutes=59, seconds=30)
    with tally.lease("acme", "hourly", 6, report_every=NEVER) as lease:
        assert lease.use(5)
        later(tally, seconds=30)
        assert lease.left == 0
        assert lease.use(6)  # of the next hour
        assert counts(tally, "hourly") == (0, 6, 4)
    (first, second) = tally.usage.export(customer="acme")
    assert first.occurred_at < START + timedelta(hours=1) <= second.occurred_at


def test_in_a_sliding_window_a_unit_counts_from_the_last_time_it_may_have_been_used(
    tally: Tallystick,
) -> None:
    lease = tally.lease("acme", "burst", 10, expires_in=30, report_every=NEVER)
    later(tally, seconds=29)
    assert lease.use(10)
    lease.forget()
    later(tally, seconds=60)  # 60 after the last use
    assert tally.check("acme", "burst").used == 10
    later(tally, seconds=1)
    assert tally.use("acme", "burst", 10).remaining == 0


def test_a_report_that_comes_late_counts_in_its_time_and_gives_back_the_rest(
    tally: Tallystick,
) -> None:
    lease = tally.lease("acme", "calls", 6, report_every=NEVER)
    assert lease.use(2)
    later(tally, days=2)
    assert counts(tally, "calls") == (6, 0, 4)
    lease.close()
    assert counts(tally, "calls") == (2, 0, 8)
    (event,) = tally.usage.export(customer="acme")
    assert event.occurred_at == START + timedelta(seconds=60) - timedelta(microseconds=1)


def test_soft_limits_grace_and_no_limit(tally: Tallystick) -> None:
    for key, size, most in (("soft", 20, 20), ("free", 20, 20), ("grace", 20, 12)):
        with tally.lease("acme", key, size, report_every=NEVER) as lease:
            assert lease.left == most
            assert lease.use(most)
        assert tally.check("acme", key).used == most


def test_any_thread_may_use_it(tally: Tallystick) -> None:
    with (
        tally.lease("acme", "calls", 3, report_every=0.01) as lease,
        ThreadPoolExecutor(8) as pool,
    ):
        got = list(pool.map(lambda _: lease.use(), range(64)))
    assert sum(got) == 10
    assert counts(tally, "calls") == (10, 0, 0)


def test_it_reports_by_itself(storage: Storage) -> None:
    with Tallystick(storage.engine, catalog=PLANS, default_plan="free") as tally:
        tally.publish(author="anna")
        lease = tally.lease("acme", "free", 10, report_every=0.01)
        assert lease.use(3)
        while tally.check("acme", "free").used != 3:  # pytest's own limit of time ends it
            pass
        lease.close()


def test_without_the_database_the_block_is_used_up_and_then_the_answer_is_no(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = tally.lease("acme", "calls", 4, report_every=NEVER)
    act = tally.act

    def away(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("away")

    monkeypatch.setattr(tally, "act", away)
    assert lease.use(4)
    assert not lease.use()
    with pytest.raises(StorageUnavailable):
        lease.close()
    monkeypatch.setattr(tally, "act", act)
    lease.close()
    assert counts(tally, "calls") == (4, 0, 6)


def test_an_answer_that_was_lost_takes_no_second_block(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = tally.lease("acme", "calls", 3, report_every=NEVER)
    act = tally.act

    def lost(*given: Any, **more: Any) -> Any:
        act(*given, **more)
        raise StorageUnavailable("the answer was lost")

    assert lease.use(3)
    monkeypatch.setattr(tally, "act", lost)
    assert not lease.use()  # the first was reported and closed, but nobody knows
    later(tally, seconds=1)
    monkeypatch.setattr(tally, "act", act)
    assert lease.use()
    lease.close()
    assert counts(tally, "calls") == (4, 0, 6)
    assert events(tally) == [3, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_use_the_block_of_its_parent(tally: Tallystick) -> None:
    with tally.lease("acme", "calls", 3, report_every=NEVER) as lease:
        child = os.fork()
        if child == 0:
            try:
                lease.use()
            except SetupError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert lease.use(3)
    assert counts(tally, "calls") == (3, 0, 7)


def test_a_lease_that_was_tampered_with_is_found(tally: Tallystick) -> None:
    lease = tally.lease("acme", "calls", 3, report_every=NEVER)
    assert lease.use(3)
    lease.close()
    with tally.begin() as unit:
        unit.connection.execute(update(unit.tables.leases).values(reports=2))
        found = {each.name for each in tally.verify(connection=unit.connection).broken}
        assert found == {"leases"}


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "3", 10**10, None])
def test_a_block_has_a_size(tally: Tallystick, size: Any) -> None:
    with pytest.raises(InvalidInput):
        tally.lease("acme", "calls", size)


@pytest.mark.parametrize("quantity", [0, -1, True, 1.0, "1", 4, None])
def test_no_more_than_a_block_is_used_at_once(tally: Tallystick, quantity: Any) -> None:
    with (
        tally.lease("acme", "calls", 3, report_every=NEVER) as lease,
        pytest.raises(InvalidInput),
    ):
        lease.use(quantity)


def test_what_cannot_be_leased(tally: Tallystick) -> None:
    for key in ("projects", "sso"):
        with pytest.raises(InvalidInput):
            tally.lease("acme", key, 1)
    with pytest.raises(AccessDenied):
        tally.lease("acme", "never", 1)
    for bad in (0, 3_601, timedelta(hours=2), "60", None):
        with pytest.raises(InvalidInput):
            tally.lease("acme", "calls", 1, expires_in=bad)  # type: ignore[arg-type]  # on purpose
    for every in (0, -1.0, "1", True, 61):
        with pytest.raises(InvalidInput):
            tally.lease("acme", "calls", 1, report_every=every)  # type: ignore[arg-type]  # on purpose
    assert counts(tally, "calls") == (0, 0, 10)


def test_what_the_ledger_refuses_counts_as_used_and_the_next_block_is_taken(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = tally.lease("acme", "calls", 3, report_every=NEVER)

    def refused(*_: Any, **__: Any) -> Any:
        raise InvalidInput("too late for its meter")

    assert lease.use(3)
    with monkeypatch.context() as patched:
        patched.setattr(leasing, "report", refused)
        assert lease.use()
    lease.close()
    later(tally, minutes=2)
    assert counts(tally, "calls") == (4, 0, 6)
    assert events(tally) == [1]
