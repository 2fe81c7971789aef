"""From records to a `Catalog`: the checks that look at more than one field, then the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.currency import Currency
from tallystick.core.currency import currency as currency_of
from tallystick.core.dialects.amounts import amount_of
from tallystick.core.dialects.coupons import Coupons
from tallystick.core.dialects.credits import credits_of
from tallystick.core.dialects.currencies import plan_currencies, unit_prices
from tallystick.core.dialects.meters import meter_of
from tallystick.core.dialects.prices import check_cadence, price_of
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.price import Flat, Price
from tallystick.core.rules import hints_of, problems_of
from tallystick.core.spelling import did_you_mean
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.dialects.report import Record, Report
    from tallystick.core.meter import Meter
    from tallystick.core.provider import Abilities

__all__ = ["Builder"]

_PER_PERIOD = (
    "interval",
    "interval_count",
    "trial_days",
    "minimum_commitment",
    "invoice_threshold",
)
"""What only a plan with periods has."""

_LONGEST_WINDOW = 366 * 86_400

_UNREAD = Currency("???", 4)
"""Stands for a currency that could not be read, so that what follows is checked all the same.

No currency has more than four decimals, so it calls nothing a problem that is none.
"""


class Builder:
    """Builds one catalogue, keeping what must be unique over the whole of it."""

    def __init__(
        self, report: Report, abilities: Mapping[str, Abilities], provider: str | None
    ) -> None:
        """Start with nothing sold."""
        self.report = report
        self.abilities = abilities
        self.provider = provider
        self.meters: dict[str, Meter] = {}
        self._products: dict[str, str] = {}
        self._plans: dict[str, str] = {}
        self._prices: dict[str, tuple[Price | None, str]] = {}
        self._metered: list[tuple[Record, str]] = []
        self._grouped: list[tuple[Record, Price]] = []
        self._feature_keys: set[str] = set()

    def add_meters(self, records: list[Record]) -> None:
        """Declare what is counted."""
        for record in records:
            key = record.get("key")
            if key is None:
                continue
            if key in self.meters:
                record.problem("key", f"{key!r} is taken: meter keys are unique")
            self.meters[key] = meter_of(record)

    def catalog(self, products: list[Product], coupons: list[Record]) -> Catalog:
        """Close the catalogue: what needs all of it is checked now."""
        known = {*self.meters, *self._feature_keys}
        for record, meter in self._metered:
            if self.meters and meter not in known:
                cure = did_you_mean(meter, known) or "declare it under meters"
                record.problem("meter", f"there is no meter {meter!r}", cure)
        for record, price in self._grouped:
            self._check_groups(record, price)
        return Catalog(
            products=tuple(products),
            provider=self.provider,
            meters=self.meters,
            coupons=Coupons().build(coupons, self._scopes(products)),
            dialect=self.report.dialect,
            hints=self.report.hints,
        )

    def _scopes(self, products: list[Product]) -> dict[str, set[str]]:
        """Give what a coupon may be limited to: the ids and keys of all that is sold."""
        prices = [price for product in products for plan in product.plans for price in plan.prices]
        metered = {price.meter for price in prices if price.meter is not None}
        return {
            "plans": set(self._plans),
            "products": set(self._products),
            "prices": {price.id for price in prices},
            "meters": {*self.meters, *self._feature_keys, *metered},
        }

    def _check_groups(self, record: Record, price: Price) -> None:
        """Hold the groups of a price to those of its meter."""
        if record.bad & {"meter", "group_by"}:
            return
        meter = self.meters.get(price.meter or price.id)
        known = () if meter is None else meter.group_by
        for name in price.group_by:
            if name not in known:
                cure = did_you_mean(name, known) or "name it in the meter's group_by"
                text = f"{name!r} is no group of meter {price.meter!r}"
                record.problem("group_by", text, cure)

    def product(self, record: Record, default_currency: str | None) -> Product:
        """Build a product of the products and native dialects."""
        self._unique(record, self._products, "product")
        self._rules(record)
        code = record.get("currency", default_currency)
        currency = self._currency(record, code)
        plans = [
            self.plan(plan, currency, record.get("id", "")) for plan in record.get("plans", ())
        ]
        return Product(
            id=record.get("id", ""),
            name=record.get("name", ""),
            currency=currency,
            plans=tuple(plans),
            description=record.get("description"),
            features=tuple(record.get("features", ())),
            **record.shared("group", "hidden", "badge", "highlighted", "business_rules"),
        )

    def plan(self, record: Record, currency: Currency, product_id: str) -> Plan:
        """Build a plan of the products and native dialects."""
        one_time = record.get("payment_type") == "one-time"
        custom = record.get("custom", False)
        self._cadence(record, one_time=one_time, custom=custom)
        lines = record.get("prices", [])
        pairs = [(line, self._price(line, currency)) for line in lines]
        prices = [price for _, price in pairs if price is not None]
        self._lines(record, prices, one_time=one_time, custom=custom)
        fees = [amount_of(line, "setup_fee", currency) for line in [record, *lines]]
        plan = self._plan(record, currency, product_id, prices, exact_sum(*fees))
        currencies = plan_currencies(record, currency, pairs, record.get("limits", ()))
        return replace(plan, currencies=currencies)

    def listed_plan(self, record: Record) -> Product:
        """Build the product of one plan of the plans dialect."""
        currency = self._currency(record, record.get("currency"))
        price = record.get("price", 0)
        features = record.get("features") or record.get("limits", [])
        custom = record.get("custom")
        numeric = [f["limit"] for f in features if f.get("limit") is not None]
        if custom is None and price == 0 and numeric and all(n == -1 for n in numeric):
            custom = True
            self.report.hint(
                record.path,
                "costs 0 and limits nothing: taken as custom ('contact us')",
                "write custom: true to say so, custom: false to give it away",
            )
        if custom and price:
            record.problem("price", "must be 0 on a custom plan: its price is agreed by hand")
        if "id" in record:
            self._products[record["id"]] = record.at("id")
        for feature in features:
            if "currencies" in feature:
                feature.problem("currencies", "means nothing in a flat list: a plan has one price")
        self._cadence(record, one_time=False, custom=bool(custom))
        plan_id = record.get("id", "")
        prices = self._listed_price(record, currency) if price else []
        fee = amount_of(record, "setup_fee", currency)
        plan = self._plan(record, currency, plan_id, prices, fee, custom=bool(custom))
        return Product(
            id=plan_id,
            name=record.get("name", ""),
            currency=currency,
            plans=(plan,),
            description=record.get("description"),
            features=tuple(f.description or f.key for f in plan.features.values()),
            **record.shared("group", "hidden"),
        )

    def _listed_price(self, record: Record, currency: Currency) -> list[Price]:
        minor = Decimal(record["price"])
        if minor >= 2**63:
            record.problem("price", "is more than a ledger can hold")
        price_id = record.get("id", "")
        price = Price(id=price_id, currency=currency, shape=Flat(minor), basis="flat")
        self._prices.setdefault(price_id, (price, record.at("id")))
        return [price]

    def _plan(
        self,
        record: Record,
        currency: Currency,
        product_id: str,
        prices: list[Price],
        setup_fee: Decimal,
        *,
        custom: bool | None = None,
    ) -> Plan:
        self._unique(record, self._plans, "plan")
        self._rules(record)
        # an explicit null is a plan that nobody's provider charges
        provider = record.get("provider") if record.has("provider") else self.provider
        self._provider_limits(record, provider, prices, setup_fee)
        return Plan(
            id=record.get("id", ""),
            name=record.get("name", ""),
            currency=currency,
            product_id=product_id,
            interval=record.get("interval"),
            custom=record.get("custom", False) if custom is None else custom,
            prices=tuple(prices),
            features=self._features(record, currency),
            provider=provider,
            setup_fee=setup_fee,
            minimum_commitment=_amount(record, "minimum_commitment", currency),
            invoice_threshold=_amount(record, "invoice_threshold", currency),
            credits=credits_of(
                record.get("credits", ()), currency, one_time=record.get("interval") is None
            ),
            coupons=_tuple(record.get("coupons")),
            coupon_ids=_tuple(record.get("coupon_ids")),
            **record.shared(
                "interval_count",
                "active",
                "display_name",
                "description",
                "trial_days",
                "business_rules",
                "label",
                "button_label",
                "href",
                "badge",
                "highlighted",
                "metadata",
            ),
        )

    def _features(self, record: Record, currency: Currency) -> dict[str, Feature]:
        features: dict[str, Feature] = {}
        for entry in record.get("limits") or record.get("features") or ():
            key = entry.get("feature_key")
            if key is None:
                continue
            if key in features:
                entry.problem("feature_key", f"{key!r} is taken: feature keys are unique in a plan")
            self._feature_keys.add(key)
            if "meter" in entry:
                self._metered.append((entry, entry["meter"]))
            features[key] = Feature(
                key=key,
                enabled=entry.get("enabled", True),
                currencies=unit_prices(entry, currency),
                **entry.shared(
                    "limit",
                    "unit_price",
                    "description",
                    "reset",
                    "meter",
                    "window_seconds",
                    "grace",
                    "value",
                ),
            )
            _check_feature(entry)
        return features

    def _price(self, record: Record, currency: Currency) -> Price | None:
        price = price_of(record, currency)
        if "meter" in record:
            self._metered.append((record, record["meter"]))
        if price is not None and price.group_by:
            self._grouped.append((record, price))
        if "id" in record:
            first, place = self._prices.setdefault(record["id"], (price, record.at("id")))
            same_plan = place.rpartition("[")[0] == record.at("id").rpartition("[")[0]
            shared = price is not None and price.basis == "usage" and first == price
            if place != record.at("id") and (same_plan or not shared):
                record.problem(
                    "id",
                    f"{record['id']!r} is taken by {place}",
                    "price ids are unique; only plans may share a metered price, defined the same",
                )
        return price

    def _lines(self, record: Record, prices: list[Price], *, one_time: bool, custom: bool) -> None:
        if custom and record.get("prices"):
            record.problem("prices", "must be empty on a custom plan: its price is agreed by hand")
        lined = custom or record.get("prices") or "prices" in record.bad
        if self.report.dialect == "products" and not lined:
            record.problem("line_items", "needs at least one line", "or say custom: true")
        for basis, words in (("flat", "flat"), ("seats", "per-seat")):
            if sum(price.basis == basis for price in prices) > 1:
                record.problem("prices", f"has more than one {words} line")
        if one_time and any(price.basis != "flat" for price in prices):
            record.problem("prices", "a one-time plan takes only flat lines")
        meters = [price.meter for price in prices if price.basis == "usage"]
        priced = {
            f.get("meter", f["feature_key"])
            for f in record.get("limits", ())
            if f.get("unit_price") is not None and "feature_key" in f
        }
        for meter in sorted({m for m in meters if m in priced and m is not None}):
            record.problem(
                "limits", f"{meter!r} has a unit_price and a metered line: charged twice"
            )

    def _cadence(self, record: Record, *, one_time: bool, custom: bool) -> None:
        if one_time:
            own = ((line, name) for line in record.get("prices", ()) for name in _PER_PERIOD[:2])
            for part, name in [*((record, name) for name in _PER_PERIOD), *own]:
                if part.get(name) is not None:
                    part.problem(name, "means nothing on a one-time plan")
        elif record.get("interval") is None:
            if not custom and not record.bad & {"interval", "payment_type"}:
                cure = f"or say {self.report.named('payment_type')}: one-time"
                record.problem("interval", "is missing: a recurring plan has an interval", cure)
        else:
            check_cadence(record)

    def _provider_limits(
        self, record: Record, provider: str | None, prices: list[Price], setup_fee: Decimal
    ) -> None:
        able = self.abilities.get(provider) if provider is not None else None
        if able is None:
            return
        if setup_fee > ZERO and not able.setup_fee:
            record.problem("setup_fee", f"{able.name} cannot charge a set-up fee")
        if able.lines_per_plan is not None and len(prices) > able.lines_per_plan:
            record.problem("prices", f"{able.name} takes {able.lines_per_plan} lines for a plan")

    def _unique(self, record: Record, taken: dict[str, str], what: str) -> None:
        key = record.get("id")
        if key is None:
            return
        if key in taken:
            record.problem("id", f"{key!r} is taken by {taken[key]}: {what} ids are unique")
        else:
            taken[key] = record.at("id")

    def _currency(self, record: Record, code: str | None) -> Currency:
        if code is None:
            if "currency" not in record.bad:
                record.problem("currency", "is missing: write an ISO 4217 code such as USD")
            return _UNREAD
        try:
            return currency_of(code)
        except InvalidInput as refused:
            record.problem("currency", str(refused))
            return _UNREAD

    def _rules(self, record: Record) -> None:
        rules = record.get("business_rules")
        if isinstance(rules, Mapping):
            path = record.at("business_rules")
            for found in problems_of(rules, path):
                self.report.problem(found.path, found.text, found.cure)
            for found in hints_of(rules, path):
                self.report.hint(found.path, found.text, found.cure)


def _check_feature(entry: Record) -> None:
    """Refuse what two fields of a feature say that cannot both be."""
    if entry.get("window_seconds") is not None and entry.get("reset") is not None:
        entry.problem("window_seconds", "stands beside reset: a quota starts again in one way")
    if entry.get("window_seconds", 0) > _LONGEST_WINDOW:
        entry.problem("window_seconds", f"is more than {_LONGEST_WINDOW:,} seconds, 366 days")
    if entry.get("grace") is not None and entry.get("unit_price") is not None:
        text = "means nothing beside a unit price, which lets all pass"
        entry.problem("grace", text)
    for name in ("window_seconds", "grace"):
        if entry.get(name) is not None and entry.get("limit") is None:
            entry.problem(name, "means nothing without a limit")


def _amount(record: Record, name: str, currency: Currency) -> Decimal | None:
    return amount_of(record, name, currency) if name in record else None


def _tuple(entries: list[str] | None) -> tuple[str, ...] | None:
    return None if entries is None else tuple(entries)
