"""Intents: what is to be asked of a provider, stored first; and what a person does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from tallystick.app.customer import get_customer
from tallystick.app.intent_book import book, hold, owes, way_of
from tallystick.app.invoice import get_document, hold_document
from tallystick.app.invoice_credit import refund_invoice
from tallystick.core.given import paid_amount_at
from tallystick.core.intent import (
    LIVE,
    Canceled,
    Intent,
    IntentState,
    Succeeded,
    key_of,
)
from tallystick.core.money import Money
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import intents

if TYPE_CHECKING:
    from tallystick.core.period import Instant
    from tallystick.ports import Provider
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = [
    "begin_collect",
    "begin_refund",
    "cancel_intent",
    "confirm_intent",
    "get_intent",
    "list_intents",
]

_LONGEST_WORDS: Final = 1_000
_MATCH: Final = "MISMATCH"


# --- finding --------------------------------------------------------------------------------------


def get_intent(unit: Unit, named: object) -> Intent:
    """Give an intent by its id.  Raises NotFound."""
    found = intents.intent_by_id(unit, named[:200]) if isinstance(named, str) else None
    if found is None:
        raise NotFound("payment intent", named[:200] if isinstance(named, str) else shown(named))
    return found


def list_intents(
    unit: Unit,
    *,
    customer: str | None = None,
    invoice: str | None = None,
    state: object = None,
    set_aside: bool = False,
    limit: int = 20,
    starting_after: str | None = None,
) -> Page[Intent]:
    """Give intents in the order of their ids.  Raises InvalidInput, NotFound."""
    size = page_size(limit)
    known = get_args(IntentState)
    if state is not None and state not in known:
        raise refused_at("state", f"is one of {', '.join(known)}, not {shown(state)}")
    found = intents.list_intents(
        unit,
        size + 1,
        None if starting_after is None else id_at(starting_after, "starting_after"),
        customer=None if customer is None else get_customer(unit, customer).id,
        invoice=None if invoice is None else get_document(unit, invoice).invoice.id,
        states=None if state is None else {state},  # type: ignore[arg-type]  # looked at above
        aside=set_aside,
    )
    return Page(found[:size], found[size - 1].id if len(found) > size else None)


# --- beginning ------------------------------------------------------------------------------------


def begin_collect(  # noqa: PLR0917 - what it is made of
    unit: Unit,
    at: Instant,
    provider: Provider,
    named: object,
    amount: object,
    id_: str,
    key: str | None = None,
) -> Intent:
    """Store that a provider is to collect an invoice: all that is left where `amount` is None.

    Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less is left to be paid, another
    collection of it is under way, or the key began something else.
    """
    held = hold_document(unit, named)
    invoice = held.invoice
    given = None if amount is None else paid_amount_at(amount, "amount", invoice.currency)
    known = _known(unit, held, "collect", given, provider, key)
    if known is not None:
        return known
    if not owes(held):
        raise Conflict(f"{_name(held)} is {_state(held)}: there is nothing to collect of it")
    left = Money(held.left, invoice.currency)
    asked = left if given is None else given
    if asked > left:
        raise Conflict(f"{asked} is more than the {left} that are left to be paid", left=left.minor)
    _none_live(unit, held, "collect")
    intent = Intent(
        customer=invoice.customer,
        id=id_,
        kind="collect",
        invoice=invoice.id,
        provider=provider.abilities.name,
        account=provider.account,
        payer=get_customer(unit, invoice.customer).provider_id,
        amount=asked,
        key=key_of(id_),
        label=invoice.number or invoice.id,
        idempotency_key=key,
        created_at=to_the_second(at),
        next_at=to_the_second(at),
    )
    intents.add_intent(unit, intent)
    return intent


def begin_refund(  # noqa: PLR0917 - what it is made of
    unit: Unit,
    at: Instant,
    provider: Provider,
    of: Intent,
    amount: object,
    id_: str,
    key: str | None = None,
    reason: object = None,
) -> Intent:
    """Store that a provider is to give back of what it collected: all of it where None.

    What the books will say then is tried now, so that they do not refuse what was paid out.

    Raises NotFound; CurrencyMismatch, InvalidInput; Conflict where less of it is left, another
    refund of the invoice is under way, or the provider declares no refunds.
    """
    held = hold(unit, of, refund=True)
    given = None if amount is None else paid_amount_at(amount, "amount", of.amount.currency)
    known = _known(unit, held, "refund", given, provider, key, of.id)
    if known is not None:
        return known
    _none_live(unit, held, "refund")
    left = _left_of(unit, of, provider)
    asked = left if given is None else given
    if asked > left or not left.minor:
        raise Conflict(f"{asked} is more than the {left} that are left of {of.id!r}")
    words = None if reason is None else text_at(reason, "reason", _LONGEST_WORDS)
    intent = Intent(
        customer=of.customer,
        id=id_,
        kind="refund",
        invoice=of.invoice,
        of=of.id,
        of_reference=of.reference,
        provider=of.provider,
        account=of.account,
        payer=of.payer,
        amount=asked,
        key=key_of(id_),
        label=of.label,
        reason=words,
        idempotency_key=key,
        created_at=to_the_second(at),
        next_at=to_the_second(at),
    )
    with unit.undone():
        refund_invoice(unit, at, of.invoice, asked, way_of(intent), words)
    intents.add_intent(unit, intent)
    return intent


def _known(  # noqa: PLR0917 - what makes two wishes the same
    unit: Unit,
    held: Document,
    kind: Literal["collect", "refund"],
    amount: Money | None,
    provider: Provider,
    key: str | None,
    of: str | None = None,
) -> Intent | None:
    """Give what the key began already.  Raises Conflict where that was something else."""
    if key is None:
        return None
    customer = held.invoice.customer
    before = intents.intent_by_key(unit, customer, id_at(key, "idempotency_key"))
    if before is None:
        return None
    wanted = before.amount if amount is None else amount
    asked = (kind, held.invoice.id, of, provider.abilities.name, wanted)
    if asked != (before.kind, before.invoice, before.of, before.provider, before.amount):
        raise Conflict(f"the idempotency key {key!r} was used for another {before.kind}")
    return before


def _none_live(unit: Unit, held: Document, kind: Literal["collect", "refund"]) -> None:
    live = intents.live_intent(unit, held.invoice.customer, held.invoice.id, kind)
    if live is not None:
        raise Conflict(
            f"{_name(held)} is being asked of {live.provider!r} already ({live.id!r}): wait for"
            " the answer, or cancel it",
            intent=live.id,
        )


def _left_of(unit: Unit, of: Intent, provider: Provider) -> Money:
    if of.kind != "collect" or of.state != "succeeded" or of.reference is None:
        raise Conflict(f"{of.id!r} is {of.kind} {of.state}: only what was collected is given back")
    if not provider.abilities.refunds:
        raise Conflict(
            f"the provider {of.provider!r} declares no refunds: give it back there, and record it"
            " with invoices.refund"
        )
    _same_account(of, provider)
    return Money(of.amount.minor - of.surplus - intents.given_back(unit, of), of.amount.currency)


def _same_account(intent: Intent, provider: Provider) -> None:
    if (intent.provider, intent.account) != (provider.abilities.name, provider.account):
        raise Conflict(
            f"{intent.id!r} is of {intent.provider!r}, account {intent.account.id!r}"
            f" ({_mode(intent.account.live)}): this is {provider.abilities.name!r},"
            f" {provider.account.id!r} ({_mode(provider.account.live)})"
        )


def _mode(live: bool) -> str:  # noqa: FBT001 - of an account
    return "live" if live else "test"


# --- by hand --------------------------------------------------------------------------------------


def confirm_intent(
    unit: Unit, at: Instant, provider: Provider, intent: Intent, method: str = "bank"
) -> Intent:
    """Record that a person saw the money of an intent; a repeat changes nothing.

    Raises Conflict where the provider is asked itself whether it was paid, or it is over otherwise.
    """
    _same_account(intent, provider)
    if not provider.abilities.by_hand:
        raise Conflict(
            f"{intent.provider!r} says itself what was paid: nobody confirms {intent.id!r} by hand"
        )
    if intent.state == "succeeded":
        return intent
    if intent.state not in LIVE:
        raise Conflict(f"{intent.id!r} is {intent.state}: it cannot be confirmed any more")
    outcome = Succeeded(
        reference=intent.reference or intent.key,
        amount=intent.amount,
        account=provider.account,
        payer=intent.payer,
    )
    done = book(unit, at, intent, outcome, method=text_at(method, "method"))
    if done.state != "succeeded":
        raise Conflict(f"{intent.id!r} was asked again meanwhile: confirm it once more")
    return done


def cancel_intent(unit: Unit, at: Instant, intent: Intent) -> Intent:
    """Give up an intent that was never sent; a repeat changes nothing.

    Raises Conflict where it was sent: then the provider is to be asked.
    """
    if intent.state == "canceled":
        return intent
    if intent.state != "open" or intent.attempts:
        raise Conflict(f"{intent.id!r} is {intent.state} and was sent: it cannot be canceled here")
    done = book(unit, at, intent, Canceled())
    if done.state != "canceled":
        raise Conflict(f"{intent.id!r} was sent meanwhile: wait for the answer")
    return done


def _name(document: Document) -> str:
    return repr(document.invoice.number or document.invoice.id)


def _state(document: Document) -> str:
    return "a credit note" if document.invoice.kind == "credit_note" else document.status
