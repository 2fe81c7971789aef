"""`tallystick foresee` as a person and a script meet it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tallystick.cli.plot import print_bars
from tests.facade.billing import START, opened

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

AT = ("--at", "2026-11-10")


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with opened("sqlite:///b.db") as tally:
        tally.subscriptions.start("acme", "pro", id="s", seats=2, at=START)


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, ["foresee", "acme", *words, *AT])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_year_is_a_table_and_a_plot() -> None:
    text = run("--until", "2027-02", "--change", "basic@2026-12-15").stdout
    assert text.splitlines() == [
        "at                    document  subscription  for                 total        due",
        "2026-10-01T00:00:00Z  invoice   s             Pro, Pro Seats  40.00 USD  40.00 USD",
        "2026-11-01T00:00:00Z  invoice   s             Pro, Pro Seats  40.00 USD  40.00 USD",
        "2026-12-01T00:00:00Z  invoice   s             Pro, Pro Seats  40.00 USD  40.00 USD",
        "2027-01-01T00:00:00Z  invoice   s             Basic           10.00 USD  10.00 USD",
        "2027-02-01T00:00:00Z  invoice   s             Basic           10.00 USD  10.00 USD",
        "",
        f"2026-10  40.00 USD  {'█' * 40}",
        f"2026-11  40.00 USD  {'█' * 40}",
        f"2026-12  40.00 USD  {'█' * 40}",
        f"2027-01  10.00 USD  {'█' * 10}",
        f"2027-02  10.00 USD  {'█' * 10}",
        "total  140.00 USD in 5 documents",
        "",
        "foreseen: nothing was changed",
    ]


def test_usage_of_a_file_and_of_the_last_months(tmp_path: Path) -> None:
    (tmp_path / "next.csv").write_text(
        "id,type,occurred_at,quantity\n1,calls,2026-11-20T00:00:00Z,3000\n"
    )
    found = said("--until", "2027-01", "--usage", "next.csv")
    assert [each["total"] for each in found["documents"]] == [4000, 4000, 6000, 4000]
    assert [(each["month"], each["total"]) for each in found["months"]][1:3] == [
        ("2026-11", 4000),
        ("2026-12", 6000),
    ]
    assert not any("number" in each for each in found["documents"])
    like = said("--until", "2027-01", "--like", "LAST-3-MONTHS")
    assert [each["total"] for each in like["documents"]] == [4000] * 4


def test_nothing_to_come_is_said() -> None:
    with opened_again() as tally:
        tally.subscriptions.cancel("s", when="now", at=START)
        tally.invoices.run(START)
    assert run("--until", "2029-11").stdout == (
        "no document is to come\n\nforeseen: nothing was changed\n"
    )


def opened_again() -> Any:
    from tallystick import Tallystick  # noqa: PLC0415 - one test of these

    return Tallystick("sqlite:///b.db")


def test_what_would_be_set_aside_is_told_and_fails() -> None:
    with opened_again() as tally, tally.storage.engine.begin() as connection:
        connection.exec_driver_sql(
            """UPDATE tallystick_subscriptions SET set_aside = '{"message": "it is broken"}'"""
        )
    result = run("--until", "2027-02")
    assert result.exit_code == 1
    assert result.stderr == "would be set aside: subscription s: it is broken\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--until", "2026-10"), 1, "until lies not in the future"),
        (("--until", "2026-13"), 2, "--until"),
        (("--until", "2027-01", "--change", "basic"), 2, "--change takes PLAN@DATE"),
        (("--until", "2027-01", "--change", "basic@1"), 2, "--change takes PLAN@DATE"),
        (("--until", "2027-01", "--change", "@2026-12"), 2, "--change takes PLAN@DATE"),
        (("--until", "2027-01", "--change", "gone@2026-12"), 1, "gone"),
        (("--until", "2027-01", "--like", "3"), 2, "--like takes last-N-months"),
        (("--until", "2027-01", "--like", "last-99-months"), 1, "from 1 to 36"),
        (("--until", "2027-01", "--usage", "none.csv"), 1, "none.csv"),
        (("--until", "2027-01", "--usage", "bad.jsonl"), 1, "bad.jsonl: line 2 is not JSON"),
    ],
)
def test_wrong_words_say_what_to_write(
    words: tuple[str, ...], status: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": "1"}\n{\n')
    result = run(*words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert told in result.stderr


def test_bars_are_in_proportion_and_never_wider_than_forty(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_bars([("a", 0, "0"), ("bb", 1, "1"), ("c", 8_000, "8000"), ("d", -4_000, "-4000")])
    assert capsys.readouterr().out.splitlines() == [
        "a       0",
        "bb      1  █",
        f"c    8000  {'█' * 40}",
        f"d   -4000  {'-' * 20}",
    ]
    print_bars([])
    print_bars([("a", 0, "0")])
    assert capsys.readouterr().out == "a  0\n"
    monkeypatch.setattr("tallystick.cli.plot._BLOCK", "\udc80")  # what no encoding has
    print_bars([("a", 1, "1")])
    assert capsys.readouterr().out == f"a  1  {'#' * 40}\n"
