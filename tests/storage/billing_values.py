"""Subscriptions, documents and what belongs to them, as tests of storage want them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.charge import Charge, Due
from tallystick.core.currency import currency
from tallystick.core.customer import Customer
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Invoice, InvoiceLine, Party
from tallystick.core.money import Money
from tallystick.core.move import Start
from tallystick.core.period import Period
from tallystick.core.subscription import Item, Subscription, Terms
from tallystick.storage import customers, invoices, moves, subscriptions
from tallystick.storage.invoice_rows import Draft, sealed
from tallystick.storage.moves import MoveRecord
from tallystick.storage.series import put_chain, take_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Storage, Unit

__all__ = [
    "AT",
    "EUR",
    "draft",
    "eur",
    "filled",
    "invoice",
    "issued",
    "later",
    "line",
    "month",
    "move",
    "subscription",
]

AT = datetime(2026, 12, 1, tzinfo=UTC)
EUR = currency("EUR")


def later(**span: float) -> datetime:
    """Give an instant after AT."""
    return AT + timedelta(**span)


def month(number: int = 0) -> Period:
    """Give a month of thirty days, counted from AT."""
    return Period(later(days=30 * number), later(days=30 * number + 30))


def eur(minor: int) -> Money:
    """Give an amount."""
    return Money(minor, EUR)


def subscription(id_: str = "sub_1", customer: str = "acme", **fields: Any) -> Subscription:
    """Give a subscription on a plan."""
    given: dict[str, Any] = {
        "group": "default",
        "state": "active",
        "items": (Item("plan", "pro@2", 3, FrozenDict({"pro": FrozenDict({"cost": "5.00"})})),),
        "moves": 1,
        "clock": AT,
        "anchor": AT,
        "terms": Terms(net_days=14, po_number="PO-7"),
    }
    return Subscription(id=id_, customer=customer, currency=EUR, **given | fields)


def move(number: int = 1, subscription_id: str = "sub_1", **fields: Any) -> MoveRecord:
    """Give the move that starts a subscription."""
    start = Start(customer="acme", group="default", offer="pro@2", currency="EUR")
    given: dict[str, Any] = {"customer": "acme", "move": start, "at": AT, "recorded_at": AT}
    return MoveRecord(subscription=subscription_id, number=number, **given | fields)


def draft(
    id_: str = "inv_1",
    customer: str = "acme",
    *,
    cause: str | None = None,
    at: datetime = AT,
    subscription_id: str | None = "sub_1",
    **fields: Any,
) -> Draft:
    """Give a draft; its cause is made of its id unless it is given."""
    item = Item("plan", "pro@2")
    charge = Charge(kind="fee", item=item, price="pro", window=month(), whole=month())
    due = Due(cause=cause or f"boundary/{id_}", at=at, charges=(charge,))
    terms = Terms(net_days=14, memo="thanks")
    given: dict[str, Any] = {"finalize_at": at + timedelta(hours=1), "terms": terms}
    return Draft(
        customer=customer,
        id=id_,
        subscription_id=subscription_id,
        due=due,
        currency=EUR,
        **given | fields,
    )


def line(minor: int = 1500, number: int = 0, **fields: Any) -> InvoiceLine:
    """Give a line for a month."""
    given: dict[str, Any] = {
        "kind": "fee",
        "price": "pro",
        "offer": "pro@2",
        "window": month(number),
        "quantity": Decimal("3.5"),
        "billed": Decimal(3),
        "amount": eur(minor),
        "evidence": FrozenDict({"steps": ["3 × 5.00"], "n": 3}),
    }
    nothing = {name: eur(0) for name in ("discount", "credit", "tax")}
    return InvoiceLine(description="Pro, 3 seats", **nothing | given | fields)


def invoice(of: Draft, *lines: InvoiceLine, **fields: Any) -> Invoice:
    """Give the finalised document that a draft becomes, open, or paid where nothing is due."""
    total = sum(each.amount.minor for each in lines)
    sums = {name: eur(0) for name in ("discount", "credit", "tax", "balance")}
    given: dict[str, Any] = {
        "status": "open" if total else "paid",
        "number": f"INV-{of.id}",
        "issued_at": of.finalize_at,
        "due_at": of.finalize_at + timedelta(days=14),
        "seller": Party(name="Seller", address=FrozenDict({"country": "AT"})),
        "buyer": Party(name="Acmé", tax_ids=(("eu_vat", "ATU1"),)),
        "subtotal": eur(total),
        "total": eur(total),
        "amount_due": eur(total),
    }
    return Invoice(
        id=of.id,
        customer=of.customer,
        cause=of.cause,
        subscription=of.subscription_id,
        currency=EUR,
        at=of.due.at,
        finalize_at=of.finalize_at,
        watermark=of.finalize_at,
        terms=of.terms,
        lines=lines,
        **sums | given | fields,
    )


def issued(unit: Unit, made: Sequence[Invoice], series: str = "INV") -> list[Document]:
    """Issue documents whose drafts are stored, with the next numbers of a series."""
    first, chain = take_numbers(unit, series, len(made))
    closed = []
    for number, each in enumerate(made, start=first):
        closed.append(sealed(replace(each, number=f"{series}-{number}"), series, number, chain))
        chain = closed[-1].chain
    put_chain(unit, series, chain)
    invoices.issue(unit, closed)
    found = invoices.find_invoices(unit, [(each.customer, each.id) for each in made])
    return [found[each.customer, each.id] for each in made]


def filled(storage: Storage, *names: str) -> None:
    """Store customers (`acme` unless others are named), each with a subscription and its start."""
    with storage.begin() as unit:
        unit.as_all()
        for number, name in enumerate(names or ("acme",), start=1):
            customers.add(unit, Customer(id=name, created_at=AT, updated_at=AT))
            one = subscription(f"sub_{number}", name)
            subscriptions.insert_subscription(unit, one, later(days=30), AT)
            moves.add_moves(unit, [move(1, one.id, customer=name)])
        unit.commit()
