"""`tally.provider_events`: what a provider tells, kept once and read in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app import inbox
from tallystick.app.inbox_appliers import APPLIERS
from tallystick.app.inbox_apply import Room
from tallystick.app.inbox_run import ReadObjects, read_objects
from tallystick.core.given import whole_at
from tallystick.core.period import instant
from tallystick.core.property import shown
from tallystick.core.text import refused_at
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.inbox_apply import Applier
    from tallystick.core.page import Page
    from tallystick.core.provider_event import EventState, ProviderEvent
    from tallystick.ports import EventSource
    from tallystick.wiring import Tallystick

__all__ = ["ProviderEvents"]

_LARGEST: Final = 4_194_304
_LONGEST_KEPT: Final = 3_650  # days


class ProviderEvents:
    """The inbox of one ledger: events of its provider, and what is made of them.

    An event is kept in one short transaction and changes nothing by itself: `tallystick worker`
    asks the provider for what it tells of, and applies what is newer than what is held.
    """

    def __init__(self, tally: Tallystick, appliers: Mapping[str, Applier] = APPLIERS) -> None:
        """Stand on a ledger; `appliers` make something of an object, by its kind."""
        self._tally, self._appliers = tally, appliers

    def receive(
        self,
        body: bytes,
        signature: str | None,
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> ProviderEvent:
        """Verify what a provider sent, on its bytes as they came, and keep it; give it.

        `signature` is the header of that name.  One that came before changes nothing.

        Raises BadRequest for what is not verified or is no event, and for more than 4 MiB;
        SetupError where no events are expected; StorageUnavailable.
        """
        source = self._source()
        if not isinstance(body, bytes):
            raise refused_at("body", f"is the bytes that were sent, not {shown(body)}")
        if len(body) > _LARGEST:
            raise refused_at("body", f"is longer than {_LARGEST} bytes")
        moment = instant(self._tally.clock.now() if at is None else at)
        event = source.read(body, signature, moment)
        return self._tally.act(
            lambda unit, _: inbox.receive_event(unit, source.account, event, self._appliers),
            connection=connection,
            at=moment,
            repeatable=True,
        )

    def run(
        self,
        at: datetime | None = None,
        *,
        limit: int | None = None,
        stop: Callable[[], bool] = bool,
    ) -> ReadObjects:
        """Ask for everything that events told of and is due; a second run changes nothing.

        `limit` is the most to ask for.  Any number of processes may do so at once.  Where no events
        are expected, nothing is due.

        Raises StorageUnavailable, InvalidInput.
        """
        most = None if limit is None else whole_at(limit, "limit")
        source = self._tally.event_source
        if source is None:
            return ReadObjects()
        moment = None if at is None else instant(at)
        tally = self._tally
        room = Room(tally.storage, tally.providers, source)
        return read_objects(
            room,
            source,
            self._appliers,
            lambda: instant(self._tally.clock.now()) if moment is None else moment,
            limit=most,
            stop=stop,
        )

    def replay(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> ProviderEvent:
        """Let what an event tells of be asked for again, whatever came of it before; give it.

        Raises NotFound; Conflict for one of another account or mode, or of which nothing is made;
        SetupError where no events are expected.
        """
        account = self._source().account
        return self._tally.act(
            lambda unit, at: inbox.replay_event(unit, at, account, id, self._appliers),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def prune(self, days: int = 90, *, at: datetime | None = None) -> int:
        """Remove events that came more than so many days ago and wait for nothing; count them.

        What they told of stays as it is, and one that comes again has no other effect.

        Raises InvalidInput for less than 4 days, as a provider sends an event for up to three, and
        for more than ten years.
        """
        kept = whole_at(days, "days")
        if not 4 <= kept <= _LONGEST_KEPT:  # noqa: PLR2004 - more than a provider's three
            raise refused_at("days", f"is from 4 to {_LONGEST_KEPT}, not {kept}")
        moment = instant(self._tally.clock.now() if at is None else at)
        before = moment - timedelta(days=kept)
        total = 0
        while removed := self._tally.act(
            lambda unit, _: inbox.prune_events(unit, before), at=moment
        ):
            total += removed
        return total

    # --- finding --------------------------------------------------------------------------------

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> ProviderEvent:
        """Give an event by its id.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: inbox.get_event(unit, id), connection=connection, reading=True
        )

    def list(
        self,
        *,
        state: EventState | None = None,
        type: str | None = None,  # noqa: A002 - the field's word
        object_id: str | None = None,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[ProviderEvent]:
        """Give a page of events, the last received first: 1 to 100 of them.

        Raises InvalidInput, NotFound for `starting_after`.
        """
        return self._tally.act(
            lambda unit, _: inbox.list_events(
                unit,
                state=state,
                type_=type,
                object_id=object_id,
                limit=limit,
                starting_after=starting_after,
            ),
            connection=connection,
            reading=True,
        )

    def _source(self) -> EventSource:
        if self._tally.event_source is None:
            raise SetupError(
                "no events of a provider are expected here: set TALLYSTICK_STRIPE_WEBHOOK_SECRETS,"
                " or give Tallystick an event_source"
            )
        return self._tally.event_source
