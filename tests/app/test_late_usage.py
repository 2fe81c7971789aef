"""Usage that came late is on the next document, so that all documents add up, whoever came when."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from math import floor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.app.replay import replay_invoice
from tallystick.app.usage import record_many
from tallystick.core.fold import fold_by
from tallystick.core.period import Period
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.storage import usage_watermark
from tallystick.storage.sold_on import ended
from tests.app.metered import START, Shop, event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.storage.unit import Storage
    from tests.app.metered import Subscribed

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FEBRUARY, MARCH, APRIL = (datetime(2027, month, 1, tzinfo=START.tzinfo) for month in (2, 3, 4))


@pytest.fixture
def shop(storage: Storage) -> Shop:
    return Shop(storage)


def use(mine: Subscribed, key: str, at: datetime, arrived: datetime, quantity: int) -> UsageEvent:
    return event(
        f"{mine.customer}-{key}", at, arrived, quantity, customer=mine.customer, type="calls"
    )


def correct(
    mine: Subscribed, key: str, target: str, arrived: datetime, n: int | None
) -> UsageEvent:
    """Make a correction: to another quantity, or None to take the event back."""
    return event(
        f"{mine.customer}-{key}",
        arrived,
        arrived,
        n or 0,
        customer=mine.customer,
        kind="void" if n is None else "amend",
        target=("api", f"{mine.customer}-{target}"),
        timed=False,
    )


# --- what becomes of it ---------------------------------------------------------------------------


def test_an_event_in_the_grace_is_on_time_and_one_after_it_is_late(shop: Shop) -> None:
    mine = shop.subscribe("calls", START)
    shop.record([use(mine, "a", START + DAY, START + DAY, 10)])
    shop.record([use(mine, "b", FEBRUARY - HOUR, FEBRUARY + HOUR - timedelta(microseconds=1), 4)])
    shop.record([use(mine, "c", FEBRUARY - HOUR, FEBRUARY + HOUR, 100)])
    shop.run(FEBRUARY + HOUR)
    assert [line.quantity for line in shop.lines(mine, "usage")] == [14]
    shop.run(MARCH + HOUR)
    (late,) = shop.lines(mine, "late")
    assert (late.quantity, late.amount.minor) == (114, 3_500)
    assert late.window == Period(START, FEBRUARY)
    assert late.part == f"boundary/{mine.subscription}/2027-03-01T00:00:00Z"
    assert late.evidence["billed"] == 385
    assert list(late.evidence["events"]) == [f"{mine.customer}-c"]
    assert late.evidence["count"] == 1


def test_late_use_of_a_window_that_billed_nothing_is_billed(shop: Shop) -> None:
    mine = shop.subscribe("calls", START)
    shop.run(FEBRUARY + HOUR)
    shop.record([use(mine, "a", START + DAY, FEBRUARY + DAY, 13)])
    shop.run(MARCH + HOUR)
    assert [line.amount.minor for line in shop.lines(mine, "late")] == [350]


def test_a_correction_that_lowers_is_given_back_once(shop: Shop) -> None:
    mine = shop.subscribe("calls", START)
    shop.record([use(mine, "a", START + DAY, START + DAY, 103)])
    shop.run(FEBRUARY + HOUR)
    shop.record([correct(mine, "x", "a", FEBRUARY + DAY, 53)])
    shop.run(MARCH + HOUR)
    shop.record([correct(mine, "y", "a", MARCH + DAY, None)])
    shop.run(APRIL + HOUR)
    shop.run(APRIL + 40 * DAY)
    assert [line.amount.minor for line in shop.lines(mine, "late")] == [-1_750, -1_750]
    assert [each.total.minor for each in shop.documents(mine)] == [
        1_000, 4_500, -750, -750, 1_000
    ]  # fmt: skip


def test_an_amendment_that_moves_an_event_touches_both_windows(shop: Shop) -> None:
    mine = shop.subscribe("calls", START)
    shop.record([use(mine, "a", START + DAY, START + DAY, 13)])
    shop.run(MARCH + HOUR)
    moved = event(
        f"{mine.customer}-m",
        FEBRUARY + DAY,
        MARCH + DAY,
        13,
        customer=mine.customer,
        kind="amend",
        target=("api", f"{mine.customer}-a"),
    )
    shop.record([moved])
    shop.run(APRIL + HOUR)
    found = [(line.window, line.amount.minor) for line in shop.lines(mine, "late")]
    assert found == [(Period(START, FEBRUARY), -350), (Period(FEBRUARY, MARCH), 350)]


def test_each_group_has_its_own_difference(shop: Shop) -> None:
    mine = shop.subscribe("places", START)

    def at(key: str, arrived: datetime, place: str, quantity: int) -> UsageEvent:
        named = {"customer": mine.customer, "type": "places", "properties": {"place": place}}
        return event(f"{mine.customer}-{key}", START + DAY, arrived, quantity, **named)

    shop.record([at("a", START + DAY, "eu", 10), at("b", START + DAY, "us", 20)])
    shop.run(FEBRUARY + HOUR)
    shop.record([at("c", FEBRUARY + DAY, "us", 5), at("d", FEBRUARY + DAY, "ap", 1)])
    shop.run(MARCH + HOUR)
    late = {line.group: line.amount.minor for line in shop.lines(mine, "late")}
    assert late == {(("place", "us"),): 50, (("place", "ap"),): 10}


def test_a_level_that_came_late_changes_the_windows_after_it_too(shop: Shop) -> None:
    mine = shop.subscribe("disk", START)

    def level(key: str, at: datetime, arrived: datetime, quantity: int) -> UsageEvent:
        named = {"customer": mine.customer, "type": "disk"}
        return event(f"{mine.customer}-{key}", at, arrived, quantity, **named)

    shop.record([level("a", START + DAY, START + DAY, 10)])
    shop.run(MARCH + HOUR)
    shop.record([level("b", START + 2 * DAY, MARCH + DAY, 30)])
    shop.run(APRIL + HOUR)
    assert [line.amount.minor for line in shop.lines(mine, "late")] == [1_000, 1_000]


def test_what_a_meter_refuses_is_on_no_document(shop: Shop) -> None:
    mine = shop.subscribe("strict", START)
    named = {"customer": mine.customer, "type": "strict"}
    shop.record([event(f"{mine.customer}-a", START + DAY, START + DAY, 10, **named)])
    shop.run(FEBRUARY + HOUR)
    soon = event(f"{mine.customer}-b", FEBRUARY - HOUR, FEBRUARY + DAY, 4, **named)
    shop.record([soon])
    shop.run(MARCH + HOUR)
    assert [line.amount.minor for line in shop.lines(mine, "usage", "late")] == [250, 100]


def test_only_who_had_something_late_is_looked_at_after_the_end(shop: Shop) -> None:
    late, quiet = shop.subscribe("calls", START), shop.subscribe("calls", START)
    for each in (late, quiet):
        shop.record([use(each, f"{each.customer}-a", START + DAY, START + DAY, 1)])
        shop.cancel(each, START + 10 * DAY)
    shop.record([use(late, f"{late.customer}-b", START + DAY, FEBRUARY, 1)])
    with shop.storage.look() as unit:
        found = [owner for page in ended(unit) for owner in page]
    assert (late.customer, late.subscription) in found
    assert quiet.customer not in {customer for customer, _ in found}


def test_after_the_end_a_late_event_makes_a_document_of_its_own(shop: Shop) -> None:
    mine = shop.subscribe("calls", START)
    shop.cancel(mine, START + 10 * DAY)
    shop.run(FEBRUARY)
    shop.record([use(mine, "a", START + DAY, FEBRUARY + DAY, 13)])
    shop.record([use(mine, "b", START + DAY, FEBRUARY + DAY + HOUR / 2, 1)])
    shop.record([use(mine, "c", START + DAY, FEBRUARY + 2 * DAY, 1)])
    shop.record([use(mine, "d", START + 11 * DAY, FEBRUARY + 2 * DAY, 100)])  # after the end
    shop.run(MARCH)
    assert shop.run(MARCH).documents == 0
    found = [(each.cause, each.total.minor) for each in shop.documents(mine)[1:]]
    assert found == [
        (f"late/{mine.subscription}/2027-02-02T00:00:01Z", 385),
        (f"late/{mine.subscription}/2027-02-03T00:00:01Z", 35),
    ]


def test_a_meter_can_ask_for_a_document_at_once(shop: Shop) -> None:
    mine = shop.subscribe("anew", START)
    named = {"customer": mine.customer, "type": "anew"}
    shop.record([event(f"{mine.customer}-a", START + DAY, START + DAY, 10, **named)])
    shop.run(FEBRUARY + HOUR)
    shop.record([event(f"{mine.customer}-b", START + DAY, FEBRUARY + DAY, 4, **named)])
    shop.run(FEBRUARY + DAY + 2 * HOUR)
    shop.record([correct(mine, "x", "a", FEBRUARY + 2 * DAY, None)])
    shop.run(MARCH + HOUR)
    found = [(each.kind, each.cause[:5], each.total.minor) for each in shop.documents(mine)[2:]]
    assert found == [
        ("invoice", "late/", 100),
        ("credit_note", "late/", -250),
        ("invoice", "bound", 1_000),
    ]


# --- all documents together -----------------------------------------------------------------------

_days = count(0, 400)
_times = st.integers(0, 89)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[float, str, int, int]]:
    """Give what arrives: on which day, what it is, of which day's use, how much."""
    return [
        (
            draw(st.integers(0, 110)) + draw(st.sampled_from([0.0, 0.02, 0.5])),
            draw(st.sampled_from(["use", "use", "use", "amend", "void"])),
            draw(_times),
            draw(st.integers(0, 60)),
        )
        for _ in range(draw(st.integers(1, 10)))
    ]


@pytest.mark.parametrize("plan", ["calls", "tiers", "bulk", "packs", "steps", "cliff"])
def test_whatever_comes_when_all_documents_are_the_bill_of_all_at_once(
    shop: Shop, plan: str
) -> None:
    quick = shop.storage.engine.url.database is None

    @settings(
        max_examples=12 if quick else 3, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(stories(), st.lists(st.integers(1, 130), max_size=6))
    def adds_up(arriving: list[tuple[float, str, int, int]], runs: list[int]) -> None:
        start = START + next(_days) * DAY
        mine = shop.subscribe(plan, start)
        end = start + 90 * DAY
        stored = _played(shop, mine, arriving, runs)
        shop.cancel(mine, max(end, start + max([0, *runs]) * DAY))
        shop.run(start + 400 * DAY - HOUR)
        assert shop.run(start + 400 * DAY - HOUR).documents == 0
        windows = {line.window for line in shop.lines(mine, "usage", "late") if line.window}
        for document in shop.documents(mine):
            before = [line for line in document.lines if line.kind in {"usage", "late"}]
            assert shop.lines_again(document) == before, document.cause
        asked = sum(line.amount.minor for line in shop.lines(mine, "usage", "late"))
        assert asked == _bill(shop, mine, plan, stored, _windows_of(shop, mine, windows))

    adds_up()


def test_whatever_comes_when_a_minimum_commitment_is_met_and_never_asked_for_twice(
    shop: Shop,
) -> None:
    """Fees 10.00, calls beyond 3 at 0.35, at least 20.00 a month: each month comes to the more."""
    quick = shop.storage.engine.url.database is None

    @settings(
        max_examples=12 if quick else 3, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(stories(), st.lists(st.integers(1, 130), max_size=6))
    def adds_up(arriving: list[tuple[float, str, int, int]], runs: list[int]) -> None:
        start = START + next(_days) * DAY
        mine = shop.subscribe("floor", start)
        stored = _played(shop, mine, arriving, runs)
        end = max(start + 90 * DAY, start + max([0, *runs]) * DAY)
        shop.cancel(mine, end)
        shop.run(start + 400 * DAY - HOUR)
        expected = 0
        for fee in (line.window for line in shop.lines(mine, "fee")):
            assert fee is not None
            had = min(fee.end, end) - fee.start
            used = [Period(fee.start, fee.start + had)] if had else []
            least = Fraction(2_000) * Fraction(had // SECOND, fee.seconds)
            sold = 1_000 + _bill(shop, mine, "floor", stored, used)
            expected += max(floor(least + Fraction(1, 2)), sold)
        documents = shop.documents(mine)
        assert sum(each.total.minor for each in documents) == expected
        with shop.storage.look() as unit:
            for each in documents:
                assert replay_invoice(unit, each.id).differences == ()

    adds_up()


def _windows_of(shop: Shop, mine: Subscribed, windows: set[Period]) -> list[Period]:
    """Give the windows of its fees, which are those of its use, and what a change cut off."""
    fees = [line.window for line in shop.lines(mine, "fee") if line.window is not None]
    cut = {each.start: each for each in windows}
    return [cut.get(each.start, each) if each is fees[-1] else each for each in fees]


def _played(
    shop: Shop, mine: Subscribed, arriving: list[tuple[float, str, int, int]], runs: list[int]
) -> list[UsageEvent]:
    """Let events arrive and runs be made in the order of time; give what was stored."""
    stored: list[UsageEvent] = []
    voided: set[str] = set()
    acts = [(day, place, kind, of, n) for place, (day, kind, of, n) in enumerate(arriving)]
    acts += [(float(day), 10_000, "run", 0, 0) for day in runs]
    for day, place, kind, of, n in sorted(acts):
        at = mine.start + timedelta(days=day)
        if kind == "run":
            shop.run(at + HOUR)
            continue
        used = [each for each in stored if each.kind == "use" and each.id not in voided]
        if kind == "use" or not used:
            made = use(mine, f"e{place}", min(mine.start + of * DAY, at), at, n)
        else:
            target = used[of % len(used)].id.removeprefix(f"{mine.customer}-")
            made = correct(mine, f"e{place}", target, at, n if kind == "amend" else None)
            if kind == "void":
                voided.add(f"{mine.customer}-{target}")
        shop.record([made])
        stored.append(made)
    return stored


def _bill(
    shop: Shop,
    mine: Subscribed,
    plan: str,
    stored: Sequence[UsageEvent],
    windows: Sequence[Period],
) -> int:
    price = next(each for each in shop.catalog[plan].prices if each.basis == "usage")
    meter = shop.meters[price.meter or price.id]
    total = 0
    for window in windows:
        for quantity in fold_by(meter, stored, window, ()).values():
            total += rate(price, Quantity(quantity)).amount.minor
    return total


# --- what is recorded while usage is closed -------------------------------------------------------


def test_what_was_received_before_it_was_closed_arrives_at_the_closing(shop: Shop) -> None:
    mine = shop.subscribe("calls", START)
    shop.run(FEBRUARY + HOUR)
    shop.record([use(mine, "a", START + DAY, START + DAY, 13)])  # its clock is slow
    shop.run(MARCH + HOUR)
    assert [line.amount.minor for line in shop.lines(mine, "usage")] == []
    assert [line.amount.minor for line in shop.lines(mine, "late")] == [350]


def test_who_records_while_usage_is_closed_is_on_the_document_or_late(
    storage_postgresql: Storage,
) -> None:
    """An event stamped before the closing and committed after it is never lost."""
    shop = Shop(storage_postgresql)
    mine = shop.subscribe("calls", START)
    ready, go = threading.Event(), threading.Event()

    def record_slowly() -> None:
        with shop.storage.begin() as unit:
            usage_watermark.hold_open(unit)
            ready.set()
            go.wait(10)
            slow = [use(mine, "a", START + DAY, START + DAY, 13)]
            record_many(unit, slow, shop.meters, START + DAY)
            unit.commit()

    recorder = threading.Thread(target=record_slowly)
    recorder.start()
    assert ready.wait(10)
    biller = threading.Thread(target=lambda: shop.run(FEBRUARY + HOUR))
    biller.start()
    biller.join(0.5)
    assert biller.is_alive()  # it waits for who began to record before
    go.set()
    recorder.join(10)
    biller.join(20)
    assert [line.amount.minor for line in shop.lines(mine, "usage")] == [350]
    assert Decimal(13) == shop.lines(mine, "usage")[0].quantity
