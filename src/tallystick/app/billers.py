"""Who else bills: a provider with subscriptions of its own, and the lock file of its prices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tallystick.errors import Conflict, SetupError
from tallystick.files.lock import read_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.lock import Lock
    from tallystick.ports import Bills, Provider

__all__ = ["bills_of", "named_lock"]

_LOCK: Final = "TALLYSTICK_STRIPE_LOCK"


def bills_of(provider: Provider) -> Bills:
    """Give the subscriptions of a provider that bills.  Raises Conflict where it has none."""
    bills: Bills | None = getattr(provider, "subscriptions", None)
    if bills is None:
        name = provider.abilities.name
        raise Conflict(f"the provider {name!r} bills no subscriptions of its own")
    return bills


def named_lock(environ: Mapping[str, str] | None = None) -> Lock | None:
    """Read the lock file that TALLYSTICK_STRIPE_LOCK names; None where it names none.

    Raises SetupError where there is no such file, InvalidCatalog for one that cannot be read.
    """
    said = os.environ if environ is None else environ
    path = said.get(_LOCK, "").strip()
    if not path:
        return None
    lock = read_lock(path)
    if lock is None:
        raise SetupError(f"{_LOCK} names {path!r}, where there is no lock file: pull it first")
    return lock
