"""`tallystick payments` as a person and a script meet it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.typed import run, said
from tests.facade.billing import START, opened

if TYPE_CHECKING:
    from pathlib import Path


FIRST = "INV-000001"


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with opened("sqlite:///b.db") as tally:
        tally.subscriptions.start("acme", "basic", id="s", at=START)
        tally.invoices.run(at=START)


def test_a_transfer_from_the_asking_to_the_refund() -> None:
    day = ("--at", "2026-10-02")
    asked = said("payments", "collect", FIRST, "--provider", "manual", *day)
    assert (asked["state"], asked["amount"], asked["tries"]) == ("waiting", 1000, 1)
    rows = run("payments", "list").stdout.splitlines()
    assert rows[0].split() == [
        *("id", "kind", "invoice", "customer", "provider", "amount", "state", "tries")
    ]
    assert rows[1].split()[1:] == [
        "collect",
        FIRST,
        "acme",
        "manual",
        "10.00",
        "USD",
        "waiting",
        "1",
    ]
    text = run("payments", "confirm", asked["id"], "--method", "wire", *day).stdout
    assert "state: succeeded\n" in text
    assert "amount: 10.00 USD\n" in text
    back = said("payments", "refund", asked["id"], "--amount", "4.00", "--reason", "sorry", *day)
    assert said("payments", "cancel", back["id"], *day)["state"] == "canceled"
    assert f"key: {back['key']}\n" in run("payments", "show", back["id"]).stdout
    assert len(said("payments", "list", "--invoice", FIRST)["payments"]) == 2
    page = run("payments", "list", "--limit", "1").stdout
    assert "more: --starting-after int_" in page
    assert said("payments", "list", "--set-aside")["payments"] == []


def test_the_worker_gives_up_what_was_paid_otherwise() -> None:
    words = ("payments", "collect", FIRST, "--provider", "manual", "--at", "2026-01-01")
    said(*words)
    assert run("invoice", "pay", FIRST, "--at", "2026-10-02").exit_code == 0
    told = run("worker", "--once").stdout
    assert "payments: 1 canceled\n" in told
    assert run("worker", "--once").stdout == ""


def test_what_the_worker_did_is_told_to_a_machine_too() -> None:
    said("payments", "collect", FIRST, "--provider", "manual", "--at", "2026-01-01")
    lines = [json.loads(line) for line in run("worker", "--once", "--json").stdout.splitlines()]
    (told,) = [each["payments"] for each in lines if "payments" in each]
    assert told == dict.fromkeys(told, 0) | {"waiting": 1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "int_0"), "no payment intent 'int_0'"),
        (("confirm", "int_0"), "no payment intent 'int_0'"),
        (("retry", "int_0"), "no payment intent 'int_0'"),
        (("collect", FIRST, "--provider", "nobody"), "no provider 'nobody"),
        (("collect", FIRST, "--provider", "manual", "--amount", "11"), "is more than the"),
        (("list", "--state", "lost"), "state is one of open, waiting"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    result = run("payments", *words)
    assert result.exit_code != 0
    assert sentence in result.stderr
