"""A family's document as a person meets it on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.typed import run, said
from tests.facade.billing import day, opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with opened("sqlite:///b.db") as tally:
        for name in ("holding", "north", "south"):
            tally.customers.create(name, name=None if name == "south" else f"Shop {name}")
        for child, plan in (("north", "pro"), ("south", "basic")):
            tally.customers.set_parent(child, "holding")
            tally.subscriptions.start(child, plan, id=f"s-{child}", at=day("2026-10-05"))


def test_a_document_is_shown_in_sections_each_with_its_sum() -> None:
    assert run("invoice", "run", "--at", "2026-10-07").exit_code == 0
    shown = run("invoice", "show", "INV-000001").stdout.splitlines()
    rows = [" ".join(line.split()) for line in shown]
    table = rows[rows.index("line kind description for quantity amount") + 1 :]
    month = "2026-10-05T00:00:00Z – 2026-11-05T00:00:00Z"
    assert table[:5] == [
        "section Shop north (north) · s-north 35.00 USD",
        f"1 fee Pro {month} 1 30.00 USD",
        f"2 fee Pro Seats {month} 1 5.00 USD",
        "section south · s-south 10.00 USD",
        f"3 fee Basic {month} 1 10.00 USD",
    ]
    sections = said("invoice", "show", "INV-000001")["sections"]
    assert [(each["customer"], each["lines"]) for each in sections] == [("north", 2), ("south", 1)]


def test_a_document_without_sections_has_no_headings() -> None:
    assert run("customers", "create", "alone").exit_code == 0
    start = ("subscriptions", "start", "alone", "basic", "--at", "2026-10-05")
    assert run(*start).exit_code == 0
    assert run("invoice", "run", "--at", "2026-10-05").exit_code == 0
    assert "section" not in run("invoice", "show", "INV-000001").stdout
