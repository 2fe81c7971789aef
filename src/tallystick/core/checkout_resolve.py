"""The checkout resolver: may they buy it, which coupons act, what is due today and at the renewal.

::

    eligibility   sold at all, in this currency, not had already, and the rules of product and plan
    coupons       those that qualify: the plan's, the customer's, the codes in the order typed
    choice        all of them, or as many as the provider takes
    figures       the first document and that of the renewal, line by line

Pure over what was loaded.  A "no" is an answer with its reasons; only what cannot be meant at all
is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.checkout import Biller, CouponTaken, NotAvailable, ResolvedPlan, TrialAnswer
from tallystick.core.checkout_coupons import choose_coupons
from tallystick.core.checkout_eligibility import why_not
from tallystick.core.checkout_figures import first_documents
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.move import AddOn, Start
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.quote import quoted
from tallystick.core.spelling import did_you_mean
from tallystick.core.subscription_moves import start
from tallystick.core.text import refused_at
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.checkout import Buyer, CheckoutRequest, PlanWish
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant
    from tallystick.core.provider import Abilities
    from tallystick.core.quote import Quoted

__all__ = ["resolve_checkout", "taken_in"]

_STRANGER: Final = "stranger"  # who has no id yet
_ID: Final = "checkout"  # what is only looked at needs none of its own
_WITHOUT_FIGURES: Final = frozenset({"custom", "not_offered", "currency"})


def resolve_checkout(
    request: CheckoutRequest,
    catalog: Catalog[Any, Any],
    buyer: Buyer,
    at: Instant,
    *,
    biller: Biller = "tallystick",
    abilities: Mapping[str, Abilities] = FrozenDict(),
) -> tuple[ResolvedPlan, ...]:
    """Resolve each plan that is asked for, in their order.

    `catalog` is what is sold now, with its versions.  Where the provider bills, it takes as many
    coupons as its `abilities` say, by its name; on our own invoices all of them act.  Figures are
    without tax, credits and balances, and without usage.

    Raises InvalidInput, naming the place, for a plan that is not sold here and for what no
    subscription can be.
    """
    asked = _Resolving(
        *(request, catalog, buyer, to_the_second(at), biller, abilities),
        offers={each.ref: each for each in catalog},
        shown={p.id for each in catalog.products if not each.hidden for p in each.plans},
    )
    return tuple(asked.plan(wish, f"plans[{at}]") for at, wish in enumerate(request.plans))


def taken_in(
    taken: Iterable[CouponTaken], today: Quoted | None, renewal: Quoted | None
) -> tuple[CouponTaken, ...]:
    """Give coupons with what each takes off two documents; None where there is no such document."""
    return tuple(
        replace(each, today=_off(each, today), renewal=_off(each, renewal)) for each in taken
    )


def _off(taken: CouponTaken, document: Quoted | None) -> Money | None:
    if document is None:
        return None
    off = (each.amount for each in document.discounts if each.coupon == taken.coupon.id)
    return next(off, Money.zero(document.total.currency))


@dataclass(frozen=True, slots=True)
class _Resolving:
    """One request, and what was loaded for it."""

    request: CheckoutRequest
    catalog: Catalog[Any, Any]
    buyer: Buyer
    at: Instant
    biller: Biller
    abilities: Mapping[str, Abilities]
    offers: Mapping[str, Plan[Any]]
    shown: Collection[str]

    def plan(self, wish: PlanWish, path: str) -> ResolvedPlan:
        plan = self.sold(wish.plan, f"{path}.plan")
        add_ons = {
            self.sold(name, f"{path}.add_ons[{place}].plan"): many
            for place, (name, many) in enumerate(wish.add_ons)
        }
        currency = self.currency(plan)
        found = ResolvedPlan(
            plan=plan.ref,
            wish=wish,
            currency=currency,
            reasons=self.reasons(plan, add_ons, currency),
            trial=self.trial(plan),
            biller=self.biller,
        )
        if any(each.code in _WITHOUT_FIGURES for each in found.reasons):
            return found
        try:
            return self.figures(found, self.move(plan, add_ons, found), plan)
        except InvalidInput as refused:
            fields = {f"{path}.{name}": texts for name, texts in refused.fields.items()}
            raise InvalidInput(f"{path}: {refused}", fields or {path: [str(refused)]}) from None

    def sold(self, name: str, path: str) -> Plan[Any]:
        """Give a plan of the newest catalogue; versions and hidden products are not asked for."""
        plan = self.catalog.find(name)
        if plan is None or plan.id not in self.shown:
            cure = did_you_mean(name, self.shown)
            text = f"{shown(name)} is no plan that is sold here"
            raise refused_at(path, f"{text}; {cure}" if cure else text)
        return plan

    def currency(self, plan: Plan[Any]) -> Currency:
        own = None if self.buyer.customer is None else self.buyer.customer.currency
        return self.request.currency or own or plan.currency

    def reasons(
        self, plan: Plan[Any], add_ons: Iterable[Plan[Any]], currency: Currency
    ) -> tuple[NotAvailable, ...]:
        found: dict[NotAvailable, None] = {}
        for each in (plan, *add_ons):
            product = self.catalog.product_of(each)
            told = why_not(
                *(each, product, self.buyer),
                currency=currency,
                request=self.request,
                at=self.at,
                beside=each is not plan,
            )
            found |= dict.fromkeys(told)
        return tuple(found)

    def trial(self, plan: Plan[Any]) -> TrialAnswer:
        if plan.trial_days is None:
            return "none"
        return "had" if self.buyer.had_trial else "given"

    def move(self, plan: Plan[Any], add_ons: Mapping[Plan[Any], int], found: ResolvedPlan) -> Start:
        customer = self.buyer.customer
        return Start(
            customer=_STRANGER if customer is None else customer.id,
            group=self.catalog.product_of(plan).group,
            offer=plan.ref,
            currency=found.currency.code,
            zone=None if customer is None else customer.time_zone,
            seats=found.wish.quantity,
            add_ons=tuple(AddOn(each.ref, many) for each, many in add_ons.items()),
            trial_days=plan.trial_days if found.trial == "given" else None,
        )

    def figures(self, found: ResolvedPlan, move: Start, plan: Plan[Any]) -> ResolvedPlan:
        """Reckon it with the coupons that act."""
        outcome = start(_ID, move, self.at, self.offers)
        choice = choose_coupons(
            *(self.catalog, outcome, self.offers, self.buyer, self.request.codes),
            most=self.most(plan),
        )
        redemptions = [each.redemption for each in choice.taken]
        today, renewal = map(quoted, first_documents(outcome, self.offers, redemptions))
        codes = tuple(each.code.key for each in choice.taken if each.code is not None)
        taken = [
            CouponTaken(coupon=each.coupon, source=each.source, code=each.code)
            for each in choice.taken
        ]
        return replace(
            found,
            start=replace(move, coupons=codes),
            taken=taken_in(taken, today, renewal),
            left_out=choice.left_out,
            today=today,
            renewal=renewal,
        )

    def most(self, plan: Plan[Any]) -> int | None:
        """Give how many coupons act at most; None for as many as there are."""
        known = self.abilities.get(plan.provider or self.catalog.provider or "")
        if self.biller == "tallystick" or known is None:
            return None
        return known.discounts_per_checkout
