"""The howto's steps, as they are written, from `startproject` to a held limit: both databases."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.databases import new_postgresql
from tests.integrations.django.project import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "howto" / "django.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)(.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"(?:file=|shown: (?:is|ends) )(\S+)")
SERVED = "127.0.0.1:8000"


class Project:
    """A folder in which the howto's files and commands are what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        env = {k: v for k, v in os.environ.items() if not k.startswith(("DJANGO", "TALLYSTICK"))}
        self.env = env | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(folder)])}
        self.served = socket.socket()
        self.served.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.served.getsockname()[1]}"
        self.served.close()

    def words(self, line: str) -> list[str]:
        """Give a command of the howto with this interpreter, and nothing installed."""
        first, *rest = shlex.split(line, comments=True)
        modules = {"django-admin": ["-m", "django"], "pytest": ["-m", "pytest"], "python": []}
        return [sys.executable, "-W", "error", *modules[first], *rest]

    def run(self, line: str) -> str:
        done = subprocess.run(
            self.words(line),
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, info: str, text: str) -> None:
        place = PLACE.search(info)
        if place is not None:
            path = self.folder / place[1]
            before = path.read_text("utf-8") if "ends" in info else ""
            path.write_text(before + text, "utf-8")

    def serve(self, line: str) -> subprocess.Popen[bytes]:
        """Start the howto's server, on a port that is free."""
        words = [*self.words(line), self.address, "--noreload"]
        return subprocess.Popen(words, cwd=self.folder, env=self.env)

    def asked(self, line: str) -> int:
        """Do what a line of curl would, once there is a server."""
        words = shlex.split(line, comments=True)
        headers = dict(each.split(": ") for w, each in pairwise(words) if w == "-H")
        url = words[-1].replace(SERVED, self.address)
        request = Request(url, method="POST" if "POST" in words else "GET", headers=headers)  # noqa: S310 - of the howto
        for _ in range(600):
            try:
                with urlopen(request) as answer:  # noqa: S310 - the same
                    return int(answer.status)
            except HTTPError as refused:
                return refused.code
            except URLError:
                time.sleep(0.1)
        raise AssertionError("the server did not begin")


def play(project: Project, databases: dict[str, Any] | None) -> list[tuple[int, int]]:
    """Follow the howto; give the status of each answer, with the one that is written there."""
    answers = []
    server = None
    try:
        for kind, info, text in BLOCK.findall(PAGE):
            project.write(info, text)
            for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE) if kind == "console" else ():
                if line.startswith("curl"):
                    answers.append((project.asked(line), int(line.rpartition("# ")[2])))
                elif "runserver" in line:
                    server = project.serve(line)
                elif line == "cd shop":
                    project = Project(project.folder / "shop")
                    if databases is not None:
                        project.write(
                            "shown: ends shop/settings.py", f"DATABASES = {databases!r}\n"
                        )
                elif not line.startswith("pip install"):
                    said = project.run(line)
                    if line.startswith("pytest"):
                        assert "3 passed" in said
    finally:
        if server is not None:
            server.terminate()
            server.wait()
    return answers


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Iterator[dict[str, Any] | None]:
    if request.param == "sqlite":
        yield None  # those of a project as `startproject` leaves it
    else:
        with new_postgresql() as url:
            yield {"default": settings_of(url)}


def test_the_howto_leads_from_an_empty_project_to_a_held_limit(
    databases: dict[str, Any] | None, tmp_path: Path
) -> None:
    answers = play(Project(tmp_path), databases)
    assert len(answers) == 7
    assert [got for got, _ in answers] == [said for _, said in answers]
    project = Project(tmp_path / "shop")
    assert "no issues" in project.run("python manage.py check")
    assert "No changes" in project.run("python manage.py makemigrations --check --dry-run")
    listed = project.run("python manage.py showmigrations tallystick").splitlines()
    assert listed[0] == "tallystick"
    assert {line.split()[0] for line in listed[1:]} == {"[X]"}
    assert "3 passed" in project.run("pytest --ds shop.settings --nomigrations")


def test_a_project_is_counted_in_the_view_of_another(tmp_path: Path) -> None:
    """What the howto's last page of views says."""
    project = Project(tmp_path)
    project.run("django-admin startproject shop")
    project = Project(tmp_path / "shop")
    for _, info, text in BLOCK.findall(PAGE):
        project.write(info, text)
    project.run("python manage.py migrate")
    script = (
        "from django.test import Client; import json;"
        "asked = Client(headers={'x-org': 'acme'}, SERVER_NAME='127.0.0.1');"
        "asked.post('/projects'); print(asked.get('/left').content.decode())"
    )
    said = project.run(f"python manage.py shell -c {shlex.quote(script)}")
    assert json.loads(said.splitlines()[-1]) == {"left": 1}
