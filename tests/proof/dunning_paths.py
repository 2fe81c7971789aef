"""The write paths of dunning and of price migrations that are swept: each step, told once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from tallystick.app import price_migration_run
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict
from tests.proof.billing_calls import BEGIN, SOLD, customers, day, run, sell, start
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.wiring import Tallystick
    from tests.proof.write_path import Acknowledge

__all__ = ["DUNNING_PATHS"]

LADDER: Final[dict[str, Any]] = {
    "steps": [0, {"days": 1, "access": "read_only", "notice": "payment_reminder"}],
    "end": "cancel",
    "end_days": 2,
}
NAMES: Final = ("acme", "globex", "hooli")


# --- what stands before ---------------------------------------------------------------------------


def _unpaid(tally: Tallystick) -> None:
    """One invoice, due as it is issued: the first step was taken."""
    sell(tally)
    tally.seller.set(dunning=LADDER, net_days=0, at=BEGIN)
    customers(tally, ["acme"])
    start(tally, "acme", "basic")
    run(tally, 0.2)


def _late(tally: Tallystick) -> None:
    _unpaid(tally)
    run(tally, 1.2)


def _dearer(tally: Tallystick) -> None:
    """Some who have what costs more since."""
    sell(tally)
    customers(tally, NAMES)
    for name in NAMES:
        start(tally, name, "basic")
    tree: Any = to_tree(SOLD)
    tree["products"][0]["plans"][0]["prices"][0]["cost"] = "12.00"
    tally.publish(read_catalog(tree), author="proof", at=day(1))


def _planned(tally: Tallystick) -> None:
    _dearer(tally)
    tally.price_migrations.plan("basic", "basic", id="m", stages=[1], at=day(2))
    tally.price_migrations.run("m", stage=1, at=day(2))


def _moved(tally: Tallystick) -> None:
    _planned(tally)
    tally.price_migrations.run("m", stage=2, at=day(3))


# --- what is done ---------------------------------------------------------------------------------


def _step(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert not run(tally, 1.2).set_aside
    acknowledge("outbox", "payment_reminder")
    assert tally.subscriptions.get("acme-sub").state == "past_due"


def _end(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Come to the end, which cancels."""
    assert not run(tally, 2.2).set_aside
    acknowledge("outbox", "dunning_ended")
    assert tally.subscriptions.get("acme-sub").state == "canceled"


def _recover(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.invoices.pay("INV-000001", idempotency_key="late", at=day(1.5))
    acknowledge("payments", "late")
    acknowledge("outbox", "payment_recovered")
    assert tally.subscriptions.get("acme-sub").state == "active"


@contextmanager
def _one_by_one() -> Iterator[None]:
    with mock.patch.object(price_migration_run, "_BATCH", 1):
        yield


def _migrate(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Plan, and move everybody in two stages, each in a transaction of its own."""
    tally.price_migrations.plan("basic", "basic", id="m", stages=[1], at=day(2))
    acknowledge("price_migrations", "m")
    with _one_by_one():
        for stage in (1, 2):
            tally.price_migrations.run("m", stage=stage, at=day(3))
    assert dict(tally.price_migrations.get("m").counts) == {"moved": 3}
    for name in NAMES:
        acknowledge("outbox", f"price_migration/m/{name}-sub")


def _stop(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert tally.price_migrations.stop("m").state == "stopped"
    acknowledge("price_migrations", "stopped")
    try:
        tally.price_migrations.run("m", at=day(3))
    except Conflict:
        assert dict(tally.price_migrations.get("m").counts) == {"moved": 1, "skipped": 2}


def _undo(tally: Tallystick, acknowledge: Acknowledge) -> None:
    with _one_by_one():
        assert not tally.price_migrations.undo("m", at=day(4)).kept
    assert dict(tally.price_migrations.get("m").counts) == {"undone": 3}
    acknowledge("outbox", "price_change_undone")


def _swept(
    name: str,
    act: Callable[[Tallystick, Acknowledge], None],
    before: Callable[[Tallystick], object],
) -> WritePath:
    return WritePath(name, act, before, long=True)


DUNNING_PATHS: Final = (
    _swept("dunning", _step, _unpaid),
    _swept("end dunning", _end, _late),
    _swept("pay late", _recover, _late),
    _swept("price migration", _migrate, _dearer),
    _swept("stop migration", _stop, _planned),
    _swept("undo migration", _undo, _moved),
)
"""Every write path of dunning and of price migrations."""
