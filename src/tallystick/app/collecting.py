"""Collecting by itself: an intent for each invoice that is due, once for each step of its ladder.

Who is declined is asked again when the next step of the ladder was done, by an intent of its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from tallystick.core.intent import Intent, key_of
from tallystick.core.money import Money
from tallystick.core.period import to_the_second
from tallystick.errors import RuleError, StorageUnavailable
from tallystick.ports import NamesPayers
from tallystick.storage import customers
from tallystick.storage.collecting import due_invoices, key_of_try, unnamed_payers
from tallystick.storage.intents import add_intents
from tallystick.storage.invoices import hold_invoices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.core.customer import Customer
    from tallystick.core.period import Instant
    from tallystick.ports import Ids, Provider
    from tallystick.storage.unit import Storage, Unit

__all__ = ["begin_collections", "collect_batch", "name_payer"]

_log: Final = logging.getLogger("tallystick.payments")

_AT_ONCE: Final = 500
_PATIENCE: Final = 3  # silences in a row, after which a provider is left in peace for this run


def begin_collections(  # noqa: PLR0917 - what a run is made of
    storage: Storage,
    providers: Iterable[Provider],
    ids: Ids,
    now: Callable[[], Instant],
    limit: int | None = None,
    stop: Callable[[], bool] = bool,
) -> int:
    """Store an intent for each invoice that these providers are to collect now; count them.

    They are asked later, by `finish_intents`.  A second run begins nothing more.  Any number of
    workers may do so at once.  Raises StorageUnavailable.
    """
    begun = 0
    for provider in providers:
        if isinstance(provider, NamesPayers):
            _name_payers(storage, provider, provider.abilities.name, now, stop)
        while not stop() and (limit is None or begun < limit):
            most = _AT_ONCE if limit is None else min(_AT_ONCE, limit - begun)
            done = _one_batch(storage, provider, ids, now(), most)
            begun += done
            if done < most:
                break
    return begun


def _one_batch(storage: Storage, provider: Provider, ids: Ids, at: Instant, most: int) -> int:
    return storage.attempt(
        lambda unit: collect_batch(unit, at, provider, ids, most), repeatable=True
    )


def collect_batch(unit: Unit, at: Instant, provider: Provider, ids: Ids, limit: int) -> int:
    """Store intents for invoices that are to be collected now, as many as `limit`; count them.

    Who else is at the same invoices waits, and then finds them begun.
    """
    unit.as_all()
    name, named = provider.abilities.name, isinstance(provider, NamesPayers)
    due = due_invoices(unit, name, to_the_second(at), limit, named=named)
    if not due:
        return 0
    held = hold_invoices(unit, [(customer, id_) for customer, id_, _ in due])
    among = [id_ for _, id_, _ in due]
    still = due_invoices(unit, name, to_the_second(at), limit, named=named, among=among)
    payers = customers.several(unit, sorted({customer for customer, _, _ in still}))
    intents = []
    for customer, id_, steps in still:
        document = held.get((customer, id_))
        if document is None or document.left <= 0:
            continue
        new = ids.new("int")
        invoice = document.invoice
        intents.append(
            Intent(
                customer=customer,
                id=new,
                kind="collect",
                invoice=id_,
                provider=name,
                account=provider.account,
                payer=payers[customer].provider_id,
                amount=Money(document.left, invoice.currency),
                key=key_of(new),
                label=invoice.number or id_,
                idempotency_key=key_of_try(id_, steps),
                created_at=to_the_second(at),
                next_at=to_the_second(at),
            )
        )
    add_intents(unit, intents)
    return len(intents)


# --- who pays -------------------------------------------------------------------------------------


def name_payer(storage: Storage, provider: NamesPayers, customer: Customer, at: Instant) -> str:
    """Give what a provider calls a customer; asked for outside of any transaction, then kept.

    Raises OutcomeUnknown, Conflict; StorageUnavailable.
    """
    if customer.provider_id is not None:
        return customer.provider_id
    named = provider.name_payer(customer)

    def keep(unit: Unit) -> str:
        unit.as_all()
        if customers.give_name(unit, customer.id, named, to_the_second(at)):
            return named
        found = customers.get(unit, customer.id)
        return named if found is None or found.provider_id is None else found.provider_id

    return storage.attempt(keep, repeatable=True)


def _name_payers(
    storage: Storage,
    provider: NamesPayers,
    name: str,
    now: Callable[[], Instant],
    stop: Callable[[], bool],
) -> None:
    """Give names to whose invoices are due; one that fails blocks no other."""
    after, silences = "", 0
    while not stop():
        some = _unnamed(storage, name, now(), after)
        for customer in some:
            after = customer.id
            try:
                name_payer(storage, provider, customer, now())
                silences = 0
            except StorageUnavailable:
                raise
            except Exception as fault:  # noqa: BLE001 - a third party's fault is silence too
                _log.warning("%s has no name for customer %r: %s", name, customer.id, fault)
                silences += not isinstance(fault, RuleError)
            if stop() or silences >= _PATIENCE:
                return
        if len(some) < _AT_ONCE:
            return


def _unnamed(storage: Storage, name: str, at: Instant, after: str) -> tuple[Customer, ...]:
    def ask(unit: Unit) -> tuple[Customer, ...]:
        unit.as_all()
        return unnamed_payers(unit, name, to_the_second(at), _AT_ONCE, after)

    return storage.attempt(ask)
