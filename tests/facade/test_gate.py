"""`tally.check`, `use`, `reserve`, `set`: limits that hold, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select

from tallystick import (
    AccessDenied,
    PaymentNeeded,
    QuotaExceeded,
    ReservationOver,
    Tallystick,
    UnknownPlan,
)
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict, InvalidInput, InvalidPeriod, NotFound, TallystickError
from tallystick.storage.outbox import notices
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.entitlement import Access
    from tallystick.storage.unit import Storage

START = datetime(2026, 11, 10, 12, tzinfo=UTC)


def number(key: str, limit: int, **more: Any) -> dict[str, Any]:
    return {"feature_key": key, "enabled": True, "limit": limit, **more}


def plan(id_: str, cost: str, *limits: dict[str, Any]) -> dict[str, Any]:
    price = {"id": id_, "type": "flat", "cost": cost}
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, "prices": [price], "limits": list(limits)}


def features(many: int) -> list[dict[str, Any]]:
    return [
        number("projects", 3 * many),
        number("calls", 10 * many, reset="month"),
        number("burst", 5 * many, window_seconds=60),
        number("soft", many, reset="month", unit_price="2"),
        number("files", 100 * many, reset="day", grace=10),
        {"feature_key": "sso", "enabled": many > 1},
        {"feature_key": "theme", "enabled": True, "value": {"colour": "red", "depth": many}},
    ]


CATALOG = read_catalog(
    {
        "currency": "USD",
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "USD",
                "plans": [plan("free", "0", *features(1)), plan("pro", "29.00", *features(10))],
            },
            {
                "id": "more",
                "name": "More",
                "currency": "USD",
                "group": "more",
                "plans": [plan("pack", "5.00", number("projects", 10))],
            },
        ],
    }
)


def opened(url: Any, **more: Any) -> Tallystick:
    settings = {"clock": FrozenClock(START), "ids": CountedIds(), "default_plan": "free"}
    return Tallystick(url, catalog=CATALOG, **{**settings, **more})


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    """A ledger with the catalogue published, and acme as a customer without a subscription."""
    with opened(storage.engine) as ledger:
        ledger.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        ledger.customers.create("acme", name="Acme")
        yield ledger


def later(tally: Tallystick, **time: float) -> None:
    tally.clock.advance(timedelta(**time))  # type: ignore[attr-defined]  # a clock of the tests


def events(tally: Tallystick, customer: str = "acme") -> int:
    return len(list(tally.usage.export(customer=customer)))


# --- checking -------------------------------------------------------------------------------------


def test_who_has_no_subscription_has_the_default_plan(tally: Tallystick) -> None:
    answer = tally.check("nobody knows them", "projects")
    assert (answer.allowed, answer.plan, answer.limit, answer.remaining) == (True, "free", 3, 3)
    assert tally.check("acme", "theme").value == {"colour": "red", "depth": 1}
    assert not tally.check("acme", "sso").allowed


def test_without_a_default_plan_there_is_nothing(storage: Storage) -> None:
    with opened(storage.engine, default_plan=None) as ledger:
        ledger.publish(author="anna")
        assert ledger.check_all("nobody knows them") == {}
        answer = ledger.check("acme", "projects")
        assert answer.reason == "no_subscription"
        assert [each.plan for each in answer.unlocks] == ["free"]
        with pytest.raises(PaymentNeeded) as refused:
            ledger.use("acme", "projects")
        assert refused.value.details()["reason"] == "no_subscription"


def test_buying_what_unlocks_makes_the_same_check_pass(tally: Tallystick) -> None:
    for _ in range(3):
        tally.use("acme", "projects")
    answer = tally.check("acme", "projects")
    assert [each.plan for each in answer.unlocks] == ["pro"]
    made = tally.subscriptions.start("acme", answer.unlocks[0].plan).subscription
    assert tally.check("acme", "projects").limit == 30
    tally.set("acme", "projects", 30)
    answer = tally.check("acme", "projects")
    (add_on,) = answer.unlocks
    assert (add_on.kind, add_on.plan, str(add_on.price)) == ("add_on", "pack", "5.00 USD")
    tally.subscriptions.change(made.id, add=["pack"])
    answer = tally.check("acme", "projects")
    assert (answer.allowed, answer.limit) == (True, 40)


@pytest.mark.parametrize("zone", [None, "America/New_York", "Pacific/Auckland"])
def test_quotas_of_the_default_plan_start_again_on_the_first_of_the_customers_months(
    tally: Tallystick, zone: str | None
) -> None:
    tally.customers.create("west", name="West", time_zone=zone)
    resets_at = tally.check("west", "calls").resets_at
    assert resets_at is not None
    shown = resets_at.astimezone(ZoneInfo(zone or "UTC"))
    assert shown.isoformat()[:19] == "2026-12-01T00:00:00"


def test_what_is_held_in_the_next_window_takes_nothing_of_the_one_before(
    tally: Tallystick,
) -> None:
    later(tally, days=20, hours=11, minutes=59, seconds=59)  # the last second of November
    held = tally.reserve("acme", "calls", 1, expires_in=60)
    later(tally, seconds=2)
    tally.reserve("acme", "calls", 9, expires_in=60)
    assert held.commit(9).allowed  # nine of November's ten, whatever is held of December's


def test_a_gauge_is_committed_on_top_of_what_there_is_by_then(tally: Tallystick) -> None:
    held = tally.reserve("acme", "projects", expires_in=86_400 * 7)
    later(tally, days=5)
    tally.set("acme", "projects", 2)
    assert held.commit().used == 3
    assert not tally.check("acme", "projects").allowed


def test_a_host_may_name_the_plan_and_count_itself(tally: Tallystick) -> None:
    assert tally.check("acme", "projects", plan="pro").limit == 30
    assert tally.check("acme", "projects", plan="pro@1", used=29).allowed
    assert not tally.check("acme", "projects", used=lambda: 3).allowed
    assert tally.check("acme", "projects", plan="gone").reason == "unknown_plan"
    with pytest.raises(UnknownPlan):
        tally.use("acme", "projects", plan="gone")


def test_a_subscription_gives_what_its_state_allows(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "pro", trial_days=3, after_trial="paused").subscription
    assert tally.check("acme", "sso").allowed
    later(tally, days=4)  # and no run has come by
    assert tally.check("acme", "sso").reason == "trial_over"
    with pytest.raises(PaymentNeeded):
        tally.use("acme", "calls")
    tally.subscriptions.cancel(made.id, when="now")
    assert tally.check("acme", "sso").reason == "feature_disabled"  # the default plan again


def test_a_paused_subscription_gives_nothing(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "pro").subscription
    tally.subscriptions.pause(made.id)
    assert tally.check("acme", "calls").reason == "paused"
    with pytest.raises(AccessDenied):
        tally.use("acme", "calls")


def test_who_was_forgotten_has_nothing(tally: Tallystick) -> None:
    tally.customers.forget("acme")
    assert tally.check("acme", "calls").reason == "customer_suspended"


def test_granted_units_are_added(tally: Tallystick) -> None:
    tally.credits.grant("acme", units=5, feature="calls")
    assert tally.check("acme", "calls", 15).allowed
    assert not tally.check("acme", "calls", 16).allowed


def test_many_questions_take_as_many_statements_as_few(tally: Tallystick) -> None:
    keys = ["projects", "calls", "burst", "soft", "files", "sso", "theme"]
    for place in range(6):
        tally.use(f"c{place}", "calls", place + 1)

    def counted(asked: list[tuple[str, str]]) -> tuple[int, tuple[Access, ...]]:
        told: list[str] = []

        def note(*given: Any) -> None:
            told.append(given[2])

        event.listen(tally.storage.engine, "before_cursor_execute", note)
        try:
            return len(told), tally.check_many(asked) and (tally.check_many([]) or ())
        finally:
            event.remove(tally.storage.engine, "before_cursor_execute", note)
            counts.append(len(told))

    counts: list[int] = []
    counted([(f"c{place}", key) for place in range(2) for key in keys])
    counted([(f"c{place}", key) for place in range(6) for key in keys])
    assert counts[0] == counts[1]
    found = tally.check_many([(f"c{place}", "calls", 5) for place in range(6)])
    assert [each.used for each in found] == [1, 2, 3, 4, 5, 6]
    assert [each.allowed for each in found] == [True] * 5 + [False]
    assert tally.check_many([]) == ()
    assert list(tally.check_all("acme")) == keys


# --- using ----------------------------------------------------------------------------------------


def test_a_use_is_one_event_that_counts_and_is_billed(tally: Tallystick) -> None:
    answer = tally.use("acme", "calls", "2.5")
    assert (answer.used, answer.remaining) == (Decimal("2.5"), Decimal("7.5"))
    (only,) = tally.usage.export(customer="acme")
    assert (only.type, only.properties) == ("calls", {"quantity": Decimal("2.5")})
    tally.usage.record("acme", "calls", id="plain", quantity=7)
    assert tally.check("acme", "calls").used == Decimal("9.5")
    tally.usage.void("acme", "plain")
    assert tally.check("acme", "calls").used == Decimal("2.5")


def test_a_denied_use_leaves_no_row(tally: Tallystick) -> None:
    tally.set("acme", "projects", 3)
    before = digest(tally)
    with pytest.raises(QuotaExceeded) as refused:
        tally.use("acme", "projects")
    assert refused.value.details()["upgrade_to"] == "pro"
    with pytest.raises(AccessDenied):
        tally.use("acme", "sso")
    with pytest.raises(AccessDenied):
        tally.reserve("acme", "nothing of the kind")
    assert digest(tally) == before


def test_the_same_key_counts_once(tally: Tallystick) -> None:
    for feature in ("calls", "projects"):
        first = tally.use("acme", feature, 3, idempotency_key=feature)
        assert tally.use("acme", feature, 3, idempotency_key=feature).used == first.used == 3
        with pytest.raises(Conflict):
            tally.use("acme", feature, 2, idempotency_key=feature)
    tally.use("acme", "calls", 7)
    assert tally.use("acme", "calls", 3, idempotency_key="calls").allowed  # though nothing is left
    assert tally.use("acme", "projects", 3, idempotency_key="projects").allowed


def test_a_quota_starts_again_and_a_count_does_not(tally: Tallystick) -> None:
    tally.use("acme", "calls", 10)
    tally.use("acme", "projects", 3)
    answer = tally.check("acme", "calls")
    assert (answer.allowed, answer.resets_at) == (False, datetime(2026, 12, 1, tzinfo=UTC))
    later(tally, days=20, hours=11, minutes=59, seconds=59)
    assert not tally.check("acme", "calls").allowed
    later(tally, seconds=1)
    assert tally.use("acme", "calls", 10).remaining == 0
    assert not tally.check("acme", "projects").allowed


def test_a_sliding_window_holds_at_every_instant(tally: Tallystick) -> None:
    """Five in any 60 seconds, also for a burst at a boundary of the clock."""
    for _ in range(5):
        later(tally, microseconds=11_700_000)
        tally.use("acme", "burst")
    first = START + timedelta(microseconds=11_700_000)
    at_the_end = first + timedelta(seconds=60) - timedelta(microseconds=1)
    assert not tally.check("acme", "burst", at=at_the_end).allowed
    assert tally.check("acme", "burst", at=first + timedelta(seconds=60)).remaining == 1
    for _ in range(20):
        later(tally, microseconds=3_333_333)
        try:
            tally.use("acme", "burst")
        except QuotaExceeded:
            continue
    times = sorted(each.occurred_at for each in tally.usage.export(customer="acme"))
    for place, start in enumerate(times):
        within = [at for at in times[place:] if at - start < timedelta(seconds=60)]
        assert len(within) <= 5
    assert len(times) > 9


def test_soft_and_grace_go_beyond_the_limit(tally: Tallystick) -> None:
    tally.use("acme", "soft", 1)
    answer = tally.use("acme", "soft", 4)
    assert (answer.reason, answer.overage, str(answer.overage_price)) == ("overage", 4, "0.02 USD")
    tally.use("acme", "files", 100)
    assert tally.use("acme", "files", 10).reason == "grace"
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "files")


def test_a_gauge_is_set_used_and_given_back(tally: Tallystick) -> None:
    assert tally.set("acme", "projects", 7).allowed is False  # over the limit is told, not denied
    assert tally.give_back("acme", "projects", 5, idempotency_key="gone").used == 2
    assert tally.give_back("acme", "projects", 5, idempotency_key="gone").used == 2
    assert tally.use("acme", "projects").used == 3
    assert tally.give_back("acme", "projects", 9).used == 0
    for wrong in ("calls", "theme"):
        with pytest.raises(InvalidInput, match="feature"):
            tally.set("acme", wrong, 1)


def test_levels_and_changed_limits_are_told_once(tally: Tallystick) -> None:
    for _ in range(10):
        tally.use("acme", "calls")
    told = tally.act(lambda unit, _: notices(unit, 10))
    assert [(each.kind, each.body["percent"]) for each in told] == [
        ("limit.reached", 80),
        ("limit.reached", 100),
    ]
    tally.subscriptions.start("acme", "pro")
    tally.use("acme", "calls")
    (*_, last) = tally.act(lambda unit, _: notices(unit, 10))
    assert (last.kind, last.body["before"], last.body["limit"]) == ("limit.changed", "10", "100")


def test_a_use_in_a_hosts_transaction_is_undone_with_it(tally: Tallystick) -> None:
    with tally.storage.engine.connect() as connection:
        tally.use("acme", "calls", 4, connection=connection)
        assert tally.check("acme", "calls", connection=connection).used == 4
        connection.rollback()
    assert tally.check("acme", "calls").used == 0
    assert events(tally) == 0


# --- reserving ------------------------------------------------------------------------------------


def test_what_is_reserved_is_committed_once(tally: Tallystick) -> None:
    held = tally.reserve("acme", "calls", 8)
    assert tally.check("acme", "calls").reserved == 8
    assert events(tally) == 0
    with pytest.raises(QuotaExceeded):
        tally.reserve("acme", "calls", 3)
    assert held.commit(5).used == 5
    assert held.commit(5).used == 5  # the same again
    with pytest.raises(ReservationOver):
        held.commit(6)
    with pytest.raises(ReservationOver):
        held.release()
    assert (tally.check("acme", "calls").reserved, events(tally)) == (0, 1)
    assert tally.use("acme", "calls", 5).remaining == 0
    assert tally.verify().ok


def test_more_than_was_reserved_goes_as_far_as_the_limit(tally: Tallystick) -> None:
    held = tally.reserve("acme", "calls", 2)
    tally.use("acme", "calls", 5)
    with pytest.raises(QuotaExceeded):
        held.commit(6)
    assert held.commit(5).used == 10


def test_what_expires_is_given_back_once(tally: Tallystick) -> None:
    held = tally.reserve("acme", "calls", 10, expires_in=30)
    later(tally, seconds=29)
    assert not tally.check("acme", "calls").allowed
    later(tally, seconds=1)
    assert tally.use("acme", "calls", 10).remaining == 0
    with pytest.raises(ReservationOver, match="expired"):
        held.commit()
    held.release()  # it is given back already
    assert tally.check("acme", "calls").used == 10
    assert tally.verify().ok


def test_an_expired_reservation_is_refused_also_where_nobody_took_its_units(
    tally: Tallystick,
) -> None:
    held = tally.reserve("acme", "calls", 10, expires_in=timedelta(seconds=30))
    later(tally, seconds=30)
    with pytest.raises(ReservationOver):
        held.commit()
    assert (events(tally), tally.check("acme", "calls").remaining) == (0, 10)


def test_a_block_commits_or_releases(tally: Tallystick) -> None:
    with tally.reserve("acme", "projects", 2):
        pass
    with pytest.raises(ZeroDivisionError), tally.reserve("acme", "projects"):
        raise ZeroDivisionError
    answer = tally.check("acme", "projects")
    assert (answer.used, answer.reserved) == (2, 0)


def test_a_token_fences_and_a_customer_has_only_their_own(tally: Tallystick) -> None:
    held = tally.reserve("acme", "calls")
    with pytest.raises(ReservationOver, match="token"):
        tally.commit("acme", held.id, held.token + 1)
    with pytest.raises(NotFound):
        tally.commit("globex", held.id, held.token)
    with pytest.raises(NotFound):
        tally.release("globex", held.id, held.token)
    tally.commit("acme", held.id, held.token)


def test_a_reservation_counts_in_the_window_in_which_it_was_made(tally: Tallystick) -> None:
    held = tally.reserve("acme", "calls", 10, expires_in=timedelta(days=7))
    tally.clock.set(datetime(2026, 12, 1, tzinfo=UTC))  # type: ignore[attr-defined]  # a clock of the tests
    with pytest.raises(ReservationOver):
        held.commit()
    late = tally.reserve("acme", "calls", 10, expires_in=60)
    assert not tally.check("acme", "calls").allowed
    late.commit()
    assert not tally.check("acme", "calls").allowed


def test_what_was_reserved_is_used_also_after_the_plan_has_changed(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "pro").subscription
    held = tally.reserve("acme", "calls", 50)
    tally.subscriptions.pause(made.id)
    held.commit()
    assert events(tally) == 1


def test_what_was_reserved_before_a_subscription_is_used_after_its_start(
    tally: Tallystick,
) -> None:
    held = tally.reserve("acme", "calls", 10)
    later(tally, seconds=10)
    tally.subscriptions.start("acme", "pro")
    held.commit()
    assert events(tally) == 1
    assert tally.verify().ok


# --- bad input ------------------------------------------------------------------------------------

BAD: tuple[Any, ...] = (
    *(-5, 0, 1.5, True, None, [], {}, float("nan"), Decimal("NaN"), Decimal("Infinity")),
    *("1e999999", "-1", "", "1_000", "١٢", "1e3", 10**40, "9" * 5_000, "0.0000000000001"),
)


@pytest.mark.parametrize("quantity", BAD, ids=lambda each: repr(each)[:20])
def test_a_bad_quantity_is_refused_and_changes_nothing(
    storage_sqlite_file: Storage, quantity: Any
) -> None:
    with opened(storage_sqlite_file.engine) as tally:
        before = digest(tally)
        for act in (tally.use, tally.reserve):
            with pytest.raises(InvalidInput):
                act("acme", "calls", quantity)
        assert digest(tally) == before


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
        START.replace(tzinfo=None),
        START + timedelta(hours=2),
        START.replace(year=2076),
        "2026-11-10T12:00:60Z",
        "10" * 9,
        10**18,
    ],
    ids=str,
)
def test_a_bad_time_is_refused_and_changes_nothing(storage_sqlite_file: Storage, at: Any) -> None:
    with opened(storage_sqlite_file.engine) as tally:
        before = digest(tally)
        with pytest.raises((InvalidPeriod, InvalidInput)):
            tally.use("acme", "calls", at=at)
        assert digest(tally) == before


@pytest.mark.parametrize("expires_in", [0, -1, 1.5, True, "60", 7 * 86_400 + 1, timedelta(0)])
def test_a_bad_length_is_refused(storage_sqlite_file: Storage, expires_in: Any) -> None:
    with (
        opened(storage_sqlite_file.engine) as tally,
        pytest.raises(InvalidInput, match="expires_in"),
    ):
        tally.reserve("acme", "calls", expires_in=expires_in)


# --- at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", ["calls", "projects", "burst"])
def test_callers_at_once_get_exactly_the_limit(tally: Tallystick, feature: str) -> None:
    limit = tally.check("acme", feature).limit
    assert limit is not None

    def call(place: int) -> int:
        try:
            if place % 3 == 0:
                tally.reserve("acme", feature).commit()
            else:
                tally.use("acme", feature)
        except QuotaExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        got = sum(pool.map(call, range(int(limit) + 12)))
    assert got == tally.check("acme", feature).used == limit
    assert tally.verify().ok


def test_first_calls_of_an_unknown_customer_meet_at_one_gate(tally: Tallystick) -> None:
    """The very first, when there is no gate yet (S28)."""
    outcomes: list[str] = []

    def call(_: int) -> None:
        try:
            tally.use("new", "projects", 2)
            outcomes.append("used")
        except TallystickError as refused:
            outcomes.append(refused.code)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(8)))
    assert sorted(outcomes) == ["QUOTA_EXCEEDED"] * 7 + ["used"]


def test_ids_of_two_customers_never_meet(tally: Tallystick) -> None:
    for owner in ("acme", "globex"):
        tally.use(owner, "calls", 4, idempotency_key="same")
    assert [tally.check(each, "calls").used for each in ("acme", "globex")] == [4, 4]
    gates = tally.storage.tables.gates
    with tally.storage.engine.connect() as connection:
        assert len(connection.execute(select(gates)).all()) == 2
