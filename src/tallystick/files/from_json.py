"""JSON text as a plain tree: raw number tokens, no repeated keys, a bounded depth."""

from __future__ import annotations

import json
import re
from typing import Final

from tallystick.core.bad_number import BadNumber
from tallystick.files.refusal import refuse
from tallystick.files.scalars import MOST_DEPTH, Repeated, check_tree, join, number, too_deep

__all__ = ["check_depth", "json_lines", "json_tree"]

_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_NESTING: Final = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_TOKENS: Final = re.compile(rf"{_STRING}|[\[\]{{}},]|[^\s\[\]{{}},:\"]++", re.DOTALL)


def json_tree(text: str) -> object:
    """Read JSON.  Raises Refused."""
    if not text.strip():
        raise refuse("is empty", "write a catalogue, or start from `tallystick init`")
    check_depth(text)
    try:
        tree = json.loads(
            text,
            parse_int=number,
            parse_float=number,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        wrong = f"is not JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}"
        raise refuse(wrong, _cure(text, error.pos), line=error.lineno) from None
    check_tree(tree)
    return tree


def json_lines(text: str) -> dict[str, int]:
    """Give the line of each value of a JSON text that was read, by its path."""
    walk = _LineWalk()
    line, last = 1, 0
    for match in _TOKENS.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        walk.take(match.group(), line)
    return walk.lines


class _LineWalk:
    """Follows the tokens of a valid document and notes where each value starts."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.frames: list[tuple[str, bool]] = []
        self.index = 0
        self.indexes: list[int] = []
        self.key: str | None = None

    def take(self, piece: str, line: int) -> None:
        if piece in "]}":
            self.frames.pop()
            self.index, self.key = self.indexes.pop(), None
        elif piece == ",":
            self.index, self.key = self.index + 1, None
        elif self.frames and self.frames[-1][1] and self.key is None:
            self.key = json.loads(piece)
        else:
            self.note(piece, line)

    def note(self, piece: str, line: int) -> None:
        path = self.place()
        self.lines[path] = line
        if piece in "[{":
            self.frames.append((path, piece == "{"))
            self.indexes.append(self.index)
            self.index, self.key = 0, None

    def place(self) -> str:
        if not self.frames:
            return ""
        path, is_object = self.frames[-1]
        return join(path, self.key if is_object and self.key is not None else self.index)


def check_depth(text: str) -> None:
    """Count the brackets outside strings: the parser recurses, so it must not see deep nesting."""
    depth = 0
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    for match in _NESTING.finditer(text):
        piece = match.group()
        if piece in "[{":
            depth += 1
            if depth > MOST_DEPTH:
                raise too_deep(line=text.count("\n", 0, match.start()) + 1)
        elif piece in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _constant(token: str) -> BadNumber:
    return BadNumber(token, "is not a finite number; leave the field out for no limit")


def _cure(text: str, position: int) -> str:
    near = text[position : position + 2]
    if near.startswith(("//", "/*", "#")):
        return "JSON has no comments: remove it, or write TOML or YAML"
    if near.startswith("'"):
        return 'write "double quotes"'
    if near.startswith(("}", "]")):
        return "remove the comma before it"
    return "correct the text at this place"
