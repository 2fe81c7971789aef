"""The tax step: what is new at the rates of the day, what is given back as it was invoiced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.charge import Charge, Due
from tallystick.core.currency import currency
from tallystick.core.invoice import Invoice, Party
from tallystick.core.invoice_explain import explain_sums
from tallystick.core.line_tax import Invoiced, taxes_of
from tallystick.core.money import Money
from tallystick.core.reckoned_lines import OneOff
from tallystick.core.reckoning import Facts, reckon
from tallystick.core.settlement import issued, noted, voided
from tallystick.core.subscription import Item
from tallystick.core.tax import Tax, TaxRate
from tallystick.core.tax_decision import Taxation, TaxDecision, TaxQuestion
from tallystick.core.trees import body_of, tree_of, value_of
from tallystick.errors import TaxUndecided
from tests.core.billing import OFFERS, USD, day
from tests.core.test_reckoning import APRIL, LATTER

UNITS = tuple(map(currency, ("JPY", "EUR", "KWD", "CLF")))
RATES = (
    TaxRate("VAT", Decimal(20)),
    TaxRate("VAT", Decimal("8.875")),
    TaxRate("GST", Decimal(5), inclusive=True),
    TaxRate("IVA", Decimal(21), inclusive=True),
    TaxRate("", Decimal(0), note="reverse_charge"),
)
VAT = RATES[0]

some_rates = st.lists(st.sampled_from(RATES), unique=True, max_size=3).map(tuple)


def asking(rates: Any) -> Taxation:
    """Answer with these rates, line by line."""

    def decide(question: TaxQuestion) -> TaxDecision:
        found = tuple(rates[int(line.amount.minor) % len(rates)] for line in question.lines)
        return TaxDecision(rates=found, reasons=("because",), rules="sha256:0")

    return Taxation(decide=decide, seller=Party(), buyer=Party())


def document(minors: list[int], unit: Any, taxation: Taxation | None, balance: int = 0) -> Invoice:
    items = tuple(
        OneOff(id=f"i{n}", description="x", quantity=Decimal(1), amount=Money(minor, unit))
        for n, minor in enumerate(minors)
    )
    return reckon(
        Facts(
            id="inv_1",
            customer="acme",
            subscription=None,
            currency=unit,
            due=Due(cause="item/i0", at=APRIL.end, charges=()),
            finalize_at=APRIL.end,
            offers=OFFERS,
            items=items,
            taxation=taxation,
            balance=balance,
        )
    )


@given(
    st.sampled_from(UNITS),
    st.lists(st.integers(-(10**9), 10**9), max_size=8),
    st.lists(some_rates, min_size=1, max_size=4),
    st.integers(0, 10**9),
)
def test_lines_and_added_taxes_are_the_total_in_every_currency(
    unit: Any, minors: list[int], rates: Any, balance: int
) -> None:
    """I8: lines + taxes not included in them - discounts - credits = total."""
    invoice = document(minors, unit, asking(rates), balance)
    added = sum(each.amount.minor for each in invoice.taxes if not each.inclusive)
    assert invoice.total.minor == sum(minors) + added
    assert invoice.tax.minor == added == sum(line.tax.minor for line in invoice.lines)
    assert invoice.all_tax.minor == sum(each.amount.minor for each in invoice.taxes)
    assert value_of(Invoice, tree_of(invoice)) == invoice
    books = issued(invoice) if invoice.kind == "invoice" else noted(invoice, 0)
    moved = sum(
        each.amount.minor * ((each.credit == "tax") - (each.debit == "tax")) for each in books
    )
    assert moved == invoice.all_tax.minor
    assert all(each.amount.minor > 0 for each in books)
    if invoice.kind == "invoice":
        assert {(t.debit, t.credit) for t in voided(invoice)} == {
            (t.credit, t.debit) for t in books
        }


@given(st.lists(st.integers(-(10**6), 10**6), max_size=5))
def test_without_rules_a_document_has_the_bytes_it_always_had(minors: list[int]) -> None:
    invoice = document(minors, USD, None)
    assert b"tax" not in body_of(invoice).replace(b'"tax":0', b"")


def test_nobody_is_asked_where_there_is_nothing_to_tax() -> None:
    def decide(_: TaxQuestion) -> TaxDecision:
        raise TaxUndecided("asked")

    taxation = Taxation(decide=decide, seller=Party(), buyer=Party())
    assert document([], USD, taxation).taxes == ()
    assert document([0], USD, taxation).taxes == ()
    with pytest.raises(TaxUndecided, match="asked"):
        document([0, 1], USD, taxation)


def test_who_decided_and_why_stands_on_the_document() -> None:
    evidence = document([5], USD, asking([(VAT,)])).tax_evidence
    assert evidence == {"engine": "rules", "rules": "sha256:0", "reasons": ["because"]}


def change(*creditable: Invoiced, taxation: Taxation | None) -> Invoice:
    """Reckon a document that gives a half of Pro back, and charges a half of Max."""

    def charge(kind: Any, offer: str) -> Charge:
        item = Item("plan", f"{offer}@1")
        cap = 10**9 if kind == "credit" else None
        return Charge(kind=kind, item=item, price=offer, window=LATTER, whole=APRIL, cap=cap)

    return reckon(
        Facts(
            id="inv_1",
            customer="acme",
            subscription="s",
            currency=USD,
            due=Due(
                cause="change/s/2",
                at=day("2027-04-16"),
                charges=(charge("credit", "pro"), charge("fee", "max")),
            ),
            finalize_at=day("2027-04-16"),
            offers=OFFERS,
            creditable={place: (fee,) for place, fee in enumerate(creditable)},
            taxation=taxation,
        )
    )


OLD = TaxRate("VAT", Decimal(10))


def test_a_fee_is_given_back_as_it_was_taxed_and_what_is_new_at_the_rate_of_the_day() -> None:
    fee = Invoiced(sold=3000, taxes=(Tax(OLD, Money(300, USD)),), given_taxes=(0,))
    invoice = change(fee, taxation=asking([(VAT,)]))
    credit, charge = invoice.lines
    assert (credit.amount.minor, credit.tax.minor) == (-1500, -150)
    assert [each.rate for each in taxes_of(charge)] == [VAT]
    assert [(each.percent, each.taxable.minor) for each in invoice.taxes] == [
        (10, -1500),
        (20, charge.amount.minor),
    ]


def test_what_was_not_taxed_is_given_back_without_tax() -> None:
    credit, charge = change(Invoiced(sold=3000), taxation=asking([(VAT,)])).lines
    assert (credit.tax.minor, taxes_of(credit)) == (0, ())
    assert charge.tax.minor > 0


def test_a_fee_of_the_same_document_is_taxed_with_it() -> None:
    credit, charge = change(taxation=asking([(VAT,)])).lines
    assert (
        [each.rate for each in taxes_of(credit)]
        == [VAT]
        == [each.rate for each in taxes_of(charge)]
    )


def test_what_was_taxed_is_given_back_with_its_tax_though_there_are_no_rules_now() -> None:
    fee = Invoiced(sold=3000, taxes=(Tax(OLD, Money(300, USD)),), given_taxes=(0,))
    invoice = change(fee, taxation=None)
    assert [line.tax.minor for line in invoice.lines] == [-150, 0]
    assert invoice.tax_evidence == {}


def test_the_sums_of_taxes_can_be_redone() -> None:
    assert explain_sums(document([10_000, 3], USD, asking([(VAT,)]))) == (
        "subtotal  100.00 USD + 0.03 USD = 100.03 USD",
        "tax  because",
        "tax  decided by rules, sha256:0",
        "tax  VAT 20 %, rounded half away from zero: 100.03 USD × 20 ÷ 100 = 20.01 USD",
        "total  100.03 USD + 20.01 USD = 120.04 USD",
    )
    fee = Invoiced(sold=3000, taxes=(Tax(OLD, Money(300, USD)),), given_taxes=(0,))
    assert "tax  VAT 10 % of -15.00 USD, line by line: -1.50 USD = -1.50 USD" in explain_sums(
        change(fee, taxation=None)
    )
    (inside,) = (
        t for t in explain_sums(document([105, 210], USD, asking([(RATES[2],)]))) if "GST" in t
    )
    assert inside == "tax  GST 5 % inside of 3.00 USD, line by line: 0.05 USD + 0.10 USD = 0.15 USD"
