"""What an error of the database is to those who asked: one of ours, with what to do about it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnection

from tallystick.errors import InvalidInput, OutOfBounds, SetupError, StorageUnavailable
from tallystick.storage.engine import raised_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.errors import TallystickError

__all__ = ["meaning", "translated"]

_NOT_MIGRATED: Final = (
    "the tables of Tallystick are not in this database: run `tallystick migrate`, in Django "
    "`manage.py migrate`, or Tallystick(...).migrate()"
)
_LOCKED: Final = "the database is in use by others for too long: try again"
_SQLITE: Final = {  # primary result codes, see sqlite.org/rescode.html
    5: _LOCKED,
    6: _LOCKED,
    7: "the database has no memory left",
    8: "the database file cannot be written to",
    10: "the disk of the database fails to read or write",
    11: "the database file is damaged: restore it from a backup",
    13: "the disk of the database is full: make room and try again",
    14: "the database file cannot be opened: does its folder exist, and may it be written to?",
    15: _LOCKED,
    26: "the file is not a SQLite database",
}
_AGAIN: Final = {
    "40001": "the transaction met another one: try again",
    "40P01": "the transaction and another one waited for each other: try again",
}
_STATES: Final = {  # classes and codes of PostgreSQL's appendix A
    "08": "the connection to the database was lost: try again",
    "53": "the database has no room left (disk, memory or connections): try again later",
    "57": "the database is stopping, starting or was told to cancel: try again",
    "58": "the disk of the database fails to read or write",
    "25006": "the database may only be read from",
    "28": "the database refuses this user or password",
    "3D": "the server has no database of that name",
    "55P03": _LOCKED,
}
_ON_CONNECTING: Final = (
    (re.compile(r'FATAL: +database "[^"]*" does not exist'), "3D000"),
    (re.compile(r'FATAL: .*authentication failed|FATAL: +role "[^"]*" (does|is) not'), "28000"),
    (re.compile("FATAL: +no pg_hba.conf entry|no password supplied"), "28000"),
    (re.compile("FATAL: .*(too many (clients|connections)|connection slots)"), "53300"),
    (re.compile("FATAL: +the database system is"), "57P03"),
)
_NOT_ALLOWED: Final = (
    "the role of the database may not do this, or not for this customer: "
    "`tallystick role NAME` gives a role what it needs"
)
_INSIDE: Final = "user-defined function raised exception"
_LOST: Final = "the database cannot be reached: try again"
_TRIED_AGAIN: Final = {"08", "53", "57"}


@contextmanager
def translated(*, committing: bool = False) -> Iterator[None]:
    """Raise our own error where the database refuses; what has no meaning of ours passes as it is.

    `committing` tells that the answer to a COMMIT is awaited: where it is lost, nobody knows.
    """
    try:
        yield
    except (DBAPIError, NoConnection, PendingRollbackError, OverflowError, UnicodeError) as error:
        ours = meaning(error, committing=committing)
        if ours is None:
            raise
        raise ours from error


def meaning(error: Exception, *, committing: bool = False) -> BaseException | None:
    """Give our error for one of the database, or None where it is a mistake in our own words.

    It is not ours where a function of ours was interrupted inside SQLite: then it is Ctrl-C again.
    """
    if isinstance(error, OverflowError):
        return OutOfBounds("a number is too large for the database")
    if isinstance(error, UnicodeError):
        return InvalidInput("a text holds a character that cannot be stored")
    if isinstance(error, (NoConnection, PendingRollbackError)):
        return StorageUnavailable(_LOCKED if isinstance(error, NoConnection) else _LOST)
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    if isinstance(error, DataError):
        return InvalidInput("a text or number cannot be stored as it is, such as a NUL character")
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        if str(error.orig) == _INSIDE:
            return raised_inside()
        return _of_sqlite(code & 0xFF, str(error.orig), committing=committing)
    return _of_state(error, committing=committing)


def _of_sqlite(code: int, text: str, *, committing: bool) -> TallystickError | None:
    if "no such table" in text:
        return SetupError(_NOT_MIGRATED)
    sentence = _SQLITE.get(code)
    if sentence is None:
        return None
    return StorageUnavailable(sentence, unknown=committing and sentence != _LOCKED)


def _state(error: DBAPIError) -> str:
    """Give PostgreSQL's code; of a connection that it refused there are only its words."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if code is None and isinstance(error, OperationalError):
        said = str(error.orig)
        code = next((each for words, each in _ON_CONNECTING if words.search(said)), None)
    return str(code or "")


def _of_state(error: DBAPIError, *, committing: bool) -> TallystickError | None:
    state = _state(error)
    if state in {"42P01", "3F000"}:
        return SetupError(_NOT_MIGRATED)
    if state == "42501":
        return SetupError(_NOT_ALLOWED)
    if state in _AGAIN:
        return StorageUnavailable(_AGAIN[state], again=True)
    lost = error.connection_invalidated or (
        not state and isinstance(error, (OperationalError, InterfaceError))
    )
    sentence = _STATES.get(state) or _STATES.get(state[:2]) or (_LOST if lost else None)
    if sentence is None or (isinstance(error, (ProgrammingError, InternalError)) and not lost):
        return None
    again = lost or state[:2] in _TRIED_AGAIN
    return StorageUnavailable(
        sentence, again=again and not committing, unknown=committing and again
    )
