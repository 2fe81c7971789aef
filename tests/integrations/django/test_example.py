"""The example project, by its one command, on both databases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.databases import new_postgresql
from tests.integrations.django.commands import ROOT, Project
from tests.integrations.django.project import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANAGE = ROOT / "examples" / "django_app" / "manage.py"
ASKED = "curl -H 'x-org: acme' http://127.0.0.1:8000"


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    if request.param == "sqlite":
        yield {"SQLITE_FILE": str(tmp_path / "shop.sqlite3")}
        return
    with new_postgresql() as url:
        chosen = settings_of(url)
        names = {"NAME": "PGDATABASE"} | {
            each: f"PG{each}" for each in ("USER", "PASSWORD", "HOST", "PORT")
        }
        yield {env: chosen[name] for name, env in names.items() if chosen[name]}


def test_the_example_holds_its_limits(environment: dict[str, str]) -> None:
    command = re.search("`(python [^`]+)`", MANAGE.read_text("utf-8"))
    assert command is not None
    assert command[1] in (ROOT / "examples" / "README.md").read_text("utf-8")
    project = Project(ROOT)
    project.env |= environment
    server = project.serve(command[1], [])
    try:
        made = [project.asked(f"{ASKED}/projects -X POST") for _ in range(4)]
        assert made == [201, 201, 201, 429]  # and the fourth is not there
        assert [project.asked(f"{ASKED}/projects -X DELETE") for _ in range(2)] == [200, 200]
        made = [project.asked(f"{ASKED}/projects -X POST") for _ in range(4)]
        assert made == [201, 201, 201, 429]
        assert project.asked(f"{ASKED}/search") == 200
        assert project.asked(f"{ASKED}/rest/search") == 200
        assert project.asked(f"{ASKED}/domains -X POST") == 403
        assert project.asked("curl http://127.0.0.1:8000/search") == 401
        assert project.asked(f"{ASKED}/") == 200
        assert project.asked(f"{ASKED}/api/v1/plans") == 200
    finally:
        server.terminate()
        server.wait()
    assert "No changes" in project.run(f"python {MANAGE} makemigrations --check --dry-run")
