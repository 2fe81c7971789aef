"""A year of a small seller, for looking back on: whatever changes a bill happens in it.

Coupons of every kind, credits, taxes, prices agreed with one customer, late and corrected usage,
changes and cancellations that give back, commitments, thresholds, one-off items, credit notes by
hand, a void invoice, two currencies.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick import Tallystick, TaxRule, TaxRules
from tallystick.core.dialects import read_catalog
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import day, flat, plan, usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.backtest import Backtest

__all__ = ["SINCE", "TREE", "UNTIL", "issued", "lived", "repriced", "tree"]

SINCE: Final = day("2026-01-01")
UNTIL: Final = day("2027-01-01")
_SEATS: Final = {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5.00"}
_CALLS: Final = {
    "id": "calls",
    "name": "Calls",
    "type": "graduated",
    "meter": "calls",
    "included": "100",
    "unit": "call",
    "tiers": [{"up_to": "1000", "cost": "0.013"}, {"up_to": None, "cost": "0.007"}],
}
_DISK: Final = {
    "id": "disk",
    "name": "Disk",
    "type": "per_unit",
    "meter": "disk",
    "unit": "GB",
    "cost": "0.11",
    "group_by": ["region"],
}
_FEES: Final = {
    "id": "fees",
    "name": "Fees",
    "type": "percentage",
    "meter": "sales",
    "unit": "sale",
    "percent": "1.5",
    "fixed": "0.05",
}
TREE: Final[dict[str, Any]] = {
    "dialect": "tallystick",
    "currency": "USD",
    "meters": [
        {"key": "calls", "aggregation": "sum"},
        {"key": "disk", "aggregation": "max", "value": "gb", "group_by": ["region"]},
        {"key": "sales", "aggregation": "count"},
    ],
    "coupons": [
        {"id": "half", "percent_off": "50", "duration": "forever", "codes": ["HALF"]},
        {"id": "five", "amount_off": {"USD": "5.00"}, "codes": ["FIVE"]},
        {
            "id": "eight",
            "amount_off": {"USD": "8.00"},
            "duration": "repeating",
            "months": 3,
            "codes": ["EIGHT"],
        },
        {"id": "calls-off", "percent_off": "30", "duration": "forever", "meters": ["calls"]},
    ],
    "products": [
        {
            "id": "app",
            "name": "App",
            "currency": "USD",
            "plans": [
                plan("basic", flat("basic", "10.00"), minimum_commitment="25.00"),
                plan("pro", flat("pro", "30.00"), _SEATS, _CALLS, _DISK, setup_fee="15.00"),
                plan("shop", flat("shop", "12.00"), _FEES),
                plan(
                    "metered",
                    {**_CALLS, "id": "metered-calls"},
                    invoice_threshold="20.00",
                ),
                plan("free", flat("free", "0.00"), {**_CALLS, "id": "free-calls"}),
                plan("sms", flat("sms", "4.00")),
            ],
        },
        {
            "id": "desk",
            "name": "Desk",
            "currency": "EUR",
            "group": "desk",
            "plans": [plan("desk", flat("desk", "7.00"))],
        },
    ],
}


def tree(change: Callable[[dict[str, Any]], object] | None = None) -> dict[str, Any]:
    """Give the catalogue, each price with a change made to it."""

    def copied(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: copied(entry) for key, entry in value.items()}
        return [copied(entry) for entry in value] if isinstance(value, list) else value

    found: dict[str, Any] = copied(TREE)
    for product in found["products"]:
        for each in product["plans"]:
            for price in each["prices"]:
                if change is not None:
                    change(price)
    return found


def lived(url: str, catalog: dict[str, Any] = TREE, *, inclusive: bool | None = None) -> Tallystick:
    """Give a ledger on which it all happened; taxed unless `inclusive` is None."""
    tally = Tallystick(
        url, catalog=read_catalog(catalog), clock=FrozenClock(SINCE), ids=CountedIds()
    )
    tally.migrate()
    tally.publish(author="anna", at=SINCE)
    if inclusive is not None:
        tally.seller.set(name="Us", address={"country": "AT"}, at=SINCE)
        tally.taxes.publish(_taxes(inclusive=inclusive), author="anna", at=SINCE)
    _Year(tally).live()
    return tally


def _taxes(*, inclusive: bool) -> TaxRules:
    rates = [("standard", "VAT", "20"), ("standard", "levy", "1.5"), ("reduced", "VAT", "10")]
    return TaxRules(
        rates=tuple(
            TaxRule(
                country="AT",
                category=category,
                name=name,
                percent=Decimal(percent),
                inclusive=inclusive and name == "VAT",
            )
            for category, name, percent in rates
        ),
        categories={"calls": "reduced"},
    )


class _Year:
    """What happened, month by month; each month ends with a run."""

    def __init__(self, tally: Tallystick) -> None:
        self.tally, self.events = tally, 0

    def live(self) -> None:
        for name in ("acme", "beta", "crab", "dove", "elk", "fox", "gnu", "hen"):
            address = {"country": "AT"}
            self.tally.customers.create(name, name=name, address=address, at=SINCE)
        for month in range(1, 13):
            getattr(self, f"_month_{month}", self._nothing)()
            self._use(month)
            self._bill(f"2026-{month:02}-28T12:00:00")

    def _nothing(self) -> None: ...

    def _bill(self, at: str) -> None:
        done = self.tally.invoices.run(day(at))
        assert not done.set_aside, done.set_aside

    def _start(self, customer: str, offer: str, at: str, **more: Any) -> None:
        self.tally.subscriptions.start(
            customer, offer, id=f"{customer}-{offer}", at=day(at), **more
        )

    def _use(self, month: int) -> None:
        for customer, size in (("acme", 317), ("crab", 2_111), ("fox", 40), ("gnu", 900)):
            self._event(customer, "calls", f"2026-{month:02}-09", {"quantity": size * month})
        for region in ("eu", None)[: 1 + month % 2]:
            properties = {"gb": 10 + month} | ({"region": region} if region else {})
            self._event("acme", "disk", f"2026-{month:02}-11T06:00:00", properties)
        for amount in ("19.90", "250", "3.33"):
            self._event("elk", "sales", f"2026-{month:02}-12", {"amount": amount})

    def _event(
        self, customer: str, kind: str, at: str, properties: dict[str, Any], arrived: str = ""
    ) -> None:
        self.events += 1
        self._clock(arrived or at)
        self.tally.usage.record(
            customer, kind, id=f"e{self.events}", occurred_at=day(at), properties=properties
        )

    def _clock(self, at: str) -> None:
        clock = self.tally.clock
        assert isinstance(clock, FrozenClock)
        clock.set(day(at))

    # --- the months -------------------------------------------------------------------------------

    def _month_1(self) -> None:
        tally = self.tally
        self._start("acme", "pro", "2026-01-05T10:00:00", seats=3, coupons=["HALF"])
        self._start("beta", "basic", "2026-01-10")
        own = {"pro": {"cost": "19.00"}, "calls": {"included": "500"}}
        self._start("crab", "pro", "2026-01-31", overrides=own, coupons=["FIVE", "EIGHT"])
        self._start("dove", "desk", "2026-01-02")
        self._start("elk", "shop", "2026-01-03")
        self._start("fox", "free", "2026-01-04", coupons=["FIVE"])
        self._start("gnu", "metered", "2026-01-06")
        self._start("hen", "pro", "2026-01-07", add_ons=["sms"])
        tally.coupons.redeem("gnu", coupon="calls-off", at=day("2026-01-06"))

    def _month_2(self) -> None:
        # one that ends, one that is void before it is spent, one that a void invoice gives back
        self._grant("elk", "20.00", at="2026-02-01", expires_at=day("2026-04-10"))
        self._grant("elk", "7.00", at="2026-02-01", category="paid")
        self.gift = self._grant("hen", "900.00", at="2026-02-03", prices=["pro", "shop"])
        self._grant("crab", "33.00", at="2026-02-03")
        self._grant("gnu", "15.00", at="2026-02-03", meters=["calls"])
        self.moved = self._grant("beta", "100.00", at="2026-02-03", plans=["pro"])

    def _grant(self, customer: str, amount: str, *, at: str, **more: Any) -> str:
        return self.tally.credits.grant(customer, usd(amount), at=day(at), **more).grant.id

    def _month_3(self) -> None:
        # February's call comes after its bill, another one below the allowance
        self._event("acme", "calls", "2026-02-20", {"quantity": 700}, "2026-03-08")
        self._event("hen", "calls", "2026-02-20", {"quantity": 60}, "2026-03-08")
        self.tally.subscriptions.change(
            "acme-pro", seats=5, proration="next_invoice", at=day("2026-03-15T12:00:00")
        )
        self.tally.invoices.add_item("beta", "Training", usd("240.00"), at=day("2026-03-09"))

    def _month_4(self) -> None:
        self.tally.usage.void("acme", "e1")
        first = self._of("dove")[0]
        self.tally.invoices.credit(first, "2.00", at=day("2026-04-03"))
        self.tally.subscriptions.change(
            "hen-pro", plan="shop", proration="invoice_now", at=day("2026-04-20T08:00:00")
        )

    def _month_5(self) -> None:
        self.tally.subscriptions.cancel(
            "beta-basic", when="now", credit=True, at=day("2026-05-20T18:00:00")
        )
        self.tally.invoices.void(self._of("crab")[-1], at=day("2026-05-02"))

    def _month_6(self) -> None:
        self.tally.credits.void(self.gift, at=day("2026-06-05"))
        # of a time that was billed long ago: it pays nothing of that
        begun = day("2026-01-01")  # before it was told of
        self._grant("elk", "4.00", at="2026-06-05", effective_at=begun)  # pays 3 June, billed later
        ends = day("2026-06-02")  # all of its time was billed
        self._grant("elk", "5.00", at="2026-06-05", effective_at=begun, expires_at=ends)

    def _month_7(self) -> None:
        self._start("beta", "pro", "2026-07-03", seats=2)
        self.tally.subscriptions.pause("crab-pro", at=day("2026-07-10"))

    def _month_8(self) -> None:
        self.tally.credits.transfer(self.moved, "11.00", to="acme", at=day("2026-08-01"))

    def _month_9(self) -> None:
        self.tally.subscriptions.resume("crab-pro", at=day("2026-09-10"))

    def _of(self, customer: str) -> list[str]:
        found = self.tally.invoices.list(customer=customer, limit=100)
        return sorted(each.invoice.number for each in found if each.invoice.number is not None)


def issued(tally: Tallystick) -> dict[tuple[str, str], int]:
    """Give what was issued by customer and currency, minor units; what is void was not."""
    found: Counter[tuple[str, str]] = Counter()
    for name in ("acme", "beta", "crab", "dove", "elk", "fox", "gnu", "hen"):
        for each in tally.invoices.list(customer=name, limit=100):
            if each.invoice.number is not None and each.status != "void":
                found[name, each.invoice.currency.code] += each.invoice.total.minor
    return dict(found)


def repriced(found: Backtest) -> dict[tuple[str, str], int]:
    """Give what a backtest comes to, as `issued` does."""
    return {
        (each.customer, each.currency.code): each.repriced.minor
        for each in found.customers
        if each.documents
    }
