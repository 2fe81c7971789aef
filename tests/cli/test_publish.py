"""`tallystick publish` as a person and as a script meet it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tallystick import Tallystick
from tallystick.app import meters
from tallystick.cli import ledger
from tests.cli.typed import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
URL = "sqlite:///b.db"
AS_POSTED = str(EXAMPLES / "products-as-posted.json")


@pytest.fixture(autouse=True)
def _a_folder_with_a_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    monkeypatch.setenv("TALLYSTICK_AUTHOR", "anna")
    shutil.copy(EXAMPLES / "plans.toml", "billing.toml")
    with Tallystick("sqlite:///b.db") as tally:
        tally.migrate()


@pytest.fixture
def _at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "is_terminal", lambda: True)


def numbers() -> list[int]:
    return [each["number"] for each in json.loads(run("publish", "--list", "--json").stdout)]


def dearer() -> None:
    text = Path("billing.toml").read_text()
    assert "2900" in text
    Path("billing.toml").write_text(text.replace("2900", "3900"))


def test_it_shows_publishes_and_is_done_once() -> None:
    result = run("publish", "--yes")
    assert result.exit_code == 0
    assert "plan Pro added: 29.00 USD a month" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "published version 1, new: free@1, pro@1, enterprise@1"
    )
    again = run("publish")
    assert again.exit_code == 0
    assert again.stdout == "nothing to do: this is version 1, as published\n"
    dearer()
    changed = run("publish", "--yes")
    assert "29.00 → 39.00 USD" in changed.stdout
    assert changed.stdout.splitlines()[-1] == "published version 2, new: pro@2"
    assert "anna" in run("publish", "--list").stdout
    assert numbers() == [2, 1]


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_where_nobody_can_be_asked_nothing_is_stored(words: list[str]) -> None:
    result = run("publish", *words)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert numbers() == []


@pytest.mark.usefixtures("_at_a_terminal")
def test_at_a_terminal_it_asks() -> None:
    declined = run("publish", stdin="n\n")
    assert declined.exit_code == 1
    assert "Publish this as version 1?" in declined.stderr
    assert declined.stdout.splitlines()[-1] == "nothing was published"
    assert run("publish", stdin="").exit_code == 1
    assert numbers() == []
    assert run("publish", stdin="y\n").exit_code == 0
    assert numbers() == [1]


@pytest.mark.usefixtures("_at_a_terminal")
def test_who_was_overtaken_while_reading_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def another_is_quicker(*_: object, **__: object) -> bool:
        with Tallystick("sqlite:///b.db") as tally:
            tally.publish(str(EXAMPLES / "products.yaml"), author="bob")
        return True

    monkeypatch.setattr("tallystick.cli.publish.agreed", another_is_quicker)
    result = run("publish")
    assert result.exit_code == 1
    assert "version 1 is by bob" in result.stderr
    assert numbers() == [1]


def test_json_for_machines() -> None:
    tree = json.loads(run("publish", "--yes", "--json").stdout)
    assert (tree["number"], tree["onto"], tree["stored"], tree["author"]) == (1, 0, True, "anna")
    assert tree["digest"].startswith("sha256:")
    assert tree["published_at"].endswith("Z")
    assert tree["plans"] == ["free@1", "pro@1", "enterprise@1"]
    assert {change["kind"] for change in tree["changes"]} == {"added"}
    assert json.loads(run("publish", "--json").stdout)["unchanged"] is True


def test_an_empty_list_says_so() -> None:
    assert run("publish", "--list").stdout == "nothing was published yet\n"
    assert run("publish", "--list", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["billing.toml", "--list"], 2, "takes no catalogue"),
        (["nosuch.toml", "--yes"], 2, "nosuch.toml"),
        ([AS_POSTED, "--yes"], 1, "intervalCount"),
        (["--yes", "--author", " "], 1, "author"),
        (["--yes", "-d", "sqlite:///other.db"], 2, "tallystick migrate"),
        (["--yes", "-d", "mysql://x"], 2, "PostgreSQL or SQLite"),
        (["--yes", "--tables", "Other"], 2, "prefix"),
        (["--yes", "--tables", "other_"], 2, "tallystick migrate"),
        (["--list", "--schema", "s"], 2, "no schemas"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_stored(
    words: list[str], code: int, said: str
) -> None:
    result = run("publish", *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert numbers() == []
    assert not Path("other.db").exists()


def test_a_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYSTICK_DATABASE_URL")
    result = run("publish", "--yes")
    assert result.exit_code == 2
    assert "--database" in result.stderr


def test_an_author_is_who_is_logged_in_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYSTICK_AUTHOR")
    monkeypatch.setenv("LOGNAME", "carla")
    assert json.loads(run("publish", "--yes", "--json").stdout)["author"] == "carla"

    def nobody() -> str:
        raise OSError("no user")

    dearer()
    monkeypatch.setattr("getpass.getuser", nobody)
    result = run("publish", "--yes")
    assert result.exit_code == 2
    assert "--author" in result.stderr


def test_a_new_meter_counts_what_is_stored_already() -> None:
    with Tallystick("sqlite:///b.db") as tally:
        tally.usage.record("acme", "apiRequests", id="e1", quantity=5)
    result = run("publish", "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("published version 1")
    assert result.stderr.startswith("counting what is stored for ")
    assert {row["rollups"] for row in json.loads(run("meters", "-d", URL, "--json").stdout)} == {
        "ready"
    }
    assert run("publish").stderr == ""


def test_what_was_interrupted_while_counting_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Tallystick("sqlite:///b.db") as tally:
        tally.usage.record("acme", "apiRequests", id="e1", quantity=5)
    with monkeypatch.context() as patched:
        patched.setattr(meters, "_build", _interrupt)
        result = run("publish", "--yes")
    assert result.exit_code == 130
    assert "published version 1" in result.stdout
    assert "building" in run("meters", "-d", URL).stdout
    assert run("publish").stdout == "nothing to do: this is version 1, as published\n"
    assert "building" not in run("meters", "-d", URL).stdout


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
