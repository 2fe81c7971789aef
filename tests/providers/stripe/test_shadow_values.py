"""The comparison by itself: invoices as values, and what of them is refused, by its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.errors import InvalidInput
from tallystick.providers.stripe.book import Found
from tallystick.providers.stripe.shadow import BilledInvoice, BilledLine, GivenDiscount, Sold
from tallystick.providers.stripe.shadow_price import tariffs_of
from tallystick.providers.stripe.shadow_read import invoice_of
from tallystick.providers.stripe.shadow_reckon import compare
from tests.providers.stripe.bookshop import catalog_of, flat, plan_of

USD: Final = currency("USD")
JAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
FEB: Final = datetime(2026, 2, 1, tzinfo=UTC)
MID: Final = datetime(2026, 1, 16, 12, tzinfo=UTC)  # half of January
MONTH: Final = Period(JAN, FEB)
CATALOG: Final = catalog_of(
    plan_of("basic", flat("basic", "10.00")),
    plan_of("team", {"id": "seat", "type": "per_seat", "cost": "3.33"}),
    coupons=[{"id": "team-only", "percent_off": 10, "plans": ["team"], "duration": "forever"}],
)


def usd(major: str) -> Money:
    return Money.parse(major, USD)


def price(id_: str, amount: str | None, **more: Any) -> Found:
    terms: dict[str, Any] = {
        "currency": "USD",
        "interval": "month",
        "interval_count": 1,
        "usage": "licensed",
        "meter": None,
        "amount": amount,
        "tiers_mode": None,
        "tiers": None,
        "package": None,
    }
    return Found(kind="price", id=id_, terms=terms | more)


def coupon(id_: str, percent: str | None, amounts: Any = None, products: Any = None) -> Found:
    terms = {
        "percent_off": percent,
        "amount_off": amounts,
        "duration": "repeating",
        "months": 2,
        "products": products,
        "max_redemptions": None,
        "ends_at": None,
    }
    return Found(kind="coupon", id=id_, terms=terms, words={"name": None})


HELD: Final = (
    price("basic", "1000"),
    price("seat", "333"),
    price("loose", "250"),
    price("yearly", "9000", interval="year"),
    price("once", "4900", interval=None, interval_count=None, usage=None),
    price("asked", "what the customer says"),
    price("packed", "100", package=[10, "up"]),
    price("calls", "2", usage="metered", meter="m"),
    price("euro", "900", currency="EUR"),
    coupon("tenth", "10"),
    coupon("team-only", "10"),
    coupon("five", None, {"USD": 500}),
    coupon("loose-only", "50", products=["prod_loose"]),
)


def line(price_: str | None, amount: str, quantity: str = "1", **more: Any) -> BilledLine:
    given: dict[str, Any] = {
        "id": f"il_{price_}_{amount}",
        "text": str(price_),
        "amount": usd(amount),
        "discount": usd("0"),
        "quantity": Decimal(quantity),
        "price": price_,
        "product": f"prod_{price_}",
        "item": f"si_{price_}",
        "window": MONTH,
    }
    return BilledLine(**given | more)


def off(coupon_: str, start: datetime = JAN) -> GivenDiscount:
    return GivenDiscount(id=f"di_{coupon_}", coupon=coupon_, start=start)


def invoice(*lines: BilledLine, **more: Any) -> BilledInvoice:
    given: dict[str, Any] = {
        "id": "in_1",
        "number": "A-1",
        "customer": "Acme",
        "at": JAN,
        "currency": USD,
        "total": Money.total((each.net for each in lines), USD),
        "beside": usd("0"),
        "lines": lines,
        "sold": Sold(id="sub_1", anchor=JAN),
    }
    return BilledInvoice(**given | more)


def verdicts(*invoices: BilledInvoice) -> list[list[str]]:
    compared = compare(invoices, tariffs_of(HELD, CATALOG))
    return [[each.verdict for each in one.lines] for one in compared]


def reason(*lines: BilledLine, **more: Any) -> str:
    (compared,) = compare([invoice(*lines, **more)], tariffs_of(HELD, CATALOG))
    return compared.lines[0].reason


def test_the_catalogue_s_line_counts_and_else_stripe_s_own_price() -> None:
    (compared,) = compare(
        [invoice(line("seat", "9.99", "3"), line("loose", "5.00", "2"), line("once", "49.00"))],
        tariffs_of(HELD, CATALOG),
    )
    assert [(each.key, each.plan, each.verdict) for each in compared.lines] == [
        ("seat", "team", "equal"),
        ("loose", None, "equal"),
        ("once", None, "equal"),
    ]
    assert (compared.theirs, compared.ours, compared.verdict) == (
        usd("63.99"),
        usd("63.99"),
        "equal",
    )
    assert compare([], tariffs_of(HELD)) == ()


@pytest.mark.parametrize(
    ("billed", "why"),
    [
        (line(None, "5.00"), "somebody typed"),
        (line("gone", "5.00"), "gone is not among the account's prices"),
        (line("asked", "5.00"), "asked has no amount of its own"),
        (line("packed", "5.00"), "packed sells by the package what is not metered"),
        (line("euro", "9.00"), "euro is charged in EUR here"),
        (line("calls", "0.01", proration=True), "never for a part of the time"),
        (line("basic", "5.00", proration=True, window=None), "the whole period"),
        (line("once", "5.00", proration=True), "the whole period"),
        (line("basic", "5.00", proration=True, window=Period(JAN, MID)), "the whole period"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_cannot_be_reckoned_says_why(billed: BilledLine, why: str) -> None:
    assert verdicts(invoice(billed)) == [["not reckoned"]]
    assert why in reason(billed)


def test_half_a_month_is_half_a_fee_and_a_credit_its_mirror() -> None:
    rest: dict[str, Any] = {"proration": True, "discountable": False, "window": Period(MID, FEB)}
    both = invoice(line("basic", "-5.00", **rest), line("seat", "5.00", "3", **rest))
    assert verdicts(both) == [["equal", "equal"]]  # 9.99 / 2 rounds up
    later = replace(both, sold=None)
    assert verdicts(later) == [["not reckoned"] * 2]
    moved = replace(both, sold=Sold(id="sub_1", anchor=MID))
    assert verdicts(moved) == [["not reckoned"] * 2]
    whole = invoice(line("basic", "10.00"), id="in_0", sold=moved.sold)
    assert verdicts(moved, whole) == [["equal", "equal"], ["equal"]]
    yearly = replace(whole, lines=(line("yearly", "90.00"),))
    assert verdicts(moved, yearly)[0] == ["not reckoned"] * 2  # a year may end with a month
    other = replace(whole, sold=Sold(id="sub_2", anchor=JAN))
    assert verdicts(moved, other)[0] == ["not reckoned"] * 2


def test_what_gives_back_of_a_bill_under_a_coupon_is_not_reckoned() -> None:
    rest: dict[str, Any] = {"proration": True, "discountable": False, "window": Period(MID, FEB)}
    back = invoice(line("basic", "-5.00", **rest), line("seat", "5.00", "3", **rest))
    billed = invoice(line("basic", "10.00", discount=usd("1.00")), discounts=(off("tenth"),))
    assert verdicts(back, billed) == [["not reckoned", "equal"], ["equal"]]
    assert verdicts(back) == [["equal", "equal"]]


def test_a_part_that_is_no_proration_is_told() -> None:
    stub = line("basic", "5.00", window=Period(MID, FEB))
    assert reason(stub) == "it is not for a whole period"
    assert reason(line("basic", "9.00")) == ""


def test_a_proration_by_days_differs_and_is_explained() -> None:
    rest: dict[str, Any] = {"proration": True, "discountable": False, "window": Period(MID, FEB)}
    by_day = line("basic", "-4.84", **rest)  # 15 of 31 days
    assert "another price, quantity or discount" in reason(by_day)


def test_coupons_of_a_line_come_first_and_of_an_invoice_then() -> None:
    seats = line("seat", "9.99", "3", discounts=(off("loose-only"),), discount=usd("1.00"))
    loose = line("loose", "5.00", "2", discounts=(off("loose-only"),), discount=usd("2.75"))
    both = invoice(seats, loose, discounts=(off("tenth"),))
    (compared,) = compare([both], tariffs_of(HELD, CATALOG))
    assert [each.ours for each in compared.lines] == [usd("8.99"), usd("2.25")]
    assert compared.verdict == "equal"
    assert compared.lines[1].steps[-1] == "coupons: 5.00 USD - 2.75 USD = 2.25 USD"


def test_a_coupon_of_the_catalogue_is_limited_as_it_says_there() -> None:
    wrong = line("basic", "10.00", discount=usd("1.00"))
    right = line("seat", "3.33", discount=usd("0.33"))
    (compared,) = compare(
        [invoice(wrong, right, discounts=(off("team-only"),))], tariffs_of(HELD, CATALOG)
    )
    assert [each.verdict for each in compared.lines] == ["different", "equal"]
    assert compared.lines[0].reason == "its coupons take another amount here"
    assert compared.verdict == "different"


def test_a_fixed_amount_is_shared_out_with_what_cannot_be_reckoned() -> None:
    typed = line(None, "30.00", discount=usd("3.75"))
    fee = line("basic", "10.00", discount=usd("1.25"))
    assert verdicts(invoice(typed, fee, discounts=(off("five"),))) == [["not reckoned", "equal"]]


def test_a_coupon_acts_as_long_as_it_says() -> None:
    fee = line("basic", "10.00", discount=usd("1.00"))
    for at, verdict in (
        (datetime(2026, 2, 28, 23, tzinfo=UTC), "equal"),
        (datetime(2026, 3, 1, tzinfo=UTC), "different"),
    ):
        late = invoice(fee, discounts=(off("tenth"),), at=at)
        assert verdicts(late) == [[verdict]]
    # Stripe may note the start a second after the invoice that it acts on.
    soon = off("tenth", datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert verdicts(invoice(fee, discounts=(soon,))) == [["equal"]]


def test_a_fee_within_the_trial_is_free_and_one_after_it_is_not() -> None:
    trial = Sold(id="sub_1", anchor=MID, trial=Period(JAN, MID))
    assert verdicts(invoice(line("basic", "0"), sold=trial)) == [["equal"]]
    paid = line("basic", "10.00", window=Period(MID, datetime(2026, 2, 16, 12, tzinfo=UTC)))
    assert verdicts(invoice(paid, sold=trial)) == [["equal"]]
    fee = line("once", "49.00", window=None, item=None)
    assert verdicts(invoice(fee, sold=trial)) == [["equal"]]


def test_lines_that_are_not_the_whole_invoice_are_told() -> None:
    fee = line("basic", "10.00")
    taxed = invoice(fee, total=usd("12.00"), beside=usd("2.00"))
    short = invoice(fee, total=usd("12.00"))
    both = compare([taxed, short], tariffs_of(HELD, CATALOG))
    assert [each.verdict for each in both] == ["equal", "not reckoned"]
    assert both[1].reason == "its lines come to 10.00 USD, and its total is 12.00 USD"


# --- what Stripe says ---------------------------------------------------------------------------


def tree(**more: Any) -> dict[str, Any]:
    billed = {
        "id": "il_1",
        "amount": 1100,
        "currency": "usd",
        "description": None,
        "discount_amounts": [{"amount": 100, "discount": "di_1"}],
        "discountable": True,
        "discounts": [],
        "parent": {
            "type": "invoice_item_details",
            "invoice_item_details": {"proration": True, "subscription": "sub_1"},
            "subscription_item_details": None,
        },
        "period": {"start": 1767225600, "end": 1769904000},
        "pricing": {"price_details": {"price": {"id": "price_1"}, "product": "prod_1"}},
        "quantity": 2,
        "quantity_decimal": "2.5",
    }
    return {
        "id": "in_1",
        "number": None,
        "customer": "cus_1",
        "created": 1767225600,
        "currency": "usd",
        "total": 1150,
        "total_taxes": [
            {"amount": 200, "tax_behavior": "exclusive"},
            {"amount": 90, "tax_behavior": "inclusive"},
        ],
        "total_pretax_credit_amounts": [
            {"amount": 50, "type": "credit_balance_transaction"},
            {"amount": 100, "type": "discount"},
        ],
        "discounts": [{"id": "di_1", "source": {"coupon": {"id": "c"}}, "start": 1767225600}],
        "lines": {"data": [billed], "has_more": False},
        "parent": None,
    } | more


def test_an_invoice_is_read() -> None:
    read = invoice_of(tree())
    (billed,) = read.lines
    assert (read.number, read.customer, read.sold) == ("in_1", "cus_1", None)
    assert read.net + read.beside == read.total == usd("11.50")
    assert read.discounts == (replace(off("c"), id="di_1"),)
    assert (billed.price, billed.quantity, billed.proration) == ("price_1", Decimal("2.5"), True)
    assert (billed.window, billed.text) == (MONTH, "il_1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "xxz"},
        {"currency": None},
        {"total": "1150"},
        {"total": None},
        {"created": 10**30},
        {"created": "soon"},
        {"lines": None},
        {"discounts": ["di_1"]},
        {"lines": {"data": [{}]}},
        {"lines": {"data": [tree()["lines"]["data"][0] | {"quantity_decimal": "-1"}]}},
        {"lines": {"data": [tree()["lines"]["data"][0] | {"quantity_decimal": "1e400"}]}},
        {"lines": {"data": [tree()["lines"]["data"][0] | {"currency": "eur"}]}},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        invoice_of(tree(**wrong))
