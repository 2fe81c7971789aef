"""The billing run of `bench.billing`, with a coupon, a grant and two tax rates for each customer.

A tenth is taken off every line for ever, a promotional grant pays for the flat price, and what is
left is taxed twice.  So a run reads, locks and writes redemptions and grants beside documents, and
its floor writes these rows too: what each coupon took, what was burned, what is left of the grants,
and more lines of the journal.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

from sqlalchemy import update

from bench import billing
from bench.databases import postgresql, sqlite
from tallystick.app.seller import set_seller
from tallystick.app.taxes import publish_tax_rules
from tallystick.core.credit import CreditGrant, CreditScope
from tallystick.core.currency import currency
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.core.money import Money
from tallystick.storage.added_grants import add_grants
from tallystick.storage.batches import insert_cells, moments
from tallystick.storage.credits import GrantRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.measure import Result
    from tallystick.storage.unit import Storage, Unit

__all__ = ["LedgerWithTerms", "run"]

_GRANTED: Final = Money(1_000_000, currency("USD"))
_QUEBEC: Final = {"country": "CA", "state": "QC"}
_RATES: Final = {
    "rates": [
        {"country": "CA", "region": "QC", "name": "GST", "percent": 5},
        {"country": "CA", "region": "QC", "name": "QST", "percent": Decimal("9.975")},
    ]
}
_REDEMPTION: Final = (
    *(("customer_id", "text"), ("id", "text"), ("coupon_id", "text"), ("source", "text")),
    *(("place", "bigint"), ("catalog_number", "bigint")),
    *(("redeemed_at", "timestamptz"), ("recorded_at", "timestamptz")),
)


def run() -> list[Result]:
    """Bill on both databases."""
    results = []
    with sqlite() as storage:
        results += billing.measure("SQLite", storage, LedgerWithTerms)
    with postgresql() as storage:
        results += billing.measure("PostgreSQL", storage, LedgerWithTerms)
    return results


class LedgerWithTerms(billing.Ledger):
    """A ledger whose customers have a coupon, a grant and two tax rates each."""

    title: ClassVar[str] = "run with coupon, grant, two taxes"
    coupons: ClassVar[Sequence[Mapping[str, object]]] = (
        {"id": "tenth", "name": "A tenth off", "percent_off": 10, "duration": "forever"},
    )
    inserted: ClassVar[tuple[str, ...]] = (
        *billing.Ledger.inserted,
        "invoice_discounts",
        "credit_moves",
    )
    changed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **billing.Ledger.changed,
        "credit_grants": ("customer_id", "id", "remaining"),
    }

    def __init__(self, storage: Storage) -> None:
        """Publish what is sold and who taxes it, and make the tables of the floor."""
        super().__init__(storage)
        early = billing.BEGIN - timedelta(days=9)
        rules = read_tax_rules(_RATES, source="bench")
        seller = {"name": "Bench Inc", "address": _QUEBEC}
        storage.attempt(lambda unit: set_seller(unit, early, seller))
        storage.attempt(lambda unit: publish_tax_rules(unit, early, rules, author="bench"))

    def start(self, unit: Unit, numbers: Sequence[int]) -> None:
        """Store customers, their subscriptions, and what each has beside it."""
        super().start(unit, numbers)
        people, at = [f"c{n}" for n in numbers], billing.BEGIN
        table = unit.tables.customers
        unit.connection.execute(
            update(table).where(table.c.address.is_(None)).values(address=_QUEBEC)
        )
        moment = moments(unit)(at)
        redeemed = [
            (each, f"red_{each}", "tenth", "customer", 1, 1, moment, moment) for each in people
        ]
        insert_cells(unit, unit.tables.redemptions, _REDEMPTION, redeemed)
        grants = [_grant(each) for each in people]
        add_grants(
            unit, [GrantRow(grant=each, remaining=each.size, recorded_at=at) for each in grants]
        )


def _grant(customer: str) -> CreditGrant:
    return CreditGrant(
        id=f"grt_{customer}",
        customer=customer,
        amount=_GRANTED,
        effective_at=billing.BEGIN,
        scope=CreditScope(prices=frozenset({"fee"})),
    )
