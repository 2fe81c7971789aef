"""What came of a case, and what came of all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from tallystick.core.number import plain

__all__ = ["CaseResult", "NotApplicable", "Report", "Status", "plain_value"]

Status: TypeAlias = Literal["passed", "failed", "not_applicable"]
"""What came of a case."""


class NotApplicable(Exception):
    """Say that the engine does not know the situation a case describes; the text says why."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: what was expected, what came, and in words why it is not passed."""

    id: str
    kind: str
    status: Status
    expected: Mapping[str, Any]
    got: Mapping[str, Any] | None = None
    reason: str = ""

    def __str__(self) -> str:
        """Give the line a person reads."""
        return f"{self.status.replace('_', ' ')}: {self.id} ({self.kind}): {self.reason}"

    def as_json(self) -> dict[str, Any]:
        """Give the result as plain JSON values."""
        tree = {
            "id": self.id,
            "kind": self.kind,
            "status": self.status,
            "expected": plain_value(self.expected),
            "got": plain_value(self.got),
        }
        return tree | {"reason": self.reason} if self.reason else tree


@dataclass(frozen=True, slots=True)
class Report:
    """The results in the order of the cases."""

    results: tuple[CaseResult, ...]
    _counts: Counter[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count once."""
        object.__setattr__(self, "_counts", Counter(result.status for result in self.results))

    @property
    def passed(self) -> int:
        """Count the cases that came out as expected."""
        return self._counts["passed"]

    @property
    def failed(self) -> int:
        """Count the cases that did not."""
        return self._counts["failed"]

    @property
    def not_applicable(self) -> int:
        """Count the cases the engine has no answer to ask for."""
        return self._counts["not_applicable"]

    @property
    def exit_code(self) -> int:
        """Give 1 where a case failed, else 0."""
        return 1 if self.failed else 0

    def lines(self) -> tuple[str, ...]:
        """Give a line for each failure, one for each reason not to apply, and the closing line."""
        failures = [str(result) for result in self.results if result.status == "failed"]
        unknown = Counter(
            (result.kind, result.reason)
            for result in self.results
            if result.status == "not_applicable"
        )
        skipped = [f"not applicable: {kind} x {n}: {why}" for (kind, why), n in unknown.items()]
        closing = (
            f"{self.passed} passed, {self.failed} failed, {self.not_applicable} not applicable"
        )
        return (*failures, *skipped, closing)

    def as_json(self) -> list[dict[str, Any]]:
        """Give one object per case, of plain JSON values."""
        return [result.as_json() for result in self.results]

    def json_lines(self) -> tuple[str, ...]:
        """Give one line of JSON per case."""
        return tuple(json.dumps(each, ensure_ascii=False) for each in self.as_json())


def plain_value(value: object) -> Any:  # noqa: ANN401 - a JSON value has no narrower type
    """Write a figure as JSON can hold it: numbers as decimal text, times as ISO 8601."""
    if isinstance(value, Decimal):
        return plain(value) if value.is_finite() else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    return str(value)
