"""`tallystick customers` and `tallystick verify` as a person and as a script meet them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from tallystick import Tallystick
from tallystick.cli import ledger
from tests.cli.typed import run

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def customers(*words: str, stdin: str | None = None) -> Result:
    return run("customers", *words, stdin=stdin)


def shown(*words: str) -> Any:
    result = customers(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with Tallystick("sqlite:///b.db") as tally:
        tally.migrate()


def use(n: int) -> None:
    with Tallystick("sqlite:///b.db") as tally, tally.begin() as unit:
        rows = [
            {
                "customer_id": "acme", "source": "api", "id": str(i), "kind": "use", "type": "t",
                "occurred_at": NOON, "received_at": NOON, "properties": "{}", "digest": "d",
            }
            for i in range(n)
        ]  # fmt: skip
        unit.connection.execute(insert(unit.tables.usage_events), rows)
        unit.commit()


def test_a_life_of_a_customer() -> None:
    made = shown(
        "create", "acme", "--name", "Acme", "--email", "a@example.com", "--currency", "EUR",
        "--time-zone", "Europe/Vienna", "--locale", "de-AT", "--provider-id", "cus_1",
        "--address", "city=Wien", "--address", "country=AT", "--tax-id", "eu_vat=ATU1",
        "--metadata", "team=a=b",
    )  # fmt: skip
    assert made["address"] == {"city": "Wien", "country": "AT"}
    assert made["tax_ids"] == [{"type": "eu_vat", "value": "ATU1"}]
    assert made["metadata"] == {"team": "a=b"}
    assert shown("show", "acme") == shown("show", "--email", "a@example.com") == made
    assert shown("show", "--provider-id", "cus_1") == made
    changed = shown("update", "acme", "--name", "B", "--clear", "time-zone", "--clear", "tax_ids")
    expected = {"name": "B", "time_zone": None, "tax_ids": [], "updated_at": changed["updated_at"]}
    assert changed == made | expected
    text = customers("show", "acme").stdout
    assert "address: city Wien, country AT" in text
    assert "tax ids" not in text
    gone = shown("forget", "acme", "--yes")
    assert (gone["name"], gone["email"], gone["currency"]) == (None, None, "EUR")
    assert shown("forget", "acme") == gone  # nothing to ask a second time


def test_pages_say_how_to_go_on() -> None:
    for n in range(3):
        assert customers("create", f"c{n}", "--name", f"Name {n}").exit_code == 0
    first = customers("list", "--limit", "2")
    assert "Name 1" in first.stdout
    assert "Name 2" not in first.stdout
    assert first.stdout.splitlines()[-1] == "more: --starting-after c1"
    rest = shown("list", "--starting-after", "c1")
    assert ([c["id"] for c in rest["customers"]], rest["cursor"]) == (["c2"], None)


def test_an_export_is_json_lines() -> None:
    customers("create", "acme", "--name", "Acme")
    use(3)
    lines = [json.loads(line) for line in customers("export", "acme").stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["customers", *["usage_events"] * 3]
    assert lines[0]["record"]["name"] == "Acme"
    assert lines[1]["record"]["occurred_at"] == "2026-11-21T12:00:00Z"


def test_forgetting_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    customers("create", "acme", "--name", "Acme")
    refused = customers("forget", "acme")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    monkeypatch.setattr(ledger, "is_terminal", lambda: True)
    declined = customers("forget", "acme", stdin="n\n")
    assert declined.exit_code == 1
    assert "Forget Acme (acme)?" in declined.stderr
    assert shown("show", "acme")["name"] == "Acme"
    assert customers("forget", "acme", stdin="y\n").exit_code == 0
    assert shown("show", "acme")["name"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create", "acme"], 1, "already"),
        (["create", "b", "--provider-id", "p"], 1, "another customer's"),
        (["create", "b", "--currency", "EURO"], 1, "currency"),
        (["create", " "], 1, "id"),
        (["create", "b", "--address", "Wien"], 2, "NAME=TEXT"),
        (["create", "b", "--address", "city=a", "--address", "city=b"], 2, "twice"),
        (["create", "b", "--address", "town=a"], 1, "address.town"),
        (["show"], 2, "one of the three"),
        (["show", "acme", "--email", "a@b.de"], 2, "one of the three"),
        (["show", "nobody"], 1, "no customer 'nobody'"),
        (["show", "--email", "a@b.de"], 1, "no customer 'a@b.de'"),
        (["update", "acme"], 2, "say what changes"),
        (["update", "acme", "--clear", "colour"], 1, "colour"),
        (["update", "acme", "--name", "x", "--clear", "name"], 2, "--clear name"),
        (["update", "nobody", "--name", "x"], 1, "no customer"),
        (["list", "--limit", "0"], 1, "1 to 100"),
        (["list", "--limit", "x"], 2, "--limit"),
        (["export", "nobody"], 1, "no customer"),
        (["forget", "nobody", "--yes"], 1, "no customer"),
        (["list", "-d", "sqlite:///other.db"], 2, "tallystick migrate"),
        (["burn"], 2, "burn"),
    ],
)
def test_what_cannot_be_done_is_told(words: list[str], code: int, said: str) -> None:
    customers("create", "acme", "--provider-id", "p")
    result = customers(*words)
    assert result.exit_code == code
    assert said in result.stderr
    assert [c["id"] for c in shown("list")["customers"]] == ["acme"]


def test_verify_says_what_it_checked() -> None:
    result = run("verify")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith("checks, none broken")
    assert json.loads(run("verify", "--json").stdout)["ok"] is True


def test_verify_fails_with_the_rows() -> None:
    use(2)
    result = run("verify")
    assert result.exit_code == 1
    assert "BROKEN  usage-digests (I1)" in result.stdout
    assert "seq 2, customer_id acme, source api, id 1, digest d" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("1 broken")
    tree = json.loads(run("verify", "--json").stdout)
    (broken,) = [check for check in tree["checks"] if not check["ok"]]
    assert (broken["name"], len(broken["rows"])) == ("usage-digests", 2)
