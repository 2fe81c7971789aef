"""The spool is a queue on disk: in order, whole or not at all, and nobody else's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tallystick.app import spool as spools
from tallystick.app.spool import Spool, SpoolFull
from tallystick.app.spool_lane import Lane
from tallystick.errors import SetupError, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = 36
"""How many bytes one of `texts` is in a segment."""


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool in an empty folder."""
    opened = Spool(tmp_path)
    yield opened
    opened.close()


def drained(spool: Spool, most: int = 3) -> list[bytes]:
    """Take everything, a few at a time."""
    found: list[bytes] = []
    while spool.waiting:
        taken = spool.take(most)
        found += taken.texts
        spool.advance(taken)
    return found


def texts(*numbers: int) -> list[bytes]:
    """Write some texts."""
    return [f'{{"n":{number},"é":"ü"}}'.encode() for number in numbers]


def test_what_goes_in_comes_out_in_its_order(spool: Spool) -> None:
    spool.append(texts(1, 2))
    spool.append(texts(3))
    assert spool.waiting == 3
    assert spool.take(2).texts == tuple(texts(1, 2))
    assert spool.take(2).texts == tuple(texts(1, 2)), "taken again until it is advanced"
    assert drained(spool) == texts(1, 2, 3)
    spool.append(texts(4))
    assert drained(spool) == texts(4)


def test_what_waits_is_there_for_the_next_owner(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    first.append(texts(1, 2, 3))
    first.advance(first.take(1))
    first.close()
    second = Spool(tmp_path)
    # What was taken of a segment that is still there is taken again: the receiver does not mind.
    assert drained(second) == texts(1, 2, 3)
    second.close()
    assert not list(tmp_path.glob("*.spool"))


def test_segments_follow_each_other_and_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "_SEGMENT", 60)
    spool = Spool(tmp_path)
    for number in range(9):
        spool.append(texts(number))
    assert len(list(tmp_path.glob("*.spool"))) > 2
    spool.close()
    again = Spool(tmp_path)
    again.append(texts(9))
    assert drained(again) == texts(*range(10))
    again.close()
    assert not list(tmp_path.glob("*.spool"))


def test_a_long_queue_gives_its_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "_WORN", 100)
    spool = Spool(tmp_path)
    for number in range(50):
        spool.append(texts(number))
        assert drained(spool) == texts(number)
    assert spool.size < 200
    spool.close()


@pytest.mark.parametrize("lost", range(1, FRAME + 1))
def test_a_torn_tail_is_cut_and_counted(tmp_path: Path, lost: int) -> None:
    spool = Spool(tmp_path)
    spool.append(texts(1, 2))
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    path.write_bytes(path.read_bytes()[:-lost])
    again = Spool(tmp_path)
    length = len(path.read_bytes())
    assert (again.torn, again.waiting) == (int(lost < FRAME), 1)
    assert length == FRAME
    again.append(texts(3))
    assert drained(again) == texts(1, 3)
    again.close()


def test_a_tail_of_zeros_is_cut(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(texts(1))
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    path.write_bytes(path.read_bytes() + bytes(4096))
    again = Spool(tmp_path)
    assert (again.torn, drained(again)) == (1, texts(1))
    again.close()


def test_a_damaged_line_takes_no_other_with_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(texts(1, 2, 3))
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[FRAME + 22] ^= 1
    path.write_bytes(content)
    again = Spool(tmp_path)
    assert drained(again) == texts(1, 3)
    assert again.torn == 1
    again.close()


def test_a_full_spool_says_so_and_takes_more_when_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=80)
    spool.append(texts(1, 2))
    with pytest.raises(SpoolFull, match="72 of 80 bytes wait for the database"):
        spool.append(texts(3))
    assert spool.waiting == 2
    spool.close()


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append(texts(1))
    write = os.write

    def full(descriptor: int, content: memoryview) -> int:
        write(descriptor, content[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageUnavailable, match="No space left on device"):
        spool.append(texts(2))
    monkeypatch.setattr(os, "write", write)
    spool.append(texts(3))
    assert drained(spool) == texts(1, 3)
    spool.close()


def test_what_an_fsync_did_not_keep_was_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append(texts(1))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(spools, "fsync_hard", fails)
        with pytest.raises(StorageUnavailable, match="failed to keep"):
            spool.append(texts(2))
    spool.append(texts(3))
    assert drained(spool) == texts(1, 3)
    spool.close()


def test_many_threads_append_and_nothing_is_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path)

    def fill(start: int) -> None:
        for number in range(start, start + 20):
            spool.append(texts(number))

    threads = [threading.Thread(target=fill, args=(n * 100,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = drained(spool, 7)
    assert sorted(found) == sorted(texts(*(n * 100 + i for n in range(8) for i in range(20))))
    for n in range(8):
        mine = [each for each in found if each in texts(*range(n * 100, n * 100 + 20))]
        assert mine == texts(*range(n * 100, n * 100 + 20)), "each thread's own stay in order"
    spool.close()


def test_two_spools_of_a_folder_never_share_a_file(tmp_path: Path) -> None:
    one, two = Spool(tmp_path), Spool(tmp_path)
    assert (one.lane.number, two.lane.number) == (0, 1)
    one.append(texts(1))
    two.append(texts(2))
    assert (drained(one), drained(two)) == (texts(1), texts(2))
    one.close()
    two.close()


def test_a_new_spool_takes_over_what_the_dead_left_but_not_what_the_living_have(
    tmp_path: Path,
) -> None:
    living, dead, third = Spool(tmp_path), Spool(tmp_path), Spool(tmp_path)
    living.append(texts(1))
    for gone, number in ((dead, 2), (third, 3)):
        gone.append(texts(number))
        gone.close()
    heir = Spool(tmp_path)
    assert heir.lane.number == 1
    assert drained(heir) == texts(2, 3)
    assert drained(living) == texts(1)
    heir.close()
    living.close()


def test_another_process_takes_a_lane_of_its_own(tmp_path: Path, spool: Spool) -> None:
    code = "import sys; from pathlib import Path; from tallystick.app.spool import Spool\n"
    code += "print(Spool(Path(sys.argv[1])).lane.number)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert (spool.lane.number, done.stdout) == (0, "1\n")


def test_what_only_a_dead_memory_held_is_counted(tmp_path: Path) -> None:
    one, two = Lane(tmp_path), Lane(tmp_path)
    one.count(7, 2)
    two.count(4, 4)
    one.close()
    two.close()
    again = Lane(tmp_path)
    assert again.lost == 5
    again.close()
    clean = Lane(tmp_path)
    assert clean.lost == 0
    clean.close()


def test_refused_events_are_put_aside_up_to_a_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    assert spool.reject([b"12345"])
    assert not spool.reject([b"67890"])
    assert (tmp_path / "0.rejected").read_bytes() == b"12345\n"
    spool.close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="name another with folder="):
        Spool(tmp_path / "file")


def test_a_segment_that_somebody_removed_holds_up_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(texts(1))
    (path,) = tmp_path.glob("*.spool")
    path.unlink()
    assert spool.take(5).texts == ()
    spool.append(texts(2))
    assert drained(spool) == texts(2)
    assert spool.torn == 1
    spool.close()
