"""Who else bills: the account of Stripe that the environment names, with the lock of its prices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tallystick.errors import SetupError
from tallystick.files.lock import read_lock
from tallystick.providers.stripe.settings import settings_from
from tallystick.providers.stripe.subscription import price_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.providers.stripe.subscriptions import StripeSubscriptions

__all__ = ["is_set_up", "open_biller"]

_LOCK: Final = "TALLYSTICK_STRIPE_LOCK"
_NEEDED: Final = ("TALLYSTICK_STRIPE_KEY", "TALLYSTICK_STRIPE_ACCOUNT")


def is_set_up(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether the environment names an account that could bill."""
    said = os.environ if environ is None else environ
    return all(said.get(name, "").strip() for name in _NEEDED)


def open_biller(
    name: str = "stripe",
    environ: Mapping[str, str] | None = None,
    *,
    lines: Mapping[str, str] | None = None,
) -> StripeSubscriptions:
    """Open the provider that bills, by its settings; nothing is asked of it yet.

    `lines` are our price lines by its ids of prices; where they are left out, those of the lock
    file that TALLYSTICK_STRIPE_LOCK names.  Without any, plans are found by the notes of prices.

    Raises SetupError, InvalidCatalog for a lock that cannot be read, MissingExtra.
    """
    if name != "stripe":
        raise SetupError(
            f"{name!r} bills no subscriptions that can be mirrored: only 'stripe' does"
        )
    from tallystick.providers.stripe.subscriptions import StripeSubscriptions  # noqa: PLC0415 - the SDK is an extra

    said = os.environ if environ is None else environ
    settings = settings_from(said)
    return StripeSubscriptions(settings, _lines(said) if lines is None else lines)


def _lines(said: Mapping[str, str]) -> dict[str, str]:
    path = said.get(_LOCK, "").strip()
    if not path:
        return {}
    lock = read_lock(path)
    if lock is None:
        raise SetupError(f"{_LOCK} names {path!r}, where there is no lock file: pull it first")
    return price_lines(lock)
