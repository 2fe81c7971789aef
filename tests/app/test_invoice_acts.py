"""What is done with documents by hand: the figures, the books, and what is refused."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import Money, Tallystick, currency
from tallystick.errors import Conflict, CurrencyMismatch, InvalidInput, NotFound, TallystickError
from tallystick.storage import journal
from tallystick.testing.clock import FrozenClock
from tests.facade.billing import START, USD, catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.databases import Database

NOW = START + timedelta(days=1)


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.subscriptions.start("acme", "pro", seats=2, id="s", at=START)
        ledger.invoices.run(START)
        yield ledger
        report = ledger.verify()
        assert report.ok, report.broken


def entries(tally: Tallystick, cause: str) -> list[tuple[str, str, str]]:
    """Give the entries of the causes that begin so: debit, credit, amount."""
    found = tally.act(lambda unit, _: journal.entries_of(unit, "acme"))
    return [(e.debit, e.credit, str(e.amount)) for e in found if e.cause.startswith(cause)]


# --- paying -------------------------------------------------------------------------------------


def test_an_invoice_is_paid_in_parts_and_no_more(tally: Tallystick) -> None:
    own = tally.invoices
    first = own.pay("INV-000001", "12.50", method="bank", reference="R 1", at=NOW)
    assert (first.status, first.paid, first.left) == ("open", 1250, 2750)
    with pytest.raises(Conflict, match=r"more than the 27\.50 USD"):
        own.pay("INV-000001", usd("27.51"))
    done = own.pay(first.invoice.id, at=NOW + timedelta(days=1))
    assert (done.status, done.left) == ("paid", 0)
    with pytest.raises(Conflict, match="is paid"):
        own.pay("INV-000001", "0.01")
    one, two = own.payments("INV-000001")
    assert (one.amount, one.method, one.reference, one.at) == (usd("12.50"), "bank", "R 1", NOW)
    assert two.amount == usd("27.50")
    assert entries(tally, "payment/") == [
        ("cash", "receivable", "12.50 USD"),
        ("cash", "receivable", "27.50 USD"),
    ]


def test_a_payment_with_a_key_counts_once(tally: Tallystick) -> None:
    own = tally.invoices
    first = own.pay("INV-000001", "10", idempotency_key="k")
    assert own.pay("INV-000001", usd("10.00"), idempotency_key="k") == first
    assert own.pay("INV-000001", idempotency_key="k") == first
    for amount in ("11.00", "9.99"):
        with pytest.raises(Conflict, match="was used for another payment"):
            own.pay("INV-000001", amount, idempotency_key="k")
    with pytest.raises(Conflict, match="was used for another payment"):
        own.refund("INV-000001", "1.00", idempotency_key="k")
    assert own.get("INV-000001").paid == 1000


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do things at once; give what each gave or raised."""
    found: list[Any] = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def do(place: int) -> None:
        ready.wait()
        try:
            found[place] = acts[place]()
        except TallystickError as refused:
            found[place] = refused

    threads = [threading.Thread(target=do, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_payments_at_once_never_exceed_what_is_due(tally: Tallystick, database: Database) -> None:
    if not database.shared:
        pytest.skip("a database in memory has one connection")
    with Tallystick(database.url) as other:
        ledgers = [tally, other] * 4

        def every(name: str, *words: Any, **more: Any) -> list[Any]:
            return at_once([partial(getattr(t.invoices, name), *words, **more) for t in ledgers])

        found = every("pay", "INV-000001", "15.00")
        assert sum(isinstance(each, Conflict) for each in found) == 6
        assert tally.invoices.get("INV-000001").paid == 3000
        keyed = every("pay", "INV-000001", idempotency_key="k")
        assert [each.paid for each in keyed] == [4000] * 8
        assert len(tally.invoices.payments("INV-000001")) == 3
        back = every("refund", "INV-000001", "30.00")
        assert sum(isinstance(each, Conflict) for each in back) == 7
        assert tally.invoices.get("INV-000001").refunded == 3000
        notes = every("credit", "INV-000001")
        assert sum(isinstance(each, Conflict) for each in notes) == 7
        assert tally.invoices.get("INV-000001").noted == 4000


def test_starts_at_once_with_one_key_are_one(tally: Tallystick, database: Database) -> None:
    if not database.shared:
        pytest.skip("a database in memory has one connection")
    tally.customers.create("beta")
    with Tallystick(database.url, catalog=catalog(), clock=FrozenClock(START)) as other:
        said: dict[str, Any] = {"idempotency_key": "k", "at": START}
        acts = [
            partial(each.subscriptions.start, "beta", "pro", **said) for each in [tally, other] * 4
        ]
        found = at_once(acts)
        assert {each.subscription.id for each in found} == {found[0].subscription.id}
        assert {each.documents for each in found} == {found[0].documents}


# --- giving back --------------------------------------------------------------------------------


def test_a_credit_note_lowers_what_is_due_and_the_rest_is_balance(tally: Tallystick) -> None:
    own = tally.invoices
    own.pay("INV-000001", "35.00")
    note = own.credit("INV-000001", lines=[(1, "3.00"), (2, usd("4.00"))], reason="Slow", at=NOW)
    assert (note.invoice.number, note.status, note.invoice.total) == (
        "CN-000001",
        "paid",
        usd("-7.00"),
    )
    assert note.invoice.credits == own.get("INV-000001").invoice.id
    assert note.invoice.terms.memo == "Slow"
    assert [(line.amount, line.window) for line in note.invoice.lines] == [
        (usd("-3.00"), own.get("INV-000001").invoice.lines[0].window),
        (usd("-4.00"), own.get("INV-000001").invoice.lines[1].window),
    ]
    found = own.get("INV-000001")
    assert (found.status, found.credited, found.noted) == ("paid", 500, 700)
    assert own.balance("acme") == (usd("2.00"),)
    assert own.creditable("INV-000001") == (usd("27.00"), usd("6.00"))
    assert entries(tally, "credit_note/") == [
        ("revenue", "receivable", "7.00 USD"),
        ("receivable", "balance", "2.00 USD"),
    ]
    tally.invoices.run(day("2026-11-02"))
    assert own.get("INV-000002").invoice.balance == usd("2.00")
    assert "Corrects invoice:       INV-000001" in own.text("CN-000001")


def test_of_no_line_and_no_invoice_more_is_given_back_than_was_asked_for(
    tally: Tallystick,
) -> None:
    own = tally.invoices
    own.credit("INV-000001", lines={2: "9.00"})
    with pytest.raises(Conflict, match=r"2\.00 USD is more than the 1\.00 USD of line 2"):
        own.credit("INV-000001", lines=[(2, "2.00")])
    with pytest.raises(Conflict, match=r"31\.00 USD can be given back"):
        own.credit("INV-000001", "31.01")
    part = own.credit("INV-000001", "1.00").invoice
    assert [line.amount.minor for line in part.lines] == [-97, -3]  # by what is left of them
    whole = own.credit("INV-000001").invoice
    assert whole.total == usd("-30.00")
    with pytest.raises(Conflict, match="nothing is left"):
        own.credit("INV-000001")
    assert [each.invoice.number for each in own.list(status="paid")].count("CN-000003") == 1


def test_what_a_change_gave_back_of_a_fee_is_not_given_back_again_by_hand(
    tally: Tallystick,
) -> None:
    tally.subscriptions.cancel("s", when="now", credit=True, at=day("2026-10-16T12:00"))
    tally.invoices.run(day("2026-10-17"))
    note = tally.invoices.get("CN-000001").invoice
    assert note.total == usd("-20.00")
    assert tally.invoices.creditable("INV-000001") == (usd("15.00"), usd("5.00"))
    assert tally.invoices.credit("INV-000001").invoice.total == usd("-20.00")
    assert tally.invoices.get("INV-000001").left == 0


def test_a_credit_note_with_a_key_is_written_once(tally: Tallystick) -> None:
    own = tally.invoices
    said: dict[str, Any] = {"lines": [(1, "3.00")], "reason": "x", "idempotency_key": "k"}
    first = own.credit("INV-000001", **said)
    assert own.credit("INV-000001", **said) == first
    for other in ({"lines": [(1, "3.01")]}, {"reason": "y"}, {"lines": None}):
        with pytest.raises(Conflict, match="was used for another credit note"):
            own.credit("INV-000001", **{**said, **other})
    assert own.get("INV-000001").noted == 300


def test_a_refund_is_never_more_than_was_paid(tally: Tallystick) -> None:
    own = tally.invoices
    with pytest.raises(Conflict, match=r"more than the 0\.00 USD"):
        own.refund("INV-000001", "1.00")
    own.pay("INV-000001", "10.00")
    with pytest.raises(Conflict, match="due still"):
        own.refund("INV-000001", "1.00")
    own.pay("INV-000001")
    done = own.refund("INV-000001", "15.00", reason="Sorry", method="card", idempotency_key="k")
    assert own.refund("INV-000001", "15.00", idempotency_key="k") == done
    assert (done.status, done.refunded, done.noted, done.credited) == ("paid", 1500, 1500, 0)
    assert own.get("CN-000001").invoice.terms.memo == "Sorry"
    with pytest.raises(Conflict, match=r"25\.01 USD is more than the 25\.00 USD"):
        own.refund("INV-000001", "25.01")
    own.credit("INV-000001", "5.00")
    assert own.refund("INV-000001", "25.00").refunded == 4000
    assert own.balance("acme") == (usd("0.00"),)
    assert [each.kind for each in own.payments("INV-000001")] == [
        *("payment", "payment", "refund", "refund")
    ]
    assert entries(tally, "refund/") == [
        ("balance", "cash", "15.00 USD"),
        ("balance", "cash", "25.00 USD"),
    ]


def test_what_the_balance_paid_elsewhere_is_not_refunded(tally: Tallystick) -> None:
    own = tally.invoices
    own.pay("INV-000001")
    own.credit("INV-000001", "30.00")
    own.run(day("2026-11-02"))
    assert own.balance("acme") == (usd("0.00"),)
    with pytest.raises(Conflict, match="was used for other documents since"):
        own.refund("INV-000001", "30.00")


def test_a_credit_note_can_be_paid_out_at_once(tally: Tallystick) -> None:
    own = tally.invoices
    own.add_item("acme", "Gift", usd("-5.00"), now=True)
    own.run(NOW)
    own.add_item("acme", "Help", usd("25.00"), now=True, at=NOW)
    own.run(NOW)
    help_ = next(each.invoice for each in own.list() if each.invoice.total == usd("25.00"))
    assert (help_.balance, help_.amount_due) == (usd("5.00"), usd("20.00"))
    own.pay(help_.id)
    own.credit(help_.id, refund=True)
    found = own.get(help_.id)
    assert (found.noted, found.refunded) == (2500, 2000)
    assert own.balance("acme") == (usd("5.00"),)  # what the balance paid goes back there


# --- void and lost --------------------------------------------------------------------------------


def test_an_open_invoice_is_voided_and_the_balance_gets_its_part_back(tally: Tallystick) -> None:
    own = tally.invoices
    own.add_item("acme", "Gift", usd("-5.00"), now=True)
    own.run(NOW)
    own.add_item("acme", "Help", usd("25.00"), now=True, at=NOW)
    own.run(NOW)
    help_ = next(each.invoice for each in own.list() if each.invoice.total == usd("25.00"))
    assert own.void(help_.id, at=NOW).status == "void"
    assert own.balance("acme") == (usd("5.00"),)
    assert entries(tally, "void/") == [
        ("revenue", "receivable", "25.00 USD"),
        ("receivable", "balance", "5.00 USD"),
    ]
    for act in (own.void, own.pay, own.uncollectible, own.credit):
        with pytest.raises(Conflict, match="void"):
            act(help_.id)
    own.pay("INV-000001", "1.00")
    with pytest.raises(Conflict, match="was paid or given back"):
        own.void("INV-000001")


def test_what_was_written_off_can_still_be_paid_or_given_back(tally: Tallystick) -> None:
    own = tally.invoices
    own.pay("INV-000001", "10.00")
    lost = own.uncollectible("INV-000001")
    assert (lost.status, lost.left) == ("uncollectible", 3000)
    with pytest.raises(Conflict):
        own.uncollectible("INV-000001")
    own.credit("INV-000001", "5.00")
    own.pay("INV-000001", "20.00")
    assert own.pay("INV-000001").status == "paid"
    totals = tally.act(lambda unit, _: journal.account_totals(unit))
    assert {key: minor for key, minor in totals.items() if minor} == {
        ("cash", "USD"): 3500,
        ("revenue", "USD"): -3500,
    }


# --- items and drafts -----------------------------------------------------------------------------


def test_an_item_waits_for_the_next_document_or_has_its_own(tally: Tallystick) -> None:
    own = tally.invoices
    first = own.add_item("acme", "Set-up", "10.00", subscription="s", quantity="2.5", at=NOW)
    assert (first.amount, str(first.quantity), first.invoice) == (usd("10.00"), "2.5", None)
    alone = own.add_item("acme", "Help", usd("3.00"), now=True, idempotency_key="k", at=NOW)
    again = own.add_item("acme", "Help", usd("3.00"), now=True, idempotency_key="k")
    assert again == alone
    with pytest.raises(Conflict, match="was used for another item"):
        own.add_item("acme", "Help", usd("3.01"), idempotency_key="k")
    own.run(NOW)
    (document,) = [each for each in own.list() if each.invoice.cause.startswith("item/")]
    assert [line.description for line in document.invoice.lines] == ["Help"]
    own.run(day("2026-11-02"))
    lines = own.get("INV-000003").invoice.lines
    assert [(line.description, line.amount) for line in lines if line.kind == "item"] == [
        ("Set-up", usd("10.00"))
    ]


def test_a_draft_has_a_note_and_an_order_until_it_is_issued(tally: Tallystick) -> None:
    own = tally.invoices
    own.add_item("acme", "Help", usd("3.00"), now=True, at=NOW)
    (draft,) = own.list(status="draft")
    key = draft.invoice.id
    assert own.preview(key, at=NOW).total == usd("3.00")
    assert own.update_draft(key, memo="Thank you", po_number="PO 1").invoice.terms.po_number
    assert own.update_draft(key, po_number=None).invoice.terms.memo == "Thank you"
    assert "DRAFT" in own.text(key, at=NOW)
    own.run(NOW)
    assert own.get(key).invoice.terms.memo == "Thank you"
    with pytest.raises(Conflict, match="only a draft changes"):
        own.update_draft(key, memo="Other")
    with pytest.raises(Conflict, match="issued already"):
        own.preview(key)
    with pytest.raises(InvalidInput):
        own.update_draft(key, note="x")


def test_a_document_is_found_by_id_and_number_and_listed(tally: Tallystick) -> None:
    own = tally.invoices
    found = own.get("INV-000001")
    assert own.get(found.invoice.id) == found
    own.run(day("2026-11-02"))
    page = own.list(customer="acme", limit=1)
    rest = own.list(starting_after=page.cursor, subscription="s")
    assert {each.invoice.number for each in (*page, *rest)} == {"INV-000001", "INV-000002"}
    assert own.list(status="draft").items == ()
    assert own.list(customer="acme", status="paid").items == ()
    assert "<html" in own.html("INV-000001")


def test_the_next_document_is_shown_as_it_stands(tally: Tallystick) -> None:
    own = tally.invoices
    tally.usage.record("acme", "calls", id="e", quantity=1500, occurred_at=day("2026-10-01T00:30"))
    tally.clock.set(day("2026-10-20"))  # type: ignore[attr-defined]  # it is a frozen one
    before = digest(tally)
    seen = own.preview("s")
    assert [line.kind for line in seen.lines] == ["usage", "fee", "fee"]
    assert (seen.total, seen.at) == (usd("45.00"), day("2026-11-01"))
    assert own.preview("s", at=START).total == usd("40.00")  # it had not arrived by then
    assert digest(tally) == before
    tally.subscriptions.cancel("s", when="now")
    assert own.preview("s").total == usd("5.00")  # until its grace is over
    own.run(day("2026-10-20T02:00"))
    with pytest.raises(Conflict, match="no document is to come"):
        own.preview("s")


# --- what is refused ------------------------------------------------------------------------------

STRANGE: list[Any] = [5, 1.5, True, b"a", (), [], {}, object(), "", "x", "1e5", "-1", "0", "1.005"]
HUGE: list[Any] = ["9" * 30, "9" * 18, Money(10**15, USD), "99999999999999.99"]
FOREIGN = Money(100, currency("EUR"))


@pytest.mark.parametrize("name", ["pay", "refund", "credit"])
def test_a_strange_amount_is_refused_and_stores_nothing(tally: Tallystick, name: str) -> None:
    own = tally.invoices
    own.pay("INV-000001", "10.00")
    before = digest(tally)
    for value in [*STRANGE, *HUGE, FOREIGN, Money(-1, USD), Money(0, USD)]:
        with pytest.raises((InvalidInput, Conflict)):
            getattr(own, name)("INV-000001", value)
        if name == "credit":
            with pytest.raises((InvalidInput, Conflict)):
                own.credit("INV-000001", lines=[(1, value)])
    for lines in (5, "ab", [1], [(1,)], [(0, "1")], [(9, "1")], [(True, "1")], [(1, "1")] * 2, []):
        with pytest.raises(InvalidInput):
            own.credit("INV-000001", lines=lines)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(CurrencyMismatch):
        getattr(own, name)("INV-000001", FOREIGN)
    assert digest(tally) == before


def test_strange_words_are_refused(tally: Tallystick) -> None:
    own = tally.invoices
    before = digest(tally)
    for value in [5, b"a", "", "a\nb", "x" * 5_000, object()]:
        for said in ({"method": value}, {"reference": value}, {"idempotency_key": value}):
            with pytest.raises(InvalidInput):
                own.pay("INV-000001", **said)  # type: ignore[arg-type]  # the point of the test
        for named in (value, [], None):
            with pytest.raises(NotFound):
                own.get(named)  # type: ignore[arg-type]  # the point of the test
        with pytest.raises(InvalidInput):
            own.credit("INV-000001", reason=value)  # type: ignore[arg-type]  # the point of the test
        with pytest.raises(InvalidInput):
            own.add_item("acme", value, "1.00", subscription="s")  # type: ignore[arg-type]  # the point of the test
        with pytest.raises((InvalidInput, NotFound)):
            own.preview(value)  # type: ignore[arg-type]  # the point of the test
        with pytest.raises((InvalidInput, NotFound)):
            own.retry(value)  # type: ignore[arg-type]  # the point of the test
    for limit in (-1, 1.5, True, "1"):
        with pytest.raises(InvalidInput):
            own.run(limit=limit)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InvalidInput):
        own.list(status="lost")  # type: ignore[arg-type]  # the point of the test
    assert digest(tally) == before


def test_an_item_of_another_customer_or_currency_is_refused(tally: Tallystick) -> None:
    own = tally.invoices
    tally.customers.create("beta", currency="EUR")
    before = digest(tally)
    with pytest.raises(NotFound):
        own.add_item("beta", "x", FOREIGN, subscription="s")
    with pytest.raises(CurrencyMismatch):
        own.add_item("beta", "x", usd("1.00"))
    with pytest.raises(CurrencyMismatch):
        own.add_item("acme", "x", FOREIGN, subscription="s")
    with pytest.raises(InvalidInput, match="no currency that is known"):
        own.add_item("acme", "x", "1.00")
    with pytest.raises(InvalidInput, match="is nothing"):
        own.add_item("acme", "x", usd("0.00"))
    for value in HUGE:
        with pytest.raises(InvalidInput):
            own.add_item("acme", "x", value, subscription="s")
    for quantity in (1.5, -1, "x", True, 10**30):
        with pytest.raises(InvalidInput):
            own.add_item("acme", "x", usd("1.00"), quantity=quantity)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InvalidInput):
        own.add_item("acme", "x", usd("1.00"), now="yes")  # type: ignore[arg-type]  # the point of the test
    assert digest(tally) == before


def test_a_credit_note_is_neither_paid_nor_voided_nor_given_back(tally: Tallystick) -> None:
    own = tally.invoices
    own.credit("INV-000001", "1.00")
    for act in (own.pay, own.void, own.uncollectible, own.credit):
        with pytest.raises(Conflict, match="credit note"):
            act("CN-000001")
    with pytest.raises(Conflict, match="credit note"):
        own.refund("CN-000001", "1.00")


def test_in_a_hosts_transaction_nothing_is_committed(tally: Tallystick) -> None:
    own = tally.invoices
    before = digest(tally)
    with tally.storage.engine.connect() as host:
        own.pay("INV-000001", connection=host)
        own.refund("INV-000001", "5.00", connection=host)
        own.credit("INV-000001", connection=host)
        own.add_item("acme", "x", usd("1.00"), now=True, connection=host)
        with pytest.raises(Conflict):
            own.void("INV-000001", connection=host)
        assert own.get("INV-000001", connection=host).noted == 4000
        host.rollback()
    assert digest(tally) == before


# --- the run --------------------------------------------------------------------------------------


def test_a_run_counts_what_it_did_and_a_second_one_does_nothing(tally: Tallystick) -> None:
    own = tally.invoices
    told: list[Any] = []
    limited = own.run(day("2027-01-02"), limit=1, tell=told.append)
    assert (limited.subscriptions, limited.documents, dict(limited.totals)) == (1, 1, {"USD": 4000})
    assert told[-1] == limited
    rest = own.run(day("2027-01-02"))
    assert (rest.subscriptions, rest.documents, rest.totals["USD"]) == (0, 2, 8000)
    assert not own.run(day("2027-01-02")).did_work
    assert list(own.steps(day("2027-01-02"))) == []


def test_what_cannot_be_billed_is_set_aside_and_taken_up_again(tally: Tallystick) -> None:
    own = tally.invoices
    tally.customers.create("beta")
    tally.subscriptions.start("beta", "basic", id="b", at=START)
    for number in (1, 2):
        own.add_item(
            "acme", "Much", Money(10**15 - 1, USD), quantity=number, subscription="s", at=NOW
        )
    bad = tally.act(
        lambda unit, at: (
            unit.connection.execute(
                unit.tables.subscriptions.update()
                .where(unit.tables.subscriptions.c.id == "s")
                .values(snapshot=_broken(unit))
            ).rowcount
        )
    )
    assert bad == 1
    run = own.run(day("2026-11-02"))
    (aside,) = run.set_aside
    assert (aside.kind, aside.id, aside.customer, run.documents) == ("subscription", "s", "acme", 2)
    assert {*aside.reason} == {"code", "message", "at", "input", "replay"}
    assert own.set_aside() == (aside,)
    assert not own.run(day("2026-11-02")).did_work
    _mend(tally)
    assert own.retry("s") == aside
    with pytest.raises(NotFound):
        own.retry("s")
    assert own.run(day("2026-11-02")).documents == 1
    assert own.set_aside() == ()


def _broken(unit: Any) -> str:
    found: str = _snapshot(unit)
    return found.replace("pro@1", "pro@9")


def _snapshot(unit: Any) -> str:
    c = unit.tables.subscriptions.c
    query = unit.tables.subscriptions.select().where(c.id == "s")
    return str(unit.connection.execute(query).mappings().one()["snapshot"])


def _mend(tally: Tallystick) -> None:
    tally.act(
        lambda unit, at: unit.connection.execute(
            unit.tables.subscriptions.update()
            .where(unit.tables.subscriptions.c.id == "s")
            .values(snapshot=_snapshot(unit).replace("pro@9", "pro@1"))
        )
    )


def test_an_item_with_a_document_of_its_own_stands_on_no_other(tally: Tallystick) -> None:
    own = tally.invoices
    own.add_item("acme", "Help", usd("3.00"), now=True, at=NOW)
    own.add_item("acme", "Advice", usd("4.00"), now=True, at=NOW)
    own.run(day("2026-11-02"))
    alone = [each.invoice for each in own.list() if each.invoice.cause.startswith("item/")]
    assert sorted(line.description for each in alone for line in each.lines) == ["Advice", "Help"]
    assert [len(each.lines) for each in alone] == [1, 1]
    others = [each.invoice for each in own.list() if not each.invoice.cause.startswith("item/")]
    assert not any(line.kind == "item" for each in others for line in each.lines)
