"""The example of `make run`: the same invoices whoever runs it, whenever, and however often."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.app.catalog import load_catalog
from tallystick.cli.demo import FILE, opened_demo, show
from tallystick.cli.demo_billing import plan_before
from tallystick.core.event import parse_event
from tallystick.wiring import Tallystick
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tallystick.core.catalog import Catalog

USAGE = str(ROOT / "examples" / "usage-2026-10.jsonl")
NUMBERS = ["INV-000001", "INV-000002", "INV-000003", "INV-000004"]


@pytest.fixture
def catalog() -> Catalog[str, str]:
    return load_catalog(ROOT / "examples" / "shapes.yaml")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tallystick]:
    """Run the demonstration in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def opened(catalog: Catalog[str, str], plan: str = "cloud-monthly") -> Tallystick:
        tally, page = opened_demo(catalog, plan, USAGE)
        show(tally, page)
        return tally

    return opened


def standing(tally: Tallystick) -> dict[str | None, tuple[Any, ...]]:
    return {
        each.invoice.number: (each.invoice.id, each.invoice.total.minor, each.status, each.digest)
        for each in tally.invoices.list(limit=100)
    }


def test_three_months_are_billed_with_an_upgrade_and_the_first_invoice_is_paid(
    catalog: Catalog[str, str], run: Callable[..., Tallystick]
) -> None:
    tally = run(catalog)
    found = standing(tally)
    assert sorted(map(str, found)) == NUMBERS
    assert [found[number][1] for number in NUMBERS[:3]] == [
        3210,
        3210,
        3210,
    ]  # 29.00, less 10 %, with 23 % of tax
    assert [found[number][2] for number in NUMBERS] == ["paid", "open", "open", "open"]
    last = tally.invoices.get("INV-000004").invoice
    assert last.lines[0].kind == "credit"
    assert last.lines[0].amount.minor == -1497  # 16 of the 31 days of October at 29.00
    assert (last.subtotal.minor, last.discount.minor, last.credit.minor) == (103624, 10362, 2500)
    assert (last.tax.minor, last.total.minor) == (20875, 111637)  # 23 % of 907.62
    assert last.issued_at == datetime(2026, 11, 1, 1, tzinfo=UTC)
    assert (last.buyer and last.buyer.name, last.seller and last.seller.name) == (
        "Acme",
        "Cloud Example Ltd",
    )
    assert tally.invoices.replay("INV-000004").equal
    assert tally.verify().ok
    tally.close()


def test_another_run_changes_nothing(
    catalog: Catalog[str, str],
    run: Callable[..., Tallystick],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = run(catalog)
    before, said = standing(first), capsys.readouterr().out
    first.close()
    again = run(catalog)
    assert standing(again) == before
    assert len(again.invoices.payments("INV-000001")) == 1
    new, old = "171 new events, 0 stored before", "0 new events, 171 stored before"
    assert capsys.readouterr().out == said.replace(new, old)
    again.close()


def test_the_terminal_shows_the_invoices_and_a_sum_that_can_be_redone(
    catalog: Catalog[str, str],
    run: Callable[..., Tallystick],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(catalog).close()
    said = capsys.readouterr().out
    assert re.search(r"INV-000001 +2026-08-01 +2026-08-01 – 2026-09-01 +32\.10 EUR +paid", said)
    assert "$ tallystick invoice explain INV-000004 1 --database sqlite:///.tallystick" in said
    assert re.search(r"coupon Welcome  -105\.12 EUR\n", said)
    assert re.search(r"promotional credit grt_\w+  -25\.00 EUR\n", said)
    assert "VAT 23 %  208.75 EUR of 907.62 EUR\n" in said
    found = re.search(r"-min\(([\d.]+) EUR × ([\d,]+) ÷ ([\d,]+); .*\) = (-[\d.]+) EUR", said)
    assert found is not None
    fee, part, whole, amount = (Decimal(each.replace(",", "")) for each in found.groups())
    cent = Decimal("0.01")
    assert -(fee * part / whole).quantize(cent, ROUND_HALF_UP) == amount


def test_the_terminal_shows_the_year_to_come_and_changes_nothing_for_it(
    catalog: Catalog[str, str],
    run: Callable[..., Tallystick],
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = run(catalog)
    said = capsys.readouterr().out.partition("$ tallystick foresee acme")[2]
    assert said.startswith(" --at 2026-11-02 --until 2027-11-02 --like last-1-month --database")
    months = re.findall(r"^(2\d{3}-\d\d) +(\d+\.\d\d) EUR", said, re.MULTILINE)
    assert [month for month, _ in months[1:]] == [
        *["2026-12", "2027-01", "2027-02", "2027-03", "2027-04", "2027-05", "2027-06"],
        *["2027-07", "2027-08", "2027-09", "2027-10", "2027-11"],
    ]
    total = sum(Decimal(amount) for _, amount in months)
    assert f"total  {total} EUR in 12 documents" in said
    assert sorted(map(str, standing(tally))) == NUMBERS
    tally.close()


def test_a_run_on_another_plan_leaves_what_was_sold(
    catalog: Catalog[str, str], run: Callable[..., Tallystick]
) -> None:
    first = run(catalog)
    before = standing(first)
    first.close()
    again = run(catalog, "cloud-starter")
    assert standing(again) == before
    again.close()


@pytest.mark.parametrize("plan", ["cloud-lifetime", "cloud-enterprise"])
def test_a_plan_that_is_not_sold_by_the_period_bills_nothing(
    catalog: Catalog[str, str],
    run: Callable[..., Tallystick],
    capsys: pytest.CaptureFixture[str],
    plan: str,
) -> None:
    tally = run(catalog, plan)
    assert standing(tally) == {}
    assert "Invoices of" not in capsys.readouterr().out
    tally.close()


def test_the_cheapest_plan_is_billed_without_an_upgrade(
    catalog: Catalog[str, str], run: Callable[..., Tallystick]
) -> None:
    tally = run(catalog, "cloud-starter")
    (sold,) = tally.subscriptions.list()
    assert sold.items[0].offer == "cloud-starter@1"
    assert len(standing(tally)) == 4
    tally.close()


def test_usage_that_an_earlier_version_stored_is_late_and_stops_nothing(
    catalog: Catalog[str, str], run: Callable[..., Tallystick]
) -> None:
    FILE.parent.mkdir()
    with Tallystick(f"sqlite:///{FILE}", catalog=catalog) as before:
        before.migrate()
        before.publish(author="demo")
        arrived = datetime(2026, 11, 20, tzinfo=UTC)
        tree = {
            "id": "evt_00165",
            "source": "example",
            "customer": "acme",
            "type": "seats",
            "occurred_at": "2026-10-01T01:00:00Z",
            "properties": {"quantity": "8"},
        }
        assert before.usage.record_many([parse_event(tree, received_at=arrived)]).accepted == 1
    tally = run(catalog)
    assert sorted(map(str, standing(tally))) == NUMBERS
    assert tally.verify().ok
    tally.close()


def test_the_plan_before_is_the_dearest_below(catalog: Catalog[str, str]) -> None:
    found = plan_before(catalog, catalog["cloud-monthly"])
    assert found is not None
    assert found.id == "cloud-starter"
    assert plan_before(catalog, catalog["cloud-starter"]) is None
