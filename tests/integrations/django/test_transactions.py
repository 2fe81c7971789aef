"""The ledger stands in the project's own transactions: what is rolled back was not used."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, connections, transaction
from django.db.transaction import TransactionManagementError
from sqlalchemy import select, text

from tallystick import define_plans
from tallystick.errors import (
    MissingExtra,
    QuotaExceeded,
    SetupError,
    StorageUnavailable,
    UnknownPlan,
)
from tallystick.integrations.django.connection import engine_on
from tests.databases import new_postgresql
from tests.integrations.django.project import on, undone
from tests.integrations.shop import NOON, plan

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.integrations.django.ledger import Ledger
    from tallystick.storage.unit import Unit
    from tests.databases import Database

CALLERS = 8


def used(tally: Ledger, feature: str = "projects") -> object:
    return tally.check("acme", feature).used


def test_migrate_makes_the_tables_and_publishes(tally: Ledger) -> None:
    assert all(each.applied_at is not None for each in tally.migrations())
    assert [each.author for each in tally.catalogs()] == ["manage.py migrate"]
    assert tally.verify().ok


def test_outside_of_atomic_each_call_commits_by_itself(tally: Ledger) -> None:
    tally.use("acme", "projects")
    assert not connection.in_atomic_block
    assert used(tally) == 1
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "projects", 2)
    assert not connection.in_atomic_block
    assert used(tally) == 1


def test_what_is_rolled_back_was_not_used(tally: Ledger) -> None:
    tally.use("acme", "projects")
    with undone():
        Group.objects.create(name="theirs")
        tally.use("acme", "projects")
        assert used(tally) == 2
    assert used(tally) == 1
    assert not Group.objects.exists()


def test_a_denied_use_undoes_nothing_of_the_host(tally: Ledger) -> None:
    with transaction.atomic():
        Group.objects.create(name="theirs")
        tally.use("acme", "projects", 2)
        with pytest.raises(QuotaExceeded):
            tally.use("acme", "projects")
        Group.objects.create(name="too")
    assert Group.objects.count() == 2
    assert used(tally) == 2


def test_an_inner_block_that_is_rolled_back_takes_its_use_along(tally: Ledger) -> None:
    with transaction.atomic():
        tally.use("acme", "projects")
        with undone():
            tally.use("acme", "projects")
        assert used(tally) == 1
    assert used(tally) == 1


def test_what_is_to_run_on_commit_runs_once_the_use_is_committed(tally: Ledger) -> None:
    seen: list[object] = []
    with transaction.atomic():
        transaction.on_commit(lambda: seen.append(used(tally)))
        tally.use("acme", "projects")
        assert seen == []
    assert seen == [1]
    with undone():
        transaction.on_commit(lambda: seen.append("never"))
        tally.use("acme", "projects")
    assert seen == [1]


def test_a_statement_that_fails_leaves_the_hosts_transaction_whole(tally: Ledger) -> None:
    def wrong(unit: Unit, _: object) -> None:
        unit.connection.execute(text("SELECT nothing"))

    with transaction.atomic():
        Group.objects.create(name="theirs")
        with pytest.raises(Exception, match="nothing"):
            tally.act(wrong)
        tally.use("acme", "projects")
    assert Group.objects.count() == 1
    assert used(tally) == 1


def test_a_transaction_that_django_holds_for_broken_is_not_used(tally: Ledger) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            tally.use("acme", "projects")
    assert used(tally) == 0


def test_what_a_host_publishes_and_undoes_is_not_remembered(tally: Ledger) -> None:
    def published(projects: int) -> object:
        tally.publish(define_plans([plan("big", 10, projects, 9, domains=True)]), author="test")
        tally.customers.create("acme", name="Acme", currency="USD")
        tally.subscriptions.start("acme", "big")
        return tally.check("acme", "projects").limit

    with transaction.atomic():
        assert published(7) == 7
        assert tally.entitlements("acme").check("projects").limit == 7
        transaction.set_rollback(True)
    with pytest.raises(UnknownPlan):
        tally.plan("big")
    assert tally.entitlements("acme").check("projects").limit == 2
    with transaction.atomic():
        assert published(8) == 8


def test_a_unit_of_the_hosts_is_a_savepoint(tally: Ledger) -> None:
    with transaction.atomic():
        with tally.begin() as unit:
            assert not unit.owned
            unit.connection.execute(text("INSERT INTO auth_group (name) VALUES ('gone')"))
        with tally.begin() as unit:
            unit.connection.execute(text("INSERT INTO auth_group (name) VALUES ('kept')"))
            unit.commit()
        with tally.storage.look() as unit:
            assert unit.connection.execute(text("SELECT name FROM auth_group")).scalar() == "kept"
        assert [each.name for each in Group.objects.all()] == ["kept"]
    with tally.begin() as unit:
        assert unit.owned
        unit.connection.execute(text("INSERT INTO auth_group (name) VALUES ('gone')"))
    assert [each.name for each in Group.objects.all()] == ["kept"]


def test_a_day_of_usage_is_read_whoever_opened_the_connection(tally: Ledger) -> None:
    tally.use("acme", "apiRequests", 2)
    assert tally.check("acme", "apiRequests").used == 2
    assert tally.verify().ok


def test_many_events_at_once_are_part_of_the_hosts_transaction(tally: Ledger) -> None:
    def record(since: int) -> None:
        tally.usage.record_many(
            {
                "customer": "acme",
                "source": "app",
                "id": f"event-{number}",
                "type": "apiRequests",
                "occurred_at": NOON,
                "properties": {"value": 1},
            }
            for number in range(since, since + 1_000)
        )

    with undone():
        record(0)
        assert used(tally, "apiRequests") == 1_000
    assert used(tally, "apiRequests") == 0
    record(0)
    with transaction.atomic():
        record(500)
    assert used(tally, "apiRequests") == 1_500
    assert tally.verify().ok


def test_a_month_is_billed_and_what_a_host_undoes_is_billed_later(tally: Ledger) -> None:
    tally.customers.create("acme", name="Acme", currency="USD")
    tally.subscriptions.start("acme", "pro")
    with undone():
        assert tally.invoices.run(NOON).documents == 1
    assert tally.invoices.run(NOON).documents == 1
    assert tally.invoices.run(NOON + timedelta(days=65)).documents == 2
    assert tally.invoices.run(NOON + timedelta(days=65)).documents == 0
    assert tally.verify().ok


def test_rows_may_wait_on_the_server(tally: Ledger) -> None:
    tally.use("acme", "apiRequests")
    with tally.storage.look() as unit:
        events = unit.tables.usage_events
        lazily = unit.connection.execution_options(yield_per=1)
        (row,) = lazily.execute(select(events.c.customer_id, events.c.occurred_at))
    assert row == ("acme", NOON)


def test_for_whom_the_hosts_transaction_is_stays_as_it_was(on_postgresql: Ledger) -> None:
    asked = "SELECT current_setting('tallystick.all_customers', true)"
    with transaction.atomic(), connection.cursor() as cursor:
        on_postgresql.use("acme", "projects")
        assert cursor.execute(asked).fetchone()[0] in {None, ""}
        with pytest.raises(QuotaExceeded):
            on_postgresql.use("acme", "projects", 2)
        assert cursor.execute(asked).fetchone()[0] in {None, ""}


def test_a_connection_that_does_not_commit_is_the_hosts(on_postgresql: Ledger) -> None:
    on_postgresql.use("acme", "projects")
    transaction.set_autocommit(False)
    try:
        on_postgresql.use("acme", "projects")
        transaction.rollback()
        assert used(on_postgresql) == 1
        transaction.rollback()
        on_postgresql.use("acme", "projects")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert used(on_postgresql) == 2


def test_a_lease_is_refused(tally: Ledger) -> None:
    with pytest.raises(SetupError, match="connection of its own"):
        tally.lease("acme", "apiRequests", 1)


def test_aio_is_in_the_hosts_transaction(tally: Ledger) -> None:
    with undone():
        assert async_to_sync(tally.aio.use)("acme", "projects").used == 1
        assert used(tally) == 1
    assert used(tally) == 0


def test_exactly_the_limit_is_used_by_many_at_once(shared: Ledger) -> None:
    shared.customers.create("acme", name="Acme", currency="USD")
    shared.subscriptions.start("acme", "pro")

    def ask(caller: int) -> int:
        done = 0
        try:
            for turn in range(10):
                try:
                    if (caller + turn) % 2:
                        shared.use("acme", "projects")
                    else:
                        with transaction.atomic():
                            shared.use("acme", "projects")
                except QuotaExceeded:
                    continue
                done += 1
        finally:
            connections.close_all()
        return done

    with ThreadPoolExecutor(CALLERS) as threads:
        assert sum(threads.map(ask, range(CALLERS))) == 50
    assert used(shared) == 50
    assert shared.verify().ok


def test_a_closed_connection_is_opened_anew(shared: Ledger) -> None:
    shared.use("acme", "projects")
    connection.close()
    assert shared.use("acme", "projects").used == 2


def test_a_lost_connection_is_opened_anew(on_postgresql: Ledger) -> None:
    def end() -> None:
        pid = connection.connection.info.backend_pid
        with ThreadPoolExecutor(1) as other:
            other.submit(_end, pid).result()

    on_postgresql.use("acme", "projects")
    end()
    assert on_postgresql.use("acme", "projects", idempotency_key="again").used == 2
    with undone():
        end()
        with pytest.raises(StorageUnavailable):
            on_postgresql.use("acme", "projects")
    assert used(on_postgresql) == 2


def _end(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    connection.close()


def test_a_database_of_another_kind_or_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="DATABASES has no 'billing'"):
        engine_on("billing")
    monkeypatch.setattr(connections["default"], "vendor", "oracle")
    with pytest.raises(SetupError, match="PostgreSQL or SQLite, not oracle"):
        engine_on("default")
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match="postgres"):
        engine_on("default")


def test_where_the_database_does_not_answer_nothing_is_allowed(tmp_path: Path) -> None:
    with on(f"sqlite:///{tmp_path / 'no-such-folder' / 'x.db'}") as tally:
        assert tally.check("acme", "projects").reason == "dependency_away"
        with pytest.raises(StorageUnavailable):
            tally.use("acme", "projects")
    with new_postgresql() as url, on(url.replace("test_", "no_such_test_")) as tally:
        assert tally.check("acme", "projects").reason == "dependency_away"


def test_without_migrate_the_cure_is_named(database: Database) -> None:
    with on(database.url) as tally:
        with pytest.raises(SetupError, match=r"manage\.py migrate"):
            tally.use("acme", "projects")
        with transaction.atomic(), pytest.raises(SetupError, match=r"manage\.py migrate"):
            tally.use("acme", "projects")


def test_in_an_event_loop_django_says_so(tally: Ledger) -> None:
    async def wrong() -> None:
        tally.use("acme", "projects")

    with pytest.raises(SynchronousOnlyOperation):
        async_to_sync(wrong)()
    assert used(tally) == 0


def test_the_package_is_imported_without_django() -> None:
    line = "import tallystick, sys; tallystick.Tallystick; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
    line = "import sys; sys.modules['django'] = None; import tallystick.integrations.django"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, check=False, text=True)
    assert "pip install 'tallystick[django]'" in done.stderr
