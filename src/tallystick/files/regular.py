"""Regular files only, within a size, as UTF-8 text.

A named pipe or a device would be waited for, a file of 100 MB would fill the memory: both are
refused by what the file system says of them, before a byte is read.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from tallystick.errors import Problem
from tallystick.files.refusal import Absent, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.files.refusal import Refused

__all__ = ["MOST_BYTES", "decode", "open_regular", "read_text"]

MOST_BYTES: Final = 8_000_000
"""The largest document that is read as a whole."""

_NOWHERE: Final = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@contextmanager
def open_regular(path: Path, most: int | None = MOST_BYTES) -> Iterator[IO[bytes]]:
    """Open a regular file of at most `most` bytes.  Raises Refused, Absent where there is none."""
    try:
        _check(path.stat(), most)
        # Not blocking, and looked at again: the file may have been changed for a pipe meanwhile.
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise _refusal(error) from error
    with os.fdopen(descriptor, "rb") as stream:
        _check(os.fstat(descriptor), most)
        try:
            yield stream
        except OSError as error:
            raise _refusal(error) from error


def read_text(path: Path) -> str:
    """Read a whole document as text; a byte order mark is left out.  Raises Refused."""
    with open_regular(path) as stream:
        # What the kernel makes up on the fly has no size beforehand, so the reading is bounded too.
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _too_large(len(content), MOST_BYTES)
    return decode(content)


def decode(content: bytes) -> str:
    """Decode UTF-8 and refuse what is no text.  Raises Refused."""
    if content.startswith(_UTF16):
        raise refuse("is UTF-16", "save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = f"is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}"
        raise refuse(wrong, "save it as UTF-8", line=line) from None
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise refuse("holds a NUL byte, so it is no text file", "save it as UTF-8", line=line)
    return text


def _check(found: os.stat_result, most: int | None) -> None:
    for matches, kind in _KINDS:
        if matches(found.st_mode):
            raise refuse(f"is {kind}, not a file", "name a regular file")
    if most is not None and found.st_size > most:
        raise _too_large(found.st_size, most)


def _too_large(size: int, most: int) -> Refused:
    text = f"has {size} bytes or more; at most {most} are read"
    return refuse(text, "split the file or name another")


def _refusal(error: OSError | ValueError) -> Refused:
    if not isinstance(error, OSError):
        return Absent([Problem("", "is no name of a file")])
    reason = (error.strerror or "it cannot be read").lower()
    if error.errno in _NOWHERE:
        return Absent([Problem("", reason)])
    return refuse(f"cannot be read: {reason}", "check the path and its permissions")
