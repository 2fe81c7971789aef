"""`kill -9` of processes that write, at any moment; every acknowledgment is in a file, fsynced."""

from __future__ import annotations

import os
import random
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from tests.proof.children import fork
from tests.proof.settings import PATIENCE, times
from tests.proof.state import sound, state
from tests.proof.usage_calls import event, insisted, opened, ready, record_many, total

if TYPE_CHECKING:
    from tests.proof.children import Child, Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

KILLS = times(20, 1_000)
WRITERS = 2
BATCH = 12
OVERLAP = 5


def acknowledge(file: int, ids: list[str]) -> None:
    """Write down what was acknowledged, so that no crash takes it back."""
    os.write(file, "".join(f"{each}\n" for each in ids).encode())
    os.fsync(file)


def acknowledged(path: Path) -> list[str]:
    return path.read_text("utf-8").split() if path.exists() else []


def number_of(key: str) -> int:
    return int(key.removeprefix("e"))


def is_hot(journal: Path) -> bool:
    """Tell whether SQLite has to roll back; a journal that is kept is blank at its beginning."""
    return journal.exists() and journal.read_bytes()[:8].strip(b"\0") != b""


def write_on(url: str, acks: Path, report: Report) -> None:
    """Write batches that overlap, from a little before the last acknowledgment, for ever."""
    at = max(map(number_of, acknowledged(acks)), default=0)
    file = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with opened(url) as tally:
        while True:
            numbers = range(max(0, at - OVERLAP), at + BATCH)
            trees = [event(f"e{n}", n % 9 + 1) for n in numbers]
            recorded = insisted(partial(record_many, tally, trees), report)
            assert not recorded.rejected
            acknowledge(file, [str(tree["id"]) for tree in trees])
            report("acknowledged")
            at += BATCH


def first_sign(child: Child) -> None:
    """Wait until it has written something, so that a kill finds it at work."""
    while "acknowledged" not in child.told and child.listen(PATIENCE):
        continue
    assert "acknowledged" in child.told, child.errors()


def test_no_kill_loses_or_doubles_what_was_acknowledged(
    somewhere: Place, tmp_path: Path, count: Count
) -> None:
    with opened(somewhere.url) as tally:
        ready(tally)
    dice = random.Random(9)  # noqa: S311 - moments that can be repeated, as far as moments can
    acks = tmp_path / "acknowledged"
    journal = Path(f"{make_url(somewhere.url).database}-journal")
    hot = killed = 0
    while killed < KILLS:
        children = [
            fork(lambda report: write_on(somewhere.url, acks, report)) for _ in range(WRITERS)
        ]
        try:
            first_sign(children[0])
            time.sleep(dice.uniform(0.005, times(100, 500) / 1000))
        finally:
            codes = [child.kill() for child in children]
        assert codes == [-9] * WRITERS, "\n".join(child.errors() for child in children)
        killed += WRITERS
        hot += somewhere.kind == "sqlite" and is_hot(journal)

    told = acknowledged(acks)
    rows = state(somewhere.url)["usage_events"]
    place = rows[0].index("id")
    stored = [row[place] for row in rows[1:]]
    assert len(told) > KILLS
    assert set(told) - set(stored) == set(), "acknowledged and lost"
    assert len(stored) == len(set(stored)), "doubled"
    assert sound(somewhere.url)
    with opened(somewhere.url) as tally:
        assert total(tally) == sum(number_of(key) % 9 + 1 for key in stored)
        assert not tally.verify().broken
    left = f", {hot} in the middle of a commit" if somewhere.kind == "sqlite" else ""
    count(
        f"kill -9      {killed} kills of writers    {somewhere.kind:<11} {len(set(told))} events "
        f"acknowledged, 0 lost, 0 doubled{left}"
    )
