"""`tally.payments`: money that providers collect and give back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app import intents
from tallystick.app.collecting import begin_collections
from tallystick.app.intent_book import retry_intent
from tallystick.app.intent_run import Finished, finish_intent, finish_intents
from tallystick.core.given import whole_at
from tallystick.core.intent import LIVE
from tallystick.core.period import instant
from tallystick.errors import Conflict
from tallystick.providers.known import provider_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.intent import Intent, IntentState
    from tallystick.core.money import Money
    from tallystick.core.page import Page
    from tallystick.core.period import Instant
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["Payments"]


class Payments:
    """The intents of one ledger: what its providers are asked for, and what they answered.

    An intent is stored before its provider is asked; `tallystick worker` goes on with those that a
    crash or a silence left.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    # --- asking ---------------------------------------------------------------------------------

    def collect(
        self,
        invoice: str,
        amount: Money | str | None = None,
        *,
        provider: str,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Intent:
        """Have a provider collect an invoice, a part of it or all that is left; give the intent.

        It is asked at once; where it is silent the intent stays `open`, and a worker asks again.
        In a host's transaction it is only stored, for the worker.

        Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less is left to be paid, or
        it is being collected already.
        """
        asked = self._provider(provider)
        id_ = self._tally.ids.new("int")

        def begin(unit: Unit, at: Instant) -> Intent:
            return intents.begin_collect(unit, at, asked, invoice, amount, id_, idempotency_key)

        return self._begun(begin, asked, idempotency_key, at, connection)

    def refund(
        self,
        id: str,  # noqa: A002 - the field's word
        amount: Money | str | None = None,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Intent:
        """Have a provider give back what it collected by an intent, or a part of it.

        What credit notes did not give back before gets one once the money went back.

        Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less of it is left, or the
        provider declares no refunds.
        """
        new = self._tally.ids.new("int")

        def begin(unit: Unit, at: Instant) -> Intent:
            of = intents.get_intent(unit, id)
            asked = self._provider(of.provider)
            return intents.begin_refund(unit, at, asked, of, amount, new, idempotency_key, reason)

        return self._begun(begin, None, idempotency_key, at, connection)

    def run(
        self,
        at: datetime | None = None,
        *,
        limit: int | None = None,
        stop: Callable[[], bool] = bool,
    ) -> Finished:
        """Begin to collect what is due, and go on with every intent that is due.

        What is due are the open invoices of customers who name a `provider`: each once, and once
        more after each step of dunning.  A second run changes nothing.  `limit` is the most to
        begin, and to go on with.  Any number of processes may do so at once.

        Raises StorageUnavailable, InvalidInput.
        """
        most = None if limit is None else whole_at(limit, "limit")
        providers, now = self._tally.providers.values(), self._now(at)
        storage = self._tally.storage
        begun = begin_collections(storage, providers, self._tally.ids, now, most, stop)
        return replace(finish_intents(storage, providers, now, most, stop), begun=begun)

    # --- by hand --------------------------------------------------------------------------------

    def confirm(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        method: str = "bank",
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Intent:
        """Say that the money of an intent was seen, at a provider where a person says so.

        Raises NotFound; InvalidInput; Conflict where the provider says itself what was paid.
        """

        def confirm(unit: Unit, at: Instant) -> Intent:
            found = intents.get_intent(unit, id)
            provider = self._provider(found.provider)
            return intents.confirm_intent(unit, at, provider, found, method)

        return self._tally.act(confirm, connection=connection, at=at, repeatable=True)

    def cancel(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
    ) -> Intent:
        """Give up an intent that was never sent, or that waits for someone to pay.

        Gives it as it is then: where it was paid meanwhile, that is booked.

        Raises NotFound; Conflict where it is over, or was sent and has no answer yet.
        """
        found = self.get(id)
        if found.state != "waiting":
            return self._tally.act(
                lambda unit, at: intents.cancel_intent(unit, at, found), at=at, repeatable=True
            )
        provider = self._provider(found.provider)
        storage = self._tally.storage
        done = finish_intent(storage, provider, self._now(at), found.id, cancel=True)
        if done is None or done.state in LIVE:
            raise Conflict(f"{found.id!r} could not be canceled now: try again later")
        return done

    def retry(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Intent:
        """Go on with an intent that was set aside, once its reason is cured.

        Raises NotFound where it is not set aside; Conflict where the books still refuse it.
        """
        return self._tally.act(
            lambda unit, at: retry_intent(unit, at, intents.get_intent(unit, id)),
            connection=connection,
            at=at,
        )

    # --- finding --------------------------------------------------------------------------------

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> Intent:
        """Give an intent as it stands.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: intents.get_intent(unit, id), connection=connection, reading=True
        )

    def list(
        self,
        *,
        customer: str | None = None,
        invoice: str | None = None,
        state: IntentState | None = None,
        set_aside: bool = False,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[Intent]:
        """Give a page of intents in the order of their ids: 1 to 100 of them.

        Raises InvalidInput, NotFound for the customer or the invoice.
        """
        return self._tally.act(
            lambda unit, _: intents.list_intents(
                unit,
                customer=customer,
                invoice=invoice,
                state=state,
                set_aside=set_aside,
                limit=limit,
                starting_after=starting_after,
            ),
            connection=connection,
            reading=True,
        )

    # --- shared ---------------------------------------------------------------------------------

    def _begun(
        self,
        begin: Callable[[Unit, Instant], Intent],
        provider: Provider | None,
        key: str | None,
        at: datetime | None,
        connection: Connection | Session | None,
    ) -> Intent:
        """Store an intent, and ask for it at once where the transaction was ours."""
        intent = self._tally.act(begin, connection=connection, at=at, repeatable=key is not None)
        if connection is not None or intent.attempts or intent.state != "open":
            return intent
        asked = self._provider(intent.provider) if provider is None else provider
        done = finish_intent(self._tally.storage, asked, self._now(at), intent.id)
        return self.get(intent.id) if done is None else done

    def _now(self, at: datetime | None) -> Callable[[], Instant]:
        if at is None:
            return lambda: instant(self._tally.clock.now())
        moment = instant(at)
        return lambda: moment

    def _provider(self, name: str) -> Provider:
        return provider_named(self._tally.providers, name)
