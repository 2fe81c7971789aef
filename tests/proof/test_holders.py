"""`kill -9` of holders of reservations: what they held comes back, once, and can be used."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from tallystick.errors import QuotaExceeded, ReservationOver
from tests.proof.children import fork
from tests.proof.settings import times
from tests.proof.test_leases import LIMIT, PLAN, heard, sell
from tests.proof.usage_calls import AT, insisted, opened

if TYPE_CHECKING:
    from tallystick.wiring import Tallystick
    from tests.proof.children import Child, Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place

ROUNDS: Final = times(2, 60)
HOLDERS: Final = 3
KILLED_ONES: Final = 2
SIZE: Final = 4
HELD: Final = 60


def hold_on(url: str, customer: str, report: Report) -> None:
    """Reserve some, say which, commit half of them and say so before the next."""
    with opened(url) as tally:
        number = 0
        while True:
            reserve = partial(tally.reserve, customer, "calls", SIZE, plan=PLAN, expires_in=HELD)
            try:
                held = insisted(reserve, report)
            except QuotaExceeded:
                return
            report("used")
            report({"id": held.id, "token": held.token})
            number += 1
            if number % 2:
                insisted(held.commit, report)
                report({"committed": held.id})


def rest(tally: Tallystick, customer: str) -> int:
    """Use one after the other until the limit; give how many."""
    count = 0
    while True:
        try:
            tally.use(customer, "calls", plan=PLAN)
        except QuotaExceeded:
            return count
        count += 1


def told(children: list[Child], word: str) -> list[dict[str, object]]:
    """Give what holders said that has a word in it."""
    return [
        each for child in children for each in child.told if isinstance(each, dict) and word in each
    ]


def test_what_a_killed_holder_held_comes_back_once(somewhere: Place, count: Count) -> None:
    chance = random.Random(13)  # noqa: S311 - a choice to be repeated
    back = 0
    with opened(somewhere.url) as tally:
        sell(tally)
    for number in range(ROUNDS):
        customer = f"c{number:03}"
        act = partial(hold_on, somewhere.url, customer)
        children = [fork(act) for _ in range(HOLDERS)]
        for child in children[:KILLED_ONES]:
            heard(child, chance.randrange(1, 4))
            child.kill()
        codes = [child.wait() for child in children[KILLED_ONES:]]
        assert codes == [0] * len(codes), "\n".join(child.errors() for child in children)
        with opened(somewhere.url) as tally:
            answer = tally.check(customer, "calls", plan=PLAN)
            committed = int(answer.used)
            # A holder may have committed and been killed before it said so.
            assert 0 <= committed - SIZE * len(told(children, "committed")) <= SIZE * KILLED_ONES
            assert committed + rest(tally, customer) + int(answer.reserved) == LIMIT
            tally.clock.set(AT + timedelta(seconds=HELD))  # type: ignore[attr-defined]  # a clock of the tests
            back += int(answer.reserved)
            assert rest(tally, customer) == answer.reserved
            assert tally.check(customer, "calls", plan=PLAN).used == LIMIT
            late = {str(each["id"]): each["token"] for each in told(children, "token")}
            for each in told(children, "committed"):
                late.pop(str(each["committed"]))
            refused = [_commit_late(tally, customer, id_, token) for id_, token in late.items()]
            assert refused.count(False) <= KILLED_ONES
            assert tally.check(customer, "calls", plan=PLAN).used == LIMIT
            assert not tally.verify().broken
    count(
        f"reservations {KILLED_ONES} of {HOLDERS} killed       {somewhere.kind:<11} {ROUNDS:>4} "
        f"rounds, over 0, under 0, {back} units came back"
    )


def _commit_late(tally: Tallystick, customer: str, id_: str, token: object) -> bool:
    """Commit what has expired: refused, unless its holder had committed it before it was killed."""
    assert isinstance(token, int)
    try:
        tally.commit(customer, id_, token)
    except ReservationOver:
        return True
    return False
