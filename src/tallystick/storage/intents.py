"""Intents as rows: stored before a provider is asked, leased while it is, closed by its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tallystick.core.currency import currency
from tallystick.core.intent import LIVE, Intent, ProviderAccount
from tallystick.core.money import Money
from tallystick.errors import Conflict
from tallystick.storage.asked_rows import due_row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, RowMapping

    from tallystick.core.intent import IntentKind, IntentState
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "add_intent",
    "add_intents",
    "clear_aside",
    "due_intent",
    "fail_refund",
    "given_back",
    "intent_by_id",
    "intent_by_key",
    "intent_by_reference",
    "list_intents",
    "live_intent",
    "put_intent",
    "surpluses_of",
]


def add_intent(unit: Unit, intent: Intent) -> None:
    """Store an intent.  Raises Conflict where one of its kind is live for the invoice already."""
    try:
        with unit.savepoint():
            unit.connection.execute(insert(unit.tables.intents).values(_row(intent)))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict(
            f"another {intent.kind} of {intent.label} began meanwhile, or its key was used"
        ) from None


def add_intents(unit: Unit, intents: Sequence[Intent]) -> None:
    """Store several intents, for which nothing is live and whose keys are new: one statement."""
    if intents:
        unit.connection.execute(insert(unit.tables.intents), [_row(each) for each in intents])


def _row(intent: Intent) -> dict[str, Any]:
    return {
        "customer_id": intent.customer,
        "id": intent.id,
        "kind": intent.kind,
        "invoice_id": intent.invoice,
        "of_id": intent.of,
        "of_reference": intent.of_reference,
        "provider": intent.provider,
        "account": intent.account.id,
        "live": intent.account.live,
        "payer": intent.payer,
        "label": intent.label,
        "reason": intent.reason,
        "amount": intent.amount.minor,
        "currency": intent.amount.currency.code,
        "key": intent.key,
        "idempotency_key": intent.idempotency_key,
        "created_at": intent.created_at,
        **_changing(intent),
    }


def put_intent(unit: Unit, intent: Intent, tries: int) -> bool:
    """Keep how an intent stands, unless it was asked or closed by another since so many `tries`.

    False where it was, and then nothing is changed.
    """
    table = unit.tables.intents
    mine = (table.c.customer_id == intent.customer, table.c.id == intent.id)
    asked = update(table).where(*mine, table.c.attempts == tries, _live(unit))
    try:
        with unit.savepoint():
            done = unit.connection.execute(asked.values(_changing(intent)))
    except IntegrityError as refused:
        if "UNIQUE" not in str(refused.orig).upper():
            raise
        raise Conflict(
            f"{intent.reference!r} of {intent.provider} is the object of another intent"
        ) from None
    return done.rowcount == 1


def clear_aside(unit: Unit, intent: Intent) -> bool:
    """Take up an intent that was set aside, as it stands in `intent`; False where it was not."""
    table = unit.tables.intents
    mine = (table.c.customer_id == intent.customer, table.c.id == intent.id)
    asked = update(table).where(*mine, table.c.set_aside.is_not(None))
    values = {
        "set_aside": None,
        "surplus": intent.surplus,
        "first_sent_at": intent.first_sent_at,
        "next_at": intent.next_at,
    }
    return unit.connection.execute(asked.values(values)).rowcount == 1


def fail_refund(unit: Unit, intent: Intent) -> bool:
    """Keep that a refund which had succeeded did not arrive, as `intent` says; False for others."""
    c = unit.tables.intents.c
    mine = (c.customer_id == intent.customer, c.id == intent.id, c.kind == "refund")
    asked = update(unit.tables.intents).where(*mine, c.state == "succeeded")
    return unit.connection.execute(asked.values(_changing(intent))).rowcount == 1


def due_intent(
    unit: Unit, provider: str, account: ProviderAccount, at: Instant, only: str | None = None
) -> Intent | None:
    """Give the first live intent that is to be asked by then, held until the transaction ends.

    One that another worker holds or leases is passed over.  With `only` it is that one, due or not.
    """
    table = unit.tables.intents
    row = due_row(unit, table, _live(unit), provider, account, at, only)
    return None if row is None else _intent(row)


def intent_by_id(unit: Unit, id_: str) -> Intent | None:
    """Give an intent, or None."""
    return _first(unit, unit.tables.intents.c.id == id_)


def intent_by_key(unit: Unit, customer: str, idempotency_key: str) -> Intent | None:
    """Give what a customer's key began, or None."""
    c = unit.tables.intents.c
    return _first(unit, c.customer_id == customer, c.idempotency_key == idempotency_key)


def intent_by_reference(
    unit: Unit, provider: str, account: ProviderAccount, reference: str
) -> Intent | None:
    """Give the intent that an object of a provider belongs to, or None."""
    c = unit.tables.intents.c
    mine = (c.provider == provider, c.account == account.id, c.reference == reference)
    return _first(unit, *mine)


def live_intent(unit: Unit, customer: str, invoice: str, kind: IntentKind) -> Intent | None:
    """Give the intent by which money may be moving for an invoice, or None."""
    c = unit.tables.intents.c
    mine = (c.customer_id == customer, c.invoice_id == invoice, c.kind == kind)
    return _first(unit, *mine, _live(unit))


def given_back(unit: Unit, intent: Intent) -> int:
    """Add up what of a collected intent was given back, or may be at this moment: minor units."""
    c = unit.tables.intents.c
    counts = c.state.in_(["open", "waiting", "succeeded"])
    query = select(func.coalesce(func.sum(c.amount), 0)).where(
        c.customer_id == intent.customer, c.of_id == intent.id, counts
    )
    return int(unit.connection.execute(query).scalar_one())


def surpluses_of(unit: Unit, customer: str) -> dict[str, Money]:
    """Give what came of a customer beyond what was owed, by the intent that collected it."""
    c = unit.tables.intents.c
    query = select(c.id, c.surplus, c.currency).where(c.customer_id == customer, c.surplus > 0)
    rows = unit.connection.execute(query)
    return {id_: Money(minor, currency(code)) for id_, minor, code in rows}


def list_intents(
    unit: Unit,
    limit: int,
    after: str | None = None,
    *,
    customer: str | None = None,
    invoice: str | None = None,
    states: Collection[IntentState] | None = None,
    aside: bool = False,
) -> tuple[Intent, ...]:
    """Give intents in the order of their ids, those after one of them."""
    table = unit.tables.intents
    query = select(table).where(table.c.id > ("" if after is None else after))
    if customer is not None:
        query = query.where(table.c.customer_id == customer)
    if invoice is not None:
        query = query.where(table.c.invoice_id == invoice)
    if states is not None:
        query = query.where(table.c.state.in_(sorted(states)))
    if aside:
        query = query.where(table.c.set_aside.is_not(None))
    rows = unit.connection.execute(query.order_by(table.c.id).limit(limit)).mappings()
    return tuple(map(_intent, rows))


def _live(unit: Unit) -> ColumnElement[bool]:
    return unit.tables.intents.c.state.in_(sorted(LIVE))


def _first(unit: Unit, *where: ColumnElement[bool]) -> Intent | None:
    query = select(unit.tables.intents).where(*where)
    return next(map(_intent, unit.connection.execute(query).mappings()), None)


def _changing(intent: Intent) -> dict[str, Any]:
    told = intent.answer
    return {
        "state": intent.state,
        "attempts": intent.attempts,
        "leased_until": intent.leased_until,
        "next_at": intent.next_at,
        "first_sent_at": intent.first_sent_at,
        "reference": intent.reference,
        "answer": None if told is None else json.dumps(told, ensure_ascii=False, sort_keys=True),
        "surplus": intent.surplus,
        "closed_at": intent.closed_at,
        "set_aside": intent.set_aside,
    }


def _intent(row: RowMapping) -> Intent:
    return Intent(
        customer=row["customer_id"],
        id=row["id"],
        kind=cast("IntentKind", row["kind"]),
        invoice=row["invoice_id"],
        of=row["of_id"],
        of_reference=row["of_reference"],
        provider=row["provider"],
        account=ProviderAccount(row["account"], row["live"]),
        payer=row["payer"],
        label=row["label"],
        reason=row["reason"],
        amount=Money(row["amount"], currency(row["currency"])),
        key=row["key"],
        idempotency_key=row["idempotency_key"],
        created_at=row["created_at"],
        state=cast("IntentState", row["state"]),
        attempts=row["attempts"],
        leased_until=row["leased_until"],
        next_at=row["next_at"],
        first_sent_at=row["first_sent_at"],
        reference=row["reference"],
        answer=None if row["answer"] is None else json.loads(row["answer"]),
        surplus=row["surplus"],
        closed_at=row["closed_at"],
        set_aside=row["set_aside"],
    )
