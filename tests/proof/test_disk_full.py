"""A full disk: what was acknowledged stays, what was not is refused in words, and then it goes on.

With a limit on the size of files SQLite says `disk I/O error`; with one on its pages it says
`database or disk is full`.  Both are StorageUnavailable, which a service answers with 503.
"""

from __future__ import annotations

import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event as listening
from sqlalchemy import text

from tallystick.errors import StorageUnavailable
from tallystick.problems import STATUS
from tests.proof.children import run
from tests.proof.places import place
from tests.proof.state import sound, state
from tests.proof.usage_calls import event, opened, ready, record, record_many, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.wiring import Tallystick
    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Kind, Place

MOST = 2_000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Place]:
    with place("sqlite", tmp_path) as found:
        with opened(found.url) as tally:
            ready(tally)
        yield found


def write_until_refused(tally: Tallystick, report: Report) -> StorageUnavailable:
    """Record batches of three until one is refused; report what was acknowledged."""
    for n in range(MOST):
        trees = [event(f"e{n}.{part}") for part in range(3)]
        try:
            assert not record_many(tally, trees).rejected
        except StorageUnavailable as refused:
            return refused
        report([str(tree["id"]) for tree in trees])
    raise AssertionError("the disk never was full")


def through_a_full_disk(
    url: str, fill: Callable[[Tallystick], Callable[[], None]], report: Report
) -> None:
    """Fill the disk, be refused, still read, be refused again; make room, and go on as before."""
    with opened(url) as tally:
        assert record(tally, event("first")) == "accepted"
        report(["first"])
        make_room = fill(tally)
        refused = write_until_refused(tally, report)
        report({"said": str(refused), "code": refused.code})
        counted = total(tally, "calls")
        for n in range(3):
            with pytest.raises(StorageUnavailable):
                record_many(tally, [event(f"big {n} {part}") for part in range(300)])
            assert total(tally, "calls") == counted
        make_room()
        assert record(tally, event("last")) == "accepted"
        report(["last"])
        assert total(tally, "calls") == counted + 1


def limit_files(tally: Tallystick) -> Callable[[], None]:
    """Let no file of this process grow beyond what is nearly there."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = Path(str(tally.storage.engine.url.database)).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 64 * 1024, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)


def limit_pages(tally: Tallystick) -> Callable[[], None]:
    """Let the database have few pages more than it has."""
    with tally.storage.engine.connect() as connection:
        there: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    most = {"pages": there + 20}

    def limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most['pages']}").close()

    def make_room() -> None:
        most["pages"] = 1 << 30

    listening.listen(tally.storage.engine, "checkout", lambda connection, *_: limit(connection))
    return make_room


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [
        (limit_files, "the disk of the database fails to read or write"),
        (limit_pages, "the disk of the database is full: make room and try again"),
    ],
)
def test_a_full_disk_loses_nothing_and_heals(
    fill: Callable[[Tallystick], Callable[[], None]], sentence: str, file: Place, count: Count
) -> None:
    child = run(lambda report: through_a_full_disk(file.url, fill, report))
    assert child.code == 0, child.errors()
    (said,) = [each for each in child.told if isinstance(each, dict)]
    assert said == {"said": sentence, "code": "SERVICE_UNAVAILABLE"}
    assert STATUS[said["code"]] == 503
    told = {key for each in child.told if isinstance(each, list) for key in each}
    rows = state(file.url)["usage_events"]
    place_of_id = rows[0].index("id")
    assert {row[place_of_id] for row in rows[1:]} == told
    assert len(rows) - 1 == len(told)
    assert sound(file.url)
    with opened(file.url) as tally:
        assert not tally.verify().broken
    count(f"disk full    {sentence[:40]:<40} {len(told)} events acknowledged, all there")


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_full_disk_of_postgresql_is_said_and_heals(kind: Kind, tmp_path: Path) -> None:
    """Filling its disk takes a disk of one's own; what it says then is said by a trigger here."""
    with place(kind, tmp_path) as served, opened(served.url) as tally:
        ready(tally)
        assert record(tally, event("first")) == "accepted"
        with tally.storage.engine.begin() as connection:
            connection.execute(text(FULL))
        with pytest.raises(StorageUnavailable, match="no room left"):
            record(tally, event("refused"))
        with tally.storage.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER full_disk ON tallystick_usage_events"))
        assert record(tally, event("refused")) == "accepted"
        assert total(tally, "calls") == 2


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON tallystick_usage_events
    EXECUTE FUNCTION full_disk();
"""
