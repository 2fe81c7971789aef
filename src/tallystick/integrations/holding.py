"""Units held around a piece of work that does not await: for Flask, Celery and their like."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tallystick.errors import ReservationOver, TallystickError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.facade.reservation import Reservation

__all__ = ["Work", "holding"]

_log: Final = logging.getLogger("tallystick.integrations")


class Work:
    """A piece of work; whoever does it says at its end whether it succeeded."""

    succeeded = True


@contextmanager
def holding(held: Reservation, late: Callable[[], object] | None = None) -> Iterator[Work]:
    """Commit at the end of work that succeeded, release where it did not or was cut short.

    What holds nothing any more is counted by `late`, where there is one.

    Raises ReservationOver, StorageUnavailable, and what `late` raises: nothing is counted then.
    """
    work = Work()
    done = False
    try:
        yield work
        if work.succeeded:
            _commit(held, late)
            done = True
    finally:
        if not done:
            _release(held)


def _commit(held: Reservation, late: Callable[[], object] | None) -> None:
    try:
        held.commit()
    except ReservationOver:
        if late is None:
            raise
        late()


def _release(held: Reservation) -> None:
    try:
        held.release()
    except TallystickError as error:  # it goes back by itself once it expires
        _log.warning("the reservation %s was not released: %s", held.id, error)
