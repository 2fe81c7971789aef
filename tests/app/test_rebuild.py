"""Everything derived is taken away and made again, and the database is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from tallystick.app.invoice import Way, call_uncollectible, change_draft, pay_invoice, void_invoice
from tallystick.app.invoice_credit import Asked, credit_invoice, refund_invoice
from tallystick.app.rebuild import rebuild
from tallystick.app.replay import replay_invoice
from tallystick.app.subscription import start_subscription
from tallystick.app.verify import verify_ledger
from tallystick.core.move import Start
from tallystick.errors import Conflict
from tallystick.storage import invoices
from tallystick.storage.derived import ledger_digests, unguarded
from tests.billed import LATE, act, bill_until, day, play

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage, Unit


def by_hand(unit: Unit) -> None:
    """Do by hand all that can be done to documents."""
    at = day("2027-06-01")
    credit_invoice(unit, at, "INV-000001", Asked(amount="1.00"))
    call_uncollectible(unit, at, "INV-000001")
    pay_invoice(unit, at, "INV-000001", "5.00", Way(id="pay_1"))
    credit_invoice(unit, at, "INV-000001", Asked(amount="2.00"))
    pay_invoice(unit, at, "INV-000003", None, Way(id="pay_2"))
    refund_invoice(unit, at, "INV-000003", "4.00", Way(id="ref_1"))
    credit_invoice(unit, at, "INV-000003", Asked(amount="7.00"))
    void_invoice(unit, at, "INV-000008")
    start = Start(customer="beta", group="more", offer="basic@1", currency="USD")
    made = start_subscription(unit, at, "s-new", start)
    change_draft(unit, made.documents[0], {"memo": "thank you"})


@pytest.fixture
def used(storage: Storage) -> Storage:
    """A ledger that was used, with a draft that waits."""
    play(storage, LATE)
    act(storage, by_hand)
    return storage


def digests(storage: Storage) -> dict[str, str]:
    with storage.look() as unit:
        unit.as_all()
        return ledger_digests(unit)


def test_the_database_is_the_same(used: Storage) -> None:
    before = digests(used)
    assert {"journal", "balances", "subscriptions", "invoices", "usage_days"} <= before.keys()
    rebuild(used)
    assert digests(used) == before
    with used.look() as unit:
        assert verify_ledger(unit).broken == ()
        for each in invoices.list_invoices(unit, 100):
            if each.number is not None:
                unit.as_all()
                assert replay_invoice(unit, each.invoice.id).differences == ()


def test_what_was_derived_wrongly_is_right_again(used: Storage) -> None:
    before = digests(used)

    def spoil(unit: Unit) -> None:
        tables = unit.tables
        with unguarded(unit):
            unit.connection.execute(update(tables.journal).values(minor=1))
            unit.connection.execute(update(tables.balances).values(minor=99))
            unit.connection.execute(update(tables.subscriptions).values(snapshot="{}", due_at=None))
            unit.connection.execute(delete(tables.usage_days))
            unit.connection.execute(update(tables.invoices).values(noted=0, credited=0, refunded=0))

    act(used, spoil)
    assert digests(used) != before
    rebuild(used)
    assert digests(used) == before


def test_the_rules_stand_again_and_work_goes_on(used: Storage) -> None:
    rebuild(used)
    for table in (used.tables.journal, used.tables.invoices):
        with used.begin() as unit:
            unit.as_all()
            with pytest.raises(IntegrityError, match="never"):
                unit.connection.execute(delete(table))
    bill_until(used, "2027-07-01")
    with used.look() as unit:
        assert verify_ledger(unit).broken == ()


def test_a_truth_that_does_not_hold_together_changes_nothing(used: Storage) -> None:
    with used.begin() as unit:
        unit.as_all()
        with unguarded(unit):
            c = unit.tables.journal.c
            mine = c.cause == "payment/pay_2"
            unit.connection.execute(update(unit.tables.journal).where(mine).values(cause="gift/1"))
        unit.commit()
    before = digests(used)
    with pytest.raises(Conflict, match="gift/1"):
        rebuild(used)
    assert digests(used) == before
