"""`tally.coupons`: who may redeem one, what it takes off, and that no place is given twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from tallystick.app.redemptions import redemptions_for
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict, CouponRefused, InvalidInput, NotFound
from tests.facade.billing import catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tallystick.core.invoice import Invoice
    from tests.databases import Database

COUPONS: list[dict[str, Any]] = [
    {"id": "half", "percent_off": "50", "duration": "forever", "codes": ["Half"]},
    {"id": "once", "amount_off": {"USD": "5.00"}, "codes": ["FIVE"]},
    {"id": "three", "percent_off": "10", "duration": "repeating", "months": 3, "codes": ["TEN"]},
    {"id": "few", "percent_off": "20", "max_redemptions": 3, "codes": ["FEW"]},
    {"id": "own", "percent_off": "20", "max_redemptions_per_customer": 1, "codes": ["OWN"]},
    {"id": "new", "percent_off": "20", "first_purchase": True, "codes": ["NEW"]},
    {"id": "seats", "percent_off": "100", "prices": ["seat"], "codes": ["SEATS"]},
]


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        tree: Any = to_tree(catalog())
        ledger.publish(read_catalog({**tree, "coupons": COUPONS}), author="anna")
        yield ledger


def issued(tally: Tallystick, until: str) -> list[Invoice]:
    tally.invoices.run(day(until))
    found = [each.invoice for each in tally.invoices.list(limit=100) if each.number is not None]
    return sorted(found, key=lambda each: each.number or "")


def totals(tally: Tallystick, until: str) -> list[str]:
    return [str(each.total.major) for each in issued(tally, until)]


def all_in_order(tally: Tallystick) -> None:
    assert tally.verify().ok
    for each in tally.invoices.list(limit=100):
        if each.number is not None:
            assert tally.invoices.replay(each.invoice.id).equal


def test_a_code_takes_its_part_of_every_line_for_ever(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "pro", seats=3, coupons=[" hALF "])
    assert totals(tally, "2026-12-02") == ["22.50", "22.50", "22.50"]
    first = issued(tally, "2026-12-02")[0]
    assert [str(line.discount.major) for line in first.lines] == ["15.00", "7.50"]
    assert (str(first.subtotal), str(first.discount)) == ("45.00 USD", "22.50 USD")
    [row] = first.discounts
    assert (row.coupon, row.amount, dict(row.by_line)) == (
        "half",
        usd("22.50"),
        {"1": 1500, "2": 750},
    )
    [redemption] = tally.coupons.redemptions("acme")
    assert (redemption.subscription, redemption.code, redemption.used) == (
        made.subscription.id,
        "half",
        3,
    )
    all_in_order(tally)


def test_once_is_the_first_document_that_it_lowers(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", coupons=["FIVE"])
    assert totals(tally, "2026-12-02") == ["5.00", "10.00", "10.00"]
    all_in_order(tally)


def test_three_months_are_three_months(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", coupons=["TEN"])
    assert totals(tally, "2027-01-02") == ["9.00", "9.00", "9.00", "10.00"]
    all_in_order(tally)


def test_coupons_act_one_after_the_other_on_what_is_left(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", coupons=["Half", "FIVE", "half"])
    [invoice] = issued(tally, "2026-10-02")
    assert invoice.total == usd("0.00")
    assert [(each.coupon, each.amount) for each in invoice.discounts] == [
        ("half", usd("5.00")),
        ("once", usd("5.00")),
    ]
    assert invoice.status == "paid"
    all_in_order(tally)


def test_a_coupon_of_a_price_leaves_the_others(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "pro", seats=2, coupons=["SEATS"])
    assert totals(tally, "2026-10-02") == ["30.00"]


def test_a_preview_shows_what_the_start_will_take_off(tally: Tallystick) -> None:
    before = digest(tally)
    seen = tally.subscriptions.preview.start("acme", "basic", coupons=["TEN"])
    assert digest(tally) == before
    assert [each.total for each in seen.documents] == [usd("9.00")]
    assert seen.upcoming is not None
    assert seen.upcoming.total == usd("9.00")


def test_what_was_discounted_is_given_back_as_it_was_paid(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "pro", coupons=["half"])
    tally.invoices.run(day("2026-10-02"))
    tally.subscriptions.cancel(
        made.subscription.id, when="now", credit=True, at=day("2026-10-16T12:00")
    )
    tally.invoices.run(day("2026-11-02"))
    notes = [
        each.invoice
        for each in tally.invoices.list(limit=100)
        if each.invoice.kind == "credit_note"
    ]
    # half of 35.00 (the plan and a seat) was paid; half of the month is left of it
    assert [each.total for each in notes] == [usd("-8.75")]
    assert notes[0].subtotal == usd("-17.50")
    all_in_order(tally)


def test_a_discount_begun_after_the_payment_does_not_shrink_what_is_given_back(
    tally: Tallystick,
) -> None:
    made = tally.subscriptions.start("acme", "basic")
    tally.invoices.run(day("2026-10-02"))
    tally.coupons.redeem("acme", "HALF", subscription=made.subscription.id, at=day("2026-10-10"))
    tally.subscriptions.cancel(
        made.subscription.id, when="now", credit=True, at=day("2026-10-16T12:00")
    )
    assert totals(tally, "2026-11-02")[-1] in {"-5.00", "10.00"}
    assert min(totals(tally, "2026-11-02"), key=float) == "-5.00"
    all_in_order(tally)


def test_an_upgrade_in_mid_period_gives_back_and_takes_off(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "basic", coupons=["half"])
    tally.invoices.run(day("2026-10-02"))
    tally.subscriptions.change(
        made.subscription.id,
        plan="pro",
        proration="invoice_now",
        when="now",
        at=day("2026-10-16T12:00"),
    )
    # half of (30.00 + 5.00) * 1/2, less half of 10.00 * 1/2 that had been paid
    assert totals(tally, "2026-10-20") == ["5.00", "6.25"]
    all_in_order(tally)


# --- who may ------------------------------------------------------------------------------------


def test_a_limit_holds_and_a_place_given_back_is_free_once(tally: Tallystick) -> None:
    for name in "bcde":
        tally.customers.create(name)
    given = [tally.coupons.redeem(name, "FEW") for name in "bcd"]
    before = digest(tally)
    with pytest.raises(CouponRefused, match="not known, or not valid") as refused:
        tally.coupons.redeem("e", "few")
    assert refused.value.reasons == ("unknown_code",)
    assert digest(tally) == before
    tally.coupons.release(given[0].id)
    tally.coupons.release(given[0].id)
    tally.coupons.redeem("e", "few")
    with pytest.raises(CouponRefused):
        tally.coupons.redeem("b", "few")


def test_looking_at_a_coupon_takes_no_place(tally: Tallystick) -> None:
    before = digest(tally)
    for _ in range(4):
        assert tally.coupons.check("FEW", customer="acme").allowed
    assert digest(tally) == before
    assert tally.coupons.redeem("acme", "FEW").coupon.id == "few"


@pytest.mark.parametrize("most", [1, 3])
def test_of_many_at_once_as_many_redeem_as_may(tally: Tallystick, most: int) -> None:
    if tally.storage.engine.url.database in {None, "", ":memory:"}:
        pytest.skip("one connection holds a database in memory")
    tree: Any = to_tree(catalog())
    coupon = {"id": "rush", "percent_off": "5", "max_redemptions": most, "codes": ["RUSH"]}
    tally.publish(read_catalog({**tree, "coupons": [coupon]}), author="anna")
    names = [f"n{number}" for number in range(16)]
    for name in names:
        tally.customers.create(name)

    def redeem(name: str) -> bool:
        try:
            tally.coupons.redeem(name, "RUSH")
        except CouponRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(redeem, names)) == most
    assert tally.verify().ok


def test_one_customer_has_it_once_however_it_is_written(tally: Tallystick) -> None:
    tally.coupons.redeem("acme", "OWN")
    for text in ("own", " Own ", "ＯＷＮ"):
        with pytest.raises(CouponRefused):
            tally.coupons.redeem("acme", text)
    assert not tally.coupons.check("own", customer="acme").allowed
    tally.customers.create("globex")
    assert tally.coupons.check("own", customer="globex").allowed


def test_a_first_purchase_is_the_first_that_was_asked_for(tally: Tallystick) -> None:
    assert tally.coupons.check("NEW", customer="acme").allowed
    tally.subscriptions.start("acme", "basic")
    tally.invoices.run(day("2026-10-02"))
    assert not tally.coupons.check("NEW", customer="acme").allowed


def test_a_start_that_is_refused_takes_no_place(tally: Tallystick) -> None:
    before = digest(tally)
    with pytest.raises(CouponRefused):
        tally.subscriptions.start("acme", "basic", coupons=["FEW", "NONE"])
    assert digest(tally) == before


def test_what_took_something_off_is_ended_not_released(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", coupons=["HALF"])
    tally.invoices.run(day("2026-10-02"))
    [redemption] = tally.coupons.redemptions("acme")
    with pytest.raises(Conflict, match="end it instead"):
        tally.coupons.release(redemption.id)
    tally.coupons.end(redemption.id, at=day("2026-10-20"))
    assert totals(tally, "2026-11-02") == ["5.00", "10.00"]
    all_in_order(tally)


def test_a_coupon_goes_on_as_it_was_redeemed_whatever_is_published(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", coupons=["HALF"])
    tally.publish(catalog(), author="anna")
    assert totals(tally, "2026-11-02") == ["5.00", "5.00"]
    with pytest.raises(CouponRefused):
        tally.coupons.redeem("acme", "HALF")
    all_in_order(tally)


def test_a_key_redeems_once(tally: Tallystick) -> None:
    one = tally.coupons.redeem("acme", "FEW", idempotency_key="k")
    assert tally.coupons.redeem("acme", "FEW", idempotency_key="k").id == one.id
    with pytest.raises(Conflict, match="another redemption"):
        tally.coupons.redeem("acme", "OWN", idempotency_key="k")


def test_what_is_refused(tally: Tallystick) -> None:
    with pytest.raises(NotFound):
        tally.coupons.redeem("nobody", "HALF")
    with pytest.raises(NotFound):
        tally.coupons.redeem("acme", "HALF", subscription="none")
    with pytest.raises(NotFound):
        tally.coupons.redeem("acme", coupon="none")
    with pytest.raises(InvalidInput):
        tally.coupons.redeem("acme")
    with pytest.raises(InvalidInput):
        tally.coupons.redeem("acme", "HALF", coupon="half")
    with pytest.raises(NotFound):
        tally.coupons.get("none")


def test_a_batch_reads_a_coupon_once_however_many_have_it(tally: Tallystick) -> None:
    people = [f"c{number}" for number in range(4)]
    for each in people:
        tally.customers.create(each)
        tally.coupons.redeem(each, "HALF")
    said: list[str] = []

    def hear(*heard: Any) -> None:
        said.append(heard[2])

    def asked(many: int) -> int:
        said.clear()
        with tally.storage.look() as unit:
            found = redemptions_for(unit, people[:many])
        assert {key: [each.coupon.id for each in some] for key, some in found.items()} == {
            each: ["half"] for each in people[:many]
        }
        return sum("catalog_versions" in each for each in said)

    event.listen(tally.storage.engine, "before_cursor_execute", hear)
    assert 0 < asked(4) == asked(1)
    event.remove(tally.storage.engine, "before_cursor_execute", hear)
