"""The report itself can fail: a sweep that shrank, or that nobody ran, is told and is a failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.proof.boundaries import committed_numbers
from tests.proof.paths import PATHS
from tests.proof.places import KINDS
from tests.proof.report import LEAST, Swept, shortfall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.proof.places import Kind

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
MYSELF = "test_a_run_that_is_to_be_the_proof_and_is_not_fails"
NUMBERS: Mapping[str, Mapping[Kind, int]] = {
    "short": {"sqlite": 6, "postgresql": 4},
    "long": {"sqlite": 60, "postgresql": 40},
}


def swept(met: int = 60, crashed: int = 60) -> list[Swept]:
    """Give sweeps that reach just enough for `make test`, but for one that may be changed."""
    return [
        Swept("short", "sqlite", 6, 6),
        Swept("short", "postgresql", 4, 4),
        Swept("long", "sqlite", met, crashed),
        Swept("long", "postgresql", 40, LEAST),
    ]


def test_every_path_has_its_numbers() -> None:
    assert {path: set(kinds) for path, kinds in committed_numbers().items()} == {
        path: set(KINDS) for path in PATHS
    }


def test_what_is_reached_is_enough() -> None:
    assert shortfall(swept(), NUMBERS, full=False) == []
    assert shortfall([*swept(), Swept("another", "sqlite", 1, 1)], NUMBERS, full=False) == []


@pytest.mark.parametrize("changes", [{"met": 59}, {"crashed": 59}])
def test_a_sweep_that_shrank_is_told(changes: dict[str, int]) -> None:
    (line,) = shortfall(swept(**changes), NUMBERS, full=False)
    assert line.startswith("long on sqlite: crashed at ")
    assert line.endswith("where 60 of 60 are committed to")


def test_a_sweep_that_nobody_ran_is_told() -> None:
    assert shortfall(swept()[1:], NUMBERS, full=False) == [
        "short on sqlite: crashed at 0 of 0 boundaries, where 6 of 6 are committed to"
    ]


def test_a_sample_is_not_the_full_proof() -> None:
    assert shortfall(swept(), NUMBERS, full=True) == [
        "long on postgresql: crashed at 16 of 40 boundaries, where 40 of 40 are committed to"
    ]
    fewer = [each._replace(crashed=min(each.crashed, LEAST - 1)) for each in swept()]
    assert len(shortfall(fewer, NUMBERS, full=False)) == 2


def test_a_run_that_is_to_be_the_proof_and_is_not_fails() -> None:
    """All its tests pass, in a process of xdist, and yet it fails: the sweep is not among them."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses=1"]
    words += ["tests/proof", "--ignore-glob=*/test_[!r]*", f"--deselect={HERE}::{MYSELF}"]
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=environment | {"PROOF": "share"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "NOT REACHED  record on sqlite: crashed at 0 of 0 boundaries" in done.stdout
    assert " passed" in done.stdout
    assert " failed" not in done.stdout


def test_every_file_with_some_of_the_proof_is_in_the_makefile() -> None:
    """What is marked is left out by the one half of `make test`; the other half names its files."""
    made = (ROOT / "Makefile").read_text("utf-8")
    (named,) = re.findall(r"^PROOF_IN := (.*)$", made, re.MULTILINE)
    marked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if "mark.proof" in path.read_text("utf-8") and path.parent != Path(__file__).parent
    }
    assert set(named.split()) == {"tests/proof", *marked}
