"""`tallystick dunning` as a person and a script meet it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.typed import run, said
from tests.facade.billing import START, opened

if TYPE_CHECKING:
    from pathlib import Path


LADDER = {"steps": [0, {"days": 3, "access": "read_only"}], "end": "cancel", "end_days": 7}


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    (tmp_path / "ladder.json").write_text(json.dumps({**LADDER, "since": "2026-10-01T00:00:00Z"}))
    with opened("sqlite:///b.db") as tally:
        tally.subscriptions.start("acme", "basic", id="s", at=START)


def test_an_unpaid_invoice_from_the_setting_to_the_letter() -> None:
    text = run("seller", "set", "--dunning", "ladder.json").stdout
    assert "dunning: days 0, 3, then cancel on day 7" in text
    assert said("seller", "show")["dunning"]["end"] == "cancel"
    result = run("invoice", "run", "--at", "2026-10-04")
    assert result.stdout == (
        "0 subscriptions went on, 1 document, 2 unpaid invoices went on\ntotal  10.00 USD\n"
    )
    (found,) = said("dunning", "list")["dunning"]
    assert (found["state"], found["attempts"], found["access"]) == ("retrying", 2, "read_only")
    rows = run("dunning", "list").stdout.splitlines()
    assert rows[0].split() == ["invoice", "customer", "state", "steps", "access", "next"]
    assert rows[1].split()[1:] == [
        *("acme", "retrying", "2", "of", "3", "read_only", "2026-10-08T00:00:00Z")
    ]
    assert run("dunning", "show", "INV-000001").stdout.splitlines() == [
        f"invoice: {found['invoice']}",
        "customer: acme",
        "subscription: s",
        "state: retrying",
        "attempts: 2",
        "access: read_only",
        "next at: 2026-10-08T00:00:00Z",
        "step 1: day 0, access full, payment_failed",
        "step 2: day 3, access read_only, payment_failed",
        "end: day 7, cancel",
    ]
    (first, second) = said("dunning", "outbox", "--customer", "acme")["notices"]
    assert (first["kind"], first["body"]["number"]) == ("payment_failed", "INV-000001")
    assert said("dunning", "outbox", "--after", str(first["position"]))["notices"] == [second]
    assert "payment_failed  dunning/inv_" in run("dunning", "outbox").stdout
    assert run("invoice", "pay", "INV-000001").exit_code == 0
    assert said("dunning", "list")["dunning"] == []
    assert said("dunning", "show", "INV-000001")["state"] == "recovered"
    assert said("seller", "set", "--clear", "dunning")["dunning"] is None


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("dunning", "show", "INV-9"), 1, "no invoice that was not paid in time 'INV-9'"),
        (("dunning", "list", "--state", "gone"), 1, "state is one of waiting"),
        (("dunning", "outbox", "--after", "-1"), 1, "after is a position"),
        (("seller", "set", "--dunning", "none.json"), 2, "none.json: No such file"),
        (("seller", "set", "--dunning", "b.db"), 2, "b.db: is no JSON"),
        (("seller", "set", "--dunning", "bad.json"), 1, "dunning.steps is a list of 1 to 20"),
    ],
)
def test_wrong_words_say_what_is_wrong(
    words: tuple[str, ...], status: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.json").write_text('{"steps": [], "end": "cancel", "end_days": 7}')
    result = run(*words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert told in result.stderr
