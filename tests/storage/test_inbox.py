"""What the database itself refuses of the inbox, and which object is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tallystick.core.inbox import Held
from tallystick.core.intent import ProviderAccount
from tallystick.core.provider_event import ProviderEvent
from tallystick.storage import inbox
from tests.facade.billing import START

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage, Unit

OURS = ProviderAccount("acct_1", live=False)


def event(id_: str = "evt_1", **more: Any) -> ProviderEvent:
    told = {
        "provider": "stripe",
        "account": OURS.id,
        "live": OURS.live,
        "id": id_,
        "type": "charge.succeeded",
        "api_version": None,
        "created": START,
        "kind": "charge",
        "object_id": "ch_1",
        "body": "{}",
        "received_at": START,
    }
    return ProviderEvent(**{**told, **more})


def keep(unit: Unit, told: ProviderEvent) -> None:
    assert inbox.add_event(unit, told)
    inbox.take_hint(unit, told, START)


def test_an_event_is_there_once_for_each_account(storage: Storage) -> None:
    with storage.begin() as unit:
        assert inbox.add_event(unit, event())
        assert not inbox.add_event(unit, event(type="other"))
        assert inbox.add_event(unit, event(account="acct_2"))
        assert inbox.event_by_key(unit, "stripe", OURS.id, "evt_1") == event()


def test_an_object_is_due_once_leased_by_one_and_of_its_own_mode(storage: Storage) -> None:
    later = START + timedelta(seconds=9)
    with storage.begin() as unit:
        keep(unit, event())
        keep(unit, event("evt_2", created=later))
        keep(unit, event("evt_3", created=START - timedelta(days=1)))
        found = inbox.due_hint(unit, "stripe", OURS, START)
        assert found is not None
        assert (found.newest, found.hints, found.turn) == (later, 3, 0)
        assert inbox.due_hint(unit, "stripe", replace(OURS, live=True), START) is None
        assert inbox.due_hint(unit, "stripe", OURS, START - timedelta(seconds=1)) is None
        leased = replace(found, turn=1, leased_until=later)
        assert inbox.put_hint(unit, leased, 0)
        assert not inbox.put_hint(unit, leased, 0), "another turn began"
        assert inbox.due_hint(unit, "stripe", OURS, START) is None
        assert inbox.due_hint(unit, "stripe", OURS, later) == leased
        held = replace(leased, held=Held(later, later, "mark", 3), due_at=None)
        assert inbox.put_hint(unit, held, 1)
        assert inbox.hint_by_id(unit, "stripe", OURS.id, "charge", "ch_1") == held


@pytest.mark.parametrize(
    "values",
    [
        {"state": "odd"},
        {"state": "applied"},
        {"state": "ignored", "done_at": START},
        {"state": "set_aside", "done_at": START},
        {"object_id": None},
        {"kind": None},
    ],
)
def test_no_event_is_half_done(storage: Storage, values: dict[str, Any]) -> None:
    with storage.begin() as unit:
        keep(unit, event())
        with pytest.raises(IntegrityError), unit.savepoint():
            unit.connection.execute(update(unit.tables.provider_events).values(values))


@pytest.mark.parametrize(
    "values",
    [
        {"set_aside": "{}"},
        {"held_at": START},
        {"held_at": START, "held_upto": START - timedelta(1), "held_mark": "", "held_reach": 0},
        {"hints": 0},
        {"tries": -1},
    ],
)
def test_no_object_is_held_in_part(storage: Storage, values: dict[str, Any]) -> None:
    with storage.begin() as unit:
        keep(unit, event())
        with pytest.raises(IntegrityError), unit.savepoint():
            unit.connection.execute(update(unit.tables.provider_objects).values(values))


def test_only_what_waits_for_nothing_is_removed(storage: Storage) -> None:
    late = START + timedelta(days=1)
    with storage.begin() as unit:
        keep(unit, event())
        done = {"state": "ignored", "reason": {"code": "X", "message": "x"}, "done_at": START}
        assert inbox.add_event(unit, event("evt_2", object_id="ch_2", **done))
        assert inbox.remove_events(unit, START, 9) == 0
        assert inbox.remove_events(unit, late, 9) == 1
        assert [each.id for each in inbox.list_events(unit, 9)] == ["evt_1"]
