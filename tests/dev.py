"""`tallystick dev --fake-stripe` as a person starts it: a process and a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.shop import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Running", "dev", "shop_in"]


@dataclass
class Running:
    """A run: its process, and what it has announced."""

    process: subprocess.Popen[str]
    lines: list[str]

    def address(self, name: str) -> str:
        """Give an address by the name that was said with it."""
        return next(line.split()[-1] for line in self.lines if line.startswith(name))

    @property
    def fake(self) -> str:
        """The origin of the fake Stripe."""
        return next(line.split()[2] for line in self.lines if line.startswith("Fake Stripe"))


def shop_in(folder: Path) -> Path:
    """Write the catalogue that is sold, as `tallystick` finds it."""
    path = folder / "billing.yaml"
    path.write_text(SHOP, "utf-8")
    return path


@contextmanager
def dev(
    folder: Path, *words: str, ends_by: signal.Signals = signal.SIGINT, **settings: str
) -> Iterator[Running]:
    """Run it until the block ends; it must end well, and have complained of nothing."""
    command = [sys.executable, "-m", "tallystick", "dev", "--fake-stripe", "--port", "0", *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Running(process, _announced(process))
        finally:
            process.send_signal(ends_by)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def _announced(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.startswith("Pricing page"):
            return lines
    raise AssertionError((lines, process.stderr and process.stderr.read()))
