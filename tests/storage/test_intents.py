"""Intents as rows: what the database itself refuses, whoever asks."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tallystick.core.intent import Intent, ProviderAccount, key_of
from tallystick.errors import Conflict
from tallystick.storage import intents, invoices
from tests.storage.billing_values import AT, draft, eur, filled

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

ACCOUNT = ProviderAccount("house", live=False)


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """A migrated database of each kind, with two customers and a draft each."""
    filled(storage, "acme", "beta")
    with storage.begin() as unit:
        theirs = draft("inv_2", "beta", subscription_id="sub_2")
        invoices.insert_drafts(unit, [draft(), theirs])
        unit.commit()
    return storage


def intent(id_: str = "int_1", **fields: Any) -> Intent:
    given: dict[str, Any] = {
        "customer": "acme",
        "kind": "collect",
        "invoice": "inv_1",
        "provider": "bank",
        "account": ACCOUNT,
        "amount": eur(100),
        "key": key_of(id_),
        "label": "INV-1",
        "created_at": AT,
        "next_at": AT,
    }
    return Intent(id=id_, **given | fields)


CLOSED: dict[str, Any] = {"state": "canceled", "closed_at": AT}


def test_an_intent_comes_back_as_it_was_stored(storage: Storage) -> None:
    stored = intent(
        payer="p", idempotency_key="k", answer={"url": "https://x"}, state="waiting", reference="r"
    )
    with storage.begin() as unit:
        intents.add_intent(unit, stored)
        assert intents.intent_by_id(unit, "int_1") == stored
        assert intents.intent_by_key(unit, "acme", "k") == stored
        assert intents.intent_by_key(unit, "beta", "k") is None
        assert intents.live_intent(unit, "acme", "inv_1", "collect") == stored
        assert intents.live_intent(unit, "acme", "inv_1", "refund") is None


def test_of_one_kind_one_is_live(storage: Storage) -> None:
    with storage.begin() as unit:
        intents.add_intent(unit, intent())
        with pytest.raises(Conflict):
            intents.add_intent(unit, intent("int_2"))
        intents.add_intent(unit, intent("int_2", customer="beta", invoice="inv_2"))
        assert intents.put_intent(unit, replace(intent(), **CLOSED), 0)
        intents.add_intent(unit, intent("int_3"))


@pytest.mark.parametrize(
    "same", [{"idempotency_key": "k"}, {"key": "tallystick/int_1"}, {"reference": "r"}]
)
def test_a_key_and_an_object_are_of_one_intent(same: dict[str, Any], storage: Storage) -> None:
    known = {"idempotency_key": "k", "reference": "r", **CLOSED}
    with storage.begin() as unit:
        intents.add_intent(unit, intent(**known))
        with pytest.raises(Conflict):
            intents.add_intent(unit, intent("int_2", **same))
        assert intents.intent_by_id(unit, "int_2") is None


def test_what_is_closed_or_tried_again_is_not_written_over(storage: Storage) -> None:
    with storage.begin() as unit:
        intents.add_intent(unit, intent())
        tried = replace(intent(), attempts=1, first_sent_at=AT)
        assert intents.put_intent(unit, tried, 0)
        assert not intents.put_intent(unit, replace(tried, **CLOSED), 0)
        assert intents.put_intent(unit, replace(tried, **CLOSED), 1)
        assert not intents.put_intent(unit, tried, 1)
        assert intents.intent_by_id(unit, "int_1") == replace(tried, **CLOSED)


def test_who_is_due_is_free_and_of_this_account(storage: Storage) -> None:
    with storage.begin() as unit:
        intents.add_intent(unit, intent(leased_until=AT + timedelta(minutes=5)))

        def due(minutes: int = 0, account: ProviderAccount = ACCOUNT) -> bool:
            at = AT + timedelta(minutes=minutes)
            return intents.due_intent(unit, "bank", account, at) is not None

        assert [due(minutes) for minutes in (0, 4, 5)] == [False, False, True]
        assert not due(5, ProviderAccount("house", live=True))
        assert not due(5, ProviderAccount("other", live=False))
        intents.put_intent(unit, replace(intent(), set_aside="{}"), 0)
        assert not due(5)
        assert intents.clear_aside(unit, intent())
        assert not intents.clear_aside(unit, intent())
        assert (due(), due(-1)) == (True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gift"},
        {"state": "lost"},
        {"amount": 0},
        {"surplus": 1},
        {"surplus": -1},
        {"state": "succeeded"},
        {"state": "waiting", "reference": None},
        {"state": "canceled"},
        {"closed_at": AT},
        {"attempts": -1},
        {"first_sent_at": AT},
        {"of_reference": "x"},
        {"kind": "refund"},
        {"invoice_id": "inv_2"},
    ],
)
def test_the_database_refuses_what_cannot_be(wrong: dict[str, Any], storage: Storage) -> None:
    with storage.begin() as unit:
        intents.add_intent(unit, intent())
        with pytest.raises(IntegrityError), unit.savepoint():
            unit.connection.execute(update(unit.tables.intents).values(**wrong))
        assert intents.intent_by_id(unit, "int_1") == intent()


def test_of_many_at_once_one_is_stored(storage_postgresql: Storage) -> None:
    storage = storage_postgresql
    filled(storage, "acme")
    with storage.begin() as unit:
        invoices.insert_drafts(unit, [draft()])
        unit.commit()
    stored, barrier = [], threading.Barrier(6)

    def store(number: int) -> None:
        barrier.wait()
        with storage.begin() as unit:
            try:
                intents.add_intent(unit, intent(f"int_{number}"))
            except Conflict:
                return
            unit.commit()
            stored.append(number)

    threads = [threading.Thread(target=store, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(stored) == 1
