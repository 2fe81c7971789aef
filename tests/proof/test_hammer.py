"""Eight processes write overlapping retries of the same events, all at once."""

from __future__ import annotations

import os
import random
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.proof.children import fork
from tests.proof.settings import times
from tests.proof.state import sound, state
from tests.proof.usage_calls import event, insisted, opened, ready, record, record_many, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

PROCESSES = 8
EVENTS = times(160, 1_000)
CUSTOMERS = ("acme", "globex", "initech")


def everything() -> list[dict[str, Any]]:
    """Every event there is: uses of three customers, levels, and corrections of some of the uses.

    A correction comes after its target in each batch that has both; alone it may come too early.
    """
    uses = [event(f"e{n}", n % 7 + 1, CUSTOMERS[n % 3]) for n in range(EVENTS)]
    levels = [
        event(f"s{n}", type="seats", properties={"quantity": n % 5}) for n in range(EVENTS // 10)
    ]
    voids = [
        {"id": f"v{n}", "customer": CUSTOMERS[n % 3], "void": f"e{n}"} for n in range(0, EVENTS, 11)
    ]
    return [*uses, *levels, *voids]


def batches(seed: int) -> Iterator[list[dict[str, Any]]]:
    """Give everything in some order, in batches that overlap."""
    dice = random.Random(seed)  # noqa: S311 - a shuffle that can be repeated
    trees = everything()
    dice.shuffle(trees)
    at = 0
    while at < len(trees):
        size = dice.choice([1, 2, 5, 20, 50])
        yield trees[max(0, at - size // 2) : at + size]
        at += size


def write_it_all(url: str, seed: int, gate: tuple[int, int], report: Report) -> None:
    """Wait for the start, then send everything until nothing is refused for want of a target."""
    os.close(gate[1])
    with opened(url) as tally:
        os.read(gate[0], 1)
        left = list(batches(seed))
        while left:
            again = []
            for trees in left:
                if len(trees) == 1 and "void" not in trees[0]:
                    status = insisted(partial(record, tally, trees[0]), report)
                    report({"accepted": int(status == "accepted")})
                    continue
                found = insisted(partial(record_many, tally, trees), report)
                report({"accepted": found.accepted})
                codes = {each.code for each in found.rejected}
                assert codes <= {"NOT_FOUND"}, found.rejected
                again += [[trees[each.index]] for each in found.rejected]
            left = again


def test_each_event_counts_once_whoever_sends_it(somewhere: Place, count: Count) -> None:
    with opened(somewhere.url) as tally:
        ready(tally)
    gate = os.pipe()

    def writer(seed: int) -> Any:
        return fork(lambda report: write_it_all(somewhere.url, seed, gate, report))

    children = [writer(seed) for seed in range(PROCESSES)]
    for end in gate[::-1]:
        os.close(end)
    try:
        codes = [child.wait() for child in children]
    finally:
        for child in children:
            child.kill()
    assert codes == [0] * PROCESSES, "\n".join(child.errors() for child in children)

    trees = everything()
    told = [each["accepted"] for child in children for each in child.told if "accepted" in each]
    waited = sum("waited" in each for child in children for each in child.told)
    assert not waited or somewhere.kind == "sqlite"
    assert sum(told) == len(trees)
    assert len(state(somewhere.url)["usage_events"]) - 1 == len(trees)
    voided = {tree["void"] for tree in trees if "void" in tree}
    with opened(somewhere.url) as tally:
        for customer in CUSTOMERS:
            mine = [t for t in trees if t["customer"] == customer and t.get("type") == "requests"]
            expected = sum(t["properties"]["quantity"] for t in mine if t["id"] not in voided)
            assert total(tally, "requests", customer) == expected
        assert not tally.verify().broken
    assert sound(somewhere.url)
    count(
        f"overlapping  {PROCESSES} processes        {somewhere.kind:<11} {len(trees):>4} events, "
        f"{len(told)} writes, each event once"
    )
