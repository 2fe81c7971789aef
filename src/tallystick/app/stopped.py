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

__all__ = ["FAULTS", "reason_of"]


def reason_of(why: Exception, at: Instant, made_from: object, replay: str) -> dict[str, str]:
    """Say what went wrong, when, made from what (its digest), and what command looks into it.

    What cannot be read is given as the text that is stored.
    """
    ours = isinstance(why, TallystickError)
    body = made_from.encode() if isinstance(made_from, str) else bytes_of(made_from)
    return {
        "code": why.code if isinstance(why, TallystickError) else TallystickError.code,
        "message": str(why) if ours else f"{type(why).__name__}: {why}",
        "at": instant_text(at),
        "input": f"sha256:{hashlib.sha256(body).hexdigest()}",
        "replay": replay,
    }
