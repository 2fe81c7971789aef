"""`tallystick credits top-up` and its like as a person and a script meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.typed import run, said
from tests.facade.billing import START, opened

if TYPE_CHECKING:
    from pathlib import Path


RULE = ("credits", "top-up", "acme", "--below", "5.00", "--add", "20.00", "--currency", "USD")


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with opened("sqlite:///b.db") as tally:
        tally.subscriptions.start("acme", "basic", id="s", at=START)


def test_a_top_up_from_the_rule_to_the_grant() -> None:
    said("credits", "grant", "acme", "12.00", "--currency", "USD", "--at", "2026-10-01")
    [rule] = said(*RULE, "--price", "18.00", "--at-most", "2")
    assert (rule["below"], rule["price"], rule["at_most"]) == ("5.00 USD", "18.00 USD", 2)
    run("invoice", "run", "--at", "2026-10-01")
    [bought] = said("credits", "top-ups", "acme")
    assert (bought["status"], bought["size"], bought["rule"]) == ("open", "2000", rule["id"])
    grant = said("credits", "top-up-paid", bought["id"], "--at", "2026-10-02")
    assert (grant["amount"], grant["category"], grant["source"]) == (2000, "paid", "top_up")
    text = run("credits", "top-ups", "acme").stdout
    assert "granted" in text
    assert grant["id"] in text
    assert run("credits", "top-up-paid", bought["id"], "--cancel").exit_code != 0


def test_a_top_up_that_nobody_pays_and_a_rule_that_ends() -> None:
    said("credits", "grant", "acme", "12.00", "--currency", "USD", "--at", "2026-10-01")
    [rule] = said(*RULE, "--price", "18.00")
    run("invoice", "run", "--at", "2026-10-01")
    [bought] = said("credits", "top-ups", "acme")
    given_up = run("credits", "top-up-paid", bought["id"], "--cancel")
    assert given_up.stdout == f"canceled: {bought['id']}\n"
    assert rule["id"] in run("credits", "top-up-rules", "acme").stdout
    assert said("credits", "top-up-rules", "acme", "--end", rule["id"]) == []


def test_a_gift_without_a_bound_is_refused() -> None:
    result = run(*RULE)
    assert result.exit_code != 0
    assert "gifts have a bound" in result.stderr
    assert said("credits", "top-up-rules", "acme") == []
