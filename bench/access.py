"""Limits: answers from memory against a dict lookup, `use` against the statements it cannot spare.

The baseline of `use` is what a team writes by hand: one conditional update of a counter and the
insert of one event, in one transaction on the same server, through the same driver and pool.
"""

from __future__ import annotations

import itertools
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from bench.databases import postgresql, seconds, sqlite
from bench.measure import compare, compared
from tallystick import Tallystick, define_plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from bench.measure import Result
    from tallystick.core.catalog import Catalog
    from tallystick.storage.unit import Storage

__all__ = ["run"]

MANY: Final = 1_000_000_000
FEATURES: Final = [f"feature{number}" for number in range(100)]
CUSTOMERS: Final = [f"cus_{number:03d}" for number in range(100)]
ROUNDS: Final = 9
TURNS: Final = 25
WARM: Final = 20


def run() -> list[Result]:
    """Answer from memory, use through PostgreSQL, and ask for much at once."""
    with sqlite() as storage, _ledger(storage) as tally:
        results = _from_memory(tally)
    with postgresql() as storage, _ledger(storage) as tally:
        results.append(_using(tally, storage.engine))
        results.append(_asking(tally))
    return results


def _catalog() -> Catalog[str, str]:
    features: list[dict[str, Any]] = [
        {"featureKey": key, "enabled": True, "limit": MANY, "reset": "month"} for key in FEATURES
    ]
    plan = {"id": "pro", "name": "Pro", "price": 2_900, "currency": "USD", "interval": "month"}
    return define_plans([{**plan, "active": True, "features": features}])


def _ledger(storage: Storage) -> Tallystick:
    tally = Tallystick(storage.engine, catalog=_catalog(), default_plan="pro")
    tally.publish(author="bench")
    for customer in CUSTOMERS:
        tally.customers.create(customer, name=customer)
        tally.subscriptions.start(customer, "pro")
    return tally


# --- from memory ----------------------------------------------------------------------------------


def _from_memory(tally: Tallystick) -> list[Result]:
    table = dict.fromkeys(FEATURES, True)

    def look_up(known: dict[str, bool], key: str) -> bool:
        return known[key]

    def baseline() -> None:
        for key in FEATURES:
            look_up(table, key)

    entitlements = tally.entitlements(CUSTOMERS[0])

    def check() -> None:
        for key in FEATURES:
            entitlements.check(key)

    lease = tally.lease(CUSTOMERS[0], FEATURES[0], MANY // 2, expires_in=3_600, report_every=60)

    def use() -> None:
        for _ in FEATURES:
            lease.use()

    assert entitlements.check(FEATURES[3]).allowed
    assert lease.use()
    results = [
        compare("check of a snapshot / dict lookup in a function", check, baseline, goal=10.0),
        compare("lease.use / dict lookup in a function", use, baseline, goal=12.0),
    ]
    lease.close()
    return results


# --- through the database -------------------------------------------------------------------------


def _using(tally: Tallystick, engine: Engine) -> Result:
    bare = _bare(engine)
    use = partial(tally.use, CUSTOMERS[0], FEATURES[0])
    for _ in range(WARM):  # statements are prepared by then
        bare()
        use()
    name = "bare conditional update and insert / use: PostgreSQL"
    ratios = [_ratio(bare, use) for _ in range(ROUNDS)]
    return compared(name, ratios, goal=0.7, at_least=True)


def _ratio(theirs: Callable[[], object], ours: Callable[[], object]) -> float:
    """Take turns; the disk is now quick and now slow, so the medians of a round are compared."""
    spent = [(seconds(theirs), seconds(ours)) for _ in range(TURNS)]
    return median(first for first, _ in spent) / median(second for _, second in spent)


def _bare(engine: Engine) -> Callable[[], None]:
    """Give the two statements in one transaction, with what an event needs to be found again."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counters (customer text PRIMARY KEY, used bigint)"))
        columns = "customer text, id text, type text, occurred_at timestamptz, properties text"
        connection.execute(text(f"CREATE TABLE events ({columns}, PRIMARY KEY (customer, id))"))
        connection.execute(text("INSERT INTO counters VALUES ('a', 0)"))
    count = text(
        "UPDATE counters SET used = used + 1 WHERE customer = 'a' AND used < 1000000000"
        " RETURNING used"
    )
    insert = text("INSERT INTO events VALUES ('a', :id, 'calls', now(), :said)")
    numbers, said = itertools.count(), '{"quantity":1}'

    def act() -> None:
        with engine.begin() as connection:
            connection.execute(count).scalar_one()
            connection.execute(insert, {"id": f"evt_{next(numbers):012d}", "said": said})

    return act


def _asking(tally: Tallystick) -> Result:
    asked = [(customer, key) for customer in CUSTOMERS for key in FEATURES]
    assert all(each.allowed for each in tally.check_many(asked))
    taken = [1_000 * seconds(partial(tally.check_many, asked)) for _ in range(5)]
    name = "check_many: 100 customers x 100 features"
    return compared(name, taken, goal=50, unit="ms")
