"""A terminal, a browser and a Stripe account for a page that is followed from top to bottom.

What a reader does with an account of their own is done here with the fake:

* `export` holds for the commands after it; where no other value is printed on the page, one that
  ends in `...` is what the account has;
* an id that ends in `...` is the newest that was printed and begins like it;
* `tallystick serve` runs until the page ends, on a free port in place of 8000;
* `curl` is asked as it is written, with `-s`, `-H` and `-d`;
* `python -m webbrowser` is a customer who pays on the page with a good card, and Stripe that tells
  the service of it, as `stripe listen` hands it on.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import stripe

from tallystick.testing.fake_stripe import send
from tests.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tallystick.testing.fake_stripe import FakeStripe

__all__ = ["Terminal"]

_SHOWN: Final = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
_WRITTEN: Final = "127.0.0.1:8000"
_SHORT: Final = re.compile(r"\b(?:tsq1|[a-z]+_(?:test_)?)\.\.\.")
_SERVED: Final = re.compile(r"http://(127\.0\.0\.1:\d+)/docs")
_HOOKS: Final = "/api/v1/webhooks/stripe"
_PATIENCE: Final = 60  # seconds


class Terminal:
    """Runs the lines of one page; `close` ends what still runs."""

    def __init__(
        self, fake: FakeStripe, address: str, folder: Path, setenv: Callable[[str, str], None]
    ) -> None:
        self.fake, self._folder, self._setenv = fake, folder, setenv
        client = stripe.StripeClient(fake.account.api_key, base_addresses={"api": address})
        endpoint = client.v1.webhook_endpoints.create(
            {"url": f"https://shop.example{_HOOKS}", "enabled_events": ["*"]}
        )
        self.settings = {
            "TALLYSTICK_STRIPE_KEY": fake.account.api_key,
            "TALLYSTICK_STRIPE_ADDRESS": address,
            "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": str(endpoint.secret),
        }
        for name, value in self.settings.items():
            setenv(name, value)
        self._printed = ""
        self._served: subprocess.Popen[bytes] | None = None
        self._site = _WRITTEN

    def close(self) -> None:
        """End the service, if the page has started it."""
        if self._served is not None:
            self._served.terminate()
            self._served.wait(_PATIENCE)

    def run(self, line: str) -> tuple[int, str] | None:
        """Run a line; give its exit status and what it printed, None where it is the reader's."""
        words = shlex.split(line, comments=True)
        if words[0] == "export":
            self._export(words[1])
            return 0, ""
        if words[:3] == ["python", "-m", "webbrowser"]:
            self._pay()
            return 0, ""
        if words[:2] == ["tallystick", "serve"]:
            assert words[-1] == "&", "a service runs beside the page: write `&` after it"
            return 0, self._serve(words[1:-1])
        if words[0] not in {"tallystick", "curl"}:
            return None
        line = self._in_full(line)
        if words[0] == "curl":
            status, text = self._ask(shlex.split(line)[1:])
        else:
            status, text = run_command(line, self._folder, _SHOWN)
        self._printed += text
        return status, text

    def _export(self, setting: str) -> None:
        name, _, value = setting.partition("=")
        if not value.endswith("...") or self._newest(value) is not None:
            self._setenv(name, self._in_full(value))
        else:
            self._setenv(name, self.settings[name])

    def _in_full(self, line: str) -> str:
        def whole(short: re.Match[str]) -> str:
            newest = self._newest(short[0])
            assert newest is not None, f"nothing printed so far begins like {short[0]}"
            return newest

        return _SHORT.sub(whole, line)

    def _newest(self, short: str) -> str | None:
        found = re.findall(rf"\b{re.escape(short[:-3])}[\w.-]*\w", self._printed)
        return found[-1] if found else None

    def _serve(self, words: list[str]) -> str:
        log = self._folder / "serve.log"
        with log.open("wb") as out:
            self._served = subprocess.Popen(
                [sys.executable, "-m", "tallystick", *words, "--port", "0"],
                cwd=self._folder,
                env={**os.environ, **_SHOWN, "PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        waited_until = time.monotonic() + _PATIENCE
        while (told := _SERVED.search(log.read_text("utf-8"))) is None:
            assert self._served.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < waited_until, log.read_text("utf-8")
            time.sleep(0.05)
        self._site = told[1]
        self.fake.deliveries()  # what happened before is told to nobody
        return log.read_text("utf-8").replace(self._site, _WRITTEN)

    def _ask(self, words: list[str]) -> tuple[int, str]:
        read = argparse.ArgumentParser("curl")
        read.add_argument("-s", action="store_true", required=True)
        read.add_argument("-H", action="append", default=[])
        read.add_argument("-d")
        read.add_argument("url")
        asked = read.parse_args(words)
        headers = dict(os.path.expandvars(each).split(": ", 1) for each in asked.H)
        body = None if asked.d is None else asked.d.encode()
        url = asked.url.replace(_WRITTEN, self._site)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:  # noqa: S310 - of this machine
                return 0, str(answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return 0, refused.read().decode()

    def _pay(self) -> None:
        pages = self.fake.account.of("checkout.session").values()
        (open_page,) = (page for page in pages if page["status"] == "open")
        self.fake.pay(open_page["id"])
        url = f"http://{self._site}{_HOOKS}"
        told = [send(replace(each, url=url)) for each in self.fake.deliveries()]
        assert told, "Stripe has nothing to tell"
        assert set(told) == {200}, f"the service answered {told}"
