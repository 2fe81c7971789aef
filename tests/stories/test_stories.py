"""Every story of this folder comes out as it is written, billed daily and billed late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.stories.paper import check_sums, difference, tidied
from tests.stories.player import Player
from tests.stories.telling import read_story, story_files

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.storage.unit import Storage


def _stories() -> list[Any]:
    found = []
    for path in story_files():
        why = read_story(path).expected_failure
        marks = [] if why is None else [pytest.mark.xfail(reason=why, strict=True)]
        found.append(pytest.param(path, id=path.stem, marks=marks))
    return found


def test_there_are_stories() -> None:
    assert len(story_files()) >= 25


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in story_files()])
def test_the_documents_of_a_story_add_up(path: Path) -> None:
    check_sums(tidied(read_story(path).documents))


@pytest.mark.parametrize("daily", [True, False], ids=["daily", "late"])
@pytest.mark.parametrize("path", _stories())
def test_a_story_comes_out_as_it_is_written(path: Path, storage: Storage, daily: bool) -> None:
    story = read_story(path)
    player = Player(storage, story, daily=daily)
    player.play()
    differs = difference(tidied(story.documents), player.paper())
    assert not differs, f"{story.title}\n{differs}"
    assert player.balances() == story.balances
    assert player.states() == story.states
    broken = [check for check in player.tally.verify().checks if check.rows]
    assert not broken
