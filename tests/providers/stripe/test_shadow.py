"""Stripe's invoices beside our reckoning, against a fake that reckons by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import InvalidInput
from tallystick.providers.stripe.shadow_price import tariffs_of
from tallystick.providers.stripe.shadow_read import billed
from tallystick.providers.stripe.shadow_reckon import compare
from tests.providers.stripe.bookshop import Shop, catalog_of, client_of, flat, plan_of

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog
    from tallystick.providers.stripe.shadow import ComparedInvoice, ComparedLine

USD: Final = currency("USD")
DAY: Final = timedelta(days=1)
TIERS: Final = [
    {"up_to": 3, "cost": "1.00", "flat_cost": "2.00"},
    {"up_to": 10, "cost": "0.333"},
    {"up_to": "unlimited", "cost": "0.10"},
]


def priced(cost: str = "30.00") -> Catalog[Any, Any]:
    """Give a catalogue with every shape that Stripe has."""
    return catalog_of(
        plan_of("basic", flat("basic", "10.00")),
        plan_of("pro", flat("pro", cost), setup_fee="49.00"),
        plan_of("seats", {"id": "seat", "type": "per_seat", "cost": "7.77"}),
        plan_of("steps", {"id": "step", "type": "per_seat", "tiers": TIERS}),
        plan_of("bulk", {"id": "bulk", "type": "per_seat", "tiers_mode": "volume", "tiers": TIERS}),
        plan_of(
            "used",
            {"id": "calls", "type": "per_unit", "cost": "0.0123", "meter": "calls", "included": 5},
            {"id": "sms", "type": "volume", "tiers": TIERS, "meter": "sms"},
            {"id": "files", "type": "graduated", "tiers": TIERS, "meter": "files"},
            {
                "id": "packs",
                "type": "package",
                "cost": "5.00",
                "package_size": 100,
                "meter": "packs",
            },
        ),
        meters=[{"key": key} for key in ("calls", "sms", "files", "packs")],
        coupons=[
            {"id": "tenth", "percent_off": "12.5", "duration": "forever"},
            {"id": "once", "percent_off": 50},
            {"id": "spring", "percent_off": 20, "duration": "repeating", "months": 2},
            {"id": "five", "amount_off": {"USD": "5.00"}, "duration": "forever"},
        ],
    )


class Sales:
    """A shop whose catalogue is applied, and one payer."""

    def __init__(self, catalog: Catalog[Any, Any]) -> None:
        self.shop = Shop()
        self.shop.apply(catalog)
        self.catalog = catalog
        self.client = client_of(self.shop.fake)
        self.v1: Any = self.client.v1
        self.payer = self.v1.customers.create({"name": "Acme Ltd"}).id
        card = self.v1.payment_methods.attach("pm_card_visa", {"customer": self.payer}).id
        default: Any = {"default_payment_method": card}
        self.v1.customers.update(self.payer, {"invoice_settings": default})

    def sell(self, *lines: str, **more: Any) -> Any:
        """Subscribe to lines, `seat:3` for three of one."""
        items = []
        for each in lines:
            key, _, count = each.partition(":")
            item: dict[str, Any] = {"price": self.shop.price(key)["id"]}
            items.append({**item, "quantity": int(count)} if count else item)
        return self.v1.subscriptions.create({"customer": self.payer, "items": items, **more})

    def use(self, meter: str, units: str) -> None:
        """Tell a meter of usage."""
        payload = {"stripe_customer_id": self.payer, "value": units}
        self.v1.billing.meter_events.create({"event_name": meter, "payload": payload})

    def pass_days(self, days: int) -> None:
        """Let time pass."""
        self.shop.clock.advance(DAY * days)

    def compare(
        self, catalog: Catalog[Any, Any] | None = None, *, mapped: bool = True, **more: Any
    ) -> tuple[ComparedInvoice, ...]:
        """Compare, as the command does."""
        found = billed(self.client, **more)
        assert found.refused == ()
        own = (catalog or self.catalog, self.shop.lock) if mapped else (None, None)
        return compare(found.invoices, tariffs_of(self.shop.book.held(), *own))


def differing(compared: tuple[ComparedInvoice, ...]) -> list[ComparedLine]:
    return [line for each in compared for line in each.lines if line.verdict != "equal"]


@pytest.fixture
def sales() -> Sales:
    return Sales(priced())


@pytest.mark.parametrize("mapped", [True, False], ids=["catalogue", "read from Stripe"])
def test_fees_seats_tiers_and_usage_come_to_the_same(sales: Sales, mapped: bool) -> None:
    sales.sell("pro", add_invoice_items=[{"price": sales.shop.price("pro:setup_fee")["id"]}])
    for line in ("seat:3", "step:3", "step:17", "bulk:4", "bulk:400"):
        sales.sell(line)
    sales.sell("calls", "sms", "files", "packs")
    for meter, units in (("calls", "1234"), ("sms", "11"), ("files", "11"), ("packs", "101")):
        sales.use(meter, units)
    sales.pass_days(32)
    compared = sales.compare(mapped=mapped)
    assert differing(compared) == []
    assert {each.verdict for each in compared} == {"equal"}
    used = next(each for each in compared if len(each.lines) == 4)
    assert [line.theirs.minor for line in used.lines] == [1512, 110, 743, 1000]
    assert all(line.steps for line in used.lines)


@pytest.mark.parametrize("mapped", [True, False], ids=["catalogue", "read from Stripe"])
def test_an_upgrade_is_prorated_by_the_second(sales: Sales, mapped: bool) -> None:
    sold = sales.sell("basic", "seat:2", "step:5")
    items = {item["price"]["lookup_key"]: item["id"] for item in sold.to_dict()["items"]["data"]}
    sales.shop.clock.advance(timedelta(days=9, hours=5, seconds=7))
    changed = [
        {"id": items["basic"], "price": sales.shop.price("pro")["id"]},
        {"id": items["seat"], "quantity": 11},
        {"id": items["step"], "quantity": 4},
    ]
    sales.v1.subscriptions.update(
        sold.id, {"items": changed, "proration_behavior": "always_invoice"}
    )
    sales.pass_days(31)
    compared = sales.compare(mapped=mapped)
    assert differing(compared) == []
    prorated = [line for each in compared for line in each.lines if line.lines[0].proration]
    assert len(prorated) == 6
    assert {line.theirs.minor < 0 for line in prorated} == {True, False}
    assert any(" × " in step and " ÷ 2,678,400" in step for step in prorated[0].steps)
    # The last invoice alone does not tell the period: it is counted from the anchor then.
    change = [each for each in compared if each.lines == tuple(prorated)]
    (again,) = compare([change[0].invoice], tariffs_of(sales.shop.book.held()))
    assert again.verdict == "equal"


def test_another_interval_gives_back_of_the_period_that_was_billed(sales: Sales) -> None:
    sales.pass_days(31)
    sold = sales.sell("basic")
    product = sales.shop.price("basic")["product"]
    yearly = sales.v1.prices.create(
        {
            "product": product,
            "currency": "usd",
            "unit_amount": 9000,
            "recurring": {"interval": "year"},
        }
    )
    sales.pass_days(10)
    item = sold.to_dict()["items"]["data"][0]["id"]
    sales.v1.subscriptions.update(sold.id, {"items": [{"id": item, "price": yearly.id}]})
    changed, first = sales.compare()
    assert (changed.verdict, first.verdict) == ("equal", "equal")
    back, year = changed.lines
    assert (back.theirs, year.theirs) == (Money(-643, USD), Money(9000, USD))  # 18 of 28 days
    # Without the bill that it gives back of nobody knows how long its period was.
    (alone,) = compare([changed.invoice], tariffs_of(sales.shop.book.held()))
    assert [line.verdict for line in alone.lines] == ["not reckoned", "equal"]
    assert "not known" in alone.lines[0].reason
    assert alone.verdict == "not reckoned"


@pytest.mark.parametrize("mapped", [True, False], ids=["catalogue", "read from Stripe"])
@pytest.mark.parametrize(
    ("coupons", "months"),
    [(["tenth"], 3), (["once"], 1), (["spring"], 2), (["five"], 3), (["five", "tenth"], 3)],
    ids=str,
)
def test_coupons_come_to_the_same(
    sales: Sales, coupons: list[str], months: int, mapped: bool
) -> None:
    given = [{"coupon": each} for each in coupons]
    sales.sell("basic", "seat:3", "step:4", discounts=given)
    sales.pass_days(62)
    compared = sales.compare(mapped=mapped)
    assert len(compared) == 3
    assert differing(compared) == []
    off = [sum(line.lines[0].discount.minor for line in each.lines) for each in compared]
    assert [bool(each) for each in reversed(off)] == [month < months for month in range(3)]
    assert any("coupons: " in step for line in compared[-1].lines for step in line.steps)


def test_a_trial_costs_nothing(sales: Sales) -> None:
    sales.sell("pro", "calls", trial_period_days=14)
    sales.use("calls", "500")
    sales.pass_days(50)
    compared = sales.compare()
    assert differing(compared) == []
    assert compared[-1].lines[0].steps == ("within the trial: 0.00 USD",)
    assert [each.ours.minor > 0 for each in compared] == [True, True, False]


def test_a_price_tampered_with_is_the_only_difference(sales: Sales) -> None:
    sales.sell("basic", "seat:3")
    sales.sell("pro", discounts=[{"coupon": "tenth"}])
    sales.pass_days(20)
    compared = sales.compare(priced("29.00"))
    (line,) = differing(compared)
    assert (line.key, line.verdict) == ("pro", "different")
    assert (line.theirs, line.ours) == (Money(2625, USD), Money(2537, USD))
    assert line.difference == Money(-88, USD)
    assert "tallystick stripe drift" in line.reason
    assert "1 × 29.00 USD = 29.00 USD" in " ".join(line.steps)
    assert [each.verdict for each in compared] == ["different", "equal"]


def test_a_fee_that_stripe_sells_by_the_piece_is_told(sales: Sales) -> None:
    sales.sell("basic:4")
    (line,) = differing(sales.compare())
    assert (line.theirs, line.ours) == (Money(4000, USD), Money(1000, USD))
    assert "per_seat" in line.reason
    assert differing(sales.compare(mapped=False)) == []


def test_a_quarter_read_as_a_month_is_not_reckoned(sales: Sales) -> None:
    sales.sell("basic")
    quarterly = catalog_of(plan_of("basic", flat("basic", "10.00"), interval_count=3))
    (line,) = differing(sales.compare(quarterly))
    assert line.verdict == "not reckoned"
    assert line.reason == "Stripe charges it monthly, and basic is quarterly here"


def test_what_cannot_be_reckoned_is_named_and_counted_apart(sales: Sales) -> None:
    sales.v1.invoice_items.create(
        {"customer": sales.payer, "amount": 5000, "currency": "usd", "description": "Consulting"}
    )
    invoice = sales.v1.invoices.create(
        {"customer": sales.payer, "pending_invoice_items_behavior": "include"}
    )
    sales.v1.invoices.finalize_invoice(invoice.id)
    sold = sales.sell("basic", discounts=[{"coupon": "five"}])
    sales.pass_days(3)
    item = sold.to_dict()["items"]["data"][0]["id"]
    sales.v1.subscriptions.update(
        sold.id,
        {
            "items": [{"id": item, "price": sales.shop.price("pro")["id"]}],
            "proration_behavior": "always_invoice",
        },
    )
    changed, first, typed = sales.compare()
    assert (changed.verdict, first.verdict, typed.verdict) == (
        "not reckoned",
        "equal",
        "not reckoned",
    )
    assert [line.reason.partition(":")[0] for line in (*changed.lines, *typed.lines)] == [
        "a proration under a coupon",
        "a proration under a coupon",
        "an amount that somebody typed",
    ]
    assert (typed.theirs.minor, typed.ours.minor, typed.left_out.minor) == (0, 0, 5000)


def test_a_coupon_that_is_gone_is_not_reckoned(sales: Sales) -> None:
    made = sales.v1.coupons.create({"percent_off": 10, "duration": "once"})
    sales.sell("basic", "seat:1", discounts=[{"coupon": made.id}])
    assert differing(sales.compare()) == []
    sales.v1.coupons.delete(made.id)
    (compared,) = sales.compare()
    assert {line.verdict for line in compared.lines} == {"not reckoned"}
    assert made.id in compared.lines[0].reason


def test_all_lines_of_a_long_invoice_are_read(sales: Sales) -> None:
    product = sales.shop.price("basic")["product"]
    each = {"product": product, "currency": "usd", "recurring": {"interval": "month"}}
    items = [
        {"price": sales.v1.prices.create({**each, "unit_amount": 100 + number}).id}
        for number in range(15)
    ]
    given = [{"coupon": "tenth"}]
    sales.v1.subscriptions.create({"customer": sales.payer, "items": items, "discounts": given})
    (compared,) = sales.compare()
    assert (len(compared.lines), compared.verdict, compared.reason) == (15, "equal", "")


def test_only_finalised_invoices_are_read_the_last_ones_first(sales: Sales) -> None:
    sales.sell("basic")
    sales.pass_days(59)
    assert len(sales.compare()) == 2  # the third is a draft for an hour
    sales.shop.clock.advance(timedelta(hours=2))
    all_ = sales.compare()
    assert [each.invoice.id for each in sales.compare(limit=2)] == [
        each.invoice.id for each in all_[:2]
    ]
    assert (len(all_), len(sales.compare(since=all_[0].invoice.at))) == (3, 1)
    with pytest.raises(InvalidInput, match="limit"):
        sales.compare(limit=0)


def test_each_tier_on_a_line_of_its_own_is_one_thing(sales: Sales) -> None:
    sales.sell("step:5")
    (compared,) = sales.compare()
    (line,) = compared.invoice.lines
    parts = [(3, 300, "tier 1"), (0, 200, "tier 1, flat"), (2, 67, "tier 2")]
    split = tuple(
        replace(line, id=text, text=text, quantity=Decimal(count), amount=Money(minor, USD))
        for count, minor, text in parts
    )
    tariffs = tariffs_of(sales.shop.book.held(), sales.catalog, sales.shop.lock)
    (again,) = compare([replace(compared.invoice, lines=split)], tariffs)
    assert [(len(each.lines), each.verdict) for each in again.lines] == [(3, "equal")]
    # Where each tier is rounded by itself the sum may be one more, and that is said.
    odd = (*split[:2], replace(split[2], amount=Money(68, USD)))
    (more,) = compare([replace(compared.invoice, lines=odd)], tariffs)
    assert more.lines[0].reason == "Stripe rounds each of its 3 lines by itself"
    assert "its lines come to 5.68 USD" in more.reason
