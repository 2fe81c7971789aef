"""Products: what is sold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "new_product"]

_NEW: Final[Thing] = {
    **dict.fromkeys(("default_price", "description", "package_dimensions", "shippable")),
    **dict.fromkeys(("statement_descriptor", "tax_code", "unit_label", "url")),
    "active": True,
    "images": [],
    "marketing_features": [],
    "livemode": False,
    "type": "service",
}
_LEFT_OUT: Final = ("default_price_data", "tax_details")


def new_product(account: Account, params: Thing) -> Thing:
    """Put a product up.  Raises Refused where its id is taken."""
    for name in _LEFT_OUT:
        if name in params:
            raise unsupported(f"products with {name}")
    wanted = params.get("id") or account.new_id("prod")
    if wanted in account.of("product"):
        raise Refused(
            f"Product already exists: {wanted}", code="resource_already_exists", param="id"
        )
    at = account.now()
    product = {
        "id": wanted,
        "object": "product",
        "created": at,
        "updated": at,
        **_NEW,
        **params,
        "metadata": merged(None, params),
    }
    emit(account, "product.created", account.add(product))
    return product


def _create(account: Account, call: Call) -> Thing:
    return new_product(account, call.params)


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("product", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    product, params = account.get("product", call.ids[0]), call.params
    for name in _LEFT_OUT:
        if name in params:
            raise unsupported(f"products with {name}")
    wanted = params.get("default_price")
    if wanted and account.given("price", wanted, "default_price")["product"] != product["id"]:
        raise Refused("The price is one of another product.", param="default_price")
    before = changed(product, params)
    product["updated"] = account.now()
    emit(account, "product.updated", product, before)
    return product


def _delete(account: Account, call: Call) -> Thing:
    product = account.get("product", call.ids[0])
    if any(price["product"] == product["id"] for price in account.of("price").values()):
        raise Refused(
            "This product cannot be deleted because it has one or more user-created prices."
        )
    del account.of("product")[product["id"]]
    emit(account, "product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


ROUTES: Final = (
    Route("POST", "/v1/products", "ProductCreateParams", _create),
    Route("GET", "/v1/products", "ProductListParams", listing("product", ids=lambda p: p["id"])),
    Route(
        "GET",
        "/v1/products/search",
        "ProductSearchParams",
        searching("product", "active", "description", "name", "url"),
    ),
    Route("GET", "/v1/products/{id}", "ProductRetrieveParams", _retrieve),
    Route("POST", "/v1/products/{id}", "ProductUpdateParams", _update),
    Route("DELETE", "/v1/products/{id}", "ProductDeleteParams", _delete),
)
"""What is asked of products."""
