"""A folder with a Django project, whose commands run as they are written."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

__all__ = ["ROOT", "Project"]

ROOT = Path(__file__).resolve().parents[3]
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

    def serve(self, line: str, more: list[str]) -> subprocess.Popen[bytes]:
        """Start a server, on a port that is free."""
        words = [*self.words(line), self.address, *more]
        return subprocess.Popen(words, cwd=self.folder, env=self.env)

    def asked(self, line: str) -> int:
        """Do what a line of curl would, once there is a server."""
        words = shlex.split(line, comments=True)
        headers = dict(each.split(": ") for w, each in pairwise(words) if w == "-H")
        (url,) = (each.replace(SERVED, self.address) for each in words if each.startswith("http"))
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        request = Request(url, method=method, headers=headers)  # noqa: S310 - of the page
        for _ in range(600):
            try:
                with urlopen(request) as answer:  # noqa: S310 - the same
                    return int(answer.status)
            except HTTPError as refused:
                return refused.code
            except URLError:
                time.sleep(0.1)
        raise AssertionError("the server did not begin")
