"""Credits that plans grant: when they come, what they pay, what of them goes on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from tallystick import Tallystick
from tallystick.errors import StorageUnavailable
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, catalog, day, digest, usd
from tests.facade.test_credits import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.databases import Database

MONTHLY = {"id": "monthly", "amount": "6.00", "interval": "month"}
ROLLING = {**MONTHLY, "rollover": {"maximum": "3.00", "cap": "4.00", "expires_after": 3}}


def sold(url: str, *credits_: dict[str, Any], cost: str = "4.00", **of_basic: object) -> Tallystick:
    """Open a ledger in which the plan basic, for 4.00, grants credits."""
    book = catalog(cost, credits=list(credits_), **of_basic)
    tally = Tallystick(url, catalog=book, clock=FrozenClock(START), ids=CountedIds())
    tally.migrate()
    tally.publish(author="anna", at=day("2026-01-01"))
    tally.customers.create("acme", name="Acme")
    return tally


@pytest.fixture
def rolling(database: Database) -> Iterator[Tallystick]:
    with sold(database.url, ROLLING) as tally:
        yield tally


def granted(tally: Tallystick, source: str = "plan") -> list[tuple[str, str, str]]:
    """Give the grants of a source: amount, from, until."""
    found = [row.grant for row in tally.credits.list("acme", spent=True)]
    rows = [
        (str(each.amount), f"{each.effective_at:%m-%d}", f"{each.expires_at:%m-%d}")
        for each in found
        if each.source == source and each.expires_at is not None
    ]
    return sorted(rows, key=lambda row: row[1])


def kept(tally: Tallystick) -> list[object]:
    """Give all that is told of documents and credits."""
    documents = [each.invoice for each in tally.invoices.list(limit=100)]
    grants = tally.credits.list("acme", spent=True)
    moves = [tally.credits.trace(each.grant.id).moves for each in grants]
    return [sorted(documents, key=lambda each: each.number or ""), grants, moves]


def test_a_yearly_plan_grants_monthly_and_each_pays_in_its_month(database: Database) -> None:
    with sold(database.url, MONTHLY, interval="year") as tally:
        tally.subscriptions.start("acme", "basic")
        tally.subscriptions.start("acme", "desk", idempotency_key="other")
        tally.invoices.run(day("2027-01-15"))
        assert granted(tally)[:3] == [
            ("6.00 USD", "01-01", "02-01"),
            ("6.00 USD", "10-01", "11-01"),
            ("6.00 USD", "11-01", "12-01"),
        ]
        [invoice] = [
            each.invoice for each in tally.invoices.list() if each.invoice.currency.code == "USD"
        ]
        assert (invoice.total, invoice.credit) == (usd("0.00"), usd("4.00"))
        assert tally.credits.balance("acme", at=day("2027-01-15")) == (usd("6.00"),)
        holds(tally)


PUNCTUAL = (0, 31, 61, 92, 123, 130)  # on the boundaries, which are the first days of months


@pytest.mark.parametrize("times", [[130], [20, 21, 75, 130], range(0, 131, 13)])
def test_a_late_run_is_a_run_on_time(database: Database, times: Iterable[int]) -> None:
    with sold("sqlite://", ROLLING) as punctual, sold(database.url, ROLLING) as tally:
        for ledger, when in ((punctual, PUNCTUAL), (tally, times)):
            ledger.subscriptions.start("acme", "basic", id="main")
            for each in when:
                assert not ledger.invoices.run(START + timedelta(days=each)).set_aside
        without_place = [_timeless(each) for each in kept(tally)]
        assert without_place == [_timeless(each) for each in kept(punctual)]
        holds(tally)


def _timeless(kept_: object) -> str:
    """Write values down but for the place of a grant, which counts in the order of making."""
    import re  # noqa: PLC0415 - for this one

    return re.sub(r"created=\d+", "", repr(kept_))


def test_what_is_left_goes_on_and_is_used_before_the_allowance(rolling: Tallystick) -> None:
    rolling.subscriptions.start("acme", "basic")
    rolling.invoices.run(day("2027-01-02"))
    # 6.00 - 4.00 go on; then 4.00 are paid by 2.00 of them and by 2.00 of November's; and so on
    assert granted(rolling, "rollover") == [
        ("3.00 USD", "01-01", "04-01"),
        ("2.00 USD", "11-01", "02-01"),
        ("3.00 USD", "12-01", "03-01"),
    ]
    totals = [each.invoice.total.minor for each in rolling.invoices.list()]
    assert totals == [0, 0, 0, 0]
    holds(rolling)


def test_one_cap_holds_over_all_that_went_on(database: Database) -> None:
    with sold(database.url, ROLLING, cost="0.00") as tally:
        tally.subscriptions.start("acme", "basic")
        tally.invoices.run(day("2027-01-02"))
        rolled = [
            (f"{row.grant.effective_at:%m-%d}", row.remaining)
            for row in tally.credits.list("acme", spent=True)
            if row.grant.source == "rollover"
        ]
        assert sorted(rolled) == [("01-01", 300), ("11-01", 0), ("12-01", 100)]
        holds(tally)


def test_a_minimum_goes_on_also_where_nothing_is_left(database: Database) -> None:
    rule = {**MONTHLY, "amount": "4.00", "rollover": {"minimum": "1.50", "maximum": "3.00"}}
    with sold(database.url, rule) as tally:
        tally.subscriptions.start("acme", "basic")
        tally.invoices.run(day("2026-11-01"))
        [row] = [
            each
            for each in tally.credits.list("acme", spent=True)
            if each.grant.source == "rollover"
        ]
        assert (row.grant.amount, row.grant.expires_at) == (usd("1.50"), None)
        holds(tally)


def test_a_second_run_changes_nothing(rolling: Tallystick) -> None:
    rolling.subscriptions.start("acme", "basic")
    rolling.invoices.run(day("2027-01-02"))
    before = digest(rolling)
    assert not rolling.invoices.run(day("2027-01-02")).did_work
    assert digest(rolling) == before


def test_nothing_comes_after_the_end_and_nothing_goes_on(rolling: Tallystick) -> None:
    made = rolling.subscriptions.start("acme", "basic")
    rolling.subscriptions.cancel(made.subscription.id, when="period_end")
    rolling.invoices.run(day("2027-03-01"))
    assert granted(rolling) == [("6.00 USD", "10-01", "11-01")]
    assert granted(rolling, "rollover") == []
    [row] = rolling.credits.list("acme", spent=True)
    moves = rolling.credits.trace(row.grant.id).moves
    assert [(each.kind, each.size) for each in moves] == [("burned", 400), ("expired", 200)]
    holds(rolling)


def test_a_pause_grants_nothing_and_the_rest_comes_with_its_end(rolling: Tallystick) -> None:
    made = rolling.subscriptions.start("acme", "basic")
    rolling.subscriptions.pause(made.subscription.id, at=day("2026-10-10"))
    rolling.subscriptions.resume(made.subscription.id, at=day("2026-11-16"))
    rolling.invoices.run(day("2026-12-02"))
    assert granted(rolling) == [
        ("6.00 USD", "10-01", "11-01"),
        ("3.00 USD", "11-16", "12-01"),  # 15 of November's 30 days
        ("6.00 USD", "12-01", "01-01"),
    ]
    holds(rolling)


def test_leaving_and_coming_back_is_not_granted_again(rolling: Tallystick) -> None:
    made = rolling.subscriptions.start("acme", "basic", at=START)
    for place in range(10):
        wanted = "basic" if place % 2 else "sms"
        when = START + timedelta(minutes=place + 1)
        rolling.subscriptions.change(
            made.subscription.id, plan=wanted, when="now", proration="none", at=when
        )
    assert granted(rolling) == [("6.00 USD", "10-01", "11-01")]


def test_a_change_of_plan_has_the_part_that_is_left(database: Database) -> None:
    with sold(database.url, MONTHLY) as tally:
        made = tally.subscriptions.start("acme", "sms")
        tally.subscriptions.change(
            made.subscription.id, plan="basic", when="now", at=day("2026-10-16T12:00")
        )
        tally.invoices.run(day("2026-11-02"))
        assert granted(tally) == [
            ("3.00 USD", "10-16", "11-01"),
            ("6.00 USD", "11-01", "12-01"),
        ]
        holds(tally)


def test_paid_credits_of_a_plan_are_owed_in_the_books(database: Database) -> None:
    rule = {**ROLLING, "category": "paid"}
    with sold(database.url, rule) as tally:
        tally.subscriptions.start("acme", "basic")
        tally.invoices.run(day("2027-02-02"))
        assert [each.invoice.amount_due.minor for each in tally.invoices.list()] == [0] * 5
        holds(tally)


def test_units_of_a_feature_are_granted_and_go_on(database: Database) -> None:
    rule = {
        "id": "calls",
        "units": "100",
        "feature": "calls",
        "expires_after": 2,
        "rollover": {"maximum": "30.5"},
    }
    with sold(database.url, rule) as tally:
        tally.subscriptions.start("acme", "basic")
        tally.invoices.run(day("2026-12-02"))
        found = {
            (row.grant.source, f"{row.grant.effective_at:%m-%d}"): row.remaining
            for row in tally.credits.list("acme", spent=True)
        }
        assert found == {
            ("plan", "10-01"): 0,
            ("plan", "11-01"): 100,
            ("plan", "12-01"): 100,
            ("rollover", "12-01"): Decimal("30.5"),
        }
        holds(tally)


def test_verify_finds_credits_that_no_plan_granted(rolling: Tallystick) -> None:
    rolling.subscriptions.start("acme", "basic")
    rolling.invoices.run(day("2026-12-02"))
    assert rolling.verify().ok

    def tamper(unit: Any, _: object) -> None:
        table = unit.tables.plan_grants
        unit.connection.execute(update(table).values(plan_version=9))

    rolling.act(tamper)
    broken = {each.name for each in rolling.verify().broken}
    assert {"subscriptions", "rollovers"} <= broken


def test_a_crash_before_the_grant_leaves_no_period_without_one(
    rolling: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling.subscriptions.start("acme", "basic")

    def crash(*_: object) -> None:
        raise StorageUnavailable("the database went away")

    with monkeypatch.context() as broken:
        broken.setattr("tallystick.app.plan_credits.add_grants", crash)
        with pytest.raises(StorageUnavailable):
            rolling.invoices.run(day("2026-12-02"))
    rolling.invoices.run(day("2026-12-02"))
    assert [row[1] for row in granted(rolling)] == ["10-01", "11-01", "12-01"]
    assert [row[1] for row in granted(rolling, "rollover")] == ["11-01", "12-01"]
    holds(rolling)


def test_what_is_to_come_has_the_credits_that_will_come(rolling: Tallystick) -> None:
    rolling.subscriptions.start("acme", "basic")
    seen = rolling.foresee("acme", day("2027-01-02"), at=START).documents
    assert len(rolling.credits.list("acme", spent=True)) == 1
    rolling.invoices.run(day("2027-01-02"))
    issued = sorted((each.invoice for each in rolling.invoices.list()), key=lambda each: each.at)
    assert [each.burns for each in seen] == [each.burns for each in issued]
