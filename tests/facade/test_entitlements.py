"""`tally.entitlements`: all that a customer may do, from memory and as old as is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from tallystick import Tallystick
from tallystick.core.dialects import define_plans
from tallystick.errors import InvalidInput, InvalidUsage, StorageUnavailable
from tallystick.facade import from_memory
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.snapshot import Entitlements
    from tallystick.storage.unit import Storage

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
KEYS = ("projects", "calls", "sso", "theme")


def plan(id_: str, many: int) -> dict[str, Any]:
    return {
        "id": id_,
        "name": id_.title(),
        "price": many * 100,
        "currency": "USD",
        "interval": "month",
        "features": [
            {"featureKey": "projects", "enabled": True, "limit": 3 * many},
            {"featureKey": "calls", "enabled": True, "limit": 10 * many, "reset": "month"},
            {"featureKey": "sso", "enabled": many > 1},
            {"featureKey": "theme", "enabled": True, "value": {"depth": many}},
        ],
    }


PLANS = define_plans([plan("free", 1), plan("pro", 10)])


@pytest.fixture
def tally(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tallystick]:
    """A ledger whose process passes its time with its clock."""
    clock = FrozenClock(START)
    monkeypatch.setattr(
        from_memory, "monotonic", lambda: (clock.now() - START).total_seconds() + 100
    )
    opened = Tallystick(
        storage.engine, catalog=PLANS, default_plan="free", clock=clock, ids=CountedIds()
    )
    with opened as ledger:
        ledger.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        ledger.customers.create("acme", name="Acme")
        yield ledger


def later(tally: Tallystick, **time: float) -> None:
    tally.clock.advance(timedelta(**time))  # type: ignore[attr-defined]  # a clock of the tests


def asked_one_by_one(tally: Tallystick) -> dict[str, Any]:
    return {key: tally.check("acme", key) for key in KEYS}


def test_it_says_what_check_says(tally: Tallystick) -> None:
    tally.use("acme", "projects", 3)
    tally.use("acme", "calls", 8)
    tally.reserve("acme", "calls", 1)
    all_ = tally.entitlements("acme")
    assert dict(all_.features) == asked_one_by_one(tally)
    assert not all_.check("projects").allowed
    assert all_.check("projects").unlocks[0].plan == "pro"
    assert all_.check("calls", 1) is all_.check("calls")
    assert (all_.check("calls").allowed, all_.check("calls", 2).allowed) == (True, False)
    assert all_.check("nothing").reason == "not_in_plan"
    assert tally.entitlements("somebody else").check("calls").remaining == 10
    with pytest.raises(InvalidUsage):
        all_.check("calls", -1)


def test_it_is_as_old_as_is_said_and_no_older(tally: Tallystick) -> None:
    before = tally.entitlements("acme")
    tally.use("acme", "calls", 8)
    later(tally, seconds=4)
    assert tally.entitlements("acme") is before
    assert tally.entitlements("acme", max_age=2).check("calls").used == 8
    tally.use("acme", "calls", 1)
    later(tally, seconds=5)
    assert tally.entitlements("acme").check("calls").used == 9
    tally.use("acme", "calls", 1)
    assert tally.entitlements("acme", max_age=0).check("calls").used == 10


def test_every_change_of_what_they_have_is_another_version(tally: Tallystick) -> None:
    seen = [tally.entitlements("acme", max_age=0)]

    def changed(*, version: bool = True) -> Entitlements:
        found = tally.entitlements("acme", max_age=0)
        assert {key: found.check(key) for key in KEYS} == asked_one_by_one(tally)
        assert (found.version not in [each.version for each in seen]) is version
        seen.append(found)
        return found

    tally.use("acme", "calls")
    assert changed(version=False).check("calls").used == 1
    made = tally.subscriptions.start("acme", "pro").subscription
    assert changed().check("sso").allowed
    tally.credits.grant("acme", units=5, feature="calls")
    assert changed(version=False).check("calls").limit == 105
    later(tally, seconds=1)
    tally.subscriptions.pause(made.id)
    assert changed().check("calls").reason == "paused"
    later(tally, seconds=1)
    tally.subscriptions.resume(made.id)
    assert changed().check("calls").allowed
    tally.publish(define_plans([plan("free", 1), plan("pro", 20)]), author="anna")
    assert changed().check("calls").limit == 105
    later(tally, seconds=1)
    tally.subscriptions.cancel(made.id, when="now")
    assert changed().check("calls").plan == "free"
    later(tally, seconds=1)
    tally.customers.forget("acme")
    assert changed().check("calls").reason == "customer_suspended"


def test_what_only_time_changes_is_seen_too(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "pro", trial_days=3, after_trial="paused")
    before = tally.entitlements("acme")
    assert before.check("sso").allowed
    later(tally, days=4)  # and no run has come by
    after = tally.entitlements("acme")
    assert (after.version, after.check("sso").reason) == (before.version, "trial_over")
    later(tally, days=20)  # another month
    assert dict(tally.entitlements("acme").features) == asked_one_by_one(tally)


def test_nothing_is_asked_for_what_is_young_and_little_for_what_is_the_same(
    tally: Tallystick,
) -> None:
    tally.subscriptions.start("acme", "pro")
    statements: list[str] = []
    event.listen(
        tally.storage.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    tally.entitlements("acme")
    first = len(statements)
    tally.entitlements("acme").check("calls")
    assert len(statements) == first
    tally.entitlements("acme", max_age=0)
    assert len(statements) - first < first
    assert not any("snapshot" in each for each in statements[first:])


def test_without_the_database_everything_is_denied(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.entitlements("acme")

    def away(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("away")

    monkeypatch.setattr(tally, "act", away)
    assert tally.entitlements("acme").check("calls").allowed  # as young as was asked for
    later(tally, seconds=5)
    answer = tally.entitlements("acme").check("calls")
    assert (answer.allowed, answer.reason) == (False, "dependency_away")
    assert tally.entitlements("acme").check("theme", 3).reason == "dependency_away"
    monkeypatch.undo()
    assert tally.entitlements("acme", max_age=0).check("calls").allowed


def test_the_memory_is_bounded(tally: Tallystick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_memory, "_MOST_CUSTOMERS", 2)
    first = tally.entitlements("c1")
    for customer in ("c2", "c3"):
        tally.entitlements(customer)
    assert tally.entitlements("c1") is not first


@pytest.mark.parametrize("bad", [-1, 3_601, "5", None, True])
def test_an_age_is_a_number_of_seconds(tally: Tallystick, bad: Any) -> None:
    with pytest.raises(InvalidInput):
        tally.entitlements("acme", max_age=bad)
    with pytest.raises(InvalidInput):
        tally.entitlements("  ")
