"""The reckoning: lines, sums, and who pays what, in one order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.charge import Charge, Due
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Party
from tallystick.core.line_tax import Invoiced
from tallystick.core.money import Money
from tallystick.core.move import AddOn
from tallystick.core.period import Period
from tallystick.core.rating.line import Earlier
from tallystick.core.rating.usage import Priced, Quantity, Transactions
from tallystick.core.reckoned_lines import Late, OneOff, Used, rated_lines
from tallystick.core.reckoning import STEPS, finalize
from tallystick.core.subscription import Item
from tallystick.core.trees import tree_of, value_of
from tallystick.errors import InvalidUsage, OutOfBounds, UnknownPlan
from tests.core.billing import OFFERS, USD, Story, day, offers_of, reckoned, usd

APRIL = Period(day("2027-04-01"), day("2027-05-01"))
LATTER = Period(day("2027-04-16"), day("2027-05-01"))
CALLS = {"id": "m", "name": "Calls", "meter": "calls", "unit": "call"}


def _offers(**price: Any) -> Any:
    return offers_of({"id": "p", "name": "P", "interval": "month", "prices": [{**CALLS, **price}]})


def _usage(window: Period = APRIL, *, cut: bool = False, **more: Any) -> Charge:
    item = Item("plan", "p@1")
    return Charge(kind="usage", item=item, price="m", window=window, whole=APRIL, cut=cut, **more)


def _due(*charges: Charge) -> Due:
    return Due(cause="boundary/s/2027-05-01T00:00:00Z", at=APRIL.end, charges=charges)


def _used(quantity: str, **more: Any) -> Used:
    return Used(measured=Quantity(Decimal(quantity)), **more)


PER_SEAT = {"type": "per_unit", "cost": "2.00", "included": "10"}


# --- the order ------------------------------------------------------------------------------------


def test_the_steps_are_one_list_in_the_order_of_the_house() -> None:
    names = [step.__name__.strip("_") for step in STEPS]
    assert names == ["rate", "discounts", "minimum", "promotions", "tax", "balance"]


def test_lines_are_rounded_and_then_summed() -> None:
    offers = _offers(type="per_unit", cost="0.005")
    groups = [_used("1", group=(("region", name),)) for name in ("eu", "us", None)]
    invoice = reckoned(_due(_usage()), offers, used={0: groups})
    assert [line.amount for line in invoice.lines] == [usd("0.01")] * 3
    assert [line.group for line in invoice.lines] == [
        (("region", "eu"),),
        (("region", "us"),),
        (("region", None),),
    ]
    assert (invoice.subtotal, invoice.total) == (usd("0.03"), usd("0.03"))


def test_usage_that_nobody_had_gives_no_line() -> None:
    assert reckoned(_due(_usage()), _offers(**PER_SEAT), used={0: [_used("0")]}).lines == ()
    tiers = [{"up_to": None, "cost": "0.10", "flat_cost": "3.00"}]
    shown = reckoned(_due(_usage()), _offers(type="graduated", tiers=tiers), used={0: [_used("0")]})
    assert [line.amount for line in shown.lines] == [usd("3.00")]


def test_usage_within_the_allowance_is_shown_and_costs_nothing() -> None:
    invoice = reckoned(_due(_usage()), _offers(**PER_SEAT), used={0: [_used("7")]})
    assert [(line.quantity, line.billed, line.amount) for line in invoice.lines] == [
        (Decimal(7), Decimal(0), usd("0.00"))
    ]


def test_a_line_says_what_it_is_for() -> None:
    story = Story().start("pro", at="2027-04-01", seats=3, add_ons=(AddOn("extra@1", 2),))
    told = [
        (line.description, line.item, line.offer, line.quantity, line.amount)
        for line in story.documents[0].lines
    ]
    assert told == [
        ("Pro", "plan", "pro@1", Decimal(1), usd("30.00")),
        ("Pro Seats", "plan", "pro@1", Decimal(3), usd("15.00")),
        ("Extra", "extra", "extra@1", Decimal(2), usd("8.00")),
    ]


# --- a change in mid-period -----------------------------------------------------------------------


def test_what_is_counted_has_its_allowance_by_time() -> None:
    invoice = reckoned(_due(_usage(LATTER, cut=True)), _offers(**PER_SEAT), used={0: [_used("9")]})
    line = invoice.lines[0]
    assert (line.billed, line.amount) == (Decimal(4), usd("8.00"))  # 9 less half of 10
    assert line.share == (15 * 86_400, 30 * 86_400)


def test_a_level_keeps_its_allowance_and_is_paid_by_time() -> None:
    charge = _usage(LATTER, cut=True)
    used = {0: [_used("15", gauge=True)]}
    line = reckoned(_due(charge), _offers(**PER_SEAT), used=used).lines[0]
    assert (line.billed, line.amount) == (Decimal(5), usd("5.00"))  # 5 × 2.00 for half the time
    within = reckoned(_due(charge), _offers(**PER_SEAT), used={0: [_used("9", gauge=True)]})
    assert within.total == usd("0.00")  # ten seats are ten, however short the time


def test_a_level_that_nothing_cut_is_priced_as_ever() -> None:
    for charge in (_usage(), _usage(LATTER), _usage(cut=True)):
        invoice = reckoned(_due(charge), _offers(**PER_SEAT), used={0: [_used("15", gauge=True)]})
        assert invoice.total == usd("10.00")


def test_slices_of_a_level_add_up_to_its_share() -> None:
    earlier = Earlier(Quantity(Decimal(12)), usd("2.00"))
    used = {0: [_used("15", gauge=True, earlier=earlier)]}
    invoice = reckoned(_due(_usage(LATTER, cut=True)), _offers(**PER_SEAT), used=used)
    assert invoice.total == usd("3.00")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30 * 86_400 - 1))
def test_a_level_that_a_change_cuts_in_two_costs_what_it_costs_whole(
    level: int, second: int
) -> None:
    offers = _offers(type="per_unit", cost="0.37", included="10")
    at = APRIL.start + timedelta(seconds=second)
    used = {0: [_used(f"{level}", gauge=True)]}
    parts = [
        reckoned(_due(_usage(window, cut=True)), offers, used=used)
        for window in (Period(APRIL.start, at), Period(at, APRIL.end))
    ]
    whole = reckoned(_due(_usage()), offers, used=used)
    assert abs(sum(part.total.minor for part in parts) - whole.total.minor) <= 1


# --- minimums -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "missing"), [(0, "50.00"), (1000, "40.00"), (4999, "0.01"), (5000, None)]
)
def test_a_minimum_asks_for_what_is_missing(before: int, missing: str | None) -> None:
    charge = Charge(
        kind="minimum", item=Item("plan", "floor@1"), price="", window=APRIL, whole=APRIL
    )
    lines = reckoned(_due(charge), billed={0: before}).lines
    assert [line.amount for line in lines] == ([] if missing is None else [usd(missing)])


def test_a_minimum_of_a_part_of_a_period_is_a_part_of_it() -> None:
    charge = Charge(
        kind="minimum", item=Item("plan", "floor@1"), price="", window=LATTER, whole=APRIL
    )
    assert reckoned(_due(charge)).total == usd("25.00")


# --- credits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cap", "credit"), [(None, "-15.00"), (1499, "-14.99"), (0, "0.00")])
def test_a_credit_is_never_more_than_was_invoiced(cap: int | None, credit: str) -> None:
    item = Item("plan", "pro@1")
    charge = Charge(kind="credit", item=item, price="pro", window=LATTER, whole=APRIL, cap=cap)
    assert reckoned(_due(charge)).total == usd(credit)


def test_what_goes_below_zero_is_a_credit_note() -> None:
    item = Item("plan", "pro@1")
    charge = Charge(kind="credit", item=item, price="pro", window=LATTER, whole=APRIL, cap=3000)
    note = reckoned(_due(charge), balance=500)
    assert (note.kind, note.total, note.balance, note.amount_due) == (
        "credit_note",
        usd("-15.00"),
        usd("0.00"),
        usd("0.00"),
    )


# --- balance --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "paid", "due"),
    [(0, "0.00", "10.00"), (400, "4.00", "6.00"), (99_999, "10.00", "0.00")],
)
def test_a_balance_pays_as_far_as_it_goes(balance: int, paid: str, due: str) -> None:
    story = Story().start("basic", at="2027-04-01")
    invoice = reckoned(story.dues[0], balance=balance)
    assert (invoice.total, invoice.balance, invoice.amount_due) == (
        usd("10.00"),
        usd(paid),
        usd(due),
    )


def test_an_issued_document_is_open_until_nothing_is_left_to_pay() -> None:
    draft = reckoned(Story().start("basic", at="2027-04-01").dues[0])
    seller, buyer = Party(name="Shop"), Party(name="Ada")
    due_at = day("2027-05-15")
    issued = finalize(draft, number="INV-1", due_at=due_at, seller=seller, buyer=buyer)
    assert (issued.status, issued.number, issued.issued_at) == ("open", "INV-1", draft.finalize_at)
    settled = replace(draft, balance=usd("10.00"), amount_due=usd("0.00"))
    issued = finalize(settled, number="INV-1", due_at=due_at, seller=seller, buyer=buyer)
    assert issued.status == "paid"


# --- late usage and one-off items -----------------------------------------------------------------


def test_late_usage_is_the_difference_to_what_was_billed() -> None:
    offers = _offers(**PER_SEAT)
    late = Late(charge=_usage(), used=_used("25"), billed=Invoiced(sold=1000), part="late/1")
    less = Late(charge=_usage(), used=_used("11"), billed=Invoiced(sold=1000), part="late/1")
    same = Late(charge=_usage(), used=_used("15"), billed=Invoiced(sold=1000), part="late/1")
    assert [line.amount for line in reckoned(_due(), offers, late=(late,)).lines] == [usd("20.00")]
    assert reckoned(_due(), offers, late=(less,)).kind == "credit_note"
    assert reckoned(_due(), offers, late=(same,)).lines == ()


def test_one_off_items_stand_on_a_document_of_their_own() -> None:
    item = OneOff(id="a", description="Training", quantity=Decimal(2), amount=usd("250.00"))
    invoice = reckoned(Due(cause="item/a", at=APRIL.start, charges=()), items=(item,))
    line = invoice.lines[0]
    assert (line.kind, line.part, line.amount, line.window) == ("item", "item/a", item.amount, None)


# --- values ---------------------------------------------------------------------------------------


def test_the_same_facts_give_the_same_document_and_it_can_be_stored() -> None:
    story = Story().start("pro", at="2027-04-01", seats=2, add_ons=(AddOn("extra@1"),))
    story.change("2027-04-16", offer="max@1", proration="invoice_now").until("2027-06-01")
    for due, each in zip(story.dues, story.documents, strict=True):
        assert reckoned(due) == each
        assert value_of(type(each), tree_of(each)) == each
        assert value_of(Due, tree_of(due)) == due
    assert value_of(type(story.now), tree_of(story.now)) == story.now


@pytest.mark.parametrize(
    ("measured", "error"),
    [
        (Transactions((Decimal(1),)), InvalidUsage),
        (Priced(Decimal(1), Decimal(1)), InvalidUsage),
        (Quantity(Decimal(10) ** 29), OutOfBounds),
    ],
)
def test_what_a_price_cannot_count_is_refused(measured: Any, error: type[Exception]) -> None:
    offers = _offers(type="per_unit", cost="2.00")
    with pytest.raises(error):
        reckoned(_due(_usage()), offers, used={0: [Used(measured=measured)]})


def test_an_offer_that_is_not_given_is_named() -> None:
    with pytest.raises(UnknownPlan):
        rated_lines(_due(_usage()), FrozenDict({}), {0: [_used("1")]}, (), ())


def test_the_largest_fee_is_exact() -> None:
    cost = "99999999999.99"
    offers = offers_of(
        {
            "id": "p",
            "name": "P",
            "interval": "month",
            "prices": [
                {
                    "id": "f",
                    "name": "F",
                    "type": "flat",
                    "cost": cost,
                    "discount_percent": "33.333333333333333",
                }
            ],
        }
    )
    item = Item("p", "p@1", seats=999_999)
    charge = Charge(kind="fee", item=item, price="f", window=APRIL, whole=APRIL)
    line = reckoned(_due(charge), offers).lines[0]
    exact = Decimal(cost) * 100 * (100 - Decimal("33.333333333333333")) / 100
    assert line.amount == Money(_rounded(exact, 999_999), USD)
    assert OFFERS["basic@1"].currency == USD


def _rounded(exact: Decimal, times: int) -> int:
    top, bottom = exact.as_integer_ratio()
    return (2 * top * times + bottom) // (2 * bottom)
