"""Every printed sum, typed again into bare `Decimal` and `Fraction`, gives what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.charge import Charge, Due
from tallystick.core.evidence import rated_of
from tallystick.core.invoice_explain import explain_line, explain_sums
from tallystick.core.line_tax import Invoiced
from tallystick.core.minimum import Settled
from tallystick.core.move import AddOn
from tallystick.core.period import Period
from tallystick.core.rating.line import Earlier
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Late, OneOff, Used
from tallystick.core.subscription import Item
from tests.core.billing import USD, Story, day, offers_of, reckoned, usd

if TYPE_CHECKING:
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.money import Money

PERIOD = Period(day("2027-04-01"), day("2027-05-01"))
REST = Period(day("2027-04-16T07:00:01"), day("2027-05-01"))


# --- a calculator ---------------------------------------------------------------------------------


def _calculated(sum_: str) -> Fraction:
    """Type a sum: products before sums, `min` and `round` of two decimals."""
    plain = sum_.replace(",", "").replace(" USD", "").replace("×", "*").replace("÷", "/")
    plain = re.sub(r"[A-Za-z% ]*\b(included|charged|billed earlier|billed)\b", "", plain)
    plain = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)", r"F('\1')", plain).replace(";", ",")
    words = {"F": Fraction, "min": lambda *bounds: min(map(_rounded, bounds)), "round": _rounded}
    return Fraction(eval(plain, {"__builtins__": {}}, words))  # noqa: S307 - digits and signs of our own


def _rounded(exact: Fraction) -> Fraction:
    """Round to two decimals, half away from zero."""
    minor = int(abs(exact) * 100 + Fraction(1, 2))
    return Fraction(-minor if exact < 0 else minor, 100)


def _amount(money: Money) -> Fraction:
    return Fraction(money.minor, 100)


def _checked(texts: tuple[str, ...], amount: Money) -> None:
    """Redo every sum of a line; the last figure is the line's amount."""
    last = None
    for text in texts:
        told = text.partition("  ")[2]
        rounds = told.startswith(("rounded half away from zero: ", "late: "))
        sum_ = told.rpartition(": ")[2] if ": " in told else told
        if "=" not in sum_:
            if rounds:
                last = _calculated(sum_)
            continue
        typed, _, result = sum_.rpartition(" = ")
        shown = _calculated(result)
        found = _calculated(typed)
        assert shown == (_rounded(found) if rounds or "min(" in typed else found), text
        last = shown
    assert last == _amount(amount), texts


def _check(invoice: Invoice) -> None:
    for line in invoice.lines:
        _checked(explain_line(line), line.amount)
    *others, total = [text for text in explain_sums(invoice) if not text.startswith("to pay")]
    _checked(tuple(others), invoice.subtotal)
    _checked((total,), invoice.total)
    if invoice.balance.minor:
        _checked(explain_sums(invoice)[-1:], invoice.amount_due)


# --- documents ------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 29 * 86_400),
    st.sampled_from(["max", "twin", "seats", "year", "floor"]),
    st.integers(1, 1000),
    st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-4)),
    st.booleans(),
)
def test_every_sum_of_every_line_can_be_redone(
    second: int, plan: str, seats: int, used: Decimal, paused: bool
) -> None:
    story = Story(used=lambda _charge: f"{used:f}").start("pro", at="2027-04-01", seats=3)
    at = day("2027-04-01").timestamp() + second
    when = (
        type(PERIOD.start).fromtimestamp(at, PERIOD.start.tzinfo).replace(tzinfo=None).isoformat()
    )
    if paused:
        story.pause("2027-04-01").resume(when)
    story.change(when, offer=f"{plan}@1", seats=seats, timing="now", add=(AddOn("extra@1", 7),))
    story.until("2027-07-01").cancel("2027-07-03T04:05:06", credit=True)
    for each in story.documents:
        _check(each)
    assert story.documents


SHAPES: list[dict[str, Any]] = [
    {"type": "per_unit", "cost": "0.0123", "included": "1000"},
    {"type": "per_unit", "cost": "0.0123", "minimum_spend": "20.00", "discount_percent": "12.5"},
    {"type": "per_unit", "cost": "0.5", "maximum_spend": "99.99", "discount_amount": "1.11"},
    {"type": "per_unit", "cost": "7", "convert": {"operation": "divide", "factor": "1024"}},
    {
        "type": "graduated",
        "tiers": [
            {"up_to": "100", "cost": "0.10", "flat_cost": "2.00"},
            {"up_to": None, "cost": "0.033"},
        ],
    },
    {
        "type": "volume",
        "tiers": [{"up_to": "100", "cost": "0.10"}, {"up_to": None, "cost": "0.05"}],
    },
    {"type": "package", "cost": "3.33", "package_size": "100", "included": "50"},
]


def _metered(shape: dict[str, Any]) -> Any:
    price = {"id": "m", "name": "Calls", "meter": "calls", "unit": "call"} | shape
    return offers_of({"id": "p", "name": "P", "interval": "month", "prices": [price]})


def _usage(window: Period = PERIOD, *, cut: bool = False) -> Charge:
    return Charge(
        kind="usage", item=Item("plan", "p@1"), price="m", window=window, whole=PERIOD, cut=cut
    )


def _due(*charges: Charge) -> Due:
    return Due(cause="boundary/s/x", at=PERIOD.end, charges=charges)


def _used(quantity: str, **more: Any) -> Used:
    return Used(measured=Quantity(Decimal(quantity)), **more)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("quantity", ["0", "0.5", "99", "100", "101", "12345.678"])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("gauge", [False, True])
def test_every_shape_of_a_price_can_be_redone(
    shape: dict[str, Any], quantity: str, cut: bool, gauge: bool
) -> None:
    charge = _usage(REST, cut=True) if cut else _usage()
    invoice = reckoned(_due(charge), _metered(shape), used={0: [_used(quantity, gauge=gauge)]})
    _check(invoice)


@pytest.mark.parametrize("gauge", [False, True])
def test_a_slice_and_what_came_late_can_be_redone(gauge: bool) -> None:
    offers = _metered(SHAPES[0])
    charge = _usage(REST, cut=True)
    earlier = Earlier(Quantity(Decimal(2000)), usd("4.44"))
    used = _used("5000", earlier=earlier, gauge=gauge)
    _check(reckoned(_due(charge), offers, used={0: [used]}))
    late = Late(
        charge=charge,
        used=_used("7000", gauge=gauge),
        billed=Invoiced(sold=1234),
        part="late/1",
    )
    less = Late(
        charge=_usage(),
        used=_used("1100", gauge=gauge),
        billed=Invoiced(sold=1234),
        part="late/2",
    )
    invoice = reckoned(_due(), offers, late=(late, less))
    assert [line.kind for line in invoice.lines] == ["late", "late"]
    _check(invoice)


def test_a_balance_and_one_off_items_can_be_redone() -> None:
    story = Story().start("setup", at="2027-04-01")
    item = OneOff(id="i", description="Training", quantity=Decimal(3), amount=usd("299.97"))
    invoice = reckoned(story.dues[0], items=(item,), balance=10_000)
    assert (invoice.total, invoice.amount_due) == (usd("334.97"), usd("234.97"))
    _check(invoice)


@pytest.mark.parametrize(
    ("used", "included"), [("1", "3"), ("0", "7"), ("999", "1000"), ("8", "7")]
)
def test_a_credit_by_value_can_be_redone(used: str, included: str) -> None:
    story = Story().start("max", at="2027-04-01")
    story.change("2027-04-16T01:02:03", offer="year@1", proration="value_capped")
    due = story.dues[-1]
    place = next(n for n, charge in enumerate(due.charges) if charge.kind == "credit")
    _check(reckoned(due, used={place: (_used(used, included=Decimal(included)),)}))


def test_a_minimum_can_be_redone() -> None:
    story = Story().start("floor", at="2027-04-16", billing="calendar").until("2027-05-01")
    due = story.dues[-1]
    place = next(n for n, charge in enumerate(due.charges) if charge.kind == "minimum")
    _check(reckoned(due, billed={place: 500}))
    charge = due.charges[place]
    for before, made_up in ((2_000, 1_000), (500, 1_000), (4_000, 500), (500, 0)):
        settled = Settled(charge=charge, before=before, made_up=made_up, part="late/1")
        _check(reckoned(_due(), settled=(settled,)))


# --- what is kept of a reckoning ------------------------------------------------------------------


def test_the_steps_can_be_read_again() -> None:
    invoice = reckoned(_due(_usage()), _metered(SHAPES[4]), used={0: [_used("250")]})
    line = invoice.lines[0]
    rated = rated_of(line.evidence, USD, price_id="m", name="Calls")
    assert rated.amount == line.amount
    assert [step.name for step in rated.steps] == ["price", "round"]


def test_a_line_says_its_window_and_its_share() -> None:
    line = _fee_line()
    assert explain_line(line) == (
        "Max  from 2027-04-16T00:00:00Z to 2027-05-01T00:00:00Z: 1,296,000 of 2,592,000 seconds",
        "Max  flat fee: 1 × 90.00 USD = 90.00 USD",
        "Max  rounded half away from zero: 90.00 USD × 1,296,000 ÷ 2,592,000 = 45.00 USD",
    )
    assert len(explain_line(replace(line, window=None))) == 2


def _fee_line() -> InvoiceLine:
    story = Story().start("basic", at="2027-04-01")
    story.change("2027-04-16", offer="max@1", proration="invoice_now")
    return story.documents[-1].lines[1]
