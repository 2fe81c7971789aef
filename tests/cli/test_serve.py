from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ROOT / "examples"
DEMO = [EXAMPLES / "shapes.yaml", "cloud-monthly", EXAMPLES / "usage-2026-10.jsonl"]
EVENT = b'[{"id":"e1","customer":"acme","type":"requests"}]'


def start(folder: Path, *words: object, **settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tallystick", "serve", EXAMPLES / "products.yaml", *words]
    return subprocess.Popen(
        [*map(str, command), "--port", "0"],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tallystick(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tallystick", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def announced(process: subprocess.Popen[str], last: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.startswith(last):
            return lines
    raise AssertionError(lines)


def ended(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    return errors


def address(lines: list[str], name: str) -> str:
    return next(line.split()[-1] for line in lines if line.startswith(name))


def post(url: str, key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, EVENT, headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_the_demonstration_imports_a_month_once_and_shows_it(tmp_path: Path) -> None:
    said = ("171 new events, 0 stored before", "0 new events, 171 stored before")
    for imported in said:
        with start(tmp_path, "--demo", *DEMO) as process:
            lines = announced(process, "API docs")
            with urllib.request.urlopen(address(lines, "Usage page")) as answer:  # noqa: S310 - our own server
                page = answer.read().decode()
            errors = ended(process)
        text = "\n".join(lines)
        assert imported in text
        assert "total  782.71 EUR" in text
        assert "782.71 EUR" in page
        assert "1,927,908" in page
        assert errors == ""
    assert (tmp_path / ".tallystick" / "demo.db").exists()


def test_the_demonstration_never_touches_another_database(tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'mine.db'}"
    with start(tmp_path, "--demo", *DEMO, TALLYSTICK_DATABASE_URL=elsewhere) as process:
        announced(process, "API docs")
        ended(process)
    assert not (tmp_path / "mine.db").exists()


def test_the_key_of_a_demonstration_opens_usage_for_one_run(tmp_path: Path) -> None:
    with start(tmp_path, "--demo", *DEMO) as process:
        lines = announced(process, "API docs")
        key = next(line.split()[2] for line in lines if line.startswith("API key"))
        url = address(lines, "Usage events")
        assert post(url, key)[0] == 200
        assert post(url, f"{key}x")[0] == 401
        ended(process)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "this machine's own addresses"),  # noqa: S104 - it is refused
    ],
)
def test_a_demonstration_is_for_this_machine(tmp_path: Path, words: list[str], said: str) -> None:
    with start(tmp_path, "--demo", *DEMO, *words) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert said in errors
    assert not (tmp_path / ".tallystick").exists()


@pytest.mark.parametrize(
    ("demo", "said"),
    [
        ([EXAMPLES / "shapes.yaml", "no-plan", DEMO[2]], "no plan 'no-plan'"),
        ([EXAMPLES / "shapes.yaml", "cloud-monthly", "no.jsonl"], "cannot read no.jsonl"),
        ([EXAMPLES / "shapes.yaml", "cloud-monthly", EXAMPLES / "plans.toml"], "event 1: "),
        ([EXAMPLES / "shapes.yaml", "cloud-monthly", os.devnull], "not the usage of one customer"),
    ],
)
def test_a_demonstration_of_nothing_ends_with_what_is_wrong(
    tmp_path: Path, demo: list[object], said: str
) -> None:
    with start(tmp_path, "--demo", *demo) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode in {1, 2}
    assert said in errors
    assert "Traceback" not in errors


def test_usage_is_counted_with_a_database_and_a_key(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'app.db'}"
    where = ["--database", database]
    assert (
        "run `tallystick migrate`"
        in tallystick(tmp_path, "serve", EXAMPLES / "products.yaml", *where).stderr
    )
    assert tallystick(tmp_path, "migrate", *where).returncode == 0
    with start(tmp_path, *where, TALLYSTICK_API_KEY="first, second-key") as process:
        lines = announced(process, "API docs")
        url = address(lines, "Usage events")
        assert post(url, "second-key")[0] == 200
        assert post(url, "third-key")[0] == 401
        errors = ended(process)
    assert "no meter yet" in errors
    assert "second-key" not in "\n".join(lines) + errors


def test_without_a_key_usage_is_closed_and_the_start_says_so(tmp_path: Path) -> None:
    where = ["--database", f"sqlite:///{tmp_path / 'app.db'}"]
    tallystick(tmp_path, "migrate", *where)
    with start(tmp_path, *where) as process:
        lines = announced(process, "API docs")
        assert post(address(lines, "Usage events"), "")[0] == 503
        assert "TALLYSTICK_API_KEY" in ended(process)
