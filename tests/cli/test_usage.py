"""`tallystick usage` and `tallystick meters` as an operator types them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tallystick import Tallystick, define_plans
from tallystick.cli.commands import app
from tallystick.storage import engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

PLANS = define_plans(
    [
        {
            "id": "pro",
            "name": "Pro",
            "price": 2900,
            "currency": "USD",
            "interval": "month",
            "features": [
                {
                    "featureKey": "requests",
                    "enabled": True,
                    "limit": 100,
                    "unitPrice": 2,
                    "reset": "month",
                    "description": "Requests",
                },
                {"featureKey": "projects", "enabled": True, "limit": 3},
            ],
        }
    ]
)
LOG = """ID,Account,When,Units,Agent
r1,acme,2026-10-01 03:00:00,60,curl
r2,acme,2026-10-01 04:00:00,50.5,"a, b"
r3,beta,2026-10-02 00:00:00,1,x
"""
PATIENCE = 120  # seconds, of which a machine that is not busy takes none
MAP = ("--map", "id=ID,customer=Account,occurred_at=When,quantity=Units", "--type", "requests")


def run(*words: str, stdin: bytes | None = None) -> Result:
    """Type a command."""
    result = CliRunner().invoke(app, words, input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger that knows the plans, the address in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    with Tallystick(f"sqlite:///{tmp_path}/ledger.db") as tally:
        tally.migrate()
        tally.publish(PLANS, author="anna")
    (tmp_path / "october.csv").write_text(LOG)
    return tmp_path


@pytest.fixture
def filled(place: Path) -> Path:
    """The ledger with the log in it."""
    assert run("usage", "import", "october.csv", *MAP, "--utc").exit_code == 0
    return place


# --- import ---------------------------------------------------------------------------------------


def test_a_log_is_imported_and_again_changes_nothing(place: Path) -> None:
    first = run("usage", "import", "october.csv", *MAP, "--utc")
    assert first.stdout == "3 read: 3 stored, 0 already there, 0 rejected\n"
    again = run("usage", "import", "october.csv", *MAP, "--utc")
    assert (again.exit_code, again.stdout) == (
        0,
        "3 read: 0 stored, 3 already there, 0 rejected\n",
    )
    with Tallystick(os.environ["TALLYSTICK_DATABASE_URL"]) as tally:
        assert {kept.state for kept in tally.usage.kept()} == {"ready"}
        assert [event.id for event in tally.usage.export()] == ["r1", "r2", "r3"]


def test_bad_lines_are_named_and_the_good_ones_stored(place: Path) -> None:
    (place / "october.csv").write_text(LOG + "r4,acme\nr1,acme,,61,x\nr5,,2026-10-03,x,y\n")
    result = run("usage", "import", "october.csv", *MAP, "--utc", "--rejected", "bad.jsonl")
    assert result.exit_code == 1
    assert result.stdout == "6 read: 3 stored, 0 already there, 3 rejected\n"
    first, second, third = result.stderr.splitlines()
    assert first == ("october.csv:5: has 2 cells where the header has 5 [VALIDATION_ERROR]")
    assert second.startswith("october.csv:6: event 'r1' of source 'api' is stored with another")
    assert "october.csv:7: customer is missing" in third or "october.csv:7:" in third
    written = [json.loads(line) for line in (place / "bad.jsonl").read_text().splitlines()]
    assert [each["line"] for each in written] == [5, 6, 7]
    assert [each["code"] for each in written] == [
        "VALIDATION_ERROR",
        "CONFLICT",
        "VALIDATION_ERROR",
    ]
    assert written[1]["event"]["id"] == "r1"


def test_the_first_twenty_bad_lines_are_named(place: Path) -> None:
    (place / "bad.jsonl").write_text("5\n" * 50)
    result = run("usage", "import", "bad.jsonl")
    assert len(result.stderr.splitlines()) == 21
    assert "… and 30 more; write all with --rejected FILE" in result.stderr


def test_a_dry_run_tells_every_bad_line_and_stores_nothing(place: Path) -> None:
    lines = [
        {"id": "a", "customer": "acme", "type": "requests"},
        {"id": "b", "customer": "acme", "type": "requests", "properties": {"quantity": "many"}},
        *[{"id": "c"}] * 30,
    ]
    (place / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = run("usage", "import", "a.jsonl", "--dry-run")
    assert result.exit_code == 1
    told = result.stdout.splitlines()
    assert len(told) == 32
    assert told[0].startswith("a.jsonl:2: properties.quantity")
    assert told[-1] == "32 read: 1 good, 31 bad; none stored"
    assert run("usage", "export").stdout == ""


def test_a_dry_run_needs_no_database(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYSTICK_DATABASE_URL")
    result = run("usage", "import", "october.csv", *MAP, "--utc", "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "3 read: 3 good, 0 bad; none stored\n")
    assert run("usage", "import", "october.csv").exit_code == 2


def test_the_summary_for_a_machine(place: Path) -> None:
    (place / "a.jsonl").write_text('{"id": "a", "customer": "acme", "type": "requests"}\n5\n')
    result = run("usage", "import", "a.jsonl", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "read": 2,
        "accepted": 1,
        "duplicates": 0,
        "rejected": 1,
        "late": 0,
        "stored": True,
        "problems": [
            {
                "file": "a.jsonl",
                "line": 2,
                "code": "VALIDATION_ERROR",
                "message": "is no object: one event is written on each line",
            }
        ],
    }


def test_the_standard_input_is_a_file_too(place: Path) -> None:
    line = b'{"id": "a", "customer": "acme", "type": "requests"}\n'
    assert "1 stored" in run("usage", "import", "-", stdin=line).stdout
    table = b"customer\nacme\nacme\n"
    words = ("usage", "import", "-", "--format", "csv", "--ids", "stdin", "--type", "requests")
    assert "2 stored" in run(*words, stdin=table).stdout
    assert "2 already there" in run(*words, stdin=table).stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("no.csv",), 1, "no such file"),
        (("ledger.db",), 1, "the suffix is one of"),
        (("october.csv",), 1, "has no column for 'id'; it has ID, Account"),
        (("october.csv", "--map", "id"), 1, "has no column 'id'"),
        (("october.csv", "--map", "=x"), 2, "FIELD=COLUMN"),
        (("october.csv", "--map", "id=a,id=b"), 2, "names 'id' twice"),
        (("october.csv", "--format", "xml"), 2, "jsonl, csv or parquet"),
        (("october.csv", "september.csv", "--ids", "o"), 2, "--ids takes one FILE"),
        (("-", "--format", "parquet"), 2, "standard input"),
        (("october.csv", *MAP, "--rejected", "no/such/folder"), 2, "No such file"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    place: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    result = run("usage", "import", *words)
    assert result.exit_code == status
    assert "error: " in result.stderr
    assert said in result.stderr


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as a terminal finds it: a run in the background ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_inside_a_function_that_sqlite_calls_is_ctrl_c(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes an error of its own of all that its functions raise, and forgets the rest."""

    def interrupted(*_: object) -> str:
        signal.raise_signal(signal.SIGINT)
        return "0"

    def record(tally: Tallystick, key: str) -> str:
        return tally.usage.record(
            "acme", "requests", id=key, occurred_at="2026-10-01T00:00:00Z", quantity=1
        )

    interrupted.__name__ = "exact_add"
    address = f"sqlite:///{place}/ledger.db"
    with Tallystick(address) as tally:
        tally.usage.prepare()
        record(tally, "1")
    with monkeypatch.context() as patch, Tallystick(address) as tally:
        patch.setattr(engine, "exact_add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            record(tally, "2")
    with Tallystick(address) as tally:
        assert [event.id for event in tally.usage.export()] == ["1"]
        assert record(tally, "2") == "accepted"


@pytest.mark.proof
@pytest.mark.usefixtures("ctrl_c")
def test_a_terminal_shows_a_bar_and_ctrl_c_can_be_taken_up_again(place: Path) -> None:
    lines = (f'{{"id": "{n}", "customer": "acme", "type": "requests"}}\n' for n in range(200_000))
    (place / "many.jsonl").write_text("".join(lines))
    words = [sys.executable, "-m", "tallystick", "usage", "import", "many.jsonl"]
    terminal, theirs = pty.openpty()
    child = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    while b"already there" not in shown:
        assert select.select([terminal], [], [], PATIENCE)[0], shown
        shown += os.read(terminal, 10_000)
    assert "many.jsonl" in shown.decode()
    child.send_signal(signal.SIGINT)
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            part = os.read(terminal, 10_000)
        except OSError:  # Linux's way to say that nobody has the other end any more
            part = b""
        shown += part
        if not part:
            break
    os.close(terminal)
    assert child.wait() == 130, shown.decode()
    assert "interrupted; run it again" in shown.decode()
    with Tallystick(os.environ["TALLYSTICK_DATABASE_URL"]) as tally:
        count = sum(1 for _ in tally.usage.export())
    assert 0 < count < 200_000
    stored = (place / "many.jsonl").read_text().splitlines(keepends=True)[:count]
    (place / "many.jsonl").write_text("".join(stored))
    assert f"{count:,} already there" in run("usage", "import", "many.jsonl").stdout


MEASURED = r"""
import re, sys
from pathlib import Path
from tallystick.cli import main

try:
    main()
finally:
    status = Path("/proc/self/status")
    if status.exists():
        print(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1], file=sys.stderr)
    else:
        import resource
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


@pytest.mark.proof
def test_memory_does_not_grow_with_the_file(
    place: Path, record_property: Callable[[str, object], None]
) -> None:
    """One million events, or 30,000 where not all of the proof is run, under 250 MB.

    The program itself reads its peak as the kernel knows it: what its parent is told counts the
    memory of the parent too, from the time before the program was loaded.
    """
    count = 1_000_000 if os.environ.get("PROOF") == "full" else 30_000
    with (place / "many.jsonl").open("w") as log:
        for n in range(count):
            day, customer = 1 + n % 28, n % 5_000
            log.write(
                f'{{"id": "{n}", "customer": "c{customer}", "type": "requests",'
                f' "occurred_at": "2026-10-{day:02}T01:02:03Z",'
                ' "properties": {"quantity": 1.5, "region": "eu"}}\n'
            )
    words = [sys.executable, "-c", MEASURED, "usage", "import", "many.jsonl"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{count:,} read: {count:,} stored, 0 already there, 0 rejected\n"
    kilobytes = int(done.stderr)
    assert 10_000 < kilobytes < 250_000
    record_property("proof", f"memory       {kilobytes / 1000:.0f} MB at most for {count:,} events")


# --- show -----------------------------------------------------------------------------------------


def test_every_meter_of_a_customer_is_shown(filled: Path) -> None:
    result = run("usage", "show", "acme", "--from", "2026-10-01")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["acme,", "2026-10-01T00:00:00Z", "to", "2026-11-01T00:00:00Z"],
        ["meter", "quantity", "unit"],
        ["requests", "110.5"],
        ["projects", "0"],
    ]
    assert "requests         0" in run("usage", "show", "acme").stdout, "this month has none"


def test_windows_and_machines(filled: Path) -> None:
    words = ("usage", "show", "acme", "--from", "2026-10-01", "--to", "2026-10-03", "--json")
    tree = json.loads(run(*words, "--meter", "requests", "--window", "day").stdout)
    assert tree["customer"] == "acme"
    assert tree["to"] == "2026-10-03T00:00:00Z"
    assert [(each["from"], each["quantity"]) for each in tree["figures"]] == [
        ("2026-10-01T00:00:00Z", "110.5"),
        ("2026-10-02T00:00:00Z", 0),
    ]


def test_what_was_known_earlier_can_be_shown(filled: Path) -> None:
    words = ("usage", "show", "acme", "--from", "2026-10-01", "--meter", "requests")
    assert "110.5" not in run(*words, "--as-of", "2026-10-02").stdout
    assert "110.5" in run(*words, "--as-of", "2199-01-01").stdout


def test_groups_are_told_apart(place: Path) -> None:
    catalog = {
        "products": [
            {
                "id": "p",
                "name": "P",
                "currency": "USD",
                "plans": [
                    {
                        "id": "q",
                        "name": "Q",
                        "interval": "month",
                        "prices": [
                            {
                                "id": "l",
                                "name": "L",
                                "type": "per_unit",
                                "cost": 1,
                                "unit": "hit",
                                "meter": "hits",
                            }
                        ],
                    }
                ],
            }
        ],
        "meters": [{"key": "hits", "aggregation": "sum", "group_by": ["region"], "unit": "hit"}],
    }
    (place / "c.json").write_text(json.dumps(catalog))
    published = run("publish", "c.json", "--yes", "--author", "anna")
    assert published.exit_code == 0, published.output
    rows = "id,region,occurred_at\n1,eu,2026-10-01T00:00:00Z\n2,us,2026-10-01T00:00:00Z\n"
    rows += "3,,2026-10-01T00:00:00Z\n"
    (place / "a.csv").write_text(rows)
    run("usage", "import", "a.csv", "--customer", "acme", "--type", "hits")
    words = ("usage", "show", "acme", "--from", "2026-10-01", "--group-by", "region")
    shown = run(*words, "--meter", "hits").stdout.splitlines()[1:]
    assert [line.split() for line in shown] == [
        ["meter", "region", "quantity", "unit"],
        ["hits", "-", "1", "hit"],
        ["hits", "eu", "1", "hit"],
        ["hits", "us", "1", "hit"],
    ]
    figures = json.loads(run(*words, "--meter", "hits", "--json").stdout)["figures"]
    assert [each["group"] for each in figures] == [
        {"region": None},
        {"region": "eu"},
        {"region": "us"},
    ]
    refused = run(*words[:-1], "colour", "--meter", "hits")
    assert (refused.exit_code, "not grouped by 'colour'" in refused.stderr) == (1, True)


def test_usage_is_rated_by_a_plan(filled: Path) -> None:
    words = ("usage", "show", "acme", "--from", "2026-10-01", "--plan", "pro")
    shown = run(*words).stdout
    assert "Requests        110.5       100     10.5  0.21 USD" in shown
    assert shown.endswith("total  0.21 USD\n")
    tree = json.loads(run(*words, "--json").stdout)
    assert (tree["plan"], tree["total"], tree["lines"][0]["quantity"]) == ("pro", 21, "110.5")
    assert run(*words[:-1], "gold").exit_code == 2


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--meter", "nothing"), 2, "no meter 'nothing'; there are requests, projects"),
        (("--group-by", "region"), 2, "one meter"),
        (("--window", "week"), 2, "--window is hour, day or month"),
        (("--from", "yesterday"), 2, "--from"),
        (("--from", "2026-13-01"), 2, "is not a day"),
        (("--from", "2026-10-02", "--to", "2026-10-01"), 2, "--from, --to"),
        (("--from", "2026-10-01T00:00:00"), 2, "time zone"),
        (("--from", "0001-01-01", "--to", "9999-12-31", "--window", "hour"), 1, "10,000"),
        (("--plan", "pro", "--meter", "requests"), 2, "leave the other options out"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    place: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    result = run("usage", "show", "acme", *words)
    assert result.exit_code == status
    assert said in result.stderr


# --- export, void, amend --------------------------------------------------------------------------


def test_an_export_can_be_imported_elsewhere(filled: Path) -> None:
    run("usage", "amend", "acme", "r1", "--quantity", "1", "--property", "why=bug", "--id", "c1")
    run("usage", "void", "acme", "r2")
    exported = run("usage", "export", "--customer", "acme").stdout
    assert [json.loads(line)["id"] for line in exported.splitlines()][:3] == ["r1", "r2", "c1"]
    again = run("usage", "import", "-", stdin=exported.encode())
    assert again.stdout == "4 read: 0 stored, 4 already there, 0 rejected\n"
    other = f"sqlite:///{filled}/other.db"
    run("migrate", "-d", other)
    taken = run("usage", "import", "-", "-d", other, stdin=exported.encode())
    assert taken.stdout == "4 read: 4 stored, 0 already there, 0 rejected\n"
    assert run("usage", "export", "-d", other).stdout == exported


def test_an_export_of_a_period_as_a_table(filled: Path) -> None:
    words = ("usage", "export", "--from", "2026-10-02", "--to", "2026-10-03", "--format", "csv")
    head, row = run(*words).stdout.splitlines()
    assert head.startswith("id,source,customer,kind,type,occurred_at,received_at")
    assert row.startswith("r3,api,beta,use,requests,2026-10-02T00:00:00Z,")
    assert run("usage", "export", "--format", "xml").exit_code == 2


def test_corrections_from_the_shell(filled: Path) -> None:
    show = ("usage", "show", "acme", "--from", "2026-10-01", "--meter", "requests")
    amended = run("usage", "amend", "acme", "r1", "--quantity", "10", "--id", "fix-1")
    assert amended.stdout == "amended r1\n"
    assert "60.5" in run(*show).stdout
    again = run("usage", "amend", "acme", "r1", "--quantity", "10", "--id", "fix-1")
    assert again.stdout == "nothing to do: amended r1 before\n"
    assert run("usage", "void", "acme", "r1").stdout == "voided r1\n"
    assert json.loads(run("usage", "void", "acme", "r1", "--json").stdout) == {
        "status": "duplicate"
    }
    assert "50.5" in run(*show).stdout
    late = run("usage", "amend", "acme", "r1", "--quantity", "2")
    assert (late.exit_code, "was voided" in late.stderr) == (1, True)
    moved = run("usage", "amend", "acme", "r2", "--occurred-at", "2026-09-30T00:00:00Z")
    assert moved.exit_code == 0
    assert "50.5" not in run(*show).stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("void", "acme", "r9"), 1, "no event 'api/r9'"),
        (("void", "other", "r1"), 1, "no event"),
        (("amend", "acme", "r9", "--quantity", "1"), 1, "no event"),
        (("amend", "acme", "r1"), 2, "say what changes"),
        (("amend", "acme", "r1", "--quantity", "many"), 2, "--quantity"),
        (("amend", "acme", "r1", "--quantity", "-1"), 2, "--quantity"),
        (("amend", "acme", "r1", "--property", "x"), 2, "NAME=TEXT"),
        (("amend", "acme", "r1", "--occurred-at", "x"), 2, "--occurred-at"),
    ],
)
def test_a_correction_that_cannot_be_made_is_refused(
    filled: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    result = run("usage", *words)
    assert result.exit_code == status
    assert said in result.stderr


# --- meters ---------------------------------------------------------------------------------------


def test_meters_of_a_file_and_of_what_is_published(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = [line.split() for line in run("meters").stdout.splitlines()]
    assert published[1] == ["requests", "sum", "of", "quantity", "requests", "ready"]
    assert published[2] == ["projects", "last", "of", "quantity", "projects", "ready"]
    (filled / "billing.json").write_text(json.dumps([]))
    plan = {"id": "a", "name": "A", "price": 0, "currency": "USD", "interval": "month"}
    plan |= {"features": [{"featureKey": "seats", "enabled": True, "limit": 3}]}
    (filled / "own.json").write_text(json.dumps([plan]))
    assert "seats  last of quantity  seats" in run("meters", "own.json").stdout
    (tree,) = json.loads(run("meters", "own.json", "--json").stdout)
    assert (tree["key"], tree["aggregation"], tree["gauge"]) == ("seats", "last", True)
    (filled / "billing.json").rename(filled / "x.json")
    monkeypatch.delenv("TALLYSTICK_DATABASE_URL")
    assert run("meters").exit_code == 2


def test_a_ledger_without_a_catalogue_counts_nothing(place: Path) -> None:
    other = f"sqlite:///{place}/empty.db"
    run("migrate", "-d", other)
    for words in (("meters",), ("usage", "show", "acme")):
        result = run(*words, "-d", other)
        assert (result.exit_code, "tallystick publish" in result.stderr) == (2, True)
