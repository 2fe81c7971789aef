"""Automatic top-ups: credits that are bought by themselves when little is left after a document.

What a document burned and the purchase that follows are one transaction, so there is one purchase
however often, and by however many, billing is run.  A purchase is to be paid before it is granted;
a rule without a price gives, at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.app.credits import get_grant, post_credits
from tallystick.app.customer import get_customer
from tallystick.core.credit import CreditGrant
from tallystick.core.credit_moves import TopUpRule, top_up
from tallystick.core.frozen import FrozenDict
from tallystick.core.given import paid_amount_at
from tallystick.core.money import Money
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.settlement import credits_bought, credits_included
from tallystick.core.text import id_at, refused_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import top_ups as shelf
from tallystick.storage.added_grants import add_grants
from tallystick.storage.credits import GrantRow
from tallystick.storage.outbox import Notice, put_notices
from tallystick.storage.top_ups import RuleRow, TopUpRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.currency import Currency
    from tallystick.core.customer import Customer
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "AskedTopUp",
    "TopUps",
    "cancel_top_up",
    "end_top_up",
    "list_rules",
    "list_top_ups",
    "pay_top_up",
    "set_top_up",
]

_MOST: Final = 1_000
_LETTERS: Final = 26
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTopUp:
    """A rule as it was asked for: `add` whenever less than `below` is left, for a `price`."""

    below: object
    add: object
    price: object = None
    at_most: object = None


# --- rules ----------------------------------------------------------------------------------------


def set_top_up(
    unit: Unit, at: Instant, customer_id: str, rule_id: str, asked: AskedTopUp
) -> RuleRow:
    """Top a customer's credits up from now on; takes the place of the rule in that currency.

    The same rule again changes nothing.

    Raises NotFound; InvalidInput with the field that is wrong; CurrencyMismatch; Conflict where the
    customer was forgotten.
    """
    at = to_the_second(at)
    customer = get_customer(unit, customer_id)
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be sold to it")
    rule, price = _rule(customer, asked)
    running = shelf.rules_of(unit, [customer.id], lock=True).get(customer.id, [])
    for known in running:
        if (known.rule, known.price) == (rule, price):
            return known
        if _currency(known) == _currency_of(rule):
            shelf.end_rule(unit, known, at)
    made = RuleRow(
        customer=customer.id, id=id_at(rule_id, "id"), rule=rule, price=price, recorded_at=at
    )
    shelf.add_rule(unit, made)
    return made


def _rule(customer: Customer, asked: AskedTopUp) -> tuple[TopUpRule, Money | None]:
    unit = customer.currency
    if unit is None and isinstance(asked.add, Money):
        unit = asked.add.currency
    if unit is None:
        raise refused_at("add", "is a Money: the customer has no currency of its own")
    most = asked.at_most
    if most is not None and (type(most) is not int or not 1 <= most <= _MOST):
        raise refused_at("at_most", f"is a whole number from 1 to {_MOST:,}, not {shown(most)}")
    rule = TopUpRule(
        threshold=paid_amount_at(asked.below, "below", unit),
        amount=paid_amount_at(asked.add, "add", unit),
        most=most if isinstance(most, int) else None,
    )
    price = None if asked.price is None else paid_amount_at(asked.price, "price", unit)
    if price is None and most is None:
        raise refused_at("at_most", "is missing: gifts have a bound")
    if price is not None and price.minor > int(_size(rule)):
        raise refused_at("price", "is more than what is added is worth")
    return rule, price


def _size(rule: TopUpRule) -> Decimal:
    assert isinstance(rule.amount, Money)  # noqa: S101 - rules are of money
    return Decimal(rule.amount.minor)


def _currency_of(rule: TopUpRule) -> Currency:
    assert isinstance(rule.amount, Money)  # noqa: S101 - rules are of money
    return rule.amount.currency


def _currency(row: RuleRow) -> Currency:
    return _currency_of(row.rule)


def end_top_up(unit: Unit, at: Instant, rule_id: str) -> RuleRow:
    """Top up no more by a rule; what it began can still be paid.  Raises NotFound."""
    key = id_at(rule_id, "id")
    found = shelf.rule_by_id(unit, key)
    if found is None:
        raise NotFound("top-up rule", key)
    shelf.end_rule(unit, found, to_the_second(at))
    ended = shelf.rule_by_id(unit, key)
    return found if ended is None else ended


def list_rules(unit: Unit, customer_id: str, *, ended: bool = False) -> tuple[RuleRow, ...]:
    """Give the rules of a customer, those that ended if asked.  Raises NotFound."""
    customer = get_customer(unit, customer_id)
    return tuple(shelf.rules_of(unit, [customer.id], ended=ended).get(customer.id, ()))


def list_top_ups(unit: Unit, customer_id: str) -> tuple[TopUpRow, ...]:
    """Give the purchases that rules of a customer began, the first first.  Raises NotFound."""
    return shelf.top_ups_of(unit, get_customer(unit, customer_id).id)


# --- purchases ------------------------------------------------------------------------------------


class TopUps:
    """The top-ups of a batch of documents: found as each is reckoned, written with them."""

    def __init__(self, unit: Unit, customers: Collection[str]) -> None:
        """Read the rules that run."""
        self._unit = unit
        self._rules = shelf.rules_of(unit, customers)
        self._due: list[tuple[RuleRow, Invoice]] = []
        self._begun: set[str] = set()

    def note(self, invoice: Invoice, grants: Iterable[GrantBalance]) -> None:
        """Note what is to be bought after a document, which left the grants so."""
        if not invoice.burns:
            return
        money = (each for each in grants if each.grant.feature is None)
        left = sum(int(each.available(invoice.finalize_at)) for each in money)
        for row in self._rules.get(invoice.customer, ()):
            if _currency(row) == invoice.currency and row.id not in self._begun:
                balance = Money(left, invoice.currency)
                if top_up(row.rule, balance, 0) is not None:
                    self._begun.add(row.id)
                    self._due.append((row, invoice))

    def follows(self, customer: str) -> bool:
        """Whether something was bought for a customer, which the next document may use."""
        return any(row.customer == customer for row, _ in self._due)

    def write(self) -> None:
        """Begin the purchases, each in its month as often as its rule allows."""
        for row, invoice in self._due:
            month = f"{invoice.finalize_at:%Y-%m}"
            done, waits = shelf.made_in(self._unit, row, month)
            if not waits and (row.rule.most is None or done < row.rule.most):
                _begin(self._unit, row, (month, done + 1), invoice)


def _begin(unit: Unit, row: RuleRow, place: tuple[str, int], invoice: Invoice) -> None:
    """Write a purchase down and tell of it.

    A gift is granted at once, for documents that are dated later than the one that called for it.
    """
    month, number = place
    at = invoice.finalize_at
    id_ = _id("top", f"{len(row.customer)}:{row.customer}{row.id}/{month}/{number}")
    bought = TopUpRow(
        customer=row.customer,
        id=id_,
        rule=row.id,
        month=month,
        number=number,
        size=_size(row.rule),
        status="open",
        at=at,
    )
    if row.price is None:
        bought = _granted(unit, bought, row, to_the_second(at) + _SECOND)
    shelf.add_top_up(unit, bought)
    body = {
        "top_up": id_,
        "rule": row.id,
        "amount": int(bought.size),
        "price": None if row.price is None else row.price.minor,
        "currency": _currency(row).code,
        "invoice": invoice.id,
        "status": bought.status,
    }
    notice = Notice(
        customer=row.customer,
        kind="credits_top_up",
        cause=f"top_up/{id_}",
        at=at,
        body=FrozenDict(body),
    )
    put_notices(unit, [notice])


def _granted(unit: Unit, bought: TopUpRow, row: RuleRow, at: Instant) -> TopUpRow:
    """Grant what was bought, and book it; what it cost less than it is worth is a discount."""
    amount = Money(int(bought.size), _currency(row))
    grant = CreditGrant(
        id=_id("grt", bought.id),
        customer=bought.customer,
        amount=amount,
        effective_at=at,
        category="promotional" if row.price is None else "paid",
        source="top_up",
    )
    add_grants(unit, [GrantRow(grant=grant, remaining=grant.size, recorded_at=at)])
    if row.price is not None:
        booked = (*credits_bought(row.price), *credits_included(amount - row.price))
        post_credits(unit, bought.customer, at, f"grant/{grant.id}", booked)
    return replace(bought, status="granted", grant=grant.id)


def _id(kind: str, body: str) -> str:
    """Give the id of a purchase, or of its grant: the same for ever."""
    return f"{kind}_{hashlib.sha256(body.encode()).hexdigest()[:_LETTERS]}"


def pay_top_up(unit: Unit, at: Instant, top_up_id: str) -> GrantRow:
    """Note that a purchase was paid, and grant it from now on; a repeat gives the same grant.

    Raises NotFound; Conflict where it was canceled.
    """
    held = _held(unit, top_up_id)
    if held.status == "canceled":
        raise Conflict(f"top-up {held.id!r} was canceled: grant what was paid by hand")
    if held.grant is not None:
        return get_grant(unit, held.grant)
    row = shelf.rule_by_id(unit, held.rule)
    assert row is not None  # noqa: S101 - a foreign key holds it
    paid = _granted(unit, held, row, to_the_second(at))
    shelf.set_status(unit, paid)
    assert paid.grant is not None  # noqa: S101 - it was just granted
    return get_grant(unit, paid.grant)


def cancel_top_up(unit: Unit, top_up_id: str) -> TopUpRow:
    """Give a purchase up that nobody paid; another may begin then.  A repeat changes nothing.

    Raises NotFound; Conflict where it was granted.
    """
    held = _held(unit, top_up_id)
    if held.status == "granted":
        raise Conflict(f"top-up {held.id!r} was granted: void its grant {held.grant!r} instead")
    canceled = replace(held, status="canceled")
    shelf.set_status(unit, canceled)
    return canceled


def _held(unit: Unit, top_up_id: str) -> TopUpRow:
    key = id_at(top_up_id, "id")
    held = shelf.hold_top_up(unit, key)
    if held is None:
        raise NotFound("top-up", key)
    return held
