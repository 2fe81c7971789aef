"""Migrations: once, all or nothing, unchanged, the same tables on both, in a host's Alembic too."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, insert, inspect, select, text

import tallystick
from tallystick.errors import MigrationRefused, SetupError, StorageUnavailable
from tallystick.storage import migrate as migrate_module
from tallystick.storage.engine import open_engine
from tallystick.storage.host import leave_out
from tallystick.storage.migrate import (
    get_billing_migrations_dir,
    migrate,
    migration_sql,
    migrations,
)
from tallystick.storage.payments import Payment, add_payment
from tallystick.storage.tables import Tables
from tallystick.storage.unit import Storage
from tests.facade.billing import START, catalog
from tests.proof.settings import times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.databases import Database


ROOT = Path(__file__).resolve().parents[2]
FIRST = "tallystick_0001"
BILLING = "tallystick_0002"
TAXES = "tallystick_0003"
COUPONS = "tallystick_0004"
CREDITS = "tallystick_0005"
DUNNING = "tallystick_0006"
MOVES = "tallystick_0007"
RULES = "tallystick_0008"
PARENTS = "tallystick_0009"
LIMITS = "tallystick_0012"
LEASES = "tallystick_0014"
INTENTS = "tallystick_0015"
CHECKOUTS = "tallystick_0016"
BILLERS = "tallystick_0017"
COLLECTING = "tallystick_0018"
ACTS = "tallystick_0019"
INBOX = "tallystick_0020"
MONEY_BACK = "tallystick_0024"
EVERY = [FIRST, BILLING, TAXES, COUPONS, CREDITS, DUNNING, MOVES, RULES, PARENTS, LIMITS, LEASES]
EVERY += [INTENTS, CHECKOUTS, BILLERS, COLLECTING, ACTS, INBOX, MONEY_BACK]
# An applied migration is never edited: a released one never changes here either.
FROZEN = {
    FIRST: "e31b3608bd8fdcd8b13d2f56eda2060febf19868966db678465396417f2f8aec",
    BILLING: "89ad41241e32f2ef45c68287429b912a726d2aabc84cd032f78a9f93cacf1994",
    TAXES: "ac95ddee31d910bd93e141b4fdffd03508186ba83ab5221fba9904a4ad369b66",
    COUPONS: "ac9c522d78131dad34b102e0a8eb27cb10ce057fe69ea9d1fc011849ca1bfb25",
    CREDITS: "874f55c3bc3045e37421e1036eb05b998b1b38fd239d4b8f397ae69fb398e7d3",
    DUNNING: "fe52619ab67ded7a836ef4deb532c99b16b98140187bc4b31bfecbbb989041cb",
    MOVES: "ce18b27f8c4ac4bceb77670c88acd9369a89c20ec1b3a9b8217120b19d990df7",
    RULES: "f41d3e6f79e9a21881776d8734b81c693810005df4834a521e48ac7c762c0a67",
    PARENTS: "4bee1276ac402508620473f53f0cf56945f7df70c4b5674f647f9b13e8b4dcb4",
    LIMITS: "5fbb3d6244470506a221de4697f4b6513ad6776afe85be2b54cb4f6f22da5db8",
    LEASES: "232666c52a80113c20af6d87cd78150f7803a53af75fa0fbb4f85e89f44b82c9",
    INTENTS: "cda6cfd87f46ee47ba99bd961c9df52f72485e4ed2404b816bf126498a8d93d6",
    CHECKOUTS: "5c78726880d072c22f498ed224638c156d2364ac5e3d6df2ec6d8e41cde7f54f",
    COLLECTING: "e57f7c08cfabcd93336099fde9e915c1edb9db2fc59d8537f741b51dee14fd65",
    INBOX: "991a6f7438deee36d37b20e74860c121b5985a5c584d86df41fa9e2ae027c598",
    MONEY_BACK: "b143701fdd2f4658bda2621f6e411bdbaf5488505cf7cf9742576cb69489c0ba",
    BILLERS: "9e169b0078973937702b70a6cfb2d3582bf3d82269e03752511567c5da23b8f0",
    ACTS: "9b628e26545c9e58962cc2067e7916f81e31ed34a4ccb83a0dc4d5763be888db",
}


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """An empty database, opened."""
    opened = open_engine(database.url)
    yield opened
    opened.dispose()


def log(engine: Engine, tables: Tables | None = None) -> list[str]:
    with engine.connect() as connection:
        applied = connection.execute(select((tables or Tables()).migration_log.c.revision))
        return sorted(applied.scalars())


def differences(engine: Engine, tables: Tables) -> list[Any]:
    """Compare the database with the metadata as Alembic does."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": tables.version_table,
                "version_table_schema": tables.schema,
                "include_schemas": tables.schema is not None,
                "compare_server_default": engine.dialect.name == "postgresql",
                "include_name": lambda name, kind, _: kind != "table" or name in tables.names,
            },
        )
        return list(compare_metadata(context, tables.metadata))


# --- once ---------------------------------------------------------------------------------------


def test_migrating_twice_is_migrating_once(engine: Engine) -> None:
    before = migrations(engine)
    assert [each.revision for each in before] == EVERY
    assert [each.applied_at for each in before] == [None] * len(EVERY)
    assert [each.revision for each in migrate(engine)] == EVERY
    assert migrate(engine) == ()
    for after in migrations(engine):
        assert after.applied_at is not None
        assert after.applied_at.tzinfo is not None
    assert log(engine) == EVERY


def test_asking_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    migrations(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    away = open_engine(f"sqlite:///{tmp_path / 'not-there.db'}")
    assert [each.applied_at for each in migrations(away)] == [None] * len(EVERY)
    assert not (tmp_path / "not-there.db").exists()


def test_the_tables_are_those_of_the_metadata(engine: Engine) -> None:
    migrate(engine)
    assert differences(engine, Tables()) == []
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == Tables().names


def test_a_difference_would_be_seen(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE tallystick_meters ADD COLUMN extra TEXT"))
        connection.execute(text("DROP INDEX ix_tallystick_customers_email"))
    assert len(differences(engine, Tables())) == 2


def test_checks_and_keys_are_those_of_the_metadata_too(engine: Engine) -> None:
    """Alembic does not compare checks: the names and the rules behind them are compared here."""
    migrate(engine)
    made = Tables("made_")
    with engine.begin() as connection:
        made.metadata.create_all(connection)
    look = inspect(engine)
    for table in Tables().metadata.sorted_tables:
        other = table.name.replace("tallystick_", "made_")
        assert facts(look, table.name, "tallystick_") == facts(look, other, "made_")


def index_facts(index: Any) -> Any:
    """Show an index with its condition as text."""
    options = {name: str(each) for name, each in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def facts(look: Any, table: str, prefix: str) -> list[str]:
    found = [
        look.get_columns(table),
        look.get_pk_constraint(table),
        sorted(look.get_check_constraints(table), key=lambda each: each["name"]),
        sorted(look.get_foreign_keys(table), key=lambda each: each["name"]),
        sorted(look.get_unique_constraints(table), key=lambda each: each["name"]),
        sorted(map(index_facts, look.get_indexes(table)), key=lambda each: each["name"]),
    ]
    said = [repr(each).replace(prefix, "").replace("\\n", " ") for each in found]
    return [" ".join(each.split()).replace("( ", "(").replace(" )", ")") for each in said]


def test_prefix_and_schema_are_ones_own(database: Database) -> None:
    engine = open_engine(database.url)
    chosen = Tables("ledger_", "billing" if database.postgresql else None)
    migrate(engine)
    migrate(engine, chosen)
    assert differences(engine, chosen) == []
    assert log(engine, chosen) == EVERY
    look = inspect(engine)
    assert set(look.get_table_names(schema=chosen.schema)) >= chosen.names
    assert migrate(engine, chosen) == ()
    engine.dispose()


# --- many at once -------------------------------------------------------------------------------


def start(url: str, barrier: Any, answers: Any) -> None:
    engine = open_engine(url)
    barrier.wait(60)
    try:
        answers.put([each.revision for each in migrate(engine)])
    except BaseException as error:
        answers.put(repr(error))
        raise


@pytest.mark.parametrize("kind", ["storage_sqlite_file", "storage_postgresql"])
def test_eight_processes_that_start_at_once_migrate_once(
    kind: str, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(kind).engine
    url = engine.url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        for table in reversed(Tables().metadata.sorted_tables):
            connection.execute(text(f"DROP TABLE {table.name}"))
        connection.execute(text(f"DROP TABLE {Tables().version_table}"))
    engine.dispose()
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(8), context.Queue()
    processes = [context.Process(target=start, args=(url, barrier, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(found) == [[]] * 7 + [EVERY]
    assert log(engine) == EVERY
    assert differences(engine, Tables()) == []


# --- a crash at every statement -----------------------------------------------------------------


def die_at(url: str, boundary: int, *, after: bool) -> bool:
    """Migrate in a process that dies at a statement; tell whether it lived to the end."""
    child = os.fork()
    if child == 0:
        reached = iter(range(10_000))

        def perhaps(*_: object) -> None:
            if next(reached) == boundary:
                os._exit(137)

        engine = open_engine(url)
        event.listen(engine, f"{'after' if after else 'before'}_cursor_execute", perhaps)
        event.listen(engine, "commit", perhaps)
        try:
            migrate(engine)
        except BaseException:  # noqa: BLE001 - a forked process must not go on with the tests
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 137}
    return status == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["sqlite-file", "postgresql"])
def test_a_crash_while_migrating_leaves_nothing_and_can_be_repeated(
    kind: str, after: bool, tmp_path: Path
) -> None:
    from tests.databases import new_postgresql  # noqa: PLC0415 - starts a server only where needed

    boundary, finished = 0, False
    while not finished:  # all in one transaction: of the later statements some will do
        if kind == "postgresql":
            with new_postgresql() as url:
                finished = crash_and_recover(url, boundary, after=after)
        else:
            finished = crash_and_recover(
                f"sqlite:///{tmp_path / f'{boundary}.db'}", boundary, after=after
            )
        boundary += 1 if boundary < times(6, 20) else times(19, 5)
    assert boundary > 60  # the statements of a migration, and its commit, were all reached


def crash_and_recover(url: str, boundary: int, *, after: bool) -> bool:
    finished = die_at(url, boundary, after=after)
    engine = open_engine(url)
    if not finished:
        assert inspect(engine).get_table_names() == []
        assert len(migrate(engine)) == len(EVERY)
    assert log(engine) == EVERY
    assert differences(engine, Tables()) == []
    engine.dispose()
    return finished


# --- changed, unknown, somebody else's ----------------------------------------------------------


def test_a_changed_migration_is_refused_by_its_hash(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(Tables().migration_log.update().values(sha256="0" * 64))
    for call in (migrate, migrations):
        with pytest.raises(MigrationRefused, match=rf"{FIRST}.*changed.*000000000000"):
            call(engine)


def test_the_file_itself_is_what_is_hashed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(engine)
    copy = tmp_path / "migrations"
    (copy / "versions").mkdir(parents=True)
    file = get_billing_migrations_dir() / f"{FIRST}.py"
    lines = file.read_bytes().replace(b"\n", b"\r\n")
    for path in get_billing_migrations_dir().glob("*.py"):
        (copy / "versions" / path.name).write_bytes(path.read_bytes())
    (copy / "versions" / file.name).write_bytes(lines)
    monkeypatch.setattr(migrate_module, "_ENVIRONMENT", copy)
    assert migrate(engine) == ()  # how lines end is no change
    (copy / "versions" / file.name).write_bytes(lines + b"# a comment\r\n")
    with pytest.raises(MigrationRefused, match="changed"):
        migrate(engine)


def test_a_released_migration_is_what_it_was() -> None:
    found = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in get_billing_migrations_dir().glob("*.py")
    }
    assert found == FROZEN


def test_a_newer_database_is_refused(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        row = connection.execute(select(Tables().migration_log).limit(1)).mappings().one()
        connection.execute(
            insert(Tables().migration_log).values({**row, "revision": "tallystick_9999"})
        )
    with pytest.raises(MigrationRefused, match=r"tallystick_9999.*newer"):
        migrate(engine)


def test_tables_of_somebody_else_are_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tallystick_customers (id TEXT)"))
    with pytest.raises(MigrationRefused, match=r"tallystick_customers.*another prefix"):
        migrate(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["tallystick_customers"]


def test_a_database_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StorageUnavailable):
        migrate(open_engine("sqlite:////no/such/folder/a.db"))
    with pytest.raises(StorageUnavailable):
        migrations(open_engine("postgresql://127.0.0.1:1/none?connect_timeout=2"))


# --- as SQL -------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True], ids=["usual names", "own names"])
def test_the_printed_sql_makes_the_same_tables(database: Database, own: bool) -> None:
    engine = open_engine(database.url)
    tables = Tables()
    if own:
        tables = Tables("ledger_", "billing" if database.postgresql else None)
    script = migration_sql(Storage(engine).dialect, tables)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.postgresql:
            driver.execute(script.encode())
        else:
            driver.executescript(script)
        driver.commit()
    assert differences(engine, tables) == []
    assert migrate(engine, tables) == ()
    engine.dispose()


def test_the_printed_sql_is_one_transaction() -> None:
    for dialect in ("sqlite", "postgresql"):
        script = migration_sql(dialect)
        assert script.startswith("BEGIN;")
        assert script.rstrip().endswith("COMMIT;")
        assert "{" not in script


# --- a host's own Alembic -----------------------------------------------------------------------

INI = """\
[alembic]
script_location = {folder}/alembic
sqlalchemy.url = {url}
path_separator = newline
"""
ENV = """\
from alembic import context
from sqlalchemy import Column, Integer, MetaData, NullPool, Table, engine_from_config

from tallystick.storage.host import alembic_options
from tallystick.storage.tables import Tables

target_metadata = MetaData()
Table("orders", target_metadata, Column("id", Integer, primary_key=True))

engine = engine_from_config(context.config.get_section("alembic"), poolclass=NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        include_schemas=True,
        **alembic_options(context, {tables}),
    )
    with context.begin_transaction():
        context.run_migrations()
"""


def host(database: Database, folder: Path, tables: str = "Tables()") -> Config:
    """Make a host with an Alembic environment of its own, as `alembic init` would."""
    config = Config(str(folder / "alembic.ini"))
    url = database.url if database.postgresql else f"sqlite:///{folder / 'host.db'}"
    if database.postgresql:
        url = url.replace("%", "%%")
    (folder / "alembic.ini").write_text(INI.format(folder=folder, url=url), "utf-8")
    (folder / "alembic" / "versions").mkdir(parents=True)
    import alembic  # noqa: PLC0415 - its own templates are taken from its folder

    template = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
    (folder / "alembic" / "script.py.mako").write_bytes(template.read_bytes())
    (folder / "alembic" / "env.py").write_text(ENV.replace("{tables}", tables), "utf-8")
    return config


def revise(config: Config, message: str) -> str:
    """Run `alembic revision --autogenerate`; give the text of the new revision."""
    made = command.revision(config, message, autogenerate=True)
    assert made is not None
    assert not isinstance(made, list)
    return Path(made.path).read_text("utf-8")


@pytest.mark.parametrize("own", [False, True], ids=["usual names", "own names"])
def test_a_hosts_alembic_applies_our_tables_and_leaves_them_alone(
    database: Database, own: bool, tmp_path: Path
) -> None:
    tables = Tables()
    if own:
        tables = Tables("ledger_", "billing" if database.postgresql else None)
    config = host(database, tmp_path, repr(tables))
    engine = open_engine(config.get_main_option("sqlalchemy.url") or "")
    if tables.schema is not None:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {tables.schema}"))

    command.upgrade(config, "heads")
    assert differences(engine, tables) == []
    assert log(engine, tables) == EVERY
    first = revise(config, "orders")
    assert 'create_table("orders"' in first.replace("'", '"')
    assert "drop" not in first.partition("def downgrade")[0]
    assert "down_revision: Union[str, Sequence[str], None] = None" in first

    command.upgrade(config, "heads")
    second = revise(config, "nothing")
    assert "pass" in second.partition("def upgrade")[2].partition("def downgrade")[0]
    assert tables.prefix not in second
    command.upgrade(config, "heads")
    command.check(config)

    # ours sees that the host keeps the tables, and that nothing is missing
    assert migrate(engine, tables) == ()
    assert migrations(engine, tables)[0].applied_at is not None
    assert tables.version_table not in inspect(engine).get_table_names(schema=tables.schema)
    engine.dispose()


def test_what_the_hosts_alembic_keeps_is_the_hosts_to_migrate(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE tallystick_version"))  # as if the host's had applied it
    copy = tmp_path / "migrations"
    (copy / "versions").mkdir(parents=True)
    for path in get_billing_migrations_dir().glob("*.py"):
        (copy / "versions" / path.name).write_bytes(path.read_bytes())
    (copy / "versions" / "tallystick_9999.py").write_text(
        f'"""Another."""\nrevision = "tallystick_9999"\ndown_revision = "{EVERY[-1]}"\n', "utf-8"
    )
    monkeypatch.setattr(migrate_module, "_ENVIRONMENT", copy)
    with pytest.raises(MigrationRefused, match="alembic upgrade heads"):
        migrate(engine)


def test_a_hosts_own_hooks_are_asked_too() -> None:
    asked: list[str | None] = []

    def mine(name: str | None, _kind: str, _parents: Any) -> bool:
        asked.append(name)
        return name != "secret"

    included = leave_out(Tables(schema="public"), mine)
    assert not included("tallystick_customers", "table", {"schema_name": None})
    assert not included("tallystick_version", "table", {"schema_name": "public"})
    assert included("tallystick_customers", "table", {"schema_name": "elsewhere"})
    assert included("orders", "table", {"schema_name": None})
    assert not included("secret", "table", {"schema_name": None})
    assert included("tallystick_customers", "column", {"schema_name": None})
    assert asked == ["tallystick_customers", "orders", "secret", "tallystick_customers"]


def test_going_back_is_refused_where_there_are_records(database: Database, tmp_path: Path) -> None:
    config = host(database, tmp_path)
    engine = open_engine(config.get_main_option("sqlalchemy.url") or "")
    command.upgrade(config, "heads")
    with engine.begin() as connection:
        connection.execute(
            insert(Tables().meters).values(key="a", digest="a", definition={}, state="ready")
        )
    with pytest.raises(MigrationRefused, match="tallystick_meters holds records"):
        command.downgrade(config, "tallystick@base")
    assert set(inspect(engine).get_table_names()) > {"tallystick_meters", "tallystick_customers"}
    with engine.begin() as connection:
        connection.execute(Tables().meters.delete())
    command.downgrade(config, "tallystick@base")
    assert not Tables().names & set(inspect(engine).get_table_names())
    command.upgrade(config, "heads")
    assert log(engine) == EVERY
    engine.dispose()


def test_going_back_is_refused_where_a_column_is_filled(database: Database, tmp_path: Path) -> None:
    config = host(database, tmp_path)
    engine = open_engine(config.get_main_option("sqlalchemy.url") or "")
    command.upgrade(config, TAXES)
    table = Tables().customers
    at = datetime(2027, 1, 1, tzinfo=UTC)
    with engine.begin() as connection:
        row = {"id": "a", "created_at": at, "updated_at": at, "tax_exempt": True}
        connection.execute(insert(table).values(row))
    with pytest.raises(MigrationRefused, match="customers holds tax_exempt"):
        command.downgrade(config, BILLING)
    assert log(engine) == [FIRST, BILLING, TAXES]
    with engine.begin() as connection:
        connection.execute(table.update().values(tax_exempt=None))
    command.downgrade(config, BILLING)
    assert log(engine) == [FIRST, BILLING]
    with engine.begin() as connection:
        columns = {each["name"] for each in inspect(connection).get_columns(table.name)}
        assert columns == {column.name for column in table.c} - {"tax_exempt", "provider"}
    engine.dispose()


def test_going_back_is_refused_where_a_payment_was_charged_back(
    database: Database, tmp_path: Path
) -> None:
    config = host(database, tmp_path)
    url = config.get_main_option("sqlalchemy.url") or ""
    command.upgrade(config, "heads")
    with tallystick.Tallystick(url, catalog=catalog()) as tally:
        tally.publish(author="anna", at=START)
        tally.customers.create("acme")
        tally.subscriptions.start("acme", "basic", at=START)
        tally.invoices.run(START)
        (found,) = tally.invoices.list()
        row = Payment(
            customer="acme",
            id="chb_1",
            invoice=found.invoice.id,
            kind="chargeback",
            amount=found.invoice.total,
            at=START,
            method="stripe",
        )
        with tally.begin() as unit:
            add_payment(unit, row)
            unit.commit()
    with pytest.raises(MigrationRefused, match="payments holds records where kind"):
        command.downgrade(config, INBOX)
    engine = open_engine(url)
    assert log(engine) == EVERY
    engine.dispose()


def test_the_entry_point_names_the_folder_of_the_revisions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["entry-points"]["alembic.migrations"]["tallystick"].partition(":")
    folder = getattr(import_module(module), name)()
    assert folder == tallystick.get_billing_migrations_dir()
    assert sorted(path.name for path in folder.glob("*.py")) == [f"{each}.py" for each in EVERY]
    scripts = ScriptDirectory(str(folder), version_locations=[folder])
    assert scripts.get_current_head() == EVERY[-1]


def test_the_wheel_would_carry_the_revisions() -> None:
    """Everything under src/tallystick is packed; what git ignores is not."""
    git = shutil.which("git")
    assert git is not None
    listed = subprocess.run(
        [git, "check-ignore", *map(str, get_billing_migrations_dir().glob("*.py"))],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert listed.stdout == ""


def test_sqlite_has_no_schema_to_migrate_in() -> None:
    with pytest.raises(SetupError, match="schemas"):
        migrate(open_engine("sqlite://"), Tables(schema="billing"))
