"""Events are stored exactly once, whatever comes twice, at once, or from whom."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tallystick.app.meters import prepare
from tallystick.app.usage import export, quantity, record_many
from tallystick.core.event import digest
from tallystick.core.period import Period
from tallystick.errors import InvalidInput, InvalidUsage, SetupError
from tallystick.storage.usage import digests_of, events_at
from tallystick.storage.usage_insert import insert_events, next_orders
from tests.usage_histories import METERS, after, event, rolled_up, tables_of

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.app.usage import Recorded
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.storage.unit import Storage

SUM = METERS["sum"]
ALL_TIME = Period(after(-86_400 * 300), after(86_400 * 300))


def recorded(storage: Storage, *items: object) -> Recorded:
    """Record items in a transaction of their own."""
    return storage.attempt(lambda unit: record_many(unit, items, METERS, after(0)))


def total(storage: Storage, meter: Meter = SUM, customer: str = "c") -> Decimal:
    """Give what a meter says of all time."""
    with storage.look() as unit:
        return quantity(unit, meter, customer, ALL_TIME)


def count(storage: Storage) -> int:
    """Count the events that are stored."""
    with storage.look() as unit:
        query = select(func.count()).select_from(unit.tables.usage_events)
        return unit.connection.execute(query).scalar_one()


@pytest.fixture(autouse=True)
def _prepared(storage: Storage) -> None:
    prepare(storage, METERS.values())


def test_a_repeat_is_a_success_that_changes_nothing(storage: Storage) -> None:
    sent = event("e", after(0), quantity=3)
    assert recorded(storage, sent).statuses == ("accepted",)
    before = tables_of(storage, "usage_events", "usage_days", "usage_values")
    again = recorded(storage, sent, replace(sent, received_at=after(99)))
    assert (again.accepted, again.duplicates, again.rejected) == (0, 2, ())
    assert tables_of(storage, "usage_events", "usage_days", "usage_values") == before
    assert total(storage) == 3


def test_another_body_under_the_same_id_is_a_conflict_that_names_both(storage: Storage) -> None:
    first, other = event("e", after(0), quantity=3), event("e", after(0), quantity=4)
    recorded(storage, first)
    (rejection,) = recorded(storage, other).rejected
    assert rejection.code == "CONFLICT"
    assert digest(first) in rejection.message
    assert digest(other) in rejection.message
    assert rejection.error.details() == {"stored": digest(first), "sent": digest(other)}
    assert total(storage) == 3


def test_the_same_within_one_batch_counts_once(storage: Storage) -> None:
    first = event("e", after(0), quantity=3)
    other = event("e", after(0), quantity=4)
    outcome = recorded(storage, first, first, other, event("f", after(1)))
    assert outcome.statuses == ("accepted", "duplicate", "rejected", "accepted")
    assert [each.index for each in outcome.rejected] == [2]
    assert total(storage) == 4


def test_an_id_is_the_customers_and_the_sources_own(storage: Storage) -> None:
    sent = event("e", after(0))
    outcome = recorded(storage, sent, replace(sent, source="x"), replace(sent, customer="d"))
    assert outcome.accepted == 3
    assert (total(storage), total(storage, customer="d")) == (2, 1)


def test_a_bad_item_takes_no_good_one_with_it(storage: Storage) -> None:
    bad = {"id": "e", "customer": "c", "type": "use", "properties": {"quantity": 1.5}}
    items = [
        event("a", after(0)),
        bad,
        InvalidUsage("could not be read"),
        event("b", after(0), properties={"quantity": "much"}),
        17,
        {"id": "c", "customer": "c", "type": "use", "properties": {"quantity": 5}},
    ]
    outcome = recorded(storage, *items)
    assert outcome.statuses == ("accepted", *["rejected"] * 4, "accepted")
    assert [each.index for each in outcome.rejected] == [1, 2, 3, 4]
    assert {each.code for each in outcome.rejected} == {"VALIDATION_ERROR"}
    assert total(storage) == 6


def test_after_a_refused_item_the_same_id_is_free(storage: Storage) -> None:
    bad = event("e", after(0), properties={"quantity": "much"})
    orphan = event("f", after(0), kind="void", target=("api", "nothing"), properties={})
    outcome = recorded(storage, bad, event("e", after(0)), orphan, event("f", after(0)), orphan)
    assert outcome.statuses == ("rejected", "accepted", "rejected", "accepted", "rejected")
    codes = [each.code for each in outcome.rejected]
    assert codes == ["VALIDATION_ERROR", "NOT_FOUND", "CONFLICT"]


def test_texts_come_back_as_they_were_sent(storage: Storage) -> None:
    odd = ['a"b', "back\\slash", "NULL", "", "{x,y}", "é😀\n\tz", "'; --", "%s :p0 $1", "\\N"]
    sent = [
        event(f"id {n} \" \\ ' , {{}}", after(n), properties={"place": text, text or "x": None})
        for n, text in enumerate(odd)
    ]
    assert recorded(storage, *sent).accepted == len(odd)
    with storage.look() as unit:
        stored = list(export(unit))
        assert [each.properties for each in stored] == [each.properties for each in sent]
        assert [each.id for each in stored] == [each.id for each in sent]
        assert [each.occurred_at for each in stored] == [each.occurred_at for each in sent]
    assert recorded(storage, *sent).duplicates == len(odd)


def test_many_texts_come_back_as_they_were_sent(storage: Storage) -> None:
    odd = ['a"b', "back\\slash", "NULL", "None", "{x,y}", "é😀\n\tz\r", "\\N", "\\.", "%s :p0 $1"]
    sent = [
        event(
            f"id\t{n}\r\n\\{odd[n % 9]}", after(n), source=odd[n % 7], properties={"x": odd[n % 9]}
        )
        for n in range(500)
    ]
    assert recorded(storage, *sent).accepted == 500
    with storage.look() as unit:
        stored = list(export(unit))
    named = [(each.id, each.source, each.properties) for each in stored]
    assert named == [(each.id, each.source, each.properties) for each in sent]
    assert recorded(storage, *sent).duplicates == 500


def test_many_corrections_are_stored_with_their_targets(storage: Storage) -> None:
    recorded(storage, *[event(f"e{n}", after(n)) for n in range(250)])
    voids = [void(f"v{n}", f"e{n}") for n in range(250)]
    assert recorded(storage, *voids).accepted == 250
    assert recorded(storage, *voids).duplicates == 250
    assert (total(storage), count(storage)) == (0, 500)


def test_after_a_repeat_large_batches_are_stored_as_well(storage: Storage) -> None:
    """Who repeats a batch is stored event by event for a while, and then at once again."""
    batches = [[event(f"e{turn}-{n}", after(n)) for n in range(200)] for turn in range(20)]
    assert recorded(storage, *batches[0]).accepted == 200
    assert recorded(storage, *batches[0]).duplicates == 200
    assert [recorded(storage, *batch).accepted for batch in batches[1:]] == [200] * 19
    assert recorded(storage, *batches[19]).duplicates == 200
    assert (total(storage), count(storage)) == (4000, 4000)


def test_a_character_that_cannot_be_stored_is_refused_in_a_large_batch(
    storage_postgresql: Storage,
) -> None:
    bad = replace(event("e", after(0)), id="a\0b")
    with pytest.raises(InvalidInput, match="cannot be stored"):
        recorded(storage_postgresql, *[event(f"e{n}", after(n)) for n in range(300)], bad)
    assert count(storage_postgresql) == 0


def test_large_batches_are_told_apart_one_by_one(storage: Storage) -> None:
    """A batch in several parts, each with something old, new and contradictory in it."""
    first = [event(f"e{n:04d}", after(n), quantity=n) for n in range(0, 700, 2)]
    assert recorded(storage, *first).accepted == 350
    second = [event(f"e{n:04d}", after(n), quantity=n + (n % 100 == 0)) for n in range(700)]
    outcome = recorded(storage, *second)
    assert (outcome.accepted, outcome.duplicates, len(outcome.rejected)) == (350, 343, 7)
    assert [each.index for each in outcome.rejected] == list(range(0, 700, 100))
    assert total(storage) == sum(range(700))
    assert recorded(storage, *[event(f"n{n}", after(n)) for n in range(1000)]).accepted == 1000


# --- corrections ----------------------------------------------------------------------------------


def void(key: str, target: str, **named: object) -> UsageEvent:
    """Give an event that takes another back."""
    return event(
        key, after(0), kind="void", type="", target=("api", target), properties={}, **named
    )


def amend(key: str, target: str, quantity: int) -> UsageEvent:
    """Give an event that changes the quantity of another."""
    return event(
        key, after(0), kind="amend", type="", target=("api", target), timed=False, quantity=quantity
    )


def test_a_correction_counts_at_once_and_the_original_stays(storage: Storage) -> None:
    recorded(storage, event("a", after(0), quantity=3), event("b", after(0), quantity=10))
    assert recorded(storage, amend("fix", "a", 5)).accepted == 1
    assert total(storage) == 15
    assert recorded(storage, void("gone", "b")).accepted == 1
    assert total(storage) == 5
    assert count(storage) == 4
    with storage.look() as unit:
        assert events_at(unit, [("c", "api", "a")])["c", "api", "a"].properties["quantity"] == 3


def test_a_correction_sent_again_is_a_duplicate_though_its_target_is_gone(storage: Storage) -> None:
    recorded(storage, event("a", after(0)), amend("fix", "a", 5), void("gone", "a"))
    again = recorded(storage, void("gone", "a"), amend("fix", "a", 5))
    assert again.statuses == ("duplicate", "duplicate")
    (rejection,) = recorded(storage, amend("fix", "a", 6)).rejected
    assert rejection.code == "CONFLICT"
    assert "another body" in rejection.message


def test_what_was_voided_cannot_be_corrected(storage: Storage) -> None:
    recorded(storage, event("a", after(0)))
    outcome = recorded(storage, void("gone", "a"), amend("late", "a", 9), void("twice", "a"))
    assert outcome.statuses == ("accepted", "rejected", "rejected")
    assert {each.code for each in outcome.rejected} == {"CONFLICT"}
    assert total(storage) == 0


def test_a_correction_of_what_is_not_there_or_is_someone_elses_is_not_found(
    storage: Storage,
) -> None:
    recorded(storage, event("a", after(0), quantity=3))
    outcome = recorded(storage, void("x", "nothing"), void("y", "a", customer="d"))
    assert [each.code for each in outcome.rejected] == ["NOT_FOUND", "NOT_FOUND"]
    assert total(storage) == 3


def test_a_correction_of_a_correction_or_of_another_type_is_refused(storage: Storage) -> None:
    recorded(storage, event("a", after(0)), amend("fix", "a", 5))
    other = replace(amend("typed", "a", 7), type="other")
    outcome = recorded(storage, amend("again", "fix", 6), other)
    assert {each.code for each in outcome.rejected} == {"VALIDATION_ERROR"}
    assert total(storage) == 5


def test_an_event_and_its_correction_may_come_in_one_batch(storage: Storage) -> None:
    outcome = recorded(storage, void("gone", "b"), event("a", after(0)), event("b", after(0)))
    assert outcome.accepted == 3
    assert total(storage) == 1


# --- late -----------------------------------------------------------------------------------------


def test_a_late_event_is_stored_while_one_meter_takes_it(storage: Storage) -> None:
    late = event("a", after(0), received_at=after(86_400 * 3))
    outcome = recorded(storage, late)
    assert outcome.statuses == ("accepted",)
    assert outcome.late[0].index == 0
    assert set(outcome.late[0].meters) == {"strict", "strict_sum"}
    assert (total(storage), total(storage, METERS["strict_sum"])) == (1, 0)


def test_an_event_that_every_meter_refuses_is_not_stored_unless_it_was(storage: Storage) -> None:
    meters = {"strict_sum": METERS["strict_sum"]}
    at = after(86_400 * 3)
    sent = event("a", after(0), received_at=after(1))
    again = replace(sent, received_at=at)
    fresh = event("b", after(0), received_at=at)
    recorded(storage, sent)
    outcome = storage.attempt(lambda unit: record_many(unit, [again, fresh], meters, at))
    assert outcome.statuses == ("duplicate", "rejected")
    assert count(storage) == 1


# --- transactions ---------------------------------------------------------------------------------


def test_without_a_commit_nothing_is_left(storage: Storage) -> None:
    with storage.begin() as unit:
        assert record_many(unit, [event("a", after(0))], METERS, after(0)).accepted == 1
    assert tables_of(storage, "usage_events", "usage_days", "usage_values") == []


def test_in_a_hosts_transaction_nothing_is_committed(storage: Storage) -> None:
    with storage.engine.connect() as connection, connection.begin() as transaction:
        with storage.within(connection) as unit:
            record_many(unit, [event(f"e{n}", after(0)) for n in range(400)], METERS, after(0))
            assert quantity(unit, SUM, "c", ALL_TIME) == 400
        transaction.rollback()
    assert count(storage) == 0


def test_a_transaction_that_looks_back_is_refused(storage_postgresql: Storage) -> None:
    engine = storage_postgresql.engine
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        with (
            storage_postgresql.within(connection) as unit,
            pytest.raises(SetupError, match="REPEATABLE READ"),
        ):
            record_many(unit, [event("a", after(0))], METERS, after(0))
        connection.rollback()


def test_places_are_never_given_twice(storage: Storage) -> None:
    with storage.begin() as unit:
        first = list(next_orders(unit, 3))
        assert first == sorted(set(first))
    recorded(storage, event("a", after(0)))
    with storage.begin() as unit:
        with unit.savepoint():
            record_many(unit, [event("b", after(0)), event("c", after(0))], METERS, after(0))
        found = [each.order or 0 for each in export(unit)]
        assert found == sorted(set(found))
        assert min(next_orders(unit, 1)) > max(found)


@pytest.mark.parametrize("what", ["change", "change of nothing", "removal", "removal of all"])
def test_the_database_refuses_to_change_or_remove_an_event(storage: Storage, what: str) -> None:
    recorded(storage, event("a", after(0)))
    events = storage.tables.usage_events
    statement = {
        "change": update(events).values(properties="{}"),
        "change of nothing": update(events).values(id=events.c.id),
        "removal": delete(events).where(events.c.id == "a"),
        "removal of all": delete(events),
    }[what]
    before = tables_of(storage, "usage_events")
    with (
        pytest.raises(DBAPIError, match="a stored event is never changed or removed: correct it"),
        storage.begin() as unit,
    ):
        unit.connection.execute(statement)
    assert tables_of(storage, "usage_events") == before


def test_events_cannot_be_emptied_at_once(storage_postgresql: Storage) -> None:
    with (
        pytest.raises(DBAPIError, match="never changed or removed"),
        storage_postgresql.begin() as unit,
    ):
        unit.connection.execute(text("TRUNCATE tallystick_usage_events"))


def test_only_a_taken_key_is_passed_over_and_a_taken_place_is_an_error(storage: Storage) -> None:
    first = event("a", after(0))
    with storage.begin() as unit:
        (place,) = next_orders(unit, 1)
        assert insert_events(unit, [(place, first, "{}", digest(first))], 1) is None
        (later,) = next_orders(unit, 1)
        assert insert_events(unit, [(later, first, "{}", digest(first))], 1) == set()
        unit.commit()
    other = event("b", after(0))
    with pytest.raises(IntegrityError), storage.begin() as unit:
        insert_events(unit, [(place, other, "{}", digest(other))], 1)
    assert count(storage) == 1


def test_who_records_the_same_at_once_counts_once(storage: Storage) -> None:
    """Several writers with the same ids, in different orders, beside corrections of them."""
    if storage.engine.url.database is None:
        pytest.skip("in memory there is one connection")
    events = [event(f"e{n:03d}", after(n * 700), quantity=n) for n in range(300)]
    fixes = [amend(f"fix{n}", f"e{n:03d}", 1000) for n in range(0, 60, 20)]
    recorded(storage, *events[:60])
    outcomes: list[Recorded] = []
    problems: list[BaseException] = []
    start = threading.Barrier(4)

    def write(turn: int) -> None:
        mine = events[turn * 50 :] + events[: turn * 50]
        try:
            start.wait(timeout=30)
            for part in range(0, 300, 75):
                batch = [*mine[part : part + 75], *(fixes if part == 75 else [])]
                outcomes.append(recorded(storage, *(reversed(batch) if turn % 2 else batch)))
        except BaseException as problem:  # noqa: BLE001 - shown to the test
            problems.append(problem)

    writers = [threading.Thread(target=write, args=(turn,)) for turn in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=120)
    assert problems == []
    assert sum(outcome.accepted for outcome in outcomes) == 240 + 3
    assert sum(outcome.duplicates for outcome in outcomes) == 4 * 303 - 243
    assert count(storage) == 303
    assert total(storage) == sum(range(300)) - 60 + 3000
    before = rolled_up(storage)
    _rebuild(storage)
    assert rolled_up(storage) == before


def _rebuild(storage: Storage) -> None:
    from tallystick.app.meters import rebuild  # noqa: PLC0415 - used once

    with storage.begin() as unit:
        for meter in METERS.values():
            rebuild(unit, meter)
        unit.commit()


def test_digests_are_found_by_key(storage: Storage) -> None:
    events = [event(f"e{n}", after(n)) for n in range(600)]
    recorded(storage, *events)
    keys = [("c", "api", f"e{n}") for n in range(700)]
    with storage.look() as unit:
        found = digests_of(unit, keys)
    assert found == {("c", "api", each.id): digest(each) for each in events}
