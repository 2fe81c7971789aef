"""The report at the end of a run: how many boundaries, kills and lost answers there were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["print_report"]

_PRINTED: Final = pytest.StashKey[bool]()


def print_report(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of this folder counted, once."""
    lines = sorted(_lines(terminalreporter))
    if lines and not terminalreporter.config.stash.get(_PRINTED, False):
        terminalreporter.config.stash[_PRINTED] = True
        terminalreporter.section("what the proof reached")
        for line in lines:
            terminalreporter.write_line(line)


def _lines(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                yield from (str(text) for name, text in report.user_properties if name == "proof")
