"""Our tables as Django makes them: by migrate, on the database of the settings."""

from __future__ import annotations

import io
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings
from sqlalchemy import text

from tallystick.integrations.django.connection import engine_on
from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import get_billing_migrations_dir, migrate
from tests.databases import new_postgresql
from tests.integrations.django.project import CLOCK, migrated, on
from tests.integrations.shop import PLANS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from tallystick.integrations.django.ledger import Ledger
    from tests.databases import Database


SCHEMA = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE name LIKE '%tallystick%'",
    "postgresql": """
        SELECT table_name, column_name || data_type || is_nullable FROM information_schema.columns
            WHERE table_name LIKE 'tallystick%'
        UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE conrelid::regclass::text LIKE 'tallystick%'
        UNION ALL SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'tallystick%'
        UNION ALL SELECT tablename, concat(rowsecurity) FROM pg_tables
            WHERE tablename LIKE 'tallystick%'
    """,
}


def schema_of(engine: Engine) -> list[tuple[str, str]]:
    """Give all that stands in a database under our name."""
    with engine.connect() as asked:
        found = asked.execute(text(SCHEMA[engine.dialect.name])).all()
    return sorted((str(name), str(each)) for name, each in found)


def test_each_of_our_revisions_is_a_migration_of_django_in_the_same_order() -> None:
    """Write src/tallystick/integrations/django/migrations/NAME.py for a revision that has none."""
    ours = sorted(path.stem for path in get_billing_migrations_dir().glob("tallystick_*.py"))
    loader = MigrationLoader(None)
    (leaf,) = loader.graph.leaf_nodes("tallystick")
    plan = loader.graph.forwards_plan(leaf)
    assert [name for app, name in plan if app == "tallystick"] == ours
    for name in ours:
        source = (get_billing_migrations_dir() / f"{name}.py").read_text("utf-8")
        title = import_module(f"tallystick.integrations.django.migrations.{name}").__doc__
        assert source.removeprefix('"""').partition("\n")[0] == title


def test_the_models_of_the_admin_are_what_the_migrations_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    assert {each.__name__ for each in apps.get_app_config("tallystick").get_models()} == {
        "Subscription",
        "UsageEvent",
    }


def test_django_makes_the_tables_that_our_own_command_makes(
    database: Database, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'other.db'}"
        if database.postgresql:
            url = stack.enter_context(new_postgresql())
        other = open_engine(url)
        stack.callback(other.dispose)
        migrate(other)
        stack.enter_context(on(database.url))
        call_command("migrate", verbosity=0)
        made = schema_of(engine_on("default"))
        assert len(made) > 100
        assert made == schema_of(other)
        for model in apps.get_app_config("tallystick").get_models():
            assert list(model.objects.all()) == []


@pytest.mark.parametrize("database", ["sqlite-file", "postgresql"], indirect=True)
def test_a_database_that_has_the_tables_already_is_taken_over(database: Database) -> None:
    engine = open_engine(database.url)
    assert migrate(engine)
    engine.dispose()
    with on(database.url) as tally:
        call_command("migrate", verbosity=0)
        assert tally.use("acme", "projects").used == 1


def test_migrations_can_be_applied_one_by_one(database: Database) -> None:
    with on(database.url) as tally:
        with override_settings(TALLYSTICK={"CLOCK": CLOCK}):
            call_command("migrate", "tallystick", "tallystick_0001", verbosity=0)
        out = io.StringIO()
        call_command("migrate", "tallystick", plan=True, stdout=out)
        assert "Apply tallystick_0002 of Tallystick" in out.getvalue()
        assert "Apply tallystick_0001 of" not in out.getvalue()
        call_command("migrate", verbosity=0)
        assert tally.use("acme", "projects").used == 1


def test_what_was_billed_is_not_dropped(tally: Ledger) -> None:
    tally.use("acme", "projects")
    with pytest.raises(IrreversibleError):
        call_command("migrate", "tallystick", "zero", verbosity=0)
    assert tally.check("acme", "projects").used == 1


def test_where_migrations_are_left_out_the_tables_are_made_all_the_same(database: Database) -> None:
    with on(database.url) as tally, override_settings(MIGRATION_MODULES={"tallystick": None}):
        call_command("migrate", run_syncdb=True, verbosity=0)
        assert tally.use("acme", "projects").used == 1
        assert len(tally.catalogs()) == 1


def test_the_ledger_can_have_a_database_of_its_own(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / name}" for name in ("default.db", "billing.db")]
    given = {"CATALOG": PLANS, "DEFAULT_PLAN": "free", "CLOCK": CLOCK, "DATABASE": "billing"}
    with on(urls[0], billing=urls[1]) as tally, override_settings(TALLYSTICK=given):
        call_command("migrate", verbosity=0)
        assert "tallystick_gates" not in connections["default"].introspection.table_names()
        call_command("migrate", database="billing", verbosity=0)
        with transaction.atomic():  # of the other database: none of the ledger's
            assert tally.use("acme", "projects").used == 1
            transaction.set_rollback(True)
        with connections["billing"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tallystick_usage_events")
            assert cursor.fetchone() == (1,)


def test_a_flush_publishes_again_what_is_kept(tmp_path: Path) -> None:
    with migrated("sqlite-file", tmp_path) as tally:
        call_command("flush", interactive=False, verbosity=0)
        assert len(tally.catalogs()) == 1


def test_sqlmigrate_says_that_it_cannot_be_written(tally: Ledger) -> None:
    out = io.StringIO()
    call_command("sqlmigrate", "tallystick", "tallystick_0001", stdout=out)
    assert "CANNOT BE WRITTEN AS SQL" in out.getvalue()
    with pytest.raises(CommandError):
        call_command("sqlmigrate", "tallystick", "tallystick_9999", stdout=out)
