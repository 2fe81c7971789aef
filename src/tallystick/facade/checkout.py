"""`tally.checkouts`: what buying would be, before anything is paid."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.checkout_resolve import quote_resolved, resolve
from tallystick.core.checkout_request import biller_at, read_request, wishes_of
from tallystick.core.given import ids_at
from tallystick.facade.checkout_pages import CheckoutPages
from tallystick.facade.quotes import signing_keys
from tallystick.providers.known import ABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.checkout import Biller, PlanWish, ResolvedPlan
    from tallystick.core.period import Instant
    from tallystick.core.provider import Abilities
    from tallystick.storage.unit import Unit

__all__ = ["Checkouts"]

_HALF_AN_HOUR: Final = timedelta(minutes=30)


class Checkouts(CheckoutPages):
    """The checkouts of one ledger: what buying would be, and what is being paid on pages.

    A checkout is stored before its page is asked for; `tallystick worker` goes on with those that a
    crash, a silence or a customer who never came back left.
    """

    def resolve(  # noqa: PLR0913 - each of these is one fact of what is asked
        self,
        customer: str | None,
        plans: Iterable[str | PlanWish | Mapping[str, Any]],
        *,
        quantities: Mapping[str, int] | None = None,
        codes: Iterable[str] = (),
        currency: str | None = None,
        context: Mapping[str, str] | None = None,
        stated: Mapping[str, str] | None = None,
        identities: Iterable[str] = (),
        biller: Biller = "tallystick",
        valid_for: timedelta = _HALF_AN_HOUR,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> tuple[ResolvedPlan, ...]:
        """Tell of each plan whether a customer may buy it and why not, what acts, what it costs.

        A plan is its id, or `{"plan": "pro", "quantity": 3, "add_ons": ["sms"]}`; `quantities` are
        the seats of those named by their id alone.  `codes` are as they were typed; one that is
        refused is named, and nothing else is told of it.  `context` is what you know of who asks
        and rules call `context.*`; `stated` what nobody checked, as a browser says it.
        `identities` are under which a trial is given once, beside the customer.

        Of what can be bought there is a signed quote for `tally.quotes.accept`, good for
        `valid_for`, at most 90 days; there is none for a stranger (`customer` None), nor where the
        provider bills, as its figures are its own.  Nothing is stored but how many codes a customer
        tried in vain.

        Raises NotFound; InvalidInput, naming the place; Conflict for a customer who was forgotten;
        RateLimited after 50 codes in vain on a day; SetupError where the ledger has no signing key.
        """
        said = {"codes": codes, "currency": currency, "context": context, "stated": stated}
        request = read_request(
            {
                "plans": wishes_of(plans, quantities),
                **{name: value for name, value in said.items() if value is not None},
            }
        )
        names = ids_at(identities, "identities")
        billed = biller_at(biller)
        quoting = customer is not None and billed == "tallystick"
        keys = signing_keys(self._tally) if quoting else ()

        def act(unit: Unit, at: Instant) -> tuple[ResolvedPlan, ...]:
            found = resolve(
                unit,
                at,
                request,
                customer_id=customer,
                identities=names,
                biller=billed,
                abilities=self._abilities,
            )
            if not keys:
                return found
            return tuple(
                quote_resolved(
                    *(unit, at, each, keys[0], self._tally.ids),
                    identities=names,
                    valid_for=valid_for,
                )
                for each in found
            )

        counting = customer is not None and bool(request.codes)
        return self._tally.act(
            act,
            at=at,
            connection=connection,
            repeatable=True,
            reading=not quoting and not counting,
        )

    @property
    def _abilities(self) -> Mapping[str, Abilities]:
        own = {name: each.abilities for name, each in self._tally.providers.items()}
        return {**ABILITIES, **own}
