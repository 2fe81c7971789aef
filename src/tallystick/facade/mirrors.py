"""`tally.mirrors`: subscriptions that a provider bills, kept as what it says of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tallystick.app.billers import bills_of
from tallystick.app.mirror import mirror_subscription
from tallystick.app.mirror_import import import_customers, import_subscriptions, reconcile
from tallystick.app.provider_act import ActsDone, begin_act, begin_start, finish_act, finish_acts
from tallystick.app.subscription import Made
from tallystick.app.subscription_terms import Asked, start_of
from tallystick.core.given import whole_at
from tallystick.core.period import instant
from tallystick.errors import Conflict, NotFound, OutcomeUnknown
from tallystick.providers.known import provider_named
from tallystick.storage.provider_acts import act_by_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.mirror_import import Imported, Reconciled
    from tallystick.app.subscription import MoveMaker
    from tallystick.core.mirror import Mirrored
    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.core.provider_act import ProviderAct
    from tallystick.core.subscription import AfterTrial, Subscription
    from tallystick.ports import Bills, Provider
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["Mirrors"]


class Mirrors:
    """The subscriptions of one ledger that a provider bills.

    Their moves are asked for by `tally.subscriptions`, as those of any other; the provider is asked
    at once, outside of any transaction, and what it says then is mirrored.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def fetch(
        self, reference: str, *, provider: str | Provider = "stripe", at: datetime | None = None
    ) -> Subscription:
        """Fetch a subscription of a provider, by its name there, and mirror it.

        Where another one of the customer stands in its way here, that one is fetched first: it may
        be over by now.

        Raises NotFound for one that there is not, or whose payer or price nobody here has; Conflict
        where the customer has another live one in the group; OutcomeUnknown, SetupError.
        """
        biller = self.biller(provider)
        try:
            return self._fetched(biller, reference, at)
        except Conflict as refused:
            other = refused.data.get("mirrors")
            if not isinstance(other, str):
                raise
        self._fetched(biller, other, at)
        return self._fetched(biller, reference, at)

    def keep(
        self,
        told: Mirrored,
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Subscription:
        """Keep what a provider said of a subscription; what is older than is held changes nothing.

        Raises NotFound, Conflict, CurrencyMismatch, InvalidInput; nothing is changed then.
        """
        return self._tally.act(
            lambda unit, at: mirror_subscription(unit, at, told),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def run(
        self,
        at: datetime | None = None,
        *,
        provider: str | Provider = "stripe",
        limit: int | None = None,
        stop: Callable[[], bool] = bool,
    ) -> ActsDone:
        """Go on with every act that a crash or a silence left; a second run changes nothing.

        Where no provider is set up that bills, there is nothing to go on with.

        Raises StorageUnavailable, SetupError, InvalidInput.
        """
        most = None if limit is None else whole_at(limit, "limit")
        found = self._tally.providers.get(provider) if isinstance(provider, str) else provider
        if getattr(found, "subscriptions", None) is None:
            return ActsDone()
        biller = self.biller(provider)
        return finish_acts(self._tally.storage, biller, self._now(at), most, stop)

    def start(  # noqa: PLR0913 - each of these is one fact of a subscription
        self,
        customer: str,
        plan: str,
        *,
        currency: str | None = None,
        seats: int = 1,
        trial_days: int | None = None,
        after_trial: AfterTrial = "canceled",
        provider: str | Provider = "stripe",
        idempotency_key: str | None = None,
        at: datetime | None = None,
    ) -> Made:
        """Have a provider begin a subscription, which it bills: paid at once, or with a trial.

        A trial needs no card; where there is still none at its end, it is what `after_trial` says.
        `trial_days` not said are the plan's; 0 is none.

        Raises NotFound, UnknownPlan, CurrencyMismatch, InvalidInput; Conflict where the provider
        does not know the customer or the plan, refuses it, the group has a live one or a trial was
        given before; OutcomeUnknown where it did not answer: a worker asks again.
        """
        biller, new = self.biller(provider), self._tally.ids.new("act")
        asked = Asked(plan=plan, currency=currency, seats=seats)
        said = {"trial_days": trial_days, "after_trial": after_trial}
        move = partial(start_of, asked=asked, said=said)

        def begin(unit: Unit, at: Instant) -> ProviderAct:
            return begin_start(unit, at, biller, customer, move, new, key=idempotency_key)

        act = self._tally.act(begin, at=at, repeatable=idempotency_key is not None)
        act = self._finished(biller, act, at)
        return Made(self._tally.subscriptions.get((act.answer or {})["subscription"]))

    def ask(
        self,
        id: str,  # noqa: A002 - the field's word
        move: Move | MoveMaker,
        *,
        customer: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
    ) -> Made:
        """Have the provider make a move of a subscription that it bills; give it as it is then.

        Raises NotFound; Conflict for what the provider refuses or cannot do, in its words;
        OutcomeUnknown where it did not answer: a worker asks again, and nothing is done twice.
        """
        found = self._tally.subscriptions.get(id, customer=customer)
        if found.origin is None:
            raise Conflict(f"subscription {found.id!r} is billed here: nobody else is asked")
        biller = self.biller(found.origin.provider)
        new = self._tally.ids.new("act")

        def begin(unit: Unit, at: Instant) -> ProviderAct:
            return begin_act(
                unit, at, biller, found.id, move, new, customer_id=customer, key=idempotency_key
            )

        act = self._tally.act(begin, at=at, repeatable=idempotency_key is not None)
        self._finished(biller, act, at)
        return Made(self._tally.subscriptions.get(found.id))

    # --- all of an account ----------------------------------------------------------------------

    def import_customers(
        self,
        *,
        provider: str | Provider = "stripe",
        tell: Callable[[Imported], object] = bool,
        at: datetime | None = None,
    ) -> Imported:
        """Make a customer here for each one of the provider; a second time it changes nothing.

        Its id is what the metadata `tallystick_customer` says, else the provider's own.

        Raises OutcomeUnknown, SetupError, StorageUnavailable.
        """
        biller = self.biller(provider)
        return import_customers(self._tally.storage, biller, self._now(at), tell)

    def import_subscriptions(
        self,
        *,
        provider: str | Provider = "stripe",
        tell: Callable[[Imported], object] = bool,
        at: datetime | None = None,
    ) -> Imported:
        """Mirror every subscription of the provider; a second time it changes nothing.

        One that cannot be mirrored is left out, with the reason.

        Raises OutcomeUnknown, SetupError, StorageUnavailable.
        """
        biller = self.biller(provider)
        return import_subscriptions(self._tally.storage, biller, self._now(at), tell)

    def reconcile(
        self,
        *,
        provider: str | Provider = "stripe",
        apply: bool = False,
        at: datetime | None = None,
    ) -> Reconciled:
        """Tell what differs between the mirrors and what their provider says now.

        With `apply` it is taken over.  Raises OutcomeUnknown, SetupError, StorageUnavailable.
        """
        biller = self.biller(provider)
        return reconcile(self._tally.storage, biller, self._now(at), apply=apply)

    # --- shared ---------------------------------------------------------------------------------

    def biller(self, provider: str | Provider = "stripe") -> Bills:
        """Give the subscriptions of a provider that bills.  Raises NotFound, Conflict."""
        if not isinstance(provider, str):
            return bills_of(provider)
        return bills_of(provider_named(self._tally.providers, provider))

    def _fetched(self, biller: Bills, reference: str, at: datetime | None) -> Subscription:
        return self.keep(biller.fetch(reference, self._now(at)()), at=at)

    def _finished(self, biller: Bills, act: ProviderAct, at: datetime | None) -> ProviderAct:
        """Ask for an act that has no answer yet.  Raises what became of one that was not done."""
        if act.state == "open" and act.set_aside is None:
            done = finish_act(self._tally.storage, biller, self._now(at), act.id)
            act = self._act(act.id) if done is None else done
        _check(act)
        return act

    def _act(self, id_: str) -> ProviderAct:
        found = self._tally.act(lambda unit, _: act_by_id(unit, id_), reading=True)
        if found is None:
            raise NotFound("act", id_)
        return found

    def _now(self, at: datetime | None) -> Callable[[], Instant]:
        if at is None:
            return lambda: instant(self._tally.clock.now())
        moment = instant(at)
        return lambda: moment


def _check(act: ProviderAct) -> None:
    """Raise what became of an act that was not done."""
    told = act.answer or {}
    if act.state == "refused":
        raise Conflict(told.get("message", ""), provider=act.provider, act=act.id)
    if act.set_aside is not None:
        raise Conflict(f"act {act.id!r} was set aside: {act.set_aside}", act=act.id)
    if act.state == "open":
        raise OutcomeUnknown(
            f"{act.provider} has not answered yet ({told.get('silence', 'another asks it now')}):"
            f" act {act.id!r} is asked for again by a worker"
        )
