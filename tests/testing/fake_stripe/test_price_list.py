"""Products, prices, coupons and promotion codes of the fake Stripe, through the official SDK."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tallystick.testing.clock import FrozenClock
from tests.testing.fake_stripe.raw import raw
from tests.testing.fake_stripe.shapes import misfits

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe import FakeStripe

MONTH: dict[str, Any] = {"interval": "month"}


def price_of(client: Any, **params: Any) -> Any:
    if "product" not in params:
        params["product"] = client.v1.products.create({"name": "Zovi"}).id
    return client.v1.prices.create({"currency": "usd", **params})


@pytest.fixture
def meter(client: Any) -> str:
    created = client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "call", "default_aggregation": {"formula": "sum"}}
    )
    assert misfits(raw(created)) == []
    return str(created.id)


def test_the_account_says_whose_it_is(client: Any, fake: FakeStripe) -> None:
    account = client.v1.accounts.retrieve_current()
    assert misfits(raw(account)) == []
    assert account.id == fake.account.id


def test_the_price_that_a_product_shows_first_cannot_be_archived(client: Any) -> None:
    price = price_of(client, unit_amount=999)
    client.v1.products.update(str(price.product), {"default_price": price.id})
    with pytest.raises(stripe.InvalidRequestError, match="default price"):
        client.v1.prices.update(price.id, {"active": False})
    other = price_of(client, product=str(price.product), unit_amount=1099)
    client.v1.products.update(str(price.product), {"default_price": other.id})
    assert not client.v1.prices.update(price.id, {"active": False}).active
    assert [each.id for each in client.v1.prices.list({}).data] == [other.id]
    assert [each.id for each in client.v1.prices.list({"active": False}).data] == [price.id]


# --- products -----------------------------------------------------------------------------------


def test_a_product_is_created_changed_and_archived(client: Any) -> None:
    product = client.v1.products.create({"name": "Zovi", "metadata": {"a": "1", "b": "2"}})
    assert misfits(raw(product)) == []
    changed = client.v1.products.update(
        product.id, {"active": False, "description": "x", "metadata": {"a": "", "c": "3"}}
    )
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    assert client.v1.products.update(product.id, {"description": ""}).description is None
    assert client.v1.products.update(product.id, {"metadata": ""}).metadata.to_dict() == {}
    assert client.v1.products.list({"active": True}).data == []


def test_a_product_with_prices_cannot_be_deleted(client: Any) -> None:
    price = price_of(client, unit_amount=5)
    with pytest.raises(stripe.InvalidRequestError, match="prices"):
        client.v1.products.delete(str(price.product))
    bare = client.v1.products.create({"id": "prod_own", "name": "Bare"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.products.create({"id": "prod_own", "name": "Twice"})
    assert caught.value.code == "resource_already_exists"
    assert client.v1.products.delete(bare.id).deleted
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.products.retrieve(bare.id)
    assert caught.value.http_status == 404


# --- prices -------------------------------------------------------------------------------------


SHAPES: list[dict[str, Any]] = [
    {"unit_amount": 999, "recurring": {**MONTH, "interval_count": 3}},
    {"unit_amount_decimal": Decimal("0.125"), "recurring": MONTH},
    {"unit_amount": 500},
    {
        "unit_amount": 1000,
        "recurring": MONTH,
        "transform_quantity": {"divide_by": 100, "round": "up"},
    },
    {
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "recurring": MONTH,
        "tiers": [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "flat_amount": 5}],
    },
    {
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "recurring": MONTH,
        "tiers": [{"up_to": "inf", "unit_amount_decimal": Decimal("0.5")}],
    },
]


@pytest.mark.parametrize("params", SHAPES, ids=range(len(SHAPES)))
def test_each_kind_of_price_has_the_shape_of_the_sdk(client: Any, params: dict[str, Any]) -> None:
    price = price_of(client, **params, expand=["tiers"])
    assert misfits(raw(price)) == []
    assert price.type == ("recurring" if "recurring" in params else "one_time")
    assert ("tiers" in raw(client.v1.prices.retrieve(price.id))) is False


def test_a_fraction_of_a_minor_unit_is_kept_exactly(client: Any) -> None:
    price = price_of(client, unit_amount_decimal=Decimal("0.125"), recurring=MONTH)
    assert price.unit_amount is None
    assert price.unit_amount_decimal == Decimal("0.125")
    assert raw(price)["unit_amount_decimal"] == "0.125"


def test_a_metered_price_needs_its_meter(client: Any, meter: str) -> None:
    usage: dict[str, Any] = {**MONTH, "usage_type": "metered"}
    price = price_of(client, unit_amount=2, recurring={**usage, "meter": meter})
    assert misfits(raw(price)) == []
    for recurring in (usage, {**MONTH, "meter": meter}, {**usage, "meter": "mtr_gone"}):
        with pytest.raises(stripe.InvalidRequestError):
            price_of(client, unit_amount=2, recurring=recurring)
    client.v1.billing.meters.deactivate(meter)
    with pytest.raises(stripe.InvalidRequestError, match="not active"):
        price_of(client, unit_amount=2, recurring={**usage, "meter": meter})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"unit_amount": -1},
        {"unit_amount": 10**12},
        {"unit_amount": 1, "unit_amount_decimal": Decimal(1)},
        {"unit_amount_decimal": Decimal("0.0000000000001")},
        {"unit_amount": 1, "recurring": {"interval": "month", "interval_count": 37}},
        {"unit_amount": 1, "recurring": {"interval": "year", "interval_count": 4}},
        {"unit_amount": 1, "recurring": {"interval": "day", "interval_count": 0}},
        {"unit_amount": 1, "recurring": {"interval": "fortnight"}},
        {"unit_amount": 1, "currency": "dollar"},
        {"unit_amount": 1, "product": "prod_gone"},
        {"unit_amount": 1, "tiers_mode": "volume"},
        {"unit_amount": 1, "lookup_key": "k" * 201},
        {"unit_amount": 1, "transform_quantity": {"divide_by": 0, "round": "up"}},
        {"billing_scheme": "tiered", "tiers_mode": "volume"},
        {
            "billing_scheme": "tiered",
            "tiers_mode": "volume",
            "tiers": [{"up_to": 5, "unit_amount": 1}],
        },
        {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": [{"up_to": "inf"}]},
        {
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": 5, "unit_amount": 1},
                {"up_to": 5, "unit_amount": 1},
                {"up_to": "inf", "unit_amount": 1},
            ],
        },
    ],
    ids=str,
)
def test_a_price_that_stripe_does_not_take_is_refused(
    client: Any, fake: FakeStripe, params: dict[str, Any]
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        price_of(client, **params)
    assert fake.account.of("price") == {}


@pytest.mark.parametrize(
    "params",
    [{"unit_amount": 5}, {"currency": "eur"}, {"recurring": MONTH}, {"product": "prod_x"}],
)
def test_what_a_price_costs_is_never_edited(client: Any, params: Any) -> None:
    price = price_of(client, unit_amount=4, tax_behavior="exclusive")
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        client.v1.prices.update(price.id, params)
    with pytest.raises(stripe.InvalidRequestError, match="tax_behavior"):
        client.v1.prices.update(price.id, {"tax_behavior": "inclusive"})
    assert client.v1.prices.update(price.id, {"active": False, "nickname": "old"}).active is False


def test_a_lookup_key_has_one_price_and_moves_only_when_told_to(client: Any) -> None:
    old = price_of(client, unit_amount=4, lookup_key="pro", recurring=MONTH)
    with pytest.raises(stripe.InvalidRequestError, match="lookup key"):
        price_of(client, unit_amount=5, lookup_key="pro")
    new = price_of(client, unit_amount=5, lookup_key="pro", transfer_lookup_key=True)
    assert [p.id for p in client.v1.prices.list({"lookup_keys": ["pro", "x"]}).data] == [new.id]
    assert client.v1.prices.retrieve(old.id).lookup_key is None
    back = client.v1.prices.update(old.id, {"lookup_key": "pro", "transfer_lookup_key": True})
    assert back.lookup_key == "pro"
    assert client.v1.prices.retrieve(new.id).lookup_key is None
    listed = client.v1.prices.list({"type": "recurring", "recurring": {"interval": "month"}})
    assert [p.id for p in listed.data] == [old.id]


def test_no_new_price_of_an_archived_product(client: Any) -> None:
    product = client.v1.products.create({"name": "Old", "active": False}).id
    with pytest.raises(stripe.InvalidRequestError, match="not active"):
        price_of(client, unit_amount=4, product=product)


# --- coupons and their codes --------------------------------------------------------------------


def test_a_coupon_and_its_code(client: Any, fake: FakeStripe) -> None:
    coupon = client.v1.coupons.create(
        {"percent_off": 25.5, "duration": "repeating", "duration_in_months": 3, "id": "Q"}
    )
    assert misfits(raw(coupon)) == []
    assert coupon.percent_off == 25.5
    code = client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": "Q"}, "code": "FALL20", "max_redemptions": 2}
    )
    assert misfits(raw(code)) == []
    found = client.v1.promotion_codes.list({"code": "FALL20", "expand": ["data.promotion.coupon"]})
    inside = found.data[0].promotion.coupon
    assert isinstance(inside, stripe.Coupon)
    assert inside.id == "Q"
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        client.v1.promotion_codes.create(
            {"promotion": {"type": "coupon", "coupon": "Q"}, "code": "fall20"}
        )
    client.v1.promotion_codes.update(code.id, {"active": False})
    client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": "Q"}, "code": "fall20"}
    )
    assert len(fake.account.of("promotion_code")) == 2


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"percent_off": 10, "amount_off": 5, "currency": "usd"},
        {"percent_off": 0},
        {"percent_off": 100.5},
        {"amount_off": 5},
        {"amount_off": 0, "currency": "usd"},
        {"percent_off": 5, "duration": "repeating"},
        {"percent_off": 5, "duration_in_months": 3},
        {"percent_off": 5, "max_redemptions": 0},
        {"percent_off": 5, "redeem_by": 1},
        {"percent_off": 5, "name": "n" * 41},
        {"percent_off": 5, "applies_to": {"products": ["prod_gone"]}},
    ],
    ids=str,
)
def test_a_coupon_that_stripe_does_not_take_is_refused(client: Any, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.coupons.create(params)
    assert client.v1.coupons.list().data == []


def test_a_coupon_runs_out_with_its_codes(client: Any, fake: FakeStripe) -> None:
    end = fake.account.now() + 60
    client.v1.coupons.create({"percent_off": 5, "redeem_by": end, "id": "Q"})
    made: Any = {"promotion": {"type": "coupon", "coupon": "Q"}}
    code = client.v1.promotion_codes.create(made)
    with pytest.raises(stripe.InvalidRequestError, match="redeem_by"):
        client.v1.promotion_codes.create({**made, "expires_at": end + 1})
    clock = fake.account.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(timedelta(seconds=60))
    assert client.v1.coupons.retrieve("Q").valid is False
    assert client.v1.promotion_codes.retrieve(code.id).active is False
    with pytest.raises(stripe.InvalidRequestError, match="active again"):
        client.v1.promotion_codes.update(code.id, {"active": True})
    assert client.v1.coupons.delete("Q").deleted
