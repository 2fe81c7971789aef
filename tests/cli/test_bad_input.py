"""Every malformed catalogue gives one report that names the place and the cure, and exit status 1.

Each kind of accident is tried in this process; a few of the worst also through the installed
command, with little memory and little time, as nothing else shows a hang or a traceback.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from tallystick.cli.commands import app

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMAND = (sys.executable, "-m", "tallystick")
MEMORY: Final = 1_000_000_000
DEEP: Final = 100_000

PLAN = {
    "id": "a",
    "name": "A",
    "price": 100,
    "currency": "USD",
    "interval": "month",
    "features": [],
}


def plans(text: str = "", **changes: object) -> str:
    """Write a list of one plan as JSON, a field changed or added by its raw token."""
    written = json.dumps([PLAN | changes])
    name, _, token = text.partition("=")
    return written if not text else written[:-2] + f', "{name}": {token}' + written[-2:]


def without(name: str) -> str:
    """Write a list of one plan without a field."""
    return json.dumps([{key: value for key, value in PLAN.items() if key != name}])


def line(text: str) -> str:
    """Write a catalogue of one plan with one line as YAML."""
    return (
        "products:\n  - {id: p, name: P, currency: USD, plans: [\n"
        f"      {{id: q, name: Q, interval: month, prices: [{text}]}}]}}\n"
    )


CLASSES = """
from decimal import Decimal
from tallystick import Catalog, Plan, Price, Product, currency
from tallystick.core.price import Flat
usd = currency("USD")
def sold(*prices, money=usd):
    plan = Plan(id="q", name="Q", currency=money, product_id="p", prices=prices)
    return Catalog(products=(Product(id="p", name="P", currency=money, plans=(plan,)),))
"""

CASES: Final[dict[str, tuple[str, str | bytes, tuple[str, ...]]]] = {
    # name: (file, content, what the report says)
    "a text for an id": ("a.json", plans(id=5), ("plans[0].id", "must be a text, not 5")),
    "a list for a name": (
        "a.json",
        plans(name=[]),
        ("plans[0].name", "must be a text, not a list"),
    ),
    "a text for a price": ("a.json", plans(price="x"), ("plans[0].price", "minor units")),
    "a part of a minor unit": ("a.json", plans(price=9.99), ("9.99", "write 2900 for 29.00")),
    "a bool for a price": ("a.json", plans(price=True), ("plans[0].price", "true")),
    "null for a currency": ("a.json", plans(currency=None), ("plans[0].currency", "not null")),
    "an object for a list": ("a.json", plans(features={}), ("plans[0].features", "must be a list")),
    "a list for an object": ("a.json", "[[]]", ("plans[0]", "must be an object, not a list")),
    "a text for a catalogue": ("a.json", '"a"', ("catalogue", "mapping nor a list")),
    "an unknown interval": ("a.json", plans(interval="mnth"), ("did you mean 'month'?",)),
    "a missing key": ("a.json", without("price"), ("plans[0].price", "is missing")),
    "an unknown key": ("a.json", plans(trialDay=3), ("trialDay", "did you mean 'trialDays'?")),
    "a key of escapes": ("a.json", json.dumps([PLAN | {"\x1b[31m\n": 1}]), ("plans[0].?[31m?",)),
    "no plans": ("a.json", "[]", ("plans", "must not be empty")),
    "an id twice": ("a.json", json.dumps([PLAN, PLAN]), ("plans[1].id", "taken by plans[0].id")),
    "a key twice": ("a.json", '[{"id": "a", "id": "b"}]', ("id", "twice", "keep one of them")),
    "a key in both spellings": (
        "a.json",
        plans(trialDays=1, trial_days=2),
        ("trial_days", "is written twice"),
    ),
    "NaN": ("a.json", plans("setupFee=NaN"), ("setupFee", "'NaN' is not a finite number")),
    "Infinity": ("a.json", plans("setupFee=-Infinity"), ("setupFee", "is not a finite number")),
    "an exponent": ("a.json", plans("setupFee=1e999999"), ("setupFee", "has an exponent")),
    "5,000 digits": ("a.json", plans("setupFee=" + "9" * 5000), ("setupFee", "is too long (5000")),
    "NaN in YAML": ("a.yaml", line("{id: l, type: flat, cost: .nan}"), ("cost", "finite")),
    "NaN in TOML": ("a.toml", "[[products]]\nid = 1\nname = nan\n", ("products[0].name", "nan")),
    "a negative price": ("a.json", plans(price=-1), ("plans[0].price", "must be at least 0")),
    "a negative cost": ("a.yaml", line("{id: l, type: flat, cost: -1}"), ("zero or more, not -1",)),
    "a limit of -2": (
        "a.json",
        plans(features=[{"featureKey": "x", "enabled": True, "limit": -2}]),
        ("plans[0].features[0].limit", "write -1 for unlimited"),
    ),
    "more than a ledger holds": (
        "a.yaml",
        line("{id: l, type: flat, cost: 999999999999999999}"),
        ("prices[0].cost", "more than a ledger can hold"),
    ),
    "a lower-case currency": ("a.json", plans(currency="usd"), ("write 'USD'",)),
    "an unknown currency": ("a.json", plans(currency="EURO"), ("did you mean 'EUR'?",)),
    "too many decimals": (
        "a.yaml",
        line("{id: l, type: flat, cost: 0.005}"),
        ("prices[0].cost (line 3)", "more decimals than USD allows"),
    ),
    "free units of a percentage": (
        "a.yaml",
        line("{id: l, type: percentage, percent: 1, unit: sale, included: 5}"),
        ("prices[0].included", "means nothing on a percentage price"),
    ),
    "a YAML bomb": ("a.yaml", "a: &a [x]\nb: &b [*a, *a]\n", ("b[0] (line 2)", "is an alias")),
    "a YAML tag": ("a.yaml", "!!python/object/apply:os.system ['id']", ("tag", "remove the tag")),
    "two YAML documents": ("a.yaml", "a: 1\n---\nb: 2\n", ("catalogue", "document")),
    "deep JSON": ("a.json", "[" * DEEP, ("nested more than 100 deep", "write it flatter")),
    "deep YAML": ("a.yaml", "[" * DEEP, ("nested more than 100 deep", "write it flatter")),
    "deep TOML": ("a.toml", "a = " + "[" * DEEP, ("nested more than 100 deep", "flatter")),
    "UTF-16": ("a.json", plans().encode("utf-16"), ("is UTF-16", "save it as UTF-8")),
    "Latin-1": ("a.yaml", b"name: caf\xe9", ("not UTF-8: byte 0xe9", "save it as UTF-8")),
    "no text at all": ("a.yaml", b"\x89PNG\r\n\x1a\n\0\0", ("not UTF-8", "save it as UTF-8")),
    "an empty JSON": ("a.json", "", ("is empty", "start from `tallystick init`")),
    "an empty YAML": ("a.yaml", "\n# nothing\n", ("is empty", "tallystick init")),
    "an empty TOML": ("a.toml", "", ("is empty", "tallystick init")),
    "an empty Python": ("a.py", "", ("is empty", "tallystick init")),
    "no JSON": ("a.json", "{'a': 1}", ("is not JSON", 'write "double quotes"')),
    "no format": ("a.txt", "a", ("suffix '.txt'", "use one of .py")),
    "Python that raises": ("a.py", "\nraise ValueError('boom')", ("(line 2)", "ValueError: boom")),
    "Python that is none": ("a.py", "def (", ("(line 1)", "is not Python")),
    "Python without a catalogue": ("a.py", "x = 1", ("defines no catalogue", "define_plans")),
    "Python that leaves": (
        "a.py",
        "raise SystemExit(0)",
        ("raised SystemExit", "correct the file"),
    ),
    "Python without end": ("a.py", "def f(): f()\nf()", ("raised RecursionError",)),
    "Python with two": (
        "a.py",
        f"from tallystick import define_plans as d\na = d({[PLAN]})\nb = d({[PLAN]})",
        ("several catalogues: a, b", "name the one that counts `catalog`"),
    ),
    "Python with a bad tree": ("a.py", f"catalog = [{PLAN | {'price': -1}}]", ("plans[0].price",)),
    "Python that defines badly": (
        "a.py",
        f"from tallystick import define_plans\ncatalog = define_plans([{PLAN | {'price': -1}}])",
        ("plans[0].price", "must be at least 0"),
    ),
    "a price that is none": (
        "a.py",
        CLASSES + "catalog = sold(None)",
        ("build it from the classes",),
    ),
    "a currency that is none": (
        "a.py",
        CLASSES + "catalog = sold(money='USD')",
        ("from the classes",),
    ),
    "a float in a price": (
        "a.py",
        CLASSES + "catalog = sold(Price(id='x', currency=usd, shape=Flat(9.99), basis='flat'))",
        ("a figure of a catalogue is a Decimal, not float",),
    ),
    "a shape that is none": (
        "a.py",
        CLASSES + "catalog = sold(Price(id='x', currency=usd, shape='flat', basis='flat'))",
        ("holds a value that no catalogue holds",),
    ),
    "a negative price of classes": (
        "a.py",
        CLASSES
        + "catalog = sold(Price(id='x', currency=usd, shape=Flat(Decimal(-1)), basis='flat'))",
        ("products[0].plans[0].prices[0].cost", "zero or more"),
    ),
}
WORST: Final = (
    "a text for an id",
    "5,000 digits",
    "a YAML bomb",
    "a YAML tag",
    "Python without end",
)
HEAD: Final = '{"version": 1, "provider": "stripe", "environment": "test", "prices": '
LOCKS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "no JSON": ("[", ("is not JSON",)),
    "no object": ("[]", ("a lock file is an object", "pull the lock file")),
    "wrong types": (
        '{"version": 1, "provider": 5, "environment": "test", "prices": {}}',
        ("provider (line 1)", "must be a text", "pull the lock file"),
    ),
    "missing keys": ('{"version": 1}', ("environment", "is missing")),
    "of another environment": (
        '{"version": 1, "provider": "stripe", "environment": "live", "prices": {}}',
        ("environment", "the file's name says 'test'"),
    ),
    "a huge count": (
        HEAD + '{"a": {"provider_id": "x", "interval": "month", "interval_count": 1e999999}}}',
        ("prices.a.interval_count", "exponent"),
    ),
}


def lint(path: Path, *more: str) -> Result:
    """Lint a file in this process; anything but a wanted exit is a failure."""
    result = CliRunner().invoke(app, ["lint", str(path), *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def little_memory() -> None:
    """Bound the memory of a command that is about to start."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def command(
    *words: str | Path, folder: Path, **settings: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the real command, with little memory and no endless time."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=folder,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=little_memory,
    )


def write(folder: Path, case: str) -> Path:
    """Write the file of a case."""
    name, content, _ = CASES[case]
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def is_report(text: str, wanted: tuple[str, ...]) -> None:
    """Hold a text to what a report is: its words, few of them, nothing that moves a cursor."""
    for words in wanted:
        assert words in text
    assert text.splitlines()[-1].endswith(" hints")
    assert "Traceback" not in text
    assert len(text) < 3000
    assert "\x1b" not in text


@pytest.mark.parametrize("case", CASES)
def test_a_malformed_catalogue_gives_one_report_with_place_and_cure(
    tmp_path: Path, case: str
) -> None:
    path = write(tmp_path, case)
    result = lint(path)
    assert result.exit_code == 1
    is_report(result.stdout, CASES[case][2])
    told = json.loads(lint(path, "--json").stdout)
    assert told["ok"] is False
    assert told["file"] == path.name
    assert all(found["text"] for found in told["problems"])


@pytest.mark.parametrize("case", WORST)
def test_the_real_command_says_the_same(tmp_path: Path, case: str) -> None:
    path = write(tmp_path, case)
    done = command("lint", path.name, folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    is_report(done.stdout.decode(), CASES[case][2])


@pytest.mark.parametrize("suffix", ["json", "yaml", "toml"])
def test_the_real_command_is_not_sunk_by_nesting(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, f"deep {suffix.upper()}")
    done = command("lint", path.name, folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    is_report(done.stdout.decode(), ("nested more than 100 deep",))


def test_a_file_of_100_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "billing.json"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    done = command("lint", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    is_report(done.stdout.decode(), ("100000000 bytes", "at most 8000000", "split the file"))


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for name, words in (
        ("folder.yaml", "is a folder"),
        ("pipe.yaml", "is a named pipe"),
        ("loop.yaml", "too many levels of symbolic links"),
    ):
        result = lint(tmp_path / name)
        assert result.exit_code == 1
        is_report(result.stdout, (words,))


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").symlink_to("nowhere.yaml")
    for name in ("nothing.yaml", "broken.yaml", "no/folder.yaml", "a" * 300 + ".yaml"):
        result = lint(tmp_path / name)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "tallystick init" in result.stderr


@pytest.mark.parametrize("case", LOCKS)
def test_a_malformed_lock_file_is_one_report(tmp_path: Path, case: str) -> None:
    content, wanted = LOCKS[case]
    shutil.copy(EXAMPLES / "plans.toml", tmp_path / "billing.toml")
    (tmp_path / "billing.test.lock.json").write_text(content)
    result = lint(tmp_path / "billing.toml")
    assert result.exit_code == 1
    is_report(result.stdout, wanted)
    assert "lock.json: " in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("environment", ["../up", "", "a b", "a" * 65, "\x1b[31m"])
def test_an_environment_that_names_no_file_is_wrong_usage(environment: str) -> None:
    result = lint(EXAMPLES / "plans.toml", "--environment", environment)
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr


def test_a_report_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_text(json.dumps([{f"unknown{n}": 1 for n in range(50_000)}]))
    result = lint(path)
    assert result.exit_code == 1
    assert "has more problems (cure these, then look again)" in result.stdout
    assert result.stdout.splitlines()[-1] == "many.json: 1001 problems, 0 hints"


@pytest.mark.parametrize(
    "words",
    [
        ("plans",),
        ("types",),
        ("serve",),
        ("check", "a", "x"),
        ("bill", "a", "--usage", "usage.json"),
        ("diff", str(EXAMPLES / "plans.toml")),
    ],
    ids=lambda words: words[0],
)
def test_no_command_works_with_a_malformed_catalogue(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = write(tmp_path, "a negative price")
    name, *rest = words
    found = [*rest, str(path)] if name == "diff" else [str(path), *rest]
    result = CliRunner().invoke(app, [name, *found])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "plans[0].price" in result.stderr


def test_a_narrow_encoding_takes_no_letter_and_no_report_away(tmp_path: Path) -> None:
    path = tmp_path / "prix-é.json"
    path.write_text(plans(prixé="é" * 90, interval="é" * 90), encoding="utf-8")
    done = command("lint", path.name, folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (1, b"")
    is_report(done.stdout.decode("ascii"), (r"prix\xe9", r"prix-\xe9.json: 2 problems"))
    done = command("lint", path.name, "--json", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["file"] == "prix-é.json"


def test_a_file_name_that_is_no_text_is_told_all_the_same(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.json"
    Path(os.fsdecode(path)).write_text("[]", encoding="utf-8")
    done = command("lint", os.fsdecode(path), folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    is_report(done.stdout.decode(), ("plans (line 1): must not be empty",))
    assert json.loads(command("lint", os.fsdecode(path), "--json", folder=tmp_path).stdout)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device to write to here")
@pytest.mark.parametrize("words", [("lint",), ("plans",), ("schema",)], ids=lambda words: words[0])
def test_a_full_disk_is_told_in_words(tmp_path: Path, words: tuple[str, ...]) -> None:
    shutil.copy(EXAMPLES / "plans.toml", tmp_path / "billing.toml")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *words], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["error: No space left on device"]


def test_closed_outputs_and_a_folder_that_is_gone_are_no_reason_to_fail(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "plans.toml", tmp_path / "billing.toml")
    (tmp_path / "gone").mkdir()
    start = f"{sys.executable} -m tallystick lint"
    script = (
        f"{start} billing.toml >&- 2>&-; echo $?; {start} nothing.toml >&- 2>&-; echo $?; "
        f"cd gone; rmdir ../gone; {start} 2>&1; echo $?; {start} {tmp_path}/billing.toml; echo $?"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    statuses = [text for text in done.stdout.splitlines() if text.isdigit()]
    assert statuses == ["0", "2", "2", "0"]
