"""Unpaid invoices on the ladder: each step once, at its time, and all of it over once paid."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Tallystick
from tallystick.app import dunning, dunning_run
from tallystick.app.billing import run_billing
from tallystick.errors import InvalidInput, NotFound, StorageUnavailable
from tallystick.storage.derived import ledger_digests
from tests.facade.billing import START, catalog, day, digest, opened, usd
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]

LADDER: dict[str, Any] = {
    "steps": [0, {"days": 3, "access": "read_only", "notice": "payment_reminder"}],
    "end": "cancel",
    "end_days": 7,
}
FOR_EVER = day("2027-12-31")


def set_up(tally: Tallystick, **more: Any) -> None:
    tally.seller.set(dunning=LADDER | more, at=START)
    tally.subscriptions.start("acme", "basic", id="s", at=START)


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as found:
        yield found


def told(tally: Tallystick) -> list[tuple[str, str, int]]:
    """Give the notices: which, on which day, of which step."""
    found = tally.dunning.notices(limit=100)
    return [(each.kind, str(each.at)[:10], each.body["step"]) for each in found]


def stand(tally: Tallystick) -> tuple[str, int, str, str]:
    (climb,) = tally.dunning.list(limit=1).items or tally.dunning.list(state="recovered").items
    return climb.state, climb.attempts, climb.access, tally.subscriptions.get("s").state


# --- climbing -------------------------------------------------------------------------------------


def test_an_invoice_that_is_not_paid_climbs_to_the_end(tally: Tallystick) -> None:
    set_up(tally)
    tally.invoices.run(START)
    assert stand(tally) == ("retrying", 1, "full", "past_due")
    assert tally.invoices.run(START + timedelta(days=2)).dunning == 0
    assert tally.invoices.run(START + timedelta(days=3)).dunning == 1
    assert stand(tally) == ("retrying", 2, "read_only", "past_due")
    done = tally.invoices.run(START + timedelta(days=7))
    assert (done.dunning, done.set_aside) == (1, ())
    assert stand(tally) == ("final", 3, "none", "canceled")
    assert told(tally) == [
        ("payment_failed", "2026-10-01", 1),
        ("payment_reminder", "2026-10-04", 2),
        ("dunning_ended", "2026-10-08", 3),
    ]
    (notice, *_) = tally.dunning.notices(customer="acme")
    assert dict(notice.body) == {
        "invoice": tally.dunning.get("INV-000001").invoice,
        "number": "INV-000001",
        "subscription": "s",
        "step": 1,
        "access": "full",
        "end": None,
        "left": 1_000,
        "currency": "USD",
        "due_at": "2026-10-01T00:00:00Z",
    }
    assert [each.kind for each in tally.dunning.notices(after=notice.position or 0)] == [
        "payment_reminder",
        "dunning_ended",
    ]
    before = digest(tally)
    assert not tally.invoices.run(START + timedelta(days=7)).did_work
    assert digest(tally) == before
    assert tally.verify().ok


def test_one_late_run_leaves_what_a_run_each_day_leaves(database: Database, tmp_path: Path) -> None:
    until = day("2026-12-20")
    found = []
    for url, days in ((database.url, 1), (f"sqlite:///{tmp_path / 'late.db'}", 80)):
        with opened(url) as tally:
            set_up(tally, end="pause", end_days=40, at="09:30", zone="Europe/Vienna")
            at = START
            while at < until:
                at = min(at + timedelta(days=days), until)
                tally.invoices.run(at)
            tally.act(lambda unit, _: found.append(ledger_digests(unit)))
            del found[-1]["meters"]  # JSON, whose keys have another order on PostgreSQL
            assert stand(tally)[3] == "paused"
            assert told(tally)[-1] == ("dunning_ended", "2026-12-11", 3)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("end", "state", "status"),
    [
        ("cancel", "canceled", "open"),
        ("pause", "paused", "open"),
        ("leave", "past_due", "open"),
        ("uncollectible", "canceled", "uncollectible"),
    ],
)
def test_each_end_does_what_it_says(tally: Tallystick, end: str, state: str, status: str) -> None:
    set_up(tally, end=end)
    tally.invoices.run(START)
    tally.invoices.run(START + timedelta(days=8))
    assert tally.subscriptions.get("s").state == state
    assert tally.invoices.get("INV-000001").status == status
    access = "read_only" if end == "leave" else "none"
    assert (tally.dunning.get("INV-000001").access, tally.verify().ok) == (access, True)


def test_nothing_happens_without_a_ladder_or_to_what_was_due_before_it(tally: Tallystick) -> None:
    tally.subscriptions.start("acme", "basic", id="s", at=START)
    tally.invoices.run(START + timedelta(days=20))
    tally.seller.set(dunning=LADDER, at=day("2026-10-25"))
    changed = tally.seller.set(dunning=LADDER | {"end": "leave"}).dunning
    assert changed is not None
    assert changed.since == day("2026-10-25")
    assert not tally.invoices.run(day("2026-10-31")).dunning
    assert tally.dunning.list().items == ()
    tally.invoices.run(day("2026-11-02"))
    (climb,) = tally.dunning.list()
    assert tally.invoices.get(climb.invoice).invoice.number == "INV-000002"
    assert climb.ladder.end == "leave"
    tally.seller.set(dunning=None)
    tally.invoices.run(day("2026-11-05"))
    assert tally.dunning.get("INV-000002").attempts == 2  # it keeps the ladder it began with


# --- being paid -----------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 3, 6])
def test_who_pays_at_any_step_is_active_again_and_is_told(tally: Tallystick, days: int) -> None:
    set_up(tally)
    at = START + timedelta(days=days)
    tally.invoices.run(START)
    tally.invoices.run(at)
    tally.invoices.pay("INV-000001", usd("4.00"), at=at)
    assert stand(tally)[3] == "past_due"
    tally.invoices.pay("INV-000001", at=at)
    assert stand(tally) == ("recovered", 1 if days == 0 else 2, "full", "active")
    assert told(tally)[-1][:2] == ("payment_recovered", str(at)[:10])
    assert tally.dunning.list().items == ()
    tally.invoices.run(START + timedelta(days=20))
    assert tally.subscriptions.get("s").state == "active"
    assert tally.verify().ok


def test_it_stays_past_due_while_another_invoice_is(tally: Tallystick) -> None:
    set_up(tally, end="leave", end_days=7)
    tally.invoices.run(START)
    tally.invoices.run(day("2026-11-01"))
    tally.invoices.pay("INV-000001", at=day("2026-11-02"))
    assert tally.subscriptions.get("s").state == "past_due"
    tally.invoices.pay("INV-000002", at=day("2026-11-02"))
    assert tally.subscriptions.get("s").state == "active"


def test_who_pays_after_the_end_stays_canceled_and_owes_nothing(tally: Tallystick) -> None:
    set_up(tally, end="uncollectible")
    tally.invoices.run(START)
    tally.invoices.run(START + timedelta(days=8))
    tally.invoices.pay("INV-000001", at=START + timedelta(days=9))
    assert tally.subscriptions.get("s").state == "canceled"
    assert tally.dunning.get("INV-000001").state == "recovered"
    assert told(tally)[-1][0] == "payment_recovered"
    assert tally.verify().ok


@pytest.mark.parametrize("way", ["void", "credit"])
def test_an_invoice_that_is_taken_back_ends_it_too(tally: Tallystick, way: str) -> None:
    set_up(tally)
    tally.invoices.run(START)
    getattr(tally.invoices, way)("INV-000001", at=START + timedelta(days=1))
    assert stand(tally) == ("recovered", 1, "full", "active")
    kinds = [kind for kind, _, _ in told(tally)]
    assert kinds == ["payment_failed", *(["payment_recovered"] if way == "credit" else [])]


def test_an_invoice_that_a_person_gives_up_has_no_further_steps(tally: Tallystick) -> None:
    set_up(tally)
    tally.invoices.run(START)
    tally.invoices.uncollectible("INV-000001", at=START + timedelta(days=1))
    tally.invoices.run(START + timedelta(days=20))
    assert stand(tally) == ("final", 1, "full", "past_due")
    assert [kind for kind, _, _ in told(tally)] == ["payment_failed"]
    tally.invoices.pay("INV-000001", at=START + timedelta(days=21))
    assert stand(tally) == ("recovered", 1, "full", "active")


def test_paid_in_time_is_never_on_a_ladder(tally: Tallystick) -> None:
    set_up(tally)
    tally.seller.set(net_days=14, at=START)
    tally.invoices.run(START)
    tally.invoices.pay("INV-000001", at=START + timedelta(days=13))
    tally.invoices.run(START + timedelta(days=15))
    with pytest.raises(NotFound):
        tally.dunning.get("INV-000001")
    assert tally.dunning.notices() == ()


# --- what goes wrong ------------------------------------------------------------------------------


def test_what_cannot_be_done_is_set_aside_and_blocks_nobody(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(tally)
    tally.customers.create("beta")
    tally.subscriptions.start("beta", "basic", id="b", at=START)
    real = dunning.tell

    def tell(unit: Any, document: Any, *rest: Any) -> None:
        if document.invoice.customer == "acme":
            raise InvalidInput("no letter can be written")
        real(unit, document, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(dunning_run, "tell", tell)
        done = tally.invoices.run(START)
    assert [(each.kind, each.customer) for each in done.set_aside] == [("dunning", "acme")]
    assert done.set_aside[0].reason["message"] == "no letter can be written"
    assert tally.subscriptions.get("b").state == "past_due"
    assert tally.subscriptions.get("s").state == "active"
    assert not tally.invoices.run(START).did_work
    (left,) = tally.invoices.set_aside()
    tally.invoices.retry(left.id)
    assert tally.invoices.run(START).dunning == 1
    assert tally.subscriptions.get("s").state == "past_due"


def test_a_step_is_all_or_nothing(tally: Tallystick, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(tally)
    tally.invoices.run(START, limit=1)  # its documents, and no more
    assert told(tally) == []
    with monkeypatch.context() as away:
        away.setattr(dunning_run, "move_if_allowed", _away)
        with pytest.raises(StorageUnavailable):
            tally.invoices.run(START)
    assert told(tally) == []
    assert tally.dunning.get("INV-000001").attempts == 0
    assert tally.invoices.run(START).dunning == 1
    assert told(tally) == [("payment_failed", "2026-10-01", 1)]


def _away(*_: object) -> None:
    raise StorageUnavailable("the database is away")


def test_many_runs_at_once_do_each_step_once(database: Database, tally: Tallystick) -> None:
    if not database.shared:
        pytest.skip("a database in memory has one connection")
    tally.seller.set(dunning=LADDER, at=START)
    for number in range(12):
        tally.customers.create(f"c{number}")
        tally.subscriptions.start(f"c{number}", "basic", id=f"s{number}", at=START)
    faults: list[BaseException] = []

    def run() -> None:
        try:
            with Tallystick(database.url, catalog=catalog()) as other:
                run_billing(other.storage, START + timedelta(days=3), batch=5)
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(told(tally)) == sorted(
        [("payment_failed", "2026-10-01", 1), ("payment_reminder", "2026-10-04", 2)] * 12
    )
    assert {each.attempts for each in tally.dunning.list(limit=100)} == {2}
    assert tally.verify().ok


def test_the_role_of_a_program_may_do_all_of_it(ledger: Ledger) -> None:
    with Tallystick(ledger.owner.engine, catalog=catalog()) as owner:
        owner.publish(author="anna", at=day("2026-01-01"))
    with Tallystick(ledger.app.engine, catalog=catalog()) as tally:
        for name in ("acme", "beta"):
            tally.customers.create(name)
        set_up(tally)
        tally.subscriptions.start("beta", "basic", id="b", at=START)
        tally.invoices.run(START)
        assert [each.state for each in tally.subscriptions.list()] == ["past_due", "past_due"]
        number = next(iter(tally.invoices.list(customer="acme"))).invoice.id
        tally.invoices.pay(number, at=START)
        assert tally.subscriptions.get("s").state == "active"
        with tally.storage.begin() as unit:
            unit.as_customer("acme")
            assert [each.customer for each in tally.dunning.notices(connection=unit.connection)]
        assert len(tally.dunning.notices(customer="beta")) == 1


# --- asking ---------------------------------------------------------------------------------------


def test_pages_and_wrong_words(tally: Tallystick) -> None:
    set_up(tally)
    tally.customers.create("beta")
    tally.subscriptions.start("beta", "basic", id="b", at=START)
    tally.invoices.run(START)
    page = tally.dunning.list(limit=1)
    rest = tally.dunning.list(limit=1, starting_after=page.cursor)
    assert {each.customer for each in (*page, *rest)} == {"acme", "beta"}
    assert rest.cursor is None
    assert [each.customer for each in tally.dunning.list(customer="beta")] == ["beta"]
    wrong: Any = "gone"
    with pytest.raises(InvalidInput, match="state is one of"):
        tally.dunning.list(state=wrong)
    with pytest.raises(NotFound):
        tally.dunning.list(customer="nobody")
    with pytest.raises(InvalidInput, match="after is a position"):
        tally.dunning.notices(after=-1)
    with pytest.raises(NotFound, match="not paid in time"):
        tally.dunning.get("INV-9")
    with pytest.raises(InvalidInput, match=r"dunning.steps\[1\].days must come after"):
        tally.seller.set(dunning=LADDER | {"steps": [3, 3]})


def test_a_year_foreseen_takes_what_is_open_as_paid(tally: Tallystick) -> None:
    set_up(tally)
    tally.invoices.run(START)
    before = digest(tally)
    found = tally.foresee("acme", day("2027-10-01"), at=day("2026-10-05"))
    assert [str(each.total) for each in found.documents] == ["10.00 USD"] * 12
    assert digest(tally) == before
