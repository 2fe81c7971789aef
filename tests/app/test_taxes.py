"""Taxes of a ledger: published rules, documents by them, and what cannot be decided."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from tallystick.app import taxes
from tallystick.app.rebuild import rebuild
from tallystick.app.replay import replay_invoice
from tallystick.app.taxes import load_tax_rules
from tallystick.app.verify import verify_ledger
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.core.tax import TaxRate
from tallystick.core.tax_decision import TaxDecision
from tallystick.core.tax_rules import TaxRule, TaxRules
from tallystick.errors import InvalidInput, InvalidTaxRules, NotFound
from tallystick.storage.derived import ledger_digests
from tallystick.testing.clock import FrozenClock
from tests.billed import unguarded
from tests.facade.billing import day, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tallystick.core.invoice import Invoice
    from tallystick.core.tax_decision import TaxQuestion
    from tests.databases import Database

RULES: dict[str, Any] = {
    "elsewhere": "untaxed",
    "categories": {"seat": "low"},
    "rates": [
        {"country": "AT", "name": "USt", "percent": 20},
        {"country": "AT", "name": "USt", "percent": 10, "category": "low"},
        {"country": "DE", "name": "USt", "percent": 19},
        {"country": "GB", "name": "VAT", "percent": 20, "inclusive": True},
    ],
}
RULES_DIGEST = read_tax_rules(RULES).digest
OCTOBER, MIDDLE, NOVEMBER = map(day, ("2026-10-01", "2026-10-16T12:00:00", "2026-11-02"))


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.seller.set(name="Us", address={"country": "AT"})
        ledger.taxes.publish(read_tax_rules(RULES), author="anna", at=OCTOBER)
        yield ledger
        assert ledger.verify().ok
        for each in ledger.invoices.list(limit=100):
            if each.invoice.number is not None:
                assert ledger.invoices.replay(each.invoice.number).differences == ()


def begun(tally: Tallystick, customer: str = "tess", plan: str = "pro", **fields: Any) -> Invoice:
    """Put a customer on a plan on the first of October; give the invoice of that day."""
    tally.customers.create(customer, **{"address": {"country": "AT"}, **fields})
    tally.subscriptions.start(customer, plan, id=f"s-{customer}", at=OCTOBER, seats=2)
    tally.invoices.run(OCTOBER)
    return documents(tally, customer)[0]


def documents(tally: Tallystick, customer: str = "tess") -> list[Invoice]:
    found = (each.invoice for each in tally.invoices.list(customer=customer, limit=100))
    return sorted(found, key=lambda each: (str(each.issued_at), each.number or ""))


def told(invoice: Invoice) -> list[tuple[str, int, int]]:
    return [
        (each.note or f"{each.percent:f}", each.taxable.minor, each.amount.minor)
        for each in invoice.taxes
    ]


# --- rules ----------------------------------------------------------------------------------------


def test_rules_are_published_once_and_read_again(tally: Tallystick) -> None:
    rules = read_tax_rules(RULES)
    (first,) = tally.taxes.versions()
    assert (first.number, first.digest, first.author) == (1, rules.digest, "anna")
    assert tally.taxes.publish(rules, author="bert") == first
    other = tally.taxes.publish(read_tax_rules(RULES | {"elsewhere": "refuse"}), author="bert")
    assert (other.number, other.author) == (2, "bert")
    assert tally.taxes.publish(rules, author="bert").number == 3
    assert tally.taxes.get(1) == tally.taxes.get() == rules
    assert tally.taxes.get(2).elsewhere == "refuse"


@pytest.mark.parametrize("version", [0, 9, True, "1", 10**30])
def test_rules_that_were_not_published_are_not_found(tally: Tallystick, version: Any) -> None:
    with pytest.raises(NotFound, match="published tax rules"):
        tally.taxes.get(version)


def test_rules_built_in_code_are_checked_as_those_of_a_file(tally: Tallystick) -> None:
    rule = TaxRule(country="AT", name="USt", percent=Decimal(2000))
    with pytest.raises(InvalidTaxRules, match=r"rates\[0\].percent: must be at most 100"):
        tally.taxes.publish(TaxRules(rates=(rule,)), author="anna")
    with pytest.raises(InvalidInput, match="not dict"):
        tally.taxes.publish(RULES, author="anna")  # type: ignore[arg-type]  # refused at run time
    with pytest.raises(InvalidInput, match="author"):
        tally.taxes.publish(read_tax_rules(RULES), author="")
    assert len(tally.taxes.versions()) == 1


def test_two_who_publish_at_once_get_two_versions(tally: Tallystick, database: Database) -> None:
    if not database.shared:
        pytest.skip("a database in memory has one connection")
    trees = [RULES | {"categories": {f"p{n}": "low"}} for n in range(4)]
    gate = threading.Barrier(4)

    def publish(tree: dict[str, Any]) -> None:
        gate.wait()
        tally.taxes.publish(read_tax_rules(tree), author="anna")

    threads = [threading.Thread(target=publish, args=(tree,)) for tree in trees]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.number for each in tally.taxes.versions()] == [5, 4, 3, 2, 1]


# --- documents ------------------------------------------------------------------------------------


def test_each_rate_is_taken_once_of_the_lines_it_applies_to(tally: Tallystick) -> None:
    invoice = begun(tally)
    assert told(invoice) == [("20", 3000, 600), ("10", 1000, 100)]
    assert (invoice.subtotal.minor, invoice.tax.minor, invoice.total.minor) == (4000, 700, 4700)
    assert invoice.tax_evidence == {
        "engine": "rules",
        "rules": read_tax_rules(RULES).digest,
        "reasons": ["rates of AT on 2026-10-01"],
    }


def test_an_inclusive_tax_is_owed_and_not_added(tally: Tallystick) -> None:
    invoice = begun(tally, address={"country": "GB"})
    assert told(invoice) == [("20", 3333, 667)]
    assert (invoice.tax.minor, invoice.total.minor, invoice.all_tax.minor) == (0, 4000, 667)
    tally.invoices.credit(invoice.id, "10.00", at=MIDDLE)
    (note,) = [each for each in documents(tally) if each.kind == "credit_note"]
    assert (note.total.minor, note.tax.minor, note.all_tax.minor) == (-1000, 0, -167)


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"tax_exempt": True}, "exempt"),
        ({"address": {"country": "US"}}, "untaxed"),
        (
            {"address": {"country": "DE"}, "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}]},
            "reverse_charge",
        ),
    ],
)
def test_where_nothing_is_taken_the_document_says_why(
    tally: Tallystick, fields: dict[str, Any], note: str
) -> None:
    invoice = begun(tally, **fields)
    assert told(invoice) == [(note, 4000, 0)]
    assert invoice.total.minor == 4000


def test_a_wrong_vat_id_is_charged_as_anybody(tally: Tallystick) -> None:
    ids = [{"type": "eu_vat", "value": "DE136695977"}]
    invoice = begun(tally, address={"country": "DE"}, tax_ids=ids)
    assert told(invoice) == [("19", 4000, 760)]
    (reason, _) = invoice.tax_evidence["reasons"]
    assert reason.endswith("no reverse charge, as DE136695977 is no VAT id of DE")
    assert invoice.buyer is not None
    assert invoice.buyer.checked_ids == ()


def test_without_rules_nothing_is_taxed_and_nothing_asked(database: Database) -> None:
    with opened(database.url) as ledger:
        invoice = begun(ledger, address={})
        assert (invoice.taxes, invoice.tax_evidence, invoice.tax.minor) == ((), {}, 0)
        assert ledger.invoices.replay(invoice.id).equal


# --- what cannot be decided -----------------------------------------------------------------------


def waiting(tally: Tallystick) -> str:
    """Give why the one draft waits."""
    (found,) = tally.invoices.set_aside()
    assert found.reason["code"] == "TAX_UNDECIDED"
    return str(found.reason["message"])


def test_a_document_waits_until_its_tax_is_known(tally: Tallystick) -> None:
    begun(tally, address={})
    begun(tally, "rosa")
    assert "no address.country" in waiting(tally)
    assert [each.number for each in documents(tally, "rosa")] == ["INV-000001"]
    tally.customers.update("tess", address={"country": "AT"})
    tally.invoices.retry(tally.invoices.set_aside()[0].id)
    tally.invoices.run(MIDDLE)
    (invoice,) = documents(tally)
    assert (invoice.number, invoice.tax.minor) == ("INV-000002", 700)


def test_a_seller_without_a_country_issues_nothing_by_rules(tally: Tallystick) -> None:
    tally.seller.set(address=None)
    begun(tally)
    assert "the seller has no address.country" in waiting(tally)


def test_a_vat_id_that_cannot_be_checked_is_not_guessed(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stdnum.eu", None)
    ids = [{"type": "eu_vat", "value": "DE136695976"}]
    begun(tally, address={"country": "DE"}, tax_ids=ids)
    assert "pip install 'tallystick[tax]'" in waiting(tally)
    begun(tally, "rosa")  # who needs no check is billed all the same
    assert documents(tally, "rosa")[0].tax.minor == 700


# --- giving back ----------------------------------------------------------------------------------


def credited(tally: Tallystick, invoice: Invoice) -> dict[str, int]:
    """Add up what credit notes gave back of each tax."""
    found: dict[str, int] = {}
    for each in documents(tally):
        if each.kind == "credit_note" and each.credits == invoice.id:
            for tax in each.taxes:
                key = f"{tax.percent:f}"
                found[key] = found.get(key, 0) - tax.amount.minor
    return found


@pytest.mark.parametrize("parts", [["47.00"], ["0.01", "46.99"], ["15.67", "15.67", "15.66"]])
def test_credit_notes_in_parts_give_back_the_whole_tax(tally: Tallystick, parts: list[str]) -> None:
    invoice = begun(tally)
    for part in parts:
        tally.invoices.credit(invoice.id, part, at=MIDDLE)
    assert credited(tally, invoice) == {"20": 600, "10": 100}
    assert [each.minor for each in tally.invoices.creditable(invoice.id)] == [0, 0]


def test_a_minor_unit_that_is_all_tax_was_given_back_too(tally: Tallystick) -> None:
    invoice = begun(tally, plan="basic")
    for _ in range(12):
        tally.invoices.credit(invoice.id, "0.01", at=MIDDLE)
    assert [each.minor for each in tally.invoices.creditable(invoice.id)] == [1200 - 12]
    assert credited(tally, invoice) == {"20": 2}


def test_a_fee_is_given_back_with_the_tax_that_was_invoiced(tally: Tallystick) -> None:
    invoice = begun(tally, plan="basic")
    tally.invoices.pay(invoice.id, at=OCTOBER)
    dearer = [{"country": "AT", "name": "USt", "percent": 25}]
    tally.taxes.publish(read_tax_rules({"rates": dearer}), author="anna", at=MIDDLE)
    tally.subscriptions.cancel("s-tess", credit=True, when="now", at=MIDDLE)
    tally.invoices.run(NOVEMBER)
    (note,) = [each for each in documents(tally) if each.kind == "credit_note"]
    assert told(note) == [("20", -500, -100)]
    assert note.tax_evidence == {}
    (balance,) = tally.invoices.balance("tess")
    assert balance.minor == 600


def test_what_was_given_back_by_hand_is_not_given_back_again(tally: Tallystick) -> None:
    invoice = begun(tally, plan="basic")
    tally.invoices.credit(invoice.id, "9.00", at=day("2026-10-05"))
    tally.subscriptions.cancel("s-tess", credit=True, when="now", at=MIDDLE)
    tally.invoices.run(NOVEMBER)
    by_hand, by_itself = [each for each in documents(tally) if each.kind == "credit_note"]
    assert told(by_hand) == [("20", -750, -150)]
    assert told(by_itself) == [("20", -250, -50)]


def test_what_was_invoiced_before_there_were_rules_is_given_back_without_tax(
    database: Database,
) -> None:
    with opened(database.url) as ledger:
        ledger.seller.set(address={"country": "AT"})
        begun(ledger, plan="basic")
        ledger.taxes.publish(read_tax_rules(RULES), author="anna", at=OCTOBER)
        ledger.subscriptions.change("s-tess", plan="pro", when="now", at=MIDDLE)
        ledger.invoices.run(NOVEMBER)
        (_, invoice) = documents(ledger)
        credit = next(line for line in invoice.lines if line.kind == "credit")
        assert (credit.amount.minor, credit.tax.minor) == (-500, 0)
        taxed = sum(each.taxable.minor for each in invoice.taxes)
        assert taxed == invoice.subtotal.minor + 500
        assert ledger.invoices.replay(invoice.id).equal
        assert ledger.verify().ok


def test_late_usage_that_lowers_a_bill_gives_back_the_tax_that_was_invoiced(
    tally: Tallystick,
) -> None:
    begun(tally)
    clock = tally.clock
    assert isinstance(clock, FrozenClock)
    clock.set(day("2026-10-10"))
    tally.usage.record("tess", "calls", id="e1", quantity=3000, occurred_at=clock.now())
    tally.invoices.run(NOVEMBER)
    usage = documents(tally)[1]
    line = next(each for each in usage.lines if each.kind == "usage")
    assert (line.amount.minor, line.tax.minor) == (2000, 400)
    dearer = [{"country": "AT", "name": "USt", "percent": 25}]
    tally.taxes.publish(read_tax_rules({"rates": dearer}), author="anna", at=NOVEMBER)
    clock.set(day("2026-11-10"))
    tally.usage.amend("tess", "e1", quantity=2000, correction_id="c1")
    tally.invoices.run(day("2026-12-02"))
    late = next(line for each in documents(tally) for line in each.lines if line.kind == "late")
    assert (late.amount.minor, late.tax.minor) == (-1000, -200)


def test_taxes_have_accounts_of_their_own(tally: Tallystick) -> None:
    invoice = begun(tally)
    tally.invoices.void(invoice.id, at=MIDDLE)
    assert tally.verify().ok
    again = documents(tally)[0]
    assert again.status == "void"
    assert told(again) == told(invoice)


def test_the_books_are_written_again_the_same(tally: Tallystick) -> None:
    begun(tally, address={"country": "GB"})
    begun(tally, "rosa")
    tally.invoices.credit("INV-000002", "3.33", at=MIDDLE)
    tally.invoices.pay("INV-000001", at=MIDDLE)
    tally.subscriptions.cancel("s-tess", credit=True, when="now", at=MIDDLE)
    tally.invoices.run(NOVEMBER)
    with tally.begin() as unit:
        before = ledger_digests(unit)
    rebuild(tally.storage)
    with tally.begin() as unit:
        assert ledger_digests(unit) == before


# --- replay ---------------------------------------------------------------------------------------


def test_a_document_is_made_again_by_the_rules_of_its_day(tally: Tallystick) -> None:
    invoice = begun(tally)
    tally.taxes.publish(read_tax_rules(RULES | {"categories": {}}), author="anna", at=MIDDLE)
    tally.customers.update("tess", tax_exempt=True)
    assert tally.invoices.replay(invoice.id).equal


def test_rules_that_were_tampered_with_are_told(tally: Tallystick) -> None:
    invoice = begun(tally)
    text = '{"rates":[{"country":"AT","name":"USt","percent":"1"}]}'
    with tally.begin() as unit:  # never committed
        unguarded(unit, "tax_rules")
        unit.connection.execute(update(unit.tables.tax_rules).values(tree=text))
        (found,) = replay_invoice(unit, invoice.id).differences
        broken = [check.name for check in verify_ledger(unit).checks if check.rows]
    assert found.found == f"cannot be made: no published tax rules {RULES_DIGEST!r}"
    assert broken == ["catalog-digests"]


# --- engines of others ----------------------------------------------------------------------------


class Flat:
    """An engine that taxes everything alike."""

    def __init__(self, rules: TaxRules) -> None:
        self.rules = rules

    def decide(self, question: TaxQuestion) -> TaxDecision:
        rate = TaxRate("Flat", Decimal(3))
        return TaxDecision(rates=tuple((rate,) for _ in question.lines), reasons=("it is flat",))


class Found:
    """An entry point."""

    def load(self) -> type[Flat]:
        return Flat


def test_an_engine_of_a_third_party_is_found_by_its_name(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []

    def entry_points(**which: str) -> list[Found]:
        asked.append(which)
        return [Found()]

    monkeypatch.setattr(taxes, "entry_points", entry_points)
    taxes._engine.cache_clear()  # another test may have found it
    rules = read_tax_rules({"engine": "flat"})
    tally.taxes.publish(rules, author="anna", at=OCTOBER)
    invoice = begun(tally)
    assert told(invoice) == [("3", 4000, 120)]
    assert invoice.tax_evidence["engine"] == "flat"
    assert invoice.tax_evidence["rules"] == rules.digest
    assert {"group": "tallystick.tax_engines", "name": "flat"} in asked


def test_an_engine_that_is_not_installed_stops_only_what_it_would_tax(tally: Tallystick) -> None:
    tally.taxes.publish(read_tax_rules({"engine": "nobody"}), author="anna", at=OCTOBER)
    begun(tally)
    assert "'nobody'" in waiting(tally)
    assert documents(tally)[0].number is None


def test_loading_names_the_file(tmp_path: Any) -> None:
    path = tmp_path / "rates.json"
    path.write_text('{"rates": [{"country": "AT", "name": "USt", "percent": 20.50}]}')
    (rule,) = load_tax_rules(path).rates
    assert rule == replace(rule, percent=Decimal("20.5"))
