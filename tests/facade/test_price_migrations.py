"""`tally.price_migrations`: who pays what, moved in stages, stopped, undone, and billed so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick
from tallystick.app.subscription import make_move
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import (
    Conflict,
    CurrencyMismatch,
    InvalidInput,
    NotFound,
    PriceCapExceeded,
    StorageUnavailable,
    UnknownPlan,
)
from tallystick.testing.clock import FrozenClock
from tests.facade.billing import START, catalog, day, digest, opened, usd
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]

NOW = day("2026-10-05")
RUN = "tallystick.app.price_migration_run"


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    """A ledger with three customers on `basic@1`, which costs 12.00 instead of 10.00 since."""
    with opened(database.url) as ledger:
        for number in range(3):
            ledger.customers.create(f"c{number}", name=f"Customer {number}")
            ledger.subscriptions.start(f"c{number}", "basic", id=f"s{number}")
        ledger.publish(catalog("12.00"), author="anna", at=day("2026-10-02"))
        yield ledger


def planned(tally: Tallystick, **more: Any) -> str:
    said: dict[str, Any] = {"at": NOW, "id": "m"}
    return tally.price_migrations.plan("basic", "basic", **said | more).id


def costs(tally: Tallystick, customer: str, until: str) -> list[str]:
    """Bill up to a day; give the totals of a customer in the order of their boundaries."""
    tally.invoices.run(day(until))
    found = [each.invoice for each in tally.invoices.list(customer=customer, limit=100)]
    return [str(each.total.major) for each in sorted(found, key=lambda each: each.at)]


def all_in_order(tally: Tallystick) -> None:
    report = tally.verify()
    assert report.ok, report
    for each in tally.invoices.list(limit=100):
        if each.number is not None:
            assert tally.invoices.replay(each.invoice.id).equal


def statuses(tally: Tallystick) -> dict[str, str]:
    return {each.subscription: each.status for each in tally.price_migrations.moves("m")}


def reasons(tally: Tallystick) -> dict[str, str]:
    return {each.subscription: each.reason for each in tally.price_migrations.moves("m")}


# --- looking --------------------------------------------------------------------------------------


def test_a_preview_tells_each_difference_and_changes_nothing(tally: Tallystick) -> None:
    tally.subscriptions.change("s1", overrides={"basic": {"cost": "11.00"}}, when="now")
    before = digest(tally)
    seen = tally.price_migrations.preview("basic", "basic", at=NOW, cap_percent="15")
    assert digest(tally) == before
    assert [
        (each.subscription, each.name, each.before, each.after, each.change, each.percent)
        for each in seen.moves
    ] == [
        ("s0", "Customer 0", usd("10.00"), usd("12.00"), usd("2.00"), Decimal(20)),
        ("s2", "Customer 2", usd("10.00"), usd("12.00"), usd("2.00"), Decimal(20)),
        ("s1", "Customer 1", usd("11.00"), usd("11.00"), usd("0.00"), Decimal(0)),
    ]
    assert (seen.before, seen.after) == (usd("31.00"), usd("35.00"))
    assert [each.customer for each in seen.over_cap] == ["c0", "c2"]
    assert {each.takes_effect_at for each in seen.moves} == {day("2026-11-01")}


def test_usage_of_the_last_period_is_rated_by_both_versions(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "pro", seats=2, id="p")
    for at, calls in (("2026-10-10", 3_000), ("2026-11-10", 9_000)):
        tally.clock = FrozenClock(day(at))
        tally.usage.record("acme", "calls", quantity=calls, id=at)
    tree: Any = to_tree(catalog("12.00"))
    lines = tree["products"][0]["plans"][1]["prices"]
    calls = next(each for each in lines if each["id"] == "calls")
    calls |= {"included": "500", "cost": "0.02"}
    tally.publish(read_catalog(tree), author="anna", at=day("2026-10-02"))
    [seen] = tally.price_migrations.preview("pro@1", "pro", at=day("2026-11-20")).moves
    # 30.00, two seats at 5.00, and October's 3,000 calls: beyond 1,000 at 0.01, 500 at 0.02
    assert (seen.before, seen.after) == (usd("60.00"), usd("90.00"))
    [first] = tally.price_migrations.preview("pro@1", "pro", at=day("2026-10-20")).moves
    assert (first.before, first.after) == (usd("60.00"), usd("90.00"))


def test_who_paid_nothing_is_over_any_cap(tally: Tallystick) -> None:
    tally.subscriptions.change("s1", overrides={"basic": {"cost": "0"}}, when="now")
    tree: Any = to_tree(catalog("12.00"))
    tree["products"][0]["plans"][0]["prices"][0]["id"] = "other"
    tally.publish(read_catalog(tree), author="anna", at=day("2026-10-03"))
    with pytest.raises(PriceCapExceeded, match=r"1 customer would.*\(c1\) 12.00 USD from noth"):
        planned(tally, cap_percent=900)


def test_the_cap_refuses_with_names_and_changes_nothing(tally: Tallystick) -> None:
    before = digest(tally)
    with pytest.raises(PriceCapExceeded, match=r"3 customers .* over 19\.99 % more.*C.* 0 \(c0\)"):
        planned(tally, cap_percent="19.99")
    with pytest.raises(PriceCapExceeded) as refused:
        planned(tally, cap_percent=0)
    assert (refused.value.customers, refused.value.count) == (("c0", "c1", "c2"), 3)
    assert refused.value.details() == {"customers": ["c0", "c1", "c2"], "count": 3}
    assert digest(tally) == before
    assert planned(tally, cap_percent=20) == "m"


def test_only_twenty_are_named(tally: Tallystick) -> None:
    for number in range(10, 32):
        tally.customers.create(f"c{number}")
        tally.subscriptions.start(f"c{number}", "basic@1", id=f"s{number}")
    with pytest.raises(PriceCapExceeded, match=r"25 customers.*, and 5 more") as refused:
        planned(tally, cap_percent=1)
    assert (len(refused.value.customers), refused.value.count) == (20, 25)


def test_a_scope_names_who_is_meant_or_who_is_not(tally: Tallystick) -> None:
    def seen(**scope: Any) -> list[str]:
        found = tally.price_migrations.preview("basic", "basic", at=NOW, **scope)
        return [each.customer for each in found.moves]

    assert seen() == ["c0", "c1", "c2"]
    assert seen(customers=["c1"]) == ["c1"]
    assert seen(without=iter(["c1"])) == ["c0", "c2"]
    assert seen(customers=["c1", "c2"], without=["c2"]) == ["c1"]
    assert seen(customers=[]) == []


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ({"plan": "basic@2"}, InvalidInput, "names basic@2"),
        ({"plan": "basic@1", "to": "basic@7"}, UnknownPlan, "basic@7"),
        ({"plan": "gold"}, UnknownPlan, "gold"),
        ({"plan": ["basic@1", 7]}, InvalidInput, r"plan\[1\]"),
        ({"to": "basic@1"}, InvalidInput, "no version older than basic@1"),
        ({"to": "desk"}, CurrencyMismatch, "EUR"),
        ({"to": "old"}, Conflict, "not offered"),
        ({"plan": "sms"}, Conflict, "nobody to move from sms@1"),
        ({"customers": ["ghost"]}, NotFound, "ghost"),
        ({"customers": "c0"}, InvalidInput, "customers"),
        ({"without": [None]}, InvalidInput, r"without\[0\]"),
        ({"cap_percent": 0.5}, InvalidInput, "cap_percent"),
        ({"cap_percent": "-1"}, InvalidInput, "cap_percent"),
        ({"cap_percent": "1e9"}, InvalidInput, "cap_percent"),
        ({"stages": [0]}, InvalidInput, r"stages\[0\]"),
        ({"stages": 5}, InvalidInput, "stages"),
        ({"stages": [True]}, InvalidInput, r"stages\[0\]"),
        ({"stages": [1] * 101}, InvalidInput, "100 entries"),
        ({"notice_days": 10**9}, InvalidInput, "notice_days"),
        ({"notice_days": 10, "effective_at": "2026-10-14T00:00:00Z"}, InvalidInput, "notice ends"),
        ({"effective_at": "soon"}, InvalidInput, "at"),
    ],
)
def test_bad_words_are_refused_and_change_nothing(
    tally: Tallystick, words: dict[str, Any], kind: type[Exception], text: str
) -> None:
    before = digest(tally)
    said: dict[str, Any] = {"plan": "basic", "to": "basic", "at": NOW}
    with pytest.raises(kind, match=text):
        tally.price_migrations.plan(**said | words)
    assert digest(tally) == before


# --- planning and running -------------------------------------------------------------------------


def test_what_is_planned_is_planned_once(tally: Tallystick) -> None:
    first = tally.price_migrations.plan("basic", "basic@2", id="m", stages=iter([1]), at=NOW)
    assert (first.from_offers, first.to_offer, first.stages) == (("basic@1",), "basic@2", (1,))
    assert first == tally.price_migrations.plan("basic", "basic@2", id="m", stages=[1])
    with pytest.raises(Conflict, match="another price migration 'm'"):
        planned(tally, stages=[2])
    with pytest.raises(Conflict, match=r"nobody to move.*price migration 'm' moves it"):
        planned(tally, id="m2")
    assert [each.id for each in tally.price_migrations.list()] == ["m"]
    assert tally.price_migrations.get("m") == first
    with pytest.raises(NotFound):
        tally.price_migrations.get("gone")


def test_a_run_moves_a_stage_and_bills_the_new_price_from_the_date_on(tally: Tallystick) -> None:
    planned(tally, stages=[1], effective_at=day("2026-11-15"))
    told: list[int] = []
    first = tally.price_migrations.run("m", at=NOW, tell=lambda run: told.append(run.moved))
    assert (first.stage, first.moved, first.left, first.state) == (1, 1, 2, "running")
    assert told == [1]
    assert statuses(tally) == {"s0": "moved", "s1": "planned", "s2": "planned"}
    assert not tally.price_migrations.run("m", stage=1, at=NOW).did_work
    with pytest.raises(Conflict, match="stage 2 comes first"):
        tally.price_migrations.run("m", stage=3, at=NOW)
    second = tally.price_migrations.run("m", stage=2, at=NOW)
    assert (second.stage, second.moved, second.left, second.state) == (2, 2, 0, "done")
    assert not tally.price_migrations.run("m", at=NOW).did_work
    assert dict(tally.price_migrations.get("m").counts) == {"moved": 3}
    for customer in ("c0", "c1", "c2"):
        assert costs(tally, customer, "2027-01-02") == ["10.00", "10.00", "12.00", "12.00"]
    assert tally.subscriptions.get("s0").plan == "basic@2"
    assert {each.takes_effect_at for each in tally.price_migrations.moves("m")} == {
        day("2026-12-01")
    }
    all_in_order(tally)


def test_a_run_makes_one_change_for_each_however_often(tally: Tallystick) -> None:
    planned(tally)
    tally.price_migrations.run("m", at=NOW)
    before = digest(tally)
    for _ in range(2):
        tally.price_migrations.run("m", at=day("2026-10-06"))
    assert digest(tally) == before
    assert len(tally.subscriptions.get("s0").planned) == 1


def test_notice_is_kept_however_late_the_run(tally: Tallystick) -> None:
    planned(tally, notice_days=20)  # until 25 October: with November's period
    tally.price_migrations.run("m", at=day("2026-10-20"))
    assert costs(tally, "c0", "2026-12-02") == ["10.00", "10.00", "12.00"]
    all_in_order(tally)


def test_prices_of_ones_own_and_add_ons_are_kept(tally: Tallystick) -> None:
    tally.subscriptions.change(
        "s1", overrides={"basic": {"percent_off": "50"}}, add={"sms": 2}, when="period_end"
    )
    assert costs(tally, "c1", "2026-11-02") == ["10.00", "13.00"]
    planned(tally, at=day("2026-11-05"))
    assert {
        each.subscription: (each.before, each.after) for each in tally.price_migrations.moves("m")
    }["s1"] == (usd("5.00"), usd("6.00"))
    tally.price_migrations.run("m", at=day("2026-11-05"))
    assert costs(tally, "c1", "2026-12-02") == ["10.00", "13.00", "14.00"]
    all_in_order(tally)


def test_who_was_changed_meanwhile_is_left_out_with_the_reason(tally: Tallystick) -> None:
    planned(tally)
    tally.subscriptions.change("s0", plan="pro", when="now", at=NOW)
    tally.subscriptions.change("s1", seats=4, when="now", at=NOW)
    tally.subscriptions.cancel("s2", at=NOW)
    run = tally.price_migrations.run("m", at=day("2026-10-06"))
    assert (run.moved, [each.subscription for each in run.skipped]) == (0, ["s0", "s1", "s2"])
    found = reasons(tally)
    assert "it has pro@1 now" in found["s0"]
    assert "changed since the prices were compared" in found["s1"]
    assert "ends before" in found["s2"]
    assert tally.subscriptions.get("s0").planned == ()
    assert costs(tally, "c1", "2026-11-02") == ["10.00", "10.00"]
    all_in_order(tally)


def test_who_takes_another_plan_after_the_run_keeps_it(tally: Tallystick) -> None:
    planned(tally)
    tally.price_migrations.run("m", at=NOW)
    tally.subscriptions.change("s0", plan="pro", when="now", at=day("2026-10-06"))
    tally.invoices.run(day("2026-11-02"))
    assert tally.subscriptions.get("s0").plan == "pro@1"
    undone = tally.price_migrations.undo("m", at=day("2026-11-03"))
    assert (undone.undone, [each.subscription for each in undone.kept]) == (1, ["s1", "s2"])
    assert reasons(tally)["s0"] == "something else came before it took effect"
    all_in_order(tally)


def test_a_change_of_plan_that_is_to_come_goes_first(tally: Tallystick) -> None:
    tally.subscriptions.change("s0", plan="sms", when="period_end", at=NOW)
    planned(tally)
    assert statuses(tally) == {"s0": "skipped", "s1": "planned", "s2": "planned"}
    assert "another change of plan" in reasons(tally)["s0"]
    tally.price_migrations.run("m", at=NOW)
    assert costs(tally, "c0", "2026-11-02") == ["10.00", "4.00"]


def test_one_that_cannot_be_moved_blocks_nobody(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(tally)

    def breaks(unit: Any, at: Any, id_: str, *args: Any, **named: Any) -> Any:
        made = make_move(unit, at, id_, *args, **named)
        if id_ == "s1":
            raise ValueError("a fault of ours")
        return made

    monkeypatch.setattr(f"{RUN}.make_move", breaks)
    tally.price_migrations.run("m", at=NOW)
    assert statuses(tally) == {"s0": "moved", "s1": "skipped", "s2": "moved"}
    assert reasons(tally)["s1"] == "ValueError: a fault of ours"
    assert tally.subscriptions.get("s1").planned == ()
    all_in_order(tally)


def test_a_run_that_was_interrupted_finishes_its_stage(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(tally, stages=[2])

    def breaks(unit: Any, at: Any, id_: str, *args: Any, **named: Any) -> Any:
        if id_ == "s1":
            raise StorageUnavailable("the database went away")
        return make_move(unit, at, id_, *args, **named)

    monkeypatch.setattr(f"{RUN}._BATCH", 1)
    with monkeypatch.context() as broken:
        broken.setattr(f"{RUN}.make_move", breaks)
        with pytest.raises(StorageUnavailable):
            tally.price_migrations.run("m", at=NOW)
    assert statuses(tally) == {"s0": "moved", "s1": "planned", "s2": "planned"}
    again = tally.price_migrations.run("m", at=NOW)
    assert (again.stage, again.moved, again.left) == (1, 1, 1)
    assert statuses(tally) == {"s0": "moved", "s1": "moved", "s2": "planned"}


def test_two_runs_at_once_move_each_once(database: Database) -> None:
    if not database.shared:
        pytest.skip("a database in memory has one process")
    with opened(database.url) as ledger:
        for number in range(12):
            ledger.customers.create(f"c{number}")
            ledger.subscriptions.start(f"c{number}", "basic", id=f"s{number:02}")
        ledger.publish(catalog("12.00"), author="anna", at=day("2026-10-02"))
        planned(ledger, stages=[8])

        def run(_: int) -> int:
            with Tallystick(database.url, clock=FrozenClock(NOW)) as own:
                return own.price_migrations.run("m", stage=1).moved

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(run, range(4))) == 8
        assert dict(ledger.price_migrations.get("m").counts) == {"moved": 8, "planned": 4}
        found = [ledger.subscriptions.get(f"s{number:02}") for number in range(12)]
        assert [len(each.planned) for each in found] == [1] * 8 + [0] * 4
        all_in_order(ledger)


def test_the_role_of_a_program_may_do_all_of_it(ledger: Ledger) -> None:
    with Tallystick(ledger.owner.engine, catalog=catalog()) as owner:
        owner.publish(author="anna", at=day("2026-01-01"))
        owner.publish(catalog("12.00"), author="anna", at=day("2026-10-02"))
    with Tallystick(ledger.app.engine, clock=FrozenClock(START)) as tally:
        for number in range(3):
            tally.customers.create(f"c{number}")
            tally.subscriptions.start(f"c{number}", "basic@1", id=f"s{number}")
        tally.subscriptions.change("s1", plan="pro", when="period_end", at=NOW)
        planned(tally)
        tally.subscriptions.change("s2", seats=2, when="now", at=NOW)
        assert tally.price_migrations.run("m", at=NOW).moved == 1
        assert statuses(tally) == {"s0": "moved", "s1": "skipped", "s2": "skipped"}
        assert tally.price_migrations.undo("m", at=NOW).undone == 1
        assert tally.verify().ok


# --- trials, pauses, the end ----------------------------------------------------------------------


def test_a_trial_ends_into_the_new_price(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic@1", id="t", trial_days=10)
    planned(tally, customers=["acme"])
    tally.price_migrations.run("m", at=NOW)
    assert costs(tally, "acme", "2026-10-12") == ["12.00"]
    all_in_order(tally)


def test_a_trial_that_ends_too_early_is_at_the_old_price_once(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic@1", id="t", trial_days=10)
    planned(tally, customers=["acme"], effective_at=day("2026-10-20"))
    tally.price_migrations.run("m", at=NOW)
    assert costs(tally, "acme", "2026-11-12") == ["10.00", "12.00"]
    all_in_order(tally)


def test_a_pause_that_extends_the_period_moves_the_date_on(tally: Tallystick) -> None:
    tally.subscriptions.pause("s0", mode="extend", at=NOW)
    planned(tally, customers=["c0"])
    assert tally.price_migrations.run("m", at=NOW).moved == 1
    assert [each.takes_effect_at for each in tally.price_migrations.moves("m")] == [None]
    tally.subscriptions.resume("s0", at=day("2026-11-05"))
    assert costs(tally, "c0", "2026-12-05") == ["10.00", "12.00"]
    all_in_order(tally)


# --- stopping and undoing -------------------------------------------------------------------------


def test_a_stop_moves_nobody_else(tally: Tallystick) -> None:
    planned(tally, stages=[1])
    tally.price_migrations.run("m", at=NOW)
    assert tally.price_migrations.stop("m").state == "stopped"
    assert tally.price_migrations.stop("m").state == "stopped"
    with pytest.raises(Conflict, match="was stopped: plan another"):
        tally.price_migrations.run("m", at=NOW)
    assert statuses(tally) == {"s0": "moved", "s1": "skipped", "s2": "skipped"}
    assert costs(tally, "c0", "2026-11-02") == ["10.00", "12.00"]
    assert costs(tally, "c1", "2026-11-02") == ["10.00", "10.00"]
    assert planned(tally, id="rest", at=day("2026-11-03")) == "rest"
    assert dict(tally.price_migrations.get("rest").counts) == {"planned": 2}


def test_a_stop_in_a_run_is_heard_after_its_batch(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{RUN}._BATCH", 1)
    planned(tally)
    run = tally.price_migrations.run("m", at=NOW, tell=lambda _: tally.price_migrations.stop("m"))
    assert (run.moved, run.state) == (1, "stopped")
    assert statuses(tally) == {"s0": "moved", "s1": "skipped", "s2": "skipped"}


def test_an_undo_before_the_date_leaves_everybody_as_they_were(tally: Tallystick) -> None:
    planned(tally, stages=[2])
    tally.price_migrations.run("m", at=NOW)
    undone = tally.price_migrations.undo("m", at=day("2026-10-20"))
    assert (undone.undone, undone.kept) == (3, ())
    assert tally.price_migrations.get("m").state == "undone"
    assert set(statuses(tally).values()) == {"undone"}
    for customer in ("c0", "c1", "c2"):
        assert costs(tally, customer, "2026-12-02") == ["10.00", "10.00", "10.00"]
    assert tally.price_migrations.undo("m", at=day("2026-12-03")).undone == 0
    with pytest.raises(Conflict, match="was undone"):
        tally.price_migrations.run("m", at=NOW)
    with pytest.raises(Conflict, match="is undone"):
        tally.price_migrations.stop("m")
    all_in_order(tally)


def test_an_undo_after_the_date_says_who_has_the_new_prices(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic@1", id="late", at=day("2026-10-03"))
    planned(tally)
    tally.price_migrations.run("m", at=NOW)
    # nobody has billed since, and yet the first of November is over for three of them
    undone = tally.price_migrations.undo("m", at=day("2026-11-02"))
    assert undone.undone == 1
    assert {each.subscription: each.reason for each in undone.kept} == dict.fromkeys(
        ["s0", "s1", "s2"], "it has taken effect"
    )
    assert costs(tally, "acme", "2026-11-04") == ["10.00", "10.00"]
    assert costs(tally, "c0", "2026-11-04") == ["10.00", "12.00"]
    all_in_order(tally)


# --- notices --------------------------------------------------------------------------------------


def test_who_is_moved_or_not_after_all_is_told_once(tally: Tallystick) -> None:
    def told() -> list[tuple[str, str]]:
        return [(each.customer, each.kind) for each in tally.dunning.notices()]

    planned(tally, stages=[2])
    assert told() == []
    tally.price_migrations.run("m", at=NOW)
    assert told() == [("c0", "price_change"), ("c1", "price_change")]
    notice = tally.dunning.notices()[0]
    assert (notice.at, notice.cause) == (NOW, "price_migration/m/s0")
    assert dict(notice.body) == {
        "price_migration": "m",
        "subscription": "s0",
        "from": "basic@1",
        "to": "basic@2",
        "before": 1000,
        "after": 1200,
        "currency": "USD",
        "takes_effect_at": "2026-11-01T00:00:00Z",
    }
    tally.price_migrations.undo("m", at=NOW)
    tally.price_migrations.undo("m", at=NOW)
    assert told()[2:] == [("c0", "price_change_undone"), ("c1", "price_change_undone")]


def test_pages_of_migrations_and_of_their_subscriptions(tally: Tallystick) -> None:
    planned(tally, customers=["c0", "c1"])
    planned(tally, id="n", without=["c0"])
    page = tally.price_migrations.list(limit=1)
    assert ([each.id for each in page], page.cursor) == (["m"], "m")
    assert [each.id for each in tally.price_migrations.list(starting_after="m")] == ["n"]
    first = tally.price_migrations.moves("m", limit=1)
    assert ([each.subscription for each in first], first.cursor) == (["s0"], "s0")
    rest = tally.price_migrations.moves("m", starting_after="s0", status="planned")
    assert ([each.subscription for each in rest], rest.cursor) == (["s1"], None)
    other = {each.subscription: each.status for each in tally.price_migrations.moves("n")}
    assert other == {"s1": "skipped", "s2": "planned"}
    with pytest.raises(InvalidInput, match="status"):
        tally.price_migrations.moves("m", status="lost")  # type: ignore[arg-type]  # the point
