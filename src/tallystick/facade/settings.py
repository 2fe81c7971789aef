"""Settings of a ledger that are given, or stand in the environment: keys that sign, origins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tallystick.core.checkout_page import return_origin
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["return_origins_of", "signing_keys_of"]

_SIGNING_KEYS: Final = "TALLYSTICK_SIGNING_KEYS"
_RETURN_ORIGINS: Final = "TALLYSTICK_RETURN_ORIGINS"


def signing_keys_of(given: Iterable[str | bytes] | None) -> tuple[bytes, ...]:
    """Give the keys that sign, the first first: those given, else those of the environment.

    Raises SetupError for one key alone, which would be read as a list of its signs.
    """
    found = os.environ.get(_SIGNING_KEYS, "").split(",") if given is None else given
    if isinstance(found, (str, bytes)):
        raise SetupError("signing_keys is a list of keys, the one that signs first")
    keys = [each.strip().encode() if isinstance(each, str) else each for each in found]
    return tuple(key for key in keys if key)


def return_origins_of(given: Iterable[str] | None) -> frozenset[str]:
    """Give the origins that customers may return to: those given, else those of the environment.

    Raises SetupError for what is no origin.
    """
    found = os.environ.get(_RETURN_ORIGINS, "").split(",") if given is None else given
    if isinstance(found, str):
        raise SetupError("return_origins is a list of origins, as https://app.example")
    return frozenset(return_origin(each.strip()) for each in found if each.strip())
