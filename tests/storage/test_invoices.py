"""Documents as rows: one for each cause, issued once, frozen then, never more paid than is due."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import invoice_lines, invoice_settlement, invoices
from tests.storage.billing_values import (
    draft,
    eur,
    filled,
    invoice,
    issued,
    later,
    line,
    month,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.storage.invoice_rows import Document, Draft
    from tallystick.storage.unit import Storage, Unit

FOREVER = later(days=1000)


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """A migrated database of each kind, with two customers and their subscriptions."""
    filled(storage, "acme", "beta")
    return storage


def stored(unit: Unit, *drafts: Draft) -> None:
    assert invoices.insert_drafts(unit, drafts) == list(drafts)


def bill(storage: Storage, minor: int = 1500, id_: str = "inv_1", number: int = 0) -> Document:
    """Issue a document of one line, and commit it."""
    with storage.begin() as unit:
        stored(unit, draft(id_))
        (found,) = issued(unit, [invoice(draft(id_), line(minor, number))])
        unit.commit()
    return found


# --- drafts ---------------------------------------------------------------------------------------


def test_a_cause_has_one_document_and_it_is_told_which_are_new(storage: Storage) -> None:
    first, other = draft("inv_1", cause="a"), draft("inv_2", cause="b")
    theirs = draft("inv_3", "beta", cause="a", subscription_id="sub_2")
    with storage.begin() as unit:
        stored(unit, first)
        again = replace(first, id="inv_9")
        twice = draft("inv_4", cause="b")
        assert invoices.insert_drafts(unit, [again, other, theirs, twice]) == [other, theirs]
        assert invoices.insert_drafts(unit, [first]) == []
        assert invoices.insert_drafts(unit, []) == []
        unit.commit()
    with storage.begin() as unit:
        assert invoices.claim_drafts(unit, FOREVER, 10) == [first, other, theirs]
        found = invoices.invoice_by_cause(unit, "beta", "a")
        assert found is not None
        assert (found.invoice.id, found.status, found.due) == ("inv_3", "draft", theirs.due)
        assert found.invoice.terms == theirs.terms
        assert invoices.invoice_by_cause(unit, "beta", "b") is None


def test_of_two_who_store_one_cause_at_once_one_is_told_that_it_is_new(
    storage_postgresql: Storage,
) -> None:
    storage = storage_postgresql
    told: list[list[Draft]] = []
    filled(storage)

    def second() -> None:
        with storage.begin() as unit:
            told.append(invoices.insert_drafts(unit, [draft("b", cause="x"), draft("c")]))
            unit.commit()

    with storage.begin() as first:
        assert len(invoices.insert_drafts(first, [draft("a", cause="x")])) == 1
        other = threading.Thread(target=second)
        other.start()
        other.join(0.2)
        assert other.is_alive()
        first.commit()
    other.join(10)
    assert told == [[draft("c")]]


def test_drafts_are_given_in_the_order_of_their_numbers(storage: Storage) -> None:
    drafts = [
        draft("d1", "beta", cause="a", subscription_id="sub_2"),
        draft("d2", cause="b"),
        draft("d3", cause="a"),
        draft("d4", cause="0", at=later(hours=2)),
        draft("d5", cause="c", at=later(hours=-2)),
    ]
    with storage.begin() as unit:
        stored(unit, *drafts)
        found = invoices.claim_drafts(unit, FOREVER, 10)
        assert [each.id for each in found] == ["d5", "d3", "d2", "d1", "d4"]
        early = invoices.claim_drafts(unit, later(hours=1), 10)
        assert [each.id for each in early] == ["d5", "d3", "d2", "d1"]
        early = invoices.claim_drafts(unit, FOREVER, 10, before=later(hours=1))
        assert [each.id for each in early] == ["d5"]
        invoices.set_aside(unit, "acme", "d5", '{"why":"x"}')
        assert [each.id for each in invoices.claim_drafts(unit, FOREVER, 2)] == ["d3", "d2"]
        assert invoices.stopped(unit, 9) == (("acme", "d5", '{"why":"x"}'),)
        invoices.retry(unit, "acme", "d5")
        assert [each.id for each in invoices.claim_drafts(unit, FOREVER, 1)] == ["d5"]
        with pytest.raises(NotFound):
            invoices.set_aside(unit, "beta", "d5", "{}")


# --- issuing --------------------------------------------------------------------------------------


def test_a_document_comes_back_as_it_was_issued(storage: Storage) -> None:
    made = invoice(draft(), line(), line(700, 1, kind="late", part="late/1"))
    with storage.begin() as unit:
        stored(unit, draft())
        (found,) = issued(unit, [made])
        assert found.invoice == replace(made, number="INV-1")
        assert (found.status, found.number, found.series, found.left) == ("open", 1, "INV", 2200)
        assert found.due == draft().due
        assert len(found.digest or "") == len(found.chain or "") == 64
        assert invoices.find_invoice(unit, "inv_1") == found
        assert invoices.find_invoice(unit, "inv_1", customer="beta") is None
        assert invoices.invoice_by_number(unit, "INV-1") == found
        assert invoices.invoice_by_number(unit, "INV-2") is None
        assert invoices.claim_drafts(unit, FOREVER, 9) == []
        unit.commit()


def test_lines_are_found_by_what_they_are_for(storage: Storage) -> None:
    group = (("region", "eu"), ("tier", None))
    usage = line(700, 1, kind="usage", price="calls", group=group, part="change/3")
    item = line(300, kind="item", price="ii_1", window=None, offer=None)
    with storage.begin() as unit:
        stored(unit, draft("i1"), draft("i2", at=later(days=30)))
        issued(unit, [invoice(draft("i1"), line(), item)])
        issued(unit, [invoice(draft("i2", at=later(days=30)), usage)])
        keys = [("acme", "i1"), ("acme", "i2"), ("beta", "i1")]
        found = invoice_lines.lines_of(unit, keys)
        assert [len(found[key]) for key in keys] == [2, 1, 0]
        (read,) = found["acme", "i2"]
        assert (read.group, read.window, read.part) == (group, month(1), "change/3")
        assert (read.quantity, read.billed) == (Decimal("3.5"), Decimal(3))
        assert (read.amount, read.discount) == (eur(700), eur(0))
        assert (read.evidence, read.offer) == (usage.evidence, "pro@2")
        assert (read.status, read.at, read.subscription) == ("open", later(days=30), "sub_1")
        assert (found["acme", "i1"][1].window, found["acme", "i1"][1].offer) == (None, None)

        billed = invoice_lines.billed_lines
        mine = [("acme", "sub_1")]
        assert [each.price for each in billed(unit, mine)] == ["pro", "ii_1", "calls"]
        assert [each.price for each in billed(unit, mine, window=month())] == ["pro"]
        assert [each.price for each in billed(unit, mine, prices=["calls"])] == ["calls"]
        assert billed(unit, [("beta", "sub_1"), ("acme", "sub_2")]) == []
        assert billed(unit, []) == []


def test_a_line_is_billed_once(storage: Storage) -> None:
    bill(storage)
    with storage.begin() as unit:
        stored(unit, draft("inv_2"))
        with pytest.raises(Conflict, match="billed before"):
            issued(unit, [invoice(draft("inv_2"), line(1))])
        issued(unit, [invoice(draft("inv_2"), line(1, part="change/2"))])


def test_a_document_is_issued_once(storage: Storage) -> None:
    bill(storage)
    with pytest.raises(Conflict, match="no draft any more"), storage.begin() as unit:
        issued(unit, [invoice(draft())])
    with storage.begin() as unit:
        with pytest.raises(Conflict):
            issued(unit, [invoice(draft(), line(), line(1, 5))])
        assert len(invoice_lines.billed_lines(unit, [("acme", "sub_1")])) == 1


def test_a_number_is_given_once(storage: Storage) -> None:
    bill(storage)
    again = text("UPDATE tallystick_invoice_series SET next = 1")
    with storage.begin() as unit:
        unit.connection.execute(again)
        stored(unit, draft("inv_2"))
        with pytest.raises(Conflict, match="number"):
            issued(unit, [invoice(draft("inv_2"), line(1, 1))])
        issued(unit, [invoice(draft("inv_2"), line(1, 1))], "OTHER")  # no line was left behind


def test_what_comes_to_nothing_is_no_document_but_counts_as_billed(storage: Storage) -> None:
    nothing = line(0, kind="usage", evidence={})
    with storage.begin() as unit:
        stored(unit, draft(), draft("inv_2"))
        with pytest.raises(Conflict, match="with an amount"):
            invoices.drop_empty(unit, [invoice(draft(), line())])
        invoices.drop_empty(unit, [invoice(draft(), nothing)])
        with pytest.raises(Conflict):
            invoices.drop_empty(unit, [invoice(draft())])
        found = invoices.find_invoice(unit, "inv_1")
        assert found is not None
        assert (found.status, found.number, found.left) == ("empty", None, 0)
        assert [each.id for each in invoices.claim_drafts(unit, FOREVER, 9)] == ["inv_2"]
        (billed,) = invoice_lines.billed_lines(unit, [("acme", "sub_1")])
        assert (billed.status, billed.amount) == ("empty", eur(0))
        assert [each.invoice.id for each in invoices.list_invoices(unit, 9)] == ["inv_2"]
        every = invoices.list_invoices(unit, 9, statuses=["draft", "empty"])
        assert [each.invoice.id for each in every] == ["inv_1", "inv_2"]


def test_a_credit_note_points_to_what_it_corrects(storage: Storage) -> None:
    bill(storage)
    given = line(-500, kind="credit", part="credit/1")
    with storage.begin() as unit:
        stored(unit, draft("cn_1"))
        note = invoice(draft("cn_1"), given, kind="credit_note", status="paid", credits="inv_1")
        (found,) = issued(unit, [note], "CN")
        assert (found.invoice.number, found.status, found.left) == ("CN-1", "paid", 0)
        assert found.invoice.credits == "inv_1"
        unit.commit()
    nowhere = replace(note, id="cn_2", cause="cn_2", credits="inv_9", lines=())
    with storage.begin() as unit:
        stored(unit, draft("cn_2"))
        with pytest.raises(IntegrityError):
            issued(unit, [nowhere], "CN")


def test_pages_are_in_the_order_of_ids(storage: Storage) -> None:
    with storage.begin() as unit:
        stored(unit, draft("a"), draft("b", "beta", subscription_id="sub_2"))
        stored(unit, draft("c", subscription_id=None), draft("d"))

        def ids(**asked: object) -> list[str]:
            given = {"limit": 9, **asked}
            return [each.invoice.id for each in invoices.list_invoices(unit, **given)]  # type: ignore[arg-type]  # whatever is asked

        assert ids() == ["a", "b", "c", "d"]
        assert ids(limit=2) == ["a", "b"]
        assert ids(after="b") == ["c", "d"]
        assert ids(customer="acme") == ["a", "c", "d"]
        assert ids(subscription="sub_1") == ["a", "d"]
        assert ids(statuses=["open"]) == []


# --- after it was issued --------------------------------------------------------------------------


def test_payments_add_up_to_what_is_due_and_no_more(storage: Storage) -> None:
    bill(storage)
    with storage.begin() as unit:
        assert invoice_settlement.add_paid(unit, "acme", "inv_1", 1000).left == 500
        with pytest.raises(Conflict, match="500 minor units left"):
            invoice_settlement.add_paid(unit, "acme", "inv_1", 501)
        done = invoice_settlement.add_paid(unit, "acme", "inv_1", 500)
        assert (done.status, done.invoice.status, done.left, done.paid) == ("paid", "paid", 0, 1500)
        with pytest.raises(Conflict):
            invoice_settlement.add_paid(unit, "acme", "inv_1", 1)
        assert invoice_settlement.add_refunded(unit, "acme", "inv_1", 1500).status == "paid"
        with pytest.raises(Conflict):
            invoice_settlement.add_refunded(unit, "acme", "inv_1", 1)
        for minor in (0, -1):
            with pytest.raises(InvalidInput):
                invoice_settlement.add_paid(unit, "acme", "inv_1", minor)
        with pytest.raises(NotFound):
            invoice_settlement.add_paid(unit, "beta", "inv_1", 1)


def test_credit_notes_lower_what_is_due_and_never_give_more_than_was_invoiced(
    storage: Storage,
) -> None:
    bill(storage)
    with storage.begin() as unit:
        invoice_settlement.add_paid(unit, "acme", "inv_1", 1000)
        with pytest.raises(Conflict):
            invoice_settlement.add_credited(unit, "acme", "inv_1", lowered=501, given=501)
        found = invoice_settlement.add_credited(unit, "acme", "inv_1", lowered=500, given=800)
        assert (found.status, found.credited, found.noted) == ("paid", 500, 800)
        with pytest.raises(Conflict):
            invoice_settlement.add_credited(unit, "acme", "inv_1", lowered=0, given=701)
        found = invoice_settlement.add_credited(unit, "acme", "inv_1", lowered=0, given=700)
        assert (found.status, found.noted, found.left) == ("paid", 1500, 0)


MOVES: list[tuple[list[str], bool]] = [
    (["void"], True),
    (["uncollectible"], True),
    (["void", "open"], False),
    (["void", "uncollectible"], False),
    (["uncollectible", "void"], False),
    (["draft"], False),
    (["empty"], False),
    (["paid"], False),
]


@pytest.mark.parametrize(("way", "allowed"), MOVES)
def test_a_status_goes_only_forward(storage: Storage, way: list[Any], allowed: bool) -> None:
    bill(storage)
    with storage.begin() as unit:
        for status in way[:-1]:
            invoice_settlement.set_status(unit, "acme", "inv_1", status)
        if allowed:
            found = invoice_settlement.set_status(unit, "acme", "inv_1", way[-1])
            assert found.status == way[-1]
        else:
            with pytest.raises(Conflict, match=f"cannot become {way[-1]}"):
                invoice_settlement.set_status(unit, "acme", "inv_1", way[-1])
        with pytest.raises(NotFound):
            invoice_settlement.set_status(unit, "beta", "inv_1", "void")


def test_what_is_uncollectible_may_be_paid_after_all_and_what_is_void_not(storage: Storage) -> None:
    bill(storage)
    bill(storage, id_="inv_2", number=1)
    with storage.begin() as unit:
        invoice_settlement.set_status(unit, "acme", "inv_1", "uncollectible")
        invoice_settlement.set_status(unit, "acme", "inv_2", "void")
        assert invoice_settlement.add_paid(unit, "acme", "inv_1", 700).status == "uncollectible"
        assert invoice_settlement.add_paid(unit, "acme", "inv_1", 800).status == "paid"
        with pytest.raises(Conflict, match="is void"):
            invoice_settlement.add_paid(unit, "acme", "inv_2", 1)
        with pytest.raises(Conflict):
            invoice_settlement.add_credited(unit, "acme", "inv_2", lowered=0, given=1)


def test_a_credit_note_is_not_paid(storage: Storage) -> None:
    with storage.begin() as unit:
        stored(unit, draft("cn_1"))
        note = invoice(draft("cn_1"), line(-500), kind="credit_note", status="paid")
        issued(unit, [note], "CN")
        with pytest.raises(Conflict):
            invoice_settlement.add_paid(unit, "acme", "cn_1", 1)


# --- what the database itself refuses -------------------------------------------------------------

T = "tallystick_invoices"
OF_FIRST = "WHERE id = 'inv_1'"
COPY = (
    "customer_id, '{id}', subscription_id, kind, '{status}', {cause}, currency, at, finalize_at,"
    " watermark, NULL, NULL, NULL, NULL, NULL, due, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
    " 0, NULL, NULL, NULL, NULL, NULL"
)
LINES = (
    "INSERT INTO tallystick_invoice_lines SELECT customer_id, '{id}', {position}, subscription_id,"
    " item, price_id, offer, kind, {start}, window_end, group_key, '{part}', quantity, billed,"
    " amount, discount, credit, tax, evidence FROM tallystick_invoice_lines"
)


def copied(**given: str) -> str:
    chosen = {"id": "x", "status": "draft", "cause": "'x'", **given}
    return " ".join(("INSERT INTO", T, "SELECT", COPY.format(**chosen), "FROM", T, OF_FIRST))


def changed(id_: str, change: str) -> str:
    return " ".join(("UPDATE", T, "SET", change, f"WHERE id = '{id_}'"))


def line_copied(**given: object) -> str:
    chosen = {"id": "inv_2", "position": 1, "start": "window_start", "part": "x", **given}
    return LINES.format(**chosen)


REFUSED = [
    copied(cause="cause"),
    copied(id="inv_1"),
    copied(status="open"),
    copied(status="empty"),
    "DELETE FROM tallystick_invoices WHERE id = 'inv_1'",
    "DELETE FROM tallystick_invoices WHERE id = 'inv_2'",
    *(
        changed("inv_1", change)
        for change in (
            "total = 1",
            "body = '{}'",
            "number = 7",
            "number_text = 'X'",
            "digest = 'x'",
            "chain = 'x'",
            "due_at = NULL",
            "issued_at = finalize_at",
            "memo = 'x'",
            "series = 'x'",
            "kind = 'credit_note'",
            "due = '{}'",
            "id = 'x'",
            "customer_id = 'beta'",
            "status = 'draft'",
            "status = 'paid'",
            "paid = 1500",
            "paid = 1501, status = 'paid'",
            "paid = -1",
            "refunded = 1",
            "credited = 1",
            "noted = 1501",
        )
    ),
    *(
        changed("inv_2", change)
        for change in (
            "cause = 'x'",
            "due = '{}'",
            "at = finalize_at",
            "customer_id = 'beta'",
            "currency = 'USD'",
            "status = 'open'",
            "status = 'paid'",
            "status = 'void'",
            "status = 'sent'",
            "kind = 'letter'",
            "number = 9",
            "balance = -1",
            "total = 5",
            "credits_id = 'nothing'",
        )
    ),
    line_copied(id="inv_1", position=2),
    line_copied(id="nothing"),
    line_copied(part=""),
    line_copied(position=0),
    line_copied(start="NULL"),
    "UPDATE tallystick_invoice_lines SET amount = 1",
    "DELETE FROM tallystick_invoice_lines",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_refuses(storage: Storage, statement: str) -> None:
    bill(storage)
    with storage.begin() as unit:
        stored(unit, draft("inv_2"))
        unit.commit()
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text(statement))


def test_the_database_allows_what_is_right(storage: Storage) -> None:
    """The statements above are refused for what is wrong in them, not for a slip of the pen."""
    bill(storage)
    with storage.begin() as unit:
        stored(unit, draft("inv_2"))
        for statement in (
            copied(),
            line_copied(),
            changed("inv_1", "paid = 1, set_aside = 'x'"),
            changed("inv_1", "paid = 1500, status = 'paid'"),
            changed("inv_1", "refunded = 1, noted = 1"),
            changed("inv_2", "memo = 'x', set_aside = 'x'"),
            changed("inv_2", "status = 'empty'"),
        ):
            assert unit.connection.execute(text(statement)).rowcount == 1


@pytest.mark.parametrize("first", ["finalise", "add"])
def test_who_adds_a_line_and_who_issues_wait_for_each_other(
    storage_postgresql: Storage, first: str
) -> None:
    storage, told = storage_postgresql, list[str]()
    filled(storage)
    with storage.begin() as unit:
        stored(unit, draft())
        unit.commit()

    def finalise(unit: Unit) -> None:
        issued(unit, [invoice(draft(), line())])

    def add(unit: Unit) -> None:
        invoice_lines.insert_lines(unit, [invoice(draft(), line(1, 1))])

    acts: dict[str, Callable[[Unit], None]] = {"finalise": finalise, "add": add}

    def second() -> None:
        act = acts["add" if first == "finalise" else "finalise"]
        try:
            with storage.begin() as unit:
                act(unit)
                unit.commit()
        except (IntegrityError, Conflict) as refused:
            told.append(str(refused))

    with storage.begin() as unit:
        acts[first](unit)
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        assert other.is_alive()
        unit.commit()
    other.join(10)
    assert len(told) == 1
