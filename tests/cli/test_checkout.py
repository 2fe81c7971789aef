"""`tallystick checkout resolve` as a person and a script meet it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tallystick import Tallystick
from tallystick.cli.commands import app
from tests.facade.billing import START, opened

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    monkeypatch.setenv("TALLYSTICK_SIGNING_KEYS", "k" * 32)
    with opened("sqlite:///b.db"):
        pass


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, ["checkout", "resolve", *words, "--at", "2026-10-01"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_it_says_who_may_and_what_is_due() -> None:
    result = run("acme", "pro", "old", "--seats", "2", "--coupon", "gone")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "plan: pro@1" in lines
    assert "available: yes" in lines
    assert "left out: 'gone': this code is not known, or not valid here" in lines
    assert lines.count("total  40.00 USD, to pay 40.00 USD") == 2
    assert "  plan old is not offered to new customers" in lines
    [quote] = [line.removeprefix("quote: ") for line in lines if line.startswith("quote: ")]
    with Tallystick("sqlite:///b.db") as tally:
        assert tally.quotes.accept(quote, at=START).subscription.seats == 2


def test_as_json_it_is_what_the_service_answers() -> None:
    [pro] = json.loads(run("acme", "pro", "--json").stdout)["plans"]
    assert (pro["available"], pro["today"]["total"]) == (True, {"minor": 3500, "currency": "USD"})


def test_where_nothing_can_be_bought_the_status_is_one() -> None:
    result = run("acme", "old", "--currency", "EUR")
    assert result.exit_code == 1
    assert "available: no" in result.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("acme", "pro@1"), "plans[0].plan"),
        (("acme", "pro", "--seats", "0"), "plans[0].quantity"),
        (("acme", "pro", "--currency", "usd"), "currency"),
        (("nobody", "pro"), "no customer 'nobody'"),
    ],
)
def test_what_is_refused_says_why(words: tuple[str, ...], text: str) -> None:
    result = run(*words)
    assert result.exit_code != 0
    assert text in result.stderr
    assert result.stdout == ""
