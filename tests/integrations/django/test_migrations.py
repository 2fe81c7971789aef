"""Our tables as Django makes them: by migrate, on the database that is named, without migrations."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings
from sqlalchemy import inspect

from tallystick.integrations.django.connection import engine_on
from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import get_billing_migrations_dir, migrate
from tests.integrations.django.project import CLOCK, migrated, on, settings_of
from tests.integrations.shop import PLANS

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.integrations.django.ledger import Ledger
    from tests.databases import Database


def schema_of(engine: Any) -> dict[str, Any]:
    """Give the tables of ours that a database has, with their columns, keys and checks."""
    found = inspect(engine)
    return {
        name: (
            [
                (each["name"], str(each["type"]), each["nullable"])
                for each in found.get_columns(name)
            ],
            found.get_pk_constraint(name),
            found.get_foreign_keys(name),
            sorted(map(str, found.get_check_constraints(name))),
            sorted(map(str, found.get_indexes(name))),
        )
        for name in found.get_table_names()
        if name.startswith("tallystick_")
    }


def test_each_of_our_revisions_is_a_migration_of_django_in_the_same_order() -> None:
    """Write src/tallystick/integrations/django/migrations/NAME.py for a revision that has none."""
    ours = sorted(path.stem for path in get_billing_migrations_dir().glob("tallystick_*.py"))
    loader = MigrationLoader(None)
    (leaf,) = loader.graph.leaf_nodes("tallystick")
    plan = loader.graph.forwards_plan(leaf)
    assert [name for app, name in plan if app == "tallystick"] == ours
    titles = {
        name: (__import__(loader.disk_migrations[app, name].__module__, fromlist=[name]).__doc__)
        for app, name in plan
        if app == "tallystick"
    }
    for name, title in titles.items():
        source = (get_billing_migrations_dir() / f"{name}.py").read_text("utf-8")
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
    other = open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with on(database.url):
        call_command("migrate", verbosity=0)
        made = schema_of(engine_on("default"))
        assert len(made) > 40
        if connection.vendor == "sqlite":
            migrate(other)
            assert made == schema_of(other)
        for model in apps.get_app_config("tallystick").get_models():
            assert list(model.objects.all()) == []
    other.dispose()


def test_a_database_that_has_the_tables_already_is_taken_over(database: Database) -> None:
    if not database.shared:
        pytest.skip("nobody else can have made tables in a database of this one's memory")
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
    both = {
        "default": settings_of(f"sqlite:///{tmp_path / 'default.db'}"),
        "billing": settings_of(f"sqlite:///{tmp_path / 'billing.db'}"),
    }
    given = {"CATALOG": PLANS, "DEFAULT_PLAN": "free", "CLOCK": CLOCK, "DATABASE": "billing"}
    with on("sqlite://") as tally:
        connections.settings = connections.configure_settings(both)
        del connections["default"]
        with override_settings(TALLYSTICK=given):
            call_command("migrate", verbosity=0)
            assert "tallystick_gates" not in connections["default"].introspection.table_names()
            call_command("migrate", database="billing", verbosity=0)
            assert tally.use("acme", "projects").used == 1
            with connections["billing"].cursor() as cursor:
                cursor.execute("SELECT count(*) FROM tallystick_usage_events")
                assert cursor.fetchone() == (1,)
        connections["billing"].close()


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
