"""What a page that is followed from top to bottom says has to hold: its terminal is no stage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tallystick.testing.fake_stripe import FakeStripe, running
from tests.docs_terminal import Terminal
from tests.test_docs import run_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    fake = FakeStripe()
    with running(fake) as address:
        made = Terminal(fake, address, tmp_path, monkeypatch.setenv)
        yield made
        made.close()


def test_a_short_id_is_the_newest_that_was_printed(terminal: Terminal) -> None:
    printed = terminal.run("tallystick stripe account")
    assert printed is not None
    assert terminal.fake.account.id in printed[1]
    terminal.run("export TALLYSTICK_STRIPE_ACCOUNT=acct_...  # yours")
    assert os.environ["TALLYSTICK_STRIPE_ACCOUNT"] == terminal.fake.account.id
    terminal.run("export TALLYSTICK_STRIPE_KEY=sk_test_...")
    assert os.environ["TALLYSTICK_STRIPE_KEY"] == terminal.fake.account.api_key


def test_what_is_for_the_reader_is_left_to_the_reader(terminal: Terminal) -> None:
    assert terminal.run("stripe listen --forward-to 127.0.0.1:8000/hooks") is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("tallystick payments refund int_...", AssertionError),
        ("export TALLYSTICK_NOBODY_KNOWS=it_...", KeyError),
        ("curl --upload-file a http://127.0.0.1:8000/", SystemExit),
        ("curl -s http://127.0.0.1:8000/", OSError),
        ("tallystick serve no-such-catalogue.yaml &", AssertionError),
        ("tallystick serve", AssertionError),
        ('python -m webbrowser "https://checkout.stripe.com/..."', ValueError),
    ],
)
def test_a_line_that_does_not_hold_is_caught(
    line: str, error: type[BaseException], terminal: Terminal
) -> None:
    terminal._site = "127.0.0.1:9"  # nobody listens there
    with pytest.raises(error):
        terminal.run(line)


def test_an_answer_that_differs_is_caught(terminal: Terminal, tmp_path: Path) -> None:
    page = "```console\n$ tallystick stripe account\naccount  somebody else\n```\n"
    with pytest.raises(AssertionError, match="somebody else"):
        run_page(page, "page.md", tmp_path, terminal)
