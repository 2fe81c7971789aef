"""The pytest plugin, in pytest runs of its own."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.testing import ledger, pytest_plugin

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = pytest_plugin.__name__
SAMPLE = re.compile(
    r"```python shown: it stands in the reader's (?P<name>\S+)\n(.*?)```", re.DOTALL
)
CATALOG = """
[[plans]]
id = "free"
name = "Free"
price = 0
currency = "USD"
interval = "month"
features = [{ feature_key = "calls", enabled = true, limit = 2 }]
"""
LOADED = ledger.FrozenLedger
"""Imported here, so that no run below imports the engine a second time."""


def outcome(pytester: pytest.Pytester, *options: str, **expected: int) -> pytest.RunResult:
    run = pytester.runpytest_inprocess("-p", "no:tallystick", "-p", PLUGIN, *options)
    run.assert_outcomes(**expected)
    return run


def test_the_entry_point_is_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    entry = project["entry-points"]["pytest11"]
    assert entry == {"tallystick": PLUGIN}
    assert set(import_module(entry["tallystick"]).__all__) == set(pytest_plugin.__all__)


def test_the_samples_of_the_howto_pass(pytester: pytest.Pytester) -> None:
    page = (ROOT / "docs" / "howto" / "testing.md").read_text("utf-8")
    files: dict[str, str] = dict(SAMPLE.findall(page))
    assert set(files) == {"conftest.py", "test_billing.py"}
    for name, text in files.items():
        (pytester.path / name).write_text(text, "utf-8")
    outcome(pytester, passed=2)


def test_the_catalogue_beside_the_settings_is_taken(pytester: pytest.Pytester) -> None:
    pytester.makefile(".ini", pytest="[pytest]\n")
    (pytester.path / "billing.toml").write_text(CATALOG, "utf-8")
    inner = pytester.mkdir("inner")
    (inner / "test_it.py").write_text(
        "def test_it(tallystick):\n    assert tallystick.price_book.find('free')\n", "utf-8"
    )
    outcome(pytester, str(inner), passed=1)


def test_the_variable_names_another(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "other.toml").write_text(CATALOG, "utf-8")
    monkeypatch.setenv("TALLYSTICK_CATALOG", "other.toml")
    pytester.makepyfile("def test_it(tallystick_catalog):\n    assert len(tallystick_catalog) == 1")
    outcome(pytester, passed=1)


def test_where_there_is_no_catalogue_the_error_says_what_to_do(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(tallystick):\n    pass")
    run = outcome(pytester, errors=1)
    run.stdout.fnmatch_lines(["*CatalogNotFound: *override the fixture tallystick_catalog*"])


def test_each_fixture_can_be_overridden(pytester: pytest.Pytester) -> None:
    (pytester.path / "billing.toml").write_text(CATALOG, "utf-8")
    pytester.makepyfile(
        """
        import pytest
        from datetime import UTC, date, datetime

        @pytest.fixture
        def tallystick_start():
            return date(2030, 5, 1)

        @pytest.fixture
        def tallystick_default_plan():
            return "free"

        def test_it(tallystick):
            assert tallystick.clock.now() == datetime(2030, 5, 1, tzinfo=UTC)
            assert tallystick.use("acme", "calls").remaining == 1

        class TestWithout:
            @pytest.fixture
            def tallystick_catalog(self):
                return None

            @pytest.fixture
            def tallystick_default_plan(self):
                return None

            def test_it(self, tallystick):
                assert tallystick.price_book is None
        """
    )
    outcome(pytester, passed=2)


def test_each_test_has_a_ledger_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "import pytest\n\n@pytest.fixture\ndef tallystick_catalog():\n    return None\n"
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("turn", range(3))
        def test_it(tallystick, turn):
            assert tallystick.usage.record("acme", "calls", id="e-1") == "accepted"
        """
    )
    outcome(pytester, passed=3)


def test_a_run_that_asks_for_no_ledger_imports_no_engine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert not {"sqlalchemy", "pydantic", "yaml"} & set(sys.modules)
        """
    )
    run = pytester.runpytest_subprocess(
        *("-p", "no:tallystick", "-p", PLUGIN, "-p", "no:hypothesispytest", "-p", "no:cov")
    )
    run.assert_outcomes(passed=1)
