"""`tallystick prices` as a person and a script meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_invoices import refused
from tests.cli.typed import run, said
from tests.facade.billing import catalog, day, opened

if TYPE_CHECKING:
    from pathlib import Path

NOW = ("--at", "2026-10-05")


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger with two customers on `basic@1`, which costs 12.00 instead of 10.00 since."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with opened("sqlite:///b.db") as tally:
        tally.customers.create("globex", name="Globex [Inc]")
        tally.subscriptions.start("acme", "basic", id="a")
        tally.subscriptions.start("globex", "basic", id="g")
        tally.publish(catalog("12.00"), author="anna", at=day("2026-10-02"))


def plan(*words: str) -> str:
    id_ = said("prices", "plan", "basic", "--to", "basic@2", "--id", "m", *NOW, *words)["id"]
    assert isinstance(id_, str)
    return id_


def test_a_preview_shows_each_difference() -> None:
    shown = run("prices", "preview", "basic", "--to", "basic", *NOW)
    assert shown.exit_code == 0
    line = next(each for each in shown.stdout.splitlines() if "Globex" in each)
    assert "Globex [Inc]" in line
    assert line.split()[-6:] == ["12.00", "USD", "20", "%", "planned", "2026-11-01T00:00:00Z"]
    assert "20.00 USD before, 24.00 USD after" in shown.stdout
    words = ("prices", "preview", "basic", "--to", "basic", "--without", "acme", *NOW)
    tree = said(*words, "--cap", "20")
    assert (tree["before"], tree["after"], tree["over_cap"]) == (1000, 1200, [])
    assert [(each["customer"], each["change"], each["percent"]) for each in tree["moves"]] == [
        ("globex", 200, "20")
    ]


def test_over_the_cap_is_a_status_in_a_preview_and_an_error_in_a_plan() -> None:
    words = ("basic", "--to", "basic", "--cap", "10", *NOW)
    status, text = refused("prices", "preview", *words)
    assert (status, text.startswith("2 over the cap")) == (1, True)
    status, text = refused("prices", "plan", *words)
    assert status == 1
    assert "2 customers would pay over 10 % more: Acme (acme) +20 %" in text
    assert said("prices", "list")["price_migrations"] == []


def test_from_a_plan_to_an_undo() -> None:
    plan("--stage", "1", "--notice-days", "10", "--customer", "acme", "--customer", "globex")
    shown = run("prices", "show", "m", "--moves").stdout
    for text in ("m: planned, basic@1 to basic@2", "notice: 10 days", "2 planned", "Acme"):
        assert text in shown
    first = said("prices", "run", "m", *NOW)
    assert (first["stage"], first["moved"], first["left"]) == (1, 1, 1)
    assert run("prices", "run", "m", "--stage", "1", *NOW).stdout.startswith("nobody is left")
    assert run("prices", "run", "m", *NOW).stdout == "stage 2: 1 moved, 0 to come\n"
    assert "2 moved" in run("prices", "list").stdout
    status, text = refused("prices", "undo", "m", *NOW)
    assert (status, "--yes" in text) == (2, True)
    assert said("prices", "undo", "m", "--yes", *NOW) == {"undone": 2, "kept": []}
    assert said("prices", "show", "m")["state"] == "undone"
    notices = said("dunning", "outbox")["notices"]
    assert [each["kind"] for each in notices] == ["price_change"] * 2 + ["price_change_undone"] * 2


def test_an_undo_that_comes_too_late_says_for_whom() -> None:
    plan()
    run("prices", "run", "m", *NOW)
    done = run("prices", "undo", "m", "--yes", "--at", "2026-11-02")
    assert done.exit_code == 1
    assert "0 undone, 2 stay moved" in done.stdout
    assert "stays moved: a of acme: it has taken effect" in done.stderr


def test_who_is_left_out_is_told_and_a_stop_ends_it() -> None:
    plan("--stage", "1")
    run("subscriptions", "change", "a", "--seats", "2", "--when", "now", *NOW)
    done = run("prices", "run", "m", *NOW)
    assert "0 moved, 1 left out, 1 to come" in done.stdout
    assert "left out: a of acme: it was changed since" in done.stderr
    assert "m: stopped" in run("prices", "stop", "m").stdout
    assert said("prices", "show", "m", "--moves")["counts"] == {"skipped": 2}
    status, text = refused("prices", "run", "m")
    assert (status, "was stopped" in text) == (1, True)
    assert refused("prices", "show", "gone")[0] == 1
