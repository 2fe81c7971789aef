"""What a page shows is what is due, whatever was quoted; and what of a page pays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.checkout_page import page_lines, page_until, return_address, return_origin
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.move import Start
from tallystick.core.quote import Quote, Quoted, QuotedLine
from tallystick.errors import InvalidInput, SetupError
from tests.facade.billing import START

if TYPE_CHECKING:
    from datetime import datetime

USD = currency("USD")
amounts = st.integers(-(10**9), 10**9)
parts = st.tuples(amounts, amounts, amounts, amounts)


def quoted(lines: list[tuple[int, int, int, int]], due: int) -> Quoted:
    def money(minor: int) -> Money:
        return Money(minor, USD)

    sums: dict[str, Any] = dict.fromkeys(
        ("subtotal", "discount", "credit", "tax", "total", "balance"), money(0)
    )
    made = tuple(
        QuotedLine(
            description=f"line {place}",
            price="p",
            quantity=1,  # type: ignore[arg-type]  # no part of what is looked at
            amount=money(amount),
            discount=money(discount),
            credit=money(credit),
            tax=money(tax),
        )
        for place, (amount, discount, credit, tax) in enumerate(lines)
    )
    return Quoted(at=START, lines=made, **sums, amount_due=money(due))


@given(st.lists(parts, max_size=5), st.integers(1, 10**9))
def test_the_lines_sum_up_to_what_is_due(lines: list[tuple[int, int, int, int]], due: int) -> None:
    page = page_lines(quoted(lines, due), "Pro")
    assert sum(line.amount.minor for line in page) == due
    assert all(line.amount.minor > 0 for line in page)


@pytest.mark.parametrize(
    ("lines", "due", "shown"),
    [
        ([(1000, 0, 0, 0), (500, 0, 0, 0)], 1500, [1000, 500]),
        ([(1000, 100, 50, 0), (500, 500, 0, 0)], 850, [850]),  # what is free is not shown
        ([(1000, 0, 0, 190), (500, 0, 0, 95)], 1785, [1190, 595]),  # tax on top
        ([(1190, 0, 0, 190), (595, 0, 0, 95)], 1785, [1190, 595]),  # tax within
        ([(1000, 0, 0, 0), (-200, 0, 0, 0)], 800, [800]),  # one that gives back: all in one
        ([(1000, 0, 0, 0)], 700, [700]),  # the balance pays a part
    ],
)
def test_what_a_page_shows(
    lines: list[tuple[int, int, int, int]], due: int, shown: list[int]
) -> None:
    assert [line.amount.minor for line in page_lines(quoted(lines, due), "Pro")] == shown


@pytest.mark.parametrize(("valid", "lives"), [(0.1, 1), (5, 5), (24 * 90, 23)])
def test_a_page_lives_as_long_as_its_quote(valid: float, lives: float) -> None:
    def quote(until: datetime) -> Quote:
        move = Start(customer="acme", group="app", offer="pro@1", currency="USD")
        return Quote(
            id="q",
            customer="acme",
            subscription="s",
            move=move,
            currency=USD,
            issued_at=START,
            expires_at=until,
        )

    until = page_until(quote(START + timedelta(hours=valid)), START)
    assert until == START + timedelta(hours=lives)


@given(st.text(max_size=60))
def test_no_text_leads_elsewhere(text: str) -> None:
    origins = {"https://app.example"}
    for address in (text, f"https://{text}", f"https://app.example{text}"):
        try:
            found = return_address(address, "url", origins)
        except InvalidInput:
            continue
        rest = found.removeprefix("https://app.example").removeprefix(":443")
        assert rest == "" or rest[0] in "/?#"


@pytest.mark.parametrize("text", ["https://App.Example", "https://app.example:443"])
def test_an_origin_has_one_spelling(text: str) -> None:
    assert return_origin(text) == "https://app.example"
    assert return_address(f"{text}/done?a=b#c", "url", {"https://app.example"})


@pytest.mark.parametrize("text", ["", "app.example", "ftp://app.example", "https://", 7, None])
def test_what_is_no_origin_is_refused(text: object) -> None:
    with pytest.raises(SetupError, match="is no origin"):
        return_origin(text)
