"""When a figure that came is the figure that was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeGuard
from zoneinfo import ZoneInfo

from tallystick.testing.conformance.outcome import plain_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

__all__ = ["Figures", "zone_of"]

_NUMBER: Final = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?", re.ASCII)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].+)?", re.ASCII)
_ABSENT: Final = object()
# A schedule has no end: a case states as much of it as it likes.
_ENDLESS: Final = frozenset({"boundaries"})


def zone_of(name: object) -> tzinfo:
    """Give the zone in which a case writes its wall times; UTC where it names none we know."""
    try:
        return ZoneInfo(name) if isinstance(name, str) else UTC
    except (OSError, ValueError, LookupError):
        return UTC


@dataclass(frozen=True, slots=True)
class Figures:
    """Compare figures by what they mean; `zone` is that of wall times."""

    zone: tzinfo = UTC

    def differences(
        self, expected: Mapping[str, object], got: Mapping[str, object], path: str = ""
    ) -> list[str]:
        """Say in words where `got` is not what was expected; keys beyond `expected` are ignored."""
        found: list[str] = []
        for key, wanted in expected.items():
            came = got.get(key, _ABSENT)
            if key in _ENDLESS and _is_list(wanted) and _is_list(came):
                came = came[: len(wanted)]
            if not self._same_entry(key, wanted, came):
                shown = "nothing" if came is _ABSENT else repr(plain_value(came))
                found.append(f"{path}{key}: expected {plain_value(wanted)!r}, got {shown}")
        return found

    def _same_entry(self, key: str, wanted: object, came: object) -> bool:
        if wanted is None:
            return came is None or came is _ABSENT
        if key == "expected_lines":
            return self._same_lines(wanted, came)
        return self.same(wanted, came)

    def same(self, wanted: object, came: object) -> bool:
        """Tell whether two figures mean the same."""
        if isinstance(wanted, bool) or isinstance(came, bool):
            return wanted is came
        if isinstance(wanted, Mapping):
            return isinstance(came, Mapping) and not self.differences(wanted, came)
        if _is_list(wanted):
            return _is_list(came) and len(wanted) == len(came) and all(map(self.same, wanted, came))
        if wanted is None or came is None:
            return wanted is came
        return self._same_leaf(wanted, came)

    def _same_leaf(self, wanted: object, came: object) -> bool:
        left, right = _number(wanted), _number(came)
        if left is not None and right is not None:
            return left == right
        first, second = _moment(wanted), _moment(came)
        if first is not None and second is not None:
            return self._same_moment(first, second)
        return type(wanted) is type(came) and wanted == came

    def _same_moment(self, first: datetime, second: datetime) -> bool:
        if (first.tzinfo is None) == (second.tzinfo is None):
            return first == second
        return self._instant(first) == self._instant(second)

    def _instant(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self.zone)

    def _same_lines(self, wanted: object, came: object) -> bool:
        """Match lines one to one, in any order, by their figures alone.

        Some engines list a line of nothing and some do not: it is no figure.
        """
        if not _is_list(wanted) or not _is_list(came):
            return False
        wanted, came = (tuple(each for each in lines if _weighs(each)) for lines in (wanted, came))
        if len(wanted) != len(came):
            return False
        taken: dict[int, int] = {}
        return all(self._place(wanted, came, i, taken, set()) for i in range(len(wanted)))

    def _place(
        self,
        wanted: Sequence[object],
        came: Sequence[object],
        line: int,
        taken: dict[int, int],
        tried: set[int],
    ) -> bool:
        for other in range(len(came)):
            if other in tried or not self.same(_figures(wanted[line]), came[other]):
                continue
            tried.add(other)
            if other not in taken or self._place(wanted, came, taken[other], taken, tried):
                taken[other] = line
                return True
        return False


def _figures(line: object) -> object:
    if not isinstance(line, Mapping):
        return line
    return {key: value for key, value in line.items() if key != "description"}


def _weighs(line: object) -> bool:
    """Whether a line has any amount at all."""
    amounts = _figures(line)
    if not isinstance(amounts, Mapping):
        return True
    return not amounts or any(_number(amount) != 0 for amount in amounts.values())


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def _number(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
