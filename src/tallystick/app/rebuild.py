"""Everything that is derived made again from the truth: the same rows, but for sequence numbers.

Truth are catalogues, customers, usage events, moves, one-off items, payments and issued documents,
and in the journal that something happened and when.  How far time has passed for a subscription,
and what a person wrote on a draft, are facts too, and stay.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.meters import meter_states
from tallystick.app.meters import rebuild as rebuild_meter
from tallystick.app.offers import Offers
from tallystick.app.rebooking import Books, Stand
from tallystick.app.refold import made_by_moves, refolded
from tallystick.core.money import Money
from tallystick.core.subscription import Terms
from tallystick.core.subscription_moves import next_at
from tallystick.errors import Conflict
from tallystick.storage import (
    intents,
    invoice_lines,
    invoices,
    journal,
    payments,
    subscriptions,
)
from tallystick.storage.derived import (
    forget,
    happenings,
    put_balance,
    put_stand,
    reset_since,
    unguarded,
    waiting_drafts,
)
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.stored_documents import issued_of
from tallystick.storage.stored_subscriptions import moves_of_several, subscription_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.charge import Due
    from tallystick.core.currency import Currency
    from tallystick.core.subscription import Subscription
    from tallystick.storage.derived import Happening
    from tallystick.storage.unit import Storage, Unit

__all__ = ["rebuild"]

_BATCH: Final = 500


def rebuild(storage: Storage) -> None:
    """Take everything derived away and make it again, in one transaction, as the tables' owner.

    Nobody bills or records meanwhile.  Raises Conflict, and nothing is changed, where the truth
    does not hold together; StorageUnavailable where the role may not do it.
    """

    def work(unit: Unit) -> None:
        unit.as_all()
        for kept in meter_states(unit):
            rebuild_meter(unit, kept.meter)
        with unguarded(unit):
            _again(unit)

    storage.attempt(work)


def _again(unit: Unit) -> None:
    drafts = [key for key in waiting_drafts(unit) if made_by_moves(key[2])]
    happened = happenings(unit)
    waiting = forget(unit, [(customer, id_) for customer, id_, _ in drafts])
    _subscriptions(unit, waiting)
    reset_since(unit)
    for customer, causes in happened.items():
        _books(unit, customer, causes)


# --- subscriptions and drafts ---------------------------------------------------------------------


def _subscriptions(unit: Unit, waiting: list[dict[str, Any]]) -> None:
    """Fold every subscription again, and make the drafts that wait for it."""
    offers = Offers(unit)
    by_owner: dict[tuple[str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in waiting:
        by_owner[row["customer_id"], row["subscription_id"]][row["cause"]] = row
    for rows in subscription_rows(unit, _BATCH):
        moves = moves_of_several(unit, [(row["customer_id"], row["id"]) for row in rows])
        kept, drafts = [], []
        for now in rows:
            key = (now["customer_id"], now["id"])
            outcome = refolded(moves.get(key, []), now["clock"], offers)
            kept.append((outcome.subscription, next_at(outcome.subscription)))
            dues = {due.cause: due for due in outcome.dues}
            for cause, draft in by_owner.get(key, {}).items():
                if cause not in dues:
                    raise Conflict(f"nothing makes {cause!r} due, which has a draft")
                drafts.append(_draft(draft, dues[cause], outcome.subscription))
        subscriptions.save_subscriptions(unit, kept)
        invoices.insert_drafts(unit, drafts)
    for row in waiting:
        if row["set_aside"] is not None:
            invoices.set_aside(unit, row["customer_id"], row["id"], row["set_aside"])


def _draft(row: Mapping[str, Any], due: Due, subscription: Subscription) -> Draft:
    """Make a draft again; when it may be issued and what is written on it are facts."""
    words = {name: row[name] for name in ("net_days", "memo", "po_number") if row[name] is not None}
    return Draft(
        customer=subscription.customer,
        id=str(row["id"]),
        subscription_id=subscription.id,
        due=due,
        currency=subscription.currency,
        finalize_at=row["finalize_at"],
        terms=Terms(**words),
    )


# --- the books ------------------------------------------------------------------------------------


def _books(unit: Unit, customer: str, causes: list[Happening]) -> None:
    """Write the books of a customer again, in the order in which things happened."""
    documents = {each.id: each for each in issued_of(unit, customer)}
    owners = {(customer, each.subscription or "") for each in documents.values()}
    books = Books(
        customer,
        documents,
        invoice_lines.billed_lines(unit, owners),
        {each.id: each for each in payments.payments_of(unit, customer)},
        intents.surpluses_of(unit, customer),
    )
    for cause, at in causes:
        books.take(cause, at)
    journal.post(unit, books.entries)
    currencies: dict[str, Currency] = {}
    for stand in books.stands.values():
        put_stand(unit, customer, stand.invoice.id, _figures(stand))
        currencies[stand.invoice.currency.code] = stand.invoice.currency
    touched = {entry.amount.currency.code for entry in books.entries if _moves_balance(entry)}
    for code in sorted(touched):
        put_balance(unit, customer, Money(books.balances[code], currencies[code]))


def _figures(stand: Stand) -> dict[str, Any]:
    names = ("status", "paid", "credited", "noted", "refunded")
    return {name: getattr(stand, name) for name in names}


def _moves_balance(entry: journal.Entry) -> bool:
    return "balance" in {entry.debit, entry.credit}
