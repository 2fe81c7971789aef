"""Months to come: which there are, what is used in them, what documents add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.event import UsageEvent
from tallystick.core.forecast import month_totals, monthly, repeated
from tallystick.core.money import Money
from tests.documents.invoices import invoice, line

EUR = currency("EUR")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def used(at: str | datetime, quantity: int = 1, id_: str = "e") -> UsageEvent:
    moment = day(at) if isinstance(at, str) else at
    return UsageEvent(
        id=id_,
        customer="acme",
        type="calls",
        occurred_at=moment,
        properties={"quantity": Decimal(quantity)},
        received_at=moment,
        order=7,
    )


# --- months ---------------------------------------------------------------------------------------


def test_months_are_counted_from_the_first_instant_and_end_at_the_last() -> None:
    found = monthly(day("2027-01-31"), day("2027-04-10"))
    wanted = ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-10"]
    assert found == tuple(map(day, wanted))
    assert monthly(day("2027-01-31"), day("2027-02-28")) == (day("2027-01-31"), day("2027-02-28"))
    assert monthly(day("2027-01-31"), day("2027-02-01"))[-1] == day("2027-02-01")


def test_documents_add_up_by_month_and_currency_and_empty_months_are_there() -> None:
    documents = [
        invoice(line(1_000), at=day("2027-03-01")),
        invoice(line(-300), at=day("2027-03-31")),
        invoice(line(500), at=day("2027-05-01"), balance=Money(200, EUR)),
        invoice(line(7, money=currency("JPY")), money=currency("JPY"), at=day("2027-04-30")),
    ]
    found = month_totals(documents, day("2027-03-01"), day("2027-05-01"))
    assert [
        (m.month, m.documents, m.total.minor, m.amount_due.minor, m.total.currency.code)
        for m in found
    ] == [
        ("2027-03", 2, 700, 1_000, "EUR"),
        ("2027-04", 0, 0, 0, "EUR"),
        ("2027-05", 1, 500, 300, "EUR"),
        ("2027-03", 0, 0, 0, "JPY"),
        ("2027-04", 1, 7, 7, "JPY"),
        ("2027-05", 0, 0, 0, "JPY"),
    ]


def test_what_was_due_before_now_has_a_month_too() -> None:
    late = invoice(line(1_000), at=day("2026-12-01"))
    found = month_totals([late], day("2027-01-15"), day("2027-02-01"))
    assert [(m.month, m.total.minor) for m in found] == [
        ("2026-12", 1_000),
        ("2027-01", 0),
        ("2027-02", 0),
    ]


# --- what is used ---------------------------------------------------------------------------------


def test_what_was_used_comes_again_month_for_month() -> None:
    events = [
        used("2026-12-31T23:59:59", 1),
        used("2027-01-10T08:00", 2),
        used("2027-02-05", 3),
        used("2027-03-01", 4),
    ]
    found = list(repeated(events, day("2027-03-01"), 2, day("2027-06-01")))
    assert [(e.occurred_at, e.properties["quantity"]) for e in found] == [
        (day("2027-03-10T08:00"), 2),
        (day("2027-04-05"), 3),
        (day("2027-05-10T08:00"), 2),
    ]
    assert all(e.received_at == e.occurred_at and e.order is None for e in found)
    assert len({(e.source, e.id) for e in found}) == 3
    assert {e.source for e in found} == {"tallystick/foresee"}


def test_a_shorter_month_takes_what_it_has_no_day_for_in_its_last_moment() -> None:
    events = [used("2027-01-30T10:00", 5), used("2027-01-31", 6, "f")]
    found = list(repeated(events, day("2027-02-01"), 1, day("2027-03-01")))
    assert [e.occurred_at for e in found] == [day("2027-03-01") - timedelta(microseconds=1)] * 2
    assert [e.properties["quantity"] for e in found] == [5, 6]


@given(
    st.lists(st.integers(0, 366 * 24), max_size=40),
    st.integers(1, 12),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)),  # noqa: DTZ001 - a zone is added
)
def test_whole_rounds_lose_nothing(hours: list[int], months: int, at: datetime) -> None:
    now = at.replace(tzinfo=UTC)
    events = [used(now - timedelta(hours=each + 1), each) for each in hours]
    since = monthly_before(now, months)
    inside = [e for e in events if since <= e.occurred_at < now]
    until = monthly(now, now + timedelta(days=800))[months]
    found = list(repeated(events, now, months, until))
    assert sorted(str(e.properties) for e in found) == sorted(str(e.properties) for e in inside)
    assert all(now <= e.occurred_at < until for e in found)
    assert len({e.id for e in found}) == len(found)


def monthly_before(at: datetime, months: int) -> datetime:
    """Give the same day of an earlier month, or that month's last one."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    for last in range(at.day, 0, -1):
        try:
            return at.replace(year=year, month=month + 1, day=last)
        except ValueError:
            continue
    raise AssertionError(at)
