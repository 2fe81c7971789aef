"""What Stripe has to hold for a catalogue: its products, meters, prices, coupons and codes.

A line that is charged through Stripe and that Stripe has no words for is a problem, by its place
and with a cure: nothing is sent then.  What is never charged through Stripe is skipped and named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.lock import fee_key, line_key, overage_key
from tallystick.core.meter import meters_of
from tallystick.core.subscription import Item
from tallystick.core.terms import cadence_of_price, prices_of
from tallystick.errors import InvalidInput, Problem
from tallystick.providers.stripe.book import PLAN, Skipped, Wanted
from tallystick.providers.stripe.book_coupon import wanted_coupons
from tallystick.providers.stripe.book_price import fee_terms, inexpressible, price_terms

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog, Plan, Product
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant
    from tallystick.core.price import Price

__all__ = ["Wish", "wish_of"]

_NAME: Final = "stripe"
_CURE: Final = "let Tallystick bill this plan: name another provider, or `provider: null`"
_LONGEST_NAME: Final = 250
_LONGEST_KEY: Final = 200
_LONGEST_EVENT: Final = 100
_PLAN_FIELDS: Final = {
    "minimum_commitment": "Stripe knows no least amount for a period",
    "credits": "Stripe's subscriptions grant none of them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """All that is wanted, in catalogue order, what is skipped, and what Stripe cannot express."""

    wanted: tuple[Wanted, ...]
    skipped: tuple[Skipped, ...]
    problems: tuple[Problem, ...] = ()


def wish_of(catalog: Catalog[Any, Any], at: Instant) -> Wish:
    """Give what Stripe has to hold for a catalogue at a time.

    `problems` are the lines that Stripe cannot express, each with its place and a cure.
    """
    reader = _Reader(catalog)
    reader.read()
    sold = frozenset(each.key for each in reader.wanted if each.kind == "product")
    for each in wanted_coupons(catalog, at, sold):
        (reader.skipped if isinstance(each, Skipped) else reader.wanted).append(each)  # type: ignore[arg-type]  # by its class
    return Wish(
        wanted=tuple(reader.wanted),
        skipped=tuple(reader.skipped),
        problems=tuple(reader.problems),
    )


@dataclass
class _Reader:
    catalog: Catalog[Any, Any]
    wanted: list[Wanted] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    prices: dict[str, Wanted] = field(default_factory=dict)

    def read(self) -> None:
        """Read products and plans, then the meters that their prices need."""
        for number, product in enumerate(self.catalog.products):
            before = len(self.prices)
            for index, plan in enumerate(product.plans):
                self.plan(f"products[{number}].plans[{index}]", plan)
            if len(self.prices) > before:
                self.wanted.append(_product(f"products[{number}]", product))
        keys = {price.terms["meter"]: price.path for price in self.prices.values()}
        for key in sorted(keys.keys() - {None}):
            self.meter(key, keys[key])
        self.wanted += self.prices.values()

    def plan(self, path: str, plan: Plan[Any]) -> None:
        reason = _plan_reason(plan, self.catalog)
        if reason is not None:
            if plan.prices or not plan.custom:
                self.skipped.append(Skipped(path=path, name=f"plan {plan.id}", reason=reason))
            return
        for name, words in _PLAN_FIELDS.items():
            if getattr(plan, name):
                self.problems.append(Problem(f"{path}.{name}", words, _CURE))
        if plan.invoice_threshold is not None:
            name, reason = f"threshold of plan {plan.id}", "Stripe bills it at the period's end"
            self.skipped.append(Skipped(path=path, name=name, reason=reason))
        for unit in plan.sold_in:
            self.plan_in(path, plan, unit)

    def plan_in(self, path: str, plan: Plan[Any], unit: Currency) -> None:
        sold = plan.in_currency(unit)
        other = None if unit == plan.currency else unit.code
        item = Item(key="item", offer=sold.ref)
        lines = {price.id: index for index, price in enumerate(plan.prices)}
        for id_, price in prices_of(item, {sold.ref: sold}).items():
            if id_ in lines:
                self.line(f"{path}.prices[{lines[id_]}]", sold, price, line_key(id_, other))
            else:
                self.overage(f"{path}.limits", sold, price, overage_key(plan.id, id_, other))
        if sold.setup_fee:
            key = fee_key(plan.id, other)
            self.fee(f"{path}.setup_fee", sold, key)

    def line(self, path: str, plan: Plan[Any], price: Price, key: str) -> None:
        found = list(inexpressible(price))
        self.problems += [Problem(f"{path}.{name}", words, _CURE) for name, words in found]
        if found:
            return
        counted = plan.interval_count is not None or price.interval is not None
        try:
            terms = price_terms(price, cadence_of_price(price, plan), counted=counted)
        except InvalidInput as refused:
            self.problems.append(Problem(path, str(refused), _CURE))
            return
        self.price(path, plan, key, terms, price.name or plan.name, price.provider_id or price.id)

    def overage(self, path: str, plan: Plan[Any], price: Price, key: str) -> None:
        feature = next(f for f in plan.features.values() if price.id.split("/")[0] == f.key)
        place = f"{path}[{list(plan.features).index(feature.key)}]"
        fits = feature.reset in {None, "billing_period"} or (
            feature.reset == plan.interval and plan.count == 1
        )
        if plan.one_time or not fits or feature.window_seconds is not None:
            words = "Stripe counts usage from invoice to invoice, not by another time"
            self.problems.append(Problem(f"{place}.reset", words, _CURE))
            return
        self.line(place, plan, price, key)

    def fee(self, path: str, plan: Plan[Any], key: str) -> None:
        try:
            terms = fee_terms(plan.setup_fee, plan.currency)
        except InvalidInput as refused:
            self.problems.append(Problem(path, str(refused), _CURE))
            return
        self.price(path, plan, key, terms, f"{plan.name} set-up", None)

    def price(  # noqa: PLR0917 - the parts of one value
        self,
        path: str,
        plan: Plan[Any],
        key: str,
        terms: dict[str, Any],
        name: str,
        named: str | None,
    ) -> None:
        if len(key) > _LONGEST_KEY:
            text = f"its key {key[:40]!r}… has more than {_LONGEST_KEY} characters"
            self.problems.append(Problem(path, text, "shorten its id"))
        wanted = Wanted(
            kind="price",
            key=key,
            path=path,
            terms=terms,
            words={"nickname": name[:_LONGEST_NAME], PLAN: plan.id},
            product=plan.product_id,
            plan=plan.id,
            named=named,
            active=plan.active,
        )
        known = self.prices.setdefault(key, wanted)
        if known is not wanted and known.terms != terms:
            text = f"{key!r} would be two prices at Stripe: it is charged otherwise in {known.plan}"
            cure = "give the line another id, or the same interval in each plan"
            self.problems.append(Problem(path, text, cure))

    def meter(self, key: str, path: str) -> None:
        meter = meters_of(self.catalog)[key]
        if len(key) > _LONGEST_EVENT:
            text = f"Stripe's meters have names of at most {_LONGEST_EVENT} characters"
            self.problems.append(Problem(f"{path}.meter", text, "shorten the key of the meter"))
        # We count ourselves and report what came: a counter is a sum of it, a gauge the last.
        terms = {"event_name": key, "formula": "last" if meter.gauge else "sum"}
        words = {"display_name": (meter.description or key)[:_LONGEST_NAME]}
        self.wanted.append(Wanted(kind="meter", key=key, path=path, terms=terms, words=words))


def _product(path: str, product: Product[Any]) -> Wanted:
    return Wanted(
        kind="product",
        key=product.id,
        path=path,
        terms={},
        words={"name": product.name[:_LONGEST_NAME], "description": product.description},
        named=product.id,
        active=any(plan.active for plan in product.plans),
    )


def _plan_reason(plan: Plan[Any], catalog: Catalog[Any, Any]) -> str | None:
    """Say why a plan is not sold through Stripe's prices; None where it is."""
    if plan.custom:
        return "its price is agreed by hand"
    if plan.provider not in {None, _NAME}:
        return f"it is sold through {plan.provider}"
    if plan.provider is None and any(each.provider for each in catalog):
        return "it names no provider, and others do"
    return None
