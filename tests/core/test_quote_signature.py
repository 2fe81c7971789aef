"""A signed quote comes back as it was, and a change of any letter of it makes it worth nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.move import Start
from tallystick.core.quote import Quote, Quoted, QuotedLine, check_figures
from tallystick.core.quote_signature import read_quote, sign_quote
from tallystick.errors import InvalidInput, PriceChanged, QuoteExpired, SetupError

USD = currency("USD")
AT = datetime(2027, 1, 1, 12, tzinfo=UTC)
KEY, OLD = b"k" * 32, b"o" * 40


def usd(minor: int) -> Money:
    return Money(minor, USD)


def document(minor: int) -> Quoted:
    none = usd(0)
    line = QuotedLine(
        description="Pro",
        price="pro",
        quantity=Decimal("1.50"),
        amount=usd(minor),
        discount=none,
        credit=none,
        tax=none,
    )
    return Quoted(
        at=AT,
        lines=(line,),
        subtotal=usd(minor),
        discount=none,
        credit=none,
        tax=none,
        total=usd(minor),
        balance=none,
        amount_due=usd(minor),
    )


QUOTE = Quote(
    id="quo_1",
    customer="acmé",
    subscription="sub_1",
    move=Start(customer="acmé", group="default", offer="pro@1", currency="USD", starts_at=AT),
    currency=USD,
    issued_at=AT,
    expires_at=AT + timedelta(hours=1),
    today=document(2_900),
)


def test_a_quote_comes_back_as_it_was_until_its_end() -> None:
    text = sign_quote(QUOTE, KEY)
    last = QUOTE.expires_at - timedelta(seconds=1)
    assert read_quote(text, [KEY], last) == QUOTE
    assert read_quote(text, [OLD, KEY], AT, customer="acmé") == QUOTE
    with pytest.raises(QuoteExpired, match="good until 2027-01-01T13:00:00Z"):
        read_quote(text, [KEY], QUOTE.expires_at)


def test_equal_quotes_have_one_text() -> None:
    assert sign_quote(QUOTE, KEY) == sign_quote(replace(QUOTE), KEY)
    assert sign_quote(QUOTE, KEY) != sign_quote(QUOTE, OLD)


@given(st.data())
def test_no_letter_can_be_another(data: st.DataObject) -> None:
    text = sign_quote(QUOTE, KEY)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(max_codepoint=300).filter(lambda one: one != text[place]))
    with pytest.raises(InvalidInput, match="no quote of ours"):
        read_quote(text[:place] + letter + text[place + 1 :], [KEY], AT)


def _unsigned(text: str) -> str:
    return text.rpartition(".")[0]


@pytest.mark.parametrize(
    "given",
    [
        None,
        b"tsq1.e30.e30",
        "",
        "tsq1",
        "tsq1..",
        _unsigned(sign_quote(QUOTE, KEY)),
        _unsigned(sign_quote(QUOTE, KEY)) + ".",
        sign_quote(QUOTE, KEY) + "A",
        sign_quote(QUOTE, KEY) + "=",
        sign_quote(QUOTE, KEY).replace("tsq1", "tsq2"),
        sign_quote(QUOTE, OLD),
        "tsq1." + "A" * 10**6,
    ],
    ids=str,
)
def test_what_we_did_not_sign_is_no_quote_of_ours(given: object) -> None:
    with pytest.raises(InvalidInput, match="no quote of ours") as refused:
        read_quote(given, [KEY], AT)
    assert list(refused.value.fields) == ["quote"]


def test_another_customers_quote_looks_like_none() -> None:
    text = sign_quote(QUOTE, KEY)
    with pytest.raises(InvalidInput) as other:
        read_quote(text, [KEY], AT, customer="globex")
    with pytest.raises(InvalidInput) as none:
        read_quote("tsq1.e30.e30", [KEY], AT)
    assert str(other.value) == str(none.value)


@pytest.mark.parametrize("key", [b"", b"k" * 31, "k" * 32])
def test_a_short_key_signs_nothing_and_reads_nothing(key: bytes) -> None:
    with pytest.raises(SetupError, match="32 secret bytes"):
        sign_quote(QUOTE, key)
    with pytest.raises(SetupError, match="32 secret bytes"):
        read_quote(sign_quote(QUOTE, KEY), [key], AT)


def test_a_quote_of_endless_lines_is_refused() -> None:
    lines = document(1).lines * 2_000
    with pytest.raises(InvalidInput, match="so many lines"):
        sign_quote(replace(QUOTE, today=replace(document(1), lines=lines)), KEY)


def test_other_figures_are_told() -> None:
    check_figures(QUOTE, document(2_900), None)
    with pytest.raises(PriceChanged, match=r"\(today\)") as changed:
        check_figures(QUOTE, document(3_000), None)
    assert changed.value.details() == {"part": "today", "quoted": "29.00 USD", "now": "30.00 USD"}
    with pytest.raises(PriceChanged, match=r"\(renewal\)") as more:
        check_figures(QUOTE, document(2_900), document(1))
    assert more.value.details()["quoted"] is None
