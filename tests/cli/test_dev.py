"""`tallystick dev --fake-stripe`: the whole way by plain requests, and how it begins and ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tallystick.wiring import Tallystick
from tests.dev import dev, shop_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dev import Running

PATIENCE = 30  # seconds


class Reader:
    """Who asks as a browser does, following where it is led."""

    def __init__(self, run: Running) -> None:
        self.page = run.address("Buy")
        self.origin = self.page.removesuffix("/dev")

    def get(self, address: str) -> tuple[str, str]:
        with urllib.request.urlopen(address) as answer:  # noqa: S310 - our own server
            return answer.url, answer.read().decode()

    def send(self, address: str, **fields: str) -> tuple[str, str]:
        """Send a form, and give the address that it led to, and what stands there."""
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(address, body, {"Origin": self.origin})  # noqa: S310 - the same
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
                return answer.url, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return address, refused.read().decode()

    def sees(self, words: str, path: str = "") -> str:
        """Look again until the page says something."""
        end = time.monotonic() + PATIENCE
        while True:
            _, text = self.get(self.page + path)
            if re.search(words, text):
                return text
            assert time.monotonic() < end, (words, text)
            time.sleep(0.2)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tallystick", "dev", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_from_a_plan_to_an_invoice_that_is_paid(tmp_path: Path) -> None:
    shop_in(tmp_path)
    with dev(tmp_path, ends_by=signal.SIGTERM) as running:
        reader = Reader(running)
        _, text = reader.get(reader.page)
        assert "No plan yet." in text
        pay, text = reader.send(f"{reader.page}/buy", plan="pro")
        assert pay.startswith(f"{running.fake}/pay/")
        assert "declined" in reader.send(pay, card="pm_card_chargeDeclined")[1]
        assert "No plan yet." in reader.get(reader.page)[1]
        back, text = reader.send(pay, card="pm_card_visa")
        assert back == f"{reader.page}/back"
        text = reader.sees("INV-000001.*paid")
        assert "Pro</strong>: active" in text
        (held,) = set(re.findall('name="subscription" value="([^"]+)"', text))
        reader.send(f"{reader.page}/change", subscription=held, plan="max")
        text = reader.sees("INV-000002</a>.*70.00 USD</td><td>paid")
        assert "Max</strong>: active" in text
        explained = reader.get(f"{reader.origin}/invoices/you/INV-000002/explained")[1]
        assert "-min(29.00 USD" in explained
    with Tallystick(f"sqlite:///{tmp_path / '.tallystick' / 'dev.db'}") as tally:
        assert tally.verify().ok
        (held,) = tally.subscriptions.list(customer="you")
        assert (held.items[0].offer, held.state) == ("max@1", "active")
        applied = {each.type for each in tally.provider_events.list(state="applied", limit=100)}
        assert "payment_intent.succeeded" in applied
        assert list(tally.provider_events.list(state="set_aside")) == []


def test_a_payment_that_takes_days_unlocks_when_it_has_arrived(tmp_path: Path) -> None:
    shop_in(tmp_path)
    with dev(tmp_path) as running:
        reader = Reader(running)
        pay, _ = reader.send(f"{reader.page}/buy", plan="pro")
        _, text = reader.send(pay, card="pm_usBankAccount_success")
        assert "Your payment is on its way." in text
        assert "No plan yet." in reader.get(reader.page)[1]
        assert "Pro</strong>: active" in reader.sees("Paid.</strong>", "/back")


def test_each_run_begins_anew_and_touches_no_other_database(tmp_path: Path) -> None:
    shop_in(tmp_path)
    elsewhere = f"sqlite:///{tmp_path / 'mine.db'}"
    for _ in range(2):
        with dev(tmp_path, "--plan", "free", TALLYSTICK_DATABASE_URL=elsewhere) as running:
            reader = Reader(running)
            _, text = reader.get(reader.page)
            assert "No plan yet." in text
            assert re.search(r"Projects</th><td>yes</td><td class=\"figure\">3<", text)
            assert reader.send(f"{reader.page}/buy", plan="free")[0] == f"{reader.page}/back"
            assert "Free</strong>: active" in reader.get(reader.page)[1]
    assert not (tmp_path / "mine.db").exists()


def test_two_runs_in_one_folder_would_share_a_ledger(tmp_path: Path) -> None:
    shop_in(tmp_path)
    with dev(tmp_path) as running:
        second = run(tmp_path, "--fake-stripe", "--port", "0")
        assert second.returncode == 2
        assert "another `tallystick dev` runs in this folder" in second.stderr
        assert "No plan yet." in Reader(running).get(running.address("Buy"))[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say --fake-stripe"),
        (["--fake-stripe", "--plan", "none"], "no plan 'none'; the catalogue has free, pro"),
        (["--fake-stripe", "none.yaml"], "none.yaml"),
        (["--fake-stripe", "--port", "99999"], "99999"),
    ],
)
def test_what_it_cannot_begin_with_is_told_and_leaves_nothing(
    tmp_path: Path, words: list[str], said: str
) -> None:
    shop_in(tmp_path)
    done = run(tmp_path, *words)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".tallystick" / "dev.db").exists()
