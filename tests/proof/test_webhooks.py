"""Any order, repetition and loss of events, and stale answers, end in one state (I30, I31, I36).

And a crash at any boundary of SQL, in receiving and in reading, loses and repeats nothing (I35).
"""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.proof.children import KILLED, run
from tests.proof.injector import Injector, install
from tests.proof.places import KINDS, in_memory, place
from tests.proof.settings import FULL, times
from tests.proof.webhook_histories import HISTORIES, Telling, digest, play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.proof.children import Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place
    from tests.proof.webhook_histories import Played

LEAST = 80
"""The boundaries that the sweep meets at least: one that shrinks is a sweep that lies."""


@pytest.fixture(params=KINDS)
def here(request: pytest.FixtureRequest) -> Iterator[Place]:
    with in_memory() as folder, place(request.param, folder) as found:
        yield found


def told(played: Played, here: Place, act: Callable[[Telling], object], dice: Any = None) -> Any:
    """Bring the ledger back to the start, let it be told, and give what it comes to."""
    here.restore()
    telling = Telling(played, here, dice)
    with telling.tally as tally:
        act(telling)
        telling.finish()
        assert tally.verify().ok
        return digest(tally)


def orders(events: int, usual: int, dice: Random) -> Iterator[Sequence[int]]:
    """Give all orders of up to six events (some of them, in a short run), else random ones."""
    every = list(itertools.permutations(range(events))) if events <= 6 else []
    if every and (FULL or len(every) <= usual):
        yield from every
        return
    for _ in range(times(usual, 500)):
        yield dice.sample(range(events), events)


def repeated(order: Sequence[int], dice: Random) -> list[int]:
    """Repeat each event up to five times, and let some be lost first and sent again at the end."""
    lost = [number for number in order if dice.random() < 0.3]
    sent = [number for number in order if number not in lost]
    again = [n for n in order for _ in range(dice.randint(0, 4))]
    dice.shuffle(again)
    return [*sent, *again, *lost]


@pytest.mark.parametrize("name", HISTORIES)
def test_every_order_ends_in_one_state(name: str, here: Place, count: Count) -> None:
    history = HISTORIES[name]
    played = play(history, here)
    here.keep()
    wanted = told(played, here, lambda telling: telling.tell(range(len(played.events))))
    assert wanted["invoice"][0] == history.status
    booked: Counter[str] = Counter()
    for kind, minor, _ in wanted["payments"]:
        booked[kind] += minor
    assert booked == history.payments
    assert sum(each[-1] != "" for each in wanted["objects"]) == history.alerts
    tried, usual = 0, 12 if here.kind == "sqlite" else 3
    for number, order in enumerate(orders(len(played.events), usual, Random(name))):  # noqa: S311 - the same in each run
        dice = Random(f"{name} {number}")  # noqa: S311 - the same in each run
        sent = repeated(order, dice) if number % 2 else list(order)
        found = told(played, here, partial(Telling.tell, order=sent), dice)
        assert found == wanted, f"{name}, order {number}: {sent}"
        tried += 1
    count(
        f"webhooks     {name:<18} {here.kind:<11} {tried:>4} orders of {len(played.events)} events"
    )


@pytest.mark.parametrize("name", ["card", "refund by hand", "refund fails", "dispute lost"])
def test_a_crash_at_any_boundary_loses_and_repeats_nothing(
    name: str, here: Place, count: Count
) -> None:
    played = play(HISTORIES[name], here)
    here.keep()
    every = range(len(played.events))

    def act(telling: Telling) -> None:
        for number in every:
            telling.send(number)
        telling.read()

    wanted = told(played, here, act)
    here.restore()

    def child(at: int | None) -> Callable[[Report], None]:
        def dies(report: Report) -> None:
            telling = Telling(played, here)
            injector = Injector(at)
            install(telling.tally.storage.engine, injector)
            act(telling)
            report({"met": injector.met})

        return dies

    whole = run(child(None))
    assert whole.code == 0, whole.errors()
    (met,) = (each["met"] for each in whole.told)
    assert len(met) >= LEAST
    near = [n for n in range(1, len(met) + 1) if "COMMIT" in met[n - 1]]
    every_fourth = name == "card" and here.kind == "sqlite"
    step = 1 if FULL else 4 if every_fourth else len(met)
    numbers = sorted({*near, *range(1, len(met) + 1, step)})
    for number in numbers:
        where = f"boundary {number}: {met[number - 1]}"
        here.restore()
        killed = run(child(number))
        assert killed.code == KILLED, f"{where}: it did not die\n{killed.errors()}"
        telling = Telling(played, here)
        with telling.tally as tally:
            act(telling)  # Stripe sends again what was not answered
            telling.finish()
            assert digest(tally) == wanted, where
            assert tally.verify().ok, where
    count(f"webhooks     a crash in {name:<15} {here.kind:<11} {len(numbers):>4} boundaries")
