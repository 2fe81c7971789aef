"""Whatever a fake Stripe bills, our reckoning gives the same: two codes that share nothing.

Random prices of every shape, seats that change at a random second, usage, and coupons.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.dialects import read_catalog
from tallystick.providers.stripe.shadow_price import tariffs_of
from tallystick.providers.stripe.shadow_read import billed
from tallystick.providers.stripe.shadow_reckon import compare
from tests.providers.stripe.bookshop import Shop, client_of

METERED = ("per_unit", "package", "graduated", "volume")


def amounts(places: int) -> st.SearchStrategy[str]:
    """Give costs in major units with so many decimals."""
    return st.integers(0, 3000).map(lambda n: f"{Decimal(n).scaleb(-places):f}")


@st.composite
def tiers(draw: st.DrawFn, places: int) -> list[dict[str, Any]]:
    """Give up to three tiers."""
    bounds = draw(st.lists(st.integers(1, 60), min_size=0, max_size=2, unique=True).map(sorted))
    return [
        {
            "up_to": bound,
            "cost": draw(amounts(places + 3)),
            "flat_cost": draw(st.sampled_from(["0", "1", "7"])),
        }
        for bound in (*bounds, "unlimited")
    ]


@st.composite
def lines(draw: st.DrawFn, places: int) -> dict[str, Any]:
    """Give a price of any shape."""
    kind = draw(st.sampled_from(["flat", "per_seat", "seat tiers", *METERED]))
    if kind == "flat":
        return {"type": "flat", "cost": draw(amounts(places))}
    if kind == "seat tiers":
        mode = draw(st.sampled_from([{}, {"tiers_mode": "volume"}]))
        return {"type": "per_seat", **mode, "tiers": draw(tiers(places))}
    if kind in {"graduated", "volume"}:
        shape: dict[str, Any] = {"tiers": draw(tiers(places))}
    else:
        shape = {"cost": draw(amounts(places + 3))}
    if kind == "package":
        shape = {"cost": draw(amounts(places)), "package_size": draw(st.integers(1, 50))}
    counted = {} if kind == "per_seat" else {"unit": "piece"}
    return {"type": kind, **shape, **counted}


@st.composite
def sales(draw: st.DrawFn) -> dict[str, Any]:
    """Give what is sold, how much of it, when that changes, and under which coupon."""
    code, places = draw(st.sampled_from([("USD", 2), ("JPY", 0)]))
    prices = draw(st.lists(lines(places), min_size=1, max_size=4))
    coupon = draw(
        st.sampled_from(
            [
                None,
                {"percent_off": "33.33", "duration": "forever"},
                {"percent_off": "7", "duration": "once"},
                {"amount_off": {code: "12"}, "duration": "forever"},
            ]
        )
    )
    return {
        "currency": code,
        "prices": prices,
        "coupon": coupon,
        "seats": [draw(st.integers(1, 90)) for _ in prices],
        "later": [draw(st.integers(1, 90)) for _ in prices],
        "used": [f"{draw(st.integers(0, 3000))}" for _ in prices],
        "at": draw(st.integers(1, 31 * 86_400 - 1)),
        "mapped": draw(st.booleans()),
    }


@given(sales())
@settings(max_examples=25)
def test_what_the_fake_bills_is_what_we_would(sold: dict[str, Any]) -> None:
    plans = [
        {
            "id": f"plan{number}",
            "name": f"Plan {number}",
            "interval": "month",
            "interval_count": 1,
            "prices": [
                {"id": f"p{number}", **({"meter": f"m{number}"} if "unit" in line else {}), **line}
            ],
        }
        for number, line in enumerate(sold["prices"])
    ]
    catalog = read_catalog(
        {
            "dialect": "tallystick",
            "provider": "stripe",
            "meters": [{"key": f"m{number}"} for number in range(len(plans))],
            "products": [
                {"id": "shop", "name": "Shop", "currency": sold["currency"], "plans": plans}
            ],
            **({"coupons": [{"id": "off", **sold["coupon"]}]} if sold["coupon"] else {}),
        }
    )
    shop = Shop()
    shop.apply(catalog)
    client = client_of(shop.fake)
    _sell(shop, client.v1, sold)
    shop.clock.advance(timedelta(days=32))
    own = (catalog, shop.lock) if sold["mapped"] else (None, None)
    found = billed(client)
    compared = compare(found.invoices, tariffs_of(shop.book.held(), *own))
    assert found.refused == ()
    assert len(compared) >= 2
    differing = [each for one in compared for each in one.lines if each.verdict != "equal"]
    under_coupon = [each for each in differing if "under a coupon" in each.reason]
    assert differing == under_coupon
    assert sold["coupon"] or not differing


def _sell(shop: Shop, v1: Any, sold: dict[str, Any]) -> None:
    payer = v1.customers.create({}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": payer}).id
    v1.customers.update(payer, {"invoice_settings": {"default_payment_method": card}})
    kinds = [line["type"] for line in sold["prices"]]
    counts = [
        {"quantity": count} if kind == "per_seat" else {}
        for kind, count in zip(kinds, sold["seats"], strict=True)
    ]
    items = [
        {"price": shop.price(f"p{number}")["id"], **count} for number, count in enumerate(counts)
    ]
    off = {"discounts": [{"coupon": "off"}]} if sold["coupon"] else {}
    made = v1.subscriptions.create({"customer": payer, "items": items, **off})
    shop.clock.advance(timedelta(seconds=sold["at"]))
    for number, units in enumerate(sold["used"]):
        if kinds[number] in METERED:
            payload = {"stripe_customer_id": payer, "value": units}
            v1.billing.meter_events.create({"event_name": f"m{number}", "payload": payload})
    changed = [
        {"id": item["id"], "quantity": count}
        for item, kind, count in zip(
            made.to_dict()["items"]["data"], kinds, sold["later"], strict=True
        )
        if kind == "per_seat"
    ]
    if changed:
        v1.subscriptions.update(made.id, {"items": changed})
