"""Our price for a price of Stripe's, and our coupon for a coupon.

The catalogue's line is ours where the lock file, or the line's own id, maps it; anything else is
read from Stripe's price itself, as `tallystick stripe import` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.coupon import Coupon
from tallystick.core.currency import currency
from tallystick.core.lock import fee_key, line_key, overage_key
from tallystick.core.period import Cadence
from tallystick.core.price import Flat, PercentOff, Price
from tallystick.core.subscription import Item
from tallystick.core.terms import cadence_of_price, prices_of
from tallystick.errors import InvalidInput
from tallystick.providers.stripe.book_import import read_price
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tallystick.core.catalog import Catalog, Interval, Plan
    from tallystick.core.currency import Currency
    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.book import Found

__all__ = ["Tariff", "Tariffs", "tariffs_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price to reckon with; a cadence of None is paid once.

    `key` is its name in the lock file, or Stripe's id where the price was read from Stripe; `plan`
    and `product` are the catalogue's.
    """

    key: str
    price: Price
    cadence: Cadence | None = None
    plan: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """What an account charges, and which of it is whose in the catalogue."""

    held: Mapping[str, Found]
    lines: Mapping[str, Tariff] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)

    def ours(self, price: str) -> Tariff:
        """Give our price for one of Stripe's: the catalogue's, else as `theirs`.

        Raises InvalidInput with why there is none.
        """
        return self.lines.get(price) or self.theirs(price)

    def theirs(self, price: str) -> Tariff:
        """Give Stripe's own price in our words.  Raises InvalidInput with why there is none."""
        found = self.held.get(price)
        if found is None:
            raise InvalidInput(f"{price} is not among the account's prices")
        try:
            read = read_price(found)
        except InvalidInput as refused:
            raise InvalidInput(f"{price} {refused}") from None
        every = self.every(price)
        return Tariff(key=price, price=read, cadence=None if every is None else Cadence(*every))

    def by_tiers(self, price: str) -> bool:
        """Whether Stripe charges a price by tiers, and may write a line for each."""
        found = self.held.get(price)
        return found is not None and found.terms["tiers"] is not None

    def every(self, price: str | None) -> tuple[Interval, int] | None:
        """Give how often Stripe charges a price: interval and count, None for once or unknown."""
        found = self.held.get(price or "")
        if found is None or found.terms["interval"] is None:
            return None
        return found.terms["interval"], found.terms["interval_count"]

    def coupon(self, coupon: str) -> tuple[Coupon, bool]:
        """Give our coupon for one of Stripe's, and whether it is the catalogue's.

        Raises InvalidInput for one that is not there any more.
        """
        own = self.coupons.get(coupon)
        if own is not None:
            return own, True
        found = self.held.get(coupon)
        if found is None:
            raise InvalidInput(f"the coupon {coupon} is not in the account any more")
        return _coupon(found), False


def tariffs_of(
    held: Iterable[Found], catalog: Catalog[Any, Any] | None = None, lock: Lock | None = None
) -> Tariffs:
    """Say what an account charges; `held` is all of its price list (`Book.held`)."""
    if catalog is None:
        return Tariffs(held={each.id: each for each in held})
    own: dict[str, Tariff] = {}
    for tariff, named in _lines(catalog):
        locked = None if lock is None else lock.prices.get(tariff.key)
        id_ = named if locked is None else locked.provider_id
        own.setdefault(id_ or tariff.key, tariff)
    ids = {} if lock is None else lock.coupons
    coupons = {ids.get(coupon.id, coupon.id): coupon for coupon in catalog.coupons}
    return Tariffs(held={each.id: each for each in held}, lines=own, coupons=coupons)


def _lines(catalog: Catalog[Any, Any]) -> Iterator[tuple[Tariff, str | None]]:
    """Give everything a catalogue charges, with the provider's id where the line itself has one."""
    for product in catalog.products:
        for plan in product.plans:
            for unit in plan.sold_in:
                yield from _of_plan(plan.in_currency(unit), product.id, unit, plan.currency)


def _of_plan(
    plan: Plan[Any], product: str, unit: Currency, first: Currency
) -> Iterator[tuple[Tariff, str | None]]:
    other = None if unit == first else unit.code
    lines = {price.id for price in plan.prices}
    for id_, price in prices_of(Item(key="item", offer=plan.ref), {plan.ref: plan}).items():
        key = line_key(id_, other) if id_ in lines else overage_key(plan.id, id_, other)
        tariff = Tariff(
            key=key,
            price=price,
            cadence=cadence_of_price(price, plan),
            plan=plan.id,
            product=product,
        )
        yield tariff, price.provider_id
    if plan.setup_fee:
        key = fee_key(plan.id, other)
        fee = Price(id=key, currency=unit, shape=Flat(plan.setup_fee), basis="flat", name="set-up")
        yield Tariff(key=key, price=fee, plan=plan.id, product=product), None


def _coupon(found: Found) -> Coupon:
    """Read a coupon of Stripe; the products it is limited to stay Stripe's."""
    terms = found.terms
    off: PercentOff | tuple[Any, ...]
    if terms["amount_off"] is None:
        off = PercentOff(Decimal(terms["percent_off"]))
    else:
        amounts = terms["amount_off"].items()
        off = tuple(from_api_amount(amount, currency(code)) for code, amount in amounts)
    return Coupon(
        id=found.id,
        off=off,
        name=found.words["name"] or "",
        duration=terms["duration"],
        months=terms["months"],
        products=frozenset(terms["products"] or ()),
    )
