"""What every test stands on: a clean environment, Hypothesis's settings, the browser's rule.

Tests that need a real Chromium carry `@pytest.mark.browser` and stand in tests/browser.  Where
`TALLYSTICK_BROWSER` is not set they skip and say so; where it is `required` (`make test-browser`)
a skip is a failure, because a skipped test has proved nothing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import house
from tests.compiled import share_compiled
from tests.proof.report import missing, print_report
from tests.proof.settings import WHOLE

if TYPE_CHECKING:
    from collections.abc import Generator


ROOT = Path(__file__).resolve().parent.parent

KEPT_SETTINGS = (
    "TALLYSTICK_BROWSER",
    "TALLYSTICK_CHROMIUM",
    "TALLYSTICK_HYPOTHESIS",
    "TALLYSTICK_TEST_DATABASE_URL",
    "TALLYSTICK_TEST_STRIPE_KEY",  # of `make test-stripe` alone: TALLYSTICK_STRIPE_KEY is forgotten
)
TERMINAL_SETTINGS = (
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "LINES",
    "NO_COLOR",
    "PY_COLORS",
    "TTY_COMPATIBLE",
)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# `gate` finds the same cases on every machine and every day; `search` looks for new ones.
settings.register_profile(
    "gate",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """Forget what the caller's shell happens to say about Tallystick and about terminals."""
    if not WHOLE and not any("proof" in each for each in config.args):
        share_compiled()  # the proof puts its crashes into the dialect of an engine
    for name in list(os.environ):
        ours = name.startswith("TALLYSTICK_") and name not in KEPT_SETTINGS
        if ours or name in TERMINAL_SETTINGS:
            del os.environ[name]
    settings.load_profile(os.environ.get("TALLYSTICK_HYPOTHESIS", "gate"))


def find_chromium() -> str | None:
    """Give the path of a Chromium, or None."""
    named = os.environ.get("TALLYSTICK_CHROMIUM")
    candidates = (named,) if named else CHROMIUMS
    return next((found for name in candidates if (found := shutil.which(name))), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a browser test, visibly, where no browser was asked for or none is there."""
    if item.get_closest_marker("browser") is None:
        return
    if not os.environ.get("TALLYSTICK_BROWSER"):
        pytest.skip("needs a browser: run `make test-browser`")
    if find_chromium() is None:
        pytest.skip("no Chromium was found: install one or set TALLYSTICK_CHROMIUM")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where the browser was required."""
    report = yield
    in_browser = item.get_closest_marker("browser") is not None
    if in_browser and report.skipped and os.environ.get("TALLYSTICK_BROWSER") == "required":
        report.outcome = "failed"
        report.longrepr = f"skipped where a browser is required: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that is the proof, or its share, and reached less than is committed to.

    A sweep that silently shrinks is the commonest false green.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    passed = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    if passed and reporter is not None and missing(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what the proof reached, and what has grown large: not a wall, some is for a reason."""
    print_report(terminalreporter)
    large = house.large_things(ROOT / "src" / "tallystick")
    if large:
        terminalreporter.section("larger than the house likes (a report, not a failure)")
        for line in large:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium to start, as Playwright's `executable_path`."""
    found = find_chromium()
    assert found is not None
    return found
