"""Lanes of a spool's folder: each open spool has one to itself, and takes over what others left.

A lane is a number and the files that begin with it: `3.lock`, `3.count`, `3-00000007.spool`,
`3.rejected`.  Whoever holds the lock of a lane owns its files; the system gives the lock back when
its owner dies, however it dies.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tallystick.errors import SetupError
from tallystick.files.alone import lock_file, unlock_file

if sys.platform == "darwin":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Lane", "fsync_folder", "fsync_hard"]

_MOST_LANES: Final = 1_000
_COUNTS: Final = struct.Struct("<QQ")  # recorded, settled


class Lane:
    """One lane, locked: nobody else writes its files while this is open."""

    def __init__(self, folder: Path) -> None:
        """Take the first lane that nobody has.  Raises SetupError."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.number, self._lock = _first_free(folder)
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            self._counts = _opened_counts(self._path("count"))
            self.lost = self._taken_count()
            self._adopt_others()
        except OSError as error:
            os.close(self._lock)
            raise _unusable(folder, error) from error

    def segments(self) -> list[Path]:
        """List the lane's segments in the order in which they were written."""
        return sorted(self.folder.glob(f"{self.number}-*.spool"))

    def segment(self, number: int) -> Path:
        """Give the path of a segment."""
        return self._path(f"{number:08d}.spool", "-")

    @property
    def rejected(self) -> Path:
        """Where the events go that the ledger refused."""
        return self._path("rejected")

    def count(self, recorded: int, settled: int) -> None:
        """Note how many events were taken into memory, and how many left it safely.

        A killed process leaves the note behind, and the next owner of the lane can tell how many
        were lost.
        """
        _COUNTS.pack_into(self._counts, 0, recorded, settled)

    def close(self, *, unlock: bool = True) -> None:
        """Give the lane back; after a fork, without taking it from the parent."""
        with suppress(BufferError, ValueError):
            self._counts.close()
        if unlock:
            unlock_file(self._lock)
        with suppress(OSError):
            os.close(self._lock)

    def _path(self, suffix: str, between: str = ".") -> Path:
        return self.folder / f"{self.number}{between}{suffix}"

    def _taken_count(self) -> int:
        recorded, settled = _COUNTS.unpack_from(self._counts, 0)
        _COUNTS.pack_into(self._counts, 0, 0, 0)
        return max(0, int(recorded) - int(settled))

    def _adopt_others(self) -> None:
        """Take over the segments of lanes whose owner is gone."""
        number = _number_after(self.segments())
        for other, lock in _orphans(self.folder, self.number):
            try:
                for path in sorted(self.folder.glob(f"{other}-*.spool")):
                    path.rename(self.segment(number))
                    number += 1
                self.lost += _left_count(self.folder / f"{other}.count")
            finally:
                unlock_file(lock)
                os.close(lock)
        fsync_folder(self.folder)


def _unusable(folder: Path, error: OSError) -> SetupError:
    return SetupError(
        f"the spool's folder {str(folder)!r} cannot be used: {error.strerror or error}; "
        "name another with folder="
    )


def _number_after(segments: list[Path]) -> int:
    return int(segments[-1].stem.partition("-")[2]) + 1 if segments else 0


def _left_count(path: Path) -> int:
    """Read and clear how many events the memory of a dead process held."""
    try:
        content = path.read_bytes()
        path.unlink()
    except FileNotFoundError:
        return 0
    if len(content) < _COUNTS.size:
        return 0
    recorded, settled = _COUNTS.unpack_from(content, 0)
    return max(0, int(recorded) - int(settled))


def _opened_counts(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.fstat(descriptor).st_size < _COUNTS.size:
            os.ftruncate(descriptor, _COUNTS.size)
        return mmap.mmap(descriptor, _COUNTS.size)
    finally:
        os.close(descriptor)


# --- locks ----------------------------------------------------------------------------------------


def _first_free(folder: Path) -> tuple[int, int]:
    for number in range(_MOST_LANES):
        lock = lock_file(folder / f"{number}.lock")
        if lock is not None:
            return number, lock
    raise SetupError(f"{_MOST_LANES:,} spools are open in {str(folder)!r}: close some")


def _orphans(folder: Path, own: int) -> Iterator[tuple[int, int]]:
    """Lock, one after another, the other lanes that have no owner."""
    for path in sorted(folder.glob("*.lock")):
        if path.stem.isdecimal() and int(path.stem) != own:
            lock = lock_file(path)
            if lock is not None:
                yield int(path.stem), lock


# --- what a disk really holds ---------------------------------------------------------------------


def fsync_hard(descriptor: int) -> None:
    """Return when the disk has what was written; on a Mac that takes another call than fsync."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def fsync_folder(folder: Path) -> None:
    """Let the disk remember the names in a folder, where the system has such a thing."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
