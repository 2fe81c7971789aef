"""What the buffer promises: in order, once, nothing acknowledged is lost, and what is lost is told.

The ledger is a list where its answers matter, and the real thing where the events do.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import InvalidUsage, Tallystick, UsageBuffer
from tallystick.app import buffer as buffers
from tallystick.app.delivery import spool_folder
from tallystick.app.usage import Recorded, Rejection
from tallystick.errors import Conflict, InvalidInput, SetupError, StorageUnavailable
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 120  # seconds, of which a machine that is not busy takes none
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass
class Ledger:
    """A ledger that keeps what it is sent, and may be away or slow."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    away: Exception | None = None
    tries: int = 0
    open: threading.Event = field(default_factory=threading.Event)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(AT))
    ids: CountedIds = field(default_factory=CountedIds)

    def __post_init__(self) -> None:
        """Answer at once."""
        self.open.set()

    @property
    def usage(self) -> Ledger:
        """Stand for `tally.usage`."""
        return self

    def record_many(self, trees: list[dict[str, Any]]) -> Recorded:
        """Keep events; those of type `bad` are refused."""
        self.tries += 1
        assert self.open.wait(PATIENCE)
        if self.away is not None:
            raise self.away
        statuses: list[Any] = []
        rejected = []
        for index, tree in enumerate(trees):
            if tree["type"] == "bad":
                rejected.append(Rejection(index, InvalidUsage("no such thing")))
                statuses.append("rejected")
            else:
                statuses.append("duplicate" if tree["id"] in self.events else "accepted")
                self.events.setdefault(tree["id"], tree)
        self.batches.append([tree["id"] for tree in trees])
        return Recorded(tuple(statuses), tuple(rejected))


@pytest.fixture
def ledger() -> Ledger:
    """An empty ledger."""
    return Ledger()


@pytest.fixture
def opened(ledger: Ledger, tmp_path: Path) -> Any:
    """Open buffers of the ledger in a folder of the test; all are closed at its end."""
    with contextlib.ExitStack() as stack:

        def new(**options: Any) -> UsageBuffer:
            options = {"folder": tmp_path / "spool", "every": 0.01} | options
            buffer = UsageBuffer(ledger, **options)  # type: ignore[arg-type]  # all of a ledger that it asks
            stack.callback(_closed, buffer)
            return buffer

        yield new
        ledger.open.set()


def _closed(buffer: UsageBuffer) -> None:
    with contextlib.suppress(SetupError, StorageUnavailable):
        buffer.close(0.2)


def until(true: Callable[[], object]) -> None:
    """Wait for something that happens in another thread."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


# --- in order, once -------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [False, True])
def test_events_are_stored_in_batches_in_their_order(
    opened: Any, ledger: Ledger, durable: bool
) -> None:
    buffer = opened(durable=durable, batch=7)
    ids = [buffer.record("acme", "requests", quantity=n) for n in range(1, 31)]
    assert buffer.flush(PATIENCE)
    assert list(ledger.events) == ids
    assert max(map(len, ledger.batches)) <= 7
    state = buffer.close()
    assert (state.recorded, state.stored, state.in_memory, state.on_disk) == (30, 30, 0, 0)


def test_an_event_is_as_it_was_recorded(opened: Any, ledger: Ledger) -> None:
    buffer = opened()
    buffer.record(
        "acme",
        "requests",
        id="mine",
        source="gate",
        quantity="0.100000000001",
        occurred_at="2026-11-21T09:00:00.25Z",
        properties={"region": "e\n“ü”", "flag": True, "nothing": None},
    )
    buffer.record("acme", "requests", properties={"quantity": 5})
    buffer.flush(PATIENCE)
    first, second = ledger.events.values()
    assert first == {
        "id": "mine",
        "source": "gate",
        "customer": "acme",
        "type": "requests",
        "occurred_at": "2026-11-21T09:00:00.250000Z",
        "properties": {
            "quantity": first["properties"]["quantity"],
            "region": "e\n“ü”",
            "flag": True,
            "nothing": None,
        },
    }
    assert str(first["properties"]["quantity"]) == "0.100000000001"
    assert second["received_at"] == "2026-11-21T09:30:00Z", "when it was recorded, not when sent"
    assert second["properties"] == {"quantity": 5}


def test_what_is_no_event_is_refused_at_once(opened: Any) -> None:
    buffer = opened()
    cases: tuple[dict[str, Any], ...] = (
        {"customer": ""},
        {"customer": 5},
        {"type": None},
        {"quantity": float("nan")},
        {"quantity": "1e999999"},
        {"properties": {"x": 0.5}},
        {"properties": {"x": []}},
        {"properties": 5},
        {"id": "x" * 201},
        {"occurred_at": "2026-11-21T09:30:00"},
        {"occurred_at": "2026-11-21T12:30:00Z"},
        {"quantity": 1, "properties": {"quantity": 2}},
    )
    for wrong in cases:
        with pytest.raises(InvalidUsage):
            buffer.record(**({"customer": "acme", "type": "requests"} | wrong))
    with pytest.raises(InvalidUsage):
        buffer.record_many([{"id": "a", "customer": "a", "type": "b"}, {}])
    assert buffer.state().recorded == 0


@pytest.mark.parametrize(
    "options",
    [{"batch": 0}, {"most_events": -1}, {"most_disk": "5"}, {"full": "drop"}, {"most_bytes": 0}],
)
def test_sizes_are_checked(ledger: Ledger, tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        UsageBuffer(ledger, folder=tmp_path, **options)  # type: ignore[arg-type]  # all of a ledger that it asks


def test_what_the_ledger_refuses_is_put_aside_and_holds_up_nothing(
    opened: Any, ledger: Ledger
) -> None:
    buffer = opened()
    for kind in ("good", "bad", "good"):
        buffer.record("acme", kind)
    assert buffer.flush(PATIENCE)
    state = buffer.state()
    assert (state.stored, state.rejected, state.unwritten) == (2, 1, 0)
    (line,) = (buffer.folder / "0.rejected").read_text("utf-8").splitlines()
    refused = json.loads(line)
    assert (refused["code"], refused["message"]) == ("VALIDATION_ERROR", "no such thing")
    assert refused["event"]["type"] == "bad"


def test_a_batch_that_is_refused_as_a_whole_is_sent_one_by_one(
    opened: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_many = ledger.record_many

    def whole(trees: list[dict[str, Any]]) -> Recorded:
        if any(tree["type"] == "poison" for tree in trees):
            raise Conflict("one of them takes the others with it")
        return record_many(trees)

    monkeypatch.setattr(ledger, "record_many", whole)
    buffer = opened(every=1)
    for kind in ("good", "poison", "good"):
        buffer.record("acme", kind)
    assert buffer.flush(PATIENCE)
    assert (buffer.state().stored, buffer.state().rejected) == (2, 1)


# --- while the database is away -------------------------------------------------------------------


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_recorded_while_the_database_is_away_is_stored_in_order_when_it_is_back(
    opened: Any, ledger: Ledger, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "_LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(buffers, "_FIRST_PAUSE", 0.01)
    buffer = opened(durable=durable, batch=4)
    ids = [buffer.record("acme", "requests")]
    assert buffer.flush(PATIENCE)
    ledger.away = StorageUnavailable("the database cannot be reached")
    ids += [buffer.record("acme", "requests") for _ in range(10)]
    until(lambda: buffer.state().on_disk == 10)
    assert not buffer.flush(0.05)
    assert buffer.state().error == "the database cannot be reached"
    ids += [buffer.record("acme", "requests") for _ in range(3)]
    ledger.away = None
    assert buffer.flush(PATIENCE)
    assert list(ledger.events) == ids
    state = buffer.state()
    assert (state.stored, state.on_disk, state.error) == (14, 0, None)


def test_any_error_keeps_the_events(
    opened: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "_FIRST_PAUSE", 0.01)
    ledger.away = ZeroDivisionError("a bug")
    buffer = opened()
    buffer.record("acme", "requests")
    until(lambda: ledger.tries > 1)
    ledger.away = None
    assert buffer.flush(PATIENCE)
    assert buffer.state().stored == 1


def test_a_database_that_is_away_is_not_asked_all_the_time(opened: Any, ledger: Ledger) -> None:
    ledger.away = StorageUnavailable("away")
    buffer = opened()
    for _ in range(200):
        buffer.record("acme", "requests")
    assert not buffer.flush(0.6)
    assert ledger.tries < 20


def test_what_was_on_the_disk_at_the_end_is_sent_by_the_next(opened: Any, ledger: Ledger) -> None:
    ledger.away = StorageUnavailable("away")
    first = opened()
    ids = [first.record("acme", "requests") for _ in range(5)]
    state = first.close()
    assert (state.in_memory, state.on_disk, state.stored) == (0, 5, 0)
    ledger.away = None
    second = opened()
    assert second.flush(PATIENCE)
    assert list(ledger.events) == ids
    assert second.state().recorded == 5


# --- where there is no room -----------------------------------------------------------------------


def test_a_full_memory_raises_or_waits_as_was_chosen(opened: Any, ledger: Ledger) -> None:
    ledger.open.clear()
    raising = opened(full="raise", most_events=3, batch=1)
    for _ in range(3):
        raising.record("acme", "requests")
    with pytest.raises(StorageUnavailable, match="the buffer is full: 3 events wait"):
        raising.record("acme", "requests")
    waiting = opened(full="wait", most_bytes=500, batch=1)
    told: list[str] = []
    thread = threading.Thread(
        target=lambda: told.extend(waiting.record("acme", "requests") for _ in range(10))
    )
    thread.start()
    until(lambda: len(told) >= 2)
    assert thread.is_alive()
    ledger.open.set()
    thread.join(PATIENCE)
    assert waiting.flush(PATIENCE)
    assert raising.flush(PATIENCE)
    assert len(ledger.events) == 13


@pytest.mark.parametrize("full", ["raise", "wait"])
def test_a_full_spool_raises_or_waits_as_was_chosen(
    opened: Any, ledger: Ledger, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "_FIRST_PAUSE", 0.01)
    ledger.away = StorageUnavailable("away")
    buffer = opened(durable=True, full=full, most_disk=500)
    if full == "raise":
        buffer.record("acme", "requests")
        buffer.record("acme", "requests")
        with pytest.raises(StorageUnavailable, match="bytes wait for the database"):
            buffer.record_many(
                {"id": str(n), "customer": "acme", "type": "requests"} for n in range(5)
            )
        assert buffer.state().recorded == 2
        return
    thread = threading.Thread(target=lambda: [buffer.record("acme", "requests") for _ in range(10)])
    thread.start()
    until(lambda: buffer.state().on_disk)
    ledger.away = None
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert buffer.flush(PATIENCE)
    assert len(ledger.events) == 10


def test_a_spool_that_is_full_still_drains(
    opened: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "_FIRST_PAUSE", 0.01)
    ledger.away = StorageUnavailable("away")
    buffer = opened(most_disk=500, batch=2)
    ids = []
    for _ in range(10):
        ids.append(buffer.record("acme", "requests"))
        time.sleep(0.01)
    ledger.away = None
    assert buffer.flush(PATIENCE)
    assert list(ledger.events) == ids


# --- its end --------------------------------------------------------------------------------------


def test_a_closed_buffer_takes_nothing(opened: Any, ledger: Ledger) -> None:
    with opened() as buffer:
        buffer.record("acme", "requests")
    assert buffer.state().stored == 1
    with pytest.raises(SetupError, match="closed"):
        buffer.record("acme", "requests")
    assert buffer.close() == buffer.state()


def test_closing_does_not_wait_for_a_database_that_hangs(opened: Any, ledger: Ledger) -> None:
    ledger.open.clear()
    buffer = opened(batch=2)
    ids = [buffer.record("acme", "requests") for _ in range(6)]
    state = buffer.close(0.05)
    assert (state.in_memory, state.on_disk) == (0, 6)
    ledger.open.set()
    heir = opened()
    assert heir.flush(PATIENCE)
    assert sorted(ledger.events) == sorted(ids)


def test_two_buffers_share_a_folder(opened: Any, ledger: Ledger) -> None:
    one, two = opened(durable=True), opened(durable=True)
    for each in (one, two):
        each.record("acme", "requests")
    assert one.flush(PATIENCE)
    assert two.flush(PATIENCE)
    assert len(ledger.events) == 2


def test_each_ledger_has_a_folder_of_its_own() -> None:
    with Tallystick("sqlite://") as one, Tallystick("sqlite://", tables="other_") as two:
        assert spool_folder(one) != spool_folder(two)
        assert spool_folder(one).parent == Path(".tallystick")


# --- real processes -------------------------------------------------------------------------------

PROGRAM = """
import os, signal, sys, time
from tallystick import Tallystick, UsageBuffer

tally = Tallystick(f"sqlite:///{sys.argv[1]}/ledger.db")
buffer = UsageBuffer(tally, folder=sys.argv[1] + "/spool", OPTIONS)
acks = os.open(sys.argv[1] + "/acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
"""


def program(folder: Path, body: str, *, durable: bool = False, options: str = "") -> list[str]:
    """Write a program that records; give the words that start it."""
    text = PROGRAM.replace("OPTIONS", f"durable={durable}, {options}") + textwrap.dedent(body)
    (folder / "program.py").write_text(text, "utf-8")
    return [sys.executable, str(folder / "program.py"), str(folder)]


ENDLESS = """
while True:
    key = buffer.record("acme", "requests")
    os.write(acks, (key + chr(10)).encode())
"""


def acknowledged(folder: Path) -> list[str]:
    """Give the ids that the program said were taken."""
    return (folder / "acks").read_text().splitlines() if (folder / "acks").exists() else []


def stored(folder: Path) -> tuple[list[str], Any]:
    """Open the folder once more, as a restarted program would, and give the ids that are stored."""
    with Tallystick(f"sqlite:///{folder}/ledger.db") as tally:
        with UsageBuffer(tally, folder=folder / "spool") as buffer:
            assert buffer.flush(PATIENCE)
        return [event.id for event in tally.usage.export()], buffer.state()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a migrated ledger."""
    with Tallystick(f"sqlite:///{tmp_path}/ledger.db") as tally:
        tally.migrate()
    return tmp_path


@pytest.mark.proof
@pytest.mark.parametrize("durable", [True, False])
def test_kill_9_at_any_moment(place: Path, durable: bool) -> None:
    """Durable: nothing acknowledged is lost.  Not durable: what is lost is counted."""
    rounds = 100 if os.environ.get("PROOF") == "full" else 4
    chance = random.Random(20261121)  # noqa: S311 - moments, not secrets
    words = program(place, ENDLESS, durable=durable, options="every=0.05, batch=50")
    lost = 0
    for _ in range(rounds):
        before = len(acknowledged(place))
        started = subprocess.Popen(words)
        until(lambda count=before: len(acknowledged(place)) > count)  # type: ignore[misc]  # a default binds it
        time.sleep(chance.random() / 5)
        started.kill()
        assert started.wait() == -signal.SIGKILL
        ids, state = stored(place)
        lost += state.lost
        missing = set(acknowledged(place)) - set(ids)
        assert len(ids) == len(set(ids))
        assert not (durable and missing), f"acknowledged and lost: {sorted(missing)[:5]}"
        assert len(missing) <= lost, "more are missing than were told"
        assert lost <= rounds * 10_000


def test_the_end_of_the_program_stores_what_waits(place: Path) -> None:
    words = program(place, 'for _ in range(50): buffer.record("acme", "r")', options="every=60")
    subprocess.run(words, check=True, timeout=PATIENCE)
    assert len(stored(place)[0]) == 50


@pytest.mark.parametrize("durable", [True, False])
def test_sigterm_stores_what_waits(place: Path, durable: bool) -> None:
    words = program(place, ENDLESS, durable=durable, options="every=60, batch=10_000")
    started = subprocess.Popen(words)
    until(lambda: len(acknowledged(place)) > 20)
    started.send_signal(signal.SIGTERM)
    assert started.wait(PATIENCE) == 143
    with Tallystick(f"sqlite:///{place}/ledger.db") as tally:
        ids = {event.id for event in tally.usage.export()}
    assert set(acknowledged(place)) <= ids
    assert not list((place / "spool").glob("*.spool"))


def test_a_host_that_catches_sigterm_keeps_its_own_handler(place: Path) -> None:
    body = """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        second = UsageBuffer(tally, folder=sys.argv[1] + "/spool")
        second.record("acme", "r")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    """
    assert subprocess.run(program(place, body), check=False, timeout=PATIENCE).returncode == 7
    assert len(stored(place)[0]) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_is_told_to_open_its_own(place: Path) -> None:
    body = """
        import warnings
        warnings.simplefilter("ignore")
        buffer.record("acme", "r", id="parent")
        if os.fork() == 0:
            try:
                buffer.record("acme", "r", id="child")
            except Exception as error:
                os.write(acks, str(error).encode())
            with UsageBuffer(tally, folder=sys.argv[1] + "/spool") as own:
                own.record("acme", "r", id="own")
            sys.exit(0)
        assert os.wait()[1] == 0
        buffer.record("acme", "r", id="parent again")
    """
    subprocess.run(program(place, body), check=True, timeout=PATIENCE)
    assert "before the process forked: open one in each process" in acknowledged(place)[0]
    assert sorted(stored(place)[0]) == ["own", "parent", "parent again"]


def test_a_process_that_finds_no_database_loses_nothing(place: Path) -> None:
    (place / "ledger.db").rename(place / "elsewhere.db")
    (place / "ledger.db").mkdir()
    words = program(place, 'for n in range(5): buffer.record("acme", "r", id=f"e{n}")')
    subprocess.run(words, check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL)
    (place / "ledger.db").rmdir()
    (place / "elsewhere.db").rename(place / "ledger.db")
    assert stored(place)[0] == [f"e{n}" for n in range(5)]
