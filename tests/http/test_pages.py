from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from tallystick.core.catalog import Catalog
from tallystick.http.pages import assets, price_words, pricing_page
from tallystick.http.plans import PATH
from tests.core.test_price_list import fee, plan, product

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7*7 }}"


def page(*products: Any) -> str:
    return pricing_page({PATH: Catalog(products=products)}).body.decode()


def test_the_page_holds_a_plain_list_inside_the_element() -> None:
    html = page(product(plan(fee("999")), name="Zoë", features=("One", "Two")))
    inside = html.split("<tallystick-pricing-table", 1)[1].split("</tallystick-pricing-table>")[0]
    for text in ("Zoë", "9.99 USD per month", "One", "Two"):
        assert text in inside


def test_hostile_texts_are_only_texts() -> None:
    offer = plan(fee("100"), display_name=HOSTILE)
    html = page(product(offer, name=HOSTILE, description=HOSTILE, features=(HOSTILE,)))
    assert "<script>" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") == 4
    assert "49" not in html


def test_half_a_character_does_not_break_the_page() -> None:
    assert "?" in page(product(plan(fee("1")), name="\ud800"))


def test_an_empty_catalogue_says_so() -> None:
    assert "Nothing is sold here" in page()


def test_hidden_things_are_not_on_the_page() -> None:
    html = page(product(plan(fee("1")), name="Secret", hidden=True))
    assert "Secret" not in html


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"price": Decimal("9.99")}, "9.99 USD per month"),
        ({"price": Decimal("9.9")}, "9.90 USD per month"),
        ({"price": Decimal(10)}, "10 USD per month"),
        ({"price": Decimal("0.005")}, "0.005 USD per month"),
        ({"price": Decimal(10), "intervalCount": 3}, "10 USD every 3 months"),
        ({"price": Decimal(10), "interval": None, "intervalCount": None}, "10 USD once"),
        ({"price": Decimal(0), "prices": []}, "free"),
        ({"price": None, "custom": True}, "contact us"),
        ({"price": None, "custom": True, "label": "Let's talk"}, "Let's talk"),
        ({"price": Decimal(5), "prices": [{"type": "per_seat"}]}, "5 USD per seat per month"),
        ({"price": Decimal(0), "prices": [{"type": "graduated"}]}, "0 USD per month plus usage"),
        (
            {"price": Decimal(5), "prices": [{"type": "flat"}, {"type": "package"}]},
            "5 USD per month plus usage",
        ),
    ],
)
def test_a_price_is_said_in_words(entry: dict[str, Any], words: str) -> None:
    bare = {"interval": "month", "intervalCount": 1, "prices": [{"type": "flat"}]}
    assert price_words({**bare, **entry}, "USD") == words


def test_every_asset_is_served_and_small() -> None:
    folder = files("tallystick.http.pages") / "static"
    assert set(assets()) == {entry.name for entry in folder.iterdir()}
    assert sum(len(asset.body) for asset in assets().values()) < 100_000


def test_the_element_never_writes_markup_or_inline_style() -> None:
    script = assets()["tallystick-pricing-table.js"].body.decode()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", ".style"):
        assert forbidden not in script
