"""Documents in currencies of no, two, three and four decimals: every sum is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.canonical import to_tree
from tallystick.core.coupon import Coupon
from tallystick.core.credit import CreditGrant
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.money import Money
from tallystick.core.move import Change, Start
from tallystick.core.price import PercentOff
from tallystick.core.redemption import Redemption
from tallystick.core.subscription_moves import advance, apply, start
from tests.core.billing import day, reckoned
from tests.core.test_taxing import asking, some_rates

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.catalog import Plan
    from tallystick.core.currency import Currency
    from tallystick.core.invoice import Invoice

UNITS = tuple(map(currency, ("JPY", "UGX", "ISK", "EUR", "KWD", "CLF")))
OWN = currency("USD")
SINCE = day("2027-01-01")

minors = st.integers(0, 10**7)
rates = st.decimals(0, 1000, places=6, allow_nan=False)


def major(minor: int, unit: Currency) -> str:
    return str(Money(minor, unit).major)


@st.composite
def sold(draw: st.DrawFn) -> dict[str, Plan[Any]]:
    """Give two plans that are sold in every one of the currencies, by what was written."""

    def fee(id_: str) -> dict[str, Any]:
        costs = {unit.code: {"cost": major(draw(minors), unit)} for unit in UNITS}
        own = {"id": id_, "type": "flat", "cost": major(draw(minors), OWN)}
        return {**own, "currencies": costs}

    def usage() -> dict[str, Any]:
        there = {unit.code: {"cost": str(draw(rates))} for unit in UNITS}
        own = {"id": "calls", "type": "per_unit", "unit": "call", "cost": str(draw(rates))}
        return {**own, "currencies": there}

    plans = [
        {"id": id_, "name": id_, "interval": "month", "prices": prices}
        for id_, prices in (("p", [fee("p")]), ("q", [fee("q"), usage()]))
    ]
    product = {"id": "x", "name": "X", "currency": OWN.code, "plans": plans}
    catalog = read_catalog({"dialect": "tallystick", "products": [product]})
    assert read_catalog(to_tree(catalog)) == catalog
    return {plan.ref: plan for plan in catalog}


def grants(unit: Currency, promotional: int, paid: int) -> tuple[GrantBalance, ...]:
    sides: tuple[tuple[Any, int], ...] = (("promotional", promotional), ("paid", paid))
    return tuple(
        GrantBalance(
            CreditGrant(
                id=category,
                customer="ada",
                amount=Money(minor, unit),
                effective_at=SINCE,
                category=category,
            )
        )
        for category, minor in sides
    )


def coupons(unit: Currency, percent: Decimal, minor: int) -> tuple[Redemption, ...]:
    some = (
        Coupon(id="share", off=PercentOff(percent), duration="forever"),
        Coupon(id="fixed", off=(Money(minor + 1, unit),), duration="forever"),
        Coupon(id="other", off=(Money(10**9, OWN),), duration="forever"),
    )
    return tuple(
        Redemption(id=coupon.id, coupon=coupon, customer="ada", redeemed_at=SINCE)
        for coupon in some
    )


ACTS = st.fixed_dictionaries(
    {
        "percent": st.decimals("0.01", 100, places=2),
        "off": minors,
        "credits": st.tuples(minors, minors),
        "balance": minors,
        "taxes": st.lists(some_rates, min_size=1, max_size=3),
        "used": st.decimals(0, 10**6, places=3),
        "changed": st.integers(1, 30),
    }
)


@settings(max_examples=50, deadline=None)
@given(sold(), st.sampled_from(UNITS), ACTS)
def test_lines_and_taxes_less_discounts_and_credits_are_the_total(
    offers: dict[str, Plan[Any]], unit: Currency, acts: dict[str, Any]
) -> None:
    """I8, of every document of two months with a plan, a change, coupons, taxes and credits."""
    move = Start(customer="ada", group="default", offer="p@1", currency=unit.code)
    begun = start("s", move, day("2027-04-01"), offers)
    when = day(f"2027-04-{acts['changed']:02}")
    went = apply(begun.subscription, Change(offer="q@1", timing="now"), when, offers)
    last = advance(went.subscription, day("2027-06-01"), offers)
    assert last.subscription.currency == unit
    for due in (*begun.dues, *went.dues, *last.dues):
        invoice = reckoned(
            due,
            offers,
            lambda _: str(acts["used"]),
            currency=unit,
            redemptions=coupons(unit, acts["percent"], acts["off"]),
            grants=grants(unit, *acts["credits"]),
            taxation=asking(acts["taxes"]),
            balance=acts["balance"],
        )
        check(invoice, unit)


def check(invoice: Invoice, unit: Currency) -> None:
    """Add a document up by its lines, its rates and its coupons, each by itself."""
    lines, added = invoice.lines, [each for each in invoice.taxes if not each.inclusive]
    amounts = sum(line.amount.minor for line in lines)
    discounts = sum(line.discount.minor for line in lines)
    credits_ = sum(line.credit.minor for line in lines)
    tax = sum(each.amount.minor for each in added)
    assert invoice.total.minor == amounts - discounts - credits_ + tax
    assert invoice.tax.minor == tax == sum(line.tax.minor for line in lines)
    assert discounts == sum(each.amount.minor for each in invoice.discounts)
    assert all(each.coupon != "other" for each in invoice.discounts)
    burnt = {"promotional": 0, "paid": 0}
    for burn in invoice.burns:
        burnt[burn.category] += burn.amount.minor
    assert credits_ == burnt["promotional"]
    assert invoice.amount_due.minor == max((invoice.total - invoice.balance).minor, 0)
    assert invoice.balance.minor >= burnt["paid"]
    figures = [line.amount for line in lines] + [each.amount for each in invoice.taxes]
    assert {each.currency for each in figures} <= {unit}


@given(sold(), st.sampled_from(UNITS))
def test_a_plan_in_one_currency_is_what_is_written_in_it_and_no_other(
    offers: dict[str, Plan[Any]], unit: Currency
) -> None:
    for plan in offers.values():
        there = plan.in_currency(unit)
        assert there.currency == unit
        assert there.sold_in == (unit,)
        assert {price.currency for price in there.prices} == {unit}
        assert not any(price.currencies for price in there.prices)
        written = {
            (price.id, each.currency): each.shape
            for price in plan.prices
            for each in price.currencies
        }
        for price in there.prices:  # what is zero in both need not be written
            assert written.get((price.id, unit), price.shape) == price.shape
        assert there.in_currency(unit) is there
