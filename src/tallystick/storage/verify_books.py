"""The books as queries that must return no rows: entries, accounts, balances, what was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, func, or_, select, union_all

from tallystick.core.settlement import ACCOUNTS
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Subquery

    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["BOOK_CHECKS"]

_KEY: Final = ("customer_id", "currency")


def _entries(unit: Unit) -> Rows:
    """Find entries of nothing, of an account that is none, or from an account to itself."""
    c = unit.tables.journal.c
    wrong = or_(
        c.minor <= 0,
        c.debit == c.credit,
        c.debit.not_in(ACCOUNTS),
        c.credit.not_in(ACCOUNTS),
        func.length(c.currency) != len("USD"),
    )
    shown = (c.id, c.customer_id, c.cause, c.debit, c.credit, c.minor, c.currency)
    return mappings(unit, select(*shown).where(wrong).order_by(c.id))


def _posted(unit: Unit) -> Rows:
    """Find documents whose entries are not what they ask for, and entries of none."""
    i, j = unit.tables.invoices.c, unit.tables.journal.c
    into, out = _moved(j, "revenue", "tax", sign=1), _moved(j, "balance", "credits", sign=-1)
    posted = (
        select(
            j.customer_id,
            j.cause,
            func.sum(into).label("sold"),
            func.sum(out).label("balance"),
            func.count(j.currency.distinct()).label("currencies"),
            func.max(j.currency).label("currency"),
        )
        .where(or_(j.cause.like("invoice/%"), j.cause.like("credit_note/%")))
        .group_by(j.customer_id, j.cause)
        .subquery()
    )
    of = and_(
        posted.c.customer_id == i.customer_id, posted.c.cause == i.kind.concat("/").concat(i.id)
    )
    sold = func.coalesce(posted.c.sold, 0)
    wrong = or_(
        sold != i.total,
        and_(i.kind == "invoice", func.coalesce(posted.c.balance, 0) != i.balance),
        and_(posted.c.currency.is_not(None), posted.c.currency != i.currency),
        posted.c.currencies > 1,
    )
    query = select(i.customer_id, i.id, i.total, i.balance, sold.label("posted"))
    joined = query.select_from(unit.tables.invoices.outerjoin(posted, of))
    issued = i.number.is_not(None)
    yield from mappings(unit, joined.where(issued, wrong).order_by(i.customer_id, i.id))
    lost = select(posted.c.customer_id, posted.c.cause, posted.c.sold).select_from(
        posted.outerjoin(unit.tables.invoices, of)
    )
    none = or_(i.id.is_(None), i.number.is_(None))
    yield from mappings(unit, lost.where(none).order_by(posted.c.customer_id, posted.c.cause))


def _moved(j: Any, *accounts: str, sign: int) -> ColumnElement[Any]:
    """Give what an entry takes from some accounts (as income counts), or puts into them."""
    return case(
        (j.credit.in_(accounts), sign * j.minor), (j.debit.in_(accounts), -sign * j.minor), else_=0
    )


def _account(unit: Unit, name: str) -> Subquery:
    """Give what an account holds, of each customer in each currency: debits less credits."""
    c = unit.tables.journal.c
    sides = union_all(
        *(
            select(c.customer_id, c.currency, minor.label("minor")).where(side == name)
            for side, minor in ((c.debit, c.minor), (c.credit, -c.minor))
        )
    ).subquery()
    key = [sides.c[each] for each in _KEY]
    return select(*key, func.sum(sides.c.minor).label("minor")).group_by(*key).subquery(name)


def _receivable(unit: Unit) -> Rows:
    """Find customers who owe another amount than their open documents say."""
    i = unit.tables.invoices.c
    left = func.sum(i.amount_due - i.paid - i.credited).label("minor")
    mine = (i.customer_id, i.currency)
    open_ = and_(i.kind == "invoice", i.status == "open")
    told = select(*mine, left).where(open_).group_by(*mine).subquery()
    return _apart(unit, _account(unit, "receivable"), told)


def _balances(unit: Unit) -> Rows:
    """Find balances that are not what the journal says."""
    b = unit.tables.balances.c
    told = select(b.customer_id, b.currency, (-b.minor).label("minor")).subquery()
    return _apart(unit, _account(unit, "balance"), told)


def _apart(unit: Unit, account: Subquery, told: Subquery) -> Rows:
    """Find where an account and what is told of it are apart."""
    parts = [select(each.c.customer_id, each.c.currency) for each in (account, told)]
    keys = union_all(*parts).subquery()
    query = select(keys.c.customer_id, keys.c.currency).distinct()
    joined: Any = keys
    figures = []
    for each in (account, told):
        on = and_(*(each.c[name] == keys.c[name] for name in _KEY))
        joined = joined.outerjoin(each, on)
        figures.append(func.coalesce(each.c.minor, 0))
    shown = query.add_columns(figures[0].label("journal"), figures[1].label("told"))
    wrong = figures[0] != figures[1]
    order = (keys.c.customer_id, keys.c.currency)
    return mappings(unit, shown.select_from(joined).where(wrong).order_by(*order))


def _paid(unit: Unit) -> Rows:
    """Find documents of which another amount is paid or refunded than was recorded."""
    i, p = unit.tables.invoices.c, unit.tables.payments.c
    sums = [
        func.sum(case((p.kind == kind, p.amount), (p.kind == undone, -p.amount), else_=0)).label(
            kind
        )
        for kind, undone in (("payment", "chargeback"), ("refund", "refund_failed"))
    ]
    owner = (p.customer_id, p.invoice_id)
    found = select(*owner, *sums).group_by(*owner).subquery()
    of = and_(found.c.customer_id == i.customer_id, found.c.invoice_id == i.id)
    came, went = (func.coalesce(found.c[kind], 0) for kind in ("payment", "refund"))
    left = i.amount_due - i.paid - i.credited
    wrong = or_(
        came != i.paid,
        went != i.refunded,
        and_(i.kind == "invoice", i.status == "paid", left != 0),
        and_(i.kind == "invoice", i.status.in_(("open", "uncollectible")), left <= 0),
    )
    shown = (i.customer_id, i.id, i.status, i.amount_due, i.paid, i.credited, i.refunded)
    query = select(*shown, came.label("payments"), went.label("refunds"))
    joined = query.select_from(unit.tables.invoices.outerjoin(found, of))
    return mappings(unit, joined.where(wrong).order_by(i.customer_id, i.id))


def _below_zero(unit: Unit) -> Rows:
    c = unit.tables.balances.c
    query = select(c.customer_id, c.currency, c.minor).where(c.minor < 0)
    return mappings(unit, query.order_by(c.customer_id, c.currency))


BOOK_CHECKS: Final[Sequence[Check]] = (
    Check("journal-entries", "I21", "an entry moves an amount between two accounts", _entries),
    Check("journal-documents", "I21", "a document has the entries it asks for", _posted),
    Check("receivable", "I21", "a customer owes what its open documents say", _receivable),
    Check("journal-balances", "I21", "a balance is what the journal says", _balances),
    Check("paid", "I21 I24", "what is paid of a document is what was recorded", _paid),
    Check("balances", "I22", "no balance is below zero", _below_zero),
)
"""The invariants of the books, in the order in which they are run."""
