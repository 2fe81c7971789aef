"""`tally.check`, `use`, `reserve`, `set`: what a customer may do now, and limits that hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.app import gate, reservation
from tallystick.app.answers import answers
from tallystick.app.turn import Wish
from tallystick.core.number import ZERO, quantity_of
from tallystick.core.period import FIRST_YEAR, LAST_YEAR, instant, parse_instant
from tallystick.core.text import id_at, refused_at
from tallystick.errors import InvalidPeriod, StorageUnavailable
from tallystick.facade.from_memory import FromMemory, length_of
from tallystick.facade.keys import Key
from tallystick.facade.offline import check_without
from tallystick.facade.questions import Count, own_count, question_of, questions_of
from tallystick.facade.reservation import Quantity, Reservation, reservation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta
    from decimal import Decimal

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.entitlement import Asked
    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Gate"]

_Host: TypeAlias = "Connection | Session | None"

_HELD: Final = 60  # seconds
_MOST_QUESTIONS: Final = 20_000


class Gate(FromMemory[Key]):
    """What a ledger answers to "may they, now?", and how limits are used.

    A customer needs no row of their own: whoever has no subscription has the ledger's
    `default_plan`.  Every call takes the host's `connection`, in whose transaction it then works.
    """

    # --- asking -----------------------------------------------------------------------------------

    def check(
        self,
        customer: str,
        feature: Key,
        requested: Quantity = 1,
        *,
        at: datetime | str | None = None,
        used: Count = None,
        plan: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Access:
        """Whether a customer may use so much of a feature, now or at an instant; changes nothing.

        `used` is your own count, a number or what gives one; without it, it is what the events of
        the feature's meter come to.  `plan` names the plan where you keep it yourself.  An answer
        is a value, also where it is no; where the database does not answer it is no, with the
        reason `dependency_away`.

        Raises InvalidInput, InvalidUsage, InvalidPeriod.
        """
        one = question_of(customer, feature, requested, used)
        try:
            (answer,) = self._answers([one], at, plan, connection)
        except StorageUnavailable:
            if connection is not None:
                raise
            return check_without(self._tally().offline, one, plan)
        return answer

    def check_many(
        self,
        asked: Iterable[tuple[str, Key] | tuple[str, Key, Quantity]],
        *,
        at: datetime | str | None = None,
        connection: Connection | Session | None = None,
    ) -> tuple[Access, ...]:
        """Answer many questions, each `(customer, feature)` or with how much, in their order.

        The number of statements does not grow with them.  At most 20,000 at once.  Raises as
        `check` does.
        """
        questions = questions_of(asked)
        if len(questions) > _MOST_QUESTIONS:
            raise refused_at("asked", f"has more than {_MOST_QUESTIONS:,} questions")
        if not questions:
            return ()
        try:
            return tuple(self._answers(questions, at, None, connection))
        except StorageUnavailable:
            if connection is not None:
                raise
            return tuple(check_without(self._tally().offline, each) for each in questions)

    def check_all(
        self,
        customer: str,
        *,
        at: datetime | str | None = None,
        plan: str | None = None,
        connection: Connection | Session | None = None,
    ) -> dict[str, Access]:
        """Answer for every feature of the plans that a customer has, by key.

        Raises as `check` does; StorageUnavailable where the database does not answer.
        """
        owner, moment = id_at(customer, "customer"), _moment(at)

        def act(unit: Unit, now: Instant) -> dict[str, Access]:
            return gate.check_all(unit, moment or now, now, owner, self._plans(), plan=plan)

        return self._tally().act(act, connection=connection, reading=True)

    def _answers(
        self, asked: list[Asked], at: datetime | str | None, plan: str | None, host: _Host
    ) -> list[Access]:
        moment, shelf = _moment(at), self._plans()
        offline = None if host is not None else self._tally().offline

        def ask() -> list[Access]:
            return self._tally().act(
                lambda unit, now: answers(unit, moment or now, now, asked, shelf, plan=plan),
                connection=host,
                reading=True,
            )

        return ask() if offline is None else offline.asked(ask)

    # --- using ------------------------------------------------------------------------------------

    def use(  # noqa: PLR0913 - each of these is one fact of a use
        self,
        customer: str,
        feature: Key,
        quantity: Quantity = 1,
        *,
        idempotency_key: str | None = None,
        at: datetime | str | None = None,
        used: Count = None,
        plan: str | None = None,
        properties: Mapping[str, object] | None = None,
        connection: Connection | Session | None = None,
    ) -> Access:
        """Use so much: check and record in one transaction; give what is left then.

        One usage event of the feature's meter is written, which is the count and the bill.  With
        an `idempotency_key` the same call again counts nothing more.  A denied use changes nothing.

        Raises QuotaExceeded at a limit; AccessDenied where the plan does not include it;
        PaymentNeeded where none does before something is paid; UnknownPlan; InvalidInput,
        InvalidUsage, InvalidPeriod; Conflict for a key that names another use; StorageUnavailable.
        """
        wish = self._wish(customer, feature, quantity, idempotency_key, at, used, plan, properties)
        shelf = self._plans()
        offline = None if connection is not None else self._tally().offline

        def ask() -> Access:
            return self._tally().act(
                lambda unit, now: gate.use(unit, now, wish, shelf),
                connection=connection,
                repeatable=True,  # by the id of its event
            )

        return ask() if offline is None else offline.instead(wish, ask, offline.use)

    def set(
        self,
        customer: str,
        feature: Key,
        value: Quantity,
        *,
        idempotency_key: str | None = None,
        plan: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Access:
        """Say how much of a gauge exists now: projects, bytes; give what is left.

        What exists is not denied: where it is more than the limit, the answer says so.

        Raises InvalidInput for what is no gauge; as `use` where the plan does not include it.
        """
        wish = self._wish(
            customer, feature, value, idempotency_key, None, None, plan, None, least=ZERO
        )
        shelf = self._plans()
        return self._tally().act(
            lambda unit, now: gate.set_level(unit, now, wish, shelf),
            connection=connection,
            repeatable=True,
        )

    def give_back(
        self,
        customer: str,
        feature: Key,
        quantity: Quantity = 1,
        *,
        idempotency_key: str | None = None,
        plan: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Access:
        """Say that so much of a gauge exists no more, as a project that was deleted.

        It never falls below nothing.  Raises as `set` does.
        """
        wish = self._wish(customer, feature, quantity, idempotency_key, None, None, plan, None)
        shelf = self._plans()
        return self._tally().act(
            lambda unit, now: gate.set_level(unit, now, wish, shelf, less=True),
            connection=connection,
            repeatable=True,
        )

    # --- reserving --------------------------------------------------------------------------------

    def reserve(  # noqa: PLR0913 - each of these is one fact of a reservation
        self,
        customer: str,
        feature: Key,
        quantity: Quantity = 1,
        *,
        expires_in: timedelta | int = _HELD,
        idempotency_key: str | None = None,
        used: Count = None,
        plan: str | None = None,
        properties: Mapping[str, object] | None = None,
        connection: Connection | Session | None = None,
    ) -> Reservation:
        """Hold so much, before it is known whether it will be used.

        It counts against the limit until it is committed or released, or `expires_in` is over:
        seconds or a timedelta, at most 7 days.  The same `idempotency_key` again, which is its id
        then, gives the same reservation.

        Raises as `use` does.
        """
        held = length_of(expires_in)
        wish = self._wish(
            customer,
            feature,
            quantity,
            idempotency_key,
            None,
            used,
            plan,
            properties,
            prefix="rsv",
        )
        shelf = self._plans()
        offline = None if connection is not None else self._tally().offline

        def ask() -> Reservation:
            row, access = self._tally().act(
                lambda unit, now: reservation.reserve(unit, now, wish, now + held, shelf),
                connection=connection,
                repeatable=True,
            )
            return reservation_of(self, row, access)

        if offline is None:
            return ask()
        return offline.instead(wish, ask, partial(offline.reserve, self, held))

    def commit(
        self,
        customer: str,
        id: str,  # noqa: A002 - the field's word
        token: int,
        *,
        actual: Quantity | None = None,
        connection: Connection | Session | None = None,
    ) -> Access:
        """Commit a reservation by its id and token: see `Reservation.commit`.

        Raises NotFound, ReservationOver, QuotaExceeded.
        """
        size = None if actual is None else quantity_of(actual, "actual")
        offline = self._tally().offline
        if offline is not None and connection is None and offline.holds(customer, id):
            return offline.commit(customer, id, token, size)
        wish = Wish(
            id=id_at(id, "id"), customer=id_at(customer, "customer"), feature="", quantity=ZERO
        )
        shelf = self._plans()
        return self._tally().act(
            lambda unit, now: reservation.commit(unit, now, wish, token, size, shelf),
            connection=connection,
            repeatable=True,
        )

    def release(
        self,
        customer: str,
        id: str,  # noqa: A002 - the field's word
        token: int,
        *,
        connection: Connection | Session | None = None,
    ) -> None:
        """Release a reservation by its id and token: see `Reservation.release`.

        Raises NotFound, ReservationOver.
        """
        owner, key = id_at(customer, "customer"), id_at(id, "id")
        offline = self._tally().offline
        if offline is not None and connection is None and offline.holds(owner, key):
            offline.release(owner, key, token)
            return
        self._tally().act(
            lambda unit, now: reservation.release(unit, now, owner, key, token),
            connection=connection,
            repeatable=True,
        )

    # --- what was given ---------------------------------------------------------------------------

    def _wish(  # noqa: PLR0913, PLR0917 - each of these is one fact of a use
        self,
        customer: str,
        feature: str,
        quantity: Quantity,
        key: str | None,
        at: datetime | str | None,
        used: Count,
        plan: str | None,
        properties: Mapping[str, object] | None,
        *,
        least: Decimal | None = None,
        prefix: Literal["use", "rsv"] = "use",
    ) -> Wish:
        size = quantity_of(quantity)
        if least is None and not size:
            raise refused_at("quantity", "must be more than nothing")
        return Wish(
            id=self._tally().ids.new(prefix) if key is None else id_at(key, "idempotency_key"),
            customer=id_at(customer, "customer"),
            feature=id_at(feature, "feature"),
            quantity=size,
            at=_moment(at),
            used=own_count(used),
            plan=None if plan is None else id_at(plan, "plan"),
            properties=properties,
        )


def _moment(at: object) -> Instant | None:
    if at is None:
        return None
    if isinstance(at, str):
        return parse_instant(at)
    moment = instant(at)  # type: ignore[arg-type]  # what is no time is refused there
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidPeriod(f"{moment.isoformat()} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return moment
