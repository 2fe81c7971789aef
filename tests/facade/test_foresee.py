"""`tally.foresee`: the years to come are the years that come, and looking changes nothing."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tallystick import Tallystick
from tallystick.errors import (
    Conflict,
    InvalidInput,
    InvalidPeriod,
    InvalidUsage,
    NotFound,
    UnknownPlan,
)
from tallystick.storage.meters import hold_alone
from tallystick.storage.series import hold_series
from tallystick.storage.subscriptions import hold_subscription
from tests.facade.billing import START, catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tallystick.core.invoice import Invoice
    from tests.databases import Database

NOW = day("2026-11-10")
YEARS = day("2029-11-10")


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.subscriptions.start("acme", "pro", id="s", seats=2, at=START)
        yield ledger


def called(*times: str, quantity: int = 2_500) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call-{at}",
            "customer": "acme",
            "type": "calls",
            "occurred_at": f"{at}Z",
            "properties": {"quantity": quantity},
        }
        for at in times
    ]


def issued(tally: Tallystick) -> list[Invoice]:
    """Give the documents of the real ledger, in the order of their issue, without numbers."""
    page = tally.invoices.list(customer="acme", limit=100)
    found = sorted(
        (each.invoice for each in page if each.status != "draft"),
        key=lambda each: (each.issued_at, each.number),
    )
    return [replace(each, number=None) for each in found]


def texts(documents: Any) -> list[tuple[str, str]]:
    return [(str(each.issued_at)[:10], str(each.total)) for each in documents]


# --- what is foreseen comes -----------------------------------------------------------------------


def test_three_years_foreseen_are_the_three_years_that_come(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "desk", id="d", at=day("2026-10-31"))
    tally.invoices.add_item("acme", "Training", usd("240.00"), subscription="s", at=START)
    calls = called("2026-11-20T08:00:00", "2027-02-03T00:00:00", "2028-02-29T12:00:00")
    changes = [("basic", day("2027-03-15")), ("pro@1", day("2027-06-20T06:30"))]
    found = tally.foresee("acme", YEARS, changes=changes, usage=calls, at=NOW)
    _live(tally, calls, [(plan, at) for plan, at in changes])
    assert len(found.documents) > 70
    assert list(found.documents) == issued(tally)
    assert any(
        each.kind == "credit_note" or each.lines[0].kind == "credit" for each in found.documents
    )
    assert sum(each.documents for each in found.months) == len(found.documents)
    assert found.set_aside == ()


def _live(tally: Tallystick, calls: list[Any], changes: list[tuple[str, datetime]]) -> None:
    """Let the same happen for real: each call as it is made, each month billed and paid."""
    days = [day(each["occurred_at"][:-1]) for each in calls]
    dates = {at: plan for plan, at in changes}
    months = [day(f"{year}-{month:02}-10") for year in range(2026, 2030) for month in range(1, 13)]
    at: Any
    for at in sorted({*days, *dates, *(each for each in months if NOW <= each <= YEARS)}):
        tally.clock.set(at)  # type: ignore[attr-defined]  # a frozen one
        tally.usage.record_many([each for each in calls if day(each["occurred_at"][:-1]) == at])
        _bill(tally, at)
        if at in dates:
            tally.subscriptions.change("s", plan=dates[at], at=at)
            _bill(tally, at)


def _bill(tally: Tallystick, at: datetime) -> None:
    tally.invoices.run(at)
    for each in tally.invoices.list(customer="acme", status="open", limit=100):
        tally.invoices.pay(each.invoice.id, at=at)


def test_a_downgrade_waits_an_upgrade_does_not_and_a_new_group_starts(tally: Tallystick) -> None:
    changes = [("desk", "2027-01-05T00:00:00Z"), ("basic", "2026-12-10T00:00:00Z")]
    found = tally.foresee("acme", day("2027-02-10"), changes=changes, at=NOW)
    assert texts(found.documents) == [
        ("2026-10-01", "40.00 USD"),
        ("2026-11-01", "40.00 USD"),
        ("2026-12-01", "40.00 USD"),
        ("2027-01-01", "10.00 USD"),
        ("2027-01-05", "7.00 EUR"),
        ("2027-02-01", "10.00 USD"),
        ("2027-02-05", "7.00 EUR"),
    ]
    assert [(m.month, str(m.total)) for m in found.months if m.documents] == [
        ("2027-01", "7.00 EUR"),
        ("2027-02", "7.00 EUR"),
        ("2026-10", "40.00 USD"),
        ("2026-11", "40.00 USD"),
        ("2026-12", "40.00 USD"),
        ("2027-01", "10.00 USD"),
        ("2027-02", "10.00 USD"),
    ]
    assert all(each.number is None and each.issued_at is not None for each in found.documents)


def test_a_customer_without_a_subscription_can_be_foreseen_on_one(tally: Tallystick) -> None:
    tally.customers.create("new", name="New")
    assert tally.foresee("new", YEARS, at=NOW).documents == ()
    found = tally.foresee("new", day("2027-01-10"), changes=[("basic", NOW)], at=NOW)
    assert texts(found.documents) == [
        (f"{month}-10", "10.00 USD") for month in ("2026-11", "2026-12", "2027-01")
    ]


def test_usage_like_the_last_months_comes_again(tally: Tallystick) -> None:
    tally.clock.set(day("2026-10-25"))  # type: ignore[attr-defined]  # a frozen one
    tally.usage.record_many(called("2026-10-20T08:00:00", "2026-10-21T08:00:00", quantity=1_500))
    tally.usage.void("acme", "call-2026-10-21T08:00:00")
    found = tally.foresee("acme", day("2027-02-02"), like=1, at=NOW)
    # 500 beyond the 1000 that are included, ten days into each month from the tenth on
    assert texts(found.documents)[2:] == [
        ("2026-12-01", "45.00 USD"),
        ("2027-01-01", "45.00 USD"),
        ("2027-02-01", "45.00 USD"),
    ]
    nothing = tally.foresee("acme", day("2027-02-02"), at=NOW)
    assert [each.total for each in nothing.documents[2:]] == [usd("40.00")] * 3


def test_a_bad_state_of_the_ledger_is_told_not_hidden(tally: Tallystick) -> None:
    broken = 'UPDATE tallystick_subscriptions SET set_aside = \'{"message": "broken"}\''
    with tally.storage.engine.begin() as connection:
        connection.execute(text(broken), {"reason": '{"message": "broken"}'})
    found = tally.foresee("acme", YEARS, at=NOW)
    assert [(each.kind, each.id) for each in found.set_aside] == [("subscription", "s")]


# --- it leaves no trace ---------------------------------------------------------------------------


def test_it_leaves_no_trace_also_where_it_fails(tally: Tallystick) -> None:
    tally.invoices.run(day("2026-10-02"))
    tally.usage.record_many(called("2026-10-01T00:00:00"))
    before = digest(tally)
    found = tally.foresee("acme", YEARS, changes=[("basic", NOW)], like=3, at=NOW)
    assert found.documents
    with pytest.raises(Conflict):
        tally.foresee("acme", YEARS, changes=[("pro", NOW)], at=NOW)
    assert digest(tally) == before
    tally.invoices.run(day("2026-11-02"))
    numbers = [each.invoice.number for each in tally.invoices.list(status="open")]
    assert sorted(map(str, numbers)) == ["INV-000001", "INV-000002"]


def test_nobody_is_waited_for_and_nobody_waits(database: Database, tally: Tallystick) -> None:
    if not database.shared:
        pytest.skip("a database in memory has one connection")
    tally.invoices.run(day("2026-10-02"))
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(opened_again(database))
        unit = stack.enter_context(other.begin())
        hold_series(unit, ["invoice"])
        hold_subscription(unit, "acme", "s")
        hold_alone(unit)
        found = tally.foresee("acme", YEARS, like=3, at=NOW)  # would wait for ever, or 10 seconds
        assert len(found.documents) == 37


def opened_again(database: Database) -> Tallystick:
    return Tallystick(database.url, catalog=catalog())


def test_in_a_hosts_transaction_it_sees_what_the_host_has_done(tally: Tallystick) -> None:
    with tally.storage.engine.connect() as host:
        tally.subscriptions.cancel("s", when="now", at=day("2026-10-20"), connection=host)
        within = digest(tally, host)
        found = tally.foresee("acme", YEARS, at=NOW, connection=host)
        assert texts(found.documents) == [("2026-10-01", "40.00 USD")]
        assert digest(tally, host) == within
        host.rollback()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"until": NOW}, InvalidInput, "until lies not in the future"),
        ({"until": day("2036-11-10T00:00:01")}, InvalidInput, "until is more than 10 years"),
        ({"until": "soon"}, InvalidPeriod, "until"),
        ({"like": 0}, InvalidInput, "like is a number of months"),
        ({"like": True}, InvalidInput, "like is a number of months"),
        ({"like": 37}, InvalidInput, "like is a number of months"),
        ({"like": 1, "usage": []}, InvalidInput, "like and usage exclude"),
        ({"changes": [("basic", START)]}, InvalidInput, r"changes\[0\] lies not between"),
        ({"changes": ["basic"]}, InvalidInput, r"changes\[0\] is a plan and a time"),
        ({"changes": [("gone", NOW)]}, UnknownPlan, "gone"),
        ({"changes": [("old", NOW)]}, Conflict, "not offered"),
        ({"changes": [("basic", NOW)] * 101}, InvalidInput, "changes has more than 100"),
        ({"usage": [7]}, InvalidUsage, r"\[0\]"),
        (
            {"usage": [{"id": "1", "customer": "acme", "type": "calls"}]},
            InvalidInput,
            "occurred_at",
        ),
        ({"usage": called("2026-12-01T00:00:00", quantity=-1)}, InvalidUsage, r"\[0\]"),
        ({"usage": [{**called("2026-12-01T00:00:00")[0], "customer": "b"}]}, InvalidInput, "'b'"),
        ({"usage": [{"id": "v", "customer": "acme", "void": "x"}]}, InvalidInput, r"usage\[0\]"),
    ],
)
def test_what_cannot_be_foreseen_says_why(
    asked: dict[str, Any], error: type[Exception], told: str
) -> None:
    with opened("sqlite://") as tally:
        tally.subscriptions.start("acme", "pro", id="s", at=START)
        with pytest.raises(error, match=told):
            tally.foresee("acme", **{"until": YEARS, "at": NOW, **asked})


def test_a_customer_who_is_not_there_is_not_found(tally: Tallystick) -> None:
    with pytest.raises(NotFound):
        tally.foresee("nobody", YEARS, at=NOW)


def test_the_bounds_hold(tally: Tallystick, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="usage is more than 100,000 events"):
        tally.foresee("acme", YEARS, usage=count(), at=NOW)
    with monkeypatch.context() as fewer:
        fewer.setattr("tallystick.app.forecast._MOST_DOCUMENTS", 10)
        with pytest.raises(InvalidInput, match="until has more than 10 documents"):
            tally.foresee("acme", YEARS, at=NOW)
    tally.usage.record_many(called(*(f"2026-10-01T00:00:0{n}" for n in range(5))))
    monkeypatch.setattr("tallystick.app.forecast._MOST_EVENTS", 50)
    with pytest.raises(InvalidInput, match="usage is more than 50 events"):
        tally.foresee("acme", YEARS, like=2, at=NOW)
    monkeypatch.setattr("tallystick.app.forecast._MOST_STORED", 4)
    with pytest.raises(Conflict, match="more than 4 events"):
        tally.foresee("acme", YEARS, at=NOW)
