"""`tally.subscriptions`: what customers have, its moves, what is to come.

Every move has a preview with the same signature, by the same code: `tally.subscriptions.preview`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tallystick.app.foresight import preview_of, to_come
from tallystick.app.subscription import (
    get_subscription,
    list_subscriptions,
    make_move,
    start_subscription,
)
from tallystick.app.subscription_terms import (
    Asked,
    cancel_of,
    change_of,
    pause_of,
    start_of,
    terms_of,
)
from tallystick.core.given import ids_at, whole_at
from tallystick.core.move import Keep, Lapse, Recover, Resume, Unplan
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.foresight import Foreseen, ToCome
    from tallystick.app.subscription import Made, MoveMaker
    from tallystick.core.move import AddOn, Billing, Move, Phase, Proration
    from tallystick.core.page import Page
    from tallystick.core.period import Instant
    from tallystick.core.subscription import AfterTrial, PauseMode, Subscription
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["Moves", "Subscriptions"]

R_co = TypeVar("R_co", covariant=True)


class _Act(Protocol[R_co]):
    """How an act is run: made, or only looked at."""

    def __call__(
        self,
        act: Callable[[Unit, Instant], Made],
        *,
        at: datetime | None,
        connection: Connection | Session | None,
        repeatable: bool,
    ) -> R_co: ...


class Moves(Generic[R_co]):
    """The moves of subscriptions.

    `when` is `now`, `period_end` or a time with its zone; where it is left out, an upgrade is now
    and a downgrade at the end of the period.  With an `idempotency_key` a repeat gives what the
    first call made.  `customer` is an optional lock: another customer's subscription is not found.
    """

    def __init__(self, tally: Tallystick, run: _Act[R_co]) -> None:
        """Stand on a ledger, with a way to run acts."""
        self._tally = tally
        self._run = run

    def start(  # noqa: PLR0913 - each of these is one fact of a subscription
        self,
        customer: str,
        plan: str,
        *,
        currency: str | None = None,
        seats: int = 1,
        add_ons: Iterable[str | tuple[str, int] | AddOn] | Mapping[str, int] = (),
        trial_days: int | None = None,
        after_trial: AfterTrial = "active",
        starts_at: datetime | str | None = None,
        paid_until: datetime | str | None = None,
        ends_at: datetime | str | None = None,
        billing: Billing = "anniversary",
        anchor: datetime | str | None = None,
        phases: Iterable[Phase | Mapping[str, Any]] = (),
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        coupons: Iterable[str] = (),
        net_days: int | None = None,
        po_number: str | None = None,
        memo: str | None = None,
        identities: Iterable[str] = (),
        id: str | None = None,  # noqa: A002 - the field's word
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Put a customer on a plan: `"pro"` is its newest published version, `"pro@1"` that one.

        Its `currency` is one that the plan is sold in: not said, the customer's, else the plan's
        own.  The group is the plan's, the time zone is the customer's.  `trial_days` are given
        once to a customer and to each of the `identities`; `after_trial` is what comes then.  Not
        said, they are the plan's, but for who had a trial already; 0 is no trial.
        `starts_at` may lie in the past or the future; `paid_until` is for one that ran elsewhere.
        `billing="calendar"` counts periods from the first day of a month.  `phases` are as
        `{"periods": 3, "percent_off": "50"}`, `overrides` as `{"pro": {"cost": "5.00"}}`.
        `coupons` are codes as they were typed; they act after those that come with the plan.

        Raises NotFound, UnknownPlan, CurrencyMismatch; InvalidInput; CouponRefused; Conflict where
        the plan is not offered, its group has a live subscription, or a trial was given before.
        """
        own = {"overrides": overrides, "phases": phases}
        asked = Asked(plan=plan, currency=currency, seats=seats, add=add_ons, **own)
        times = {"starts_at": starts_at, "paid_until": paid_until, "ends_at": ends_at}
        trial = {"trial_days": trial_days, "after_trial": after_trial}
        terms = terms_of(net_days, po_number, memo)
        said = {**times, **trial, "billing": billing, "anchor": anchor, "terms": terms}
        codes = {"coupons": coupons}
        key = self._tally.ids.new("sub") if id is None else id
        names = ids_at(identities, "identities")
        move = partial(start_of, asked=asked, said=said | codes, identities=names)
        return self._run(
            lambda unit, at: start_subscription(
                unit, at, key, move, customer_id=customer, identities=names, key=idempotency_key
            ),
            at=at,
            connection=connection,
            repeatable=id is not None and idempotency_key is not None,
        )

    def change(  # noqa: PLR0913 - each of these is one thing to change
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        plan: str | None = None,
        seats: int | None = None,
        add: Iterable[str | tuple[str, int] | AddOn] | Mapping[str, int] = (),
        remove: Iterable[str] = (),
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        when: datetime | str | None = None,
        proration: Proration | None = None,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Have another plan, other seats, add-ons (`add` sets their seats too) or prices.

        Raises NotFound, UnknownPlan, CurrencyMismatch; InvalidInput; Conflict.
        """
        asked = Asked(
            plan=plan,
            seats=seats,
            add=tuple(add.items()) if hasattr(add, "items") else add,
            remove=remove,
            overrides=overrides,
        )
        return self._move(
            id,
            lambda unit, _, before: change_of(unit, asked, when, proration, before),
            customer,
            idempotency_key,
            at,
            connection,
        )

    def pause(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        mode: PauseMode = "keep",
        resumes_at: datetime | str | None = None,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Stop for a while, unbilled: `keep` leaves the boundaries, `extend` moves them on.

        Raises NotFound, InvalidInput, Conflict.
        """
        move = pause_of(mode, resumes_at)
        return self._move(id, move, customer, idempotency_key, at, connection)

    def resume(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Go on after a pause.  Raises NotFound, Conflict."""
        return self._move(id, Resume(), customer, idempotency_key, at, connection)

    def cancel(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        when: datetime | str | None = None,
        credit: bool = False,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """End it: at the end of the period unless you say; `credit` gives the unused rest back.

        Raises NotFound, InvalidInput, Conflict.
        """
        move = cancel_of(when, credit=credit)
        return self._move(id, move, customer, idempotency_key, at, connection)

    def keep(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Take a cancellation back that has not come true yet.  Raises NotFound, Conflict."""
        return self._move(id, Keep(), customer, idempotency_key, at, connection)

    def unplan(
        self,
        id: str,  # noqa: A002 - the field's word
        number: int,
        *,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Take a planned change back, by its number (`schedule` tells it).

        Raises NotFound, Conflict.
        """
        move = Unplan(number=whole_at(number, "number"))
        return self._move(id, move, customer, idempotency_key, at, connection)

    def lapse(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Note that an invoice was not paid in time: it is past due.  NotFound, Conflict."""
        return self._move(id, Lapse(), customer, idempotency_key, at, connection)

    def recover(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> R_co:
        """Note that what was not paid has been: it is active again.  NotFound, Conflict."""
        return self._move(id, Recover(), customer, idempotency_key, at, connection)

    def _move(  # noqa: PLR0917 - what every move is given
        self,
        id_: str,
        move: Move | MoveMaker,
        customer: str | None,
        key: str | None,
        at: datetime | None,
        connection: Connection | Session | None,
    ) -> R_co:
        return self._run(
            lambda unit, at: make_move(unit, at, id_, move, customer_id=customer, key=key),
            at=at,
            connection=connection,
            repeatable=key is not None,
        )


class Subscriptions(Moves["Made"]):
    """The subscriptions of one ledger.

    Every call takes the host's `connection`, in whose transaction it then works.  What a provider
    bills (`biller`) is changed there, which no host's transaction can hold: leave it out then.
    `preview` has the same moves, and changes nothing: each gives the documents that the act would
    make.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        super().__init__(tally, self._made)
        self.preview: Moves[Foreseen] = Moves(tally, self._looked_at)

    def _move(  # noqa: PLR0917 - what every move is given
        self,
        id_: str,
        move: Move | MoveMaker,
        customer: str | None,
        key: str | None,
        at: datetime | None,
        connection: Connection | Session | None,
    ) -> Made:
        """Make a move; of what a provider bills, the provider is asked for it."""
        try:
            return super()._move(id_, move, customer, key, at, connection)
        except Conflict as refused:
            if connection is not None or refused.data.get("biller") != "provider":
                raise
        return self._tally.mirrors.ask(id_, move, customer=customer, idempotency_key=key, at=at)

    def _made(
        self,
        act: Callable[[Unit, Instant], Made],
        *,
        at: datetime | None,
        connection: Connection | Session | None,
        repeatable: bool,
    ) -> Made:
        return self._tally.act(act, at=at, connection=connection, repeatable=repeatable)

    def _looked_at(
        self,
        act: Callable[[Unit, Instant], Made],
        *,
        at: datetime | None,
        connection: Connection | Session | None,
        repeatable: bool,  # noqa: ARG002 - looking can always be repeated
    ) -> Foreseen:
        return self._tally.act(
            lambda unit, at: preview_of(unit, lambda: act(unit, at)),
            at=at,
            connection=connection,
            repeatable=True,
        )

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Subscription:
        """Give a subscription.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: get_subscription(unit, id, customer_id=customer),
            connection=connection,
            reading=True,
        )

    def list(
        self,
        *,
        customer: str | None = None,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[Subscription]:
        """Give a page of subscriptions in the order of their ids: 1 to 100 of them.

        Raises InvalidInput, NotFound for the customer.
        """
        return self._tally.act(
            lambda unit, _: list_subscriptions(
                unit, customer_id=customer, limit=limit, starting_after=starting_after
            ),
            connection=connection,
            reading=True,
        )

    def schedule(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> tuple[ToCome, ...]:
        """List what will happen by itself: the next renewal, planned changes, an end.

        Raises NotFound.
        """
        return self._tally.act(
            lambda unit, _: to_come(unit, id), connection=connection, reading=True
        )
