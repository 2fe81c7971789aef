"""`tally.checkouts`: from a quote to a page to pay on, and from there to a subscription."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

from tallystick.app import checkout_open
from tallystick.app.billers import bills_of
from tallystick.app.checkout_billed import begin_billed, page_call_of
from tallystick.app.checkout_open import Asked, begin_or_repeat, known_checkout, taken_quote
from tallystick.app.checkout_run import CheckoutRun, finish_checkout, finish_checkouts, pages_of
from tallystick.app.collecting import name_payer
from tallystick.core.canonical_json import canonical_json
from tallystick.core.checkout_page import LIVE_CHECKOUT, CheckoutState, return_address
from tallystick.core.checkout_request import biller_at
from tallystick.core.checkout_wish import wish_of
from tallystick.core.given import whole_at
from tallystick.core.period import instant, to_the_second
from tallystick.core.property import shown
from tallystick.core.quote import Quote
from tallystick.core.quote_signature import read_quote
from tallystick.core.text import refused_at
from tallystick.errors import Conflict, NotFound, OutcomeUnknown, SetupError, TallystickError
from tallystick.facade.quotes import signing_keys
from tallystick.ports import NamesPayers
from tallystick.providers.known import provider_named
from tallystick.storage import checkouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.checkout import Biller, PlanWish
    from tallystick.core.checkout_page import Checkout
    from tallystick.core.checkout_wish import Wish
    from tallystick.core.page import Page
    from tallystick.core.period import Instant
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["CheckoutPages"]

_Begin: TypeAlias = "Callable[[Unit, Instant], tuple[Checkout, tuple[str, ...]]]"

_DAY: Final = timedelta(days=1)


class CheckoutPages:
    """The checkouts of one ledger: what is being paid on pages of its providers.

    A checkout is stored before its page is asked for; `tallystick worker` goes on with those that a
    crash, a silence or a customer who never came back left.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    # --- opening --------------------------------------------------------------------------------

    def open(  # noqa: PLR0913 - each of these is one fact of a checkout
        self,
        customer: str,
        *,
        quote: str | None = None,
        plan: str | PlanWish | Mapping[str, Any] | None = None,
        seats: int | None = None,
        codes: Iterable[str] = (),
        currency: str | None = None,
        context: Mapping[str, str] | None = None,
        success_url: str,
        cancel_url: str,
        provider: str = "stripe",
        biller: Biller = "tallystick",
        idempotency_key: str | None = None,
        at: datetime | None = None,
    ) -> Checkout:
        """Put up a page on which a quote is paid, or a plan at what it costs now; give it.

        `url` is where the customer pays, until `expires_at`; `amount` is what they pay today.
        Where that is nothing the subscription has started, and there is no page.  What was quoted
        is what is charged.  It takes the place of other pages of the customer for the same group
        of plans.  Where the provider does not answer now, `url` is None and a worker asks again.

        With `biller` "provider" a plan is bought that the provider bills from then on, by its own
        prices as the lock file names them, with one coupon.  There `amount` is the provider's
        preview of this second; what it charges in the end is its affair.

        A plan is as `tally.checkouts.resolve` takes one, `seats` those of one that is named by its
        id alone.  Both addresses are of one of the ledger's `return_origins`.

        Raises NotFound; InvalidInput; QuoteExpired, PriceChanged; Conflict where the plan cannot be
        bought with all codes, or the provider refuses; SetupError without signing keys, return
        origins or the provider's key.
        """
        asked, billed = self._provider(provider), biller_at(biller)
        pages_of(asked)
        back = {"success_url": success_url, "cancel_url": cancel_url}
        back = {name: self._address(url, name) for name, url in back.items()}
        typed = None if codes == () else codes
        said = {"codes": typed, "currency": currency, "context": context}
        wish = wish_of(quote, plan, seats, said)
        whole = {"customer": customer, "quote": quote, "provider": provider, **wish.tree, **back}
        if billed == "provider":
            whole["biller"] = billed
        request = sha256(canonical_json(whole)).hexdigest()
        own = Asked(self._tally.ids.new("chk"), request, **back, key=idempotency_key)
        known = self._tally.act(lambda unit, _: known_checkout(unit, customer, own), reading=True)
        if known is not None:
            return self._opened(asked, known, at)
        if billed == "provider":
            begin = self._billed(asked, customer, wish, own, at)
        else:
            begin = self._quoted(asked, customer, quote, wish, own, at)
        begun, others = self._tally.act(begin, at=at, repeatable=idempotency_key is not None)
        done = self._opened(asked, begun, at)
        for other in others:
            finish_checkout(self._tally.storage, asked, self._now(at), other)
        return done

    def portal(self, customer: str, return_url: str, *, provider: str = "stripe") -> str:
        """Give the address of the provider's page on which a customer looks after what they have.

        `return_url` is of one of the ledger's `return_origins`.

        Raises NotFound, InvalidInput, OutcomeUnknown; Conflict where the provider does not know the
        customer, or declares no portal.
        """
        asked = self._provider(provider)
        address = self._address(return_url, "return_url")
        if not asked.abilities.portal:
            raise Conflict(f"the provider {provider!r} declares no portal")
        found = self._tally.customers.get(customer)
        if found.provider_id is None:
            raise Conflict(
                f"{provider!r} does not know customer {found.id!r}: nothing was paid yet"
            )
        return pages_of(asked).open_portal(found.provider_id, address)

    # --- going on -------------------------------------------------------------------------------

    def refresh(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        at: datetime | None = None,
    ) -> Checkout:
        """Ask the provider how a page stands, and go on by what it says; give the checkout.

        For whoever heard something of it: what counts is what is fetched.  `customer` is an
        optional lock: another customer's checkout is not found.  Raises NotFound.
        """
        found = self.get(id, customer=customer)
        if found.state not in LIVE_CHECKOUT or found.set_aside is not None:
            return found
        done = finish_checkout(
            self._tally.storage, self._provider(found.provider), self._now(at), found.id
        )
        return self.get(found.id) if done is None else done[0]

    def expire(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
    ) -> Checkout:
        """Let nobody pay on a page any more; a repeat changes nothing.

        Gives it as it is then: where it was paid meanwhile, it is sold.  Raises NotFound; Conflict
        where the money is on its way already, or the provider cannot be asked now.
        """
        found = self.get(id)
        if found.state != "open":
            return self._over(found)
        self._tally.act(
            lambda unit, at: checkouts.mark_closing(unit, found, at), at=at, repeatable=True
        )
        done = self.refresh(id, at=at)
        if done.state == "open" and done.reference is not None:
            done = self.refresh(id, at=at)  # the page was not known before
        return self._over(done)

    def retry(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Checkout:
        """Let workers go on with a checkout that was set aside, once its reason is cured.

        Raises NotFound where it is not set aside.
        """

        def retry(unit: Unit, at: Instant) -> Checkout:
            found = checkout_open.get_checkout(unit, id)
            if not checkouts.clear_checkout_aside(unit, found, at):
                raise NotFound("checkout that is set aside", found.id)
            return checkout_open.get_checkout(unit, id)

        return self._tally.act(retry, connection=connection, at=at)

    def run(
        self,
        at: datetime | None = None,
        *,
        limit: int | None = None,
        stop: Callable[[], bool] = bool,
    ) -> CheckoutRun:
        """Go on with every checkout that is due; a second run changes nothing.

        `limit` is the most to go on with.  Any number of processes may do so at once.

        Raises StorageUnavailable, InvalidInput.
        """
        most = None if limit is None else whole_at(limit, "limit")
        providers = self._tally.providers.values()
        return finish_checkouts(self._tally.storage, providers, self._now(at), most, stop)

    # --- finding --------------------------------------------------------------------------------

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        customer: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Checkout:
        """Give a checkout as it stands; with `customer`, only one of theirs.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: checkout_open.get_checkout(unit, id, customer=customer),
            connection=connection,
            reading=True,
        )

    def list(
        self,
        *,
        customer: str | None = None,
        state: CheckoutState | None = None,
        set_aside: bool = False,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[Checkout]:
        """Give a page of checkouts in the order of their ids: 1 to 100 of them.

        Raises InvalidInput, NotFound for the customer.
        """
        known = get_args(CheckoutState)
        if state is not None and state not in known:
            raise refused_at("state", f"is one of {', '.join(known)}, not {shown(state)}")
        return self._tally.act(
            lambda unit, _: checkout_open.list_checkouts(
                unit,
                customer=customer,
                state=state,
                set_aside=set_aside,
                limit=limit,
                starting_after=starting_after,
            ),
            connection=connection,
            reading=True,
        )

    # --- shared ---------------------------------------------------------------------------------

    def _sold(self, customer: str, wish: Wish, at: datetime | None) -> str:
        """Give the quote of a plan at what it costs now.

        In a transaction of its own: which codes were tried in vain is counted also where it ends
        here.
        """
        found = self._tally.checkouts.resolve(
            customer, wish.plans, valid_for=_DAY, at=at, **wish.said
        )
        return taken_quote(found[0])

    def _quoted(  # noqa: PLR0917 - what a checkout is made of
        self,
        asked: Provider,
        customer: str,
        quote: str | None,
        wish: Wish,
        own: Asked,
        at: datetime | None,
    ) -> _Begin:
        """Quote a plan at what it costs now, where there is no quote; give what stores that."""
        keys = signing_keys(self._tally)
        text = quote if quote is not None else self._sold(customer, wish, at)

        def begin(unit: Unit, at: Instant) -> tuple[Checkout, tuple[str, ...]]:
            return begin_or_repeat(
                unit, at, asked, own, lambda: read_quote(text, keys, at, customer=customer)
            )

        return begin

    def _billed(
        self, asked: Provider, customer: str, wish: Wish, own: Asked, at: datetime | None
    ) -> _Begin:
        """Have the provider reckon what it would bill for a plan; give what stores that.

        Nothing is stored before but what the provider calls the customer.
        """
        if not wish.plans:
            raise refused_at("quote", "is of our own invoices: name the plan that it is to bill")
        moment, ids, bills = self._now(at)(), self._tally.ids, bills_of(asked)
        found = self._tally.checkouts.resolve(
            customer, wish.plans, biller="provider", at=moment, **wish.said
        )[0]
        sells = self._tally.act(lambda unit, _: page_call_of(unit, bills, found), reading=True)
        payer = self._tally.customers.get(customer)
        named = payer.provider_id
        if named is None and isinstance(asked, NamesPayers):
            named = name_payer(self._tally.storage, asked, payer, moment)
        if named is None or found.start is None:
            raise Conflict(f"{asked.abilities.name!r} does not know customer {payer.id!r}")
        second = to_the_second(moment)
        quote = Quote(
            id=ids.new("quo"),
            customer=payer.id,
            subscription=ids.new("sub"),
            move=found.start,
            currency=found.currency,
            issued_at=second,
            expires_at=second + _DAY,
            today=bills.preview(sells, named, second),
        )

        def begin(unit: Unit, at: Instant) -> tuple[Checkout, tuple[str, ...]]:
            known = known_checkout(unit, customer, own)
            return (
                begin_billed(unit, at, asked, quote, sells, own) if known is None else (known, ())
            )

        return begin

    def _opened(self, asked: Provider, begun: Checkout, at: datetime | None) -> Checkout:
        """Ask for the page of a checkout; a refusal of the provider is raised."""
        if begun.state != "open" or begun.url is not None:
            return begun
        done = finish_checkout(self._tally.storage, asked, self._now(at), begun.id)
        if done is None:
            return self.get(begun.id)
        checkout, fault = done
        refused = isinstance(fault, TallystickError) and not isinstance(fault, OutcomeUnknown)
        if fault is not None and refused and checkout.url is None:
            raise fault
        return checkout

    def _over(self, checkout: Checkout) -> Checkout:
        if checkout.state in LIVE_CHECKOUT:
            raise Conflict(f"{checkout.id!r} is {checkout.state}: it cannot be closed now")
        return checkout

    def _address(self, value: object, path: str) -> str:
        origins = self._tally.return_origins
        if not origins:
            raise SetupError(
                "nobody said where customers may return to: Tallystick(…, return_origins=[…]) takes"
                " origins, or TALLYSTICK_RETURN_ORIGINS"
            )
        return return_address(value, path, origins)

    def _now(self, at: datetime | None) -> Callable[[], Instant]:
        if at is None:
            return lambda: instant(self._tally.clock.now())
        moment = instant(at)
        return lambda: moment

    def _provider(self, name: str) -> Provider:
        return provider_named(self._tally.providers, name)
