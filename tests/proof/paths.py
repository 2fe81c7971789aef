"""The write paths that are swept: what stands before, what is done, what is acknowledged.

Each is done by the facade, as a host does it, at a frozen time; and done again it must change
nothing, because that is how one recovers: by calling the same again.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Final
from unittest import mock

from tallystick.app import imports
from tallystick.app.meters import prepare
from tallystick.core.dialects import define_plans
from tallystick.errors import Conflict
from tallystick.files.events import EventFile
from tests.proof.billing_paths import BILLING_PATHS
from tests.proof.credit_paths import CREDIT_PATHS
from tests.proof.dunning_paths import DUNNING_PATHS
from tests.proof.gate_paths import GATE_PATHS
from tests.proof.payment_paths import PAYMENT_PATHS
from tests.proof.usage_calls import event, ready, record, record_many
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from tallystick.wiring import Tallystick
    from tests.proof.write_path import Acknowledge

__all__ = ["PATHS"]


# --- tables and catalogues ------------------------------------------------------------------------


def _nothing(_tally: Tallystick) -> None:
    return None


def _migrate(tally: Tallystick, acknowledge: Acknowledge) -> None:
    for step in tally.migrate():
        acknowledge("migration_log", step.revision)


def _publish(tally: Tallystick, price: int) -> str:
    plans = [
        {"id": "free", "name": "Free", "price": 0, "currency": "EUR", "interval": "month"},
        {"id": "pro", "name": "Pro", "price": price, "currency": "EUR", "interval": "month"},
    ]
    catalog = define_plans([{**plan, "features": []} for plan in plans])
    return tally.publish(catalog, author="proof").version.digest


def _publish_first(tally: Tallystick) -> None:
    tally.migrate()
    _publish(tally, 2900)


def _publish_second(tally: Tallystick, acknowledge: Acknowledge) -> None:
    acknowledge("catalog_versions", _publish(tally, 3900))


# --- customers ------------------------------------------------------------------------------------


def _create(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Create a customer; that it is there already is what a retry is told by Conflict."""
    try:
        tally.customers.create("acme", name="Acme", email="ap@acme.example", currency="EUR")
    except Conflict:
        assert tally.customers.get("acme").name == "Acme"
    acknowledge("customers", "acme")


def _one_customer(tally: Tallystick) -> None:
    tally.migrate()
    tally.customers.create("acme", name="Acme", email="ap@acme.example", currency="EUR")


def _update(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.customers.update("acme", name="Acme Ltd", provider_id="cus_1", email=None)
    acknowledge("customers", "Acme Ltd")


def _forget(tally: Tallystick, acknowledge: Acknowledge) -> None:
    found = tally.customers.forget("acme")
    assert found.name is None
    acknowledge("customers", "acme")


# --- usage ----------------------------------------------------------------------------------------


def _some_usage(tally: Tallystick) -> None:
    ready(tally)
    _old_events(tally)


def _old_events(tally: Tallystick) -> None:
    known = [event(f"old {n}", n + 1) for n in range(6)]
    record_many(
        tally,
        [
            *known,
            event("seats 1", type="seats", properties={"quantity": 5}),
            event("other", customer="globex"),
        ],
    )


CHANGED: Final = {"quantity": 500, "region": "us", "user": "user 9"}


def _record(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert record(tally, event("new", 40)) in {"accepted", "duplicate"}
    acknowledge("usage_events", "new")


def _record_many(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Record new ones, a repeat, one of another customer, a level, corrections and two bad ones."""
    trees = [
        *(event(f"new {n}", n + 7) for n in range(4)),
        event("old 1", 2),
        event("new of globex", 3, customer="globex"),
        event("seats 2", type="seats", properties={"quantity": 8}),
        event("old 2", 99),  # another body under a key that is taken
        {"id": "nobody's", "type": "requests"},
        {"id": "void 1", "customer": "acme", "void": "old 0"},
        {"id": "amend 1", "customer": "acme", "amend": "new 2", "properties": CHANGED},
    ]
    recorded = record_many(tally, trees)
    assert [each.index for each in recorded.rejected] == [7, 8]
    for tree, status in zip(trees, recorded.statuses, strict=True):
        if status != "rejected":
            acknowledge("usage_events", str(tree["id"]))


def _amend(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.usage.amend("acme", "old 3", properties=CHANGED, correction_id="a")
    acknowledge("usage_events", "a")


def _void(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.usage.void("acme", "old 3", correction_id="v")
    acknowledge("usage_events", "v")


def _import(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Import a file in batches of three: several transactions, one of them without anything new."""
    trees = [event(f"line {n}", n + 3) for n in range(8)]
    trees[4] = event("old 4", 5)
    texts = [json.dumps(tree) for tree in trees]
    texts[1:1] = ["{this is no line of JSON"]
    told: list[int] = []

    def done(counts: imports.Imported) -> None:
        known = [json.loads(text) for text in texts[: counts.read] if not text.startswith("{t")]
        for tree in known[len(told) :]:
            acknowledge("usage_events", tree["id"])
            told.append(1)

    stream = io.BytesIO("\n".join([*texts, *texts[:3]]).encode())
    with EventFile("month.jsonl", stream=stream) as file, mock.patch.object(imports, "_BATCH", 3):
        counts = tally.usage.import_file(file, bad=lambda _: None, done=done)
    assert (counts.read, counts.rejected) == (12, 2)
    assert counts.accepted + counts.duplicates == 10


def _events_without_meters(tally: Tallystick) -> None:
    tally.migrate()
    _old_events(tally)


def _prepare(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Compute new meters over old events, in many short transactions."""
    meters = tally.usage.meters()
    for kept in prepare(tally.storage, [meters["users"], meters["seats"]]):
        assert kept.state == "ready"
        acknowledge("meters", kept.meter.key)


PATHS: Final = {
    path.name: path
    for path in (
        WritePath("migrate", _migrate, before=_nothing, shape=True),
        WritePath("publish", _publish_second, before=_publish_first),
        WritePath("publish the first", _publish_second),
        WritePath("record", _record, before=_some_usage),
        WritePath("record_many", _record_many, before=_some_usage),
        WritePath("amend", _amend, before=_some_usage),
        WritePath("void", _void, before=_some_usage),
        WritePath("import", _import, before=_some_usage),
        WritePath("new meters", _prepare, before=_events_without_meters),
        WritePath("customers.create", _create),
        WritePath("customers.update", _update, before=_one_customer),
        WritePath("customers.forget", _forget, before=_one_customer),
        *BILLING_PATHS,
        *CREDIT_PATHS,
        *DUNNING_PATHS,
        *GATE_PATHS,
        *PAYMENT_PATHS,
    )
}
"""Every write path of this version, by its name."""
