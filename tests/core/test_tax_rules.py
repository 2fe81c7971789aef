"""Tax rules: places, categories and days, and nothing that is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.currency import currency
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Party
from tallystick.core.money import Money
from tallystick.core.tax import TaxRate
from tallystick.core.tax_decision import SoldLine, Taxation, TaxDecision, TaxQuestion
from tallystick.core.tax_rules import TaxRule, TaxRules, tax_rules_tree
from tallystick.errors import TaxUndecided

EUR = currency("EUR")
NOON = datetime(2027, 4, 1, 12, tzinfo=UTC)
TREE: dict[str, Any] = {
    "categories": {"guide": "books", "library": "books", "app": "software"},
    "rates": [
        {"country": "AT", "name": "USt", "percent": 19, "until": "2027-04-01"},
        {"country": "AT", "name": "USt", "percent": 20, "since": "2027-04-01"},
        {"country": "AT", "name": "USt", "percent": 10, "category": "books"},
        {"country": "AT", "name": "USt", "percent": 13, "category": "software"},
        {"country": "DE", "name": "USt", "percent": 19},
        {"country": "CA", "name": "GST", "percent": 5},
        {"country": "CA", "region": "QC", "name": "GST", "percent": 5},
        {"country": "CA", "region": "QC", "name": "QST", "percent": "9.975"},
        {"country": "CA", "region": "ON", "name": "HST", "percent": 13, "since": "2027-04-02"},
        {"country": "GB", "name": "VAT", "percent": 20, "inclusive": True},
        {"country": "US", "region": "TX", "name": "Sales tax", "percent": "6.25"},
        {"country": "FR", "name": "TVA", "percent": "5.5", "category": "books"},
    ],
}
RULES = read_tax_rules(TREE)


def sold(price: str = "", plan: str = "", product: str = "") -> SoldLine:
    return SoldLine(amount=Money(1000, EUR), price=price, plan=plan, product=product)


def decided(
    country: str, state: str = "", *lines: SoldLine, at: datetime = NOON, rules: TaxRules = RULES
) -> TaxDecision:
    address = {"country": country} | ({"state": state} if state else {})
    question = TaxQuestion(
        seller=Party(address=FrozenDict(country="AT")),
        buyer=Party(address=FrozenDict(address)),
        at=at,
        lines=lines or (sold(),),
    )
    return rules.decide(question)


def names(rates: tuple[TaxRate, ...]) -> list[str]:
    return [f"{rate.name} {rate.percent}{' inside' if rate.inclusive else ''}" for rate in rates]


@pytest.mark.parametrize(
    ("country", "state", "rates"),
    [
        ("AT", "", ["USt 20"]),
        ("AT", "Wien", ["USt 20"]),
        ("CA", "QC", ["GST 5", "QST 9.975"]),
        ("CA", "qc", ["GST 5", "QST 9.975"]),
        ("CA", "AB", ["GST 5"]),
        ("CA", "ON", ["GST 5"]),  # its own rate begins on the day after
        ("GB", "", ["VAT 20 inside"]),
        ("US", "TX", ["Sales tax 6.25"]),
    ],
)
def test_the_place_of_the_buyer_decides(country: str, state: str, rates: list[str]) -> None:
    found = decided(country, state)
    assert [names(each) for each in found.rates] == [rates]
    assert found.rules == RULES.digest


def test_a_region_has_all_of_its_rates_from_the_day_on_which_it_has_one() -> None:
    found = decided("CA", "ON", at=datetime(2027, 4, 2, tzinfo=UTC))
    assert names(found.rates[0]) == ["HST 13"]
    assert found.reasons == ("rates of CA-ON on 2027-04-02",)


def test_the_category_is_that_of_the_price_else_the_plan_else_the_product() -> None:
    lines = (sold("guide", "library", "app"), sold("x", "library", "app"), sold("x", "y", "app"))
    found = decided("AT", "", *lines, sold("x", "y", "z"), sold())
    assert [names(each) for each in found.rates] == [
        ["USt 10"], ["USt 10"], ["USt 13"], ["USt 20"], ["USt 20"]
    ]  # fmt: skip


def test_a_category_without_a_rate_of_its_own_has_the_standard_one() -> None:
    found = decided("DE", "", sold("guide"), sold())
    assert [names(each) for each in found.rates] == [["USt 19"], ["USt 19"]]
    assert found.reasons == (
        "rates of DE on 2027-04-01",
        "DE has no books rate: the standard one counts",
    )


@pytest.mark.parametrize(
    ("zone", "at", "rate"),
    [
        ("UTC", "2027-03-31T23:59:59", "USt 19"),
        ("UTC", "2027-04-01T00:00:00", "USt 20"),
        ("Europe/Vienna", "2027-03-31T21:59:59", "USt 19"),
        ("Europe/Vienna", "2027-03-31T22:00:00", "USt 20"),
    ],
)
def test_the_day_is_that_of_the_sellers_zone(zone: str, at: str, rate: str) -> None:
    rules = read_tax_rules({**TREE, "time_zone": zone})
    found = decided("AT", at=datetime.fromisoformat(at).replace(tzinfo=UTC), rules=rules)
    assert names(found.rates[0]) == [rate]


@pytest.mark.parametrize(
    ("country", "state", "at", "why"),
    [
        ("CH", "", NOON, r"CH is not in the tax rules.*elsewhere: untaxed"),
        ("US", "", NOON, r"US has rates by region and the customer no address\.state"),
        ("CA", "", NOON, r"CA has rates by region"),
        ("US", "CA", NOON, r"no rate of US-CA on 2027-04-01"),
        ("FR", "", NOON, r"no standard rate of FR"),
    ],
)
def test_what_the_rules_do_not_say_is_not_guessed(
    country: str, state: str, at: datetime, why: str
) -> None:
    with pytest.raises(TaxUndecided, match=why):
        decided(country, state, at=at)


def test_a_gap_between_rates_is_not_filled() -> None:
    gap = [
        {"country": "AT", "name": "USt", "percent": 19, "until": "2027-03-01"},
        {"country": "AT", "name": "USt", "percent": 20, "since": "2027-05-01"},
    ]
    with pytest.raises(TaxUndecided, match="no rate of AT on 2027-04-01"):
        decided("AT", rules=read_tax_rules({"rates": gap}))


def test_elsewhere_can_be_untaxed() -> None:
    found = decided("CH", rules=read_tax_rules({**TREE, "elsewhere": "untaxed"}))
    assert found.rates == ((TaxRate("", Decimal(0), note="untaxed"),),)
    assert found.reasons == ("CH is not in the rules, and elsewhere nothing is taxed",)


# --- as plain values ------------------------------------------------------------------------------


def test_rules_are_read_again_as_they_were_written() -> None:
    again = read_tax_rules(tax_rules_tree(RULES))
    assert again == RULES
    assert again.digest == RULES.digest
    assert hash(again) == hash(RULES)


@pytest.mark.parametrize(
    "change",
    [
        {"elsewhere": "untaxed"},
        {"reverse_charge": False},
        {"time_zone": "Europe/Vienna"},
        {"engine": "avocado"},
        {"categories": {}},
        {"rates": TREE["rates"][:-1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_word_is_another_digest(change: dict[str, Any]) -> None:
    other = read_tax_rules(TREE | change)
    assert other.digest != RULES.digest
    assert read_tax_rules(tax_rules_tree(other)) == other


def test_how_a_number_is_written_is_no_part_of_it() -> None:
    one, other = (
        TaxRules(rates=(TaxRule(country="AT", name="USt", percent=Decimal(text)),))
        for text in ("20", "20.00")
    )
    assert one.digest == other.digest


def test_until_is_the_first_day_without() -> None:
    rule = TaxRule(
        country="AT",
        name="USt",
        percent=Decimal(20),
        since=date(2027, 1, 1),
        until=date(2027, 2, 1),
    )
    held = [rule.holds(date(2027, *day)) for day in ((1, 1), (1, 31), (2, 1))]
    assert held == [True, True, False]
    assert not rule.holds(date(2026, 12, 31))


# --- engines of others ----------------------------------------------------------------------------


VAT = TaxRate("VAT", Decimal(20))


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ((), "rates for 0 lines of 1"),
        (((VAT,), (VAT,)), "rates for 2 lines of 1"),
        (((VAT, VAT),), "one rate twice"),
        ((("VAT 20",),), "no TaxRate"),
        ((tuple(TaxRate(str(n), Decimal(1)) for n in range(21)),), "more than 20"),
    ],
)
def test_an_answer_that_cannot_be_reckoned_with_is_refused(rates: Any, why: str) -> None:
    asked = Taxation(decide=lambda _: TaxDecision(rates=rates), seller=Party(), buyer=Party())
    with pytest.raises(TaxUndecided, match=why):
        asked.decision(NOON, (sold(),))


def test_an_engine_is_told_who_sells_what_to_whom_and_when() -> None:
    seen: list[TaxQuestion] = []

    def decide(question: TaxQuestion) -> TaxDecision:
        seen.append(question)
        return TaxDecision(rates=((VAT,),))

    seller, buyer = Party(name="Us"), Party(name="Them")
    Taxation(decide=decide, seller=seller, buyer=buyer).decision(NOON, (sold("p"),))
    assert seen == [TaxQuestion(seller=seller, buyer=buyer, at=NOON, lines=(sold("p"),))]
