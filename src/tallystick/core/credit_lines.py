"""What credits pay of an invoice: which grant pays which line, and how a charge is settled.

On an invoice promotional grants act before tax and paid ones after it: two calls of `pay_lines`
with the lines as they stand then, each in burn order.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from tallystick.core.credit import Category, burn_order, currency_of
from tallystick.core.credit_balance import burn, in_one_measure
from tallystick.core.money import Money
from tallystick.core.number import EXACT, ZERO, exact_sum, plain, taken_in_turn
from tallystick.errors import CurrencyMismatch, InsufficientCredit, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.credit import Use
    from tallystick.core.credit_balance import Burn, GrantBalance
    from tallystick.core.currency import Currency

__all__ = [
    "LinesPaid",
    "Settled",
    "SettlementMode",
    "credits_over_lines",
    "pay_lines",
    "settle_charge",
]

SettlementMode: TypeAlias = Literal["credit_then_invoice", "credit_only", "invoice_only"]
"""Who pays a charge: credits first and an invoice the rest, credits or nothing, or no credits."""


@dataclass(frozen=True, slots=True)
class LinesPaid:
    """What grants paid of each line, and how they stand afterwards."""

    burns: tuple[Burn, ...]
    by_line: tuple[Money, ...]
    balances: Mapping[str, GrantBalance]
    currency: Currency

    @property
    def total(self) -> Money:
        """Add up what was paid."""
        return Money.total(self.by_line, self.currency)


@dataclass(frozen=True, slots=True)
class Settled:
    """A charge shared out to credits and an invoice."""

    credits_used: Money
    invoiced: Money


def pay_lines(
    balances: Iterable[GrantBalance],
    lines: Sequence[Use],
    currency: Currency,
    *,
    category: Category | None = None,
) -> LinesPaid:
    """Let grants pay lines, the lines in the order given and the grants in burn order.

    A grant pays what it covers and what falls due while it is active.  Lines below zero are paid
    nothing, and all together the grants pay no more than the lines add up to: a credit never turns
    into money that is owed.  `category` leaves grants of the other out.

    Raises CurrencyMismatch, InvalidInput where an id stands twice.
    """
    asked = list(balances)
    standing = {each.grant.id: each for each in asked}
    order = sorted((each.grant for each in asked), key=burn_order)
    in_one_measure([each.grant for each in asked], lines)
    if any(currency_of(line.amount) != currency for line in lines):
        raise CurrencyMismatch(f"a line that is paid here is an amount of {currency}")
    if category is not None:
        order = [grant for grant in order if grant.category == category]
    room = exact_sum(ZERO, *(line.size for line in lines))
    burns: list[Burn] = []
    by_line: list[Money] = []
    for line in lines:
        paid, _ = burn(line, order, standing, most=room)
        part = exact_sum(ZERO, *(each.size for each in paid))
        burns += paid
        by_line.append(Money(int(part), currency))
        room = EXACT.subtract(room, part)
    return LinesPaid(tuple(burns), tuple(by_line), standing, currency)


def credits_over_lines(
    credits: Sequence[Money],  # noqa: A002 - the field's word
    lines: Sequence[Money],
) -> tuple[tuple[Money, ...], ...]:
    """Let amounts of credit pay lines in order, and give for each line what each credit paid of it.

    Raises InvalidInput for a credit below zero and where the lines cannot bear them all,
    CurrencyMismatch.
    """
    left = list(credits)
    applied = []
    for line in lines:
        taken = taken_in_turn(Decimal(line.minor), (Decimal(each.minor) for each in left))
        parts = [Money(int(size), line.currency) for size in taken]
        left = [each - part for each, part in zip(left, parts, strict=False)] + left[len(parts) :]
        applied.append(tuple(part for part in parts if part.minor))
    if any(each.minor < 0 for each in credits):
        raise InvalidInput("a credit is not below zero")
    if over := [each for each in left if each.minor]:
        raise InvalidInput(f"the lines cannot bear {over[0]} of the credits: offer no more")
    return tuple(applied)


def settle_charge(
    charge: Money,
    credits: Money,  # noqa: A002 - the field's word
    mode: SettlementMode,
) -> Settled:
    """Share a charge out to the credits there are and an invoice.

    With `credit_only` nothing is invoiced: where the credits do not reach, the charge is refused
    whole.  A charge at or below zero takes no credits.

    Raises InsufficientCredit, InvalidInput for an unknown mode, CurrencyMismatch.
    """
    if mode not in get_args(SettlementMode):
        known = ", ".join(get_args(SettlementMode))
        raise InvalidInput(f"{str(mode)[:40]!r} is no way to settle a charge: {known}")
    zero = Money.zero(charge.currency)
    used = zero if mode == "invoice_only" else max(zero, min(charge, credits))
    if mode == "credit_only" and used < charge:
        raise InsufficientCredit(
            f"a charge of {charge} is paid by credits alone, and {max(zero, credits)} is left",
            asked=plain(charge.major),
            left=plain(max(zero, credits).major),
        )
    return Settled(used, charge - used)
