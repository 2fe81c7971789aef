"""Coupons: who may redeem one, redeeming it, giving it back, and which act on a document.

A coupon stands in a published catalogue.  Who redeems it has it as that version says, whatever is
published later.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.app.customer import get_customer
from tallystick.app.offers import Offers, catalog_of
from tallystick.app.redemptions import (
    as_redemption,
    coupon_of,
    redemption_of,
    redemptions_for,
)
from tallystick.core.coupon import code_key
from tallystick.core.coupon_order import automatic_coupons
from tallystick.core.period import to_the_second
from tallystick.core.qualification import (
    UNKNOWN_CODE,
    Purchase,
    Qualification,
    Redeemed,
    find_code,
    qualify,
)
from tallystick.core.text import id_at
from tallystick.errors import Conflict, CouponRefused, InvalidInput, NotFound
from tallystick.storage import catalogs, invoices, redemptions, subscriptions
from tallystick.storage.redemptions import RedemptionRow, Slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.period import Instant
    from tallystick.core.redemption import Redemption
    from tallystick.core.subscription import Subscription
    from tallystick.storage.redemptions import Source
    from tallystick.storage.unit import Unit

__all__ = [
    "check_code",
    "end_coupon",
    "get_redemption",
    "list_redemptions",
    "redeem",
    "redeem_at_start",
    "redeemed_of",
    "release",
]


def redeem(
    unit: Unit,
    at: Instant,
    redemption_id: str,
    *,
    customer_id: str,
    code: str | None = None,
    coupon_id: str | None = None,
    subscription_id: str | None = None,
    key: str | None = None,
) -> Redemption:
    """Redeem a coupon by a code, or give one by its id, for a subscription or for all of them.

    With an idempotency `key` a repeat gives what the first call made.

    Raises NotFound; InvalidInput where not just one of code and coupon is said; CouponRefused where
    it may not be redeemed, of a code without telling why; Conflict where the key was used for
    something else.
    """
    at = to_the_second(at)
    if (code is None) == (coupon_id is None):
        raise InvalidInput("say either a code or a coupon", {"code": ["or coupon, not both"]})
    customer = get_customer(unit, customer_id)
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be sold to it")
    subscription = _subscription(unit, customer.id, subscription_id)
    known = None if key is None else redemptions.redemption_by_key(unit, customer.id, key)
    if known is not None:
        asked = (code_key(code) if code is not None else None, subscription_id)
        if (known.code, known.subscription) != asked or coupon_id not in {None, known.coupon}:
            raise Conflict(f"the idempotency key {key!r} was used for another redemption")
        return redemption_of(unit, known)
    number, coupon, found = _wanted(unit, code, coupon_id)
    asked_for = _Asking(unit, at, customer.id, subscription, number)
    source: Source = "customer" if code is None else "code"
    return asked_for.redeemed(
        redemption_id, coupon, found, source, zone=customer.time_zone, key=key
    )


def redeem_at_start(
    unit: Unit, at: Instant, subscription: Subscription, codes: Sequence[str]
) -> tuple[Redemption, ...]:
    """Redeem what comes with a plan by itself, and the codes that were typed for it.

    What comes by itself and does not qualify is left out; a code that does not is refused.

    Raises CouponRefused, InvalidInput.
    """
    newest = catalogs.newest(unit)
    if newest is None:
        return ()
    begins = subscription.begins_at or subscription.started_at
    asked = _Asking(
        *(unit, to_the_second(at), subscription.customer, subscription, newest.number),
        begins=begins,
    )
    plan = Offers(unit)[subscription.plan]
    done = []
    for coupon in automatic_coupons(asked.catalog, plan):
        if not asked.qualification(coupon, None).allowed:
            continue
        done.append(
            asked.redeemed(
                _own_id(subscription, coupon), coupon, None, "plan", zone=subscription.zone
            )
        )
    for code in codes:
        _, coupon, found = _wanted(unit, code, None)
        if any(each.coupon.id == coupon.id for each in done):
            continue
        done.append(
            asked.redeemed(
                _own_id(subscription, coupon), coupon, found, "code", zone=subscription.zone
            )
        )
    return tuple(done)


def _own_id(subscription: Subscription, coupon: Coupon) -> str:
    """Give the id of what is redeemed with a start: the same whenever it is made."""
    body = f"{len(subscription.id)}:{subscription.id}{coupon.id}".encode()
    return f"red_{hashlib.sha256(body).hexdigest()[:26]}"


def check_code(
    unit: Unit, at: Instant, code: str, *, customer_id: str, subscription_id: str | None = None
) -> Qualification:
    """Tell whether a customer may redeem a code; of one that is refused, nothing but that."""
    customer = get_customer(unit, customer_id)
    subscription = _subscription(unit, customer.id, subscription_id)
    try:
        number, coupon, found = _wanted(unit, code, None)
    except CouponRefused:
        return UNKNOWN_CODE
    asked = _Asking(unit, to_the_second(at), customer.id, subscription, number)
    return asked.qualification(coupon, found).public


def redeemed_of(unit: Unit, customer: str, coupon: Coupon, code: Code | None) -> Redeemed:
    """Give how often a coupon was redeemed: by anybody, by a customer, by a code."""
    total, by_customer, *by_code = redemptions.claimed(unit, _slots(customer, coupon, code))
    return Redeemed(
        total=total,
        by_customer=by_customer,
        by_code=by_code[0] if by_code else 0,
        by_code_and_customer=by_code[1] if by_code else 0,
    )


def release(unit: Unit, at: Instant, redemption_id: str) -> Redemption:
    """Take a redemption back whose sale came to nothing: its place is free again, once.

    A second call changes nothing.  Raises NotFound; Conflict where a document stands that it took
    something off: end it instead.
    """
    row = _held(unit, redemption_id)
    if redemptions.uses(unit, [row.customer]).get((row.customer, row.id)):
        raise Conflict(f"redemption {row.id!r} took something off an invoice: end it instead")
    if redemptions.release_redemption(unit, row, to_the_second(at)):
        coupon = coupon_of(unit, row)
        code = None if row.code is None else _code(coupon, row.code)
        redemptions.give_back(unit, _slots(row.customer, coupon, code))
    return redemption_of(unit, _held(unit, redemption_id))


def end_coupon(unit: Unit, at: Instant, redemption_id: str) -> Redemption:
    """Let a redemption act no more from now on; its place stays taken.  Raises NotFound."""
    row = _held(unit, redemption_id)
    if row.ended_at is None:
        redemptions.end_redemption(unit, row, to_the_second(at))
    return redemption_of(unit, _held(unit, redemption_id))


def get_redemption(unit: Unit, redemption_id: str) -> Redemption:
    """Give a redemption.  Raises NotFound."""
    row = redemptions.redemption_by_id(unit, id_at(redemption_id, "id"))
    if row is None:
        raise NotFound("redemption", redemption_id)
    return redemption_of(unit, row)


def list_redemptions(unit: Unit, customer_id: str) -> tuple[Redemption, ...]:
    """Give the redemptions of a customer in the order in which they act; NotFound."""
    customer = get_customer(unit, customer_id)
    return tuple(redemptions_for(unit, [customer.id]).get(customer.id, ()))


# --- one wish to redeem ---------------------------------------------------------------------------


class _Asking:
    """A customer who wants coupons: what is bought, and what was redeemed before."""

    def __init__(
        self,
        unit: Unit,
        at: Instant,
        customer: str,
        subscription: Subscription | None,
        number: int,
        *,
        begins: Instant | None = None,
    ) -> None:
        self.unit, self.at, self.customer = unit, at, customer
        self.subscription, self.number = subscription, number
        self.catalog: Any = catalog_of(unit, number)
        self.begins = at if begins is None else begins
        self.purchase = None if subscription is None else self._purchase(subscription)

    def qualification(self, coupon: Coupon, code: Code | None) -> Qualification:
        held = any(each.coupon.id == coupon.id for each in self._acting())
        counts = redeemed_of(self.unit, self.customer, coupon, code)
        redeemed = replace(counts, held=held)
        return qualify(coupon, self.purchase or self._any_purchase(coupon), redeemed, code)

    def redeemed(
        self,
        id_: str,
        coupon: Coupon,
        code: Code | None,
        source: Source,
        *,
        zone: str | None,
        key: str | None = None,
    ) -> Redemption:
        """Claim a place in every count, and store the redemption; or nothing of it."""
        # Counts are raised first: their rows are locked, so what is read after stays as it is.
        for slot in _slots(self.customer, coupon, code):
            if not redemptions.claim(self.unit, slot):
                raise _refused(coupon, code, self.qualification(coupon, code))
        found = _without_own(self.qualification(coupon, code), coupon, code)
        if not found.allowed:
            raise _refused(coupon, code, found)
        before = redemptions.redemptions_of(self.unit, [self.customer], all_=True)
        row = RedemptionRow(
            customer=self.customer,
            id=id_at(id_, "id"),
            coupon=coupon.id,
            code=None if code is None else code.key,
            subscription=None if self.subscription is None else self.subscription.id,
            source=source,
            place=1 + max((each.place for each in before), default=0),
            catalog_number=self.number,
            zone=zone,
            redeemed_at=self.begins,
            recorded_at=self.at,
            idempotency_key=key,
        )
        redemptions.add_redemption(self.unit, row)
        return as_redemption(row, coupon, 0)

    def _acting(self) -> list[Redemption]:
        mine = None if self.subscription is None else self.subscription.id
        found = redemptions_for(self.unit, [self.customer]).get(self.customer, [])
        return [
            each
            for each in found
            if each.subscription in {None, mine} and each.acts(max(self.begins, each.redeemed_at))
        ]

    def _purchase(self, subscription: Subscription) -> Purchase:
        """Give what is bought: all that is had, for a period at its list price."""
        first = not invoices.has_bought(self.unit, self.customer)
        return Purchase.of_items(subscription.items, Offers(self.unit), self.at, first=first)

    def _any_purchase(self, coupon: Coupon) -> Purchase:
        """Give a purchase that only the coupon's times and counts can refuse.

        Who has it for whatever comes is held to its other limits line by line, as it acts.
        """
        unit = self.catalog.products[0].plans[0].currency
        wanted = next((each for each in _currencies(coupon) if coupon.takes(each)), unit)
        return Purchase(
            at=self.at,
            amount=coupon.minimum_in(wanted),
            plans=coupon.plans,
            products=coupon.products,
            prices=coupon.prices,
            meters=coupon.meters,
            first=not invoices.has_bought(self.unit, self.customer),
        )


def _currencies(coupon: Coupon) -> list[Any]:
    amounts = coupon.off if isinstance(coupon.off, tuple) else ()
    return [
        *coupon.currencies,
        *(each.currency for each in amounts),
        *(each.currency for each in coupon.minimum),
    ]


def _without_own(found: Qualification, coupon: Coupon, code: Code | None) -> Qualification:
    """Leave out that it is used up: the last place is the one that was just claimed."""
    reasons = tuple(each for each in found.reasons if not each.startswith("used_up"))
    return Qualification(coupon, code, reasons)


def _refused(coupon: Coupon, code: Code | None, found: Qualification) -> CouponRefused:
    """Say why; to who typed a code, only that it is not valid."""
    told = Qualification(coupon, code, found.reasons or ("used_up",)).public
    return CouponRefused("; ".join(told.words), told.reasons)


def _slots(customer: str, coupon: Coupon, code: Code | None) -> tuple[Slot, ...]:
    """Give the counts that a redemption takes a place in, in the order in which they are locked."""
    name = f"coupon/{coupon.id}"
    slots = (
        Slot(name, coupon.max_redemptions),
        Slot(name, coupon.max_redemptions_per_customer, customer),
    )
    if code is None:
        return slots
    own = f"code/{code.key}"
    return (
        *slots,
        Slot(own, code.max_redemptions),
        Slot(own, code.max_redemptions_per_customer, customer),
    )


# --- what is stored -------------------------------------------------------------------------------


def _wanted(unit: Unit, code: str | None, coupon_id: str | None) -> tuple[int, Coupon, Code | None]:
    """Find a coupon in the newest catalogue.  Raises NotFound, CouponRefused for a code."""
    newest = catalogs.newest(unit)
    coupons: Iterable[Coupon] = () if newest is None else catalog_of(unit, newest.number).coupons
    if code is not None:
        pair = find_code(coupons, code)
        if pair is None or newest is None:
            raise CouponRefused(UNKNOWN_CODE.words[0], UNKNOWN_CODE.reasons)
        return newest.number, *pair
    key = id_at(coupon_id, "coupon")
    found = next((each for each in coupons if each.id == key), None)
    if found is None or newest is None:
        raise NotFound("coupon", key)
    return newest.number, found, None


def _subscription(unit: Unit, customer: str, named: str | None) -> Subscription | None:
    if named is None:
        return None
    key = id_at(named, "subscription")
    found = subscriptions.find_subscription(unit, key, customer=customer)
    if found is None:
        raise NotFound("subscription", key)
    return found


def _held(unit: Unit, redemption_id: str) -> RedemptionRow:
    row = redemptions.redemption_by_id(unit, id_at(redemption_id, "id"), lock=True)
    if row is None:
        raise NotFound("redemption", redemption_id)
    return row


def _code(coupon: Coupon, key: str) -> Code | None:
    return next((each for each in coupon.codes if each.key == key), None)
