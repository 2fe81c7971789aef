"""TOML text as a plain tree: the grammar is `tomllib`'s, the numbers are read from their tokens.

`tomllib` converts whole numbers itself (also `1_000`, `0x10` and five thousand digits) and
recurses on nesting.  So the text is read once lexically: the depth is counted, and each number
token is replaced by a float literal that holds its position in a list, which `parse_float` then
exchanges for what the token says.  A text can't forge that: only numbers reach `parse_float`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick.files.refusal import refuse
from tallystick.files.scalars import MOST_DEPTH, MOST_VALUES, check_tree, join, number, too_deep

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.bad_number import BadNumber

__all__ = ["toml_tree"]

_TOKENS: Final = re.compile(
    r'(?P<text>"""[^"\\]*+(?:(?:\\.|"{1,2}(?!"))[^"\\]*+)*+(?:"{3,5})?'
    r"|'''[^']*+(?:'{1,2}(?!')[^']*+)*+(?:'{3,5})?"
    r'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
    r"|'[^'\n]*+'?)"
    r"|(?P<comment>\#[^\n]*+)"
    r"|(?P<newlines>\n\s*+)"
    r"|(?P<mark>[\[\]{}=,])"
    r"""|(?P<bare>[^\s\[\]{}=,\#"']++)""",
    re.DOTALL,
)
_MOST_TOKENS: Final = 4 * MOST_VALUES
_NUMBER: Final = re.compile(r"[-+]?(?:\.?[0-9]|(?:inf|nan)\b)", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}|[0-9]{2}:[0-9]{2}", re.ASCII)
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A number and the line it stands on."""

    value: int | Decimal | BadNumber
    line: int


def toml_tree(text: str) -> tuple[object, dict[str, int]]:
    """Read TOML and the line of each of its numbers.  Raises Refused."""
    text = text.replace("\r\n", "\n")
    lexer = _Lexer()
    marked = lexer.read(text)
    try:
        tree = tomllib.loads(marked, parse_float=lexer.exchange)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        said = _PLACE.sub("", str(error))
        line = int(place[1]) if place and place[1] else None
        where = f" at line {line}" if line else " at the end"
        cure = "correct the text at this place"
        raise refuse(f"is not TOML: {said[:1].lower()}{said[1:]}{where}", cure, line=line) from None
    except (RecursionError, ValueError, IndexError) as error:
        # The text was bounded, so this would be a difference between the two readings of it.
        raise refuse(f"is not TOML that can be read: {error}", "write it plainly") from None
    if not tree:
        raise refuse("is empty", "write a catalogue, or start from `tallystick init`")
    lines: dict[str, int] = {}
    settled = _settle(tree, "", lines)
    check_tree(settled, lines)
    return settled, lines


class _Lexer:
    """Finds the number tokens of a TOML text: those that stand where a value stands."""

    def __init__(self) -> None:
        self.numbers: list[_Placed] = []
        self.open: list[str] = []
        self.in_value = False
        self.dots = 0
        self.line = 1
        self.count = 0

    def read(self, text: str) -> str:
        """Give the text with its number tokens replaced, on the same lines."""
        parts: list[str] = []
        last = 0
        for match in _TOKENS.finditer(text):
            kind, token = match.lastgroup, match.group()
            self.count += 1
            if self.count > _MOST_TOKENS or len(self.numbers) > MOST_VALUES:
                raise refuse(f"holds more than {MOST_VALUES} values", "split the file")
            if kind == "mark":
                self.take_mark(token)
            elif kind == "newlines":
                self.line += token.count("\n")
                if not self.open:
                    self.start_key()
            elif kind == "text":
                self.line += token.count("\n")
            elif kind == "bare":
                if not self.in_value:
                    self.take_key(token)
                elif _NUMBER.match(token) and not _DATE.match(token):
                    parts += text[last : match.start()], f"{len(self.numbers)}.0"
                    self.numbers.append(_Placed(number(token), self.line))
                    last = match.end()
        return "".join([*parts, text[last:]])

    def exchange(self, literal: str) -> _Placed:
        """Give the number that a marking literal stands for."""
        return self.numbers[int(literal[:-2])]

    def take_key(self, token: str) -> None:
        self.dots += token.count(".")
        if self.dots >= MOST_DEPTH:
            raise too_deep(line=self.line)

    def take_mark(self, mark: str) -> None:
        if mark == "=":
            self.in_value = True
        elif mark == "," and self.open and self.open[-1] == "{":
            self.start_key()
        elif self.in_value and mark in "[{":
            self.push(mark)
        elif mark in "]}" and self.open:
            self.open.pop()
            self.in_value = True

    def push(self, mark: str) -> None:
        self.open.append(mark)
        if len(self.open) > MOST_DEPTH:
            raise too_deep(line=self.line)
        if mark == "{":
            self.start_key()

    def start_key(self) -> None:
        self.in_value, self.dots = False, 0


def _settle(value: object, path: str, lines: dict[str, int], depth: int = 0) -> object:
    """Put the numbers in their places; dotted keys in inline tables nest deeper than either."""
    if isinstance(value, _Placed):
        lines[path] = value.line
        return value.value
    if not isinstance(value, dict | list):
        if isinstance(value, int) and not isinstance(value, bool):
            raise refuse(
                "is a number that was not read from its token", "write it plainly", path=path
            )
        return value
    if depth >= MOST_DEPTH:
        raise too_deep(path=path)
    if isinstance(value, dict):
        return {k: _settle(v, join(path, k), lines, depth + 1) for k, v in value.items()}
    return [_settle(v, join(path, i), lines, depth + 1) for i, v in enumerate(value)]
