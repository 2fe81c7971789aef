"""The dialect of the tests of catalogues: small builders of values, and strategies over them.

Amounts are written in major units, as in `flat("29.00")`; all builders speak USD unless told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.coupon import Code, Coupon, code_key
from tallystick.core.currency import currency
from tallystick.core.meter import Meter
from tallystick.core.money import Money
from tallystick.core.price import (
    Conversion,
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Price,
    Tier,
    Volume,
)

if TYPE_CHECKING:
    from tallystick.core.catalog import Interval
    from tallystick.core.currency import Currency
    from tallystick.core.price import Shape

USD = currency("USD")
EUR = currency("EUR")


def usd(major: str, money: Currency = USD) -> Decimal:
    """Give the minor units of an amount in major ones: 9.99 is 999."""
    return Decimal(major).scaleb(money.decimals)


def flat(amount: str, *, id: str = "base", **more: Any) -> Price:  # noqa: A002 - the field's word
    """Build a fee for the period."""
    money = more.pop("currency", USD)
    return Price(id=id, currency=money, shape=Flat(usd(amount, money)), basis="flat", **more)


def seats(amount: str, *, id: str = "seats", **more: Any) -> Price:  # noqa: A002 - the field's word
    """Build a price for each seat."""
    money = more.pop("currency", USD)
    return Price(id=id, currency=money, shape=PerUnit(usd(amount, money)), basis="seats", **more)


def metered(shape: Shape, *, id: str = "calls", **more: Any) -> Price:  # noqa: A002 - the field's word
    """Build a price for what is measured; the meter is the price's own id."""
    fields: dict[str, Any] = {"id": id, "currency": USD, "shape": shape, "meter": id}
    fields["unit"] = "call"
    return Price(**(fields | more))


def tiers(*steps: tuple[str | None, str] | tuple[str | None, str, str]) -> tuple[Tier, ...]:
    """Build tiers of a bound, the price of a unit and, where there is one, a flat fee."""
    return tuple(_tier(*step) for step in steps)


def _tier(bound: str | None, unit: str, fee: str = "0") -> Tier:
    return Tier(None if bound is None else Decimal(bound), usd(unit), usd(fee))


def feature(key: str, limit: int | None = None, **more: Any) -> Feature:
    """Build a feature that is switched on unless told otherwise."""
    fields: dict[str, Any] = {"key": key, "enabled": True, "limit": limit}
    return Feature(**(fields | more))


def plan(id: str, *parts: Price | Feature, **more: Any) -> Plan:  # noqa: A002 - the field's word
    """Build a monthly plan of lines and features, in any order."""
    prices = tuple(part for part in parts if isinstance(part, Price))
    features = {part.key: part for part in parts if isinstance(part, Feature)}
    fields: dict[str, Any] = {
        "id": id,
        "name": id.replace("-", " ").title(),
        "currency": USD,
        "product_id": "",
        "interval_count": 1,
        "prices": prices,
        "features": features,
    }
    return Plan(**(fields | more))


def product(id: str, *plans: Plan, **more: Any) -> Product:  # noqa: A002 - the field's word
    """Build a product of plans; its currency is that of the first."""
    owned = tuple(replace(entry, product_id=id) for entry in plans)
    fields: dict[str, Any] = {"id": id, "name": id.replace("-", " ").title(), "plans": owned}
    return Product(**(fields | {"currency": plans[0].currency if plans else USD} | more))


def catalog(*sold: Product | Plan, **more: Any) -> Catalog:
    """Build a catalogue; a plan by itself becomes a product of its own id."""
    products = tuple(
        product(entry.id, entry, name=entry.name) if isinstance(entry, Plan) else entry
        for entry in sold
    )
    return Catalog(products=products, **more)


def percent_coupon(id: str, percent: str = "10", **more: Any) -> Coupon:  # noqa: A002 - the field's word
    """Build a coupon of a percentage off."""
    return Coupon(id=id, off=PercentOff(Decimal(percent)), **more)


def fixed_coupon(id: str, *amounts: str, **more: Any) -> Coupon:  # noqa: A002 - the field's word
    """Build a coupon of amounts off, each with its currency: `10.00 USD`."""
    return Coupon(id=id, off=tuple(map(money, amounts)), **more)


def money(text: str) -> Money:
    """Read an amount with its currency: `10.00 USD`."""
    amount, code = text.split()
    return Money.parse(amount, currency(code))


# --- strategies: catalogues that a reader would accept -------------------------------------------

words = st.text("abcdeé XY", min_size=1, max_size=8).map(str.strip).filter(bool)
amounts = st.integers(0, 10**9).map(Decimal)
rates = st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-6))
counts = st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-3))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | rates | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tier_rows(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Draw ascending tiers, the last one unbounded."""
    bounds = sorted(draw(st.sets(counts, max_size=3)))
    return tuple(Tier(bound, draw(rates), draw(amounts)) for bound in [*bounds, None])


shapes: st.SearchStrategy[Shape] = st.one_of(
    st.builds(PerUnit, rates),
    st.builds(Graduated, tier_rows()),
    st.builds(Volume, tier_rows()),
    st.builds(Package, counts, amounts, st.sampled_from(["up", "down"])),
    st.builds(
        Percentage,
        st.integers(0, 10_000).map(lambda n: Decimal(n).scaleb(-2)),
        rates,
        st.none() | st.integers(0, 100),
        st.none() | amounts,
        st.none() | st.just(Decimal(0)),
        st.none() | amounts,
    ),
    st.builds(Dynamic, counts),
)


intervals: st.SearchStrategy[Interval | None] = st.sampled_from([None, "day", "week", "month"])


@st.composite
def metered_prices(draw: st.DrawFn) -> Price:
    """Draw a metered price with any of the modifiers."""
    price_id = draw(st.sampled_from(["calls", "bytes", "jobs"]))
    least = draw(st.none() | amounts)
    shape = draw(shapes)
    counted = not isinstance(shape, (Percentage, Dynamic))
    own = draw(intervals)
    return Price(
        id=price_id,
        currency=USD,
        shape=shape,
        name=draw(st.just("") | words),
        unit=draw(st.sampled_from(["call", "GB"])),
        meter=price_id,
        convert=draw(conversions) if counted and draw(st.booleans()) else None,
        included=draw(counts) if counted and draw(st.booleans()) else Decimal(0),
        minimum_quantity=draw(counts) if counted and draw(st.booleans()) else Decimal(0),
        discount=draw(st.none() | discounts),
        minimum=least,
        maximum=draw(st.none() | amounts.map(lambda n: n + (least or 0))),
        allow_negative=draw(st.booleans()),
        provider_id=draw(st.none() | words),
        interval=own,
        interval_count=None if own is None else draw(st.none() | st.integers(2, 3)),
    )


conversions = st.builds(
    Conversion,
    st.sampled_from(["multiply", "divide"]),
    counts,
    st.sampled_from(["none", "ceiling", "floor", "half_up"]),
    counts,
)
discounts = st.builds(PercentOff, st.integers(0, 100).map(Decimal)) | st.builds(FixedOff, amounts)
feature_values = st.builds(
    Feature,
    key=st.sampled_from(["projects", "storage", "customDomains", "support"]),
    enabled=st.booleans(),
    limit=st.none() | st.integers(-1, 10**12),
    unit_price=st.none() | rates,
    description=st.just("") | words,
    reset=st.none() | st.sampled_from(["month", "billing_period"]),
)


@st.composite
def plans(draw: st.DrawFn, plan_id: str) -> Plan:
    """Draw a recurring plan with an optional fee, an optional metered line, and features."""
    lines = [flat("0", id=f"{plan_id}-base")] if draw(st.booleans()) else []
    lines = [replace(line, shape=Flat(draw(amounts))) for line in lines]
    found = draw(st.lists(feature_values, max_size=3, unique_by=lambda entry: entry.key))
    return plan(
        plan_id,
        *lines,
        *found,
        name=draw(words),
        interval=draw(st.sampled_from(["day", "week", "month", "year"])),
        interval_count=draw(st.none() | st.integers(1, 3)),
        active=draw(st.booleans()),
        display_name=draw(st.none() | words),
        trial_days=draw(st.none() | st.integers(1, 90)),
        setup_fee=draw(st.just(Decimal(0)) | amounts),
        minimum_commitment=draw(st.none() | st.integers(1, 10**9).map(Decimal)),
        invoice_threshold=draw(st.none() | st.integers(1, 10**9).map(Decimal)),
        coupons=draw(st.none() | st.lists(words, max_size=2).map(tuple)),
        coupon_ids=draw(st.none() | st.lists(words, max_size=2).map(tuple)),
        business_rules=draw(st.none() | st.dictionaries(words, json_values, max_size=3)),
        highlighted=draw(st.booleans()),
        metadata=draw(st.dictionaries(words, words, max_size=3)),
    )


instants = st.datetimes(
    datetime.fromisoformat("1900-01-01"),
    datetime.fromisoformat("2199-12-31"),
    timezones=st.just(UTC),
)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the limits that a coupon and a code have alike."""
    starts, ends = sorted((draw(instants), draw(instants)))
    return {
        "max_redemptions": draw(st.none() | st.integers(1, 10**6)),
        "max_redemptions_per_customer": draw(st.none() | st.integers(1, 9)),
        "starts_at": starts if starts < ends and draw(st.booleans()) else None,
        "ends_at": ends if draw(st.booleans()) else None,
    }


@st.composite
def coupons(draw: st.DrawFn, coupon_id: str, plan_ids: list[str]) -> Coupon:
    """Draw a coupon, perhaps limited to some of the plans; its codes are its own."""
    minors = st.integers(1, 10**9)
    money = st.builds(Money, minors, st.sampled_from([USD, EUR, currency("JPY")]))
    several = st.lists(money, min_size=1, max_size=3, unique_by=lambda each: each.currency)
    percent = st.integers(1, 10**4).map(lambda n: PercentOff(Decimal(n).scaleb(-2)))
    off = draw(percent | several.map(tuple))
    months = draw(st.none() | st.integers(1, 1_200))
    named = draw(st.lists(words, max_size=2, unique_by=code_key))
    return Coupon(
        id=coupon_id,
        off=off,
        name=draw(st.just("") | words),
        duration=draw(st.sampled_from(["once", "forever"])) if months is None else "repeating",
        months=months,
        plans=frozenset(draw(st.lists(st.sampled_from(plan_ids), max_size=2))),
        currencies=frozenset([USD] if isinstance(off, PercentOff) and draw(st.booleans()) else []),
        first_purchase=draw(st.booleans()),
        minimum=draw(st.just(()) | several.map(tuple)),
        codes=tuple(Code(code=f"{coupon_id} {n}", **draw(windows())) for n in named),
        automatic=draw(st.booleans()),
        active=draw(st.booleans()),
        metadata=draw(st.dictionaries(words, words, max_size=2)),
        **draw(windows()),
    )


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Draw a catalogue of up to three products with up to two plans each."""
    sold = []
    provider = draw(st.none() | st.just("stripe"))
    for number in range(draw(st.integers(1, 3))):
        offers = [draw(plans(f"p{number}-{n}")) for n in range(draw(st.integers(1, 2)))]
        line = draw(st.none() | metered_prices())
        if line is not None:
            own = replace(line, id=f"{line.id}-{number}")
            offers[0] = replace(offers[0], prices=(*offers[0].prices, own))
        offers = [replace(offer, provider=provider) for offer in offers]
        texts = tuple(draw(st.lists(words, max_size=2)))
        hidden = draw(st.booleans())
        sold.append(product(f"p{number}", *offers, features=texts, hidden=hidden))
    meters = {}
    if draw(st.booleans()):
        meters = {key: Meter(key=key, aggregation="max") for key in ("calls", "bytes", "jobs")}
    ids = [offer.id for entry in sold for offer in entry.plans]
    given = tuple(draw(coupons(f"c{number}", ids)) for number in range(draw(st.integers(0, 2))))
    return catalog(*sold, provider=provider, meters=meters, coupons=given)
