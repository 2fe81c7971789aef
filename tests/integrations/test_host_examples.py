"""The examples of host frameworks, each driven through its framework and by its one command."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from tallystick import Tallystick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ACME = {"x-org": "acme"}
COMMAND = re.compile(r'"""[^`]*`([^`]+)`')


@pytest.fixture(params=["fastapi_app", "flask_app", "starlette_app"])
def client(
    request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    monkeypatch.setenv("DATABASE_URL", database.url)
    program = runpy.run_path(str(EXAMPLES / f"{request.param}.py"))
    app, tally = program["app"], program["tally"]
    with tally:
        assert isinstance(tally, Tallystick)
        if request.param == "flask_app":
            yield app.test_client()
        else:
            with TestClient(app) as client:
                yield client


def test_the_example_holds_its_limits(client: Any) -> None:
    statuses = [client.post("/projects", headers=ACME).status_code for _ in range(4)]
    assert statuses == [201, 201, 201, 429]
    assert client.delete("/projects", headers=ACME).status_code == 200
    assert client.post("/projects", headers=ACME).status_code == 201
    assert client.get("/search", headers=ACME).status_code == 200
    assert client.post("/domains", headers=ACME).status_code == 403
    assert client.post("/domains").status_code == 401


@pytest.mark.parametrize("name", ["fastapi_app", "flask_app", "starlette_app"])
def test_the_command_of_the_example_finds_its_program(name: str, tmp_path: Path) -> None:
    text = (EXAMPLES / f"{name}.py").read_text("utf-8")
    command = COMMAND.search(text)
    assert command is not None
    words = command[1].split()
    assert command[1] in (EXAMPLES / "README.md").read_text("utf-8")
    if words[0] == "uvicorn":  # it would serve until it is ended: what it loads is loaded here
        assert words[1:] == ["--app-dir", "examples", f"{name}:app"]
        line = f"import {name}; print({name}.app)"
        done = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(EXAMPLES)]}; {line}"]
    else:
        assert words == ["flask", "--app", f"examples/{name}", "run"]
        done = [sys.executable, "-m", "flask", "--app", str(EXAMPLES / name), "routes"]
    found = subprocess.run(done, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert found.returncode == 0, found.stderr
    assert "projects" in found.stdout or "object at" in found.stdout
