"""`tally.backtest`: a new catalogue over real history, to the cent, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick.app import backtest as looking
from tallystick.app.retried import retried
from tallystick.core.dialects import read_catalog
from tallystick.errors import InvalidInput, InvalidPeriod, UnknownPlan
from tests.facade.a_year import SINCE, UNTIL, issued, lived, repriced, tree
from tests.facade.billing import day, digest, usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick import Tallystick
    from tallystick.core.backtest import Backtest
    from tests.databases import Database


def spelled(price: dict[str, Any]) -> None:
    """Say the same in other words, so that no price is simply kept."""
    if price["type"] == "flat":
        price["discount_percent"] = "0"
    elif price["type"] == "percentage":
        price["minimum_spend"] = "0"
    else:
        price["maximum_spend"] = "99999999"


def dearer(price: dict[str, Any]) -> None:
    for costs in (price, *price.get("tiers", ())):
        for name in ("cost", "percent", "fixed"):
            if name in costs:
                costs[name] = str(Decimal(costs[name]) * Decimal("1.7"))


def cheaper(price: dict[str, Any]) -> None:
    if price["type"] == "flat":
        price["cost"] = str(Decimal(price["cost"]) / 2)


def less_included(price: dict[str, Any]) -> None:
    if "included" in price:
        price["included"] = "10"


def by_volume(price: dict[str, Any]) -> None:
    if price["type"] == "graduated":
        price["type"] = "volume"
        price["tiers"][0]["flat_cost"] = "1.00"  # asked for where nothing was used, too


def no_longer_free(price: dict[str, Any]) -> None:
    if price["id"] in {"free", "desk"}:
        price["cost"] = "3.21"


def fees_for_nothing(price: dict[str, Any]) -> None:
    if price["id"] in {"pro", "shop"}:
        price["cost"] = "0.00"


def ungrouped(price: dict[str, Any]) -> None:
    price.pop("group_by", None)


def for_each_sale(price: dict[str, Any]) -> None:
    if price["id"] == "fees":
        for name in ("percent", "fixed"):
            del price[name]
        price |= {"type": "per_unit", "cost": "0.30"}


def at_least(price: dict[str, Any]) -> None:
    if price["type"] == "graduated":
        price["minimum_spend"] = "3.00"


CHANGES: Final = (
    dearer,
    cheaper,
    less_included,
    by_volume,
    no_longer_free,
    fees_for_nothing,
    ungrouped,
    for_each_sale,
    at_least,
)


def over(tally: Tallystick, catalog: dict[str, Any], **more: Any) -> Backtest:
    asked: dict[str, Any] = {"since": SINCE, "until": UNTIL, **more}
    return tally.backtest(read_catalog(catalog), **asked)


def together(*changes: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Make several changes at once."""

    def changed(price: dict[str, Any]) -> None:
        for change in changes:
            change(price)

    changed.__name__ = "-and-".join(each.__name__ for each in changes)
    return changed


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with lived(database.url, inclusive=True) as ledger:
        yield ledger


@pytest.fixture(scope="module", params=[None, False], ids=["untaxed", "taxed"])
def year(request: pytest.FixtureRequest) -> Iterator[tuple[Tallystick, bool | None]]:
    """A ledger that is only looked at."""
    with lived("sqlite://", inclusive=request.param) as ledger:
        yield ledger, request.param


# --- to the cent --------------------------------------------------------------------------------


def test_with_taxes_inside_the_same_prices_come_to_what_was_issued(tally: Tallystick) -> None:
    come_to_what_was_issued(tally)


def test_the_same_prices_come_to_what_was_issued(year: tuple[Tallystick, bool | None]) -> None:
    come_to_what_was_issued(year[0])


def come_to_what_was_issued(tally: Tallystick) -> None:
    before, was = digest(tally), issued(tally)
    for catalog in (tree(), tree(spelled)):
        found = over(tally, catalog)
        assert repriced(found) == was
        assert all(not each.difference.minor for each in found.customers)
        assert (found.not_compared, found.added) == ((), ())
        assert found.documents > 80
    assert digest(tally) == before
    assert tally.verify().ok


@pytest.mark.parametrize(
    ("year", "change"),
    [
        *((False, change) for change in CHANGES),
        (None, together(dearer, less_included, no_longer_free)),
        (None, together(by_volume, fees_for_nothing, ungrouped, for_each_sale)),
    ],
    indirect=["year"],
    ids=lambda one: getattr(one, "__name__", "untaxed" if one is None else "taxed"),
)
def test_it_is_what_would_have_been_issued_from_the_start(
    year: tuple[Tallystick, bool | None],
    change: Callable[[dict[str, Any]], None],
) -> None:
    tally, inclusive = year
    found = over(tally, tree(change))
    with lived("sqlite://", tree(change), inclusive=inclusive) as other:
        assert repriced(found) == issued(other)
    assert repriced(found) != issued(tally)
    assert found.not_compared == ()


@pytest.mark.parametrize("year", [False], indirect=True, ids=["taxed"])
def test_usage_that_is_counted_otherwise_is_counted_anew(
    year: tuple[Tallystick, bool | None],
) -> None:
    tally, inclusive = year
    catalog = tree()
    catalog["meters"][0]["aggregation"] = "max"
    found = over(tally, catalog)
    with lived("sqlite://", catalog, inclusive=inclusive) as other:
        assert repriced(found) == issued(other) != issued(tally)


def test_parts_of_a_time_add_up_to_the_whole(
    year: tuple[Tallystick, bool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tally, _ = year
    whole = over(tally, tree(dearer))
    monkeypatch.setattr(looking, "_DOCUMENTS", 7)
    halves = [
        over(tally, tree(dearer), until=day("2026-06-15")),
        over(tally, tree(dearer), since=day("2026-06-15")),
    ]
    assert sum(each.documents for each in halves) == whole.documents
    sums: Counter[str] = Counter()
    for half in halves:
        sums.update({each.customer: each.repriced.minor for each in half.customers})
    assert sums == {each.customer: each.repriced.minor for each in whole.customers}


def test_progress_is_told_and_only_grows(
    year: tuple[Tallystick, bool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_DOCUMENTS", 10)
    told: list[looking.Progress] = []
    found = over(year[0], tree(), tell=told.append)
    assert len(told) > 3
    assert [each.documents for each in told] == sorted(each.documents for each in told)
    assert (told[-1].documents, told[-1].customers) == (found.documents, 8)
    assert [each.customer for each in found.customers] == sorted(
        each.customer for each in found.customers
    )


def test_where_lines_can_tell_no_document_is_reckoned(
    year: tuple[Tallystick, bool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: set[str] = set()

    def counted(unit: Any, trials: Any, people: Any, *more: Any) -> Any:
        whole.update(people)
        return retried(unit, trials, people, *more)

    monkeypatch.setattr(looking, "retried", counted)
    found = over(year[0], tree(dearer))
    # a fee and taxes on all of it; commitments, coupons for one document and percentages are more
    assert "dove" in {each.customer for each in found.customers} - whole
    whole.clear()
    assert repriced(over(year[0], tree())) == issued(year[0])
    assert not whole


# --- other plans --------------------------------------------------------------------------------


def test_a_plan_takes_the_place_of_another(year: tuple[Tallystick, bool | None]) -> None:
    tally, _ = year
    found = over(tally, tree(), plans={"basic": "sms", "free@1": "sms"})
    by_name = {each.customer: each.difference.minor for each in found.customers}
    assert by_name["beta"] < 0 < by_name["fox"]
    assert by_name["dove"] == 0
    # the sms plan has no price for calls: what fox was billed for them stays, and is named
    (apart,) = found.not_compared
    assert (apart.plan, apart.charge, apart.why) == (
        "free@1",
        "free-calls",
        "sms has no price for it",
    )
    assert apart.lines > 0


def test_what_has_no_counterpart_is_named_and_stays(year: tuple[Tallystick, bool | None]) -> None:
    tally, _ = year
    catalog = tree()
    pro, shop = catalog["products"][0]["plans"][1:3]
    pro["prices"] = [price for price in pro["prices"] if price["id"] != "seat"]
    pro["prices"].append({"id": "help", "name": "Help", "type": "flat", "cost": "1.00"})
    pro["prices"] = [each for each in pro["prices"] if each["id"] != "pro"]
    shop["interval"] = "year"
    catalog["products"].pop()
    found = over(tally, catalog)
    why = {(each.plan, each.charge): each.why for each in found.not_compared}
    assert why["pro@1", "seat"] == "pro has no price for it"
    assert why["shop@1", "shop"] == "shop charges shop at another interval"
    assert why["desk@1", "desk"] == "there is no such plan"
    assert ("pro@1", "pro") not in why  # the only flat price there is takes its place
    dove = next(each for each in found.customers if each.customer == "dove")
    assert dove.difference.minor == 0
    lost = next(each for each in found.not_compared if each.plan == "desk@1")
    assert lost.lines == 12


def test_what_is_new_is_named(year: tuple[Tallystick, bool | None]) -> None:
    tally, _ = year
    catalog = tree()
    sms, desk = catalog["products"][0]["plans"][5], catalog["products"][1]["plans"][0]
    sms["prices"].append({"id": "sms-seat", "name": "Seats", "type": "per_seat", "cost": "1"})
    desk["minimum_commitment"] = "50.00"
    desk["setup_fee"] = "3.00"
    found = over(tally, catalog)
    assert found.added == ("desk: minimum commitment", "desk: set-up fee", "sms: sms-seat")
    assert repriced(found) == issued(tally)


def test_an_agreement_that_no_price_can_have_keeps_the_document(
    year: tuple[Tallystick, bool | None],
) -> None:
    tally, _ = year

    def flat_calls(price: dict[str, Any]) -> None:
        if price["id"] == "calls":
            del price["tiers"], price["included"]
            price |= {"type": "percentage", "percent": "1"}

    found = over(tally, tree(flat_calls))
    crab = [each for each in found.not_compared if "overrides.calls" in each.why]
    assert crab
    assert {each.plan for each in crab} == {"pro@1"}
    customer = next(each for each in found.customers if each.customer == "crab")
    assert customer.difference.minor == 0


# --- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"since": UNTIL, "until": SINCE}, InvalidPeriod),
        ({"since": SINCE.replace(tzinfo=None)}, InvalidPeriod),
        ({"plans": {"gone": "sms"}}, UnknownPlan),
        ({"plans": {"basic@7": "sms"}}, UnknownPlan),
        ({"plans": {"basic": "gone"}}, UnknownPlan),
        ({"plans": {"basic": 5}}, InvalidInput),
        ({"plans": 5}, InvalidInput),
        ({"plans": {f"p{n}": "sms" for n in range(1_001)}}, InvalidInput),
    ],
)
def test_bad_questions_are_refused(
    year: tuple[Tallystick, bool | None], more: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        over(year[0], tree(), **more)
    with pytest.raises(InvalidInput, match="a catalogue is needed"):
        year[0].backtest(None, since=SINCE, until=UNTIL)  # type: ignore[arg-type]  # not one


def test_nothing_issued_is_nothing_to_tell(year: tuple[Tallystick, bool | None]) -> None:
    found = over(year[0], tree(dearer), since=day("2020-01-01"), until=day("2020-02-01"))
    assert (found.customers, found.summaries(), found.winners()) == ((), (), ())


def test_sums_by_currency(year: tuple[Tallystick, bool | None]) -> None:
    found = over(year[0], tree(dearer))
    euro, dollar = found.summaries()
    assert (euro.currency.code, euro.customers, euro.losers) == ("EUR", 1, 1)
    assert (dollar.customers, dollar.losers, dollar.winners) == (7, 7, 0)
    assert dollar.lost == dollar.difference > usd("0.00")
    assert found.losers(1)[-1].currency.code == "USD"
