"""Closing what is open when the program ends, and letting go of it in a forked child."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Open", "guard", "release"]

_LOG: Final = logging.getLogger(__name__)


class Open(Protocol):
    """What is closed at the program's end: a buffer of usage, a lease."""

    def close(self) -> object:
        """Tell the ledger what it holds, and end."""

    def forget(self) -> None:
        """Let go of everything in a forked child, where it is still the parent's."""


_OPEN: Final[set[Open]] = set()


def guard(buffer: Open) -> None:
    """Close a buffer at the program's end: at exit, and on SIGTERM where nobody catches that."""
    if not _OPEN:
        atexit.register(_close_all)
        _catch_sigterm()
    _OPEN.add(buffer)


def release(buffer: Open) -> None:
    """Leave a buffer to itself again: it is closed."""
    _OPEN.discard(buffer)
    if not _OPEN:
        atexit.unregister(_close_all)
        if _ours() and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _catch_sigterm() -> None:
    """Let SIGTERM end the program as an exit does, so that what waits at the exit is done."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


def _ours() -> bool:
    return signal.getsignal(signal.SIGTERM) is _leave


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _close_all() -> None:
    if _ours() and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is being done
    for buffer in list(_OPEN):
        try:
            buffer.close()
        except Exception:  # noqa: BLE001 - the next buffer has its turn, whatever it is
            _LOG.exception("what was open could not be closed at the end of the program")


def _forget_all() -> None:
    """Leave the parent's files alone in a forked child, and give its lock back with it."""
    for buffer in _OPEN:
        buffer.forget()
    _OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
