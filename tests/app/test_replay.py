"""Every document comes out again byte for byte, and whatever was tampered with is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select, update

from tallystick.app.difference import Difference, differences
from tallystick.app.invoice_credit import Asked, credit_invoice
from tallystick.app.replay import replay_invoice
from tallystick.app.subscription import start_subscription
from tallystick.core.move import Start
from tallystick.core.published import catalog_text
from tallystick.errors import Conflict, NotFound
from tallystick.storage import invoices
from tests.billed import CATALOG, LATE, bared, day, migrated, play, unguarded
from tests.facade.billing import opened
from tests.golden.replay.make import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.app.replay import Replay
    from tallystick.storage.unit import Storage, Unit
    from tests.databases import Database


@pytest.fixture(scope="module", params=["sqlite-memory", "postgresql"])
def used(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """A ledger that was used for months; what is planted in it is never committed."""
    with migrated(request.param, tmp_path_factory.mktemp("ledger")) as opened:
        play(opened, LATE)
        yield opened


def replayed(unit: Unit, number: str) -> Replay:
    unit.as_all()
    return replay_invoice(unit, number)


def numbers(unit: Unit) -> list[str]:
    unit.as_all()
    found = (each.invoice.number for each in invoices.list_invoices(unit, 100))
    return sorted(number for number in found if number is not None)


def test_every_document_comes_out_again(used: Storage) -> None:
    with used.look() as unit:
        told = {number: replayed(unit, number).differences for number in numbers(unit)}
        body = unit.connection.execute(
            select(unit.tables.invoices.c.body).where(
                unit.tables.invoices.c.number_text == "INV-000003"
            )
        ).scalar_one()
        again = replayed(unit, "INV-000003")
    assert told == dict.fromkeys(told, ())
    assert len(told) == 10
    assert again.body == body.encode()
    assert again.equal


def test_roll_ups_are_not_trusted(used: Storage) -> None:
    with used.begin() as unit:
        unit.as_all()
        unit.connection.execute(delete(unit.tables.usage_days))
        unit.connection.execute(update(unit.tables.meters).values(state="ready"))
        assert replayed(unit, "INV-000003").equal


def test_a_credit_by_value_is_made_again_from_the_events_alone(database: Database) -> None:
    with opened(database.url) as tally:
        tally.subscriptions.start("acme", "pro", id="s", at=day("2026-10-01"))
        clock: Any = tally.clock
        for number, at in enumerate(("2026-10-05", "2026-10-09", "2026-10-20"), start=1):
            clock.set(day(at))
            tally.usage.record("acme", "calls", id=f"c{number}", quantity=300)
        move: dict[str, Any] = {"plan": "sms", "when": "now", "proration": "value_capped"}
        tally.subscriptions.change("s", at=day("2026-10-11"), **move)
        tally.invoices.run(day("2026-11-02"))
        (credit,) = [
            (each.invoice.number, line)
            for each in tally.invoices.list()
            for line in each.invoice.lines
            if line.kind == "credit" and line.price == "pro"
        ]
        assert credit[1].amount.minor == -1_200  # 600 of 1,000 were used: 30.00 × 0.4
        with tally.storage.begin() as unit:
            unit.as_all()
            unit.connection.execute(delete(unit.tables.usage_days))
            unit.connection.execute(update(unit.tables.meters).values(state="ready"))
            assert replayed(unit, str(credit[0])).differences == ()


def test_what_arrived_later_changes_nothing(used: Storage) -> None:
    with used.begin() as unit:
        unit.as_all()
        unguarded(unit, "usage_events")
        events = unit.tables.usage_events
        late = update(events).where(events.c.id == "call20")
        unit.connection.execute(late.values(occurred_at=day("2027-02-20")))
        assert replayed(unit, "INV-000003").equal


def test_a_note_by_hand_comes_out_again(used: Storage) -> None:
    with used.begin() as unit:
        unit.as_all()
        note = credit_invoice(unit, day("2027-06-01"), "INV-000006", Asked(amount="12.34"))
        assert note.invoice.number is not None
        assert replayed(unit, note.invoice.number).equal
        assert replayed(unit, "INV-000006").equal


def test_what_was_not_issued_is_refused(used: Storage) -> None:
    with used.begin() as unit:
        unit.as_all()
        start = Start(customer="beta", group="more", offer="basic@1", currency="USD")
        made = start_subscription(unit, day("2027-06-01"), "s-new", start)
        with pytest.raises(Conflict, match="is a draft"):
            replay_invoice(unit, made.documents[0])
        with pytest.raises(NotFound):
            replay_invoice(unit, "INV-999999")
        with pytest.raises(NotFound):
            replay_invoice(unit, "INV-000001", customer_id="beta")


# --- tampering ----------------------------------------------------------------------------------


def changed(table: str, where: dict[str, Any], **values: Any) -> Callable[[Unit], None]:
    def tamper(unit: Unit) -> None:
        unguarded(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        assert unit.connection.execute(update(found).where(*mine).values(values)).rowcount

    return tamper


def body(**changes: Any) -> Callable[[Unit], None]:
    def tamper(unit: Unit) -> None:
        unguarded(unit, "invoices")
        table = unit.tables.invoices
        mine = table.c.number_text == "INV-000003"
        tree = json.loads(unit.connection.execute(select(table.c.body).where(mine)).scalar_one())
        text = json.dumps(tree | changes, separators=(",", ":"), sort_keys=True)
        unit.connection.execute(update(table).where(mine).values(body=text))

    return tamper


def lost_event(unit: Unit) -> None:
    bared(unit, "usage_events")
    events = unit.tables.usage_events
    unit.connection.execute(delete(events).where(events.c.id == "call5"))


def lost_line(unit: Unit) -> None:
    unguarded(unit, "invoice_lines")
    lines = unit.tables.invoice_lines
    unit.connection.execute(delete(lines).where(lines.c.price_id == "storage"))


def cheaper(unit: Unit) -> None:
    """Put another catalogue in the place of the published one, under the same digest."""
    unguarded(unit, "catalog_versions")
    text = catalog_text(CATALOG).replace("0.013", "0.012")
    unit.connection.execute(update(unit.tables.catalog_versions).values(tree=text))


def moved(unit: Unit) -> None:
    unguarded(unit, "subscription_moves")
    table = unit.tables.subscription_moves
    mine = (table.c.subscription_id == "s-acme", table.c.number == 2)
    text = unit.connection.execute(select(table.c.body).where(*mine)).scalar_one()
    assert '"seats":5' in text
    changes = {"body": text.replace('"seats":5', '"seats":4')}
    unit.connection.execute(update(table).where(*mine).values(changes))


NOTHING_DUE = (
    '{"at":"2027-02-28T09:00:00Z","cause":"boundary/s-acme/2027-02-28T09:00:00Z","charges":[]}'
)
TAMPERED: dict[str, tuple[Callable[[Unit], None], set[str]]] = {
    "a sum": (
        changed("invoices", {"number_text": "INV-000003"}, subtotal=1), {"columns.subtotal"}
    ),
    "a memo": (
        changed("invoices", {"number_text": "INV-000003"}, memo="gift"), {"columns.memo"}
    ),
    "a digest": (
        changed("invoices", {"number_text": "INV-000003"}, digest="0"), {"digest", "chain"}
    ),
    "the document before": (
        changed("invoices", {"number_text": "INV-000002"}, chain="0"), {"chain"}
    ),
    "a buyer": (body(buyer={"name": "Somebody"}), {"digest"}),
    "a subtotal in the body": (body(subtotal=1), {"digest", "columns.subtotal", "body.subtotal"}),
    "a body that is none": (
        changed("invoices", {"number_text": "INV-000003"}, body="{}"), {"body"}
    ),
    "a line": (
        changed("invoice_lines", {"price_id": "storage"}, amount=1), {"rows of lines[3].amount"}
    ),
    "a line that is lost": (lost_line, {"rows of lines"}),
    "an event": (
        changed("usage_events", {"id": "call5"}, properties='{"quantity":1}'),
        {"event api/call5", "body.lines[2].amount", "body.total"},
    ),
    "a correction": (
        changed("usage_events", {"id": "fix2"}, properties='{"quantity":9}'),
        {"event api/fix2", "body.lines[2].quantity"},
    ),
    "an event that is lost": (lost_event, {"body.lines[2].amount"}),
    "an event's arrival": (
        changed("usage_events", {"id": "call5"}, received_at=day("2027-04-01")),
        {"body.lines[2].amount"},
    ),
    "a catalogue": (cheaper, {"catalogue 1"}),
    "a catalogue that is none": (changed("catalog_versions", {}, tree="]"), {"catalogue 1"}),
    "a plan's offer": (
        changed("plan_versions", {"plan_id": "pro"}, tree="{}"), {"plan pro@1"}
    ),
    "a move": (moved, {"move 2", "due.charges[1].item.seats", "body.lines[1].quantity"}),
    "what is due": (
        changed("invoices", {"number_text": "INV-000003"}, due=NOTHING_DUE),
        {"due.charges[0]"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named(used: Storage, what: str) -> None:
    tamper, paths = TAMPERED[what]
    with used.begin() as unit:
        unit.as_all()
        tamper(unit)
        found = replayed(unit, "INV-000003")
    told = {each.path for each in found.differences}
    assert not found.equal
    assert paths <= told, [str(each) for each in found.differences]


def test_an_item_and_a_balance_are_named(used: Storage) -> None:
    with used.begin() as unit:
        unit.as_all()
        unguarded(unit, "invoice_items", "journal")
        unit.connection.execute(update(unit.tables.invoice_items).values(amount=1))
        c = unit.tables.journal.c
        given = (c.debit == "receivable", c.credit == "balance")
        unit.connection.execute(update(unit.tables.journal).where(*given).values(minor=1))
        training = {each.path for each in replayed(unit, "INV-000006").differences}
        balance = {each.path for each in replayed(unit, "INV-000005").differences}
    assert "body.lines[5].amount" in training
    assert "body.balance" in balance


def test_differences_are_named_by_their_path() -> None:
    one = {"a": [1, {"b": None}], "c": "x", "d": 1}
    other = {"a": [1, {"b": 2}, 3], "c": "x", "e": True}
    assert list(differences("body", one, other)) == [
        Difference("body.a[1].b", None, "2"),
        Difference("body.a[2]", None, "3"),
        Difference("body.d", "1", None),
        Difference("body.e", None, "true"),
    ]
    assert str(Difference("a", None, "1")) == "a: stored is nothing, made again it is 1"
    assert [*differences("a", 1, 1)] == []


# --- golden documents -----------------------------------------------------------------------------

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "replay").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_documents_of_earlier_releases_come_out_again(storage: Storage, path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    play(storage, golden["steps"], golden["catalog"])
    with storage.look() as unit:
        assert documents(unit) == golden["documents"]
        for each in golden["documents"]:
            found = replayed(unit, each["number"])
            assert found.differences == ()
            assert found.body == each["body"].encode()


def test_there_are_golden_documents() -> None:
    assert GOLDEN
