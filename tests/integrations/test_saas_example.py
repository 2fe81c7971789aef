"""The example product: its own tests and its load, on each database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import Database

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "examples" / "fastapi_saas"


def run(database: Database, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": database.url},
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
    )


def test_the_tests_of_the_product_pass(database: Database, tmp_path: Path) -> None:
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    done = run(database, tmp_path, "-m", "pytest", *options, str(PRODUCT))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_the_load_lets_exactly_the_limits_through(database: Database, tmp_path: Path) -> None:
    if not database.shared:
        pytest.skip("two processes need a database that both can open")
    amounts = ["--tenants", "2", "--requests", "105", "--callers", "8"]
    done = run(database, tmp_path, str(PRODUCT / "load.py"), *amounts, "--json")
    assert done.returncode == 0, done.stderr
    projects, calls = json.loads(done.stdout)["limits"]
    assert (projects["asked"], projects["allowed"], projects["over"]) == (20, 6, 0)
    assert projects["denied"] == {"429 QUOTA_EXCEEDED": 14}
    assert (calls["asked"], calls["allowed"], calls["over"]) == (230, 200, 0)
    assert calls["denied"] == {"429 QUOTA_EXCEEDED": 30}


def test_the_documented_command_names_the_load() -> None:
    for page in (PRODUCT / "README.md", PRODUCT.parent / "README.md"):
        assert "python examples/fastapi_saas/load.py" in page.read_text("utf-8")
    assert "uvicorn --app-dir examples fastapi_saas.app:app" in (PRODUCT / "app.py").read_text(
        "utf-8"
    )
