"""`/api/v1/usage`: events in, each counted once, and exact figures out.

Storing waits for a disk, so it happens in threads of its own and never on the event loop.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from starlette.requests import ClientDisconnect

from tallystick.app.usage import Figure, Recorded, Window
from tallystick.core.event import UsageEvent, parse_event
from tallystick.core.number import plain
from tallystick.core.period import Period, instant_text, parse_instant
from tallystick.errors import (
    BadRequest,
    InvalidPeriod,
    InvalidUsage,
    StorageUnavailable,
)
from tallystick.http import decode
from tallystick.http.keyed import admit, answer, unauthorized
from tallystick.http.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from tallystick.http.decode import Form
    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["EVENTS", "USAGE", "UsageRoutes"]

EVENTS: Final = "/api/v1/usage/events"
"""Where events are sent to."""
USAGE: Final = "/api/v1/usage"
"""Where figures are read."""

R = TypeVar("R")

_MOST_WAITING: Final = 64_000_000  # bytes of the bodies that are read and not yet stored
_WORKERS: Final = {"sqlite": 1, "postgresql": 4}
_PARAMETERS: Final = ("customer", "meter", "from", "to", "group_by", "window", "as_of")
_NEEDED: Final = ("customer", "meter", "from", "to")
_LONGEST: Final = 200


class UsageRoutes:
    """The two routes over a ledger, for callers who have a key.

    Without a ledger or without a key both answer 503, so that a sender keeps what it has.
    """

    def __init__(self, tally: Tallystick | None, keys: Keys) -> None:
        """Stand on a ledger; nothing is connected to before the first request."""
        self._tally, self._keys = tally, keys
        self._waiting = 0
        workers = 1 if tally is None else _WORKERS[tally.storage.dialect]
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="tallystick-usage")

    async def record(self, request: Request) -> Response:
        """Answer `POST /api/v1/usage/events`."""
        tally = admit(request, self._tally, self._keys)
        if tally is None:
            return unauthorized()
        form = decode.form_of(request.headers.get("content-type", ""))
        try:
            body = await request.body()
        except ClientDisconnect:
            raise BadRequest("the sender went away before the body had come") from None
        if self._waiting + len(body) > _MOST_WAITING:
            raise StorageUnavailable("more is sent than can be stored at once: try again")
        self._waiting += len(body)
        try:
            encoding = request.headers.get("content-encoding", "")
            data = await self._within(lambda: _record(tally, body, form, encoding))
        finally:
            self._waiting -= len(body)
        return _answer(data)

    async def read(self, request: Request) -> Response:
        """Answer `GET /api/v1/usage`."""
        tally = admit(request, self._tally, self._keys)
        if tally is None:
            return unauthorized()
        asked = _Asked(request.query_params.multi_items())
        return _answer(await self._within(lambda: asked.answered(tally)))

    async def _within(self, act: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._workers, act)


def _answer(data: Mapping[str, Any]) -> Response:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return answer(text.encode(errors="backslashreplace"))


# --- recording ------------------------------------------------------------------------------------


def _record(tally: Tallystick, body: bytes, form: Form, encoding: str) -> dict[str, Any]:
    body = decode.inflated(body, encoding)
    alone = decode.single(body, form)
    done = _Done()
    for trees in decode.portions_of(body, form):
        at = tally.clock.now()
        recorded = tally.usage.record_many([_event(tree, at) for tree in trees])
        if alone:
            for rejection in recorded.rejected:
                raise rejection.error
        done.add(recorded)
    return done.answer()


def _event(tree: object, at: datetime) -> UsageEvent | InvalidUsage:
    """Read an event before the transaction begins, so that nobody waits for that."""
    if isinstance(tree, InvalidUsage):
        return tree
    try:
        return parse_event(tree, received_at=at)
    except InvalidUsage as refused:
        return refused


class _Done:
    """What became of the events of one request."""

    def __init__(self) -> None:
        self._count = self._accepted = self._duplicates = 0
        self._rejected: list[dict[str, object]] = []
        self._late: list[dict[str, object]] = []

    def add(self, recorded: Recorded) -> None:
        first = self._count
        self._count += len(recorded.statuses)
        self._accepted += recorded.accepted
        self._duplicates += recorded.duplicates
        self._rejected += (
            {"index": first + each.index, "code": each.code, "message": each.message}
            for each in recorded.rejected
        )
        self._late += (
            {"index": first + each.index, "meters": list(each.meters)} for each in recorded.late
        )

    def answer(self) -> dict[str, Any]:
        counts = {"accepted": self._accepted, "duplicates": self._duplicates}
        late = {"late": self._late} if self._late else {}
        return {**counts, "rejected": self._rejected, **late}


# --- reading --------------------------------------------------------------------------------------


class _Asked:
    """The question a query string asks.  Raises InvalidInput, naming each parameter."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._query = Query(pairs, known=_PARAMETERS, needed=_NEEDED, lists=("group_by",))
        start, end = self._time("from"), self._time("to")
        self._as_of = self._time("as_of")
        self._window = self._windows()
        self._query.check()
        assert start is not None  # noqa: S101 - what is needed and not wrong is there
        assert end is not None  # noqa: S101 - the same
        try:
            self._period = Period(start, end)
        except InvalidPeriod as refused:
            self._query.problem("to", f"cannot be read: {refused}")
        self._query.check()

    def _time(self, name: str) -> datetime | None:
        if name not in self._query or name in self._query.bad:
            return None
        try:
            return parse_instant(self._query.text(name)[:_LONGEST])
        except InvalidPeriod as refused:
            self._query.problem(name, f"cannot be read: {refused}")
            return None

    def _windows(self) -> Window | None:
        asked = self._query.text("window")
        known: tuple[Window, ...] = get_args(Window)
        for window in known:
            if asked == window:
                return window
        if "window" in self._query:
            self._query.problem("window", f"is one of {', '.join(known)}")
        return None

    def answered(self, tally: Tallystick) -> dict[str, Any]:
        """Ask the ledger.  Raises NotFound for a meter that there is not, InvalidInput."""
        customer, meter = self._query.text("customer"), self._query.text("meter")
        parts = (part for text in self._query.texts("group_by") for part in text.split(","))
        names = tuple(dict.fromkeys(part for part in parts if part))
        figures = tally.usage.read(
            customer,
            meter,
            self._period,
            group_by=names,
            window=self._window,
            as_of=self._as_of,
        )
        return {
            "customer": customer,
            "meter": meter,
            **_bounds(self._period),
            "figures": [_figure(each, names) for each in figures],
        }


def _figure(figure: Figure, names: Sequence[str]) -> dict[str, Any]:
    group = {"group": dict(zip(names, figure.group, strict=True))} if names else {}
    return {**_bounds(figure.period), "quantity": plain(figure.quantity), **group}


def _bounds(period: Period) -> dict[str, str]:
    return {"from": instant_text(period.start), "to": instant_text(period.end)}
