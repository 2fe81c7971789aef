"""`tallystick migrate` as an operator types it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tallystick import Tallystick
from tallystick.cli.commands import app
from tests.databases import database

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from tests.databases import Database

__all__ = ["database"]


def run(*words: str, env: dict[str, str] | None = None) -> Result:
    """Type a command."""
    result = CliRunner().invoke(app, ["migrate", *words], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a SQLite file that is not there yet."""
    monkeypatch.delenv("TALLYSTICK_DATABASE_URL", raising=False)
    return f"sqlite:///{tmp_path / 'billing.db'}"


def test_it_migrates_once_and_says_so(database: Database) -> None:
    first = run("--database", database.url)
    assert first.exit_code == 0
    assert first.stdout.startswith("applied tallystick_0001: The first tables")
    if database.shared:
        assert run("-d", database.url).stdout == "nothing to do: every migration is applied\n"


def test_the_environment_may_say_which_database(file: str) -> None:
    assert run(env={"TALLYSTICK_DATABASE_URL": file}).exit_code == 0
    with Tallystick(file) as tally:
        assert all(each.applied_at is not None for each in tally.migrations())


def test_status_lists_and_changes_nothing(file: str, tmp_path: Path) -> None:
    listed = run("-d", file, "--status")
    assert listed.exit_code == 0
    assert "tallystick_0001  not yet  The first tables" in listed.stdout
    assert not (tmp_path / "billing.db").exists()
    run("-d", file)
    before = (tmp_path / "billing.db").read_bytes()
    row, *_ = json.loads(run("-d", file, "--status", "--json").stdout)
    assert row["revision"] == "tallystick_0001"
    assert row["applied_at"].endswith("Z")
    assert len(row["sha256"]) == 64
    assert (tmp_path / "billing.db").read_bytes() == before


def test_sql_prints_and_connects_nowhere(file: str, tmp_path: Path) -> None:
    printed = run("-d", file, "--sql")
    assert printed.exit_code == 0
    assert not (tmp_path / "billing.db").exists()
    made = sqlite3.connect(tmp_path / "billing.db")
    made.executescript(printed.stdout)
    made.close()
    assert run("-d", file).stdout == "nothing to do: every migration is applied\n"
    away = run("-d", "postgresql://127.0.0.1:1/none", "--sql", "--schema", "billing")
    assert away.exit_code == 0
    assert 'CREATE TABLE "billing".tallystick_usage_events' in away.stdout


def test_prefix_may_be_chosen(file: str, tmp_path: Path) -> None:
    assert run("-d", file, "--tables", "ledger_").exit_code == 0
    made = sqlite3.connect(tmp_path / "billing.db")
    names = {name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    made.close()
    assert {"ledger_customers", "ledger_version"} <= names
    assert not any(name.startswith("tallystick") for name in names)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "--database"),
        (("-d", "billing.db"), 2, "sqlite:///file.db"),
        (("-d", "mysql://host/x"), 2, "PostgreSQL or SQLite"),
        (("-d", "sqlite://", "--status", "--sql"), 2, "ask one"),
        (("-d", "sqlite://", "--schema", "x"), 2, "prefix"),
        (("-d", "sqlite://", "--tables", "a-b"), 2, "prefix"),
        (("-d", "sqlite:////no/such/folder/a.db"), 1, "cannot be opened"),
        (("-d", "postgresql://ann:hunter2@127.0.0.1:1/x?connect_timeout=2"), 1, "reached"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    words: tuple[str, ...], status: int, said: str
) -> None:
    result = run(*words)
    assert result.exit_code == status
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    assert "hunter2" not in result.output


def test_a_changed_migration_is_refused(file: str, tmp_path: Path) -> None:
    run("-d", file)
    made = sqlite3.connect(tmp_path / "billing.db")
    made.execute("UPDATE tallystick_migration_log SET sha256 = 'x'")
    made.commit()
    made.close()
    for words in ((), ("--status",)):
        result = run("-d", file, *words)
        assert result.exit_code == 2
        assert "was changed after it was applied" in result.stderr
