"""Put a fault into a copy of the engine, and run the tests that have to notice it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.mutants.mutant import Mutant

__all__ = ["Fate", "Tried", "sound", "try_all", "try_one"]

Fate: TypeAlias = Literal["killed", "survived", "not found", "broken"]
"""What became of a fault: a test failed, none did, its text is not there, or nothing could run."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_SOURCE: Final = _ROOT / "src"
_FAILED: Final = 1  # pytest's exit code for tests that failed; others say that it could not test
_PATIENCE: Final = 600


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a fault, with the last that the tests said."""

    mutant: Mutant
    fate: Fate
    said: str = ""


def try_all(
    mutants: Iterable[Mutant], jobs: int, tell: Callable[[Tried], object] = bool
) -> list[Tried]:
    """Try faults, some at a time; tell of each when it is done."""

    def one(mutant: Mutant) -> Tried:
        tried = try_one(mutant)
        tell(tried)
        return tried

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, mutants))


def try_one(mutant: Mutant) -> Tried:
    """Try one fault in a copy of its own."""
    text = (_SOURCE / "tallystick" / mutant.file).read_text("utf-8")
    if text.count(mutant.old) != 1 or mutant.new == mutant.old:
        return Tried(mutant, "not found", f"{text.count(mutant.old)} times in {mutant.file}")
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "src"
        shutil.copytree(_SOURCE, copy)  # with the times of its files, so what is compiled counts
        changed = copy / "tallystick" / mutant.file
        changed.write_text(text.replace(mutant.old, mutant.new), "utf-8")
        for compiled in (changed.parent / "__pycache__").glob(f"{changed.stem}.*.pyc"):
            compiled.unlink()  # it would count where the size and the second are the same
        code, said = _test(copy, mutant.tests)
    if code == _FAILED:
        return Tried(mutant, "killed", said)
    return Tried(mutant, "survived" if code == 0 else "broken", said)


def sound(mutants: Iterable[Mutant]) -> str | None:
    """Run every named test without a fault; give what they said where one fails."""
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
    code, said = _test(_SOURCE, list(tests), whole=True)
    return said if code else None


def _test(source: Path, tests: Sequence[str], *, whole: bool = False) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name[:7] != "PYTEST_"}
    environment["PYTHONPATH"] = os.pathsep.join([str(source), str(_ROOT)])
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    stop = [] if whole else ["--exitfirst"]
    names = ["no:cacheprovider", "no:xdist", "no:cov"]
    options = [f"-p{name}" for name in names]
    asked = [sys.executable, "-m", "pytest", "--quiet", "--tb=line", *stop, *options, *tests]
    try:
        done = subprocess.run(
            asked,
            cwd=_ROOT,
            env=environment,
            timeout=_PATIENCE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _FAILED, f"it did not end in {_PATIENCE} seconds"
    return done.returncode, done.stdout[-3000:]
