"""Units let pass while the database is away: `kill -9`, lost answers, and a server that is gone."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Final

from tallystick import Tallystick
from tallystick.core.dialects import define_plans
from tallystick.errors import StorageUnavailable
from tallystick.storage import unit as unit_module
from tests.proof.children import fork
from tests.proof.places import place
from tests.proof.proxy import Proxy
from tests.proof.settings import PATIENCE, times

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.proof.children import Child, Report
    from tests.proof.places import Place
    from tests.proof.proxy import Fate

ROUNDS: Final = times(2, 30)
UNITS: Final = 12
LIMIT: Final = 5
CALLS: Final = {"featureKey": "calls", "enabled": True, "limit": LIMIT, "reset": "year"}
FREE: Final = {"id": "free", "name": "Free", "price": 0, "currency": "EUR", "interval": "month"}
PLANS: Final = define_plans([{**FREE, "features": [CALLS]}])
GONE: Final = {
    "sqlite": "sqlite:////proc/nowhere/a.db",
    "postgresql": "postgresql://nobody@127.0.0.1:1/nothing",
}


def opened(url: str, folder: Path) -> Tallystick:
    return Tallystick(
        url, catalog=PLANS, default_plan="free", offline_units=UNITS, offline_spool=folder
    )


def use_up(url: str, folder: Path, report: Report) -> None:
    """Use one after the other, and say so before the next, until the answer is no."""
    unit_module._PAUSES = (0, 0, 0, 0)  # type: ignore[misc]  # this child waits for nobody
    tally = opened(url, folder)
    while True:
        try:
            tally.use("acme", "calls")
        except StorageUnavailable:
            return
        report("used")


def reconcile(url: str, folder: Path, report: Report) -> None:
    with opened(url, folder) as tally:
        report("begun")
        assert tally.offline is not None
        tally.offline.reconcile()


def heard(child: Child, count: int) -> None:
    """Wait until a child has said so much, or is gone."""
    while len(child.told) < count and child.listen(PATIENCE):
        continue


def test_whoever_is_killed_and_whenever_each_is_counted_once(
    somewhere: Place, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 - a choice to be repeated
    with opened(somewhere.url, tmp_path / "none") as tally:
        tally.migrate()
        tally.publish(author="proof")
    expected = 0
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        act = partial(use_up, GONE[somewhere.kind], folder)
        children = [fork(act), fork(act)]
        heard(children[0], chance.randrange(1, UNITS))
        children[0].kill()
        assert children[1].wait() == 0, children[1].errors()
        last = fork(act)  # takes over the part of the folder of one that is gone
        assert last.wait() == 0, last.errors()
        told = sum(each.told.count("used") for each in (*children, last))

        counting = fork(partial(reconcile, somewhere.url, folder))
        heard(counting, 1)
        if number % 2:
            counting.listen(chance.random() / 20)
        counting.kill()
        with opened(somewhere.url, folder) as tally:
            assert tally.offline is not None
            tally.offline.reconcile()
            counted = int(tally.check("acme", "calls").used) - expected
            # One that was killed between the disk and its answer let pass what nobody heard of.
            assert told <= counted <= told + 1
            assert counted <= 2 * UNITS, "no more than two were alive at a time"
            assert len(list(tally.usage.export(customer="acme"))) == expected + counted
            assert tally.offline.reconcile() == 0
            assert not tally.verify().broken
        expected += counted


def test_an_answer_that_is_lost_with_the_server_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_module, "_PAUSES", (0, 0, 0, 0))
    with place("postgresql", tmp_path) as served:
        with opened(served.url, tmp_path / "none") as tally:
            tally.migrate()
            tally.publish(author="proof")
        armed: list[bool] = []

        def fate() -> Fate:
            if not armed:
                return "pass"
            proxy._over = True
            proxy._listener.shutdown(2)
            return "eat"

        with Proxy(served.url, fate) as proxy:
            tally = opened(proxy.url, tmp_path / "spool")
            tally.use("acme", "calls")
            armed.append(True)
            for _ in range(2):  # kept, and nobody was told; then the server is gone
                answer = tally.use("acme", "calls", idempotency_key="lost")
                assert answer.reason == "dependency_away"
            assert tally.use("acme", "calls", 2).remaining == UNITS - 3
        assert proxy.fates["eat"] == 1
        tally.close()
        with opened(served.url, tmp_path / "spool") as tally:
            assert tally.offline is not None
            tally.offline.reconcile()
            assert tally.check("acme", "calls").used == 4
            assert not tally.verify().broken
