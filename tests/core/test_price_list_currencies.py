"""The price list in one currency: what is sold in it, in it; the rest keeps its own and says so."""

from __future__ import annotations

import json
from typing import Any

from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.entitlement import check_limit
from tallystick.core.price_list import View, price_list, price_list_body

USD, EUR, JPY, KWD = map(currency, ("USD", "EUR", "JPY", "KWD"))


def catalog(*, several: bool = True) -> Any:
    """Give three products: one sold in three currencies but for a plan, one in EUR, one in USD."""
    beside = {"EUR": {"cost": "8.50"}, "JPY": {"cost": 1200}}
    pro: dict[str, Any] = {"id": "pro", "type": "flat", "cost": "9.99"}
    seat = {"key": "seats", "limit": 3, "unit_price": 5}
    more = {"EUR": {"unit_price": 4}, "JPY": {"unit_price": 600}}
    if several:
        pro, seat = {**pro, "currencies": beside}, {**seat, "currencies": more}
    month = {"interval": "month", "interval_count": 1}
    plans = [
        {"id": "small", "name": "S", "limits": [{"key": "seats", "limit": 1}], **month},
        {"id": "pro", "name": "P", "prices": [pro], "limits": [seat], **month},
        {"id": "lab", "name": "L", "prices": [{"id": "lab", "type": "flat", "cost": 90}], **month},
    ]
    if several:
        plans[0]["currencies"] = {"EUR": {}}
    return read_catalog(
        {
            "dialect": "tallystick",
            "products": [
                {"id": "app", "name": "App", "currency": "USD", "plans": plans},
                {"id": "eu", "name": "Eu", "currency": "EUR", "plans": [{**month, **free("eu")}]},
                {"id": "us", "name": "Us", "currency": "USD", "plans": [{**month, **free("us")}]},
            ],
        }
    )


def free(id_: str) -> dict[str, Any]:
    return {"id": id_, "name": id_}


def listed(unit: Any, view: View = "compact") -> list[tuple[Any, ...]]:
    found = price_list(catalog(), view, currency=unit)["data"]["products"]
    return [(product["id"], product["currency"], *map(told, product["plans"])) for product in found]


def told(plan: dict[str, Any]) -> tuple[str, str, str | None]:
    return plan["id"], str(plan["price"]), plan.get("currency")


def test_what_is_sold_in_a_currency_is_shown_in_it() -> None:
    assert listed(EUR) == [
        ("app", "EUR", ("small", "0", None), ("pro", "8.5", None), ("lab", "90", "USD")),
        ("eu", "EUR", ("eu", "0", None)),
    ]
    assert listed(JPY) == [
        ("app", "JPY", ("small", "0", "USD"), ("pro", "1200", None), ("lab", "90", "USD"))
    ]
    assert listed(USD) == [
        ("app", "USD", ("small", "0", None), ("pro", "9.99", None), ("lab", "90", None)),
        ("us", "USD", ("us", "0", None)),
    ]
    assert listed(KWD) == []


def test_the_list_for_everybody_does_not_show_them() -> None:
    assert price_list_body(catalog()) == price_list_body(catalog(several=False))


def test_the_full_view_names_the_others_and_writes_amounts_of_one() -> None:
    app = price_list(catalog(), "full")["data"]["products"][0]
    assert [each.get("currencies") for each in app["plans"]] == [["EUR"], ["EUR", "JPY"], None]
    assert "currencies" not in app["plans"][1]["prices"][0]
    pro = price_list(catalog(), "full", currency=JPY)["data"]["products"][0]["plans"][1]
    assert "currencies" not in pro
    assert (pro["prices"][0]["cost"], pro["limits"][0]["overagePrice"]) == (1200, 600)
    json.loads(price_list_body(catalog(), "full", currency=JPY))


def test_an_upgrade_is_looked_for_in_the_plans_currency() -> None:
    small = catalog()["small"]
    assert check_limit(small, "seats", used=1).upgrade_to == "pro"
    assert check_limit(small.in_currency("EUR"), "seats", used=1).upgrade_to == "pro"
    pro = catalog()["pro"].in_currency("JPY")
    assert str(check_limit(pro, "seats", used=3).overage_price) == "600 JPY"
