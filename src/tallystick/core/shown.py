"""Values as messages show them: short, on one line, and without asking what is not ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Final

from tallystick.core.bad_number import BadNumber

__all__ = ["plain_text", "printable", "shown"]

_WIDEST_BITS: Final = 100
_WORDS: Final = {None: "null", True: "true", False: "false"}


def shown(value: object) -> str:
    """Show a value in a message, whatever it is; its own repr may be anything and is not asked."""
    if isinstance(value, str):
        return f"'{printable(value)}'"
    if isinstance(value, BadNumber):
        return value.token
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, (Mapping, list, tuple)):
        return "an object" if isinstance(value, Mapping) else "a list"
    if isinstance(value, int):
        return "a huge number" if value.bit_length() > _WIDEST_BITS else f"{int(value)}"
    if isinstance(value, Decimal):
        return printable(f"{Decimal(value)}")
    if isinstance(value, Real):
        with suppress(TypeError):  # JSON writes the shortest digits, and of a fraction none
            return printable(f"{Decimal(json.dumps(value))}")
    return f"a value of type {printable(type(value).__name__)}"


def printable(text: str, most: int = 60) -> str:
    """Write a text from outside so that it fits on a line of a report and does nothing there."""
    text = plain_text(text)
    return "".join(c if c.isprintable() else "?" for c in text[:most]) + "…" * (len(text) > most)


def plain_text(text: str) -> str:
    """Give the text of a text: of a member of a `StrEnum`, say, which is one of a subclass."""
    return str.__str__(text)
