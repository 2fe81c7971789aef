"""Usage is billed whenever it has reached another threshold, at the same instant whoever looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.metered import START, Shop, event

if TYPE_CHECKING:
    from tallystick.core.event import UsageEvent
    from tallystick.core.invoice import Invoice
    from tallystick.storage.unit import Storage
    from tests.app.metered import Subscribed

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FEBRUARY, MARCH = (datetime(2027, month, 1, tzinfo=START.tzinfo) for month in (2, 3))


@pytest.fixture
def shop(storage: Storage) -> Shop:
    return Shop(storage)


def use(mine: Subscribed, key: str, at: datetime, quantity: int, **more: object) -> UsageEvent:
    named = {"customer": mine.customer, "type": "calls", **more}
    return event(f"{mine.customer}-{key}", at, at, quantity, **named)


def sums(found: list[Invoice]) -> list[tuple[str, int]]:
    """Give the first word of each document's cause, and what it asks for."""
    return [(each.cause.partition("/")[0], each.total.minor) for each in found]


# 0.35 a call beyond 3, billed at every 10.00: after 32 calls, 61, 89, ...


def test_below_the_threshold_there_is_no_document(shop: Shop) -> None:
    mine = shop.subscribe("billed", START)
    shop.record([use(mine, "a", START + DAY, 31)])
    shop.run(START + 20 * DAY)
    assert sums(shop.documents(mine)) == [("boundary", 1_000)]


def test_the_event_that_reaches_it_cuts_the_usage_at_its_arrival(shop: Shop) -> None:
    mine = shop.subscribe("billed", START)
    shop.record([use(mine, "a", START + DAY, 31)])
    shop.record([use(mine, "b", START + 2 * DAY, 1)])
    shop.record([use(mine, "c", START + 3 * DAY, 20)])
    shop.run(START + 20 * DAY)
    shop.run(FEBRUARY + HOUR)
    first, slice_, last = shop.documents(mine)
    start = "2027-01-01T00:00:00Z"
    assert sums([first, slice_, last]) == [
        ("boundary", 1_000),
        ("threshold", 1_015),
        ("boundary", 1_000 + 700),
    ]
    assert slice_.cause == f"threshold/{mine.subscription}/{start}/1"
    assert slice_.at == slice_.issued_at == slice_.watermark == START + 2 * DAY + SECOND
    (line,) = slice_.lines
    assert (line.part, line.quantity, line.window) == ("threshold/1", 32, last.lines[0].window)
    (rest,) = [each for each in last.lines if each.kind == "usage"]
    assert (rest.part, rest.quantity) == ("", 20)


def test_several_passed_at_once_make_one_document(shop: Shop) -> None:
    mine = shop.subscribe("billed", START)
    shop.record([use(mine, "a", START + DAY, 103)])
    shop.record([use(mine, "b", START + 2 * DAY, 14)])  # 39.90: not yet the fourth
    shop.record([use(mine, "c", START + 3 * DAY, 1)])
    shop.run(START + 20 * DAY)
    assert shop.run(START + 20 * DAY).documents == 0
    found = shop.documents(mine)[1:]
    assert [each.cause.rpartition("/")[2] for each in found] == ["3", "4"]
    assert [each.total.minor for each in found] == [3_500, 525]


def test_what_was_taken_back_after_a_slice_is_given_back_at_the_boundary(shop: Shop) -> None:
    mine = shop.subscribe("billed", START)
    shop.record([use(mine, "a", START + DAY, 103)])
    taken = {"kind": "void", "target": ("api", f"{mine.customer}-a"), "timed": False, "type": ""}
    shop.record([use(mine, "x", START + 2 * DAY, 0, **taken)])
    shop.run(FEBRUARY + HOUR)
    assert sums(shop.documents(mine)) == [
        ("boundary", 1_000),
        ("threshold", 3_500),
        ("boundary", -2_500),
    ]


def test_each_group_has_its_own_slices(shop: Shop) -> None:
    mine = shop.subscribe("areas", START)

    def at(key: str, day: int, place: str, quantity: int) -> UsageEvent:
        named = {"type": "places", "properties": {"place": place}}
        return use(mine, key, START + day * DAY, quantity, **named)

    for made in (at("a", 1, "eu", 30), at("b", 2, "us", 25), at("c", 3, "us", 5)):
        shop.record([made])
    shop.run(FEBRUARY + HOUR)
    _, slice_, last = shop.documents(mine)
    assert {line.group[0][1]: line.amount.minor for line in slice_.lines} == {"eu": 300, "us": 250}
    assert {line.group[0][1]: line.amount.minor for line in last.lines if line.group} == {"us": 50}


def test_volume_tiers_are_settled_only_at_the_end(shop: Shop) -> None:
    mine = shop.subscribe("cliff", START)
    shop.record([use(mine, "a", START + DAY, 1_000)])
    shop.run(FEBRUARY + HOUR)
    assert sums(shop.documents(mine)) == [("boundary", 1_000), ("boundary", 8_000)]


def test_an_end_in_mid_window_bills_what_slices_left(shop: Shop) -> None:
    mine = shop.subscribe("billed", START)
    shop.record([use(mine, "a", START + DAY, 40)])
    shop.record([use(mine, "b", START + 2 * DAY, 3)])
    shop.cancel(mine, START + 10 * DAY)
    shop.run(FEBRUARY + HOUR)
    assert sums(shop.documents(mine)) == [
        ("boundary", 1_000),
        ("threshold", 1_295),
        ("change", 105),
    ]


_days = count(0, 100)


@st.composite
def usages(draw: st.DrawFn) -> list[tuple[int, str, int, int]]:
    """Give what arrives: at which hour, what it is, of how many hours ago, how much."""
    return [
        (
            draw(st.integers(0, 70 * 24)),
            draw(st.sampled_from(["use", "use", "use", "use", "amend", "void"])),
            draw(st.sampled_from([0, 0, 0, 1, 5, 100])),
            draw(st.integers(0, 60)),
        )
        for _ in range(draw(st.integers(1, 12)))
    ]


@pytest.mark.parametrize("plan", ["billed", "steps", "cliff", "areas"])
def test_a_late_run_makes_the_documents_of_runs_on_time(shop: Shop, plan: str) -> None:
    quick = shop.storage.engine.url.database is None

    @settings(
        max_examples=12 if quick else 2, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(usages(), st.lists(st.integers(1, 75 * 24), max_size=8))
    def equal(arriving: list[tuple[int, str, int, int]], runs: list[int]) -> None:
        found = []
        for at in (runs, []):
            start = START + next(_days) * DAY
            mine = shop.subscribe(plan, start)
            _play(shop, mine, arriving, at)
            shop.cancel(mine, start + 76 * DAY)
            shop.run(start + 80 * DAY)
            assert shop.run(start + 80 * DAY).documents == 0
            found.append([_told(each, mine) for each in shop.documents(mine)])
        assert found[0] == found[1]

    equal()


def _told(each: Invoice, mine: Subscribed) -> tuple[object, ...]:
    """Give a document without who it is for, its times counted from the start."""
    lines = tuple(
        (line.kind, line.price, line.group, line.quantity, line.amount.minor, dict(line.evidence))
        if line.kind != "late"
        else (line.kind, line.price, line.group, line.quantity, line.amount.minor)
        for line in each.lines
    )
    return each.cause.partition("/")[0], each.at - mine.start, each.total.minor, lines


def _play(
    shop: Shop, mine: Subscribed, arriving: list[tuple[int, str, int, int]], runs: list[int]
) -> None:
    acts = [(hour, place, kind, of, n) for place, (hour, kind, of, n) in enumerate(arriving)]
    acts += [(hour, 10_000, "run", 0, 0) for hour in runs]
    used: list[str] = []
    for hour, place, kind, of, n in sorted(acts):
        at = mine.start + hour * HOUR
        if kind == "run":
            shop.run(at)
            continue
        named = {"customer": mine.customer, "properties": {"place": "ab"[n % 2]}}
        key = f"{mine.customer}-e{place}"
        type_ = "places" if "areas" in _plan_of(shop, mine) else "calls"
        if kind == "use" or not used:
            when = max(mine.start, at - of * HOUR)
            shop.record([event(key, when, at, n, type=type_, **named)])
            used.append(key)
        else:
            target = used[of % len(used)]
            if kind == "void":
                used.remove(target)
            made = event(key, at, at, n, kind=kind, target=("api", target), timed=False, **named)
            shop.record([made])


def _plan_of(shop: Shop, mine: Subscribed) -> str:
    return shop.plans[mine.subscription]
