"""The whole output of an explanation is redone with bare decimals, and every line comes out."""

from __future__ import annotations

import hashlib
import json
import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tallystick.app.explain import explain_invoice, trace_tree
from tallystick.cli.commands import app
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import invoices
from tests.billed import LATE, migrated, play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.storage.unit import Storage


@pytest.fixture(scope="module", params=["sqlite-file", "postgresql"])
def used(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """A ledger that was used for months, and is only looked at."""
    with migrated(request.param, tmp_path_factory.mktemp("ledger")) as opened:
        play(opened, LATE)
        yield opened


def command(used: Storage, *words: str) -> tuple[int, str]:
    url = used.engine.url.render_as_string(hide_password=False)
    done = CliRunner().invoke(app, ["invoice", *words, "--database", url])
    return done.exit_code, done.output


def numbers(used: Storage) -> list[str]:
    with used.look() as unit:
        unit.as_all()
        found = (each.invoice.number for each in invoices.list_invoices(unit, 100))
        return sorted(number for number in found if number is not None)


# --- a calculator -------------------------------------------------------------------------------

NUMBER = re.compile(r"-?[\d,]+(?:\.\d+)?")
WORDS = re.compile(r"\b(?:USD|included|billed earlier|charged|units)\b")


def product(text: str) -> Decimal:
    """Redo products and quotients, from left to right."""
    first, *rest = re.split(r"([×÷])", text)
    value = Decimal(first.strip().replace(",", ""))
    for sign, factor in zip(rest[::2], rest[1::2], strict=True):
        number = Decimal(factor.strip().replace(",", ""))
        value = value * number if sign == "×" else value / number
    return value


def total(text: str) -> Decimal:
    """Redo a sum of products; a sign with blanks around it adds or takes away."""
    first, *rest = re.split(r" ([+-]) ", text)
    value = product(first)
    for sign, term in zip(rest[::2], rest[1::2], strict=True):
        value += product(term) if sign == "+" else -product(term)
    return value


def rounded(inner: re.Match[str]) -> str:
    """Redo what is rounded by itself, to the currency's two decimals."""
    return str(total(inner[1]).quantize(Decimal("0.01"), ROUND_HALF_UP))


def redone(sum_: str) -> Decimal:
    """Redo the left side of a printed sum."""
    text = re.sub(r"round\(([^)]*)\)", rounded, WORDS.sub("", sum_))
    least = re.fullmatch(r"\s*-min\((.*)\)\s*", text)
    if least:
        return -min(total(each) for each in least[1].split(";"))
    negated = re.fullmatch(r"\s*-\((.*)\)\s*", text)
    if negated:
        return -total(negated[1])
    return total(text)


def checked(text: str) -> Decimal:
    """Hold a printed sum to what comes out; give what is printed right of the last `=`."""
    left, _, right = text.rpartition(" = ")
    printed = Decimal(WORDS.sub("", right).strip().replace(",", ""))
    body = left.rpartition(": ")[2] if ": " in left else left.rpartition("  ")[2]
    with localcontext(prec=60):
        exact = redone(body)
        decimals = Decimal(1).scaleb(printed.as_tuple().exponent)  # type: ignore[arg-type]  # the printed number is finite
        assert exact.quantize(decimals, ROUND_HALF_UP) == printed, text
    return printed


def is_sum(text: str) -> bool:
    return " = " in text


def test_every_printed_sum_comes_out_and_gives_its_line(used: Storage) -> None:
    seen = 0
    for number in numbers(used):
        code, output = command(used, "explain", number)
        assert code == 0
        blocks = output.split("\n\n")
        lines = [block for block in blocks if re.match(r"\d+\. ", block)]
        amounts = []
        for block in lines:
            head, *rest = block.splitlines()
            amount = Decimal(head.rpartition(": ")[2].removesuffix(" USD").replace(",", ""))
            sums = [checked(text.strip()) for text in rest if is_sum(text)]
            assert sums, block
            assert sums[-1] == amount, block
            amounts.append(amount)
            seen += len(sums)
        below = [checked(text) for text in blocks[-1].splitlines() if is_sum(text)]
        assert below[0] == sum(amounts)
    assert seen > 50


def test_the_calculator_finds_a_wrong_sum() -> None:
    assert checked("Pro  sum: 13.00 USD + 28.749 USD = 41.749 USD") == Decimal("41.749")
    with pytest.raises(AssertionError):
        checked("Pro  5 × 5.00 USD = 25.01 USD")


# --- what a line stands on ------------------------------------------------------------------------


def test_a_line_of_usage_says_what_it_counted(used: Storage) -> None:
    with used.look() as unit:
        unit.as_all()
        trace = explain_invoice(unit, "INV-000003", 3, events=2)
    (line,) = trace.lines
    assert line.bought is not None
    assert (line.bought.ref, line.bought.catalog) == ("pro@1", 1)
    assert line.meter is not None
    assert (line.meter.key, line.meter.aggregation) == ("calls", "sum")
    assert line.counted is not None
    counted = line.counted.events
    # call3 was taken back, call4 amended; call20 and call30 came later
    assert [each.event.id for each in counted] == [f"call{n}" for n in (1, 2, 4, 5, 6, 7, 8, 9)]
    assert sum(int(str(each.event.properties["quantity"])) for each in counted) == 5_207
    assert [each.event.id for each in line.events] == ["call1", "call2"]
    rows = [("api", each.event.id, each.digest) for each in counted]
    rows += [("api", "fix2", counted[2].amendment_digest or "")]
    told = "".join(json.dumps(["acme", *row], separators=(",", ":")) + "\n" for row in rows)
    assert line.counted.digest == f"sha256:{hashlib.sha256(told.encode()).hexdigest()}"


def test_a_level_counts_what_was_in_force_before(used: Storage) -> None:
    with used.look() as unit:
        unit.as_all()
        trace = explain_invoice(unit, "INV-000006", 2)
    (line,) = trace.lines
    assert line.line.price == "storage"
    assert line.counted is not None
    assert [each.event.id for each in line.counted.events] == ["level2"]


def test_late_usage_names_its_events_and_counts_them(used: Storage) -> None:
    code, output = command(used, "explain", "INV-000006", "5")
    assert code == 0
    assert "late: call30, fix3" in output
    assert "late: 38.02 USD - 41.75 USD billed earlier = -3.73 USD" in output
    assert "8 events counted" in output


def test_the_tree_is_json_and_has_everything(used: Storage) -> None:
    code, output = command(used, "explain", "INV-000003", "--json", "--events", "1")
    tree = json.loads(output)
    assert code == 0
    assert tree["number"] == "INV-000003"
    assert [line["position"] for line in tree["lines"]] == [1, 2, 3, 4, 5, 6]
    usage = tree["lines"][2]
    assert usage["catalog"] == 1
    assert usage["plan"] == "pro@1"
    assert usage["meter"]["aggregation"] == "sum"
    assert usage["events"]["count"] == 8
    assert usage["events"]["named"][0]["id"] == "call1"
    assert tree["lines"][0]["whole"] == ["2027-01-31T09:00:00Z", "2027-02-28T09:00:00Z"]
    assert tree["watermark"] == "2027-02-28T10:00:00Z"
    with used.look() as unit:
        unit.as_all()
        assert trace_tree(explain_invoice(unit, "INV-000003", events=1)) == tree


def test_one_line_has_no_sums_of_the_document(used: Storage) -> None:
    _, output = command(used, "explain", "INV-000003", "2")
    assert "2. Pro Seats: 11.50 USD" in output
    assert "subtotal" not in output


def test_what_cannot_be_explained_is_refused(used: Storage) -> None:
    with used.look() as unit:
        unit.as_all()
        with pytest.raises(NotFound):
            explain_invoice(unit, "INV-999")
        with pytest.raises(NotFound):
            explain_invoice(unit, "INV-000003", 7)
        with pytest.raises(NotFound):
            explain_invoice(unit, "INV-000003", 0)
        with pytest.raises(NotFound):
            explain_invoice(unit, "INV-000003", customer_id="beta")
        with pytest.raises(InvalidInput):
            explain_invoice(unit, "INV-000003", events=-1)
        with pytest.raises(InvalidInput):
            explain_invoice(unit, "INV-000003", events=1_001)
        drafts = invoices.list_invoices(unit, 10, statuses={"draft", "empty"})
        for draft in drafts:
            with pytest.raises(Conflict):
                explain_invoice(unit, draft.invoice.id)
    assert command(used, "explain", "INV-999")[0] == 1
    assert command(used, "explain", "INV-000003", "0")[0] == 1


# --- the command of the replay --------------------------------------------------------------------


def test_a_replay_says_that_nothing_is_different(used: Storage) -> None:
    code, output = command(used, "replay", "INV-000006")
    assert code == 0
    assert output.startswith("INV-000006: made again, the same")
    code, output = command(used, "replay", "INV-000006", "--json")
    assert code == 0
    assert json.loads(output)["equal"] is True


def test_a_replay_that_differs_ends_with_1_and_names_it(tmp_path: Path) -> None:
    with migrated("sqlite-file", tmp_path) as storage:
        play(storage, LATE)
        name = storage.tables.invoices.name
        with storage.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER {name}_issued")
            connection.exec_driver_sql(
                f"UPDATE {name} SET memo = 'gift' WHERE number_text = 'INV-000006'"  # noqa: S608 - names of ours
            )
        code, output = command(storage, "replay", "INV-000006")
        assert code == 1
        assert "columns.memo: stored is gift, made again it is nothing" in output
        code, output = command(storage, "replay", "INV-000006", "--json")
        assert code == 1
        assert json.loads(output)["differences"] == [
            {"path": "columns.memo", "stored": "gift", "found": None}
        ]
