"""`tallystick dev --fake-stripe`: the whole way by plain requests, and how it begins and ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tallystick.app.catalog import load_catalog
from tallystick.cli import dev as command
from tallystick.errors import SetupError
from tallystick.system import SystemClock
from tallystick.testing.clock import AheadClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tallystick.wiring import Tallystick
from tests.dev import dev, shop_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.providers.stripe.settings import StripeSettings
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
            (held,) = tally.subscriptions.list(customer="you")
            assert (held.items[0].offer, held.state) == ("max@1", "active")
            end = time.monotonic() + PATIENCE
            while "payment_intent.succeeded" not in applied(tally):
                assert time.monotonic() < end, "no event came true"
                time.sleep(0.2)
            assert list(tally.provider_events.list(state="set_aside")) == []
            assert tally.verify().ok


def applied(tally: Tallystick) -> set[str]:
    """Give what the fake told, and something was made of."""
    return {each.type for each in tally.provider_events.list(state="applied", limit=100)}


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


# --- its parts, in this process -----------------------------------------------------------------

UNKNOWN_TO_STRIPE = """\
dialect: tallystick
provider: stripe
currency: USD
products:
  - id: shop
    name: Shop
    plans:
      - id: fees
        name: Fees
        interval: month
        interval_count: 1
        prices:
          - { id: fees, name: Fees, type: percentage, unit: payment, meter: payments, percent: 1 }
meters:
  - { key: payments, aggregation: sum, unit: payment }
"""


@pytest.fixture
def settings(fake: FakeStripe) -> Iterator[StripeSettings]:
    with running(fake) as address:
        yield command._settings(fake, address, "http://127.0.0.1:9")


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe(SystemClock(), api_key="sk_test_fake1")


def test_the_fake_is_told_where_to_tell_and_has_the_price_list(
    tmp_path: Path, fake: FakeStripe, settings: StripeSettings
) -> None:
    (endpoint,) = fake.account.of("webhook_endpoint").values()
    assert endpoint["url"] == "http://127.0.0.1:9/api/v1/webhooks/stripe"
    assert settings.secrets == (fake.account.secrets[endpoint["id"]],)
    catalog = load_catalog(shop_in(tmp_path))
    clock = AheadClock(SystemClock())
    assert command._make_price_list(catalog, settings, clock) == "with your price list"
    found = {each["metadata"]["billing_plan_id"] for each in fake.account.of("price").values()}
    assert {"pro", "max", "team"} <= found


def test_what_stripe_cannot_express_is_told_and_stops_nothing(
    tmp_path: Path,
    fake: FakeStripe,
    settings: StripeSettings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "billing.yaml"
    path.write_text(UNKNOWN_TO_STRIPE, "utf-8")
    clock = AheadClock(SystemClock())
    said = command._make_price_list(load_catalog(path), settings, clock)
    assert said.startswith("without your price list")
    assert "not in the price list there: products[0].plans[0]" in capsys.readouterr().err
    assert fake.account.of("price") == {}


def test_a_round_that_fails_is_told_once_and_tried_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_EVERY", 0.001)
    enough, tries = threading.Event(), count(1)

    def act() -> None:
        if next(tries) == 20:
            enough.set()
        raise SetupError("it is not there")

    with command._again_and_again(act):
        assert enough.wait(PATIENCE)
    assert capsys.readouterr().err == "tried again: it is not there\n"


def test_what_ends_in_an_error_leaves_the_folder_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SetupError, match="a fault"), command._alone():
        raise SetupError("a fault")
    (tmp_path / command.FILE).touch()
    with command._alone():
        assert not (tmp_path / command.FILE).exists()
        with pytest.raises(SetupError, match="another `tallystick dev` runs"), command._alone():
            pass
