"""`tallystick subscriptions`, `invoice`, `worker`, `seller` as a person and a script meet them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick
from tests.cli.typed import run, said
from tests.facade.billing import opened

if TYPE_CHECKING:
    from pathlib import Path


OCTOBER = ("--at", "2026-10-01")
PATIENCE = 120  # seconds, of which a machine that is not busy takes few


def refused(*words: str) -> tuple[int, str]:
    """Type a command that is refused; give its status and what it says."""
    result = run(*words)
    assert result.exit_code in {1, 2}, result.stdout
    return result.exit_code, result.stderr


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    opened("sqlite:///b.db").close()


def start(*words: str) -> Any:
    return said("subscriptions", "start", "acme", "pro", "--id", "s", *OCTOBER, *words)


def test_a_subscription_from_start_to_end() -> None:
    words = ("--seats", "2", "--add", "sms=3", "--override", "pro.cost=20.00", "--memo", "Hi")
    seen = said("subscriptions", "start", "acme", "pro", "--id", "s", *words, *OCTOBER, "--preview")
    assert seen["preview"] is True
    assert seen["documents"][0]["total"] == 2000 + 1000 + 1200
    assert said("subscriptions", "list")["subscriptions"] == []
    made = start(*words)
    assert made["subscription"] == seen["subscription"]
    assert made["documents"] == [seen["documents"][0]["id"]]
    text = run("subscriptions", "show", "s").stdout
    assert "plan: pro@1, 2 seats, prices of its own: pro" in text
    assert "add-on: sms@1, 3 seats" in text
    at = ("--at", "2026-10-16")
    seen_text = run("subscriptions", "change", "s", "--remove", "sms", *at, "--preview").stdout
    assert "no document falls due at once" in seen_text
    assert "preview: nothing was changed" in seen_text
    run("subscriptions", "change", "s", "--remove", "sms", "--when", "period-end", *at)
    rows = run("subscriptions", "schedule", "s").stdout.splitlines()
    assert rows[1].split() == ["2026-11-01T00:00:00Z", "changes", "2", "remove", "sms"]
    assert said("subscriptions", "schedule", "s")[0]["number"] == 2
    assert said("subscriptions", "unplan", "s", "2", *at)["subscription"]["moves"] == 3
    assert said("subscriptions", "pause", "s", *at)["subscription"]["state"] == "paused"
    assert said("subscriptions", "resume", "s", *at)["subscription"]["state"] == "active"
    assert "cancel_at" in said("subscriptions", "cancel", "s", *at)["subscription"]
    assert "cancel_at" not in said("subscriptions", "keep", "s", *at)["subscription"]
    gone = said("subscriptions", "cancel", "s", "--when", "now", "--credit", *at)
    assert gone["subscription"]["state"] == "canceled"
    assert run("subscriptions", "schedule", "s").stdout == "nothing will happen by itself\n"
    table = run("subscriptions", "list", "--customer", "acme").stdout
    assert "canceled" in table


def test_documents_from_the_run_to_the_refund() -> None:
    start()
    first = run("invoice", "run", "--at", "2026-11-02")
    assert first.stdout.splitlines() == ["1 subscription went on, 2 documents", "total  70.00 USD"]
    assert run("invoice", "run", "--at", "2026-11-02").stdout == "nothing was due\n"
    assert said("invoice", "run", "--at", "2026-11-02", "--limit", "1")["documents"] == 0
    assert len(said("invoice", "list", "--status", "open")["invoices"]) == 2
    paid = said("invoice", "pay", "INV-000001", "20.00", "--method", "bank", "--reference", "R1")
    assert (paid["paid"], paid["left"], paid["payments"][0]["method"]) == (2000, 1500, "bank")
    assert "left to pay  15.00 USD" in run("invoice", "show", "INV-000001").stdout
    note = said("invoice", "credit", "INV-000001", "--line", "1=20.00", "--reason", "Slow")
    assert (note["kind"], note["total"], note["terms"]["memo"]) == ("credit_note", -2000, "Slow")
    found = said("invoice", "show", "INV-000001")
    assert (found["status"], found["credited"], found["noted"]) == ("paid", 1500, 2000)
    assert said("invoice", "refund", "INV-000001", "6.00")["refunded"] == 600
    assert said("invoice", "uncollectible", "INV-000002")["status"] == "uncollectible"
    item = run("invoice", "item", "acme", "Help", "5.00", "--currency", "USD", "--now", *OCTOBER)
    assert "5.00 USD, on a document of its own" in item.stdout
    run("invoice", "run", "--at", "2026-11-02")
    assert said("invoice", "void", "INV-000003")["status"] == "void"
    assert "2026-12-01T00:00:00Z" in run("invoice", "preview", "s", "--at", "2026-11-03").stdout
    assert said("invoice", "preview", "s", "--at", "2026-11-03")["total"] == 3500


def test_a_document_as_its_customer_reads_it(tmp_path: Path) -> None:
    start()
    run("seller", "set", "--name", "Us GmbH", "--address", "city=Wien", "--net-days", "14")
    run("invoice", "run", "--at", "2026-10-01T02:00:00Z")
    assert run("invoice", "show", "INV-000001", "--html", "i.html").stdout == "wrote i.html\n"
    assert "Us GmbH" in (tmp_path / "i.html").read_text("utf-8")
    assert "Rechnung" in run("invoice", "show", "INV-000001", "--text", "--locale", "de").stdout
    assert said("seller", "show")["net_days"] == 14
    assert said("seller", "set", "--clear", "name")["name"] is None
    assert refused("seller", "set") == (2, "error: say what changes: see --help\n")
    assert refused("seller", "set", "--grace-seconds", "-1")[0] == 1


def test_what_is_set_aside_is_told_with_its_cure() -> None:
    start()
    with opened_again() as tally:
        tally.act(_break)
    result = run("invoice", "run", "--at", "2026-11-02")
    assert result.exit_code == 1
    assert "set aside: subscription s of acme: no plan 'pro@9' [UNKNOWN_PLAN]" in result.stderr
    assert "look into it: tallystick " in result.stderr
    assert "tallystick invoice retry s" in result.stderr
    again = run("invoice", "run", "--at", "2026-11-02")
    assert (again.exit_code, "1 set aside before" in again.stderr) == (1, True)
    assert "is in the runs again" in run("invoice", "retry", "s").stdout
    assert refused("invoice", "retry", "s")[0] == 1


def opened_again() -> Any:
    return Tallystick("sqlite:///b.db")


def _break(unit: Any, _: object) -> None:
    table = unit.tables.subscriptions
    snapshot = unit.connection.execute(table.select()).mappings().one()["snapshot"]
    broken = snapshot.replace("pro@1", "pro@9")
    unit.connection.execute(table.update().values(snapshot=broken))


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["subscriptions", "start", "acme", "gold"], 1, "no plan 'gold'"),
        (["subscriptions", "start", "nobody", "pro"], 1, "no customer"),
        (["subscriptions", "start", "acme", "pro", "--at", "2026-10-01T00:00:00"], 2, "time zone"),
        (["subscriptions", "start", "acme", "pro", "--at", "soon"], 2, "is not a time"),
        (["subscriptions", "start", "acme", "pro", "--seats", "0"], 1, "seats"),
        (["subscriptions", "start", "acme", "pro", "--add", "sms="], 2, "PLAN=SEATS"),
        (["subscriptions", "start", "acme", "pro", "--override", "pro"], 2, "PRICE.FIELD=VALUE"),
        (["subscriptions", "start", "acme", "pro", "--phase", "x"], 2, "PERIODS:PERCENT"),
        (["subscriptions", "start", "acme", "pro", "--phase", "3:200"], 1, "percent_off"),
        (["subscriptions", "start", "acme", "pro", "--billing", "x"], 1, "billing"),
        (["subscriptions", "change", "nothing", "--seats", "2"], 1, "no subscription"),
        (["subscriptions", "change", "nothing", "--when", "never"], 2, "is not a time"),
        (["invoice", "show", "INV-9"], 1, "no invoice"),
        (["invoice", "show", "INV-9", "--text", "--json"], 2, "choose one"),
        (["invoice", "show", "INV-9", "--locale", "de"], 2, "--locale goes with"),
        (["invoice", "pay", "INV-9"], 1, "no invoice"),
        (["invoice", "credit", "INV-9", "--line", "x"], 2, "POSITION=AMOUNT"),
        (["invoice", "list", "--status", "lost"], 1, "status"),
        (["invoice", "run", "--limit", "-1"], 1, "limit"),
        (["invoice", "item", "acme", "x", "1.00"], 1, "no currency that is known"),
        (["invoice", "item", "acme", "x", "1.001", "--currency", "USD"], 1, "decimals"),
        (["invoice", "preview", "nothing"], 1, "no subscription or draft"),
        (["worker", "--every", "0"], 2, "--every"),
    ],
)
def test_what_is_asked_wrongly_is_told(words: list[str], code: int, hint: str) -> None:
    status, text = refused(*words)
    assert (status, text.startswith("error: "), hint in text) == (code, True, True), text


def test_a_worker_bills_until_nothing_is_due() -> None:
    start()
    done = run("worker", "--once", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout.splitlines()[0])["documents"] >= 2
    assert run("worker", "--once").stdout == ""


def test_a_worker_ends_at_sigterm() -> None:
    start()
    command = [sys.executable, "-m", "tallystick", "worker", "--every", "3600", "--json"]
    with subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["documents"] >= 2
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 0
