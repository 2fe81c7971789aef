"""`--currency` as a person and a script meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick import Tallystick
from tallystick.testing.clock import FrozenClock
from tests.cli.test_invoices import refused
from tests.cli.typed import run, said
from tests.facade.billing import START, day
from tests.facade.test_currencies import catalog

if TYPE_CHECKING:
    from pathlib import Path

AT = ("--at", "2026-10-01")


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with Tallystick("sqlite:///b.db", catalog=catalog(), clock=FrozenClock(START)) as tally:
        tally.migrate()
        tally.publish(author="anna", at=day("2026-01-01"))
        tally.customers.create("acme")
        tally.customers.create("globex", currency="EUR")


def test_a_start_says_its_currency() -> None:
    words = ("subscriptions", "start", "acme", "basic", "--currency", "JPY", *AT)
    assert said(*words, "--preview")["documents"][0]["total"] == 1500
    assert said(*words)["subscription"]["currency"] == "JPY"


def test_what_it_is_not_sold_in_is_told_with_both_names() -> None:
    status, text = refused("subscriptions", "start", "acme", "basic", "--currency", "KWD", *AT)
    assert status == 1
    assert "plan basic@1 is sold in USD, EUR and JPY, not in KWD" in text
    status, text = refused("subscriptions", "start", "acme", "basic", "--currency", "eur", *AT)
    assert (status, "write 'EUR'" in text) == (1, True)


def test_a_preview_of_a_price_migration_sums_up_each_currency() -> None:
    for customer in ("acme", "globex"):
        assert run("subscriptions", "start", customer, "basic", *AT).exit_code == 0
    with Tallystick("sqlite:///b.db") as tally:
        tally.publish(catalog("1600", "9.50"), author="anna", at=day("2026-10-02"))
    words = ("prices", "preview", "basic", "--to", "basic", "--at", "2026-10-05")
    shown = run(*words).stdout
    assert "10.00 USD before, 10.00 USD after" in shown
    assert "9.00 EUR before, 9.50 EUR after" in shown
    assert said(*words)["totals"] == [
        {"currency": "USD", "before": 1000, "after": 1000},
        {"currency": "EUR", "before": 900, "after": 950},
    ]
