"""Checkouts as rows: stored before a page is asked for, leased while it is, closed by its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from tallystick.core.checkout_page import LIVE_CHECKOUT, Checkout
from tallystick.core.currency import currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.intent import ProviderAccount
from tallystick.core.money import Money
from tallystick.core.provider_act import ProviderCall
from tallystick.core.quote import Quote
from tallystick.core.trees import bytes_of, value_of
from tallystick.errors import Conflict
from tallystick.storage.asked_rows import due_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.checkout_page import CheckoutState
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "add_checkout",
    "checkout_by_id",
    "checkout_by_key",
    "clear_checkout_aside",
    "due_checkout",
    "list_checkouts",
    "mark_closing",
    "mark_others_closing",
    "put_checkout",
]


def add_checkout(unit: Unit, checkout: Checkout) -> None:
    """Store a checkout.  Raises Conflict where its key was used, or its quote was sold already."""
    row = {
        "customer_id": checkout.customer,
        "id": checkout.id,
        "biller": checkout.biller,
        "subscription_id": checkout.quote.subscription,
        "group_key": checkout.quote.move.group,
        "quote": _quote_text(checkout),
        "provider": checkout.provider,
        "account": checkout.account.id,
        "live": checkout.account.live,
        "amount": checkout.amount.minor,
        "currency": checkout.amount.currency.code,
        "key": checkout.key,
        "idempotency_key": checkout.idempotency_key,
        "request": checkout.request,
        "success_url": checkout.success_url,
        "cancel_url": checkout.cancel_url,
        "created_at": checkout.created_at,
        "expires_at": checkout.expires_at,
        "closing": checkout.closing,
        **_changing(checkout),
    }
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.checkouts).values(row))
    except IntegrityError as refused:
        raise _refusal(refused, "its key was used, or its quote was sold already") from None


def put_checkout(unit: Unit, checkout: Checkout, tries: int) -> bool:
    """Keep how a checkout stands, unless it was asked or closed by another since so many `tries`.

    False where it was, and then nothing is changed.  Raises Conflict where what the provider names
    is another checkout's, or its quote was sold already.
    """
    table = unit.tables.checkouts
    mine = (table.c.customer_id == checkout.customer, table.c.id == checkout.id)
    asked = update(table).where(*mine, table.c.attempts == tries, _live(unit))
    try:
        with unit.savepoint():
            done = unit.connection.execute(asked.values(_changing(checkout)))
    except IntegrityError as refused:
        words = "what the provider names is another checkout's, or its quote was sold already"
        raise _refusal(refused, words) from None
    return done.rowcount == 1


def clear_checkout_aside(unit: Unit, checkout: Checkout, at: Instant) -> bool:
    """Let workers go on with a checkout that was set aside; False where it was not."""
    table = unit.tables.checkouts
    mine = (table.c.customer_id == checkout.customer, table.c.id == checkout.id)
    asked = update(table).where(*mine, table.c.set_aside.is_not(None))
    values = {"set_aside": None, "first_sent_at": None, "next_at": at}
    return unit.connection.execute(asked.values(values)).rowcount == 1


def mark_closing(unit: Unit, checkout: Checkout, at: Instant) -> None:
    """Have the page of a checkout closed; nothing where it is over."""
    c = unit.tables.checkouts.c
    _mark(unit, at, c.customer_id == checkout.customer, c.id == checkout.id)


def mark_others_closing(unit: Unit, checkout: Checkout, at: Instant) -> tuple[str, ...]:
    """Have the other pages closed that are open for its customer in its group; give their ids."""
    c = unit.tables.checkouts.c
    mine = (c.customer_id == checkout.customer, c.group_key == checkout.quote.move.group)
    return _mark(unit, at, *mine, c.id != checkout.id)


def due_checkout(
    unit: Unit, provider: str, account: ProviderAccount, at: Instant, only: str | None = None
) -> Checkout | None:
    """Give the first live checkout that is to be gone on with by then, held until the end.

    One that another worker holds or leases is passed over.  With `only` it is that one, due or not.
    """
    table = unit.tables.checkouts
    row = due_row(unit, table, _live(unit), provider, account, at, only)
    return None if row is None else _checkout(row)


def checkout_by_id(unit: Unit, id_: str, customer: str | None = None) -> Checkout | None:
    """Give a checkout, or None; with `customer`, only one of theirs."""
    c = unit.tables.checkouts.c
    whose = () if customer is None else (c.customer_id == customer,)
    return _first(unit, c.id == id_, *whose)


def checkout_by_key(unit: Unit, customer: str, idempotency_key: str) -> Checkout | None:
    """Give what a customer's key began, or None."""
    c = unit.tables.checkouts.c
    return _first(unit, c.customer_id == customer, c.idempotency_key == idempotency_key)


def list_checkouts(
    unit: Unit,
    limit: int,
    after: str | None = None,
    *,
    customer: str | None = None,
    state: CheckoutState | None = None,
    aside: bool = False,
) -> tuple[Checkout, ...]:
    """Give checkouts in the order of their ids, those after one of them."""
    table = unit.tables.checkouts
    query = select(table).where(table.c.id > ("" if after is None else after))
    if customer is not None:
        query = query.where(table.c.customer_id == customer)
    if state is not None:
        query = query.where(table.c.state == state)
    if aside:
        query = query.where(table.c.set_aside.is_not(None))
    rows = unit.connection.execute(query.order_by(table.c.id).limit(limit)).mappings()
    return tuple(map(_checkout, rows))


def _mark(unit: Unit, at: Instant, *which: ColumnElement[bool]) -> tuple[str, ...]:
    table = unit.tables.checkouts
    asked = update(table).where(*which, table.c.state == "open", table.c.closing.is_(False))
    done = unit.connection.execute(asked.values(closing=True, next_at=at).returning(table.c.id))
    return tuple(sorted(done.scalars()))


def _live(unit: Unit) -> ColumnElement[bool]:
    return unit.tables.checkouts.c.state.in_(sorted(LIVE_CHECKOUT))


def _first(unit: Unit, *where: ColumnElement[bool]) -> Checkout | None:
    query = select(unit.tables.checkouts).where(*where)
    return next(map(_checkout, unit.connection.execute(query).mappings()), None)


def _refusal(refused: IntegrityError, words: str) -> Exception:
    known = "UNIQUE" in str(refused.orig).upper()
    return Conflict(f"the checkout cannot be kept: {words}") if known else refused


def _quote_text(checkout: Checkout) -> str:
    """Write the quote; where the provider bills, beside what the page sells."""
    quote = bytes_of(checkout.quote).decode()
    if checkout.sells is None:
        return quote
    sells = [checkout.sells.name, dict(checkout.sells.params)]
    return f'{{"quote":{quote},"sells":{json.dumps(sells, sort_keys=True)}}}'


def _quote_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    if "sells" not in tree:
        return {"quote": value_of(Quote, tree)}
    name, params = tree["sells"]
    sells = ProviderCall(name, FrozenDict(params))
    return {"quote": value_of(Quote, tree["quote"]), "sells": sells}


def _changing(checkout: Checkout) -> dict[str, Any]:
    why = checkout.reason
    return {
        "payer": checkout.payer,
        "state": checkout.state,
        "attempts": checkout.attempts,
        "leased_until": checkout.leased_until,
        "next_at": checkout.next_at,
        "first_sent_at": checkout.first_sent_at,
        "reference": checkout.reference,
        "url": checkout.url,
        "payment": checkout.payment,
        "refund": checkout.refund,
        "reason": None if why is None else json.dumps(why, ensure_ascii=False, sort_keys=True),
        "closed_at": checkout.closed_at,
        "set_aside": checkout.set_aside,
    }


def _checkout(row: RowMapping) -> Checkout:
    return Checkout(
        customer=row["customer_id"],
        id=row["id"],
        biller=row["biller"],
        **_quote_of(json.loads(row["quote"])),
        provider=row["provider"],
        account=ProviderAccount(row["account"], row["live"]),
        payer=row["payer"],
        amount=Money(row["amount"], currency(row["currency"])),
        key=row["key"],
        idempotency_key=row["idempotency_key"],
        request=row["request"],
        success_url=row["success_url"],
        cancel_url=row["cancel_url"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        state=cast("CheckoutState", row["state"]),
        attempts=row["attempts"],
        leased_until=row["leased_until"],
        next_at=row["next_at"],
        first_sent_at=row["first_sent_at"],
        reference=row["reference"],
        url=row["url"],
        closing=row["closing"],
        payment=row["payment"],
        refund=row["refund"],
        reason=None if row["reason"] is None else FrozenDict(json.loads(row["reason"])),
        closed_at=row["closed_at"],
        set_aside=row["set_aside"],
    )
