"""What is sold: products, their plans, what each plan charges and what it gives.

Everything here is frozen.  A catalogue is built by `tallystick.core.dialects` (from trees of plain
values, checked) or written directly with these classes and checked by `tallystick.core.lint`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias

from tallystick.core.currency import Currency
from tallystick.core.currency import currency as currency_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import ZERO
from tallystick.core.sold_in import plan_in
from tallystick.errors import UnknownPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal
    from typing import Any

    from typing_extensions import TypeVar

    from tallystick.core.coupon import Coupon
    from tallystick.core.credit_cadence import RecurringGrant
    from tallystick.core.meter import Meter
    from tallystick.core.money import Rate
    from tallystick.core.price import Price
    from tallystick.errors import Problem

    FeatureKey = TypeVar("FeatureKey", bound=str, default=str)
    PlanId = TypeVar("PlanId", bound=str, default=str)
else:  # defaults of type variables are for the checkers; 3.11 and 3.12 have none at run time
    from typing import TypeVar

    FeatureKey = TypeVar("FeatureKey", bound=str)
    PlanId = TypeVar("PlanId", bound=str)

__all__ = [
    "Catalog",
    "Dialect",
    "Feature",
    "FeatureKey",
    "Interval",
    "Plan",
    "PlanId",
    "PlanIn",
    "Product",
    "Reset",
]

Dialect: TypeAlias = Literal["plans", "products", "tallystick"]
"""How a catalogue is written: a flat list of plans, products and line items, or both and more."""

Interval: TypeAlias = Literal["day", "week", "month", "year"]
"""The unit of a plan's period."""

Reset: TypeAlias = Literal["minute", "hour", "day", "week", "month", "year", "billing_period"]
"""When a quota starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What a plan gives of one capability (S1's `features` entry).

    `limit` is None (no number), -1 (unlimited) or at least 0, as written; the inside of the engine
    asks `tallystick.core.entitlement.entitlement_of` instead and never compares -1.
    `unit_price` is minor units for each unit beyond the limit and may be a fraction of one; with
    it the limit is soft.  A limit with a `reset` is a quota, without one it counts what exists now.
    `currencies` is what a unit beyond the limit costs in each other currency.
    `window_seconds` is a quota over the last so many seconds, at any time.  `grace` is a percentage
    of a hard limit that is let pass beyond it, without a charge.  `value` is a configuration value,
    any JSON.
    """

    key: str
    enabled: bool
    limit: int | None = None
    unit_price: Decimal | None = None
    description: str = ""
    reset: Reset | None = None
    meter: str | None = None
    currencies: tuple[Rate, ...] = ()
    window_seconds: int | None = None
    grace: Decimal | None = None
    value: Any = None

    def __hash__(self) -> int:
        """Hash by the key: a value may be any JSON."""
        return hash(self.key)

    @property
    def renews(self) -> bool:
        """Whether it is a quota, which starts again, rather than a count of what exists now."""
        return self.reset is not None or self.window_seconds is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanIn:
    """What a plan itself asks for in another currency, in minor units of it."""

    currency: Currency
    setup_fee: Decimal = ZERO
    minimum_commitment: Decimal | None = None
    invoice_threshold: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[FeatureKey]):
    """A versioned offer of a product: prices and what they entitle to.

    `interval` None is a one-time plan.  `interval_count` None is a cadence that is written neither
    in the catalogue nor in the lock file; `count` then takes it as 1.  `custom` is "contact us":
    shown, never sold by checkout.  `business_rules` is None where absent (`{}` is set).
    `minimum_commitment` is minor units that a whole period comes to at least, trued up at its end;
    `invoice_threshold` minor units of usage that are billed whenever so much is reached.
    `credits` is what it grants again and again.
    `currencies` are the other currencies it is sold in, in the order of their codes.
    `catalog` is the catalogue the plan stands in; it takes no part in equality.
    """

    id: str
    name: str
    currency: Currency
    product_id: str
    interval: Interval | None = "month"
    interval_count: int | None = None
    active: bool = True
    custom: bool = False
    prices: tuple[Price, ...] = ()
    features: Mapping[str, Feature] = field(default_factory=FrozenDict)
    display_name: str | None = None
    description: str | None = None
    provider: str | None = None
    trial_days: int | None = None
    setup_fee: Decimal = ZERO
    minimum_commitment: Decimal | None = None
    invoice_threshold: Decimal | None = None
    credits: tuple[RecurringGrant, ...] = ()
    coupons: tuple[str, ...] | None = None
    coupon_ids: tuple[str, ...] | None = None
    business_rules: Any = None
    label: str | None = None
    button_label: str | None = None
    href: str | None = None
    badge: str | None = None
    highlighted: bool = False
    metadata: Mapping[str, str] = field(default_factory=FrozenDict)
    version: int = 1
    currencies: tuple[PlanIn, ...] = ()
    enabled: frozenset[str] = field(init=False, compare=False, repr=False)
    catalog: Catalog[Any, Any] | None = field(default=None, compare=False, repr=False)
    _resolved: dict[Currency, Plan[FeatureKey]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Freeze the mappings and keep the set that `has_feature` looks into."""
        object.__setattr__(self, "_resolved", {})
        features = FrozenDict(self.features)
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "metadata", FrozenDict(self.metadata))
        object.__setattr__(self, "enabled", frozenset(k for k, f in features.items() if f.enabled))

    def __hash__(self) -> int:
        """Hash by identity of the offer."""
        return hash((self.id, self.version))

    @property
    def count(self) -> int:
        """How many intervals a period has; 1 where nobody says otherwise."""
        return self.interval_count or 1

    @property
    def ref(self) -> str:
        """The plan and its version: `pro@3`."""
        return f"{self.id}@{self.version}"

    @property
    def one_time(self) -> bool:
        """Whether it is paid once."""
        return self.interval is None

    @property
    def sold_in(self) -> tuple[Currency, ...]:
        """The currencies it is sold in, its own first."""
        return (self.currency, *(each.currency for each in self.currencies))

    def in_currency(self, currency: Currency | str) -> Plan[FeatureKey]:
        """Give the plan as it is in one of its currencies: a plan that is sold in no other.

        Raises CurrencyMismatch where it is not sold in it, InvalidInput for what is no currency.
        """
        unit = currency if isinstance(currency, Currency) else currency_of(currency)
        if unit == self.currency and not self.currencies:
            return self
        found = self._resolved.get(unit)
        if found is None:
            found = self._resolved[unit] = plan_in(self, unit)
        return found

    def resolved_as(self, others: Mapping[Currency, Plan[FeatureKey]]) -> Plan[FeatureKey]:
        """Give the plan, and in other currencies whatever these plans are."""
        found = replace(self, currencies=tuple(PlanIn(currency=unit) for unit in others))
        found._resolved.update({**others, self.currency: self})  # noqa: SLF001 - one of this class
        return found

    @property
    def primary(self) -> Price | None:
        """The line a price list shows: the first flat one, else the first."""
        flat = next((price for price in self.prices if price.basis == "flat"), None)
        return flat or (self.prices[0] if self.prices else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Generic[FeatureKey]):
    """What is sold.  `features` are texts for people; `group` holds one live subscription."""

    id: str
    name: str
    currency: Currency
    plans: tuple[Plan[FeatureKey], ...]
    description: str | None = None
    features: tuple[str, ...] = ()
    group: str = "default"
    hidden: bool = False
    badge: str | None = None
    highlighted: bool = False
    business_rules: Any = None

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog(Generic[PlanId, FeatureKey]):
    """Everything that is sold.  Iterates its plans in catalogue order.

    `find(id)` gives a plan or None; `catalog[id]` raises UnknownPlan.  `dialect` is how it was
    written and `hints` what was worth a look while it was read; neither takes part in equality.
    """

    products: tuple[Product[FeatureKey], ...]
    provider: str | None = None
    meters: Mapping[str, Meter] = field(default_factory=FrozenDict)
    coupons: tuple[Coupon, ...] = ()
    dialect: Dialect = field(default="tallystick", compare=False, repr=False)
    hints: tuple[Problem, ...] = field(default=(), compare=False, repr=False)
    _by_id: Mapping[str, Plan[FeatureKey]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Tell each plan where it stands and index the plans by id."""
        products = tuple(
            replace(product, plans=tuple(replace(plan, catalog=self) for plan in product.plans))
            for product in self.products
        )
        object.__setattr__(self, "products", products)
        object.__setattr__(self, "meters", FrozenDict(self.meters))
        by_id = {plan.id: plan for product in products for plan in product.plans}
        object.__setattr__(self, "_by_id", FrozenDict(by_id))

    def __iter__(self) -> Iterator[Plan[FeatureKey]]:
        """Iterate the plans in catalogue order."""
        return (plan for product in self.products for plan in product.plans)

    def __len__(self) -> int:
        """Count the plans."""
        return sum(len(product.plans) for product in self.products)

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the field's word
        """Whether a plan of this id is sold here."""
        return id in self._by_id

    def __getitem__(self, id: PlanId) -> Plan[FeatureKey]:  # noqa: A002 - the field's word
        """Give the plan of this id.  Raises UnknownPlan."""
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownPlan(id) from None

    def __hash__(self) -> int:
        """Hash by the plans' identities."""
        return hash(tuple(self._by_id))

    def find(self, id: str) -> Plan[FeatureKey] | None:  # noqa: A002 - the field's word
        """Give the plan of this id, or None."""
        return self._by_id.get(id)

    def product_of(self, plan: Plan[FeatureKey]) -> Product[FeatureKey]:
        """Give the product a plan belongs to.  Raises UnknownPlan for a plan of elsewhere."""
        for product in self.products:
            if product.id == plan.product_id:
                return product
        raise UnknownPlan(plan.id)
