"""The four strategies on a real PostgreSQL, and the attacks on each."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tallystick.errors import SetupError, StorageUnavailable
from tallystick.storage.engine import open_engine
from tallystick.tenancy import Tenant, TenantMiddleware
from tallystick.tenancy.isolation import (
    DatabasePerTenant,
    Hybrid,
    SchemaPerTenant,
    SharedTables,
    check_app_role,
    row_security_sql,
)
from tests.databases import new_postgresql
from tests.storage.roles import _roles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A, B = Tenant("t-1", "acme"), Tenant("t-2", "umbra")
ALL = "SELECT name FROM notes ORDER BY name"


@dataclass
class Server:
    """A database with tables of a host: opened by a superuser, by their owner and by a program."""

    root: Engine
    owner: Engine
    app: Engine

    def run(self, *statements: str) -> None:
        with self.root.begin() as connection:
            for each in statements:
                named = each.replace(":app", str(self.app.url.username))
                connection.exec_driver_sql(named.replace(":owner", str(self.owner.url.username)))

    def pooled(self, size: int = 1) -> Engine:
        return create_engine(self.app.url, pool_size=size, max_overflow=0)


@pytest.fixture
def server() -> Iterator[Server]:
    with _roles("owner", "app") as (owner, app), new_postgresql() as url, ExitStack() as closing:
        root = open_engine(url)
        engines = [root, *(_as(root, each) for each in (owner, app))]
        for each in engines:
            closing.callback(each.dispose)
        yield Server(*engines)


def _as(root: Engine, name: str) -> Engine:
    return open_engine(root.url.set(username=name, password="secret"))


@pytest.fixture
def shared(server: Server) -> Server:
    """Two tenants with notes of the same ids, under row security."""
    server.run(
        "GRANT CREATE ON SCHEMA public TO :owner",
        "CREATE TABLE notes (tenant_id text, id int, name text, PRIMARY KEY (tenant_id, id))",
        "ALTER TABLE notes OWNER TO :owner",
        "INSERT INTO notes VALUES ('t-1', 1, 'a'), ('t-2', 1, 'b')",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO :app",
    )
    with server.owner.connect() as connection:
        connection.exec_driver_sql(row_security_sql("notes"))
        connection.exec_driver_sql(row_security_sql("notes"))  # and again
    return server


def names(connection: Any) -> list[str]:
    return [row[0] for row in connection.execute(text(ALL))]


# --- shared -------------------------------------------------------------------------------------


def test_each_tenant_sees_its_own_rows_and_none_without_a_tenant(shared: Server) -> None:
    strategy = SharedTables(shared.app, ["notes"])
    with strategy.connect(A) as connection:
        assert names(connection) == ["a"]
    with strategy.connect(B) as connection:
        assert names(connection) == ["b"]
    with shared.app.connect() as connection:
        assert names(connection) == []


def test_a_row_of_another_tenant_is_neither_written_nor_changed_nor_in_the_way(
    shared: Server,
) -> None:
    strategy = SharedTables(shared.app, ["notes"])
    with strategy.connect(A) as connection:
        assert (
            connection.execute(text("UPDATE notes SET name = 'x' WHERE name = 'b'")).rowcount == 0
        )
        assert connection.execute(text("DELETE FROM notes")).rowcount == 1
        connection.execute(text("INSERT INTO notes VALUES ('t-1', 1, 'again')"))
    for theft in (
        "INSERT INTO notes VALUES ('t-2', 2, 'planted')",
        "UPDATE notes SET tenant_id = 't-2'",
    ):
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            strategy.connect(A) as one,
        ):
            one.execute(text(theft))
    with strategy.connect(B) as connection:
        assert names(connection) == ["b"]


def test_what_is_left_on_a_pooled_connection_is_nobodys(shared: Server) -> None:
    engine = shared.pooled()
    strategy = SharedTables(engine, ["notes"])
    with engine.connect() as connection:
        connection.execute(text("SET tallystick.tenant = 't-2'"))
        connection.commit()
    with strategy.connect(A) as connection:
        assert names(connection) == ["a"]
    with engine.connect() as connection:  # the same one, after a transaction of ours
        assert names(connection) == []
    engine.dispose()


def test_a_block_that_fails_leaves_no_trace_and_no_tenant(shared: Server) -> None:
    engine = shared.pooled()
    strategy = SharedTables(engine, ["notes"])

    def fails() -> None:
        with strategy.connect(A) as connection:
            connection.execute(text("DELETE FROM notes"))
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        fails()
    with engine.connect() as connection:
        assert names(connection) == []
    with strategy.connect(A) as connection:
        assert names(connection) == ["a"]
    engine.dispose()


def test_whom_row_security_does_not_hold_is_refused_at_the_start(shared: Server) -> None:
    SharedTables(shared.app, ["notes"])
    for engine, told in ((shared.root, "is a superuser"), (shared.owner, "owns notes")):
        with pytest.raises(SetupError, match=told):
            SharedTables(engine, ["notes"])
    shared.run("ALTER ROLE :app BYPASSRLS")
    with pytest.raises(SetupError, match="BYPASSRLS"):
        SharedTables(shared.app, ["notes"])
    shared.run("ALTER ROLE :app NOBYPASSRLS", "GRANT :owner TO :app")
    with pytest.raises(SetupError, match="owns notes"):
        SharedTables(shared.app, ["notes"])


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", "row security is not forced on notes"),
        ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "row security is not forced on notes"),
        ("DROP POLICY one_tenant ON notes", "lacks the policy one_tenant"),
        ("CREATE POLICY open ON notes USING (true)", "another policy .open. opens notes"),
        ("GRANT TRUNCATE ON notes TO :app", "may truncate notes"),
        ("CREATE VIEW all_notes AS SELECT * FROM notes", "view all_notes over notes"),
        ("DROP TABLE notes", "there is no table 'notes'"),
    ],
)
def test_a_table_that_is_not_guarded_is_refused(shared: Server, statement: str, told: str) -> None:
    shared.run(statement)
    with pytest.raises(SetupError, match=told):
        check_app_role(shared.app, ["notes"])


def test_a_view_that_asks_as_the_caller_shows_one_tenant(shared: Server) -> None:
    shared.run(
        "CREATE VIEW mine WITH (security_invoker = true) AS SELECT * FROM notes",
        "GRANT SELECT ON mine TO :app",
    )
    with SharedTables(shared.app, ["notes"]).connect(A) as connection:
        assert connection.execute(text("SELECT name FROM mine")).scalars().all() == ["a"]


@pytest.mark.parametrize("kind", ["uuid", "bigint"])
def test_a_tenant_may_be_a_uuid_or_a_number(server: Server, kind: str) -> None:
    one, two = {
        "uuid": (
            "6f1f7d4e-0000-4000-8000-000000000001",
            "6f1f7d4e-0000-4000-8000-000000000002",
        ),
        "bigint": ("1", "2"),
    }[kind]
    server.run(
        f"CREATE TABLE notes (org {kind}, name text)",
        f"INSERT INTO notes VALUES ('{one}', 'a'), ('{two}', 'b')",  # noqa: S608 - ids of ours
        "GRANT SELECT ON notes TO :app",
        row_security_sql("notes", column="org", column_type=kind)
        .removeprefix("BEGIN;")
        .removesuffix("COMMIT;\n"),
    )
    with SharedTables(server.app, ["notes"]).connect(Tenant(two)) as connection:
        assert names(connection) == ["b"]
    with server.app.connect() as connection:
        assert names(connection) == []


def test_names_in_the_sql_are_quoted_and_bad_ones_refused() -> None:
    written = row_security_sql('a"; DROP TABLE x; --')
    assert '"public"."a""; DROP TABLE x; --"' in written
    with pytest.raises(SetupError):
        row_security_sql()
    with pytest.raises(SetupError):
        row_security_sql("notes", column_type="text) OR true --")


# --- schema -------------------------------------------------------------------------------------


@pytest.fixture
def schemas(server: Server) -> Server:
    for tenant, name in ((A, "a"), (B, "b")):
        schema = f'"tenant_{tenant.id}"'
        server.run(
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.notes (id int PRIMARY KEY, name text)",
            f"INSERT INTO {schema}.notes VALUES (1, '{name}')",  # noqa: S608 - a name of ours
            f"GRANT USAGE ON SCHEMA {schema} TO :app",
            f"GRANT SELECT, INSERT ON {schema}.notes TO :app",
        )
    server.run("CREATE TABLE public.notes (name text)", "INSERT INTO public.notes VALUES ('p')")
    server.run("GRANT SELECT ON public.notes TO :app", "CREATE TABLE public.rates (name text)")
    return server


def test_each_tenant_has_its_schema_for_one_transaction(schemas: Server) -> None:
    engine = schemas.pooled()
    strategy = SchemaPerTenant(engine)
    with strategy.connect(A) as connection:
        assert names(connection) == ["a"]
    with strategy.connect(B) as connection:
        assert names(connection) == ["b"]
        with pytest.raises(ProgrammingError, match="rates"):
            connection.execute(text("SELECT * FROM rates"))  # public is not looked in
    with engine.connect() as connection:
        assert names(connection) == ["p"]
    engine.dispose()


def test_what_someone_left_on_a_pooled_connection_does_not_come_first(schemas: Server) -> None:
    schemas.run(f'GRANT TEMPORARY ON DATABASE "{schemas.root.url.database}" TO :app')
    engine = schemas.pooled()
    with engine.connect() as connection:
        connection.execute(text("""SET search_path = "tenant_t-2" """))
        connection.execute(text("CREATE TEMPORARY TABLE notes AS SELECT 'stolen' AS name"))
        connection.commit()
    with SchemaPerTenant(engine).connect(A) as connection:
        assert names(connection) == ["a"]
    engine.dispose()


@pytest.mark.parametrize(
    "schema",
    ["tenant_none", "x" * 64, "ä" * 32, "", "pg_catalog", "information_schema", "a\nb", 5],
)
def test_a_schema_that_is_not_there_or_cannot_be_is_refused(schemas: Server, schema: Any) -> None:
    strategy = SchemaPerTenant(schemas.app, lambda _tenant: schema)
    with pytest.raises(SetupError, match="schema"), strategy.connect(A):
        pass


def test_a_name_cannot_break_out_of_its_quotes(schemas: Server) -> None:
    evil = Tenant('x", "tenant_t-2')
    with (
        pytest.raises(SetupError, match="there is no schema"),
        SchemaPerTenant(schemas.app).connect(evil),
    ):
        pass


# --- database -----------------------------------------------------------------------------------


@contextmanager
def files(folder: Path) -> Iterator[dict[str, str]]:
    addresses = {each.id: f"sqlite:///{folder / each.id}.db" for each in (A, B)}
    for tenant, name in ((A, "a"), (B, "b")):
        engine = open_engine(addresses[tenant.id])
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (name text)"))
            connection.execute(text("INSERT INTO notes VALUES (:name)"), {"name": name})
        engine.dispose()
    yield addresses


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    with new_postgresql() as one, new_postgresql() as two:
        for url, name in ((one, "a"), (two, "b")):
            engine = open_engine(url)
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE notes (name text)"))
                connection.execute(text("INSERT INTO notes VALUES (:name)"), {"name": name})
            engine.dispose()
        yield {A.id: one, B.id: two}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_tenant_has_its_database(kind: str, tmp_path: Path) -> None:
    with files(tmp_path) if kind == "sqlite" else databases() as addresses:
        strategy = DatabasePerTenant(lambda tenant: addresses[tenant.id], most_databases=1)
        for tenant, name in ((A, "a"), (B, "b"), (A, "a")):
            with strategy.connect(tenant) as connection:
                assert names(connection) == [name]
        assert list(strategy._engines) == [A.id]
        strategy.close()


def test_two_tenants_cannot_have_one_database(tmp_path: Path) -> None:
    strategy = DatabasePerTenant(lambda _tenant: f"sqlite:///{tmp_path}/one.db")
    with strategy.connect(A), pytest.raises(SetupError, match="have one database"):  # noqa: SIM117 - the second is the point
        with strategy.connect(B):
            pass
    strategy.close()


def test_a_database_that_moves_is_followed(tmp_path: Path) -> None:
    with files(tmp_path) as addresses:
        strategy = DatabasePerTenant(lambda tenant: addresses[tenant.id])
        with strategy.connect(A) as connection:
            assert names(connection) == ["a"]
        addresses[A.id] = addresses[B.id]
        with strategy.connect(A) as connection:
            assert names(connection) == ["b"]
        strategy.close()


def test_connections_are_bounded_over_all_tenants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.tenancy.isolation.database._WAIT", 0)
    with files(tmp_path) as addresses:
        strategy = DatabasePerTenant(lambda tenant: addresses[tenant.id], most_connections=1)
        with (
            strategy.connect(A),
            pytest.raises(StorageUnavailable, match="too many"),
            strategy.connect(B),
        ):
            pass
        refused: list[bool] = []

        def ask() -> None:
            with strategy.connect(B) as connection:
                refused.append(names(connection) != ["b"])

        other = threading.Thread(target=ask)
        other.start()
        other.join()
        assert refused == [False]
        strategy.close()


def test_a_database_that_is_away_is_said_without_its_password() -> None:
    address = "postgresql://me:s3cret@127.0.0.1:1/none"
    strategy = DatabasePerTenant(lambda _tenant: address)
    with pytest.raises(StorageUnavailable) as refused, strategy.connect(A):
        pass
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "settings", [{"most_databases": 0}, {"most_connections": 0}, {"most_connections": 1.5}]
)
def test_bounds_are_whole_numbers(settings: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        DatabasePerTenant(str, **settings)


# --- hybrid, and SQLite -------------------------------------------------------------------------


def test_a_hybrid_takes_each_tenant_where_it_is_kept(schemas: Server, tmp_path: Path) -> None:
    with files(tmp_path) as addresses:
        strategy = Hybrid(
            {
                "schema": SchemaPerTenant(schemas.app),
                "own": DatabasePerTenant(lambda tenant: addresses[tenant.id]),
            }
        )
        kept = {each: Tenant("t-1", metadata={"isolation": each}) for each in ("schema", "own")}
        with strategy.connect(kept["schema"]) as connection:
            assert connection.dialect.name == "postgresql"
            assert names(connection) == ["a"]
        with strategy.connect(kept["own"]) as connection:
            assert connection.dialect.name == "sqlite"
            assert names(connection) == ["a"]
        for lost in (A, Tenant("t-9", metadata={"isolation": "elsewhere"})):
            with pytest.raises(SetupError, match="is kept by"):
                strategy.connect(lost)
    with pytest.raises(SetupError):
        Hybrid({})


def test_sqlite_has_neither_row_security_nor_schemas() -> None:
    engine = open_engine("sqlite://")
    with pytest.raises(SetupError, match="needs PostgreSQL, not sqlite"):
        SharedTables(engine, ["notes"])
    with pytest.raises(SetupError, match="needs PostgreSQL, not sqlite"):
        SchemaPerTenant(engine)
    engine.dispose()


def test_a_request_gets_the_connection_of_its_tenant(schemas: Server) -> None:
    def read(request: Any) -> JSONResponse:
        with request.state.tenancy.connect() as connection:
            return JSONResponse(names(connection))

    found = {"acme": A, "umbra": B}
    app = TenantMiddleware(
        Starlette(routes=[Route("/notes", read)]),
        config={"strategy": "schema", "resolution": "header"},
        lookup_tenant=found.get,
        isolation=SchemaPerTenant(schemas.app),
    )
    asked = TestClient(app)
    said = {name: asked.get("/notes", headers={"X-Tenant-ID": name}).json() for name in found}
    assert said == {"acme": ["a"], "umbra": ["b"]}
    with pytest.raises(SetupError, match=r"the strategy is 'shared', but isolation= is for"):
        TenantMiddleware(
            app,
            config={"strategy": "shared", "resolution": "header"},
            lookup_tenant=found.get,
            isolation=SchemaPerTenant(schemas.app),
        )
