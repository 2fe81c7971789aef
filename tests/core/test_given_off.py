"""What fixed coupons gave for a time before, and what of it was given back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from tallystick.core.frozen import FrozenDict
from tallystick.core.given_off import given_off
from tallystick.core.invoice import Invoice, InvoiceDiscount, InvoiceLine
from tallystick.core.money import Money
from tallystick.core.period import Period
from tests.core.billing import USD, day, usd

APRIL: Final = Period(day("2027-04-01"), day("2027-05-01"))
HALF: Final = Period(day("2027-04-16"), day("2027-05-01"))
THIRD: Final = Period(day("2027-04-21"), day("2027-05-01"))
MAY: Final = Period(day("2027-05-01"), day("2027-06-01"))


def line(amount: str, off: str = "0.00", **more: Any) -> InvoiceLine:
    fields: dict[str, Any] = {"kind": "fee", "price": "fee", "window": APRIL} | more
    return InvoiceLine(
        description="Fee",
        quantity=Decimal(1),
        billed=Decimal(1),
        amount=usd(amount),
        discount=usd(off),
        credit=usd(fields.pop("credit", "0.00")),
        tax=usd("0.00"),
        **fields,
    )


def invoice(*lines: InvoiceLine, **coupons: dict[str, int]) -> Invoice:
    """Give a document on which each coupon took something off lines, minor units by line."""
    zero = usd("0.00")
    return Invoice(
        id="inv",
        customer="acme",
        cause="boundary/s/2027-04-01T00:00:00Z",
        subscription="s",
        currency=USD,
        at=APRIL.start,
        finalize_at=APRIL.start,
        watermark=APRIL.start,
        lines=lines,
        discounts=tuple(
            InvoiceDiscount(
                redemption=f"r-{coupon}",
                coupon=coupon,
                name=coupon,
                amount=Money(sum(by_line.values()), USD),
                by_line=FrozenDict({place[1:]: minor for place, minor in by_line.items()}),
            )
            for coupon, by_line in coupons.items()
        ),
        subtotal=zero,
        discount=zero,
        credit=zero,
        tax=zero,
        total=zero,
        balance=zero,
        amount_due=zero,
    )


def given(
    earlier: list[Invoice], *lines: InvoiceLine, windows: tuple[Period, ...] = (HALF,)
) -> dict[tuple[str, Period], Money]:
    return given_off(earlier, lines, ["six"], windows, USD)


def test_a_fee_gives_it_for_its_time_second_by_second() -> None:
    whole = invoice(line("30.00", "6.00"), six={"_1": 600})
    assert given([whole], windows=(HALF, THIRD, MAY)) == {
        ("six", HALF): usd("3.00"),
        ("six", THIRD): usd("2.00"),
    }
    part = invoice(line("15.00", "3.00", window=HALF, share=(15, 30)), six={"_1": 300})
    assert given([part], windows=(THIRD,)) == {("six", THIRD): usd("2.00")}
    assert given([whole, part]) == {("six", HALF): usd("6.00")}


def test_another_coupon_and_other_documents_say_nothing() -> None:
    assert given([]) == {}
    assert given([invoice(line("30.00", "9.00"), nine={"_1": 900})]) == {}
    assert given([invoice(line("30.00", "6.00", window=MAY), six={"_1": 600})]) == {}


def test_what_is_rounded_to_nothing_was_not_given() -> None:
    assert given([invoice(line("30.00", "0.01"), six={"_1": 1})], windows=(THIRD,)) == {}


def test_a_coupon_that_acted_on_usage_acted_in_the_period_that_its_document_charges() -> None:
    usage = line("10.00", "2.00", kind="usage", window=Period(day("2027-03-01"), APRIL.start))
    both = invoice(line("20.00", "4.00"), usage, six={"_1": 400, "_2": 200})
    assert given([both]) == {("six", HALF): usd("3.00")}
    assert given([invoice(usage, six={"_1": 200})]) == {}


def test_what_was_given_back_of_it_is_not_given() -> None:
    whole = invoice(line("30.00", "6.00"), six={"_1": 600})
    back = line("-15.00", "-3.00", kind="credit", window=HALF)
    assert given([whole], back) == {}
    assert given([whole, invoice(back)]) == {}
    third = replace(back, window=THIRD, amount=usd("-10.00"), discount=usd("-2.00"))
    assert given([whole], third) == {("six", HALF): usd("1.00")}
    other = replace(back, item="extra")
    assert given([whole], other) == {("six", HALF): usd("3.00")}


def test_each_coupon_has_its_part_of_what_is_given_back() -> None:
    # of 12.00 taken off and 3.00 given by credits, 6.00 were this coupon's
    fee = line("30.00", "12.00", credit="3.00")
    whole = invoice(fee, six={"_1": 600}, other={"_1": 600})
    back = line("-15.00", "-7.50", kind="credit", window=HALF)
    assert given([whole], back) == {}
    capped = replace(back, discount=usd("-2.50"))
    assert given([whole], capped) == {("six", HALF): usd("2.00")}  # 3.00 - 2.50 × 6 / 15


def test_pauses_move_the_end_of_what_is_given_back() -> None:
    late = Period(HALF.start, day("2027-05-03"))
    whole = invoice(line("30.00", "6.00"), six={"_1": 600})
    evidence = FrozenDict({"paused": 2 * 86_400})
    back = line("-17.00", "-3.40", kind="credit", window=late, evidence=evidence)
    assert given([whole], back) == {}
    unmoved = replace(back, evidence=FrozenDict())
    assert given([whole], unmoved) == {("six", HALF): usd("3.00")}
