"""`tallystick check --database` and `tallystick use` as a person and a script meet them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick, define_plans
from tests.cli.typed import run

if TYPE_CHECKING:
    from pathlib import Path


LEDGER = "sqlite:///b.db"


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALLYSTICK_DATABASE_URL", raising=False)
    calls = {"featureKey": "calls", "enabled": True, "limit": 5, "reset": "month"}
    plan = {"id": "pro", "name": "Pro", "price": 900, "currency": "USD", "interval": "month"}
    with Tallystick(LEDGER) as tally:
        tally.migrate()
        tally.publish(define_plans([{**plan, "features": [calls]}]), author="ops")
        tally.customers.create("acme")
        tally.subscriptions.start("acme", "pro")


def said(*words: str) -> Any:
    return json.loads(run(*words, "--database", LEDGER, "--json").stdout)


def test_a_use_is_counted_and_the_last_one_is_the_last() -> None:
    assert said("check", "acme", "calls")["remaining"] == 5
    assert said("use", "acme", "calls", "-n", "4", "--key", "one")["remaining"] == 1
    assert said("use", "acme", "calls", "-n", "4", "--key", "one")["remaining"] == 1
    denied = run("use", "acme", "calls", "-n", "2", "--database", LEDGER)
    assert denied.exit_code == 1
    assert "Pro allows 5 calls, 4 used" in denied.stderr
    asked = run("check", "acme", "calls", "-n", "2", "--database", LEDGER)
    assert (asked.exit_code, asked.stdout) == (
        1,
        "denied: Pro allows 5 calls, 4 used [limit_reached]\n",
    )
    assert said("check", "acme", "calls", "--used", "5")["reason"] == "limit_reached"


def test_who_has_nothing_is_offered_something() -> None:
    found = said("check", "globex", "calls")
    assert (found["allowed"], found["reason"]) == (False, "no_subscription")
    assert found["unlocks"] == [{"kind": "plan", "plan": "pro", "price": "9.00 USD", "seats": 1}]
    assert said("check", "globex", "calls", "--plan", "pro")["allowed"]


def test_wrong_words_are_wrong_usage() -> None:
    assert run("check", "acme", "--database", LEDGER).exit_code == 2
    assert run("check", "acme", "calls", "-n", "-1", "--database", LEDGER).exit_code == 2
    assert run("use", "acme", "calls").exit_code == 2
