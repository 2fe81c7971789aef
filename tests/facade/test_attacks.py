"""What somebody may try who wants more than was sold: it comes to nothing, and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Money, currency
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict, CouponRefused, CurrencyMismatch, InvalidInput
from tests.facade.billing import START, catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tests.databases import Database

COUPON: dict[str, Any] = {
    "id": "own",
    "percent_off": "100",
    "max_redemptions_per_customer": 1,
    "codes": ["OWN"],
}


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        tree: Any = to_tree(catalog())
        ledger.publish(read_catalog({**tree, "coupons": [COUPON]}), author="anna")
        yield ledger
        assert ledger.verify().ok


def test_plans_changed_to_and_fro_a_hundred_times_charge_once(tally: Tallystick) -> None:
    """Credits and charges are for the same seconds: a hundred of them leave what was charged."""
    made = tally.subscriptions.start("acme", "basic", at=START).subscription
    tally.invoices.run(START)
    tally.invoices.pay("INV-000001", at=START)
    at = day("2026-10-16T12:00")
    for number in range(100):
        tally.subscriptions.change(
            made.id,
            plan=("pro", "basic")[number % 2],
            when="now",
            proration="invoice_now",
            at=at + timedelta(milliseconds=600 * number),
        )
    tally.invoices.run(at + timedelta(minutes=2))
    assert tally.verify().ok  # some wait for usage, and those after them wait for these
    tally.invoices.run(at + timedelta(days=1))
    pages = [tally.invoices.list(limit=100)]
    pages.append(tally.invoices.list(limit=100, starting_after=pages[0].cursor))
    found = [each.invoice for page in pages for each in page if each.number is not None]
    assert len({each.id for each in found}) == 101
    # a hundred changes within a minute leave the customer where it was, on the basic plan
    assert Money.total((each.total for each in found), currency("USD")) == usd("10.00")
    assert [str(each) for each in tally.invoices.balance("acme")] == []


def test_a_refund_frees_no_place_of_a_coupon(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "basic", coupons=["OWN"], at=START).subscription
    tally.invoices.run(START)
    [redemption] = tally.coupons.redemptions("acme")
    tally.subscriptions.cancel(made.id, when="now", credit=True, at=day("2026-10-02"))
    tally.invoices.run(day("2026-10-03"))
    before = digest(tally)
    for refused in (
        lambda: tally.coupons.redeem("acme", "OWN", at=day("2026-10-04")),
        lambda: tally.subscriptions.start("acme", "basic", coupons=["OWN"], at=day("2026-10-04")),
    ):
        with pytest.raises(CouponRefused):
            refused()
    with pytest.raises(Conflict):
        tally.coupons.release(redemption.id, at=day("2026-10-04"))
    assert digest(tally) == before
    assert tally.invoices.balance("acme") == ()


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (Money.parse("1.00", currency("EUR")), CurrencyMismatch),
        (usd("10.01"), Conflict),
        (usd("-1.00"), InvalidInput),
        (usd("0.00"), InvalidInput),
        ("NaN", InvalidInput),
        ("1e3", InvalidInput),
    ],
    ids=str,
)
def test_no_other_money_and_no_more_than_was_paid_is_refunded(
    tally: Tallystick, amount: Any, error: type[Exception]
) -> None:
    tally.subscriptions.start("acme", "basic", at=START)
    tally.invoices.run(START)
    tally.invoices.pay("INV-000001", at=START)
    before = digest(tally)
    with pytest.raises(error):
        tally.invoices.refund("INV-000001", amount, at=day("2026-10-02"))
    assert digest(tally) == before
