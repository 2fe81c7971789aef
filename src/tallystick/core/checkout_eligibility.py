"""Who may buy a plan: whether it is sold at all, in which currency, to whom by its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.checkout import NotAvailable
from tallystick.core.rules import eligibility_of, evaluate
from tallystick.core.subscription import LIVE
from tallystick.core.wording import and_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.catalog import Plan, Product
    from tallystick.core.checkout import Buyer, CheckoutRequest
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant

__all__ = ["facts_of", "why_not"]


def why_not(
    plan: Plan[Any],
    product: Product[Any],
    buyer: Buyer,
    *,
    currency: Currency,
    request: CheckoutRequest,
    at: Instant,
    beside: bool = False,
) -> tuple[NotAvailable, ...]:
    """Give every reason why a plan cannot be bought, in words; none where it can be.

    `beside` is an add-on, of which a group has any number.
    """
    return (
        *_of_offer(plan),
        *_of_currency(plan, currency, buyer),
        *(() if beside else _of_group(product, buyer)),
        *_of_rules(plan, product, buyer, request, at),
    )


def _of_offer(plan: Plan[Any]) -> Iterator[NotAvailable]:
    if plan.custom:
        text = f"plan {plan.id} is agreed by hand: {plan.label or 'contact us'}"
        yield NotAvailable("custom", text)
    if not plan.active:
        yield NotAvailable("not_offered", f"plan {plan.id} is not offered to new customers")


def _of_currency(plan: Plan[Any], currency: Currency, buyer: Buyer) -> Iterator[NotAvailable]:
    own = None if buyer.customer is None else buyer.customer.currency
    if own not in {None, currency}:
        yield NotAvailable("currency", f"the customer pays {own}, and {currency} is asked for")
    if currency not in plan.sold_in:
        codes = and_words([each.code for each in plan.sold_in])
        text = f"plan {plan.id} is sold in {codes}, not in {currency}"
        yield NotAvailable("currency", text)


def _of_group(product: Product[Any], buyer: Buyer) -> Iterator[NotAvailable]:
    had = buyer.live_in(product.group)
    if had is not None:
        plan = had.plan.rpartition("@")[0]
        text = f"the customer has a live subscription to {plan} already: change that one"
        yield NotAvailable("subscribed", text)


def _of_rules(
    plan: Plan[Any], product: Product[Any], buyer: Buyer, request: CheckoutRequest, at: Instant
) -> Iterator[NotAvailable]:
    facts = facts_of(buyer, product.group, request)
    told: dict[str, None] = {}  # what product and plan both ask for is told once
    for business_rules in (product.business_rules, plan.business_rules):
        rule = eligibility_of(business_rules)
        if rule is not None:
            verdict = evaluate(rule, facts, at)
            told |= dict.fromkeys(() if verdict else verdict.reasons or ("the rule does not hold",))
    yield from (NotAvailable("not_eligible", text) for text in told)


def facts_of(buyer: Buyer, group: str, request: CheckoutRequest) -> Mapping[str, object]:
    """Give what is known of a buyer by the names that rules have for it; unknown is left out.

    The subscription is the live one of the group, else the oldest live one of another.  A customer
    is new who never was asked for money.
    """
    facts: dict[str, object] = {
        **{f"context.{name}": value for name, value in request.context.items()},
        **{f"stated.{name}": value for name, value in request.stated.items()},
    }
    live = (each for each in buyer.subscriptions if each.state in LIVE)
    had = buyer.live_in(group) or next(live, None)
    if had is not None:
        facts["subscription.plan"] = had.plan.rpartition("@")[0]
        facts["subscription.status"] = had.state
    customer = buyer.customer
    if customer is None:
        return facts
    facts |= {f"customer.metadata.{name}": text for name, text in customer.metadata.items()}
    return facts | {
        "customer.id": customer.id,
        "customer.email": customer.email,
        "customer.country": customer.address.get("country"),
        "customer.currency": None if customer.currency is None else customer.currency.code,
        "customer.created_at": customer.created_at,
        "is_new_customer": not buyer.bought,
    }
