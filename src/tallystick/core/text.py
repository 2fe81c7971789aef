"""Texts from a caller, on one line: read into one form, or refused with their place."""

from __future__ import annotations

import unicodedata
from typing import Final

from tallystick.core.property import shown
from tallystick.core.quick_event import LONGEST_ID
from tallystick.errors import InvalidInput

__all__ = ["LONGEST_LINE", "id_at", "refused_at", "text_at"]

LONGEST_LINE: Final = 200
"""The most characters a text has where nothing else is said."""

_BREAKS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def refused_at(path: str, text: str) -> InvalidInput:
    """Make the refusal of one value: what is wrong with it, under its path."""
    return InvalidInput(f"{path} {text}", {path: [text]})


def text_at(value: object, path: str, most: int = LONGEST_LINE) -> str:
    """Read a text for people: in NFC, without blanks at its ends, on one line.

    Raises InvalidInput.
    """
    if not isinstance(value, str):
        raise refused_at(path, f"must be a text, not {shown(value)}")
    if len(value) > 4 * most:  # a letter and its marks may become one character; more is no name
        raise refused_at(path, f"is longer than {most} characters")
    text = unicodedata.normalize("NFC", str.__str__(value)).strip()
    if not text:
        raise refused_at(path, "must not be empty: leave it out, or give None to clear it")
    if len(text) > most:
        raise refused_at(path, f"is longer than {most} characters")
    if any(unicodedata.category(c) in _BREAKS for c in text):
        raise refused_at(path, "has control characters or line breaks, or half a character")
    return text


def id_at(value: object, path: str) -> str:
    """Read an id: 1 to 200 printable characters, kept exactly as they are.

    Raises InvalidInput.
    """
    if not isinstance(value, str):
        raise refused_at(path, f"must be a text, not {shown(value)}")
    if not 1 <= len(value) <= LONGEST_ID:
        long = f"is longer than {LONGEST_ID} characters"
        raise refused_at(path, long if value else "must not be empty")
    if not value.isprintable() or value != value.strip():
        raise refused_at(path, f"{shown(value)} has blanks at its ends or control characters")
    return str.__str__(value)
