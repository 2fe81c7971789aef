"""The sweep itself can fail: paths that are wrong in the ways of real engines are caught."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.proof.children import KILLED, fork, run
from tests.proof.injector import Injector, install
from tests.proof.places import place
from tests.proof.sweep import prepare, sweep, uncrashed
from tests.proof.usage_calls import opened
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tallystick.wiring import Tallystick
    from tests.proof.children import Report
    from tests.proof.places import Place
    from tests.proof.write_path import Acknowledge

CLAIM = text("INSERT INTO tallystick_proof_keys (id) VALUES ('claimed') ON CONFLICT DO NOTHING")
WRITE = text("INSERT INTO tallystick_proof_rows (id) VALUES ('written')")


def before(tally: Tallystick) -> None:
    tally.migrate()
    with tally.begin() as unit:
        unit.connection.execute(text("CREATE TABLE tallystick_proof_keys (id TEXT PRIMARY KEY)"))
        unit.connection.execute(text("CREATE TABLE tallystick_proof_rows (id TEXT)"))
        unit.commit()


def in_one_transaction(tally: Tallystick, acknowledge: Acknowledge) -> None:
    with tally.begin() as unit:
        if unit.connection.execute(CLAIM).rowcount:
            unit.connection.execute(WRITE)
        unit.commit()
    acknowledge("proof_keys", "claimed")


def claimed_first(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Claim the key in a transaction of its own: what is guarded is lost by a crash between."""
    with tally.begin() as unit:
        new = unit.connection.execute(CLAIM).rowcount
        unit.commit()
    if new:
        with tally.begin() as unit:
            unit.connection.execute(WRITE)
            unit.commit()
    acknowledge("proof_keys", "claimed")


def claimed_last(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Write first and claim afterwards: what is written is doubled by a retry."""
    with tally.begin() as unit:
        if unit.connection.execute(text("SELECT 1 FROM tallystick_proof_keys")).first():
            return
        unit.connection.execute(WRITE)
        unit.commit()
    with tally.begin() as unit:
        unit.connection.execute(CLAIM)
        unit.commit()
    acknowledge("proof_keys", "claimed")


def acknowledged_early(tally: Tallystick, acknowledge: Acknowledge) -> None:
    with tally.begin() as unit:
        unit.connection.execute(CLAIM)
        acknowledge("proof_keys", "claimed")
        unit.commit()


def never_guarded(tally: Tallystick, acknowledge: Acknowledge) -> None:
    with tally.begin() as unit:
        unit.connection.execute(WRITE)
        unit.commit()
    acknowledge("proof_rows", "written")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place("sqlite", tmp_path) as found:
        yield found


def swept(act: Callable[[Tallystick, Acknowledge], None], here: Place) -> int:
    path = WritePath(act.__name__, act, before)
    prepare(path, here)
    found = uncrashed(path, here)
    assert len(found.met) > 4
    return sweep(path, here, found, range(1, len(found.met) + 1))


def test_a_path_that_is_right_passes(here: Place) -> None:
    assert swept(in_one_transaction, here) > 8


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (claimed_first, "it is not as if nothing happened"),
        (claimed_last, "it is not as if nothing happened"),
        (acknowledged_early, "was acknowledged and is lost"),
        (never_guarded, "recovering a second time changed something"),
    ],
)
def test_a_path_that_is_wrong_is_caught(
    act: Callable[[Tallystick, Acknowledge], None], sentence: str, here: Place
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        swept(act, here)


def test_a_boundary_that_is_not_there_is_not_reached(here: Place) -> None:
    path = WritePath("short", in_one_transaction, before)
    prepare(path, here)
    found = uncrashed(path, here)
    longer = type(found)((*found.met, "x"), found.pictures, (*found.commits_before, 1), found.end)
    with pytest.raises(AssertionError, match="it did not die"):
        sweep(path, here, longer, [len(longer.met)])


def test_before_and_after_each_statement_and_commit_are_met(somewhere: Place) -> None:
    with opened(somewhere.url) as tally:
        before(tally)
    injector, kept = Injector(), []
    injector.committed = lambda: kept.append(len(injector.met))
    with opened(somewhere.url) as tally:
        install(tally.storage.engine, injector)
        in_one_transaction(tally, lambda *_: None)
        with tally.begin() as unit:
            unit.connection.connection.cursor().execute("SELECT 'past SQLAlchemy'")
    assert len(injector.met) % 2 == 0
    (commit,) = kept
    assert injector.met[commit - 2 : commit] == ["before COMMIT", "after COMMIT"]
    assert sum("INSERT INTO" in each for each in injector.met[:commit]) == 4  # two statements
    assert sum("past SQLAlchemy" in each for each in injector.met[commit:]) == 2


def test_a_child_that_dies_says_what_it_said(here: Place) -> None:
    def say_and_die(report: Report) -> None:
        report("said")
        os._exit(KILLED)

    child = run(say_and_die)
    assert (child.code, child.told) == (KILLED, ["said"])
    failed = run(lambda report: report(1 // 0))
    assert failed.code == 1
    assert "ZeroDivisionError" in failed.errors()
    assert fork(lambda _report: signal.pause()).kill() == -signal.SIGKILL
