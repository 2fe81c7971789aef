"""Automatic top-ups: begun by what a document burned, once, paid before they are granted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from tallystick import Money, currency
from tallystick.errors import Conflict, CurrencyMismatch, InvalidInput, NotFound
from tests.facade.billing import START, day, digest, opened, usd
from tests.facade.test_credits import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tests.databases import Database

CALLERS = 16


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    """A customer with 25.00 of credits on a plan for 10.00 a month."""
    with opened(database.url) as ledger:
        ledger.credits.grant("acme", usd("25.00"), category="paid", idempotency_key="first")
        ledger.subscriptions.start("acme", "basic")
        yield ledger


def rule(tally: Tallystick, **other: Any) -> str:
    asked = {"below": usd("10.00"), "add": usd("50.00"), "price": usd("45.00"), **other}
    return tally.credits.top_up("acme", **asked).id


def test_a_purchase_begins_below_the_threshold_and_is_told_once(tally: Tallystick) -> None:
    id_ = rule(tally)
    tally.invoices.run(START)
    assert tally.credits.top_ups("acme") == ()  # 15.00 are left
    tally.invoices.run(day("2026-12-02"))  # 5.00, then nothing
    [bought] = tally.credits.top_ups("acme")
    assert (bought.rule, bought.month, bought.number, bought.status) == (id_, "2026-11", 1, "open")
    assert (bought.size, bought.at, bought.grant) == (5000, day("2026-11-01"), None)
    [notice] = [each for each in tally.dunning.notices() if each.kind == "credits_top_up"]
    assert (notice.body["price"], notice.body["amount"], notice.at) == (4500, 5000, bought.at)
    assert tally.credits.balance("acme") == ()
    holds(tally)


def test_units_are_no_money_that_is_left(tally: Tallystick) -> None:
    tally.credits.grant("acme", units=5_000, feature="calls")
    rule(tally)
    tally.invoices.run(day("2026-11-02"))
    assert len(tally.credits.top_ups("acme")) == 1


def test_it_is_granted_when_it_is_paid_and_a_repeat_gives_the_same(tally: Tallystick) -> None:
    rule(tally)
    tally.invoices.run(day("2026-11-02"))
    [bought] = tally.credits.top_ups("acme")
    made = tally.credits.pay_top_up(bought.id, at=day("2026-11-03"))
    assert (made.grant.category, made.grant.source) == ("paid", "top_up")
    assert (made.grant.amount, made.grant.effective_at) == (usd("50.00"), day("2026-11-03"))
    before = digest(tally)
    assert tally.credits.pay_top_up(bought.id, at=day("2026-11-04")) == made
    assert digest(tally) == before
    with pytest.raises(Conflict, match="was granted"):
        tally.credits.cancel_top_up(bought.id)
    tally.invoices.run(day("2026-12-02"))
    assert tally.credits.get(made.grant.id).remaining == 4500
    holds(tally)


def test_another_begins_only_once_the_first_was_paid_or_canceled(tally: Tallystick) -> None:
    rule(tally)
    tally.invoices.run(day("2026-11-02"))
    tally.credits.grant("acme", usd("1.00"), at=day("2026-11-05"))
    tally.invoices.run(day("2026-12-02"))  # burns it, and one is open
    [bought] = tally.credits.top_ups("acme")
    assert tally.credits.cancel_top_up(bought.id).status == "canceled"
    assert tally.credits.cancel_top_up(bought.id).status == "canceled"
    with pytest.raises(Conflict, match="was canceled"):
        tally.credits.pay_top_up(bought.id)
    tally.credits.grant("acme", usd("1.00"), at=day("2026-12-05"))
    tally.invoices.run(day("2027-01-02"))
    found = [(each.month, each.status) for each in tally.credits.top_ups("acme")]
    assert found == [("2026-11", "canceled"), ("2027-01", "open")]
    holds(tally)


def test_a_gift_is_granted_at_once_and_pays_the_next_document(tally: Tallystick) -> None:
    rule(tally, price=None, add=usd("8.00"), at_most=1)
    tally.invoices.run(day("2027-02-02"))
    due = {
        f"{each.invoice.at:%m-%d}": each.invoice.amount_due.minor for each in tally.invoices.list()
    }
    # November leaves 5.00 and gives 8.00, December 3.00 and 8.00, January 1.00 and 8.00
    assert due == {"10-01": 0, "11-01": 0, "12-01": 0, "01-01": 0, "02-01": 100}
    months = [each.month for each in tally.credits.top_ups("acme")]
    assert months == ["2026-11", "2026-12", "2027-01", "2027-02"]
    holds(tally)


def test_a_late_run_tops_up_as_runs_on_time(tally: Tallystick) -> None:
    with opened("sqlite://") as punctual:
        punctual.credits.grant("acme", usd("25.00"), category="paid", idempotency_key="first")
        punctual.subscriptions.start("acme", "basic")
        for ledger, months in ((punctual, (10, 11, 12)), (tally, (12,))):
            rule(ledger, price=None, add=usd("3.00"), at_most=2)
            for month in months:
                ledger.invoices.run(day(f"2026-{month}-01"))
        for told in ("credits", "invoices"):
            found = [sorted(map(repr, _told(ledger, told))) for ledger in (punctual, tally)]
            assert found[0] == found[1]


def _told(tally: Tallystick, what: str) -> list[object]:
    if what == "credits":
        return [*tally.credits.list("acme", spent=True)]
    return [each.invoice for each in tally.invoices.list()]


def test_a_month_has_no_more_than_the_rule_allows(tally: Tallystick) -> None:
    rule(tally, below=usd("100.00"), at_most=1, price=usd("1.00"))
    tally.invoices.run(START)
    [bought] = tally.credits.top_ups("acme")
    tally.credits.pay_top_up(bought.id, at=START)
    tally.subscriptions.start("acme", "desk", idempotency_key="other group")
    tally.invoices.add_item("acme", "Work", usd("5.00"), now=True, at=START)
    tally.invoices.run(day("2026-10-20"))
    assert len(tally.credits.top_ups("acme")) == 1
    holds(tally)


def test_sixteen_callers_top_up_once(tally: Tallystick, database: Database) -> None:
    rule(tally)
    if not database.shared:
        pytest.skip("a database in memory has one caller")
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda _: tally.invoices.run(day("2026-11-02")), range(CALLERS)))
        [bought] = tally.credits.top_ups("acme")
        paid = list(
            pool.map(
                lambda _: tally.credits.pay_top_up(bought.id, at=day("2026-11-02")),
                range(CALLERS),
            )
        )
    assert len({row.grant.id for row in paid}) == 1
    assert len(tally.credits.list("acme")) == 2  # what is left of the first, and this one
    holds(tally)


def test_a_rule_takes_the_place_of_another_and_the_same_is_the_same(tally: Tallystick) -> None:
    first = rule(tally)
    assert rule(tally) == first
    second = rule(tally, add=usd("60.00"))
    assert [each.id for each in tally.credits.top_up_rules("acme")] == [second]
    assert len(tally.credits.top_up_rules("acme", ended=True)) == 2
    assert tally.credits.end_top_up(second, at=START).ended_at == START
    assert tally.credits.end_top_up(second, at=day("2026-12-01")).ended_at == START
    tally.invoices.run(day("2026-12-02"))
    assert tally.credits.top_ups("acme") == ()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"below": usd("0.00")}, "below"),
        ({"add": "-1"}, "add"),
        ({"add": "x"}, "add"),
        ({"price": usd("50.01")}, "price"),
        ({"price": None}, "at_most"),
        ({"at_most": 0}, "at_most"),
        ({"at_most": True}, "at_most"),
        ({"at_most": 10**40}, "at_most"),
    ],
)
def test_what_is_no_rule_is_refused_and_changes_nothing(
    tally: Tallystick, asked: dict[str, Any], field: str
) -> None:
    rule(tally)
    before = digest(tally)
    with pytest.raises(InvalidInput) as refused:
        rule(tally, **asked)
    assert field in refused.value.fields
    assert digest(tally) == before


def test_who_or_what_is_not_there_is_not_found(tally: Tallystick) -> None:
    for act in (tally.credits.pay_top_up, tally.credits.cancel_top_up, tally.credits.end_top_up):
        with pytest.raises(NotFound):
            act("nothing")
    with pytest.raises(NotFound):
        tally.credits.top_up("nobody", below=usd("1.00"), add=usd("1.00"), at_most=1)
    with pytest.raises(CurrencyMismatch):
        rule(tally, price=Money.parse("1.00", currency("EUR")))


def test_verify_finds_a_top_up_that_no_rule_allows(tally: Tallystick) -> None:
    rule(tally, price=None, at_most=1)
    tally.invoices.run(day("2026-11-02"))

    def tamper(unit: Any, _: object) -> None:
        unit.connection.execute(update(unit.tables.top_ups).values(number=2))

    tally.act(tamper)
    assert [each.name for each in tally.verify().broken] == ["top-ups"]
