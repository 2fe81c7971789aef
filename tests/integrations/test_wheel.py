"""The program of the README, from a built wheel, in an environment without this checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r"```python\n(from fastapi import .*?)```", re.DOTALL)
LISTENING = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has our wheel and, beside it, the packages that it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    found = folder / "env" / "bin" / "python"
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run([*install, "--python", str(found), str(wheel)], check=True)
    # A folder on the path, whose own .pth files are not read: this checkout is not on it.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return found


@pytest.fixture
def address(python: Path, tmp_path: Path) -> Iterator[str]:
    """The README's program, served by uvicorn from an empty folder."""
    (sample,) = SAMPLE.findall((ROOT / "README.md").read_text("utf-8"))
    (tmp_path / "app.py").write_text(sample, "utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    server = subprocess.Popen(
        [str(python), "-m", "uvicorn", "app:app", "--port", "0"],
        cwd=tmp_path,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    try:
        assert server.stderr is not None
        for line in server.stderr:
            said.append(line)
            if listening := LISTENING.search(line):
                yield listening[1]
                break
        else:
            pytest.fail("".join(said))
    finally:
        server.terminate()
        server.communicate(timeout=60)


def ask(address: str, path: str, method: str = "GET", org: str = "acme") -> tuple[int, Any]:
    request = urllib.request.Request(address + path, method=method, headers={"x-org": org})  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_wheel_is_what_runs(python: Path, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    where = subprocess.run(
        [str(python), "-c", "import tallystick.integrations.fastapi as f; print(f.__file__)"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert Path(where.strip()).is_relative_to(python.parents[1])


def test_the_program_of_the_readme_holds_its_limits(address: str) -> None:
    answers = [ask(address, "/projects", "POST") for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 429]
    refused = answers[3][1]["error"]
    assert refused["code"] == "QUOTA_EXCEEDED"
    assert refused["details"] == {
        "feature": "projects",
        "limit": "3",
        "used": "3",
        "reserved": "0",
        "resets_at": None,
        "upgrade_to": "pro",
    }
    status, access = ask(address, "/access")
    assert (status, access["allowed"], access["used"], access["reserved"]) == (200, False, 3, 0)
    assert access["unlocks"][0]["plan"] == "pro"
    assert ask(address, "/projects", "POST", org="other")[0] == 200
    assert ask(address, "/search") == (200, {"ok": True})
    assert ask(address, "/api/v1/plans")[1]["data"]["products"][1]["plans"][0]["price"] == 29
    _, document = ask(address, "/openapi.json")
    assert {"402", "403", "429"} <= set(document["paths"]["/projects"]["post"]["responses"])
    assert {"402", "403", "429"} <= set(document["paths"]["/search"]["get"]["responses"])
    assert "429" not in document["paths"]["/access"]["get"]["responses"]


def test_the_fixture_is_there_wherever_the_wheel_is(python: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", "utf-8")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture\ndef tallystick_catalog():\n    return None\n\n"
        "def test_it(tallystick):\n"
        "    with tallystick.at('2027-03-01'):\n"
        "        assert tallystick.usage.record('acme', 'calls', id='e-1') == 'accepted'\n",
        "utf-8",
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("PY")}
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", str(tmp_path)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        check=False,
        text=True,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
