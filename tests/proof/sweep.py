"""The sweep: crash at each boundary of a path, look, recover, look, recover again, look.

What must hold after the crash is not guessed.  The uncrashed run takes a picture of the database
after each of its commits, and a crash must leave exactly the picture of the last commit before it:
no more (nothing half-written), no less (nothing lost), whatever the boundary.
"""

from __future__ import annotations

import functools
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.proof.children import KILLED, Child, run
from tests.proof.injector import Injector, install
from tests.proof.state import State, has, sound, state
from tests.proof.usage_calls import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from tallystick.wiring import Tallystick
    from tests.proof.children import Report
    from tests.proof.places import Place
    from tests.proof.write_path import WritePath

__all__ = ["Uncrashed", "crashed", "prepare", "sweep", "uncrashed"]


@dataclass(frozen=True)
class Uncrashed:
    """A run that nothing disturbed."""

    met: tuple[str, ...]  # the boundaries, in their order
    pictures: tuple[State, ...]  # what was kept: at the start, and after each commit
    commits_before: tuple[int, ...]  # how many commits were made when a boundary is met
    end: State = field(repr=False)


def prepare(path: WritePath, place: Place) -> None:
    """Make the start of a path in an empty database."""
    with _warm(place.url) as tally:
        path.before(tally)
    place.keep()
    with _warm(place.url) as tally:  # what it reads once and remembers is never counted
        path.act(tally, lambda *_: None)


@functools.lru_cache(maxsize=1)
def _opened_once(url: str) -> Tallystick:
    tally = opened(url)
    with tally.begin():  # what SQLAlchemy asks of a new database is asked here, and never counted
        return tally


@contextmanager
def _warm(url: str) -> Iterator[Tallystick]:
    """Give the facade with its statements compiled, and without a connection before and after.

    A child that is forked meanwhile may use it too: the connections it opens are its own.
    """
    tally = _opened_once(url)
    tally.close()
    yield tally
    tally.close()


def uncrashed(path: WritePath, place: Place) -> Uncrashed:
    """Do the path once in a child that counts, and picture the database after each commit."""
    place.restore()
    start = state(place.url, shape=path.shape)
    child = run(_acting(path, place, None))
    assert child.code == 0, child.errors()
    pictures = [start, *(each["picture"] for each in child.told if "picture" in each)]
    (counted,) = (each for each in child.told if "met" in each)
    end = state(place.url, shape=path.shape)
    _is_the_same(end, pictures[-1], "something was kept after the last commit")
    _holds(end, _acknowledged(child))
    return Uncrashed(tuple(counted["met"]), tuple(pictures), tuple(counted["commits"]), end)


def sweep(
    path: WritePath,
    place: Place,
    found: Uncrashed,
    chosen: Iterable[int],
    recovering: Container[int] | None = None,
) -> int:
    """Crash at each chosen boundary (from 1), recover twice; give how many were reached.

    Whatever was crashed at must leave what was committed.  Where only some are `recovering`, it is
    because others left the same.
    """
    reached = 0
    for number in chosen:
        where = f"{path.name} on {place.kind}, boundary {number}: {found.met[number - 1]}"
        place.restore()
        child = run(_acting(path, place, number))
        assert child.code == KILLED, f"{where}: it did not die\n{child.errors()}"
        left = state(place.url, shape=path.shape)
        _holds(left, _acknowledged(child), where)
        expected = found.pictures[found.commits_before[number - 1]]
        _is_the_same(left, expected, f"{where}: the crash did not leave what was committed")
        if recovering is None or number in recovering:
            _recover(path, place, found, where)
        reached += 1
    return reached


def crashed(path: WritePath, place: Place, found: Uncrashed, commit: int) -> None:
    """Leave what a crash right after a commit (from 1) leaves, and make it the start."""
    place.restore()
    after = [n for n, met in enumerate(found.met, 1) if met == "after COMMIT"]
    child = run(_acting(path, place, after[commit - 1]))
    assert child.code == KILLED, child.errors()
    place.keep()


def _recover(path: WritePath, place: Place, found: Uncrashed, where: str) -> None:
    """Do the same again: it must end as if nothing had happened; and a second time: no change."""
    acknowledged: list[list[str]] = []
    with _warm(place.url) as tally:
        path.act(tally, lambda *what: acknowledged.append(list(what)))
    recovered = state(place.url, shape=path.shape)
    _holds(recovered, acknowledged, where)
    _is_the_same(recovered, found.end, f"{where}: recovered, it is not as if nothing happened")
    before = state(place.url, exact=True)
    with _warm(place.url) as tally:
        path.act(tally, lambda *_: None)
    after = state(place.url, exact=True)
    _is_the_same(after, before, f"{where}: recovering a second time changed something")
    assert sound(place.url), f"{where}: the file is damaged"


def _verified(place: Place) -> None:
    """Ask `verify` itself: after each commit the invariants hold, not at the end alone."""
    with opened(place.url) as tally:
        broken = tally.verify().broken
    assert not broken, broken


def _acting(path: WritePath, place: Place, at: int | None) -> Callable[[Report], None]:
    """Give what the child does.  It opens its own connections, so none is shared."""
    with _warm(place.url):
        pass  # opened here, so that every child finds it as every other does

    def act(report: Report) -> None:
        commits: list[int] = []

        def committed() -> None:
            commits.append(len(injector.met))
            if at is None:
                report({"picture": state(place.url, shape=path.shape)})
                _verified(place)

        injector = Injector(at, committed)
        with _warm(place.url) as tally:
            install(tally.storage.engine, injector)
            path.act(tally, lambda *what: report(list(what)))
        counts = [sum(c <= n for c in commits) for n in range(1, len(injector.met) + 1)]
        report({"met": injector.met, "commits": counts})

    return act


def _acknowledged(child: Child) -> list[list[str]]:
    return [each for each in child.told if isinstance(each, list)]


def _holds(found: State, acknowledged: Iterable[list[str]], where: str = "") -> None:
    for table, value in acknowledged:
        assert has(found, table, value), f"{where}: {value!r} was acknowledged and is lost"


def _is_the_same(found: State, expected: State, sentence: str) -> None:
    if found == expected:
        return
    differing: dict[str, Any] = {
        name: {"is": found.get(name), "expected": expected.get(name)}
        for name in found.keys() | expected.keys()
        if found.get(name) != expected.get(name)
    }
    raise AssertionError(f"{sentence}\n{json.dumps(differing, indent=1, default=str)[:6000]}")
