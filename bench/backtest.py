"""A new catalogue over a month's documents, against issuing these very documents.

The ledger is the one of `bench.billing`: a flat price, seats and three meters each, a customer for
each subscription.  In a round a month is billed, and then looked at with another price for
everything; both by the clock on the wall, in turns.
"""

from __future__ import annotations

import gc
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bench import billing
from bench.billing import month_at
from bench.databases import postgresql, seconds, sqlite
from bench.measure import compared
from tallystick.app.backtest import backtest
from tallystick.app.billing import run_billing
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog

if TYPE_CHECKING:
    from bench.measure import Result
    from tallystick.core.backtest import Backtest
    from tallystick.core.catalog import Catalog
    from tallystick.storage.unit import Storage

__all__ = ["run"]

ROUNDS: Final = 5
GOAL: Final = 20
_DEARER: Final = Decimal("1.07")


def run() -> list[Result]:
    """Look back on both databases."""
    results = []
    with sqlite() as storage:
        results += _measure("SQLite", storage)
    with postgresql() as storage:
        results += _measure("PostgreSQL", storage)
    return results


def _measure(name: str, storage: Storage) -> list[Result]:
    ledger = billing.Ledger(storage)
    ledger.fill(billing.SUBSCRIPTIONS)
    new = _dearer(ledger.catalog)
    ratios, each = [], []
    for month in range(1, ROUNDS + 2):
        ledger.use(month)
        at = month_at(month + 1) + timedelta(hours=2)
        gc.collect()
        issuing = seconds(partial(run_billing, storage, at))
        gc.collect()
        looking = seconds(partial(_look, storage, new, month + 1))
        if month > 1:  # the first one fills what is read once for each process
            ratios.append(issuing / looking)
            each.append(billing.SUBSCRIPTIONS / looking)
    print(f"  {name}: {max(each):,.0f} customer-months a second at best")
    title = f"issuing {billing.SUBSCRIPTIONS:,} documents / backtesting them: {name}"
    return [compared(title, ratios, goal=GOAL, at_least=True)]


def _look(storage: Storage, new: Catalog[Any, Any], month: int) -> Backtest:
    found = storage.attempt(
        lambda unit: backtest(unit, new, since=month_at(month), until=month_at(month + 1)),
        reading=True,
    )
    assert found.documents == billing.SUBSCRIPTIONS
    assert all(each.difference.minor > 0 for each in found.customers)
    return found


def _dearer(catalog: Catalog[Any, Any]) -> Catalog[Any, Any]:
    """Give the catalogue with every price raised, so that none is simply kept."""
    tree: Any = to_tree(catalog)
    for price in tree["products"][0]["plans"][0]["prices"]:
        for costs in (price, *price.get("tiers", ())):
            if "cost" in costs:
                costs["cost"] = str(Decimal(costs["cost"]) * _DEARER)
    return read_catalog(tree)
