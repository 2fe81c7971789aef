"""The report at the end of a run: how many boundaries, kills and lost answers there were.

Tests hand their counts over as properties of their reports, which also come through from the
workers of a run that is spread over processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import pytest

from tests.proof.boundaries import committed_numbers
from tests.proof.settings import FULL, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.proof.places import Kind

__all__ = ["LEAST", "Swept", "asked_whole", "least_of", "missing", "print_report", "shortfall"]

Property: TypeAlias = Literal["proof", "proof-swept"]

LEAST: Final = 16
"""How many boundaries a sample tries at least, where a path has so many."""

_LONGEST: Final = 150
"""The longest path of which all boundaries are tried on SQLite in every run."""

_OF_LONGER: Final = 64
"""How many are tried there of a longer one, at least."""

_FOLDER: Final = "tests/proof"


class Swept(NamedTuple):
    """What one sweep reached: how many boundaries a path met, and at how many it was crashed."""

    path: str
    kind: Kind
    met: int
    crashed: int


def print_report(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of this folder counted, and what was to be reached and was not."""
    reports = list(_reports(terminalreporter))
    lines = sorted(str(line) for line in _properties(reports, "proof"))
    if not lines and not asked_whole(terminalreporter.config):
        return
    terminalreporter.section("what the proof reached")
    for line in lines:
        terminalreporter.write_line(line)
    swept = _swept(reports)
    crashed, met = sum(each.crashed for each in swept), sum(each.met for each in swept)
    if swept:
        terminalreporter.write_line(
            f"in all       {crashed} crashes at {met} boundaries of {len(swept)} sweeps"
        )
    for line in missing(terminalreporter):
        terminalreporter.write_line(f"NOT REACHED  {line}", red=True)


def missing(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """Tell what a run that was to be the whole proof, or its share, did not reach."""
    if not asked_whole(terminalreporter.config):
        return []
    return shortfall(_swept(list(_reports(terminalreporter))), committed_numbers(), full=FULL)


def shortfall(
    swept: Iterable[Swept], committed: Mapping[str, Mapping[Kind, int]], *, full: bool
) -> list[str]:
    """Compare sweeps with the committed numbers: each path, each database, each boundary.

    On SQLite every boundary is to be crashed at, but of a very long path; on PostgreSQL a sample
    where it is not the full proof.
    """
    found = {(each.path, each.kind): each for each in swept}
    lines = []
    for path, numbers in committed.items():
        for kind, wanted in numbers.items():
            here = found.get((path, kind), Swept(path, kind, 0, 0))
            least = least_of(wanted, kind, full=full)
            if here.met < wanted or here.crashed < least:
                lines.append(
                    f"{path} on {kind}: crashed at {here.crashed} of {here.met} boundaries, "
                    f"where {least} of {wanted} are committed to"
                )
    return lines


def least_of(wanted: int, kind: Kind, *, full: bool) -> int:
    """Tell at how many boundaries of a path a run is to crash at least."""
    if full:
        return wanted
    if kind == "sqlite":
        return wanted if wanted <= _LONGEST else _OF_LONGER
    return min(wanted, LEAST)


def asked_whole(config: pytest.Config) -> bool:
    """Tell whether this run is to be all of the proof or its share, and not some of its tests."""
    named = [str(each) for each in config.args]
    chosen = config.getoption("keyword") or config.getoption("collectonly")
    return WHOLE and not chosen and any(each.rstrip("/").endswith(_FOLDER) for each in named)


def _swept(reports: Iterable[pytest.TestReport]) -> list[Swept]:
    return [
        Swept(*each)
        for each in _properties(reports, "proof-swept")
        if isinstance(each, list | tuple)
    ]


def _properties(reports: Iterable[pytest.TestReport], wanted: Property) -> Iterator[object]:
    for report in reports:
        yield from (value for name, value in report.user_properties if name == wanted)


def _reports(terminalreporter: pytest.TerminalReporter) -> Iterator[pytest.TestReport]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                yield report
