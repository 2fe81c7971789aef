"""Moves as rows: every kind comes back as it was, in order, and none is ever changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tallystick.core.move import (
    AddOn,
    Cancel,
    Change,
    Keep,
    Lapse,
    Pause,
    Phase,
    Recover,
    Resume,
    Start,
    Unplan,
)
from tallystick.errors import Conflict
from tallystick.storage import subscriptions
from tallystick.storage.moves import add_moves, hold_trial, move_by_key, move_digest, moves_of
from tests.storage.billing_values import AT, filled, later, move, subscription

if TYPE_CHECKING:
    from tallystick.core.move import Move
    from tallystick.storage.unit import Storage

EACH: list[Move] = [
    Start(
        customer="acme",
        group="default",
        offer="pro@2",
        currency="EUR",
        add_ons=(AddOn("seats@1", 2),),
        phases=(Phase(periods=3, percent_off="50"),),
        starts_at=later(days=1),
    ),
    Change(seats=4, timing="now", proration="invoice_now"),
    Pause(mode="extend", resumes_at=later(days=9)),
    Resume(),
    Cancel(timing="now", credit=True),
    Keep(),
    Unplan(number=3),
    Lapse(),
    Recover(),
]

COPIED = (
    "INSERT INTO tallystick_subscription_moves SELECT {}, subscription_id, {}, {}, at, recorded_at,"
    " NULL, digest, body FROM tallystick_subscription_moves"
)


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """A migrated database of each kind, with a customer, a subscription and its first move."""
    filled(storage)
    return storage


def test_every_move_comes_back_as_it_was_and_in_order(storage: Storage) -> None:
    records = [
        replace(move(number), move=each, at=later(days=number), recorded_at=later(days=number + 1))
        for number, each in enumerate(EACH, start=2)
    ]
    with storage.begin() as unit:
        add_moves(unit, records)
        found = moves_of(unit, "acme", "sub_1")
        assert [each.move for each in found[1:]] == EACH
        assert [each.number for each in found] == list(range(1, 11))
        assert found[1] == replace(records[0], digest=move_digest(EACH[0]))
        assert moves_of(unit, "other", "sub_1") == ()


def test_a_key_finds_its_move_and_makes_one_only(storage: Storage) -> None:
    with storage.begin() as unit:
        sent = replace(move(2), idempotency_key="k", digest="d")
        add_moves(unit, [sent])
        assert move_by_key(unit, "acme", "k") == sent
        assert move_by_key(unit, "acme", "other") is None
        assert move_by_key(unit, "other", "k") is None
        with pytest.raises(Conflict, match="key was used"):
            add_moves(unit, [replace(sent, number=3)])
        assert len(moves_of(unit, "acme", "sub_1")) == 2


def test_of_two_moves_with_one_number_the_first_counts(storage: Storage) -> None:
    with storage.begin() as unit:
        with pytest.raises(Conflict, match="came first"):
            add_moves(unit, [replace(move(2)), replace(move(1))])
        assert len(moves_of(unit, "acme", "sub_1")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tallystick_subscription_moves SET body = '{}'",
        "DELETE FROM tallystick_subscription_moves",
        "UPDATE tallystick_trials SET at = at",
        "DELETE FROM tallystick_trials",
        COPIED.format("customer_id", 0, "kind"),
        COPIED.format("customer_id", 7, "'jump'"),
        COPIED.format("'other'", 7, "kind"),
    ],
)
def test_the_database_refuses_to_change_what_was_done(storage: Storage, statement: str) -> None:
    with storage.begin() as unit:
        hold_trial(unit, ["customer/acme"], "acme", "sub_1", AT)
        unit.commit()
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text(statement))


def test_a_trial_is_given_once_to_each_identity(storage: Storage) -> None:
    with storage.begin() as unit:
        subscriptions.insert_subscription(unit, subscription("sub_2", state="ended"), None, AT)
        hold_trial(unit, ["customer/acme", "card/4"], "acme", "sub_1", AT)
        with pytest.raises(Conflict, match="given once"):
            hold_trial(unit, ["card/5", "card/4"], "acme", "sub_2", AT)
        hold_trial(unit, ["card/5"], "acme", "sub_2", AT)  # it was not given beside the other
        unit.commit()


def test_of_two_at_once_one_has_the_trial(storage_postgresql: Storage) -> None:
    storage, told = storage_postgresql, list[str]()
    filled(storage)

    def second() -> None:
        with storage.begin() as unit:
            try:
                hold_trial(unit, ["card/4"], "acme", "sub_1", AT)
            except Conflict as refused:
                told.append(str(refused))

    with storage.begin() as first:
        hold_trial(first, ["card/4"], "acme", "sub_1", AT)
        other = threading.Thread(target=second)
        other.start()
        other.join(0.2)
        assert other.is_alive()
        first.commit()
    other.join(10)
    assert len(told) == 1
