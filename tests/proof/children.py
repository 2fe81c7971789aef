"""Forked children: processes of their own that can be killed, and that say what they did.

What a child reports is in a pipe the moment it is said, so a kill takes nothing of it back.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tests.proof.settings import PATIENCE

__all__ = ["KILLED", "Child", "Report", "fork", "run"]

Report: TypeAlias = Callable[[Any], None]
"""Tells the parent something that JSON can hold."""

KILLED: Final = 137
"""The exit code of a child that died at its boundary: what a shell shows for SIGKILL."""

_HANGS: Final = 5 * PATIENCE  # a child that takes longer


@dataclass
class Child:
    """A forked process and what it has told."""

    pid: int
    pipe: int
    told: list[Any] = field(default_factory=list)
    code: int | None = None
    _rest: bytes = b""
    _silent: bool = False

    def wait(self) -> int:
        """Read until the child is gone; give its exit code, -9 where SIGKILL ended it."""
        deadline = time.monotonic() + _HANGS
        while self.code is None and self.listen(deadline - time.monotonic()):
            continue
        return self._gone()

    def listen(self, seconds: float) -> bool:
        """Wait for the child to say something; False where it has gone, or is silent so long."""
        ready, _, _ = select.select([self.pipe], [], [], max(0.0, seconds))
        if not ready:
            return False
        chunk = os.read(self.pipe, 1 << 16)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self.told.extend(json.loads(line) for line in lines)
        self._silent = not chunk  # the last thing that a process does is to close what it has open
        return bool(chunk)

    def kill(self) -> int:
        """End it by SIGKILL, as the kernel does where memory runs out."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def _gone(self) -> int:
        if self.code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            deadline = time.monotonic() + PATIENCE
            while self._silent and not done and time.monotonic() < deadline:
                time.sleep(0.001)
                done, status = os.waitpid(self.pid, os.WNOHANG)
            if not done:
                os.kill(self.pid, signal.SIGKILL)
                _, status = os.waitpid(self.pid, 0)
            self.code = os.waitstatus_to_exitcode(status)
            os.close(self.pipe)
        return self.code

    def errors(self) -> str:
        """Give the tracebacks it reported."""
        told = (each for each in self.told if isinstance(each, dict))
        return "\n".join(each["error"] for each in told if "error" in each)


def fork(act: Callable[[Report], None]) -> Child:
    """Run `act` in a child of its own; it ends without any farewell to databases or files.

    No connection may be open through which the parent means to speak again.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads; those of a test runner only wait, and the child is short.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(act, writing)
    os.close(writing)
    return Child(pid, reading)


def run(act: Callable[[Report], None]) -> Child:
    """Run `act` in a child and wait for its end."""
    child = fork(act)
    child.wait()
    return child


def _live(act: Callable[[Report], None], writing: int) -> None:
    gc.freeze()  # what was the parent's is not closed here: it would say goodbye in its name
    code = 1

    def report(what: Any) -> None:
        left = json.dumps(what).encode() + b"\n"
        while left:
            left = left[os.write(writing, left) :]

    try:
        act(report)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is to see it
        report({"error": traceback.format_exc()})
    finally:
        os._exit(code)
