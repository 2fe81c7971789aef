"""Who may redeem a coupon: what was loaded goes in, yes or every reason why not comes out.

A code that is refused may be a guess.  `Qualification.public` is what a stranger is told: the same
answer for a code that does not exist and for one that is expired, used up or for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.coupon import code_key
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money, settle
from tallystick.core.period import instant
from tallystick.core.span import fee_exact
from tallystick.core.terms import item_plan, prices_of
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Item

__all__ = [
    "REASONS",
    "UNKNOWN_CODE",
    "Purchase",
    "Qualification",
    "Reason",
    "Redeemed",
    "find_code",
    "qualify",
]

Reason: TypeAlias = Literal[
    "unknown_code",
    "inactive",
    "not_yet",
    "expired",
    "currency",
    "plan",
    "product",
    "price",
    "meter",
    "first_purchase",
    "minimum",
    "held",
    "used_up",
    "used_up_by_customer",
]
"""Why a coupon may not be redeemed."""

REASONS: Final[Mapping[Reason, str]] = FrozenDict(
    {
        "unknown_code": "this code is not known, or not valid here",
        "inactive": "the coupon is no longer offered",
        "not_yet": "the coupon is not valid yet",
        "expired": "the coupon has expired",
        "currency": "the coupon is not for this currency",
        "plan": "the coupon is not for this plan",
        "product": "the coupon is not for this product",
        "price": "the coupon is for prices that this plan does not have",
        "meter": "the coupon is for usage that this plan does not charge",
        "first_purchase": "the coupon is for a first purchase",
        "minimum": "the purchase is below the least amount of the coupon",
        "held": "the coupon acts here already",
        "used_up": "the coupon has been redeemed as often as it can be",
        "used_up_by_customer": "this customer has redeemed the coupon as often as they can",
    }
)
"""Each reason in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What is about to be bought: when, by what it is limited, and what it comes to.

    `amount` is before any discount.  `first` is whether the customer never bought before, by the
    rule of whoever asks.
    """

    at: Instant
    amount: Money
    plans: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()
    first: bool = False

    @classmethod
    def of(cls, plan: Plan[Any], amount: Money, at: Instant, *, first: bool) -> Purchase:
        """Give the purchase of one plan.  Features with a price beyond their limit are metered."""
        meters = {price.meter for price in plan.prices if price.meter is not None}
        priced = (each for each in plan.features.values() if each.unit_price is not None)
        meters |= {feature.meter or feature.key for feature in priced}
        return cls(
            at=at,
            amount=amount,
            plans=frozenset({plan.id}),
            products=frozenset({plan.product_id}),
            prices=frozenset(price.id for price in plan.prices),
            meters=frozenset(meters),
            first=first,
        )

    @classmethod
    def of_items(
        cls, items: Sequence[Item], offers: Mapping[str, Plan[Any]], at: Instant, *, first: bool
    ) -> Purchase:
        """Give the purchase of all that a subscription has, for a period at its list price.

        Raises UnknownPlan for an offer that is not given.
        """
        plans = [item_plan(item, offers) for item in items]
        priced = [(item, p) for item in items for p in prices_of(item, offers).values()]
        fees = (settle(fee_exact(p, item), p.currency) for item, p in priced if p.basis != "usage")
        return cls(
            at=at,
            amount=Money.total(fees, plans[0].currency),
            plans=frozenset(plan.id for plan in plans),
            products=frozenset(plan.product_id for plan in plans),
            prices=frozenset(price.id for _, price in priced),
            meters=frozenset(price.meter for _, price in priced if price.meter is not None),
            first=first,
        )

    @property
    def currency(self) -> Currency:
        """What it is paid in."""
        return self.amount.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """How often a coupon was redeemed: in all, by this customer, and by the code that was typed.

    Redemptions that were given back do not count.  `held` is whether it acts on the very
    subscription already.
    """

    total: int = 0
    by_customer: int = 0
    by_code: int = 0
    by_code_and_customer: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True)
class Qualification:
    """Whether a coupon may be redeemed; where not, every reason in the order of `REASONS`.

    `coupon` is None for a code that does not exist, `code` where none was typed.
    """

    coupon: Coupon | None
    code: Code | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it may be redeemed."""
        return not self.reasons

    @property
    def words(self) -> tuple[str, ...]:
        """Give the reasons in words."""
        return tuple(REASONS[reason] for reason in self.reasons)

    @property
    def public(self) -> Qualification:
        """Give what a stranger may know: of a typed code that is refused, that it is refused."""
        return self if self.allowed or self.code is None else UNKNOWN_CODE


UNKNOWN_CODE: Final = Qualification(None, None, ("unknown_code",))
"""The answer to a code that does not exist."""


def find_code(coupons: Iterable[Coupon], typed: str) -> tuple[Coupon, Code] | None:
    """Find the coupon of a code as somebody typed it; None where there is no such code."""
    try:
        wanted = code_key(typed)
    except InvalidInput:  # too long, empty, or no text: nobody's code
        return None
    codes = ((coupon, code) for coupon in coupons for code in coupon.codes)
    return next((pair for pair in codes if pair[1].key == wanted), None)


def qualify(
    coupon: Coupon, purchase: Purchase, redeemed: Redeemed, code: Code | None = None
) -> Qualification:
    """Tell whether a coupon may be redeemed for a purchase, by a code or without one.

    Both the coupon's limits and those of the code hold.
    """
    found = {
        *_of_offer(coupon, purchase),
        *_of_purchase(coupon, purchase),
        *_of_counts(coupon, redeemed.total, redeemed.by_customer),
    }
    if code is not None:
        found |= {
            *_of_window(code, purchase.at),
            *_of_counts(code, redeemed.by_code, redeemed.by_code_and_customer),
        }
    if redeemed.held:
        found.add("held")
    return Qualification(coupon, code, tuple(reason for reason in REASONS if reason in found))


def _of_offer(coupon: Coupon, purchase: Purchase) -> Iterator[Reason]:
    if not coupon.active:
        yield "inactive"
    yield from _of_window(coupon, purchase.at)


def _of_window(limited: Coupon | Code, at: Instant) -> Iterator[Reason]:
    if limited.starts_at is not None and instant(at) < limited.starts_at:
        yield "not_yet"
    if limited.ends_at is not None and instant(at) >= limited.ends_at:
        yield "expired"


def _of_purchase(coupon: Coupon, purchase: Purchase) -> Iterator[Reason]:
    limits: tuple[tuple[Reason, frozenset[str], frozenset[str]], ...] = (
        ("plan", coupon.plans, purchase.plans),
        ("product", coupon.products, purchase.products),
        ("price", coupon.prices, purchase.prices),
        ("meter", coupon.meters, purchase.meters),
    )
    for reason, allowed, own in limits:
        if allowed and not allowed & own:
            yield reason
    if not coupon.takes(purchase.currency):
        yield "currency"
    elif purchase.amount < coupon.minimum_in(purchase.currency):
        yield "minimum"
    if coupon.first_purchase and not purchase.first:
        yield "first_purchase"


def _of_counts(limited: Coupon | Code, total: int, by_customer: int) -> Iterator[Reason]:
    if limited.max_redemptions is not None and total >= limited.max_redemptions:
        yield "used_up"
    most = limited.max_redemptions_per_customer
    if most is not None and by_customer >= most:
        yield "used_up_by_customer"
