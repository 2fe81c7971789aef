"""Units let pass while the database is away: few, on disk first, counted once when it is back."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tallystick import Tallystick
from tallystick.app import offline_spool as spool_module
from tallystick.app.exits import release
from tallystick.app.offline_spool import OfflineSpool
from tallystick.core.dialects import define_plans, read_catalog
from tallystick.errors import (
    AccessDenied,
    Conflict,
    InvalidUsage,
    QuotaExceeded,
    ReservationOver,
    SetupError,
    StorageUnavailable,
    UnknownPlan,
)
from tallystick.facade import offline as offline_module
from tallystick.storage import unit as unit_module
from tallystick.storage.outbox import notices
from tallystick.testing.clock import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tallystick.facade.offline import Offline
    from tallystick.storage.unit import Storage

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
UNITS = 4


def feature(key: str, limit: int, **more: Any) -> dict[str, Any]:
    return {"featureKey": key, "enabled": True, "limit": limit, **more}


def plan(id_: str, *features: dict[str, Any]) -> dict[str, Any]:
    named = {"id": id_, "name": id_.title(), "price": 0, "currency": "USD", "interval": "month"}
    return {**named, "features": list(features)}


PLANS = define_plans(
    [
        plan(
            "free",
            feature("calls", 3, reset="month"),
            feature("soft", 1, reset="month", unitPrice="0.02"),
            feature("projects", 3),
            {"featureKey": "sso", "enabled": True},
        ),
        plan("bare", {"featureKey": "calls", "enabled": False}),
    ]
)


class Outage:
    """Takes a database away from its engine, and gives it back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
        self._patch, self._engine, self._connect = (
            monkeypatch,
            storage.engine,
            storage.engine.connect,
        )

    def __call__(self) -> None:
        def gone(*_: Any, **__: Any) -> Any:
            raise OperationalError("connect", None, Exception("nobody is there"))

        self._patch.setattr(self._engine, "connect", gone)

    def over(self) -> None:
        self._patch.setattr(self._engine, "connect", self._connect)


@pytest.fixture
def away(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    monkeypatch.setattr(unit_module, "_PAUSES", (0, 0, 0, 0))
    monkeypatch.setattr(offline_module, "_ASK_AGAIN", 1e-9)
    monkeypatch.setattr(OfflineSpool, "_count_beside", lambda _: None)
    outage = Outage(monkeypatch, storage)
    yield outage
    outage.over()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "offline"


@pytest.fixture
def opened(storage: Storage, folder: Path) -> Callable[..., Any]:
    clock = FrozenClock(START)

    def open_(units: int | None = UNITS, **more: Any) -> Tallystick:
        spool = None if units is None else folder
        options: dict[str, Any] = {"catalog": PLANS, "default_plan": "free", "clock": clock} | more
        return Tallystick(storage.engine, offline_units=units, offline_spool=spool, **options)

    return open_


@pytest.fixture
def tally(opened: Callable[..., Tallystick], away: Outage) -> Iterator[Tallystick]:
    with opened() as ledger:
        ledger.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        yield ledger
        away.over()
        assert not ledger.verify().broken


def offline(tally: Tallystick) -> Offline:
    assert tally.offline is not None
    return tally.offline


def used(tally: Tallystick, key: str = "calls", customer: str = "acme") -> Any:
    return tally.check(customer, key).used


def let_pass(tally: Tallystick, key: str = "calls", customer: str = "acme") -> int:
    """Use one after the other until the answer is no; give how many passed."""
    for count in range(100):
        try:
            tally.use(customer, key)
        except (StorageUnavailable, QuotaExceeded):
            return count
    return 100


def told(tally: Tallystick) -> list[Any]:
    with tally.begin() as unit:
        return [each.body for each in notices(unit, limit=1_000) if each.kind == "use.offline"]


def later(tally: Tallystick, **time: float) -> None:
    tally.clock.advance(timedelta(**time))  # type: ignore[attr-defined]  # a clock of the tests


# --- how much -------------------------------------------------------------------------------------


def test_without_the_setting_nothing_is_let_pass(
    opened: Callable[..., Tallystick], away: Outage
) -> None:
    with opened(None) as tally:
        tally.publish(author="anna")
        assert tally.offline is None
        away()
        assert let_pass(tally) == 0
        answer = tally.check("acme", "calls")
        assert (answer.allowed, answer.reason, answer.remaining) == (False, "dependency_away", 0)
        away.over()


@pytest.mark.parametrize("key", ["calls", "projects"])
def test_so_many_are_let_pass_and_all_of_them_count(
    tally: Tallystick, away: Outage, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    tally.use("acme", key, 2)
    away()
    answer = tally.check("acme", key)
    assert (answer.allowed, answer.reason, answer.remaining) == (True, "dependency_away", UNITS)
    with caplog.at_level(logging.WARNING, "tallystick.facade.offline"):
        answers = [tally.use("acme", key), tally.use("other", key, 2), tally.use("acme", key)]
        assert [each.remaining for each in answers] == [3, 1, 0]
        assert (let_pass(tally, key), let_pass(tally, key, "third")) == (0, 0)
    assert caplog.text.count("let pass while the database is away: customer=acme") == 2
    assert "denied while the database is away: customer=third" in caplog.text
    assert not tally.check("acme", key).allowed
    assert (offline(tally).waiting, offline(tally).left) == (3, 0)

    away.over()
    assert offline(tally).reconcile() == 3
    assert (used(tally, key), used(tally, key, "other")) == (4, 2)
    with pytest.raises(QuotaExceeded):
        tally.use("acme", key)
    assert (offline(tally).waiting, offline(tally).left) == (0, UNITS)
    mine = [(each["quantity"], each["used"], each["limit"]) for each in told(tally)]
    assert mine == [("1", "3", "3"), ("2", "2", "3"), ("1", "4", "3")]


def test_many_threads_get_exactly_the_units(tally: Tallystick, away: Outage) -> None:
    def one(number: int) -> bool:
        try:
            if number % 2:
                tally.use("acme", "calls")
            else:
                with tally.reserve("acme", "calls"):
                    pass
        except StorageUnavailable:
            return False
        return True

    away()
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(one, range(32))) == UNITS
    many = tally.check_many([("acme", "calls"), ("acme", "sso")])
    assert [(each.allowed, each.reason) for each in many] == [(False, "dependency_away")] * 2
    away.over()
    assert offline(tally).reconcile() == UNITS
    assert used(tally) == UNITS


def test_a_limit_is_never_passed_by_more_than_the_units_over_two_outages(
    tally: Tallystick, away: Outage
) -> None:
    assert let_pass(tally) == 3
    away()
    assert tally.use("acme", "calls", 3).allowed
    away.over()
    offline(tally).reconcile()
    assert used(tally) == 6
    away()
    assert let_pass(tally) == 1, "three of the four are passed already"
    assert let_pass(tally, customer="other") == 3, "whose limit nobody has passed"
    away.over()
    offline(tally).reconcile()
    assert used(tally) == 3 + UNITS
    away()
    assert let_pass(tally) == 0
    later(tally, days=30)
    assert let_pass(tally) == UNITS, "the quota has started again"
    away.over()


def test_who_is_within_the_limit_again_owes_nothing(tally: Tallystick, away: Outage) -> None:
    away()
    tally.use("acme", "projects", UNITS)
    away.over()
    offline(tally).reconcile()
    away()
    assert let_pass(tally, "projects") == UNITS - 1, "one project is over the limit of three"
    away.over()
    offline(tally).reconcile()
    tally.set("acme", "projects", 0)
    tally.use("acme", "projects")
    away()
    assert let_pass(tally, "projects") == UNITS


def test_what_is_paid_for_passes_no_limit(tally: Tallystick, away: Outage) -> None:
    for _ in range(2):
        away()
        assert let_pass(tally, "soft") == UNITS
        away.over()
        offline(tally).reconcile()
    assert used(tally, "soft") == 2 * UNITS


def test_what_the_plan_does_not_include_is_not_let_pass(tally: Tallystick, away: Outage) -> None:
    away()
    with pytest.raises(AccessDenied):
        tally.use("acme", "calls", plan="bare")
    assert not tally.check("acme", "calls", plan="bare").allowed
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "calls", plan="free", used=3)
    for key in ("sso", "nothing"):  # there is nothing to count
        with pytest.raises(StorageUnavailable):
            tally.use("acme", key)
        assert not tally.check("acme", key).allowed
    with pytest.raises(InvalidUsage):
        tally.use("acme", "calls", properties={"quantity": 7})
    for act in (tally.set, tally.give_back):
        with pytest.raises(StorageUnavailable):
            act("acme", "projects", 1)
    assert offline(tally).left == UNITS


def test_a_second_is_not_spent_on_each_call(
    tally: Tallystick, away: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_module, "_ASK_AGAIN", 3_600.0)
    asked: list[Any] = []
    attempt = tally.storage.attempt

    def counted(act: Any, **options: Any) -> Any:
        asked.append(act)
        return attempt(act, **options)

    monkeypatch.setattr(tally.storage, "attempt", counted)
    away()
    assert let_pass(tally) == UNITS
    assert len(asked) == 1
    away.over()
    assert let_pass(tally) == 0, "for a second nobody asks"
    offline(tally).reconcile()
    assert used(tally) == UNITS
    assert len(asked) > 1


# --- once -----------------------------------------------------------------------------------------


def test_the_same_key_counts_once(tally: Tallystick, away: Outage) -> None:
    tally.use("acme", "calls", idempotency_key="a")
    away()
    for _ in range(2):  # the first of it is in the ledger: its answer was lost, say
        assert tally.use("acme", "calls", idempotency_key="a").allowed
        assert tally.use("acme", "calls", idempotency_key="b").remaining == UNITS - 2
    with pytest.raises(Conflict):
        tally.use("acme", "calls", 2, idempotency_key="b")
    away.over()
    offline(tally).reconcile()
    assert used(tally) == 2
    assert tally.use("acme", "calls", idempotency_key="b").allowed
    assert used(tally) == 2


def test_a_crash_between_counting_and_forgetting_does_no_harm(
    opened: Callable[..., Tallystick],
    tally: Tallystick,
    away: Outage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away()
    tally.use("acme", "calls", 2)
    tally.use("acme", "projects", 2, properties={"by": "anna", "share": "0.10"})
    away.over()

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(offline(tally)._kept._spool, "advance", crash)
    with pytest.raises(KeyboardInterrupt):
        offline(tally).reconcile()
    offline(tally).forget()  # as a process that is killed lets go
    release(offline(tally))
    tally.offline = None
    with opened() as next_:
        assert offline(next_).waiting == 2
        assert offline(next_).left == 0
        assert offline(next_).reconcile() == 2
        assert (used(next_), used(next_, "projects")) == (2, 2)
        assert len(told(next_)) == 2
    with opened() as third:
        assert offline(third).waiting == 0


def test_a_use_counts_when_it_was_let_pass(tally: Tallystick, away: Outage) -> None:
    away()
    tally.use("acme", "calls", 2)
    later(tally, days=30)
    away.over()
    offline(tally).reconcile()
    assert used(tally) == 0
    assert tally.check("acme", "calls", at=START).used == 2


def test_what_is_too_late_for_its_time_counts_now(
    opened: Callable[..., Tallystick], away: Outage
) -> None:
    meter = {"key": "calls", "aggregation": "sum", "late_after": 1, "late": "refuse"}
    quota = {"key": "calls", "limit": 3, "reset": "month"}
    free = {"id": "free", "name": "Free", "interval": "month", "limits": [quota], "prices": []}
    product = {"id": "app", "name": "App", "currency": "USD", "plans": [free]}
    tree = {"dialect": "tallystick", "currency": "USD", "meters": [meter], "products": [product]}
    with opened(catalog=read_catalog(tree)) as tally:
        tally.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        away()
        tally.use("acme", "calls", 2)
        later(tally, days=30)
        away.over()
        assert offline(tally).reconcile() == 1
        assert used(tally) == 2


def test_two_ledgers_have_a_part_of_the_folder_each(
    opened: Callable[..., Tallystick], tally: Tallystick, away: Outage
) -> None:
    with opened() as other:
        away()
        assert (let_pass(tally), let_pass(other)) == (UNITS, UNITS)
        away.over()
        assert offline(other).reconcile() == UNITS
        assert used(tally) == UNITS
    assert offline(tally).reconcile() == UNITS
    assert used(tally) == 2 * UNITS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_units_and_a_part_of_the_folder_of_its_own(
    opened: Callable[..., Tallystick], tally: Tallystick, away: Outage
) -> None:
    away()
    tally.use("acme", "calls")
    child = os.fork()
    if child == 0:
        os._exit(let_pass(tally, customer="child"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == UNITS
    assert let_pass(tally) == UNITS - 1
    away.over()
    with opened() as next_:  # takes over what the child left
        offline(next_).reconcile()
        assert (used(next_, customer="child"), used(next_)) == (UNITS, 0)
    offline(tally).reconcile()
    assert used(tally) == UNITS


def test_it_is_counted_by_itself(
    opened: Callable[..., Tallystick], away: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(offline_module, "_ASK_AGAIN", 1e-9)
    monkeypatch.setattr(spool_module, "_EVERY", 0.01)
    monkeypatch.setattr(unit_module, "_PAUSES", (0, 0, 0, 0))
    with opened() as tally:
        tally.publish(author="anna")
        away()
        tally.use("acme", "calls")
        away.over()
        while offline(tally).waiting:  # pytest's own limit of time ends it
            pass
        assert used(tally) == 1


def test_what_was_let_pass_before_the_end_is_counted_at_the_end(
    opened: Callable[..., Tallystick], tally: Tallystick, away: Outage
) -> None:
    with opened() as other:
        away()
        other.use("acme", "calls")
        away.over()
    assert used(tally) == 1
    with pytest.raises(SetupError, match="closed"):
        other.use("acme", "calls")


# --- held -----------------------------------------------------------------------------------------


def test_what_is_held_is_committed_once_or_given_back(tally: Tallystick, away: Outage) -> None:
    away()
    held = tally.reserve("acme", "calls", 3)
    assert (held.access.reason, tally.check("acme", "calls").remaining) == ("dependency_away", 1)
    with pytest.raises(StorageUnavailable):
        tally.reserve("acme", "calls", 2)
    with pytest.raises(ReservationOver):
        tally.commit("acme", held.id, held.token + 1)
    assert held.commit(2).allowed
    assert held.commit(2).allowed
    with pytest.raises(ReservationOver):
        held.commit(1)
    with pytest.raises(ReservationOver):
        held.release()
    assert tally.check("acme", "calls").remaining == 2
    with pytest.raises(ValueError, match="no"), tally.reserve("acme", "calls", 2):
        raise ValueError("no")
    with tally.reserve("acme", "calls"):
        pass
    assert tally.check("acme", "calls").remaining == 1
    away.over()
    assert offline(tally).reconcile() == 2
    assert used(tally) == 3


def test_what_expires_is_given_back_and_not_committed(tally: Tallystick, away: Outage) -> None:
    away()
    held = tally.reserve("acme", "calls", UNITS, expires_in=30)
    assert let_pass(tally) == 0
    later(tally, seconds=30)
    assert let_pass(tally) == UNITS
    with pytest.raises(ReservationOver):
        held.commit()
    away.over()
    offline(tally).reconcile()
    away()
    other = tally.reserve("other", "calls", expires_in=30)
    other.commit()
    later(tally, seconds=31)
    assert other.commit().allowed, "the same again changes nothing"


def test_more_than_was_held_goes_as_far_as_the_units(tally: Tallystick, away: Outage) -> None:
    away()
    held = tally.reserve("acme", "calls", 1)
    with pytest.raises(StorageUnavailable):
        held.commit(UNITS + 1)
    assert held.commit(UNITS).remaining == 0
    away.over()
    offline(tally).reconcile()
    assert used(tally) == UNITS


def test_what_the_ledger_holds_is_the_ledger_s_to_commit(tally: Tallystick, away: Outage) -> None:
    held = tally.reserve("acme", "calls", 2)
    away()
    with pytest.raises(StorageUnavailable):
        held.commit()
    away.over()
    held.commit()
    assert used(tally) == 2


# --- what goes wrong ------------------------------------------------------------------------------


def test_where_the_disk_refuses_nothing_is_let_pass(
    tally: Tallystick, away: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:

    def full(_: Any) -> None:
        raise StorageUnavailable("the disk is full")

    away()
    held = tally.reserve("acme", "calls")
    with monkeypatch.context() as patch:
        patch.setattr(offline(tally)._kept._spool, "append", full)
        assert let_pass(tally) == 0
        with pytest.raises(StorageUnavailable, match="full"):
            held.commit()
    assert offline(tally).left == UNITS - 1
    assert held.commit().allowed
    assert offline(tally).waiting == 1


def test_what_nothing_counts_any_more_is_put_aside_and_holds_up_no_other(
    opened: Callable[..., Tallystick], tally: Tallystick, away: Outage, folder: Path
) -> None:
    with opened(catalog=None, default_plan=None) as blind:
        away()
        blind.use("acme", "nothing", plan="free")
        blind.use("acme", "calls", plan="free")
        away.over()
        assert offline(blind).reconcile() == 1
        assert (offline(blind).waiting, offline(blind).left) == (0, UNITS)
    assert used(tally) == 1
    (rejected,) = (folder / "offline").glob("*.rejected")
    line = json.loads(rejected.read_text("utf-8"))
    assert line["code"] == "VALIDATION_ERROR"
    assert line["event"]["event"]["type"] == "nothing"


def test_a_plan_that_nobody_knows_is_put_aside_too(
    opened: Callable[..., Tallystick], tally: Tallystick, away: Outage
) -> None:
    away()
    tally.use("acme", "calls", plan="gold")
    away.over()
    with pytest.raises(UnknownPlan):
        tally.use("acme", "calls", plan="gold")
    assert offline(tally).reconcile() == 1, "the meter of the feature is known"
    assert used(tally) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"offline_units": 0},
        {"offline_units": -1},
        {"offline_units": True},
        {"offline_units": "5"},
        {"offline_units": 1.5},
        {"offline_units": 10**10},
        {"offline_spool": "somewhere"},
        {"offline_units": 1, "offline_spool": 7},
        {"offline_units": 1, "offline_spool": "/dev/null"},
    ],
)
def test_settings_are_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        Tallystick("sqlite://", **settings)


def test_a_use_in_a_host_s_transaction_is_never_let_pass(
    tally: Tallystick, away: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tally.storage.engine.connect() as connection, contextlib.suppress(Exception):
        connection.execute(text("SELECT 1"))
        away()

        def gone(*_: Any, **__: Any) -> Any:
            raise StorageUnavailable("gone")

        monkeypatch.setattr(tally.storage, "within", gone)
        for act in (tally.use, tally.reserve, tally.check):
            with pytest.raises(StorageUnavailable):
                act("acme", "calls", connection=connection)
    assert offline(tally).left == UNITS
