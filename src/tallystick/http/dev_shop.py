"""What the page of `tallystick dev` shows and does: one customer, `you`, who buys.

Every act is a call of the ledger that a program of yours makes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.money import Money
from tallystick.core.price_list import price_list
from tallystick.core.subscription import LIVE, MAIN
from tallystick.errors import NotFound
from tallystick.http.demo_invoices import DemoInvoices, ListedInvoice
from tallystick.http.pages import grouped, moment_text, price_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from decimal import Decimal

    from tallystick.app.foresight import ToCome
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.checkout_page import Checkout
    from tallystick.core.entitlement import Access
    from tallystick.core.subscription import Subscription
    from tallystick.storage.invoice_rows import Document
    from tallystick.wiring import Tallystick

__all__ = ["PATH", "RETURN", "YOU", "DevShop", "Held", "Offer", "Owed", "Shown", "Unlocked"]

YOU: Final = "you"
"""The one customer there is."""

PATH: Final = "/dev"
"""Where the page is."""

RETURN: Final = f"{PATH}/back"
"""Where one comes back to after paying: the page waits there for what is under way."""

_PROVIDER: Final = "stripe"
_UNDER_WAY: Final = frozenset({"open", "processing", "refunding"})
_NOT_ASKED: Final = "not asked for yet"
_NO_ANSWER: Final = frozenset({"open", _NOT_ASKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A subscription: `seats` where its plan has seats, `coming` what will happen by itself."""

    id: str
    plan: str
    state: str
    seats: int | None
    coming: tuple[str, ...]
    ending: bool
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """A feature, whether it may be used now, and how much of it."""

    name: str
    allowed: bool
    limit: str
    used: str
    left: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A plan that is offered: it is bought, or taken in place of the `subscription` there is.

    `seats` is how many to begin with, None where it has none.  One that is `asked_for` is no
    matter of a page: somebody has to be written to.
    """

    plan: str
    product: str
    name: str
    price: str
    seats: int | None
    had: bool
    subscription: str | None
    asked_for: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An invoice that is not paid yet, what became of the last try, and where it can be paid."""

    number: str
    left: str
    said: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything on the page.  `checkout` is the one begun last; `again` is where to look next."""

    now: str
    held: tuple[Held, ...]
    unlocked: tuple[Unlocked, ...]
    offers: tuple[Offer, ...]
    owed: tuple[Owed, ...]
    invoices: tuple[ListedInvoice, ...]
    checkout: Checkout | None
    sold: str
    portal: bool
    problem: str | None
    again: str | None


class DevShop:
    """What `you` have, and the acts of the page."""

    def __init__(
        self,
        tally: Tallystick,
        catalog: Catalog[Any, Any],
        origin: str,
        skip: Callable[[], object],
    ) -> None:
        """Sell a catalogue from a ledger; `origin` is ours, `skip` moves the time a month on."""
        self._tally, self._catalog, self._origin, self._skip = tally, catalog, origin, skip
        self._last: str | None = None
        self.invoices = DemoInvoices(tally, YOU)

    # --- acts: each gives the address that comes next ---------------------------------------------

    def buy(self, plan: str, seats: int | None) -> str:
        """Open a checkout; nothing is bought before it is paid.  Raises what `open` does."""
        opened = self._tally.checkouts.open(
            YOU,
            plan=plan,
            seats=1 if seats is None else seats,
            provider=_PROVIDER,
            success_url=self._origin + RETURN,
            cancel_url=self._origin + PATH,
        )
        self._last = opened.id
        return opened.url or RETURN

    def change(self, subscription: str, plan: str, seats: int | None) -> str:
        """Take another plan or other seats: an upgrade at once, a downgrade with the period."""
        self._turn_over()
        self._tally.subscriptions.change(
            subscription, plan=plan, seats=seats, proration="invoice_now", customer=YOU
        )
        return RETURN

    def cancel(self, subscription: str) -> str:
        """End a subscription with its period."""
        self._turn_over()
        self._tally.subscriptions.cancel(subscription, customer=YOU)
        return PATH

    def keep(self, subscription: str) -> str:
        """Take the end back."""
        self._turn_over()
        self._tally.subscriptions.keep(subscription, customer=YOU)
        return PATH

    def portal(self) -> str:
        """Open the page at the provider on which a customer looks after what they have."""
        return self._tally.checkouts.portal(YOU, self._origin + PATH, provider=_PROVIDER)

    def later(self) -> str:
        """Let a month pass."""
        self._turn_over()
        self._skip()
        return RETURN

    def _turn_over(self) -> None:
        """Say no more of the last checkout where it is over: something else happens now."""
        checkout = self._checkout()
        if checkout is not None and checkout.state not in _UNDER_WAY:
            self._last = None

    # --- what is shown ----------------------------------------------------------------------------

    def come_back(self) -> None:
        """Ask the provider how the page stands that one comes back from."""
        if self._last is not None:
            self._tally.checkouts.refresh(self._last, customer=YOU)

    def shown(self, *, problem: str | None = None, again: str | None = None) -> Shown:
        """Read everything anew; `again` is left out where nothing is under way any more."""
        live = tuple(self._live())
        held = tuple(map(self._held, live))
        documents = tuple(self._tally.invoices.list(customer=YOU, limit=100))
        checkout = self._checkout()
        owed = tuple(map(self._owed, (each for each in documents if each.left)))
        waiting = self._is_under_way(checkout, documents)
        waiting = waiting or any(each.overdue for each in held)
        waiting = waiting or any(each.said in _NO_ANSWER for each in owed)
        return Shown(
            now=moment_text(self._tally.clock.now()),
            held=held,
            unlocked=tuple(self._unlocked()),
            offers=tuple(self._offers(live)),
            owed=owed,
            invoices=self.invoices.documents(),
            checkout=checkout,
            sold="" if checkout is None else self._sold(checkout),
            portal=self._tally.customers.get(YOU).provider_id is not None,
            problem=problem,
            again=again if waiting else None,
        )

    def _live(self) -> Iterator[Subscription]:
        states = LIVE | {"scheduled"}
        for each in self._tally.subscriptions.list(customer=YOU, limit=100):
            if each.state in states:
                yield each

    def _checkout(self) -> Checkout | None:
        return None if self._last is None else self._tally.checkouts.get(self._last)

    def _held(self, subscription: Subscription) -> Held:
        plan = self._plan(_offer(subscription))
        coming = self._tally.subscriptions.schedule(subscription.id)
        return Held(
            id=subscription.id,
            plan=_name(plan),
            state=subscription.state.replace("_", " "),
            seats=_seats(subscription) if _has_seats(plan) else None,
            coming=tuple(map(self._coming, coming)),
            ending=subscription.cancel_at is not None,
            overdue=any(each.at <= self._tally.clock.now() for each in coming),
        )

    def _coming(self, what: ToCome) -> str:
        change, to = what.change, ""
        if change is not None:
            plan = "" if change.offer is None else _name(self._plan(_id(change.offer)))
            seats = "" if change.seats is None else _seats_text(change.seats)
            to = f" to {', '.join(filter(None, (plan, seats)))}"
        return f"{what.kind.replace('_', ' ')}{to} at {moment_text(what.at)}"

    def _unlocked(self) -> Iterator[Unlocked]:
        names: dict[str, str] = {}
        for plan in self._catalog:
            for key, feature in plan.features.items():
                names[key] = names.get(key) or feature.description or ""
        answers = self._tally.check_many([(YOU, key) for key in names])
        pairs = zip(names.items(), answers, strict=True)
        return (_unlocked(name or key, answer) for (key, name), answer in pairs)

    def _offers(self, live: Iterable[Subscription]) -> Iterator[Offer]:
        by_group = {each.group: each for each in live}
        for product in price_list(self._catalog, "full")["data"]["products"]:
            for listed in product["plans"]:
                plan = self._plan(listed["id"])
                held = by_group.get(self._catalog.product_of(plan).group)
                seats = 1 if held is None else _seats(held)
                yield Offer(
                    plan=plan.id,
                    product=product["name"],
                    name=_name(plan),
                    price=price_words(listed, listed.get("currency") or product["currency"]),
                    seats=seats if _has_seats(plan) else None,
                    had=held is not None and _offer(held) == plan.id,
                    subscription=None if held is None else held.id,
                    asked_for=plan.custom,
                )

    def _owed(self, document: Document) -> Owed:
        number = document.invoice.number or document.invoice.id
        tries = self._tally.payments.list(customer=YOU, invoice=number, limit=100)
        last = max(tries, key=lambda each: (each.created_at, each.id), default=None)
        answer: Mapping[str, str] = {} if last is None else last.answer or {}
        said = _NOT_ASKED if last is None else f"{last.state} {answer.get('message', '')}"
        url = answer.get("url") if last is not None and last.state == "waiting" else None
        money = Money(document.left, document.invoice.currency)
        return Owed(number=number, left=str(money), said=said.strip(), url=url)

    def _is_under_way(self, checkout: Checkout | None, documents: Iterable[Document]) -> bool:
        now = self._tally.clock.now()
        return (checkout is not None and checkout.state in _UNDER_WAY) or any(
            each.status == "draft" and each.invoice.finalize_at <= now for each in documents
        )

    def _sold(self, checkout: Checkout) -> str:
        try:
            return _name(
                self._plan(_offer(self._tally.subscriptions.get(checkout.subscription or "")))
            )
        except NotFound:
            return ""

    def _plan(self, id_: str) -> Plan[Any]:
        return self._catalog[id_]


def _offer(subscription: Subscription) -> str:
    main = next(each for each in subscription.items if each.key == MAIN)
    return _id(main.offer)


def _id(ref: str) -> str:
    return ref.partition("@")[0]


def _seats(subscription: Subscription) -> int:
    return next(each.seats for each in subscription.items if each.key == MAIN)


def _seats_text(seats: int) -> str:
    return f"{seats} seat" if seats == 1 else f"{seats:,} seats"


def _has_seats(plan: Plan[Any]) -> bool:
    return any(price.basis == "seats" for price in plan.prices)


def _name(plan: Plan[Any]) -> str:
    return plan.name or plan.id


def _unlocked(name: str, answer: Access) -> Unlocked:
    limited = answer.limit is not None and not answer.unlimited
    return Unlocked(
        name=name,
        allowed=answer.allowed,
        limit="unlimited" if answer.unlimited else _number(answer.limit),
        used=_number(answer.used) if limited else "",
        left=_number(answer.remaining) if limited else "",
        why=answer.text,
    )


def _number(number: int | Decimal | None) -> str:
    return "" if number is None else grouped(number)
