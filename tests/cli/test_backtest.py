"""`tallystick backtest` as a person and a script meet it: sums, a plot, files, refusals."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tallystick.core.canonical import canonical_json, to_tree
from tests.facade.billing import catalog, day, digest, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from tallystick import Tallystick

YEAR = ("--from", "2026-01-01", "--to", "2027-01-01")
ODD = '<b>&"=1+1'


@pytest.fixture(autouse=True)
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tallystick]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with opened("sqlite:///b.db") as ledger:
        for place, name in enumerate((ODD, "globex", "hooli")):
            ledger.customers.create(name)
            plan = ("basic", "pro", "desk")[place]
            ledger.subscriptions.start(name, plan, seats=2, at=day("2026-10-01"))
        ledger.invoices.run(day("2026-12-02"))
        yield ledger


def written(**prices: str) -> str:
    """Write the catalogue with other costs, by price id."""
    tree: Any = to_tree(catalog())
    for product in tree["products"]:
        for plan in product["plans"]:
            for price in plan["prices"]:
                price["cost"] = prices.get(price["id"], price["cost"])
    Path("new.json").write_bytes(canonical_json(tree))
    return "new.json"


def run(*words: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["backtest", *words])
    assert result.exit_code == status, (result.stdout, result.stderr)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_it_tells_sums_winners_losers_and_draws_them(tally: Tallystick) -> None:
    before = digest(tally)
    found = run(written(basic="8.00", seat="6.00"), *YEAR).stdout
    assert digest(tally) == before
    assert "2 customers, 6 documents in USD" in found
    assert "issued           150.00 USD" in found
    assert "would have been  150.00 USD" in found
    assert "less for 1 (6.00 USD), more for 1 (6.00 USD), the same for 0" in found
    assert "50% -6.00 USD" in found
    assert "-6.00 to -5.00" in found
    assert found.count("█" * 40) == 2
    assert "1 customer, 3 documents in EUR" in found
    assert "globex" in found
    assert "not compared" not in found


def test_a_machine_gets_the_same_in_minor_units() -> None:
    found = json.loads(run(written(basic="8.00"), *YEAR, "--json").stdout)
    by_name = {each["customer"]: each for each in found["customers"]}
    assert by_name[ODD] == {
        "customer": ODD,
        "currency": "USD",
        "documents": 3,
        "issued": 3_000,
        "repriced": 2_400,
        "difference": -600,
    }
    euro, dollar = found["currencies"]
    assert (euro["currency"], euro["difference"], euro["bins"]) == ("EUR", 0, [])
    assert (dollar["winners"], dollar["losers"], dollar["won"]) == (1, 0, 600)
    assert sum(each["customers"] for each in dollar["bins"]) == 1
    assert dollar["quantiles"]["0"] == -600
    assert (found["documents"], found["added"], found["not_compared"]) == (9, [], [])


def test_a_table_of_customers_is_written() -> None:
    assert "wrote out.csv" in run(written(basic="8.00"), *YEAR, "--csv", "out.csv").stdout
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["customer"]: row for row in csv.DictReader(file)}
    assert rows[ODD]["difference"] == "-6.00"
    assert rows["globex"]["repriced"] == rows["globex"]["issued"] == "120.00"
    assert rows["hooli"]["currency"] == "EUR"


class _Texts(HTMLParser):
    """Reads a page: its tags, its attributes, its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_a_page_stands_alone_and_shows_texts_as_texts() -> None:
    run(written(basic="8.00", seat="5.50"), *YEAR, "--html", "out.html", "--plan", "sms=basic")
    text = Path("out.html").read_text(encoding="utf-8")
    page = _Texts()
    page.feed(text)
    assert ODD in page.texts
    assert "b" not in page.tags
    assert {"script", "link", "img", "iframe", "a"}.isdisjoint(page.tags)
    assert {"src", "href", "onclick"}.isdisjoint(page.names)
    assert "default-src 'none'" in text
    assert page.tags.count("svg") == 1  # in euro nobody pays another amount
    assert page.tags.count("rect") > 1
    assert "150.00 USD" in page.texts


def test_what_cannot_be_compared_is_told() -> None:
    tree: Any = to_tree(catalog())
    tree["products"] = tree["products"][:1]
    Path("new.json").write_bytes(canonical_json(tree))
    found = run("new.json", *YEAR, "--html", "out.html").stdout
    assert "desk@1 desk: there is no such plan (3 × in all 21.00 EUR)" in found
    assert "there is no such plan" in Path("out.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("new.json", "--from", "2027-01-01", "--to", "2026-01-01"), 1, "ends at"),
        (("new.json", "--from", "soon", "--to", "2026-01-01"), 2, "--from"),
        (("gone.json", *YEAR), 2, "gone.json"),
        (("new.json", *YEAR, "--plan", "basic"), 2, "A=B"),
        (("new.json", *YEAR, "--plan", "basic=pro", "--plan", "basic=sms"), 2, "A=B"),
        (("new.json", *YEAR, "--plan", "gone=pro"), 1, "no plan 'gone'"),
        (("new.json", *YEAR, "--plan", "basic=gone"), 1, "no plan 'gone'"),
        (("new.json", *YEAR, "--csv", "no/such.csv"), 2, "there is no folder no"),
        (("new.json", *YEAR, "--html", "no/such.html"), 2, "there is no folder no"),
    ],
)
def test_what_is_asked_wrongly_is_refused(words: tuple[str, ...], status: int, said: str) -> None:
    written()
    found = run(*words, status=status)
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_nothing_in_that_time() -> None:
    words = ("--from", "2020-01-01", "--to", "2020-02-01", "--html", "out.html")
    assert run(written(), *words).stdout.startswith("nothing was issued in that time\n")
    assert "Nothing was issued" in Path("out.html").read_text(encoding="utf-8")
