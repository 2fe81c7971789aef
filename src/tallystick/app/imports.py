"""Taking the events of a file into the ledger: in batches, each line with its fate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.app.usage import Recorded, Rejection, Status
from tallystick.core.event import parse_each
from tallystick.core.reading import check_event
from tallystick.errors import InvalidUsage, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.files.events import EventLine

__all__ = ["BadLine", "Imported", "import_lines", "tried"]

_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a file that was not stored, and why.  `event` is what it said, as far as read."""

    file: str
    line: int
    code: str
    message: str
    event: object = None


@dataclass(slots=True)
class Imported:
    """What became of the lines of files so far.

    `late` are accepted, and left out by some meter that takes nothing so old.
    """

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    late: int = 0


def import_lines(
    name: str,
    lines: Iterable[EventLine],
    record_many: Callable[[list[object]], Recorded],
    *,
    bad: Callable[[BadLine], None],
    done: Callable[[Imported], None],
    into: Imported,
) -> None:
    """Record the events of a file, a thousand in a transaction.

    `bad` is told of each line that is not stored, `done` after each batch.  Interrupted, it may
    be run again: what is stored already is a duplicate, and changes nothing.
    """
    for some in _batches(lines):
        recorded = record_many([_item(each) for each in some])
        for each in recorded.rejected:
            line = some[each.index]
            bad(BadLine(name, line.line, each.code, each.message, line.tree))
        into.read += len(some)
        into.accepted += recorded.accepted
        into.duplicates += recorded.duplicates
        into.rejected += len(recorded.rejected)
        into.late += len(recorded.late)
        done(into)


def tried(items: list[object], meters: Mapping[str, Meter], at: Instant) -> Recorded:
    """Tell what would be refused of some events by themselves; stores nothing.

    Nobody looks at what is stored: an id that is taken, or the target of a correction.
    """
    rejected: list[Rejection] = []
    statuses: list[Status] = []
    good = [{} if isinstance(item, RuleError) else item for item in items]
    for index, (item, event) in enumerate(
        zip(items, parse_each(good, received_at=at), strict=True)
    ):
        refused = item if isinstance(item, RuleError) else _refusal(event, meters)
        statuses.append("accepted" if refused is None else "rejected")
        if refused is not None:
            rejected.append(Rejection(index, refused))
    return Recorded(tuple(statuses), tuple(rejected))


def _refusal(event: UsageEvent | InvalidUsage, meters: Mapping[str, Meter]) -> RuleError | None:
    if isinstance(event, InvalidUsage):
        return event
    try:
        if event.kind == "use":
            check_event(event, meters.values())
    except InvalidUsage as refused:
        return refused
    return None


def _item(line: EventLine) -> object:
    return line.tree if line.fault is None else InvalidUsage(line.fault)


def _batches(lines: Iterable[EventLine]) -> Iterator[list[EventLine]]:
    waiting = iter(lines)
    while some := list(islice(waiting, _BATCH)):
        yield some
