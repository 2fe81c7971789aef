"""Which roles are refused, by what is wrong with them, and what granting does."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from sqlalchemy import event as listening
from sqlalchemy import insert

from tallystick import Tallystick
from tallystick.errors import SetupError
from tallystick.storage.migrate import migrate
from tallystick.storage.role import check_role, grant_role, role_sql
from tallystick.storage.scope import one_customer
from tallystick.storage.tables import Tables
from tallystick.storage.unit import Storage
from tests.storage.roles import Ledger, bare, counts, event, ledger

__all__ = ["bare", "ledger"]


# --- who is refused -------------------------------------------------------------------------------


def test_the_role_as_it_is_granted_is_taken(ledger: Ledger) -> None:
    check_role(ledger.app)
    check_role(ledger.owner, ledger.role)


def test_a_superuser_is_refused_at_the_start(ledger: Ledger) -> None:
    with pytest.raises(SetupError, match=r"it is a superuser.*CREATE ROLE app.*tallystick role"):
        Tallystick(ledger.url(ledger.root), role_check=True)
    Tallystick(ledger.url(ledger.root)).close()


def test_the_owner_is_refused_at_the_start(ledger: Ledger) -> None:
    with pytest.raises(SetupError, match=r"owns tallystick_catalog_versions.*tallystick role app"):
        Tallystick(ledger.url(ledger.owner), role_check=True)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("ALTER ROLE :role BYPASSRLS", "it is one with BYPASSRLS"),
        ("ALTER ROLE :role SUPERUSER", "it is a superuser"),
        ("ALTER ROLE :role CREATEROLE", "it is one with CREATEROLE"),
        ("ALTER ROLE :role REPLICATION", "it is one with REPLICATION"),
        ("GRANT :owner TO :role", "it owns tallystick_"),
        ("GRANT pg_read_server_files TO :role", "can become 'pg_read_server_files', which is"),
        ("ALTER TABLE tallystick_meters OWNER TO :role", "it owns tallystick_meters"),
        ("ALTER SCHEMA public OWNER TO :role", "it owns the schema 'public'"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "it may create in the schema 'public'"),
        ("REVOKE USAGE ON SCHEMA public FROM :role, PUBLIC", "may not use the schema|not in this"),
        ("GRANT DELETE ON tallystick_usage_events TO :role", "it may DELETE on tallystick_usage"),
        ("GRANT UPDATE (type) ON tallystick_usage_events TO PUBLIC", r"it may UPDATE \(type\) on"),
        ("GRANT TRUNCATE ON tallystick_customers TO PUBLIC", "it may TRUNCATE on"),
        (
            "GRANT UPDATE ON SEQUENCE tallystick_usage_events_seq_seq TO :role",
            "it may UPDATE of the sequence of seq",
        ),
        (
            "REVOKE USAGE ON SEQUENCE tallystick_usage_events_seq_seq FROM :role",
            "it may not USAGE of the sequence of seq",
        ),
        ("REVOKE INSERT ON tallystick_customers FROM :role", "it may not INSERT on"),
        ("REVOKE UPDATE (sold_at) ON tallystick_plan_versions FROM :role", r"may not UPDATE \(so"),
        ("ALTER TABLE tallystick_customers DISABLE ROW LEVEL SECURITY", "row security is not"),
        ("ALTER TABLE tallystick_customers NO FORCE ROW LEVEL SECURITY", "row security is not"),
        ("CREATE POLICY mine ON tallystick_customers USING (true)", r"another policy \(mine\)"),
        ("DROP POLICY one_customer ON tallystick_usage_days", "usage_days lacks a policy"),
        ("ALTER ROLE :role SET tallystick.all_customers = 'on'", "all_customers is set for it"),
        ("DROP TABLE tallystick_usage_values", "the table tallystick_usage_values is missing"),
    ],
)
def test_whatever_lets_the_role_do_more_or_less_is_refused(
    ledger: Ledger, statement: str, sentence: str
) -> None:
    ledger.run(statement)
    with pytest.raises(SetupError, match=sentence):
        check_role(ledger.app)
    with pytest.raises(SetupError, match=sentence):
        Tallystick(ledger.url(ledger.app), role_check=True)


def test_a_policy_that_only_hides_more_is_no_harm(ledger: Ledger) -> None:
    ledger.run("CREATE POLICY less ON tallystick_customers AS RESTRICTIVE USING (id <> 'x')")
    check_role(ledger.app)


def test_who_became_the_role_is_still_who_connected(ledger: Ledger) -> None:
    """A superuser who said SET ROLE can take it back."""

    @listening.listens_for(ledger.root.engine, "connect")
    def _become(connection: Any, _record: object) -> None:
        connection.execute(f'SET ROLE "{ledger.role}"')
        connection.commit()

    ledger.root.engine.dispose()
    with pytest.raises(SetupError, match="it is a superuser"):
        check_role(ledger.root)
    ledger.root.engine.dispose()
    listening.remove(ledger.root.engine, "connect", _become)


def test_sqlite_has_no_roles(storage_sqlite_file: Storage) -> None:
    for ask in (check_role, lambda storage: grant_role(storage, "app")):
        with pytest.raises(SetupError, match="SQLite has no roles"):
            ask(storage_sqlite_file)
    with pytest.raises(SetupError, match="SQLite has no roles"):
        Tallystick("sqlite://", role_check=True)


# --- granting -------------------------------------------------------------------------------------


def test_granting_twice_is_granting_once(ledger: Ledger) -> None:
    ledger.run("GRANT DELETE ON tallystick_usage_events TO :role")
    grant_role(ledger.owner, ledger.role)
    check_role(ledger.app)


def test_two_who_grant_at_once_do_not_meet(bare: Ledger) -> None:
    errors: list[BaseException] = []

    def grant() -> None:
        try:
            grant_role(bare.owner, bare.role)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=grant) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    check_role(bare.app)


def test_the_sql_by_hand_does_the_same(bare: Ledger) -> None:
    with psycopg.connect(bare.url(bare.owner), autocommit=True) as connection:
        connection.execute(role_sql(bare.role))
    check_role(bare.app)


def test_in_a_schema_and_under_another_prefix(bare: Ledger) -> None:
    tables = Tables("my_", "billing")
    bare.run("CREATE SCHEMA billing AUTHORIZATION :owner")
    migrate(bare.owner.engine, tables)
    owner, app = Storage(bare.owner.engine, tables), Storage(bare.app.engine, tables)
    with pytest.raises(SetupError, match="has not exactly what"):
        check_role(app)
    grant_role(owner, bare.role)
    check_role(app)
    with app.begin(one_customer("a")) as unit:
        unit.connection.execute(insert(tables.usage_events).values(event("a")))
        assert counts(unit)["my_usage_events"] == 1
    with pytest.raises(SetupError, match="has not exactly what"):
        check_role(bare.app)  # the other tables are none of this


def test_a_role_with_a_strange_name(bare: Ledger) -> None:
    name = 'a "b" %s; DROP'
    bare.run(f"""CREATE ROLE {'"' + name.replace('"', '""') + '"'}""".replace("%", "%%"))
    try:
        grant_role(bare.owner, name)
        check_role(bare.owner, name)
    finally:
        with bare.root.engine.connect() as connection:
            quoted = name.replace('"', '""').replace("%", "%%")
            connection.exec_driver_sql(f'DROP OWNED BY "{quoted}"')
            connection.exec_driver_sql(f'DROP ROLE "{quoted}"')
            connection.commit()


@pytest.mark.parametrize("name", ["", "public", "none", "a\nb", "a\0b", "x" * 64, "ü" * 32])
def test_a_name_that_no_role_has_is_refused(bare: Ledger, name: str) -> None:
    with pytest.raises(SetupError, match="no role can be called"):
        role_sql(name)
    with pytest.raises(SetupError, match="no role can be called"):
        grant_role(bare.owner, name)
    with pytest.raises(SetupError, match="no role can be called"):
        check_role(bare.owner, name)


def test_granting_refuses_and_changes_nothing(bare: Ledger) -> None:
    with pytest.raises(SetupError, match="there is no role 'nobody': CREATE ROLE nobody"):
        grant_role(bare.owner, "nobody")
    with pytest.raises(SetupError, match="owns tallystick_"):
        grant_role(bare.owner, bare.owners_name)
    with pytest.raises(SetupError, match="may not do this"):
        grant_role(bare.app, bare.role)
    bare.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
    with pytest.raises(SetupError, match="REVOKE CREATE ON SCHEMA"):
        grant_role(bare.owner, bare.role)
    with bare.root.look() as unit:
        secured = "SELECT count(*) FROM pg_class WHERE relrowsecurity"
        assert unit.connection.exec_driver_sql(secured).scalar() == 0


def test_granting_comes_after_migrating(bare: Ledger) -> None:
    other = Storage(bare.owner.engine, Tables("other_"))
    for act in (check_role, grant_role):
        with pytest.raises(SetupError, match="run `tallystick migrate`"):
            act(other, bare.role)
