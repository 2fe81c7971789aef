from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tallystick.files.alone import lock_file, unlock_file

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import pathlib, sys
from tallystick.files.alone import lock_file
assert lock_file(pathlib.Path(sys.argv[1])) is not None
print("held", flush=True)
sys.stdin.read()
"""


def test_one_has_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    first = lock_file(path)
    assert first is not None
    assert lock_file(path) is None
    unlock_file(first)
    second = lock_file(path)
    assert second is not None
    os.close(first)
    os.close(second)


def test_who_is_killed_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        assert lock_file(path) is None
        owner.kill()
        owner.wait()
    mine = lock_file(path)
    assert mine is not None
    os.close(mine)


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock_file(tmp_path / "none" / "one.lock")
