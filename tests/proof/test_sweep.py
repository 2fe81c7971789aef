"""Crash at every boundary of every write path, on both databases; then recover, twice.

On SQLite every boundary is tried in every run.  On PostgreSQL a path of which `make test` tries a
sample says so in the report; `make proof` tries all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.proof.boundaries import committed_numbers
from tests.proof.paths import PATHS
from tests.proof.places import KINDS, in_memory, place
from tests.proof.report import Swept, least_of
from tests.proof.settings import FULL, spread
from tests.proof.sweep import crashed, prepare, sweep, uncrashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.proof.conftest import Count
    from tests.proof.places import Kind, Place
    from tests.proof.sweep import Uncrashed
    from tests.proof.write_path import WritePath

SHORT = 8  # fewer boundaries than that are not worth leaving out
NUMBERS = committed_numbers()


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as found:
        yield found


@pytest.fixture(params=KINDS)
def here(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    with place(request.param, folder) as found:
        yield found


def chosen(found: Uncrashed, place: Place) -> list[int]:
    """Choose the boundaries to die at: all, or of many those around commits and some others."""
    every = list(range(1, len(found.met) + 1))
    least = least_of(len(every), place.kind, full=FULL)
    if len(every) <= least + SHORT:
        return every
    near = [n for n in every if "COMMIT" in found.met[n - 1]]
    if place.kind == "postgresql" and not FULL:  # SQLite dies at each of them in every run
        near = spread(near, least * 3 // 4)
    others = [n for n in every if n not in near]
    return sorted([*near, *spread(others, max(least - len(near), least // 4))])


def recovering(path: WritePath, found: Uncrashed, numbers: list[int]) -> list[int]:
    """Choose where to recover, too: everywhere, or of a long path at each of its pictures.

    What a crash left is compared with the picture of the last commit before it, at every boundary;
    so whoever recovers from one that left the same does the same.
    """
    if FULL or not path.long:
        return numbers
    near = [n for n in numbers if "COMMIT" in found.met[n - 1]]
    return sorted({numbers[0], *near, numbers[-1]})


def test_every_path_has_its_number_of_boundaries() -> None:
    assert sorted(NUMBERS) == sorted(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_a_crash_anywhere_loses_nothing_and_doubles_nothing(
    name: str, here: Place, count: Count, record_property: Callable[[str, object], None]
) -> None:
    path, place = PATHS[name], here
    prepare(path, place)
    found = uncrashed(path, place)
    wanted = NUMBERS[name][place.kind]
    assert len(found.met) >= wanted, (
        f"{name} on {place.kind} reached {len(found.met)} boundaries, {wanted} are committed: "
        "where the path became shorter, run `python -m tests.proof --update` and say why"
    )
    numbers = chosen(found, place)
    recovered = recovering(path, found, numbers)
    reached = sweep(path, place, found, numbers, recovered)
    assert reached == len(numbers)
    record_property("proof-swept", list(Swept(name, place.kind, len(found.met), reached)))
    sample = "" if reached == len(found.met) else "  (a sample; all by `make proof`)"
    count(
        f"crash sweep  {name:<20} {place.kind:<11} {reached:>4} of {len(found.met):>4} "
        f"boundaries, {len(found.pictures) - 1} commits, {len(recovered)} recoveries{sample}"
    )


TWICE = [(name, kind) for kind in KINDS for name in PATHS if FULL]
USUALLY_TWICE: list[tuple[str, Kind]] = [("record", "sqlite"), ("amend", "sqlite")]


@pytest.mark.parametrize(("name", "kind"), TWICE or USUALLY_TWICE)
def test_a_second_crash_while_recovering_changes_nothing(
    name: str, kind: Kind, folder: Path, count: Count
) -> None:
    """Crash at every boundary of the recovery.

    A crash leaves the picture of the last commit before it (as the test above shows), so there are
    as many recoveries as there are commits: from the start, which the test above sweeps, and from
    what each commit left.
    """
    path, reached, last = PATHS[name], 0, 0
    with place(kind, folder) as here:
        prepare(path, here)
        first = uncrashed(path, here)
        last = len(first.pictures) - 1
    for commit in range(1, last + 1):
        with place(kind, folder) as here:
            prepare(path, here)
            crashed(path, here, first, commit)
            found = uncrashed(path, here)
            assert found.end == first.end
            reached += sweep(path, here, found, range(1, len(found.met) + 1))
    assert reached
    count(f"second crash {name:<20} {kind:<11} {reached:>4} boundaries of its recoveries")
