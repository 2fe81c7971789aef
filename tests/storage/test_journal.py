"""The journal sums to zero and is only added to; balances never go below zero."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import Conflict, InvalidInput
from tallystick.storage import balances
from tallystick.storage.journal import Entry, account_totals, entries_of, post
from tests.storage.billing_values import AT, eur

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

USD = currency("USD")
INTO = (
    "INSERT INTO tallystick_journal (customer_id, at, cause, debit, credit, minor, currency)"
    " SELECT customer_id, at,"
)


def entry(minor: int = 100, **fields: Any) -> Entry:
    given: dict[str, Any] = {
        "customer": "acme",
        "at": AT,
        "cause": "invoice/1",
        "debit": "receivable",
        "credit": "revenue",
    }
    return Entry(amount=eur(minor), **given | fields)


def test_every_currency_sums_to_zero(storage: Storage) -> None:
    entries = [
        entry(1200),
        entry(240, credit="tax"),
        entry(1440, cause="payment/1", debit="cash", credit="receivable"),
        replace(entry(customer="beta"), amount=Money(7, USD)),
    ]
    with storage.begin() as unit:
        post(unit, entries)
        post(unit, [])
        assert entries_of(unit, "acme") == tuple(entries[:3])
        assert entries_of(unit, "acme", "payment/1") == (entries[2],)
        assert entries_of(unit, "nobody") == ()
        assert account_totals(unit, "acme") == {
            ("receivable", "EUR"): 0,
            ("revenue", "EUR"): -1200,
            ("tax", "EUR"): -240,
            ("cash", "EUR"): 1440,
        }
        total = account_totals(unit)
        assert total["revenue", "USD"] == -7
        for code in ("EUR", "USD"):
            assert sum(minor for (_, each), minor in total.items() if each == code) == 0


def test_a_total_may_be_larger_than_any_one_entry(storage: Storage) -> None:
    most = 2**62
    with storage.begin() as unit:
        post(unit, [entry(most, cause="a"), entry(most - 1, cause="b")])
        assert account_totals(unit)["receivable", "EUR"] == 2 * most - 1


def test_an_entry_is_posted_once(storage: Storage) -> None:
    with storage.begin() as unit:
        post(unit, [entry()])
        unit.commit()
    with pytest.raises(Conflict, match="posted before"), storage.begin() as unit:
        post(unit, [entry(5), entry(5, credit="tax")])
    for bad in (entry(0), entry(-1), entry(debit="revenue")):
        with pytest.raises(InvalidInput), storage.begin() as unit:
            post(unit, [bad])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tallystick_journal SET minor = 1",
        "DELETE FROM tallystick_journal",
        *(
            f"{INTO} {cause}, debit, {credit}, {minor}, 'EUR' FROM tallystick_journal"
            for cause, credit, minor in (
                ("'b'", "debit", 1),
                ("'b'", "credit", 0),
                ("'b'", "credit", -1),
                ("cause", "credit", 1),
            )
        ),
    ],
)
def test_the_database_refuses(storage: Storage, statement: str) -> None:
    with storage.begin() as unit:
        post(unit, [entry()])
        unit.commit()
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text(statement))


# --- balances -------------------------------------------------------------------------------------


def test_balances_go_up_and_down_but_not_below_zero(storage: Storage) -> None:
    with storage.begin() as unit:
        usd = Money(9, USD)
        balances.add(unit, [("acme", eur(100)), ("acme", eur(50)), ("beta", eur(0)), ("b", usd)])
        balances.add(unit, [("acme", eur(1)), ("acme", usd)])
        assert balances.balance_of(unit, "acme") == (eur(151), usd)
        assert balances.balance_of(unit, "beta") == ()
        keys = [("acme", "EUR"), ("b", "USD"), ("b", "EUR")]
        assert balances.hold(unit, keys) == {keys[0]: 151, keys[1]: 9}
        balances.take(unit, [("acme", eur(50)), ("acme", eur(101)), ("b", Money(1, USD))])
        balances.take(unit, [])
        assert balances.balance_of(unit, "acme")[0] == eur(0)
        unit.commit()
    for more in ([("acme", eur(1))], [("acme", Money(1, USD)), ("b", Money(9, USD))]):
        with pytest.raises(Conflict, match="less than"), storage.begin() as unit:
            balances.take(unit, more)
    for act in (balances.add, balances.take):
        with pytest.raises(InvalidInput), storage.begin() as unit:
            act(unit, [("acme", eur(-1))])
    with storage.look() as unit:
        assert balances.balance_of(unit, "acme")[1] == Money(9, USD)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tallystick_balances SET minor = -1",
        "INSERT INTO tallystick_balances VALUES ('b', 'EUR', -1)",
        "INSERT INTO tallystick_balances VALUES ('b', 'EURO', 1)",
    ],
)
def test_the_database_refuses_a_balance_below_zero(storage: Storage, statement: str) -> None:
    with storage.begin() as unit:
        balances.add(unit, [("acme", eur(1))])
        unit.commit()
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text(statement))


def test_many_who_take_at_once_never_take_more_than_there_is(storage: Storage) -> None:
    taken: list[int] = []
    with storage.begin() as unit:
        balances.add(unit, [("acme", eur(10))])
        unit.commit()

    def work() -> None:
        for _ in range(5):
            try:
                with storage.begin() as unit:
                    balances.take(unit, [("acme", eur(1))])
                    unit.commit()
                    taken.append(1)
            except Conflict:
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == 10
    with storage.look() as unit:
        assert balances.balance_of(unit, "acme") == (eur(0),)
