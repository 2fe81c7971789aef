"""Eight processes, 64 callers at each limit: exactly the limit is used, no more and no less."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from tallystick.core.dialects import define_plans
from tallystick.errors import QuotaExceeded
from tests.proof.children import Child, fork
from tests.proof.settings import times
from tests.proof.usage_calls import insisted, opened

if TYPE_CHECKING:
    from tallystick.wiring import Tallystick
    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

PROCESSES: Final = 8
CALLERS: Final = times(16, 64)
ROUNDS: Final = times(4, 2_000)
LIMITS: Final = {"calls": 11, "projects": 5, "burst": 7}
PLAN: Final = "limited"


def sell(tally: Tallystick) -> None:
    """Sell a plan with a quota, a gauge and a sliding window."""
    tally.migrate()
    kinds: dict[str, dict[str, object]]
    kinds = {"calls": {"reset": "month"}, "projects": {}, "burst": {"windowSeconds": 3_600}}
    features = [
        {"featureKey": key, "enabled": True, "limit": LIMITS[key], **kinds[key]} for key in kinds
    ]
    limited = {"id": PLAN, "name": "Limited", "price": 0, "currency": "EUR", "interval": "month"}
    tally.publish(define_plans([{**limited, "features": features}]), author="proof")


def place_of(number: int) -> tuple[str, str]:
    """Give the customer and the feature of a round: each round is at a limit of its own."""
    return f"c{number:04}", list(LIMITS)[number % len(LIMITS)]


def call_all(url: str, own: int, gate: tuple[int, int], report: Report) -> None:
    """Wait for the start, then be some of the callers of every round."""
    os.close(gate[1])
    with opened(url) as tally:
        os.read(gate[0], 1)
        for number in range(ROUNDS):
            got = [_call(tally, number, own, each, report) for each in range(CALLERS // PROCESSES)]
            report({"round": number, "got": sum(got)})


def _call(tally: Tallystick, number: int, own: int, each: int, report: Report) -> bool:
    """Use one; or reserve one and commit it, or give it back and use it after all."""
    customer, feature = place_of(number)
    key = f"{number}/{own}/{each}"
    try:
        if (own + each) % 3:
            insisted(partial(_use, tally, customer, feature, key), report)
            return True
        hold = partial(tally.reserve, customer, feature, idempotency_key=key, plan=PLAN)
        held = insisted(hold, report)
        insisted(held.commit, report)
    except QuotaExceeded:
        return False
    return True


def _use(tally: Tallystick, customer: str, feature: str, key: str) -> object:
    return tally.use(customer, feature, idempotency_key=key, plan=PLAN)


def test_a_limit_holds_over_processes(somewhere: Place, count: Count) -> None:
    with opened(somewhere.url) as tally:
        sell(tally)
    gate = os.pipe()

    def caller(own: int) -> Child:
        return fork(lambda report: call_all(somewhere.url, own, gate, report))

    children = [caller(own) for own in range(PROCESSES)]
    for end in gate[::-1]:
        os.close(end)
    try:
        codes = [child.wait() for child in children]
    finally:
        for child in children:
            child.kill()
    assert codes == [0] * PROCESSES, "\n".join(child.errors() for child in children)

    got = [0] * ROUNDS
    for child in children:
        for each in child.told:
            if "round" in each:
                got[each["round"]] += each["got"]
    with opened(somewhere.url) as tally:
        for number in range(ROUNDS):
            customer, feature = place_of(number)
            limit = min(LIMITS[feature], CALLERS)
            assert got[number] == limit, (number, feature)
            assert tally.check(customer, feature, plan=PLAN).used == limit
        assert not tally.verify().broken
    count(
        f"limits       {PROCESSES} processes        {somewhere.kind:<11} {ROUNDS:>4} rounds of "
        f"{CALLERS} callers, over 0, under 0"
    )
