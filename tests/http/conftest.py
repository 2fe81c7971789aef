"""A small shop for the tests of the service: two currencies, every kind of plan."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.currency import currency
from tallystick.core.price import Flat, Graduated, Price, Tier
from tallystick.http.api import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

USD, EUR = currency("USD"), currency("EUR")


def fee(id: str, minor: int, money: object = USD) -> Price:  # noqa: A002 - the field's word
    assert money in {USD, EUR}
    money = USD if money == USD else EUR
    return Price(id=id, currency=money, basis="flat", shape=Flat(Decimal(minor)))


def make_shop() -> Catalog:
    calls = Price(
        id="calls",
        currency=USD,
        unit="call",
        meter="calls",
        shape=Graduated((Tier(Decimal(1000)), Tier(None, Decimal("0.2"), Decimal(100)))),
    )
    limits = {"projects": Feature(key="projects", enabled=True, limit=50, unit_price=Decimal(2))}
    plans = (
        Plan(
            id="pro-month",
            name="Pro",
            currency=USD,
            product_id="pro",
            prices=(fee("pro-m", 2900), calls),
            features=limits,
            trial_days=14,
            business_rules={"a": [Decimal("0.5"), None]},
            coupons=("10 % off",),
        ),
        Plan(
            id="pro-year",
            name="Pro",
            currency=USD,
            product_id="pro",
            interval="year",
            prices=(fee("pro-y", 29000),),
        ),
        Plan(
            id="pro-life",
            name="Pro",
            currency=USD,
            product_id="pro",
            interval=None,
            prices=(fee("pro-l", 99900),),
        ),
    )
    custom = Plan(
        id="talk", name="Talk", currency=EUR, product_id="big", custom=True, label="Let's talk"
    )
    return Catalog(
        products=(
            Product(id="pro", name="Zoë & Sons", currency=USD, plans=plans, features=("A", "B")),
            Product(id="big", name="Enterprise", currency=EUR, plans=(custom,), badge="Big"),
        )
    )


@pytest.fixture(scope="session")
def shop() -> Catalog:
    return make_shop()


@pytest.fixture
def client(shop: Catalog) -> Iterator[TestClient]:
    with TestClient(create_app(shop), raise_server_exceptions=False) as opened:
        yield opened
