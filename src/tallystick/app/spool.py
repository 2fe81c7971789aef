"""A queue on disk: what was written to it and synced is there after a crash, in its order.

A line is one text: its length and its CRC-32 as eight hexadecimal digits each, a blank between,
and the text.  Lines are only ever appended to a segment; a segment is deleted when all of it was
taken.  After a crash, what was not taken is taken again: whoever receives it must not mind.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

from tallystick.app.spool_lane import Lane, fsync_folder, fsync_hard
from tallystick.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Spool", "SpoolFull", "Taken"]

_LOG: Final = logging.getLogger(__name__)
_SEGMENT: Final = 4_000_000
_WORN: Final = 256_000
_CHUNK: Final = 1_000_000
_HEAD: Final = len("00000000 00000000 ")


class SpoolFull(StorageUnavailable):
    """The spool has reached its size; nothing was written."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Texts from the front of the queue, still there until `Spool.advance` is told of them."""

    texts: tuple[bytes, ...]
    end: int
    torn: int


@dataclass(slots=True)
class _Segment:
    path: Path
    size: int = 0
    texts: int = 0  # that are on the disk for good and not taken


class Spool:
    """A folder's lane as a queue.  Any thread may append; one takes.

    `torn` lines were cut or left out
    because their length or checksum did not fit: what a crash tore, or a disk damaged.  `lost`
    is how many events the memory of a process that was killed held.
    """

    def __init__(self, folder: Path, *, most_bytes: int = 1_000_000_000) -> None:
        """Open it, and take over what a process that is gone left there.  Raises SetupError."""
        self.most_bytes = most_bytes
        self._segment_bytes = min(_SEGMENT, most_bytes // 8)  # room comes back by the segment
        self.lane = Lane(folder)
        self.lost = self.lane.lost
        self.torn = 0
        self._lock = Lock()  # of the fields
        self._syncing = Lock()  # one fsync at a time serves all who wait for it; taken first
        self._file: int | None = None  # the last segment, where it is open for writing
        self._offset = 0  # in the first segment: what was taken
        self._loose = 0  # bytes at the end that no fsync has seen
        self._loose_texts = 0
        self._written = self._synced = 0  # texts, ever; also those that failed
        self._failed: deque[range] = deque(maxlen=64)
        self._segments: deque[_Segment] = deque()
        self._number = 0
        try:
            self._recover()
        except OSError as error:
            self.lane.close()
            raise StorageUnavailable(_reason(error)) from error

    @property
    def waiting(self) -> int:
        """How many texts are on the disk for good and not taken yet."""
        return sum(segment.texts for segment in tuple(self._segments))

    @property
    def size(self) -> int:
        """How large it is on the disk."""
        return sum(segment.size for segment in tuple(self._segments))

    # --- writing ------------------------------------------------------------------------------

    def append(self, texts: Sequence[bytes]) -> None:
        """Add texts at the end, and return when they are on the disk for good.

        Raises SpoolFull; StorageUnavailable where the disk refuses: then none of them was added.
        """
        frames = b"".join(map(_framed, texts))
        with self._lock:
            if self.size + len(frames) > self.most_bytes:
                raise SpoolFull(
                    f"the spool {str(self.lane.folder)!r} is full: {self.size:,} of "
                    f"{self.most_bytes:,} bytes wait for the database"
                )
            try:
                self._write(frames)
            except OSError as error:
                self._cut()
                raise StorageUnavailable(_reason(error)) from error
            self._loose += len(frames)
            self._loose_texts += len(texts)
            self._written += len(texts)
            ticket = self._written
        self._harden(ticket)

    def _write(self, frames: bytes) -> None:
        if self._file is None:
            self._begin_segment()
        assert self._file is not None  # noqa: S101 - for the checker: it was just opened
        os.lseek(self._file, self._segments[-1].size, os.SEEK_SET)
        left = memoryview(frames)
        while left:
            left = left[os.write(self._file, left) :]
        self._segments[-1].size += len(frames)

    def _begin_segment(self) -> None:
        path = self.lane.segment(self._number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        self._file = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)
        self._number += 1
        self._segments.append(_Segment(path))
        fsync_folder(self.lane.folder)

    def _cut(self) -> None:
        """Leave nothing behind of a write that failed half-way."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, self._segments[-1].size)

    def _harden(self, ticket: int) -> None:
        with self._syncing:
            if self._synced < ticket:
                self._harden_all()
            if any(ticket in failed for failed in self._failed):
                raise StorageUnavailable("the disk of the spool failed to keep what was written")

    def _harden_all(self) -> None:
        with self._lock:
            upto, texts, size, file = self._written, self._loose_texts, self._loose, self._file
        try:
            fsync_hard(-1 if file is None else file)
        except OSError as error:
            _LOG.warning("the spool could not be synced: %s", _reason(error))
            self._drop_loose()
            return
        with self._lock:
            self._synced = upto
            self._loose -= size
            self._loose_texts -= texts
            self._segments[-1].texts += texts
            if not self._loose and self._segments[-1].size >= self._segment_bytes:
                self._end_segment()

    def _drop_loose(self) -> None:
        """Take back what an fsync did not keep: after it failed, nobody knows what the disk has."""
        with self._lock:
            self._failed.append(range(self._synced + 1, self._written + 1))
            self._synced = self._written
            if self._segments:
                self._segments[-1].size -= self._loose
            self._loose = self._loose_texts = 0
            self._cut()
            self._end_segment()

    def _end_segment(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None

    # --- taking -------------------------------------------------------------------------------

    def texts(self) -> list[bytes]:
        """Read all that waits, in its order; the queue is as it was."""
        with self._lock:
            places = [(segment.path, segment.size) for segment in self._segments]
            start = self._offset
        found: list[bytes] = []
        for path, size in places:
            lines = path.read_bytes()[start:size].split(b"\n")
            found += [text for line in lines if (text := _text(line + b"\n")) is not None]
            start = 0
        return found

    def take(self, most: int) -> Taken:
        """Look at the first texts, at most so many; the queue is as it was until `advance`."""
        with self._lock:
            self._drop_taken()
            if not self._segments:
                return Taken((), 0, 0)
            path, start = self._segments[0].path, self._offset
            end = self._segments[0].size - (self._loose if len(self._segments) == 1 else 0)
        texts: list[bytes] = []
        torn = 0
        try:
            lines = _lines(path, start, end)
        except FileNotFoundError:
            self._drop_missing(path)
            return self.take(most)
        for line in lines:
            start += len(line)
            text = _text(line)
            if text is None:
                torn += 1
            else:
                texts.append(text)
            if len(texts) == most:
                break
        return Taken(tuple(texts), start, torn)

    def advance(self, taken: Taken) -> None:
        """Forget what was taken: it is safe elsewhere."""
        with self._lock:
            if self._segments:
                self._offset = taken.end
                self._segments[0].texts -= len(taken.texts)
                self.torn += taken.torn
                self._drop_taken()

    def _drop_taken(self) -> None:
        """Give the room of a segment back that was taken to its end."""
        while self._segments and self._offset >= self._segments[0].size:
            first = self._segments[0]
            if self._file is not None and len(self._segments) == 1:
                if first.size >= _WORN and not self._loose:
                    with suppress(OSError):
                        os.ftruncate(self._file, 0)
                        first.size = self._offset = 0
                return
            self._segments.popleft()
            self._offset = 0
            first.path.unlink(missing_ok=True)

    def _drop_missing(self, path: Path) -> None:
        """Go on without a segment that somebody removed."""
        with self._lock:
            gone = self._segments.popleft()
            self._offset = 0
            self.torn += gone.texts
            if not self._segments:
                self._loose = self._loose_texts = 0
                self._end_segment()
        _LOG.error("%s was removed with %d events that nobody had sent", path, gone.texts)

    def reject(self, lines: Iterable[bytes]) -> bool:
        """Put aside what the ledger refused.  False where there is no room for it any more."""
        content = b"".join(line + b"\n" for line in lines)
        path = self.lane.rejected
        try:
            if path.exists() and path.stat().st_size + len(content) > self.most_bytes:
                return False
            with path.open("ab") as stream:
                stream.write(content)
                stream.flush()
                fsync_hard(stream.fileno())
        except OSError as error:
            _LOG.warning("refused events could not be written to %s: %s", path, _reason(error))
            return False
        return True

    def close(self) -> None:
        """Close it; what waits stays for whoever opens the folder next."""
        with self._syncing, self._lock:
            if self._loose and self._segments:  # somebody was interrupted, and promised nothing
                self._segments[-1].size -= self._loose
                self._loose = self._loose_texts = 0
                self._cut()
            self._end_segment()
            if not self.waiting:
                for segment in self._segments:
                    segment.path.unlink(missing_ok=True)
                self._segments.clear()
            self.lane.close()

    def forget(self) -> None:
        """Let go of the files in a forked child, where they are still the parent's."""
        self._end_segment()
        self.lane.close(unlock=False)

    # --- after a crash ------------------------------------------------------------------------

    def _recover(self) -> None:
        for path in self.lane.segments():
            self._number = int(path.stem.partition("-")[2]) + 1
            segment = self._recovered(path)
            if segment.texts:
                self._segments.append(segment)
            else:
                path.unlink()
        if self.torn:
            _LOG.warning(
                "the spool %s had %d torn lines; the others are whole", self.lane.folder, self.torn
            )

    def _recovered(self, path: Path) -> _Segment:
        """Count what a segment holds, and cut its torn tail."""
        whole = size = torn = texts = 0
        with path.open("rb+") as stream:
            for line in stream:
                size += len(line)
                if _text(line) is None:
                    torn += 1
                else:
                    whole, texts, torn = size, texts + 1, 0  # what is in between is told by take
            if whole < size:
                stream.truncate(whole)
                fsync_hard(stream.fileno())
        self.torn += torn
        return _Segment(path, whole, texts)


def _framed(text: bytes) -> bytes:
    return b"%08x %08x %s\n" % (len(text), zlib.crc32(text), text)


def _text(line: bytes) -> bytes | None:
    """Read a line; None where it is torn."""
    text = line[_HEAD:-1]
    return text if _framed(text) == line else None


def _lines(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Give the next whole lines, a million bytes of them or one; what follows is not synced."""
    with path.open("rb") as stream:
        stream.seek(start)
        chunk = stream.read(min(_CHUNK, end - start))
        if len(chunk) < end - start and not chunk.endswith(b"\n"):
            chunk += stream.readline()
    # At line feeds alone, as a damaged line may hold any byte.
    return iter([line + b"\n" for line in chunk.removesuffix(b"\n").split(b"\n")] if chunk else ())


def _reason(error: OSError) -> str:
    return f"the disk of the spool refuses: {error.strerror or error}"
