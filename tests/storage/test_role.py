"""The least-privilege role, spoken to as that role on a real PostgreSQL: what it cannot do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from sqlalchemy import Column, Table, Text, create_engine, func, insert, select, text, update
from sqlalchemy import event as listening
from sqlalchemy.exc import ProgrammingError

from tallystick import Tallystick
from tallystick.app.customer import create_customer
from tallystick.app.meters import prepare, rebuild
from tallystick.app.usage import export, quantity, record_many
from tallystick.core.dialects import define_plans
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.errors import Conflict, InvalidInput, MigrationRefused, NotFound, SetupError
from tallystick.storage import migrate as migrating
from tallystick.storage.migrate import migrate
from tallystick.storage.owned import owners
from tallystick.storage.role import GRANTS, POLICIES, SEQUENCES
from tallystick.storage.scope import ALL, NOBODY, Scope, bound, one_customer
from tallystick.storage.tables import Tables
from tallystick.storage.unit import Storage
from tallystick.storage.usage import stored_events
from tests.storage.roles import (
    AT,
    OURS,
    Ledger,
    bare,
    counts,
    each,
    event,
    fill,
    filled,
    ledger,
    standing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from tallystick.storage.unit import Unit

__all__ = ["bare", "filled", "ledger", "standing"]

MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
CALLS = Meter(key="calls", group_by=("region",))
METERS = {"calls": CALLS}
NOT_ALLOWED = "may not do this, or not for this customer"


# --- by construction ------------------------------------------------------------------------------


def test_every_table_of_a_customer_is_found_also_one_that_is_new() -> None:
    tables = Tables()
    Table("tallystick_notes", tables.metadata, Column("customer_id", Text))
    usage = ("usage_events", "usage_days", "usage_values")
    billing = (
        *("subscriptions", "subscription_moves", "trials", "invoices", "invoice_lines"),
        *("invoice_items", "payments", "journal", "balances", "dunning", "outbox", "price_moves"),
        *("customer_coupon_slots", "redemptions", "invoice_discounts", "credit_grants"),
        *(
            "credit_moves",
            "customer_parents",
            "invoice_sections",
            "plan_grants",
            "top_up_rules",
            "top_ups",
        ),
        *("gates", "reservations", "leases", "entitlement_overrides", "intents", "meter_reports"),
        "provider_acts",
    )
    named = ("customers", *usage, *billing, "notes")
    assert owners(tables).keys() == {f"tallystick_{name}" for name in named}


def test_every_table_says_what_the_role_may_do_with_it() -> None:
    assert {OURS.prefix + name for name in GRANTS} == set(OURS.metadata.tables)
    assert set(SEQUENCES) <= set(GRANTS)


def test_no_table_is_given_more_than_rows_to_write() -> None:
    verbs = {grant.split(" ")[0] for grants in GRANTS.values() for grant in grants}
    assert verbs <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    added_to = {"SELECT", "INSERT"}
    for name in ("usage_events", "subscription_moves", "trials", "invoice_lines", "payments"):
        assert GRANTS[name] == added_to
    assert GRANTS["journal"] == GRANTS["outbox"] == added_to
    derived = {"usage_days", "usage_values"}
    assert {name for name, grants in GRANTS.items() if "DELETE" in grants} == derived


def test_the_catalog_of_the_database_shows_it(ledger: Ledger) -> None:
    """What has a customer_id, or is the customers, is forced; nothing lends another's rights."""
    with ledger.root.look() as unit:
        rows = unit.connection.execute(
            text(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
                " ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid)"
                " FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'f')"
                " AND c.relnamespace = 'public'::regnamespace AND (EXISTS (SELECT FROM"
                " pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'customer_id')"
                " OR c.relname LIKE '%customers')"
            )
        ).all()
        views = unit.connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'v'"
                " AND relnamespace = 'public'::regnamespace"
                " AND NOT coalesce(reloptions @> '{security_invoker=true}', false)"
            )
        )
        definers = unit.connection.execute(
            text(
                "SELECT proname FROM pg_proc"
                " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
            )
        )
        owns = unit.connection.execute(
            text(
                "SELECT relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
                " WHERE r.rolname = :role"
            ),
            {"role": ledger.role},
        )
        assert {row[0] for row in rows} == set(owners(OURS))
        assert all(forced and set(policies) == set(POLICIES) for _, forced, policies in rows)
        assert (views.all(), definers.all(), owns.all()) == ([], [], [])


# --- who sees what --------------------------------------------------------------------------------


def test_without_a_customer_there_are_no_rows(standing: Ledger) -> None:
    with standing.app.look() as unit:
        assert counts(unit) == each(0)
    with standing.app.begin() as unit:
        changed = unit.connection.execute(update(unit.tables.customers).values(name="x"))
        assert changed.rowcount == 0
    with pytest.raises(SetupError, match=NOT_ALLOWED), standing.app.begin() as unit:
        unit.connection.execute(insert(unit.tables.usage_events).values(event("a", "2")))


@pytest.mark.parametrize("nobody", ["", "c", "A", "a ", "%", "*", "on"])
def test_only_the_very_customer_is_the_customer(standing: Ledger, nobody: str) -> None:
    with standing.app.look() as unit:
        unit.as_customer(nobody)
        assert counts(unit) == each(0)


def test_a_customer_has_its_own_rows_and_all_have_all(standing: Ledger) -> None:
    with standing.app.look() as unit:
        for customer in ("a", "b"):
            unit.as_customer(customer)
            assert counts(unit) == each(1)
            found = unit.connection.execute(select(unit.tables.usage_events.c.customer_id))
            assert found.scalars().all() == [customer]
        unit.as_all()
        assert counts(unit) == each(2)
        unit.as_customer("a")
        assert counts(unit) == each(1)


def test_even_who_owns_the_tables_says_for_whom(standing: Ledger) -> None:
    with standing.owner.look() as unit:
        assert counts(unit) == each(0)
        unit.as_all()
        assert counts(unit) == each(2)


WRITES: list[Callable[[Tables], Any]] = [
    lambda t: update(t.customers).where(t.customers.c.id == "b").values(name="mine"),
    lambda t: update(t.usage_days).where(t.usage_days.c.customer_id == "b").values(n=9),
    lambda t: t.usage_values.delete().where(t.usage_values.c.customer_id == "b"),
]


@pytest.mark.parametrize("write", WRITES)
def test_one_customer_changes_nothing_of_another(
    standing: Ledger, write: Callable[[Tables], Any]
) -> None:
    with standing.app.begin(one_customer("a")) as unit:
        assert unit.connection.execute(write(unit.tables)).rowcount == 0
        unit.as_customer("b")
        assert unit.connection.execute(write(unit.tables)).rowcount == 1


REFUSED: list[Callable[[Tables], Any]] = [
    lambda t: insert(t.usage_events).values(event("b", "2")),
    lambda t: insert(t.customers).values(id="b", created_at=AT, updated_at=AT),
    lambda t: update(t.customers).values(id="b"),
    lambda t: update(t.usage_days).values(customer_id="c"),
]


@pytest.mark.parametrize("write", REFUSED)
def test_one_customer_writes_nothing_for_another(
    standing: Ledger, write: Callable[[Tables], Any]
) -> None:
    """The id that is taken is not told: what is refused is the row, before it meets a key."""
    with (
        pytest.raises(SetupError, match=NOT_ALLOWED),
        standing.app.begin(one_customer("a")) as unit,
    ):
        unit.connection.execute(write(unit.tables))


def test_the_same_ids_of_two_customers_never_meet(filled: Ledger) -> None:
    for customer in ("a", "b"):
        with filled.app.begin(one_customer(customer)) as unit:
            unit.connection.execute(insert(unit.tables.usage_events).values(event(customer, "2")))
            unit.commit()
    with filled.app.look(ALL) as unit:
        assert counts(unit)["tallystick_usage_events"] == 4


def test_a_search_by_customer_still_goes_by_its_index(standing: Ledger) -> None:
    with standing.app.look(one_customer("a")) as unit:
        unit.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = unit.connection.exec_driver_sql(
            "EXPLAIN SELECT * FROM tallystick_usage_events"
            " WHERE customer_id = 'a' AND type = 'calls' AND occurred_at >= '2026-11-01'"
        )
        lines = "\n".join(plan.scalars())
    assert re.search(r"Index Cond: .*customer_id = 'a'.*type = 'calls'.*occurred_at", lines)


# --- how long it is said --------------------------------------------------------------------------


@pytest.fixture
def narrow(filled: Ledger) -> Iterator[Storage]:
    """As the role, through a pool of one connection."""
    storage = Storage(create_engine(filled.app.engine.url, pool_size=1, max_overflow=0))
    yield storage
    storage.close()


def test_it_does_not_survive_on_a_pooled_connection(narrow: Storage) -> None:
    for scope in (ALL, one_customer("a")):
        with narrow.begin(scope) as unit:
            assert counts(unit) == each(len(scope.every) or 1)
            unit.commit()
        with narrow.engine.connect() as connection:
            assert bound(connection) == NOBODY
            customers = select(func.count()).select_from(OURS.customers)
            assert connection.execute(customers).scalar() == 0


@pytest.mark.parametrize("left", ["all_customers = 'on'", "customer = 'b'"])
def test_what_a_program_left_on_a_connection_counts_for_nothing(narrow: Storage, left: str) -> None:
    with narrow.engine.connect() as connection:
        connection.exec_driver_sql(f"SET tallystick.{left}")
        connection.commit()
        assert connection.execute(select(OURS.customers.c.id)).scalars().all() != []
    with narrow.look() as unit:
        assert counts(unit) == each(0)
    with narrow.look(one_customer("a")) as unit:
        assert counts(unit) == each(1)
        assert unit.connection.execute(select(OURS.customers.c.id)).scalar() == "a"


def test_a_savepoint_takes_back_what_was_said_in_it(standing: Ledger) -> None:
    with standing.app.begin(one_customer("a")) as unit:
        with pytest.raises(ZeroDivisionError), unit.savepoint():  # noqa: PT012 - two steps on purpose
            unit.as_all()
            assert counts(unit) == each(2)
            1 / 0  # noqa: B018 - any error
        assert counts(unit) == each(1)


def test_it_is_said_once_however_often_it_is_changed_beforehand(filled: Ledger) -> None:
    said: list[str] = []

    @listening.listens_for(filled.app.engine, "before_cursor_execute")
    def _hear(*heard: Any) -> None:
        said.append(heard[2])

    with filled.app.begin(ALL) as unit:
        unit.as_customer("a")
        assert unit.connection.execute(select(OURS.customers.c.id)).scalars().all() == ["a"]
        unit.commit()
    assert len(said) == 2


def test_in_a_hosts_transaction_it_ends_with_the_unit(standing: Ledger) -> None:
    with standing.app.engine.connect() as connection:
        for before in (NOBODY, one_customer("b"), ALL):
            _say(connection, before)
            with standing.app.within(connection, scope=one_customer("a")) as unit:
                assert counts(unit) == each(1)
                unit.as_all()
                assert counts(unit) == each(2)
            assert bound(connection) == before


def test_a_host_that_says_for_whom_is_believed(standing: Ledger) -> None:
    with standing.app.engine.connect() as connection:
        _say(connection, one_customer("b"))
        with standing.app.within(connection) as unit:
            found = unit.connection.execute(select(unit.tables.customers.c.id))
            assert found.scalars().all() == ["b"]


def test_an_error_in_a_hosts_transaction_is_told_as_it_is(standing: Ledger) -> None:
    with standing.app.engine.connect() as connection:
        _say(connection, one_customer("b"))
        with (
            pytest.raises(SetupError, match=NOT_ALLOWED),
            connection.begin_nested(),
            standing.app.within(connection, scope=one_customer("a")) as unit,
        ):
            unit.connection.execute(insert(unit.tables.usage_events).values(event("b", "2")))
        assert bound(connection) == one_customer("b")


def _say(connection: Connection, scope: Scope) -> None:
    for name, value in zip(("customer", "all_customers"), scope, strict=True):
        connection.execute(select(func.set_config(f"tallystick.{name}", value, True)))


@pytest.mark.parametrize("wrong", [None, 5, b"a", ["a"]])
def test_a_customer_that_is_no_text_is_refused(storage: Storage, wrong: Any) -> None:
    with storage.look() as unit, pytest.raises(InvalidInput, match="a text"):
        unit.as_customer(wrong)


@pytest.mark.parametrize("wrong", ["a\0b", "\ud800"])
def test_a_customer_that_cannot_be_sent_is_refused(standing: Ledger, wrong: str) -> None:
    with pytest.raises(InvalidInput), standing.app.look(one_customer(wrong)) as unit:
        counts(unit)


def test_on_sqlite_it_changes_nothing(storage_sqlite_file: Storage) -> None:
    with storage_sqlite_file.begin() as unit:
        unit.as_customer("a")
        meter = {"key": "calls", "digest": "d", "definition": {}, "state": "ready"}
        unit.connection.execute(insert(unit.tables.meters).values(meter))
        fill(unit, "b")
        assert bound(unit.connection) == NOBODY
        assert counts(unit) == each(1)


# --- what the role cannot do ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tallystick_usage_events",
        "UPDATE tallystick_usage_events SET type = 'x'",
        "UPDATE tallystick_usage_events SET customer_id = 'a'",
        "DELETE FROM tallystick_customers",
        "UPDATE tallystick_catalog_versions SET tree = ''",
        "UPDATE tallystick_plan_versions SET tree = ''",
        "UPDATE tallystick_meters SET definition = '{}'",
        "INSERT INTO tallystick_migration_log VALUES ('x', 'x', now())",
        *(f"TRUNCATE {name}" for name in OURS.metadata.tables),
        *(f"DROP TABLE {name}" for name in OURS.metadata.tables),
        *(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY" for name in owners(OURS)),
        *(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY" for name in owners(OURS)),
        *(f"DROP POLICY one_customer ON {name}" for name in owners(OURS)),
        *(f"CREATE POLICY mine ON {name} USING (true)" for name in owners(OURS)),
        "SELECT setval('tallystick_usage_events_seq_seq', 1)",
        "CREATE TABLE mine (id int)",
        "CREATE VIEW mine AS SELECT * FROM tallystick_customers",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER mine BEFORE INSERT ON tallystick_customers EXECUTE FUNCTION now()",
        "COPY tallystick_customers TO PROGRAM 'cat'",
        "SET ROLE :owner",
        "CREATE ROLE mine",
    ],
)
def test_the_role_may_not(standing: Ledger, statement: str) -> None:
    with pytest.raises(SetupError, match=NOT_ALLOWED), standing.app.begin(ALL) as unit:
        unit.connection.exec_driver_sql(statement.replace(":owner", standing.owners_name))


def test_row_security_cannot_be_switched_off(standing: Ledger) -> None:
    with standing.app.begin() as unit:
        unit.connection.exec_driver_sql("SET LOCAL row_security = off")
        with pytest.raises(ProgrammingError, match="row-level security"):
            counts(unit)


def test_a_plain_view_of_the_owner_is_empty_too(filled: Ledger) -> None:
    """A view runs with its owner's rights; as even the owner is held, it shows no more."""
    with filled.owner.begin() as unit:
        unit.connection.exec_driver_sql("CREATE VIEW leak AS SELECT * FROM tallystick_customers")
        unit.connection.exec_driver_sql(f'GRANT SELECT ON leak TO "{filled.role}"')
        unit.commit()
    rows = text("SELECT count(*) FROM leak")
    with filled.app.look() as unit:
        assert unit.connection.execute(rows).scalar() == 0
        unit.as_customer("a")
        assert unit.connection.execute(rows).scalar() == 1


# --- what it can do: the engine's own work --------------------------------------------------------


@pytest.fixture
def tally(ledger: Ledger) -> Iterator[Tallystick]:
    """The facade, connected as the role, which is checked."""
    with Tallystick(ledger.url(ledger.app), role_check=True) as opened:
        yield opened


def sent(customer: str, key: str, amount: int, **more: object) -> dict[str, object]:
    return {"id": key, "customer": customer, "type": "calls", "occurred_at": AT.isoformat()} | (
        {"properties": {"quantity": amount}} if amount else {} | more
    )


def test_the_facade_works_as_the_role(tally: Tallystick) -> None:
    tally.customers.create("a", name="Ada", email="same@example.org")
    tally.customers.create("b", name="Bob", email="same@example.org")
    with pytest.raises(Conflict):
        tally.customers.create("a")
    assert tally.customers.update("a", name="Ada L.").name == "Ada L."
    assert [each.id for each in tally.customers.list().items] == ["a", "b"]
    with pytest.raises(Conflict, match="several"):
        tally.customers.find(email="same@example.org")
    assert tally.customers.forget("b").name is None
    with pytest.raises(NotFound):
        tally.customers.get("c")
    plan = {"id": "pro", "name": "Pro", "price": 1, "currency": "USD", "interval": "month"}
    catalog = define_plans([{**plan, "features": []}])
    assert tally.publish(catalog, author="me").stored
    assert tally.publish(catalog, author="me").unchanged
    assert all(each.applied_at is not None for each in tally.migrations())


def test_usage_is_recorded_and_read_as_the_role(tally: Tallystick) -> None:
    """Batches of several customers, repeats, corrections: all of it, and each sees its own."""
    items = [sent(c, str(n), n) for n in range(1, 5) for c in ("a", "b")]
    void = {"id": "v", "customer": "a", "type": "calls", "void": {"source": "api", "id": "4"}}

    def act(unit: Unit, at: datetime) -> None:
        first = record_many(unit, items, METERS, at)
        assert first.accepted == 8, first.rejected
        assert record_many(unit, items, METERS, at).duplicates == 8
        assert record_many(unit, [void], METERS, at).accepted == 1

    tally.act(act, at=AT + timedelta(minutes=1))
    for customer, n in (("a", 6), ("b", 10), ("c", 0)):
        with tally.begin() as unit:
            unit.as_customer(customer)
            assert quantity(unit, CALLS, customer, MONTH) == Decimal(n)
            assert {e.customer for e in stored_events(unit)} <= {customer}
    assert len(list(tally.customers.export("a"))) == 5
    assert tally.verify().ok


def test_a_new_meter_is_computed_over_old_events_as_the_role(tally: Tallystick) -> None:
    """A meter made ready by someone who sees no events would be wrong, and nobody would know."""
    items = [sent(c, str(n), n) for n in range(1, 5) for c in ("a", "b")]
    tally.act(lambda unit, at: record_many(unit, items, METERS, at), at=AT)
    (kept,) = prepare(tally.storage, [CALLS])
    assert kept.state == "ready"
    days = select(func.sum(OURS.usage_days.c.total))
    with tally.begin() as unit:
        assert unit.connection.execute(days).scalar() == Decimal(20)
        rebuild(unit, CALLS)
        assert unit.connection.execute(days).scalar() == Decimal(20)
        unit.as_customer("a")
        assert unit.connection.execute(days).scalar() == Decimal(10)
        assert quantity(unit, CALLS, "a", MONTH) == Decimal(10)


@pytest.mark.parametrize("one", [NOBODY, one_customer("a"), one_customer("c")])
def test_one_customer_records_for_no_other(tally: Tallystick, one: Scope) -> None:
    items = [sent("a", "1", 1), sent("b", "1", 1)]
    with pytest.raises(SetupError, match=NOT_ALLOWED), tally.storage.begin(one) as unit:
        record_many(unit, items, METERS, AT)
    with tally.begin() as unit:
        assert list(export(unit)) == []


def test_a_customers_record_inside_a_hosts_transaction(tally: Tallystick) -> None:
    with tally.storage.engine.connect() as connection:
        tally.act(lambda u, at: create_customer(u, at, "a", {}), connection=connection)
        assert bound(connection) == NOBODY
        connection.commit()
    assert tally.customers.get("a").id == "a"


# --- the owner, under forced row security ---------------------------------------------------------


def test_tables_with_rows_are_not_dropped_because_their_owner_sees_none(filled: Ledger) -> None:
    with filled.owner.engine.connect() as connection:
        configuration = migrating._configuration(OURS, connection=connection)
        with pytest.raises(MigrationRefused, match="holds records"):
            command.downgrade(configuration, "base")
    with filled.app.look(ALL) as unit:
        assert counts(unit) == each(2)


def test_migrating_again_as_the_owner_is_no_matter(filled: Ledger) -> None:
    assert migrate(filled.owner.engine) == ()
    with Tallystick(filled.url(filled.owner)) as tally:
        assert tally.customers.get("a").id == "a"
