"""Giving back by hand: credit notes for an issued invoice, and refunds of what was paid.

A credit note lowers what is due first; the rest is to the customer's credit, or is paid out.  Of
no line more is ever given back than it asked for, whoever gave the rest: credit notes by hand, or
the rest of a fee that a change or a cancellation gave back by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.credit_note import SERIES, Share, Words, issue_note
from tallystick.app.creditable import asked_for, creditable, gave_back, left_of_lines, taxes_given
from tallystick.app.dunning import settle
from tallystick.app.invoice import (
    Way,
    get_document,
    hold_document,
    known_payment,
    post,
    record_payment,
)
from tallystick.core.given import paid_amount_at
from tallystick.core.money import Money
from tallystick.core.property import shown
from tallystick.core.settlement import noted, refunded
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import Conflict
from tallystick.storage import balances, intents, invoice_settlement, invoices, series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["Asked", "credit_invoice", "creditable", "line_amounts", "refund_invoice"]

_LONGEST_WORDS: Final = 1_000
_MOST_LINES: Final = 10_000
_ISSUED: Final = frozenset({"open", "paid", "uncollectible"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a credit note is asked for: of which lines how much, or an amount, or all that is left.

    `lines` are what `line_amounts` gave.
    """

    lines: tuple[tuple[Any, Any], ...] | None = None
    amount: object = None
    reason: object = None
    key: str | None = None


# --- a credit note --------------------------------------------------------------------------------


def credit_invoice(
    unit: Unit, at: Instant, named: object, asked: Asked, way: Way | None = None
) -> Document:
    """Write a credit note for an issued invoice, and give it.

    It lowers what is due first.  The rest goes to the customer's balance; where a `way` is given,
    what of it was paid is paid out by that way.  A repeat with the same key gives the first note.

    Raises NotFound; InvalidInput, CurrencyMismatch; Conflict where less can be given back.
    """
    held, chain = _hold(unit, named)
    known = _known(unit, held, asked)
    if known is not None:
        return known
    shares = _shares(unit, held, asked)
    note = issue_note(unit, at, held, _words(unit, held, asked), shares, chain)
    rest = _settle(unit, at, held, note)
    if way is not None:
        most = min(rest, held.paid - held.refunded)
        if most > 0:
            _pay_out(unit, at, held, Money(most, note.currency), way)
    return get_document(unit, note.id)


def refund_invoice(  # noqa: PLR0917 - what it is made of
    unit: Unit, at: Instant, named: object, amount: object, way: Way, reason: object = None
) -> Document:
    """Pay back what was paid for an invoice, never more; give the invoice.

    What credit notes did not give back yet gets one.  A repeat with the same key pays nothing more.

    Raises NotFound; InvalidInput, CurrencyMismatch; Conflict where less was paid, something is due
    still (a credit note lowers that first), or the customer's balance was used meanwhile.
    """
    held, chain = _hold(unit, named)
    if known_payment(unit, held, "refund", amount, way.key) is not None:
        return held
    invoice = held.invoice
    asked = paid_amount_at(amount, "amount", invoice.currency)
    most = Money(held.paid - held.refunded, invoice.currency)
    if asked > most:
        raise Conflict(
            f"{asked} is more than the {most} that were paid on {_name(held)} and not refunded",
            left=most.minor,
        )
    to_credit = held.noted - held.credited - held.refunded
    missing = asked.minor - max(0, to_credit)
    if missing > 0:
        if held.left:
            left = Money(held.left, invoice.currency)
            raise Conflict(
                f"{left} of {_name(held)} are due still, and a credit note lowers that first:"
                " write one",
                left=left.minor,
            )
        note = Asked(amount=Money(missing, invoice.currency), reason=reason)
        shares = _shares(unit, held, note)
        _settle(unit, at, held, issue_note(unit, at, held, _words(unit, held, note), shares, chain))
    _pay_out(unit, at, held, asked, way)
    return get_document(unit, invoice.id)


def _hold(unit: Unit, named: object) -> tuple[Document, tuple[int, str]]:
    """Lock what the billing run locks, in its order: the numbers, the balance, the document."""
    found = get_document(unit, named).invoice
    chain = series.hold_series(unit, [SERIES])[SERIES]
    balances.hold(unit, [(found.customer, found.currency.code)])
    held = hold_document(unit, found.id)
    if held.invoice.kind != "invoice" or held.status not in _ISSUED:
        what = "a credit note" if held.invoice.kind == "credit_note" else held.status
        raise Conflict(f"the document {_name(held)} is {what}: nothing can be given back of it")
    return held, chain


def _known(unit: Unit, held: Document, asked: Asked) -> Document | None:
    if asked.key is None:
        return None
    cause = _cause(unit, held, asked)
    before = invoices.invoice_by_cause(unit, held.invoice.customer, cause)
    if before is None:
        return None
    if before.invoice.lines[0].evidence.get("asked") != _digest(held, asked):
        raise Conflict(
            f"the idempotency key {asked.key!r} was used for another credit note",
            invoice=before.invoice.id,
        )
    return before


def _cause(unit: Unit, held: Document, asked: Asked) -> str:
    invoice = held.invoice
    if asked.key is not None:
        return f"credit/{invoice.id}/key/{id_at(asked.key, 'idempotency_key')}"
    number = 1
    while invoices.invoice_by_cause(unit, invoice.customer, f"credit/{invoice.id}/{number}"):
        number += 1
    return f"credit/{invoice.id}/{number}"


def _digest(held: Document, asked: Asked) -> str:
    """Hash what was asked, as far as it decides what the note says."""
    lines = None if asked.lines is None else sorted(_wanted(held, asked.lines).items())
    amount = asked.amount
    if amount is not None:
        amount = paid_amount_at(amount, "amount", held.invoice.currency).minor
    said = repr((lines, amount, _reason(asked)))
    return hashlib.sha256(said.encode()).hexdigest()


def _words(unit: Unit, held: Document, asked: Asked) -> Words:
    return Words(
        cause=_cause(unit, held, asked), reason=_reason(asked), digest=_digest(held, asked)
    )


def _reason(asked: Asked) -> str | None:
    return None if asked.reason is None else text_at(asked.reason, "reason", _LONGEST_WORDS)


# --- how much of which line -----------------------------------------------------------------------


def line_amounts(given: object) -> tuple[tuple[Any, Any], ...]:
    """Read which lines are asked for: (position, amount) pairs, or a mapping of them.

    Raises InvalidInput.
    """
    if isinstance(given, Mapping):
        given = given.items()
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise refused_at("lines", f"is a list of (position, amount), not {shown(given)}")
    found: list[tuple[Any, Any]] = []
    for pair in given:
        path = f"lines[{len(found)}]"
        if len(found) >= _MOST_LINES:
            raise refused_at("lines", f"has more than {_MOST_LINES:,} entries")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise refused_at(path, f"is a (position, amount), not {shown(pair)}")
        found.append((pair[0], pair[1]))
    if not found:
        raise refused_at("lines", "names no line")
    return tuple(found)


def _wanted(held: Document, pairs: Iterable[tuple[Any, Any]]) -> dict[int, int]:
    """Give what is asked of lines: minor units by place."""
    wanted: dict[int, int] = {}
    count = len(held.invoice.lines)
    for entry, (position, amount) in enumerate(pairs):
        path = f"lines[{entry}]"
        if type(position) is not int or not 1 <= position <= count:
            raise refused_at(path, f"has no position from 1 to {count}: {shown(position)}")
        if position - 1 in wanted:
            raise refused_at(path, f"names line {position} a second time")
        wanted[position - 1] = paid_amount_at(amount, path, held.invoice.currency).minor
    return wanted


def _shares(unit: Unit, held: Document, asked: Asked) -> dict[int, Share]:
    """Give what is given back of each line, and what had been before, by place."""
    if asked.lines is not None and asked.amount is not None:
        raise refused_at("amount", "and lines exclude each other")
    invoice = held.invoice
    back = gave_back(unit, held)
    left = left_of_lines(held, back)
    most = min(sum(left), invoice.total.minor - held.noted)
    wanted = _spread(held, asked, left, most)
    for place, minor in wanted.items():
        if minor > left[place]:
            wish, rest = (Money(each, invoice.currency) for each in (minor, left[place]))
            raise Conflict(
                f"{wish} is more than the {rest} of line {place + 1} of {_name(held)} that"
                " were invoiced and not given back yet",
                position=place + 1,
                left=left[place],
            )
    if sum(wanted.values()) > most:
        rest = Money(most, invoice.currency)
        raise Conflict(
            f"of {_name(held)} only {rest} were asked for and not given back yet", left=most
        )
    return {
        place: Share(
            minor=minor,
            before=asked_for(invoice.lines[place]) - left[place],
            taxes_before=taxes_given(invoice.lines[place], back[place]),
        )
        for place, minor in wanted.items()
    }


def _spread(held: Document, asked: Asked, left: Sequence[int], most: int) -> Mapping[int, int]:
    """Give what is wanted of each line; an amount is shared out by what is left of them."""
    unit = held.invoice.currency
    if asked.lines is not None:
        return _wanted(held, asked.lines)
    whole = Money(most, unit)
    amount = whole if asked.amount is None else paid_amount_at(asked.amount, "amount", unit)
    if amount > whole or not whole.minor:
        raise Conflict(
            f"of {_name(held)} {whole} can be given back"
            if whole.minor
            else f"of {_name(held)} nothing is left to give back",
            left=most,
        )
    parts = amount.split(left)
    return {place: part.minor for place, part in enumerate(parts) if part.minor}


# --- what it does ---------------------------------------------------------------------------------


def _settle(unit: Unit, at: Instant, held: Document, note: Invoice) -> int:
    """Lower what is due, put the rest to the customer's credit; give that rest."""
    given = -note.total.minor
    lowered = min(given, held.left)
    done = invoice_settlement.add_credited(
        unit, note.customer, held.invoice.id, lowered=lowered, given=given
    )
    off = lowered if held.status == "uncollectible" else 0
    transfers = noted(note, lowered, written_off=off)
    post(unit, at, note, f"credit_note/{note.id}", transfers)
    rest = given - lowered
    if rest:
        balances.add(unit, [(note.customer, Money(rest, note.currency))])
    if done.status == "paid":
        settle(unit, at, done)
    return rest


def _pay_out(unit: Unit, at: Instant, held: Document, amount: Money, way: Way) -> None:
    """Pay out what is to the customer's credit."""
    invoice = held.invoice
    live = intents.live_intent(unit, invoice.customer, invoice.id, "refund")
    if live is not None:
        raise Conflict(
            f"a refund of {_name(held)} is being asked of {live.provider!r} ({live.id!r}): wait for"
            " the answer",
            intent=live.id,
        )
    try:
        balances.take(unit, [(invoice.customer, amount)])
    except Conflict:
        raise Conflict(
            f"what credit notes gave back of {_name(held)} was used for other documents since:"
            f" the balance has less than {amount}"
        ) from None
    invoice_settlement.add_refunded(unit, invoice.customer, invoice.id, amount.minor)
    record_payment(unit, at, held, "refund", amount, way)
    post(unit, at, invoice, f"refund/{way.id}", refunded(amount))


def _name(document: Document) -> str:
    return repr(document.invoice.number or document.invoice.id)
