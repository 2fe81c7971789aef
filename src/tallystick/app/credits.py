"""Credits: granting, what is there, voiding, transferring, expiring, and what paid for what.

A grant may pay the documents whose instants lie in its time, those that the next run issues
included; one of units pays what is metered of its feature, before that is priced.  Money that was
paid for credits stands in the books under `credits` until it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, get_args

from tallystick.app.customer import get_customer
from tallystick.core.credit import (
    DEFAULT_PRIORITY,
    Category,
    CreditGrant,
    CreditScope,
    burn_order,
)
from tallystick.core.credit_moves import transfer as transferred
from tallystick.core.credit_moves import void as voided
from tallystick.core.frozen import FrozenDict
from tallystick.core.given import ids_at, instant_at, paid_amount_at
from tallystick.core.money import Money
from tallystick.core.number import ZERO, exact_sum, quantity_of
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.settlement import Transfer, credits_bought, credits_lost
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import credits as shelf
from tallystick.storage import journal
from tallystick.storage.credits import CreditMove, GrantRow
from tallystick.storage.sections import payers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.customer import Customer
    from tallystick.core.period import Instant
    from tallystick.storage.credits import MoveKind
    from tallystick.storage.unit import Unit

__all__ = [
    "AskedGrant",
    "CreditTrace",
    "available",
    "available_units",
    "expire_credits",
    "get_grant",
    "give_credits",
    "list_grants",
    "post_credits",
    "take_out",
    "trace_grant",
    "transfer_credits",
    "void_credits",
]

_MOST: Final = 1_000
_LONGEST_WORDS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedGrant:
    """A grant as it was asked for: of money (`amount`), or of `units` of a feature."""

    amount: object = None
    units: object = None
    feature: object = None
    category: object = "promotional"
    priority: object = DEFAULT_PRIORITY
    effective_at: object = None
    expires_at: object = None
    meters: object = ()
    prices: object = ()
    plans: object = ()
    reason: object = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CreditTrace:
    """A grant with what is left of it, and everything that happened to it, in order."""

    row: GrantRow
    moves: tuple[CreditMove, ...]


def give_credits(
    unit: Unit, at: Instant, customer_id: str, grant_id: str, asked: AskedGrant
) -> GrantRow:
    """Grant credits; those that were paid for are booked as money that came.

    A repeat with the same key gives the first grant.

    Raises NotFound; InvalidInput with the field that is wrong; CurrencyMismatch; Conflict where
    the customer was forgotten or the key was used for something else.
    """
    at = to_the_second(at)
    customer = get_customer(unit, customer_id)
    known = None
    if asked.key is not None:
        known = shelf.grant_by_key(unit, customer.id, id_at(asked.key, "idempotency_key"))
    place = shelf.last_place(unit, customer.id) + 1 if known is None else known.grant.created
    grant = _grant(customer, at if known is None else known.recorded_at, grant_id, asked, place)
    if known is not None:
        same = CreditGrant(**{**_fields(grant), "id": known.grant.id})
        if same != known.grant:
            raise Conflict(
                f"the idempotency key {asked.key!r} was used for another grant",
                grant=known.grant.id,
            )
        return known
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be granted to it")
    words = None if asked.reason is None else text_at(asked.reason, "reason", _LONGEST_WORDS)
    row = GrantRow(
        grant=grant,
        remaining=grant.size,
        recorded_at=at,
        reason=words,
        idempotency_key=asked.key,
    )
    shelf.add_grant(unit, row)
    if grant.category == "paid" and isinstance(grant.amount, Money):
        post_credits(unit, customer.id, at, f"grant/{grant.id}", credits_bought(grant.amount))
    return row


def _fields(grant: CreditGrant) -> dict[str, Any]:
    return {name: getattr(grant, name) for name in CreditGrant.__dataclass_fields__}


def _grant(
    customer: Customer, at: Instant, grant_id: str, asked: AskedGrant, place: int
) -> CreditGrant:
    if asked.category not in get_args(Category):
        raise refused_at("category", f"is promotional or paid, not {shown(asked.category)}")
    if type(asked.priority) is not int or not 0 <= asked.priority <= _MOST:
        raise refused_at("priority", f"is a whole number from 0 to {_MOST}")
    amount, feature = _amount(customer, asked)
    starts = at if asked.effective_at is None else instant_at(asked.effective_at, "effective_at")
    ends = None if asked.expires_at is None else instant_at(asked.expires_at, "expires_at")
    if ends is not None and ends <= starts:
        raise refused_at("expires_at", "is not after the grant takes effect")
    scope = {
        name: frozenset(ids_at(getattr(asked, name), name))
        for name in ("meters", "prices", "plans")
    }
    return CreditGrant(
        id=id_at(grant_id, "id"),
        customer=customer.id,
        amount=amount,
        effective_at=starts,
        expires_at=ends,
        feature=feature,
        category=asked.category,  # type: ignore[arg-type]  # it is one of the words
        priority=asked.priority,
        created=place,
        scope=CreditScope(**scope),
    )


def _amount(customer: Customer, asked: AskedGrant) -> tuple[Money | Decimal, str | None]:
    if (asked.amount is None) == (asked.units is None):
        raise InvalidInput("a grant is of an amount or of units", {"amount": ["or units"]})
    if asked.amount is not None:
        if asked.feature is not None:
            raise refused_at("feature", "is for units: an amount is of money")
        currency = customer.currency
        if currency is None and isinstance(asked.amount, Money):
            currency = asked.amount.currency
        if currency is None:
            raise refused_at("amount", "is a Money: the customer has no currency of its own")
        return paid_amount_at(asked.amount, "amount", currency), None
    units = quantity_of(asked.units, "units")
    if not units:
        raise refused_at("units", "are more than nothing")
    return units, id_at(asked.feature, "feature")


# --- what there is --------------------------------------------------------------------------------


def get_grant(unit: Unit, grant_id: str) -> GrantRow:
    """Give a grant.  Raises NotFound."""
    row = shelf.grant_by_id(unit, id_at(grant_id, "id"))
    if row is None:
        raise NotFound("credit grant", grant_id)
    return row


def list_grants(unit: Unit, customer_id: str, *, spent: bool = False) -> tuple[GrantRow, ...]:
    """Give the grants of a customer in the order in which they burn.  Raises NotFound."""
    customer = get_customer(unit, customer_id)
    rows = shelf.grants_of(unit, [customer.id], spent=spent)
    return tuple(sorted(rows, key=lambda row: burn_order(row.grant)))


def available(unit: Unit, at: Instant, customer_id: str) -> tuple[Money, ...]:
    """Give what grants of money may pay at an instant, in the order of the currencies."""
    sums: dict[str, Money] = {}
    for row in list_grants(unit, customer_id):
        amount = row.grant.amount
        if isinstance(amount, Money):
            left = Money(int(row.balance.available(at)), amount.currency)
            code = amount.currency.code
            sums[code] = sums[code] + left if code in sums else left
    return tuple(sums[code] for code in sorted(sums) if sums[code].minor)


def available_units(unit: Unit, at: Instant, customer_id: str) -> Mapping[str, Decimal]:
    """Give what grants of units may pay at an instant, by feature, in the order of the features."""
    sums: dict[str, Decimal] = {}
    for row in list_grants(unit, customer_id):
        feature = row.grant.feature
        if feature is not None:
            sums[feature] = exact_sum(sums.get(feature, ZERO), row.balance.available(at))
    return FrozenDict({feature: sums[feature] for feature in sorted(sums) if sums[feature]})


def trace_grant(unit: Unit, grant_id: str) -> CreditTrace:
    """Give a grant and where it went.  Raises NotFound.

    What it paid of a section is told by the document that the section stands on.
    """
    row = get_grant(unit, grant_id)
    moves = shelf.moves_of(unit, row.grant.customer, grant=row.grant.id)
    with unit.for_all():
        named = {(each.customer, each.invoice) for each in moves if each.invoice is not None}
        payers = payers_of(unit, named)
    told = {section: document for (_, section), (_, document) in payers.items()}
    shown = (replace(each, invoice=told.get(each.invoice or "", each.invoice)) for each in moves)
    return CreditTrace(row, tuple(shown))


# --- by hand --------------------------------------------------------------------------------------


def void_credits(
    unit: Unit, at: Instant, grant_id: str, size: object = None, *, key: str | None = None
) -> GrantRow:
    """Take back what is left of a grant, or so much of it; what was paid for is lost to who paid.

    Raises NotFound, InvalidInput, InsufficientCredit; Conflict where nothing is left, or the key
    was used before.
    """
    at = to_the_second(at)
    row = _held(unit, grant_id)
    if not row.remaining:
        raise Conflict(f"nothing is left of grant {row.grant.id!r}")
    wanted = row.remaining if size is None else _size(row.grant, size)
    [(_, withdrawal)] = voided([row.balance], at, wanted)
    gone = withdrawal.size or ZERO
    cause = f"void/{key or at.isoformat()}"
    _move(unit, row.grant, _gone(row.grant, "voided", gone, at, cause))
    return get_grant(unit, row.grant.id)


def transfer_credits(
    unit: Unit,
    at: Instant,
    grant_id: str,
    size: object,
    *,
    to: str,
    new_id: str,
    key: str | None = None,
) -> GrantRow:
    """Give so much of a grant to another customer, as a grant of its own with the same limits.

    A repeat with the same key gives the grant that the first call made.

    Raises NotFound, InvalidInput, InsufficientCredit; Conflict where the key was used for something
    else.
    """
    at = to_the_second(at)
    receiver = get_customer(unit, to)
    row = _held(unit, grant_id)
    if receiver.id == row.grant.customer:
        raise refused_at("to", "is the customer who has it")
    wanted = _size(row.grant, size)
    known = None
    if key is not None:
        known = shelf.grant_by_key(unit, receiver.id, id_at(key, "idempotency_key"))
    if known is not None:
        return _transferred(unit, row, known, wanted)
    place = shelf.last_place(unit, receiver.id) + 1
    came = transferred(row.balance, at, wanted, to=receiver.id, id=new_id, created=place)
    _move(unit, row.grant, _gone(row.grant, "transferred", wanted, at, f"transfer/{new_id}"))
    made = GrantRow(
        grant=came.grant, remaining=came.grant.size, recorded_at=at, idempotency_key=key
    )
    shelf.add_grant(unit, made)
    amount = came.grant.amount
    if came.grant.category == "paid" and isinstance(amount, Money):
        cause = f"transfer/{new_id}"
        post_credits(unit, row.grant.customer, at, cause, [Transfer("credits", "cash", amount)])
        post_credits(unit, receiver.id, at, cause, credits_bought(amount))
    return made


def _transferred(unit: Unit, row: GrantRow, known: GrantRow, wanted: Decimal) -> GrantRow:
    """Give what a key made before, if it is so much of this grant."""
    moves = shelf.moves_of(unit, row.grant.customer, grant=row.grant.id)
    made = (f"transfer/{known.grant.id}", wanted)
    if made not in {(each.cause, each.size) for each in moves}:
        raise Conflict(
            f"the idempotency key {known.idempotency_key!r} was used for another grant",
            grant=known.grant.id,
        )
    return known


def expire_credits(unit: Unit, at: Instant, limit: int = _MOST) -> int:
    """Let grants expire that ended by an instant; give how many did.

    One that a draft may still be paid by waits for it, so a late run comes to the same.
    """
    unit.as_all()
    rows = shelf.to_expire(unit, at, limit)
    for row in rows:
        ends = row.grant.expires_at
        assert ends is not None  # noqa: S101 - it ended
        before = shelf.moves_of(unit, row.grant.customer, grant=row.grant.id)
        cause = f"expiry/{len(before)}"  # what a void gives back expires once more
        _move(unit, row.grant, _gone(row.grant, "expired", row.remaining, ends, cause))
    return len(rows)


def take_out(  # noqa: PLR0917 - what a move is made of
    unit: Unit, grant: CreditGrant, kind: MoveKind, size: Decimal, at: Instant, cause: str
) -> None:
    """Write down what went out of a grant, and what it means for the books.

    Raises InsufficientCredit; Conflict where the same was written down before.
    """
    _move(unit, grant, _gone(grant, kind, size, at, cause))


def _move(unit: Unit, grant: CreditGrant, move: CreditMove) -> None:
    """Write a move down, and what it means for the books."""
    shelf.move_grants(unit, [move])
    worth = grant.worth(move.size)
    lost = move.kind in {"voided", "expired"} and grant.category == "paid"
    if lost and isinstance(worth, Money):
        cause = f"grant/{grant.id}/{move.cause}"
        post_credits(unit, grant.customer, move.at, cause, credits_lost(worth))


def _gone(grant: CreditGrant, kind: MoveKind, size: Decimal, at: Instant, cause: str) -> CreditMove:
    return CreditMove(
        customer=grant.customer, grant=grant.id, kind=kind, size=size, at=at, cause=cause
    )


def _held(unit: Unit, grant_id: str) -> GrantRow:
    row = shelf.grant_by_id(unit, id_at(grant_id, "id"), lock=True)
    if row is None:
        raise NotFound("credit grant", grant_id)
    return row


def _size(grant: CreditGrant, given: object) -> Decimal:
    if isinstance(grant.amount, Money):
        return Decimal(paid_amount_at(given, "amount", grant.amount.currency).minor)
    return quantity_of(given, "units")


def post_credits(
    unit: Unit, customer: str, at: Instant, cause: str, transfers: Sequence[Transfer]
) -> None:
    """Book what happened to a customer's credits."""
    journal.post(
        unit,
        [
            journal.Entry(
                customer=customer,
                at=at,
                cause=cause,
                debit=each.debit,
                credit=each.credit,
                amount=each.amount,
            )
            for each in transfers
        ],
    )
