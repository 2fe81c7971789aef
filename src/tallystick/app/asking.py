"""Asking a provider in no transaction, and keeping what it answered in one: the steps of it.

A worker claims something in a transaction (a lease, and the number of its try), asks, and keeps the
answer in another one.  What goes wrong with one is its own affair, and blocks nobody.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from tallystick.app.stopped import FAULTS
from tallystick.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Storage, Unit

__all__ = ["LEASE", "ask", "go_through", "is_forgotten", "keep_answer"]

_log: Final = logging.getLogger("tallystick.payments")

LEASE: Final = timedelta(minutes=5)
"""How long something is a worker's alone: longer than any call to a provider may take."""

_PATIENCE: Final = 3  # silences in a row, after which a provider is left in peace for this run

A = TypeVar("A")
P = TypeVar("P")
R = TypeVar("R")


def ask(provider: str, named: str, call: Callable[[], A]) -> A | Exception:
    """Ask, and give the answer; whatever goes wrong, nobody knows yet what was done."""
    try:
        return call()
    except Exception as fault:  # noqa: BLE001 - a third party's fault is silence too
        _log.warning("%s gave no answer for %s: %s", provider, named, fault)
        return fault


def keep_answer(
    storage: Storage,
    named: str,
    keep: Callable[[Unit], R],
    leave: Callable[[Unit, Exception], R],
) -> R:
    """Keep an answer; where it cannot be kept, leave what it is for with the reason.

    Raises StorageUnavailable.
    """
    try:
        return storage.attempt(keep, repeatable=True)
    except StorageUnavailable:
        raise
    except FAULTS as fault:
        _log.exception("the answer for %s cannot be kept", named)
        why = fault  # its name ends with this block, and the transaction may be tried again
        return storage.attempt(lambda unit: leave(unit, why), repeatable=True)


def go_through(
    providers: Iterable[P],
    step: Callable[[P], str | None],
    limit: int | None,
    stop: Callable[[], bool],
) -> dict[str, int]:
    """Take one step after the other at each provider; count them by what they came to.

    A step gives None where nothing is due; `silent` too often ends the run at that provider.
    """
    counts: dict[str, int] = {}
    for provider in providers:
        silences = 0
        while silences < _PATIENCE and not stop():
            if limit is not None and sum(counts.values()) >= limit:
                break
            what = step(provider)
            if what is None:
                break
            silences = silences + 1 if what == "silent" else 0
            counts[what] = counts.get(what, 0) + 1
    return counts


def is_forgotten(first_sent_at: Instant | None, at: Instant, hours: int | None) -> bool:
    """Tell whether a provider may have forgotten a key that it was sent first then."""
    if hours is None or first_sent_at is None:
        return False
    return at - first_sent_at >= timedelta(hours=hours)
