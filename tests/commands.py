"""Commands as a shell would run them, in processes that need not load everything first.

One server, started at the first command, loads the engine once; each command is a fork of it, with
a folder, an environment and an end of its own.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["run_command"]

_PLAIN: Final = re.compile(r'tallystick (?P<words>[^;|<>&$`*?(]*)(?P<told>; echo "exit \$\?")?')
_PATIENCE: Final = 120  # seconds
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tallystick.cli.commands", "tallystick.wiring", "tests.commands"])


def run_command(command: str, folder: Path, more: Mapping[str, str]) -> tuple[int, str]:
    """Run a command line in a folder; give its exit status, and what it printed.

    Lines that need more of a shell than words and `; echo "exit $?"` get one.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, **more}
    plain = _PLAIN.fullmatch(command)
    if plain is None:
        return _in_a_shell(command, folder, environment)
    with tempfile.NamedTemporaryFile() as printed:
        asked = (shlex.split(plain["words"], comments=True), folder, environment, printed.name)
        child = _FORKS.Process(target=_run, args=asked)
        child.start()
        child.join(_PATIENCE)
        assert child.exitcode is not None, f"{command} takes longer than {_PATIENCE} seconds"
        text = Path(printed.name).read_text("utf-8")
    status = child.exitcode
    child.close()
    return (0, f"{text}exit {status}\n") if plain["told"] else (status, text)


def _in_a_shell(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout


def _run(words: list[str], folder: Path, environment: dict[str, str], printed: str) -> None:
    """Be the command: the fork has nothing of its own yet."""
    from tallystick.cli import main  # noqa: PLC0415 - loaded by the server

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with open(printed, "ab") as file, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - for `dup2`
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["tallystick", *words]
    try:
        main()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
