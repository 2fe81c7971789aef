"""Shown is quoted, quoted is what the page asks for, and what the invoice says: any cart."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.tax_rules import read_tax_rules
from tests.facade.billing import catalog
from tests.facade.paying import BACK, Shop, shop_at

if TYPE_CHECKING:
    from collections.abc import Iterator

COUPONS: list[dict[str, Any]] = [
    {"id": "third", "percent_off": "33.3", "duration": "forever", "codes": ["THIRD"]},
    {"id": "three", "amount_off": {"USD": "3.07"}, "codes": ["THREE"]},
]
RATES = {
    "elsewhere": "untaxed",
    "rates": [
        {"country": "AT", "name": "USt", "percent": 20},
        {"country": "CH", "name": "MWST", "percent": "8.1"},
    ],
}
numbers = count()


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    tree = {**to_tree(catalog()), "coupons": COUPONS}
    with shop_at("sqlite://", read_catalog(tree)) as found:
        found.tally.seller.set(name="Us", address={"country": "AT"})
        found.tally.taxes.publish(read_tax_rules(RATES), author="anna")
        yield found


carts = st.fixed_dictionaries(
    {
        "plan": st.sampled_from(["basic", "pro"]),
        "quantity": st.integers(1, 17),
        "add_ons": st.lists(
            st.fixed_dictionaries({"plan": st.just("sms"), "quantity": st.integers(1, 9)}),
            max_size=1,
        ),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cart=carts,
    codes=st.lists(st.sampled_from(["THIRD", "THREE"]), unique=True),
    country=st.sampled_from(["AT", "CH", "US"]),
)
def test_shown_is_quoted_is_paid_is_charged(
    shop: Shop, cart: dict[str, Any], codes: list[str], country: str
) -> None:
    tally, name = shop.tally, f"c{next(numbers)}"
    tally.customers.create(name, address={"country": country})
    (found,) = tally.checkouts.resolve(name, [cart], codes=codes)
    assert found.today is not None
    assert found.quote is not None
    opened = tally.checkouts.open(name, quote=found.quote, **BACK)
    session = shop.fake.account.of("checkout.session")[opened.reference or ""]
    assert session["amount_total"] == opened.amount.minor == found.today.amount_due.minor
    before = shop.moved()
    shop.pay(opened)
    assert tally.checkouts.refresh(opened.id).state == "complete"
    (document,) = tally.invoices.list(customer=name)
    assert (document.status, document.left) == ("paid", 0)
    assert document.invoice.total == found.today.total
    assert shop.moved() - before == document.invoice.amount_due.minor
    shown = [line["amount_total"] for line in session["line_items"]["data"]]
    lines = document.invoice.lines
    net = [each.amount - each.discount - each.credit + each.tax for each in lines]
    assert shown == [each.minor for each in net if each.minor]
    assert sum(shown) == document.invoice.amount_due.minor
