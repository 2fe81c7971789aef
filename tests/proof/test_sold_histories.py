"""What Stripe sells and bills: any order and repetition of events ends in one state (I30, I36)."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.proof.places import KINDS, in_memory, place
from tests.proof.sold_histories import HISTORIES, SoldTelling, digest, play
from tests.proof.test_webhooks import orders, repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proof.conftest import Count
    from tests.proof.places import Place
    from tests.proof.sold_histories import Played


@pytest.fixture(params=KINDS)
def here(request: pytest.FixtureRequest) -> Iterator[Place]:
    with in_memory() as folder, place(request.param, folder) as found:
        yield found


def told(
    played: Played, here: Place, act: Callable[[SoldTelling], object], dice: Any = None
) -> Any:
    """Bring the ledger back to the start, let it be told, and give what it comes to."""
    here.restore()
    telling = SoldTelling(played, here, dice)
    with telling.tally as tally:
        act(telling)
        telling.finish()
        report = tally.verify()
        assert report.ok, report.broken
        return digest(tally)


@pytest.mark.parametrize("name", HISTORIES)
def test_every_order_ends_in_one_state(name: str, here: Place, count: Count) -> None:
    history = HISTORIES[name]
    played = play(history, here)
    here.keep()
    wanted = told(played, here, lambda telling: telling.tell(range(len(played.events))))
    assert [tuple(each[1:4]) for each in sorted(wanted["had"], key=lambda e: e[1])] == history.ends
    assert [state for state, *_ in wanted["checkouts"]] == ["complete"]
    assert not any(aside for *_, aside in (*wanted["checkouts"], *wanted["objects"]))
    assert wanted["documents"] == 0
    tried, usual = 0, 6 if here.kind == "sqlite" else 2
    for number, order in enumerate(orders(len(played.events), usual, Random(name))):  # noqa: S311 - the same in each run
        dice = Random(f"{name} {number}")  # noqa: S311 - the same in each run
        sent = repeated(order, dice) if number % 2 else list(order)
        found = told(played, here, partial(SoldTelling.tell, order=sent), dice)
        assert found == wanted, f"{name}, order {number}: {sent}"
        tried += 1
    count(
        f"sold         {name:<18} {here.kind:<11} {tried:>4} orders of {len(played.events)} events"
    )
