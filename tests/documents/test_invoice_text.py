"""An invoice in plain text: every figure exact, in the reader's language, nothing out of place."""

from __future__ import annotations

import importlib
import re
import unicodedata
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tallystick.documents
from tallystick.core.currency import CODES
from tallystick.core.invoice import InvoiceTax
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.period import Period
from tallystick.core.subscription import Terms
from tallystick.core.tax import NOTES
from tallystick.documents.formats import formats_of
from tallystick.documents.invoice_text import _width, invoice_text
from tallystick.documents.invoice_view import clean
from tallystick.documents.invoice_words import WORDS
from tallystick.errors import InvalidInput, InvalidPeriod, MissingExtra
from tests.documents.invoices import (
    BERLIN,
    BUYER,
    DAY,
    EUR,
    GOLDEN,
    JPY,
    KWD,
    SAMPLES,
    credit_note,
    crowded,
    hostile,
    invoice,
    line,
    ordinary,
)

PLACE = re.compile(r"\{\w+\}")
LOCALES = ("en", "en-GB", "en-IN", "de", "de-AT", "de-CH", "fr", "fr-CA", "es", "es-MX", "it", "nl")


def lines_of(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.splitlines()]


# --- as a whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_the_text_is_the_one_that_is_kept(name: str) -> None:
    document, locale, zone = SAMPLES[name]
    kept = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert invoice_text(document, locale=locale, zone=zone) == kept


@pytest.mark.parametrize("name", SAMPLES)
def test_no_line_is_wider_than_the_page_or_ends_in_blanks(name: str) -> None:
    document, locale, zone = SAMPLES[name]
    text = invoice_text(document, locale=locale, zone=zone)
    assert text.endswith("\n")
    for each in text.splitlines():
        assert _width(each) <= 78
        assert each == each.rstrip()


def test_five_hundred_lines_are_five_hundred_amounts_at_the_right_edge() -> None:
    document = invoice(*[line(100 + n, description=f"Line {n}") for n in range(500)])
    amounts = [each for each in invoice_text(document).splitlines() if each.endswith("€1.00")]
    assert [len(each) for each in amounts] == [78]
    assert sum(each.startswith("Line ") for each in invoice_text(document).splitlines()) == 500


def test_an_invoice_without_lines_says_so() -> None:
    assert "No lines" in invoice_text(invoice())


# --- figures ------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(
    minor=st.integers(-(2**63) + 1, 2**63 - 1),
    code=st.sampled_from(sorted(CODES)),
    locale=st.sampled_from(LOCALES),
)
def test_money_is_written_whole_with_the_decimals_of_its_currency(
    minor: int, code: str, locale: str
) -> None:
    money = Money(minor, CODES[code])
    written = formats_of(locale).money(money)
    digits = "".join(each for each in written if each.isdigit())
    assert digits == f"{abs(minor):0{money.currency.decimals + 1}d}"
    assert ("-" in written) == (minor < 0)


@settings(max_examples=100)
@given(
    number=st.decimals(-(10**18) + 1, 10**18 - 1, places=12),
    locale=st.sampled_from(LOCALES),
)
def test_a_quantity_is_written_with_all_of_its_decimals(number: Decimal, locale: str) -> None:
    written = formats_of(locale).number(number)
    digits = "".join(each for each in written if each.isdigit())
    assert digits == plain(number).lstrip("-").replace(".", "")
    assert ("-" in written) == (number < 0)


@pytest.mark.parametrize(
    ("minor", "money", "locale", "written"),
    [
        (123_450, EUR, "en", "€1,234.50"),
        (123_450, EUR, "de", "1.234,50\xa0€"),
        (123_450, EUR, "de-CH", "EUR\xa01’234.50"),
        (123_450, EUR, "fr", "1\u202f234,50\xa0€"),
        (123_450, EUR, "es", "1.234,50\xa0€"),
        (123_450, EUR, "it", "1.234,50\xa0€"),
        (123_450, EUR, "nl", "€\xa01.234,50"),
        (-5, EUR, "en", "-€0.05"),
        (0, JPY, "en", "¥0"),
        (1_234, JPY, "de", "1.234\xa0¥"),
        (1_234_567, KWD, "en", "KWD\xa01,234.567"),
        (1_500, CODES["IQD"], "en", "IQD\xa01.500"),
        (150, CODES["AFN"], "de", "1,50\xa0AFN"),
        (5, CODES["CLF"], "en", "CLF\xa00.0005"),
    ],
)
def test_money_is_written_as_the_locale_writes_it(
    minor: int, money: Any, locale: str, written: str
) -> None:
    assert formats_of(locale).money(Money(minor, money)) == written


@pytest.mark.parametrize(
    ("price", "money", "written"),
    [
        ("2980", EUR, "€29.80"),
        ("0.1", EUR, "€0.001"),
        ("0.000000000000000001", EUR, "€0.00000000000000000001"),
        ("0", EUR, "€0.00"),
        ("-0", EUR, "€0.00"),
        ("1E+3", EUR, "€10.00"),
        ("0.25", JPY, "¥0.25"),
    ],
)
def test_a_unit_price_keeps_decimals_that_its_currency_has_not(
    price: str, money: Any, written: str
) -> None:
    document = invoice(line(1, money, unit_price=Decimal(price)), money=money)
    assert written in invoice_text(document)


def test_what_is_zero_is_left_out_but_for_the_sums() -> None:
    text = lines_of(invoice_text(invoice(line(100)), zone=BERLIN))
    assert text[-3:] == ["Subtotal €1.00", "Total €1.00", "Amount due €1.00"]


def test_the_sums_stand_in_the_order_in_which_they_are_reckoned() -> None:
    document = invoice(
        line(1_000, discount=Money(100, EUR), credit=Money(50, EUR), tax=Money(162, EUR)),
        balance=Money(12, EUR),
    )
    assert lines_of(invoice_text(document, zone=BERLIN))[-7:] == [
        "Subtotal €10.00",
        "Discount -€1.00",
        "Credits -€0.50",
        "Tax €1.62",
        "Total €10.12",
        "Paid from balance -€0.12",
        "Amount due €10.00",
    ]


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", WORDS)
def test_every_language_has_every_word_and_every_place_for_a_figure(language: str) -> None:
    ours, english = asdict(WORDS[language]), asdict(WORDS["en"])
    for name, word in ours.items():
        assert word.strip()
        assert sorted(PLACE.findall(word)) == sorted(PLACE.findall(english[name]))


@pytest.mark.parametrize(
    ("locale", "tag"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de_at", "de-AT"),
        ("de-Latn-CH", "de-CH"),
        ("de-ZZ", "de"),
        ("es-419", "es-419"),
        ("nl-BE-x-private", "nl-BE"),
        ("ja-JP", "en"),
        ("ar", "en"),
        ("../../etc/passwd", "en"),
        ("x" * 10_000, "en"),
        ("root", "en"),
    ],
)
def test_a_locale_without_words_is_answered_in_english(locale: str | None, tag: str) -> None:
    assert formats_of(locale).tag == tag


def test_the_buyer_is_answered_in_its_language_unless_another_is_asked_for() -> None:
    document = replace(ordinary(), buyer=replace(BUYER, locale="it-IT"))
    assert invoice_text(document).startswith("FATTURA")
    assert invoice_text(document, locale="nl").startswith("FACTUUR")


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        ("draft", "INVOICE  [DRAFT]"),
        ("open", "INVOICE"),
        ("paid", "INVOICE  [PAID]"),
        ("void", "INVOICE  [VOID]"),
        ("uncollectible", "INVOICE"),
    ],
)
def test_how_it_stands_is_said_first(status: str, heading: str) -> None:
    assert invoice_text(ordinary(status=status)).splitlines()[0] == heading


def test_a_credit_note_has_its_own_name_names_the_invoice_and_asks_for_nothing() -> None:
    text = invoice_text(credit_note())
    assert text.splitlines()[0] == "CREDIT NOTE"
    assert "Corrects invoice:       INV-2027-000042" in text
    assert lines_of(text)[-2:] == ["Subtotal -€14.97", "Total -€14.97"]
    assert "Due" not in text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("credit", "Credit for unused time"),
        ("setup", "Set-up fee"),
        ("minimum", "Minimum commitment"),
        ("late", "Usage reported later"),
    ],
)
def test_a_line_that_is_no_fee_says_what_it_is(kind: str, words: str) -> None:
    assert f"  {words}\n" in invoice_text(invoice(line(100, kind=kind)))


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "zone", "written"),
    [
        ("2026-12-31T23:00:00Z", "2027-01-31T23:00:00Z", BERLIN, "Jan 1 – 31, 2027"),
        ("2027-03-31T22:00:00Z", "2027-04-30T22:00:00Z", BERLIN, "Apr 1 – 30, 2027"),
        ("2027-02-28T23:00:00Z", "2027-03-31T22:00:00Z", BERLIN, "Mar 1 – 31, 2027"),
        ("2027-01-15T00:00:00Z", "2028-01-15T00:00:00Z", None, "Jan 15, 2027 – Jan 14, 2028"),
        ("2027-01-15T00:00:00Z", "2027-01-16T00:00:00Z", None, "Jan 15, 2027"),
        (
            "2027-01-15T09:30:00Z",
            "2027-02-15T09:30:05Z",
            None,
            "Jan 15, 2027, 9:30 AM – Feb 15, 2027, 9:30:05 AM",
        ),
    ],
)
def test_a_period_is_written_by_its_first_and_last_day_or_by_the_clock(
    start: str, end: str, zone: str | None, written: str
) -> None:
    period = Period(datetime.fromisoformat(start), datetime.fromisoformat(end))
    said = " ".join(formats_of("en", zone).period(period).split())
    assert said == written


def test_times_of_day_come_with_their_zone() -> None:
    odd = Period(datetime(2027, 1, 1, 9, tzinfo=UTC), datetime(2027, 2, 1, 9, tzinfo=UTC))
    document = invoice(line(100, window=odd))
    assert invoice_text(document).endswith("Times are in UTC.\n")
    assert invoice_text(document, zone=BERLIN).endswith("Times are in Europe/Berlin.\n")
    assert "Times are" not in invoice_text(ordinary(), zone=BERLIN)


def test_days_are_those_of_the_zone() -> None:
    late = replace(ordinary(), issued_at=datetime(2027, 1, 31, 23, 30, tzinfo=UTC))
    assert "January 31, 2027" in invoice_text(late)
    assert "February 1, 2027" in invoice_text(late, zone=BERLIN)


@pytest.mark.parametrize(
    ("part", "whole", "locale", "written"),
    [
        (15 * DAY, 30 * DAY, "en", "15 of 30 days"),
        (15 * DAY, 30 * DAY, "de", "15 von 30 Tagen"),
        (15 * DAY, 30 * DAY, "fr", "15 jours sur 30"),
        (15 * DAY, 30 * DAY - 3_600, "en", "1,296,000 of 2,588,400 seconds"),
        (1, DAY, "en", "1 of 86,400 seconds"),
        (0, DAY, "en", "0 of 1 days"),
    ],
)
def test_a_share_is_written_in_days_or_else_in_seconds(
    part: int, whole: int, locale: str, written: str
) -> None:
    assert formats_of(locale).share(part, whole) == written


# --- what others wrote --------------------------------------------------------------------------


def test_no_text_of_another_moves_the_cursor_or_turns_a_line_around() -> None:
    text = invoice_text(hostile())
    odd = {each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert odd == {"\n"}
    text.encode()


@given(st.text(max_size=50))
def test_a_cleaned_text_is_one_line_of_harmless_letters(text: str) -> None:
    shown = clean(text)
    assert shown.splitlines() in ([shown], [])
    assert shown == shown.strip() == clean(shown)
    shown.encode()


def test_joiners_that_a_script_needs_are_kept() -> None:
    assert clean("می\u200cخواهم 👩\u200d💻") == "می\u200cخواهم 👩\u200d💻"


def test_an_amount_stands_at_the_right_edge_whatever_the_name() -> None:
    amounts = [each for each in invoice_text(crowded()).splitlines() if each.endswith("0.000,00")]
    assert {len(each) for each in amounts} == {78}


def test_a_unit_from_right_to_left_stands_away_from_the_columns() -> None:
    text = invoice_text(invoice(line(100, unit="مقعد")))
    assert "  Quantity: 1 مقعد\n" in text


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ({"city": "Portland", "state": "OR", "country": "US"}, ["Portland, OR", "United States"]),
        ({"postal_code": "97201", "country": "US"}, ["97201", "United States"]),
        ({"city": "Lyon", "postal_code": "69001", "country": "FR"}, ["69001 Lyon", "France"]),
        ({"country": "ZZZ"}, ["ZZZ"]),
        ({}, []),
    ],
)
def test_an_address_is_written_without_holes(address: dict[str, str], written: list[str]) -> None:
    buyer = replace(BUYER, name="N", email=None, tax_ids=(), address=address)
    text = lines_of(invoice_text(replace(ordinary(), buyer=buyer)))
    start = text.index("Bill to")
    assert text[start + 1 : text.index("", start)] == ["N", *written]


def test_a_memo_keeps_its_lines() -> None:
    text = invoice_text(invoice(terms=Terms(memo="one\n\n two \r\nthree")))
    assert text.endswith("Note\n  one\n  two\n  three\n")


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, {}, "inv_1", line(1)])
def test_only_an_invoice_is_drawn(value: Any) -> None:
    with pytest.raises(InvalidInput, match="an invoice is needed"):
        invoice_text(value)


@pytest.mark.parametrize("locale", [5, b"de", ["de"]])
def test_a_locale_is_a_text(locale: Any) -> None:
    with pytest.raises(InvalidInput, match="a locale is a text"):
        invoice_text(ordinary(), locale=locale)


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "1E+1000000", "1E-1000000"])
@pytest.mark.parametrize("field", ["quantity", "billed", "unit_price"])
def test_what_is_no_figure_is_not_drawn(field: str, figure: str) -> None:
    figures: dict[str, Any] = {field: Decimal(figure)}
    with pytest.raises(InvalidInput, match="a figure of a document is finite"):
        invoice_text(invoice(line(1, **figures)))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc", 5])
def test_a_zone_is_one_of_the_database(zone: Any) -> None:
    with pytest.raises(InvalidPeriod):
        invoice_text(ordinary(), zone=zone)


def test_without_the_extra_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(MissingExtra, match=r"pip install 'tallystick\[documents\]'"):
            importlib.reload(tallystick.documents)
    importlib.reload(tallystick.documents)


# --- taxes ----------------------------------------------------------------------------------------


def taxed(*taxes: InvoiceTax) -> str:
    """Write a document of 100.00 with these taxes."""
    added = sum(each.amount.minor for each in taxes if not each.inclusive)
    return invoice_text(invoice(line(10_000, tax=Money(added, EUR)), taxes=taxes), locale="en")


def of(name: str, percent: str, net: int, amount: int, **more: Any) -> InvoiceTax:
    return InvoiceTax(
        name=name,
        percent=Decimal(percent),
        taxable=Money(net, EUR),
        amount=Money(amount, EUR),
        **more,
    )


def test_each_tax_has_a_row_with_its_rate_and_what_it_is_taken_of() -> None:
    text = taxed(of("VAT", "20", 8000, 1600), of("VAT", "9.975", 2000, 200))
    rows = [" ".join(row.split()) for row in text.splitlines()]
    assert "VAT 20% on €80.00 €16.00" in rows
    assert "VAT 9.975% on €20.00 €2.00" in rows
    assert rows.index("VAT 20% on €80.00 €16.00") < rows.index("Total €118.00")


def test_a_tax_that_is_inside_stands_below_the_total() -> None:
    text = taxed(of("VAT", "20", 8333, 1667, inclusive=True))
    rows = [" ".join(row.split()) for row in text.splitlines()]
    total = rows.index("Total €100.00")
    assert rows[total + 1] == "Includes VAT 20% on €83.33 €16.67"


@pytest.mark.parametrize("locale", sorted(WORDS))
@pytest.mark.parametrize("note", [each for each in NOTES if each])
def test_the_reason_why_nothing_is_taken_is_written_once(locale: str, note: Any) -> None:
    nothing = of("", "0", 10_000, 0, note=note)
    text = invoice_text(invoice(line(10_000), taxes=(nothing, nothing)), locale=locale)
    assert text.count(getattr(WORDS[locale], note)) == 1


def test_the_name_of_a_tax_moves_nothing() -> None:
    text = taxed(of("VAT\x1b[2J\u202e", "20", 10_000, 2000))
    assert "\x1b" not in text
    assert "\u202e" not in text
