"""Which coupons act on a start: those that qualify, in their order, as many as a provider takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tallystick.core.checkout import CouponLeftOut
from tallystick.core.checkout_figures import first_documents
from tallystick.core.coupon import code_key
from tallystick.core.coupon_order import automatic_coupons, best, stack
from tallystick.core.money import Money
from tallystick.core.qualification import (
    UNKNOWN_CODE,
    Purchase,
    Qualification,
    Redeemed,
    find_code,
    qualify,
)
from tallystick.core.redemption import Redemption
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.checkout import Buyer, Source
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.subscription_moves import Outcome

__all__ = ["Choice", "Chosen", "choose_coupons", "typed_codes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A coupon that acts, how it is come by, and the redemption that it is or would be."""

    coupon: Coupon
    source: Source
    code: Code | None
    redemption: Redemption


@dataclass(frozen=True, slots=True)
class Choice:
    """The coupons that act, in the order in which they do, and those that do not, with why not."""

    taken: tuple[Chosen, ...] = ()
    left_out: tuple[CouponLeftOut, ...] = ()


def choose_coupons(
    catalog: Catalog[Any, Any],
    outcome: Outcome,
    offers: Mapping[str, Plan[Any]],
    buyer: Buyer,
    codes: Sequence[str],
    *,
    most: int | None = None,
) -> Choice:
    """Give the coupons that act on a start, of the plan's, the customer's and the codes typed.

    Where a provider takes at most so many, they are those with the least to pay today, then at the
    first renewal, then the earliest in that order; what the customer has to its credit is no
    matter.  Of a code that is refused nothing is told but that.

    Raises InvalidInput where there are too many coupons to choose from.
    """
    asking = _Asking(catalog, outcome, offers, buyer)
    asking.plan()
    asking.promotions()
    for typed in typed_codes(codes):
        asking.code(typed)
    order = stack(each.coupon for each in asking.found)
    by_id: dict[str, Chosen] = {}
    for each in asking.found:
        by_id.setdefault(each.coupon.id, each)
    kept, rest = (order, ()) if most is None else best(order, most, asking.dues(by_id))
    limited = [
        CouponLeftOut(coupon=each, typed=asking.typed.get(each.id), limit=most) for each in rest
    ]
    return Choice(tuple(by_id[each.id] for each in kept), (*asking.left_out, *limited))


def typed_codes(codes: Sequence[str]) -> tuple[str, ...]:
    """Give codes as they were typed, one that was typed twice once."""
    first: dict[str, str] = {}
    for code in codes:
        first.setdefault(_key(code), code)
    return tuple(first.values())


def _key(code: str) -> str:
    try:
        return code_key(code)
    except InvalidInput:  # nobody's code, which is told as any other that is not known
        return code


class _Asking:
    """What is bought and by whom, and the coupons for it that were found so far."""

    def __init__(
        self,
        catalog: Catalog[Any, Any],
        outcome: Outcome,
        offers: Mapping[str, Plan[Any]],
        buyer: Buyer,
    ) -> None:
        self.catalog, self.outcome, self.offers, self.buyer = catalog, outcome, offers, buyer
        self.made = outcome.subscription
        self.at = self.made.begins_at or self.made.clock
        first = buyer.customer is not None and not buyer.bought
        self.purchase = Purchase.of_items(self.made.items, offers, self.at, first=first)
        self.found: list[Chosen] = []
        self.left_out: list[CouponLeftOut] = []
        self.typed: dict[str, str] = {}
        self.had = {each.coupon.id for each in buyer.promotions if each.acts(self.at)}

    def plan(self) -> None:
        """Look at what comes with the plan by itself."""
        for coupon in automatic_coupons(self.catalog, self.offers[self.made.plan]):
            said = self.qualification(coupon, None)
            if said.allowed:
                self.take(coupon, "plan", None)
            elif said.reasons != ("held",):  # then it acts already
                self.left_out.append(CouponLeftOut(coupon=coupon, reasons=said.reasons))

    def promotions(self) -> None:
        """Look at what the customer was given for whatever it buys."""
        for each in self.buyer.promotions:
            if not each.acts(self.at):
                continue
            if each.coupon.takes(self.made.currency):
                self.found.append(
                    Chosen(coupon=each.coupon, source="customer", code=None, redemption=each)
                )
            else:
                self.left_out.append(CouponLeftOut(coupon=each.coupon, reasons=("currency",)))

    def code(self, typed: str) -> None:
        """Look for the coupon of a code."""
        pair = find_code(self.catalog.coupons, typed)
        acting = any(pair is not None and each.coupon.id == pair[0].id for each in self.found)
        said = UNKNOWN_CODE if pair is None else self.qualification(*pair).public
        if pair is not None and said.allowed and not acting:
            self.typed[pair[0].id] = typed
            self.take(pair[0], "code", pair[1])
            return
        if said.allowed:  # it acts already: with the plan, or by another of its codes
            said = replace(said, reasons=("held",))
        self.left_out.append(CouponLeftOut(typed=typed, reasons=said.reasons))

    def qualification(self, coupon: Coupon, code: Code | None) -> Qualification:
        key = (coupon.id, None if code is None else code.key)
        redeemed = self.buyer.redeemed.get(key, Redeemed())
        held = replace(redeemed, held=coupon.id in self.had)
        return qualify(coupon, self.purchase, held, code)

    def take(self, coupon: Coupon, source: Source, code: Code | None) -> None:
        redemption = Redemption(
            id=f"{source}/{coupon.id}",
            coupon=coupon,
            customer=self.made.customer,
            subscription=self.made.id,
            code=None if code is None else code.key,
            redeemed_at=self.at,
            zone=self.made.zone,
        )
        self.found.append(Chosen(coupon=coupon, source=source, code=code, redemption=redemption))

    def dues(self, by_id: Mapping[str, Chosen]) -> Any:  # noqa: ANN401 - a function of coupons
        """Give the function that tells what some of the coupons leave to pay."""
        nothing = Money.zero(self.made.currency)

        def of(coupons: tuple[Coupon, ...]) -> tuple[Money, Money]:
            redemptions = [by_id[each.id].redemption for each in coupons]
            documents = first_documents(self.outcome, self.offers, redemptions)
            today, renewal = (nothing if each is None else each.total for each in documents)
            return today, renewal

        return of
