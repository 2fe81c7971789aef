"""`tallystick tax` as a person and as a script meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tallystick import Tallystick
from tallystick.cli import ledger
from tests.cli.typed import run

RULES = """
elsewhere: untaxed
categories: { book: low }
rates:
  - { country: AT, name: USt, percent: 20 }
  - { country: AT, name: USt, percent: 10, category: low, inclusive: true, since: "2027-01-01" }
"""


@pytest.fixture(autouse=True)
def _a_folder_with_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    monkeypatch.setenv("TALLYSTICK_AUTHOR", "anna")
    Path("taxes.yaml").write_text(RULES)
    with Tallystick("sqlite:///b.db") as tally:
        tally.migrate()


def test_a_file_is_checked_and_shown() -> None:
    result = run("tax", "check", "taxes.yaml")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "AT standard USt 20" in lines
    assert "AT low USt 10 inclusive 2027-01-01" in lines
    assert {"book is low", "elsewhere: untaxed", "reverse charge: yes", "days of UTC"} <= set(lines)
    tree = json.loads(run("tax", "check", "taxes.yaml", "--json").stdout)
    assert tree["rates"][0] == {"country": "AT", "name": "USt", "percent": "20"}


def test_everything_that_is_wrong_is_told_with_its_line() -> None:
    Path("taxes.yaml").write_text(RULES.replace("percent: 20", "percentage: 20"))
    result = run("tax", "check", "taxes.yaml")
    assert result.exit_code != 0
    assert "rates[0].percentage (line 5): is not a field" in result.stderr
    assert "did you mean 'percent'?" in result.stderr
    assert "rates[0].percent (line 5): is missing" in result.stderr


def test_rules_are_published_once() -> None:
    assert run("tax", "list").stdout == "nothing was published yet: no document is taxed\n"
    first = run("tax", "publish", "taxes.yaml", "--yes")
    assert (first.exit_code, first.stdout) == (0, "published version 1 of the tax rules\n")
    again = run("tax", "publish", "taxes.yaml")
    assert again.stdout == "nothing to do: this is version 1, as published\n"
    Path("taxes.yaml").write_text(RULES.replace("percent: 20", "percent: 21"))
    done = json.loads(run("tax", "publish", "taxes.yaml", "--yes", "--json").stdout)
    assert (done["number"], done["author"], done["unchanged"]) == (2, "anna", False)
    assert [each["number"] for each in json.loads(run("tax", "list", "--json").stdout)] == [2, 1]
    assert "anna" in run("tax", "list").stdout
    rates = [json.loads(run("tax", "show", n, "--json").stdout)["rates"] for n in ("1", "2")]
    assert [each[0]["percent"] for each in rates] == ["20", "21"]
    assert run("tax", "show", "3").exit_code == 1


def test_who_declines_publishes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "is_terminal", lambda: True)
    result = run("tax", "publish", "taxes.yaml", stdin="n\n")
    assert result.exit_code == 1
    assert "nothing was published" in result.stdout
    assert json.loads(run("tax", "list", "--json").stdout) == []


def test_nobody_can_be_asked_without_a_terminal() -> None:
    result = run("tax", "publish", "taxes.yaml")
    assert result.exit_code == 2
    assert "--yes" in result.stderr


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        ("de 136-695976", 0, "DE136695976: form and check digits are right"),
        ("ATU1", 1, "'ATU1' is no"),
    ],
)
def test_a_vat_id_is_checked(value: str, code: int, text: str) -> None:
    result = run("tax", "check-id", value)
    assert result.exit_code == code
    assert text in result.stdout + result.stderr


def test_a_customer_is_exempt_until_it_is_taxed() -> None:
    run("customers", "create", "acme", "--tax-exempt")
    assert json.loads(run("customers", "show", "acme", "--json").stdout)["tax_exempt"] is True
    assert "tax exempt: yes" in run("customers", "show", "acme").stdout
    run("customers", "update", "acme", "--taxed")
    assert json.loads(run("customers", "show", "acme", "--json").stdout)["tax_exempt"] is False
