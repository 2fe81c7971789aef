"""Every story of this folder comes out as it is written, billed daily and billed late."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import KINDS, migrated
from tests.proof.settings import FULL
from tests.stories.paper import check_sums, difference, tidied
from tests.stories.player import Player
from tests.stories.telling import MODES, read_story, story_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Kind


def _plays(mode: str) -> tuple[Kind, ...]:
    """Say where stories are played: every day on PostgreSQL is left to `make proof`."""
    if FULL:
        return KINDS
    return ("sqlite-memory",) if mode == "daily" else ("sqlite-memory", "postgresql")


def _stories() -> list[Any]:
    found = []
    for path, mode in product(story_files(), MODES):
        why = read_story(path).expected_failure.get(mode)
        marks = [] if why is None else [pytest.mark.xfail(reason=why, strict=True)]
        found += [
            pytest.param(path, mode, kind, id=f"{kind}-{path.stem}-{mode}", marks=marks)
            for kind in _plays(mode)
        ]
    return found


WRITTEN = """
  INV-000001 | 2027-04-01 | acme
    fee | Pro   | 2027-04-01 to 2027-05-01 | 1 | 30.00   # the list price
    fee | Seats | 2027-04-01 to 2027-05-01 | 2 | 10.00
    total 40.00 USD | to pay 40.00 | open
"""


def test_spaces_comments_and_the_order_of_lines_say_nothing() -> None:
    first, second = WRITTEN.splitlines()[2:4]
    other = WRITTEN.replace(first, "").replace(second, f"{second}   # 2 × 5.00\n{first}")
    assert not difference(tidied(WRITTEN), tidied(other))


@pytest.mark.parametrize(
    "other",
    [
        WRITTEN.replace(WRITTEN.splitlines()[3] + "\n", ""),
        WRITTEN + "  INV-000002 | 2027-05-01 | acme\n    total 0.00 USD | to pay 0.00 | paid\n",
        WRITTEN.replace("| 2 |", "| 3 |"),
        WRITTEN.replace("2027-05-01 |", "2027-04-30 |"),
        WRITTEN.replace("to pay 40.00 | open", "paid 40.00 | to pay 0.00 | paid"),
    ],
    ids=["a line less", "a document more", "another quantity", "another period", "another state"],
)
def test_every_other_thing_is_a_difference(other: str) -> None:
    assert difference(tidied(WRITTEN), tidied(other))
    assert difference(tidied(other), tidied(WRITTEN))


def test_a_story_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(AssertionError, match="come to"):
        check_sums(tidied(WRITTEN.replace("| 10.00", "| 10.01")))


def test_there_are_stories() -> None:
    assert len(story_files()) >= 25


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in story_files()])
def test_the_documents_of_a_story_add_up(path: Path) -> None:
    check_sums(tidied(read_story(path).documents))


@pytest.mark.parametrize(("path", "mode", "kind"), _stories())
def test_a_story_comes_out_as_it_is_written(
    path: Path, mode: str, kind: Kind, tmp_path: Path
) -> None:
    story = read_story(path)
    with migrated(kind, tmp_path) as storage:
        player = Player(storage, story, daily=mode == "daily")
        player.play()
        differs = difference(tidied(story.documents), player.paper())
    assert not differs, f"{story.title}\n{differs}"
