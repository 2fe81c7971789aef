"""`tallystick role` as an operator types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tallystick.errors import SetupError
from tallystick.storage.role import check_role, role_sql
from tallystick.storage.tables import Tables
from tests.storage.roles import bare

if TYPE_CHECKING:
    from typer.testing import Result

    from tests.storage.roles import Ledger

__all__ = ["bare"]


def run(*words: str) -> Result:
    """Type a command."""
    result = CliRunner().invoke(app, ["role", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_it_grants_checks_and_says_so(bare: Ledger) -> None:
    owner = bare.url(bare.owner)
    before = run(bare.role, "--database", owner, "--check")
    assert before.exit_code == 2
    assert "has not exactly what a program needs" in before.stderr
    with pytest.raises(SetupError):
        check_role(bare.app)
    for words in ([], ["--check"]):
        done = run(bare.role, "-d", owner, *words)
        assert (done.exit_code, done.stderr) == (0, "")
        assert "row security is forced" in done.stdout
    check_role(bare.app)
    assert run(bare.role, "-d", bare.url(bare.app), "--check").exit_code == 0


def test_sql_prints_what_can_be_run_by_hand(bare: Ledger) -> None:
    printed = run(bare.role, "--sql")
    assert printed.stdout == role_sql(bare.role)
    with psycopg.connect(bare.url(bare.owner), autocommit=True) as connection:
        connection.execute(printed.stdout.encode())
    check_role(bare.app)
    other = run("app", "--sql", "--schema", "billing", "--tables", "my_")
    assert other.stdout == role_sql("app", Tables("my_", "billing"))
    assert '"billing"."my_usage_events"' in other.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["app"], "say which database"),
        (["app", "--sql", "--check"], "two questions"),
        (["app", "-d", "sqlite://"], "SQLite has no roles"),
        (["public", "--sql"], "no role can be called 'public'"),
        (["", "--sql"], "no role can be called ''"),
        (["app", "--sql", "--tables", "no-name"], "the prefix 'no-name'"),
        (["app", "-d", "mysql://x/y"], "PostgreSQL or SQLite"),
        ([], "Missing argument"),
    ],
)
def test_called_wrongly_it_says_what_to_do(words: list[str], sentence: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_who_may_not_grant_is_told_so(bare: Ledger) -> None:
    for words, sentence in (
        ([bare.role, "-d", bare.url(bare.app)], "the role of the database may not do this"),
        (["nobody", "-d", bare.url(bare.owner)], "there is no role 'nobody'"),
        ([bare.owners_name, "-d", bare.url(bare.owner)], "it owns tallystick_"),
    ):
        result = run(*words)
        assert result.exit_code == 2
        assert sentence in result.stderr
