"""YAML text as a plain tree, built from the parser's events, with the line of every value.

Events come one after the other, so nothing recurses and the depth is capped while reading.  Plain
scalars are read by the safe part of YAML 1.2's core schema: `NO`, `on`, `12:30:00` and
`2027-01-01` are texts.  What older and newer readers disagree about (`1_000`, `0o17`, `007`) is a
BadNumber rather than a guess.  Anchors, aliases, merge keys and tags are refused (ADR-0013).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)

from tallystick.errors import Problem
from tallystick.files.refusal import MOST_PROBLEMS, Refused, refuse
from tallystick.files.scalars import (
    MOST_DEPTH,
    MOST_VALUES,
    check_tree,
    join,
    number,
    shorten,
    too_deep,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import Event

__all__ = ["yaml_tree"]

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS: Final = {"true": True, "True": True, "TRUE": True} | dict.fromkeys(
    ("false", "False", "FALSE"), False
)
_NUMBER: Final = re.compile(
    r"[-+]?(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][-+]?[0-9_]++)?"
    r"|[-+]?0(?:x[0-9a-fA-F_]++|o?[0-7_]++|b[01_]++)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
)


def yaml_tree(text: str) -> tuple[object, dict[str, int]]:
    """Read one YAML document and the line of each of its values.  Raises Refused."""
    builder = _Builder()
    for event in _events(text):
        builder.take(event)
    if builder.problems:
        raise Refused(builder.problems)
    if builder.tree is None:
        raise refuse("is empty", "write a catalogue, or start from `tallystick init`")
    check_tree(builder.tree, builder.lines)
    return builder.tree, builder.lines


def _events(text: str) -> Iterator[Event]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # A character that YAML does not print, or a version number of thousands of digits.
        said = shorten(str(error).partition("\n")[0], 200)
        raise refuse(f"is not YAML: {said}", "remove it") from None


def _syntax(error: object) -> Refused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    context, problem = getattr(error, "context", None), getattr(error, "problem", None)
    said = " ".join(str(part) for part in (context, problem) if part)
    cure = "correct the text at this place; check the indentation and the quotes"
    if mark is None:
        return refuse(f"is not YAML: {said}", cure)
    place = f"at line {mark.line + 1}, column {mark.column + 1}"
    return refuse(f"is not YAML: {said} {place}", cure, line=mark.line + 1)


class _Frame:
    """A mapping or a sequence that is being read."""

    def __init__(self, container: dict[str, object] | list[object], path: str) -> None:
        self.container = container
        self.path = path
        self.key: str | None = None


class _Builder:
    """Takes events and puts the values together; gathers what a person must cure."""

    def __init__(self) -> None:
        self.tree: object = None
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.frames: list[_Frame] = []
        self.documents = 0
        self.values = 0

    def take(self, event: Event) -> None:
        """Take the next event; anything that is not a node is structure."""
        if isinstance(event, DocumentStartEvent):
            self.start_document(event)
        elif isinstance(event, AliasEvent):
            cure = "write the value out, or write the catalogue in Python"
            self.report(f"is an alias (*{shorten(str(event.anchor))})", cure, event)
            self.place(None, event)
        elif isinstance(event, ScalarEvent):
            self.check_node(event)
            self.take_scalar(event)
        elif isinstance(event, CollectionStartEvent):
            self.check_node(event)
            self.open({} if isinstance(event, MappingStartEvent) else [], event)
        elif isinstance(event, CollectionEndEvent):
            self.frames.pop()

    def start_document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise refuse("holds several documents", "keep one", line=_line(event))
        if event.tags:
            raise refuse("declares tags", "remove the %TAG line", line=_line(event))

    def check_node(self, event: ScalarEvent | CollectionStartEvent) -> None:
        if event.anchor is not None:
            cure = "remove the anchor and write the value where it is needed"
            self.report(f"has an anchor (&{shorten(event.anchor)})", cure, event)
        if event.tag is not None:
            self.report(f"has the tag {shorten(event.tag, 60)!r}", "remove the tag", event)

    def take_scalar(self, event: ScalarEvent) -> None:
        frame = self.frames[-1] if self.frames else None
        value = event.value if event.style or event.tag else _resolve(event.value)
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            self.take_key(frame, value, event)
        else:
            self.place(value, event)

    def take_key(self, frame: _Frame, value: object, event: ScalarEvent) -> None:
        frame.key = key = event.value
        place = join(frame.path, key)
        if not isinstance(value, str):
            self.report(f"the key {shorten(key)!r} is no text", "quote the key", event, place)
        elif key == "<<" and not event.style:
            self.report("is a merge key", "write the fields out", event, place)
        elif key in frame.container:
            first = self.lines.get(place)
            self.report(f"stands twice, first on line {first}", "keep one of them", event, place)
        self.lines[place] = _line(event)

    def open(self, container: dict[str, object] | list[object], event: Event) -> None:
        path = self.place(container, event)
        if len(self.frames) >= MOST_DEPTH:
            raise too_deep(line=_line(event))
        self.frames.append(_Frame(container, path))

    def place(self, value: object, event: Event) -> str:
        """Put a value where it stands and give its path."""
        self.values += 1
        if self.values > MOST_VALUES:
            raise refuse(f"holds more than {MOST_VALUES} values", "split the file")
        path = self.path()
        if not self.frames:
            self.tree = value
        elif isinstance(container := self.frames[-1].container, list):
            container.append(value)
        else:
            key = self.frames[-1].key
            if key is None:
                raise refuse(
                    "has a key that is no text", "write the key as a text", line=_line(event)
                )
            container[key] = value
            self.frames[-1].key = None
            return path
        self.lines[path] = _line(event)
        return path

    def path(self) -> str:
        if not self.frames:
            return ""
        frame = self.frames[-1]
        if isinstance(frame.container, list):
            return join(frame.path, len(frame.container))
        return join(frame.path, frame.key or "")

    def report(self, text: str, cure: str, event: Event, path: str | None = None) -> None:
        place = self.path() if path is None else path
        self.problems.append(Problem(place, text, cure, _line(event)))
        if len(self.problems) > MOST_PROBLEMS:
            raise Refused(self.problems)


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 1


def _resolve(text: str) -> object:
    """Read a plain scalar: null, a switch, a number or else a text."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    # Dots before inf and nan are YAML's own; the digits of thousands are not matched for long.
    return number(text) if _NUMBER.fullmatch(text) else text
