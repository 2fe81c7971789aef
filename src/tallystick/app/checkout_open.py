"""Opening a checkout: the quote is checked and stored first, the page is asked for afterwards.

Nothing is stored of a quote that could not be accepted now: one that expired, whose figures are not
what would be charged, of a plan that the customer may not have, or has already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick.app.customer import get_customer
from tallystick.app.offers import Offers
from tallystick.app.quote import accept_quote
from tallystick.core.checkout import Buyer, CheckoutRequest
from tallystick.core.checkout_eligibility import facts_of
from tallystick.core.checkout_page import Checkout, Page, page_lines, page_until
from tallystick.core.intent import key_of
from tallystick.core.money import Money
from tallystick.core.page import Page as PageOf
from tallystick.core.page import page_size
from tallystick.core.parent import payer_at
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.rules import Not, eligibility_of, evaluate
from tallystick.core.text import id_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import checkouts, invoices, moves, parents, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.checkout import ResolvedPlan
    from tallystick.core.checkout_page import CheckoutState, PageLine
    from tallystick.core.customer import Customer
    from tallystick.core.period import Instant
    from tallystick.core.quote import Quote
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit

__all__ = [
    "Asked",
    "begin_checkout",
    "begin_or_repeat",
    "check_payer",
    "get_checkout",
    "known_checkout",
    "list_checkouts",
    "page_of",
    "taken_quote",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a checkout has beside its quote: its id, the digest of the request, where it returns."""

    id: str
    request: str
    success_url: str
    cancel_url: str
    key: str | None = None


_LONGEST_LABEL: Final = 250  # characters, of a line on a page


# --- finding --------------------------------------------------------------------------------------


def get_checkout(unit: Unit, named: object, *, customer: str | None = None) -> Checkout:
    """Give a checkout by its id; with `customer`, only one of theirs.  Raises NotFound."""
    key = named[:200] if isinstance(named, str) else ""
    found = checkouts.checkout_by_id(unit, key, customer)
    if found is None:
        raise NotFound("checkout", named[:200] if isinstance(named, str) else shown(named))
    return found


def list_checkouts(
    unit: Unit,
    *,
    customer: str | None = None,
    state: CheckoutState | None = None,
    set_aside: bool = False,
    limit: int = 20,
    starting_after: str | None = None,
) -> PageOf[Checkout]:
    """Give checkouts in the order of their ids.  Raises InvalidInput, NotFound."""
    size = page_size(limit)
    found = checkouts.list_checkouts(
        unit,
        size + 1,
        None if starting_after is None else id_at(starting_after, "starting_after"),
        customer=None if customer is None else get_customer(unit, customer).id,
        state=state,
        aside=set_aside,
    )
    return PageOf(found[:size], found[size - 1].id if len(found) > size else None)


# --- opening --------------------------------------------------------------------------------------


def known_checkout(unit: Unit, customer: str, asked: Asked) -> Checkout | None:
    """Give what the key began already.  Raises NotFound; Conflict where that was something else."""
    owner = get_customer(unit, customer).id
    if asked.key is None:
        return None
    known = checkouts.checkout_by_key(unit, owner, id_at(asked.key, "idempotency_key"))
    if known is not None and known.request != asked.request:
        raise Conflict(f"the idempotency key {asked.key!r} was used for another checkout")
    return known


def begin_or_repeat(
    unit: Unit, at: Instant, provider: Provider, asked: Asked, read: Callable[[], Quote]
) -> tuple[Checkout, tuple[str, ...]]:
    """Store a checkout of the quote that is read; with a known key, give what it began meanwhile.

    Raises what reading, `known_checkout` and `begin_checkout` raise.
    """
    quote = read()
    known = known_checkout(unit, quote.customer, asked)
    return begin_checkout(unit, at, provider, quote, asked) if known is None else (known, ())


def begin_checkout(
    unit: Unit, at: Instant, provider: Provider, quote: Quote, asked: Asked
) -> tuple[Checkout, tuple[str, ...]]:
    """Store that a quote is to be paid on a page; give the ids of those that it takes the place of.

    Where nothing is due today the subscription starts at once, and there is no page.

    Raises PriceChanged; Conflict where the quote was accepted already, its group has a live
    subscription, the customer may not have the plan, or somebody else pays for the customer.
    """
    at = to_the_second(at)
    customer = get_customer(unit, quote.customer)
    if moves.move_by_key(unit, customer.id, f"quote/{quote.id}") is not None:
        raise Conflict(f"quote {quote.id!r} was accepted already", subscription=quote.subscription)
    check_payer(unit, customer, at)
    _check_eligible(unit, customer, quote, at)
    amount = Money(0, quote.currency) if quote.today is None else quote.today.amount_due
    if amount.minor:
        with unit.undone():
            accept_quote(unit, at, quote)
    else:
        accept_quote(unit, at, quote)
    checkout = Checkout(
        customer=customer.id,
        id=asked.id,
        quote=quote,
        provider=provider.abilities.name,
        account=provider.account,
        amount=amount,
        key=key_of(asked.id),
        request=asked.request,
        success_url=asked.success_url,
        cancel_url=asked.cancel_url,
        created_at=at,
        expires_at=page_until(quote, at),
        next_at=at,
        payer=customer.provider_id,
        idempotency_key=asked.key,
        state="open" if amount.minor else "complete",
        closed_at=None if amount.minor else at,
    )
    checkouts.add_checkout(unit, checkout)
    return checkout, checkouts.mark_others_closing(unit, checkout, at)


def page_of(unit: Unit, checkout: Checkout) -> Page:
    """Give the page that a provider is asked for; of one checkout always the same."""
    quote, customer = checkout.quote, get_customer(unit, checkout.customer)
    assert quote.today is not None  # noqa: S101 - what costs nothing today has no page
    lines: tuple[PageLine, ...] = ()
    if checkout.sells is None:
        name = Offers(unit)[quote.move.offer].name
        lines = page_lines(quote.today, name[:_LONGEST_LABEL])
    return Page(
        key=checkout.key,
        checkout=checkout.id,
        customer=customer,
        amount=checkout.amount,
        lines=lines,
        success_url=checkout.success_url,
        cancel_url=checkout.cancel_url,
        expires_at=checkout.expires_at,
        payer=checkout.payer,
        sells=checkout.sells,
    )


def check_payer(unit: Unit, customer: Customer, at: Instant) -> None:
    """Raises Conflict where somebody else pays for the customer."""
    with unit.for_all():
        payer = payer_at(parents.parents_of(unit, [customer.id]), customer.id, at)
    if payer is not None:
        raise Conflict(
            f"what {customer.id!r} has is on the documents of {payer!r}, which are paid as a whole:"
            " start the subscription without a checkout",
            payer=payer,
        )


def taken_quote(found: ResolvedPlan) -> str:
    """Give the quote of a plan that can be bought as it was asked for, with every code.

    Raises Conflict, with all reasons.
    """
    reasons = [each.text for each in found.reasons]
    lost = [each.typed for each in found.left_out if each.typed is not None]
    reasons += [f"the code {shown(code)} does not act" for code in lost]
    if reasons or found.quote is None:
        text = "; ".join(reasons) or "the provider bills it"
        raise Conflict(f"plan {found.plan} cannot be bought: {text}", reasons=reasons)
    return found.quote


def _check_eligible(unit: Unit, customer: Customer, quote: Quote, at: Instant) -> None:
    """Refuse a plan that the customer certainly may not have by now.

    What only a host knows (`context.*`) was decided when the quote was made.
    """
    offers = Offers(unit)
    had = subscriptions.of_customers(unit, [customer.id]).get(customer.id, ())
    bought = invoices.has_bought(unit, customer.id)
    buyer = Buyer(customer=customer, subscriptions=had, bought=bought)
    facts = facts_of(buyer, quote.move.group, CheckoutRequest(plans=()))
    for ref in (quote.move.offer, *(each.offer for each in quote.move.add_ons)):
        plan = offers[ref]
        product = None if plan.catalog is None else plan.catalog.product_of(plan)
        rules = (None if product is None else product.business_rules, plan.business_rules)
        for rule in map(eligibility_of, rules):
            if rule is not None and evaluate(Not(rule), facts, at):
                reasons = list(evaluate(rule, facts, at).reasons)
                told = "; ".join(reasons)
                raise Conflict(
                    f"customer {customer.id!r} may not have plan {ref}: {told}", reasons=reasons
                )
