"""Finalised invoices, asked for and read as values.

Sources: the API reference of invoices and their lines; docs.stripe.com/api/expanding_objects (four
levels at most) and …/pagination (an invoice holds the first of its lines only).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.number import quantity_of
from tallystick.core.period import Period
from tallystick.errors import InvalidInput
from tallystick.providers.stripe.client import our_errors
from tallystick.providers.stripe.shadow import BilledInvoice, BilledLine, GivenDiscount, Sold
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import stripe

    from tallystick.core.currency import Currency
    from tallystick.core.money import Money
    from tallystick.core.period import Instant

__all__ = ["Billed", "billed", "invoice_of"]

_FINAL: Final = frozenset({"open", "paid", "uncollectible"})
_MOST: Final = 100
_EXPAND: Final = (
    "data.discounts",
    "data.lines.data.discounts",
    "data.parent.subscription_details.subscription",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """Finalised invoices, the last one first, and those that could not be read: `(id, why)`."""

    invoices: tuple[BilledInvoice, ...]
    refused: tuple[tuple[str, str], ...] = ()


def billed(
    client: stripe.StripeClient, *, limit: int | None = None, since: Instant | None = None
) -> Billed:
    """Ask for the finalised invoices of an account, the last one first; void ones are left out.

    At most `limit` of them, made at `since` or later.  Raises InvalidInput for a limit below one,
    OutcomeUnknown where Stripe does not answer.
    """
    if limit is not None and limit < 1:
        raise InvalidInput("a limit is a whole number from 1")
    invoices: list[BilledInvoice] = []
    refused: list[tuple[str, str]] = []
    for tree in _trees(client, since):
        if limit is not None and len(invoices) + len(refused) == limit:
            break
        try:
            invoices.append(invoice_of(tree))
        except InvalidInput as why:
            refused.append((str(tree.get("id")), str(why)))
    return Billed(invoices=tuple(invoices), refused=tuple(refused))


def _trees(client: stripe.StripeClient, since: Instant | None) -> Iterator[dict[str, Any]]:
    params: Any = {"limit": _MOST, "expand": list(_EXPAND)}
    if since is not None:
        params["created"] = {"gte": int(since.timestamp())}
    with our_errors("list of invoices"):
        for each in client.v1.invoices.list(params).auto_paging_iter():
            tree = each.to_dict()
            if tree["status"] in _FINAL:
                yield _with_all_lines(client, tree)


def _with_all_lines(client: stripe.StripeClient, tree: dict[str, Any]) -> dict[str, Any]:
    if not tree["lines"]["has_more"]:
        return tree
    asked: Any = {"limit": _MOST, "expand": ["data.discounts"]}
    listed = client.v1.invoices.line_items.list(tree["id"], asked)
    return tree | {"lines": {"data": [line.to_dict() for line in listed.auto_paging_iter()]}}


def invoice_of(tree: Mapping[str, Any]) -> BilledInvoice:
    """Read an invoice with its lines, discounts and subscription, as plain JSON values.

    Raises InvalidInput for what cannot be read.
    """
    try:
        return _invoice(tree)
    except InvalidInput:
        raise
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        text = f"what Stripe says of {str(tree.get('id'))[:60]!r} cannot be read: {error!r}"
        raise InvalidInput(text) from error


def _invoice(tree: Mapping[str, Any]) -> BilledInvoice:
    unit = currency(str(tree["currency"]).upper())
    details = (tree.get("parent") or {}).get("subscription_details") or {}
    sold = details.get("subscription")
    return BilledInvoice(
        id=str(tree["id"]),
        number=str(tree.get("number") or tree["id"]),
        customer=str(tree.get("customer_name") or tree.get("customer_email") or tree["customer"]),
        at=_instant(tree["created"]),
        currency=unit,
        total=from_api_amount(tree["total"], unit),
        beside=_beside(tree, unit),
        lines=tuple(_line(each, unit) for each in tree["lines"]["data"]),
        discounts=_discounts(tree.get("discounts")),
        sold=_sold(sold) if isinstance(sold, dict) else None,
    )


def _beside(tree: Mapping[str, Any], unit: Currency) -> Money:
    """Give what of the total stands in no line: taxes on top and shipping, less billing credits."""
    taxes = tree.get("total_taxes") or ()
    credits_ = tree.get("total_pretax_credit_amounts") or ()
    amount = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    amount += (tree.get("shipping_cost") or {}).get("amount_subtotal", 0)
    amount -= sum(c["amount"] for c in credits_ if c["type"] == "credit_balance_transaction")
    return from_api_amount(amount, unit)


def _sold(tree: Mapping[str, Any]) -> Sold:
    start, end = tree.get("trial_start"), tree.get("trial_end")
    return Sold(
        id=str(tree["id"]),
        anchor=_instant(tree["billing_cycle_anchor"]),
        trial=_window(start, end),
    )


def _line(tree: Mapping[str, Any], unit: Currency) -> BilledLine:
    if str(tree["currency"]).upper() != unit.code:
        raise InvalidInput(f"the line {tree['id']} is in another currency than its invoice")
    parent = tree.get("parent") or {}
    details = parent.get(parent.get("type")) or {}
    price = (tree.get("pricing") or {}).get("price_details") or {}
    off = sum(each["amount"] for each in tree.get("discount_amounts") or ())
    return BilledLine(
        id=str(tree["id"]),
        text=str(tree.get("description") or tree["id"]),
        amount=from_api_amount(tree["amount"], unit),
        discount=from_api_amount(off, unit),
        quantity=_quantity(tree),
        price=_id(price.get("price")),
        product=_id(price.get("product")),
        item=details.get("subscription_item"),
        window=_window(tree["period"]["start"], tree["period"]["end"]),
        proration=bool(details.get("proration")),
        discountable=bool(tree["discountable"]),
        discounts=_discounts(tree.get("discounts")),
    )


def _quantity(tree: Mapping[str, Any]) -> Decimal:
    """Give the quantity in full; one where Stripe says none."""
    said = tree.get("quantity_decimal")
    said = tree.get("quantity") if said is None else said
    return Decimal(1) if said is None else quantity_of(str(said), "quantity")


def _discounts(trees: Iterable[Any] | None) -> tuple[GivenDiscount, ...]:
    return tuple(
        GivenDiscount(
            id=str(tree["id"]),
            coupon=str(_id(tree["source"]["coupon"])),
            start=_instant(tree["start"]),
        )
        for tree in trees or ()
    )


def _window(start: int | None, end: int | None) -> Period | None:
    if start is None or end is None or start >= end:
        return None
    return Period(_instant(start), _instant(end))


def _id(named: Any) -> str | None:  # noqa: ANN401 - an id, or the object itself where it was expanded
    found = named["id"] if isinstance(named, dict) else named
    return None if found is None else str(found)


def _instant(second: int) -> Instant:
    return datetime.fromtimestamp(second, UTC)
