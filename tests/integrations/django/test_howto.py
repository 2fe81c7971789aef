"""The howto's steps, as they are written, from `startproject` to a held limit: both databases."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import new_postgresql
from tests.integrations.django.commands import ROOT, Project
from tests.integrations.django.project import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (ROOT / "docs" / "howto" / "django.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)(.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)


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
                    server = project.serve(line, ["--noreload"])
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
