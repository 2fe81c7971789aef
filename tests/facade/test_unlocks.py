"""What unlocks a denied use, bought on the ledger, makes the same check pass."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tallystick.testing.ledger import FrozenLedger
from tests.facade.billing import START, day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.access_unlock import Unlock
    from tallystick.core.catalog import Catalog
    from tests.databases import Database


def limited(calls: int) -> dict[str, Any]:
    return {"feature_key": "calls", "enabled": True, "limit": calls, "reset": "month"}


def plan(id_: str, cost: str, **more: Any) -> dict[str, Any]:
    price = {"id": id_, "type": more.pop("type", "flat"), "cost": cost}
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, "prices": [price], **more}


def units(size: str, feature: str = "calls", **more: Any) -> list[dict[str, Any]]:
    return [{"id": "units", "units": size, "feature": feature, "interval": "month", **more}]


def book(*packs: dict[str, Any], group: str = "packs") -> Catalog[str, str]:
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "plans": [
                        plan("base", "10.00", limits=[limited(10)]),
                        plan("team", "90.00", limits=[limited(60)]),
                    ],
                },
                {"id": "packs", "name": "Packs", "group": group, "plans": list(packs)},
            ],
        }
    )


PACKS = book(
    plan("ten", "5.00", credits=units("10")),
    plan("each", "1.00", type="per_seat", credits=units("3")),
    plan("dear", "50.00", credits=units("40")),
    plan("other", "0.50", limits=[{"feature_key": "sso", "enabled": True}]),
)


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with Tallystick(
        database.url, catalog=PACKS, clock=FrozenClock(START), ids=CountedIds()
    ) as ledger:
        ledger.migrate()
        ledger.publish(author="anna", at=day("2026-01-01"))
        ledger.customers.create("acme", name="Acme")
        yield ledger


def later(tally: Tallystick, **by: int) -> None:
    tally.clock.advance(timedelta(**by))  # type: ignore[attr-defined]  # as the fixture made it


def named(tally: Tallystick, requested: int = 1) -> list[tuple[str, str, int]]:
    unlocks = tally.check("acme", "calls", requested).unlocks
    return [(each.kind, each.plan, each.seats) for each in unlocks]


def test_a_pack_of_units_is_a_top_up(tally: Tallystick) -> None:
    sub = tally.subscriptions.start("acme", "base").subscription
    tally.use("acme", "calls", 10)
    answer = tally.check("acme", "calls", 8)
    assert [(each.kind, each.plan, each.seats, str(each.price)) for each in answer.unlocks] == [
        ("top_up", "each", 3, "3.00 USD"),
        ("plan", "team", 1, "90.00 USD"),
    ]
    assert answer.upgrade_to == "team"
    assert answer.text.endswith("; Each allows it")
    tally.subscriptions.change(sub.id, add={"each": 3})
    after = tally.check("acme", "calls", 8)
    assert (after.allowed, after.limit, after.remaining) == (True, 19, 9)
    assert tally.use("acme", "calls", 8).remaining == 1


def test_late_in_the_period_a_top_up_grants_its_part(tally: Tallystick) -> None:
    sub = tally.subscriptions.start("acme", "base").subscription
    later(tally, days=29)  # of 31: two days are left
    tally.use("acme", "calls", 10)
    assert named(tally) == [("top_up", "each", 6), ("plan", "team", 1)]  # 3 * 2/31 each
    tally.subscriptions.change(sub.id, add={"each": 5})
    assert not tally.check("acme", "calls").allowed
    assert named(tally) == [("top_up", "ten", 1), ("plan", "team", 1)]
    tally.subscriptions.change(sub.id, add=["ten"])
    assert tally.check("acme", "calls").allowed


def test_what_grants_nothing_now_is_not_named(tally: Tallystick) -> None:
    sub = tally.subscriptions.start("acme", "base", trial_days=5).subscription
    tally.use("acme", "calls", 10)
    assert named(tally) == [("plan", "team", 1)], "in a trial no credits come"
    later(tally, days=6)
    tally.invoices.run()
    tally.use("acme", "calls", 10)
    assert named(tally)[0][:2] == ("top_up", "each")
    tally.subscriptions.change(sub.id, add={"each": 1})
    tally.use("acme", "calls", 2)
    tally.subscriptions.change(sub.id, remove=["each"], when="now")
    assert "each" not in {each for _, each, _ in named(tally)}, "once in a period is all"


@pytest.mark.parametrize("size", [10**12, 10**17, "999999999999999999.999999999999"])
def test_nobody_is_sold_more_seats_than_there_can_be(tally: Tallystick, size: Any) -> None:
    tally.subscriptions.start("acme", "base")
    later(tally, days=30, seconds=86_398)  # a second is left
    answer = tally.check("acme", "calls", size)
    assert (answer.allowed, answer.unlocks) == (False, ())


def test_who_asks_for_a_time_before_is_told_no_more_than_that(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "base")
    tally.use("acme", "calls", 10)
    later(tally, days=40)
    told = tally.check("acme", "calls", 11, at=START + timedelta(days=1))
    assert not told.allowed


def test_who_has_no_subscription_cannot_top_up(database: Database) -> None:
    with Tallystick(database.url, catalog=PACKS, default_plan="base") as ledger:
        ledger.migrate()
        ledger.publish(author="anna")
        ledger.use("acme", "calls", 10)
        assert named(ledger) == [("plan", "team", 1)]


def test_money_and_units_of_something_else_are_no_top_up(database: Database) -> None:
    packs = book(
        plan("money", "5.00", credits=[{"id": "m", "amount": "5.00", "interval": "month"}]),
        plan(
            "files",
            "5.00",
            credits=units("9", "files"),
            limits=[{"feature_key": "files", "enabled": True, "limit": 1, "reset": "month"}],
        ),
    )
    with Tallystick(database.url, catalog=packs, clock=FrozenClock(START)) as ledger:
        ledger.migrate()
        ledger.publish(author="anna", at=day("2026-01-01"))
        ledger.customers.create("acme", name="Acme")
        ledger.subscriptions.start("acme", "base")
        ledger.use("acme", "calls", 10)
        assert named(ledger) == [("plan", "team", 1)]


# --- property -------------------------------------------------------------------------------------


@st.composite
def shops(draw: st.DrawFn) -> Catalog[str, str]:
    size = st.decimals("0.5", "30", places=1)
    kinds = st.sampled_from(["flat", "per_seat"])
    packs = []
    for place in range(draw(st.integers(1, 3))):
        limits = {"limits": [limited(draw(st.integers(0, 20)))]} if draw(st.booleans()) else {}
        credits_ = {"credits": units(str(draw(size)))} if draw(st.booleans()) else {}
        cost = str(draw(st.integers(1, 99)))
        packs.append(plan(f"pack{place}", cost, type=draw(kinds), **limits, **credits_))
    return book(*packs)


ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Auckland")
STARTS = ("2026-10-01", "2026-08-31", "2026-01-31T23:30:00Z", "2026-10-24T22:30:00Z")
PLACES = st.tuples(st.sampled_from(STARTS), st.sampled_from(ZONES), st.integers(0, 27 * 86_400))


def prepared(
    catalog: Catalog[str, str], place: tuple[str, str, int], used: int
) -> tuple[FrozenLedger, str]:
    start, zone, seconds = place
    tally = FrozenLedger(catalog=catalog, start=start)
    tally.customers.create("acme", name="Acme", time_zone=zone)
    sub = tally.subscriptions.start("acme", "base").subscription
    tally.clock.advance(timedelta(seconds=seconds, microseconds=seconds % 1_000_000))
    if used:
        tally.usage.record("acme", "calls", id="before", quantity=used)
    return tally, sub.id


def bought(tally: FrozenLedger, sub: str, unlock: Unlock) -> None:
    if unlock.kind == "plan" and unlock.plan.startswith("pack"):
        tally.subscriptions.start("acme", unlock.plan)  # beside the other, in a group of its own
    elif unlock.kind == "plan":
        tally.subscriptions.change(sub, plan=unlock.plan, when="now")
    else:
        tally.subscriptions.change(sub, add={unlock.plan: unlock.seats})


@settings(max_examples=12)
@given(shops(), PLACES, st.integers(0, 40), st.integers(1, 30))
def test_whatever_is_named_makes_the_same_check_pass(
    catalog: Catalog[str, str], place: tuple[str, str, int], used: int, requested: int
) -> None:
    tally, _ = prepared(catalog, place, used)
    with tally:
        answer = tally.check("acme", "calls", requested)
    assert answer.allowed is (used + requested <= 10)
    kinds = [each.kind for each in answer.unlocks]
    assert len(set(kinds)) == len(kinds)
    for unlock in answer.unlocks:
        tally, sub = prepared(catalog, place, used)
        with tally:
            bought(tally, sub, unlock)
            after = tally.check("acme", "calls", requested)
        assert after.allowed, (unlock, after)
        assert Decimal(after.limit or 0) >= used + requested
