"""Why something was set aside: what went wrong with one is its own affair, and blocks nobody."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tallystick.core.period import instant_text
from tallystick.core.trees import bytes_of
from tallystick.errors import TallystickError
from tallystick.storage.aside import FAULTS

if TYPE_CHECKING:
    from tallystick.core.period import Instant

__all__ = ["FAULTS", "reason_of", "words_of"]


def reason_of(why: Exception, at: Instant, made_from: object, replay: str) -> dict[str, str]:
    """Say what went wrong, when, made from what (its digest), and what command looks into it.

    What cannot be read is given as the text that is stored.
    """
    body = made_from.encode() if isinstance(made_from, str) else bytes_of(made_from)
    return {
        "code": why.code if isinstance(why, TallystickError) else TallystickError.code,
        "message": words_of(why),
        "at": instant_text(at),
        "input": f"sha256:{hashlib.sha256(body).hexdigest()}",
        "replay": replay,
    }


def words_of(why: Exception) -> str:
    """Say what went wrong; of a fault of ours, also what kind it is."""
    return str(why) if isinstance(why, TallystickError) else f"{type(why).__name__}: {why}"
