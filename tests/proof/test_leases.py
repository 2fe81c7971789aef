"""`kill -9` of holders of leases: nothing beyond the limit, and at most one block of each lost."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Final

from tallystick.core.dialects import define_plans
from tallystick.errors import QuotaExceeded
from tests.proof.children import fork
from tests.proof.settings import PATIENCE, times
from tests.proof.usage_calls import insisted, opened

if TYPE_CHECKING:
    from tallystick.facade.lease import Lease
    from tallystick.wiring import Tallystick
    from tests.proof.children import Child, Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

ROUNDS: Final = times(2, 60)
HOLDERS: Final = 3
KILLED_ONES: Final = 2
LIMIT: Final = 60
BLOCK: Final = 7
PLAN: Final = "limited"


def sell(tally: Tallystick) -> None:
    """Sell a plan with a quota that does not start again while the test runs."""
    tally.migrate()
    calls = {"featureKey": "calls", "enabled": True, "limit": LIMIT, "reset": "year"}
    limited = {"id": PLAN, "name": "Limited", "price": 0, "currency": "EUR", "interval": "month"}
    tally.publish(define_plans([{**limited, "features": [calls]}]), author="proof")


def take(tally: Tallystick, customer: str, report: Report) -> Lease | None:
    """Take a lease; None where nothing is left."""

    def once() -> Lease | None:
        try:
            return tally.lease(customer, "calls", BLOCK, plan=PLAN, report_every=0.02)
        except QuotaExceeded:
            return None

    return insisted(once, report)


def use_up(url: str, customer: str, report: Report) -> None:
    """Use one after the other, and say so before the next, until nothing is left."""
    with opened(url) as tally:
        lease = take(tally, customer, report)
        while lease is not None and insisted(lease.use, report):
            report("used")
        if lease is not None:
            insisted(lease.close, report)


def heard(child: Child, times_: int) -> None:
    """Wait until a holder has used so many, or is gone."""
    while child.told.count("used") < times_ and child.listen(PATIENCE):
        continue


def test_a_killed_holder_loses_a_block_at_most_and_the_limit_holds(
    somewhere: Place, count: Count
) -> None:
    chance = random.Random(11)  # noqa: S311 - a choice to be repeated
    wasted = 0
    with opened(somewhere.url) as tally:
        sell(tally)
    for number in range(ROUNDS):
        customer = f"c{number:03}"
        act = partial(use_up, somewhere.url, customer)
        children = [fork(act) for _ in range(HOLDERS)]
        for child in children[:KILLED_ONES]:
            heard(child, chance.randrange(1, 10))
            child.kill()
        last = [*children[KILLED_ONES:], fork(act)]
        codes = [child.wait() for child in last]
        assert codes == [0] * len(last), "\n".join(child.errors() for child in last)
        admitted = sum(each.told.count("used") for each in (*children, last[-1]))
        assert admitted <= LIMIT
        with opened(somewhere.url) as tally:
            answer = tally.check(customer, "calls", plan=PLAN)
            left = LIMIT - admitted - int(answer.remaining or 0)
            # A holder that was killed between a use and saying so has used what nobody heard of.
            assert 0 <= left <= KILLED_ONES * BLOCK
            billed = sum(int(str(e.properties["quantity"])) for e in tally.usage.export())
            assert not tally.verify().broken
        assert billed <= LIMIT * (number + 1)
        wasted += left
    count(
        f"leases       {KILLED_ONES} of {HOLDERS} killed       {somewhere.kind:<11} {ROUNDS:>4} "
        f"rounds, over 0, {wasted} lost of {ROUNDS * KILLED_ONES * BLOCK}"
    )
