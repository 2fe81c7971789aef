"""Lint refuses what would be shown wrongly, and hints at what a careful reader would ask."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.catalog import Catalog
from tallystick.core.lint import cadence_problems, lint, mixed_cadence_problems
from tallystick.core.price import Conversion, Flat, Graduated, PerUnit, Tier, Volume
from tallystick.core.rating import Quantity, rate
from tallystick.errors import Problem
from tests.core.builders import (
    EUR,
    amounts,
    catalog,
    catalogs,
    feature,
    flat,
    metered,
    plan,
    product,
    rates,
    seats,
    tiers,
    usd,
)

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan, Product
    from tallystick.core.price import Price


def found(*sold: Product | Plan) -> list[tuple[str, str]]:
    """Lint products, and give the paths and texts."""
    return [(problem.path, problem.text) for problem in lint(catalog(*sold))]


def paths(*sold: Product | Plan) -> list[str]:
    """Lint products, and give the paths alone."""
    return [path for path, _ in found(*sold)]


# --- cadences ------------------------------------------------------------------------------------


def uncounted(plan_id: str, amount: str = "9.99", **more: Any) -> Plan:
    """Build a plan whose interval count is neither written nor pulled."""
    return plan(plan_id, flat(amount, id=f"{plan_id}-line"), **({"interval_count": None} | more))


MONTHLY, QUARTERLY = uncounted("starter-monthly"), uncounted("starter-quarterly", "24.99")


def test_the_sample_as_posted_fails_and_names_both_plans_and_both_cures() -> None:
    (problem,) = lint(catalog(product("starter", MONTHLY, QUARTERLY)))
    assert problem.severity == "problem"
    assert problem.path == "products[0].plans[1].interval_count"
    for words in (
        "starter-monthly",
        "starter-quarterly",
        "every month",
        "intervalCount",
        "tallystick stripe pull",
    ):
        assert words in problem.text
    assert "intervalCount: 3" in problem.cure


@pytest.mark.parametrize("cured", [(1, 3), (None, 3), (1, 1)])
def test_either_cure_is_enough(cured: tuple[int | None, int]) -> None:
    counts = zip((MONTHLY, QUARTERLY), cured, strict=True)
    plans = [replace(offer, interval_count=count) for offer, count in counts]
    problems = lint(catalog(product("starter", *plans)))
    assert [p for p in problems if p.severity == "problem"] == []


@pytest.mark.parametrize(
    ("other", "is_alike"),
    [
        (uncounted("other"), True),
        (uncounted("other", interval_count=1), True),
        (uncounted("other", active=False), True),
        (uncounted("other", interval="year"), False),
        (uncounted("other", interval_count=12), False),
        (uncounted("other", currency=EUR), False),
        (uncounted("other", interval=None), False),
        (plan("other", interval_count=None), False),
        (plan("other", custom=True, interval_count=None), False),
    ],
)
def test_plans_are_alike_by_cadence_and_currency(other: Plan, *, is_alike: bool) -> None:
    assert bool(list(cadence_problems(catalog(product("x", MONTHLY, other))))) == is_alike
    assert list(cadence_problems(catalog(MONTHLY, other))) == []


def test_twelve_months_and_a_year_are_one_cadence() -> None:
    year = uncounted("year", interval="year")
    twelve = uncounted("twelve", interval_count=12)
    (problem,) = cadence_problems(catalog(product("x", year, twelve)))
    assert problem.path == "products[0].plans[0].interval_count"
    assert "interval count of year is neither" in problem.text


def test_three_plans_alike_are_one_problem() -> None:
    (problem,) = cadence_problems(catalog(product("x", *map(uncounted, "abc"))))
    assert "a, b and c of product x would all be billed every month" in problem.text


@pytest.mark.parametrize(
    ("own", "of_plan", "fits"),
    [
        (("month", None), ("year", 1), True),
        (("month", 3), ("year", 1), True),
        (("year", 1), ("month", 1), True),
        (("month", 12), ("year", 1), True),
        (("month", 2), ("month", 3), False),
        (("month", 5), ("year", 1), False),
        (("day", 1), ("week", 1), True),
        (("week", 2), ("day", 7), True),
        (("week", 1), ("month", 1), False),
        (("day", 30), ("month", 1), False),
        (("month", 1), (None, None), False),
    ],
)
def test_a_price_bills_in_periods_that_nest_in_its_plans(
    own: tuple[Any, Any], of_plan: tuple[Any, Any], *, fits: bool
) -> None:
    price = flat("5", interval=own[0], interval_count=own[1])
    offer = plan("p", price, interval=of_plan[0], interval_count=of_plan[1])
    problems = list(mixed_cadence_problems(catalog(offer)))
    assert [p.path for p in problems] == (
        [] if fits else ["products[0].plans[0].prices[0].interval"]
    )
    assert [p for p in lint(catalog(offer)) if p.severity == "problem"] == problems


def test_a_cadence_that_does_not_nest_is_told_in_words() -> None:
    offer = plan("pro", flat("5", interval="week"), interval_count=3)
    (problem,) = mixed_cadence_problems(catalog(offer))
    assert problem.text == (
        "base is billed every week, pro every 3 months: neither goes evenly into the other"
    )


def test_a_threshold_that_no_usage_can_reach_is_worth_a_look() -> None:
    ways = [
        (
            plan("p", flat("5"), invoice_threshold=usd("100")),
            ["products[0].plans[0].invoice_threshold"],
        ),
        (plan("p", metered(PerUnit(usd("1"))), invoice_threshold=usd("100")), []),
        (plan("p", feature("calls", 5, unit_price=Decimal(1)), invoice_threshold=usd("1")), []),
    ]
    for offer, expected in ways:
        assert paths(offer) == expected


def test_problems_come_before_hints() -> None:
    starved = plan("p", feature("projects", 0))
    severities = [p.severity for p in lint(catalog(starved, product("x", MONTHLY, QUARTERLY)))]
    assert severities == ["problem", "hint"]


# --- volume cliffs -------------------------------------------------------------------------------

CLIFF = tiers(("50", "8"), (None, "6"))


def cliffs(price: Price) -> list[tuple[str, str]]:
    """Give what lint finds at the tiers of one price."""
    return [entry for entry in found(plan("p", price)) if ".tiers[" in entry[0]]


def test_a_cliff_says_where_and_both_totals() -> None:
    price = metered(Volume(CLIFF), basis="seats", unit="")
    assert cliffs(price) == [
        (
            "products[0].plans[0].prices[0].tiers[1]",
            "using more costs less: 51 seats cost 306.00 USD, 50 cost 400.00",
        )
    ]


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (
            metered(Volume(CLIFF), unit="request"),
            "using more costs less: 51 requests cost 306.00 USD, 50 cost 400.00",
        ),
        (
            metered(Volume(tiers(("50", "8", "100"), (None, "8", "20"))), unit="GB"),
            "using more costs less: 51 GB cost 428.00 USD, 50 cost 500.00",
        ),
        (
            metered(Volume(CLIFF), included=Decimal(10), unit="calls"),
            "using more costs less: 61 calls cost 306.00 USD, 60 cost 400.00",
        ),
        (
            metered(
                Volume(CLIFF),
                convert=Conversion("divide", Decimal(1000), "ceiling", Decimal(12)),
                unit="kB",
            ),
            "using more costs less: 60 kB cost 360.00 USD, 48 cost 384.00",
        ),
        (
            metered(Volume(tiers(("50.5", "8"), (None, "6"))), unit="GB"),
            "using more costs less: 51 GB cost 306.00 USD, 50.5 cost 404.00",
        ),
    ],
)
def test_cliffs_count_all_that_stands_around_the_shape(price: Price, text: str) -> None:
    assert [words for _, words in cliffs(price)] == [text]


@pytest.mark.parametrize(
    "price",
    [
        metered(Graduated(CLIFF)),
        metered(Volume(tiers(("50", "8"), (None, "7.9")))),
        metered(Volume(tiers(("50", "8"), (None, "6", "94")))),
        metered(Volume(CLIFF), convert=Conversion("divide", Decimal(9), "floor", Decimal(25))),
        metered(Volume(CLIFF), minimum=usd("500")),
        metered(Volume(CLIFF), maximum=usd("100")),
        metered(Volume(CLIFF), minimum_quantity=Decimal(100), name="min"),
        metered(Volume(tiers((None, "6")))),
        metered(Volume(())),
    ],
)
def test_where_using_more_never_costs_less_there_is_no_cliff(price: Price) -> None:
    assert not [text for _, text in cliffs(price) if "costs less" in text]


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=4, unique=True).map(sorted),
    st.lists(st.tuples(rates, amounts), min_size=5, max_size=5),
)
def test_every_cliff_of_whole_units_is_found_and_none_invented(
    bounds: list[int], costs: list[tuple[Decimal, Decimal]]
) -> None:
    uppers = [*map(Decimal, bounds), None]
    rows = tuple(Tier(upper, *cost) for upper, cost in zip(uppers, costs, strict=False))
    price = metered(Volume(rows), basis="seats")
    totals = [rate(price, Quantity(Decimal(n))).amount for n in range(1, bounds[-1] + 2)]
    falls = sum(after < before for before, after in pairwise(totals))
    assert len([text for _, text in cliffs(price) if "costs less" in text]) == falls


# --- tiers that can't be reached, allowances twice, seats in parts -------------------------------


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (metered(Volume(tiers(("5", "1"), (None, "1"))), minimum_quantity=Decimal(10)),
         ["the tier up to 5 can't be reached: at least 10 are charged"]),
        (metered(Volume(tiers(("10", "1"), (None, "1"))), minimum_quantity=Decimal(10)), []),
        (metered(Graduated(tiers(("5", "1"), (None, "1"))), minimum_quantity=Decimal(10)), []),
        (metered(Volume(tiers(("1000", "1"), ("1500", "1"), (None, "1"))),
                 convert=Conversion("multiply", Decimal(1), "ceiling", Decimal(1000))),
         ["the tier up to 1,500 can't be reached: quantities come in steps of 1,000"]),
        (metered(Volume(tiers(("1000", "1"), ("1500", "1"), (None, "1"))), included=Decimal(500),
                 convert=Conversion("multiply", Decimal(1), "ceiling", Decimal(1000))), []),
        (metered(Volume(tiers(("2", "1"), ("2.5", "1"), (None, "1"))), basis="seats"),
         ["the tier up to 2.5 can't be reached: quantities come in steps of 1",
          "a seat is whole, the bound 2.5 is not"]),
        (metered(Graduated(tiers(("2.5", "1"), (None, "1"))), basis="seats"),
         ["a seat is whole, the bound 2.5 is not"]),
        (metered(Graduated(tiers(("1000", "0"), (None, "1"))), included=Decimal(1000)),
         ["1,000 calls are included and the first tier gives as many again: 2,000 are free"]),
        (metered(Graduated(tiers(("1000", "0.1"), (None, "1"))), included=Decimal(1000)), []),
        (metered(Graduated(tiers(("1000", "0"), (None, "1")))), []),
    ],
)  # fmt: skip
def test_tiers_that_mean_nothing_are_named(price: Price, expected: list[str]) -> None:
    assert [text for _, text in cliffs(price)] == expected


def test_a_limit_of_zero_that_nobody_can_pay_for_is_named() -> None:
    free = plan(
        "free",
        feature("exports", 0),
        feature("calls", 0, unit_price=Decimal(1)),
        feature("off", 0, enabled=False),
    )
    assert found(free) == [
        (
            "products[0].plans[0].limits[0].limit",
            "Free has exports, but with limit 0 it may never be used",
        )
    ]


# --- dominance -----------------------------------------------------------------------------------


def offer(plan_id: str, amount: str, *features: Any, **more: Any) -> Plan:
    """Build a plan of one fee and some features, its own line id."""
    return plan(plan_id, flat(amount, id=f"{plan_id}-line"), *features, **more)


TEN, TWENTY = feature("projects", 10), feature("projects", 20)


def test_a_plan_that_costs_more_and_gives_less_is_named_with_both_sums() -> None:
    text = (
        "pro costs more per day than team and gives nothing more:"
        " 348.00 USD against 228.00 USD over a year"
    )
    plans = (offer("pro", "29", TEN), offer("team", "19", TWENTY))
    assert found(*plans) == [("products[0].plans[0]", text)]


@pytest.mark.parametrize(
    ("dear", "cheap"),
    [
        (offer("a", "29", TWENTY), offer("b", "19", TEN)),
        (offer("a", "29", TEN), offer("b", "29", TEN)),
        (offer("a", "29", feature("projects", -1)), offer("b", "19", TEN)),
        (offer("a", "29", TEN, feature("sso")), offer("b", "19", TWENTY, feature("sla"))),
        (offer("a", "29", TEN, custom=True), offer("b", "19", TWENTY)),
        (offer("a", "29", TEN), offer("b", "19", TWENTY, active=False)),
        (offer("a", "29", TEN, active=False), offer("b", "19", TWENTY)),
        (offer("a", "29", TEN, interval=None, interval_count=None), offer("b", "19", TWENTY)),
        (offer("a", "29", TEN, trial_days=14), offer("b", "19", TWENTY)),
        (offer("a", "29", TEN), offer("b", "19", TWENTY, setup_fee=usd("100"))),
        (offer("a", "29", TEN), offer("b", "19", TWENTY, business_rules={"eligibility": {}})),
        (offer("a", "29", TEN, provider="one"), offer("b", "19", TWENTY, provider="other")),
        # a month binds for less time than a year does: the discount is for the commitment
        (offer("a", "10", TEN), offer("b", "100", TEN, interval="year")),
        # a quota of another period, a cheaper overage: figures that do not compare
        (offer("a", "29", feature("calls", 10, reset="day")),
         offer("b", "19", feature("calls", 20, reset="month"))),
        (offer("a", "29", feature("calls", 10, unit_price=Decimal(1))),
         offer("b", "19", feature("calls", 20, unit_price=Decimal(2)))),
        (offer("a", "29", feature("calls", 10, unit_price=Decimal(1))),
         offer("b", "19", feature("calls", 20))),
        # nothing is known of what either gives
        (offer("a", "29"), offer("b", "19")),
        (plan("a", flat("29"), TEN, seats("1", id="x")), plan("b", flat("19"), TEN, seats("2"))),
        (plan("a", flat("29"), TEN, metered(PerUnit(usd("1")))),
         plan("b", flat("19"), TEN, metered(PerUnit(usd("2")), id="other"))),
    ],
)  # fmt: skip
def test_plans_that_do_not_compare_are_left_alone(dear: Plan, cheap: Plan) -> None:
    assert [text for _, text in found(dear, cheap) if "costs more" in text] == []


@pytest.mark.parametrize(
    ("dear", "cheap"),
    [
        (offer("a", "29", TEN), offer("b", "19", feature("projects"))),
        (offer("a", "29", TEN), plan("b", TWENTY)),
        (offer("a", "400", TEN, interval="year"), offer("b", "29", TEN)),
        (offer("a", "31", TEN), offer("b", "1", TEN, interval="day")),
        (offer("a", "29", TEN, feature("sso", enabled=False)), offer("b", "19", TEN)),
        (plan("a", flat("29"), TEN, seats("2", id="x")), plan("b", flat("19"), TEN, seats("2"))),
        (plan("a", flat("29"), TEN, metered(PerUnit(usd("1")))),
         plan("b", flat("19"), TEN, metered(PerUnit(usd("1")), id="other", name="Same"))),
        (offer("a", "29", feature("calls", 10, unit_price=Decimal(2))),
         offer("b", "19", feature("calls", 20, unit_price=Decimal(1)))),
    ],
)  # fmt: skip
def test_a_plan_that_no_one_should_choose_is_named(dear: Plan, cheap: Plan) -> None:
    named = [text for _, text in found(dear, cheap) if "costs more" in text]
    if cheap.interval == "day":  # 31 a month are 372 a year, 1 a day is 365
        assert "372.00 USD against 365.00 USD" in named[0]
    assert len(named) == 1


def test_a_longer_period_that_costs_more_per_day_is_named_within_a_product() -> None:
    monthly = offer("m", "9.99")
    quarterly = offer("q", "35.99", interval_count=3)
    assert paths(product("x", monthly, quarterly)) == ["products[0].plans[1]"]
    assert paths(product("x", monthly, offer("q", "24.99", interval_count=3))) == []


def test_two_plans_of_one_cadence_that_say_nothing_are_two_things() -> None:
    assert paths(product("x", offer("basic", "10"), offer("pro", "20"))) == []


def test_the_texts_of_products_count_as_what_they_give() -> None:
    def sold(name: str, amount: str, *texts: str) -> Product:
        return product(name, offer(f"{name}-m", amount), features=texts)

    assert len(paths(sold("a", "29", "One"), sold("b", "19", "One", "Two"))) == 1
    assert paths(sold("a", "29", "One", "Three"), sold("b", "19", "One", "Two")) == []
    assert paths(sold("a", "29", "One"), replace(sold("b", "19", "One"), group="addons")) == []
    assert paths(sold("a", "29", "One"), replace(sold("b", "19", "One"), hidden=True)) == []


# --- forgotten features, near spellings, missing currencies --------------------------------------


def test_a_feature_that_a_dearer_plan_does_not_mention_is_named() -> None:
    basic = offer("basic", "10", TEN, feature("customDomains"))
    assert found(basic, offer("pro", "20", TWENTY)) == [
        (
            "products[1].plans[0]",
            "pro does not mention custom domains, which the cheaper basic has",
        )
    ]
    off = feature("customDomains", enabled=False)
    assert found(basic, offer("pro", "20", TWENTY, off)) == []
    assert found(basic, offer("pro", "20", feature("analytics"))) == []


@pytest.mark.parametrize(
    ("key", "is_near"),
    [
        ("customDomain", True),
        ("custom_domains", True),
        ("customdomains", True),
        ("cutsomDomains", True),
        ("customDomains2", False),
        ("domains", False),
    ],
)
def test_a_key_that_is_nearly_another_is_named(key: str, *, is_near: bool) -> None:
    plans = [
        offer("a", "10", TEN, feature("customDomains")),
        offer("b", "20", TWENTY, feature("customDomains")),
        offer("c", "30", feature("projects", 30), feature(key)),
    ]
    near = [entry for entry in found(*plans) if "nearly" in entry[1]]
    expected = (
        "products[2].plans[0].limits[1].feature_key",
        f"{key!r} is nearly 'customDomains', which other plans have",
    )
    assert near == ([expected] if is_near else [])


@pytest.mark.parametrize(("one", "other"), [("cpu", "gpu"), ("level1", "level2"), ("sso", "sla")])
def test_keys_that_are_short_or_numbered_are_two_things(one: str, other: str) -> None:
    assert paths(offer("a", "10", feature(one)), offer("b", "20", feature(other))) == []


def test_keys_that_stand_in_one_plan_are_two_things() -> None:
    both = (feature("readUser"), feature("readUsers"))
    plans = (offer("a", "10", *both), offer("b", "20", *both), offer("c", "30", both[0]))
    assert [text for _, text in found(*plans) if "nearly" in text] == []


def priced(key: str, *currencies: Any, **more: Any) -> list[Product]:
    """Build one product of a name for each currency."""
    return [
        product(
            f"{key}-{money}",
            plan(f"{key}-{money}", flat("5", currency=money, id=f"{key}{money}"), currency=money),
            **({"name": key} | more),
        )
        for money in currencies
    ]


def test_a_product_that_lacks_a_currency_of_others_is_named() -> None:
    usd_, eur = flat("0").currency, EUR
    assert found(*priced("Pro", usd_, eur), *priced("Team", usd_)) == [
        ("products[2]", "EUR and USD are sold, product Team-USD has no EUR price")
    ]
    assert found(*priced("Pro", usd_), *priced("Pro", eur, name="Pro (EUR)")) == []
    assert paths(*priced("Pro", usd_, eur), *priced("Team", usd_, hidden=True)) == []


def test_the_one_product_in_another_currency_is_the_odd_one() -> None:
    usd_, eur = flat("0").currency, EUR
    three = [*priced("A", usd_), *priced("B", eur), *priced("C", usd_)]
    assert found(*three) == [
        ("products[1]", "EUR and USD are sold, product B-EUR has no USD price")
    ]
    assert paths(*three, *priced("D", eur)) == []
    assert paths(*priced("A", usd_), *priced("B", usd_)) == []


# --- whatever comes ------------------------------------------------------------------------------


def test_a_figure_that_is_none_is_a_problem_and_no_traceback() -> None:
    broken = catalog(plan("p", replace(flat("1"), shape=Flat(Decimal("NaN")))))
    assert lint(broken) == (
        Problem("", "a figure of a catalogue is finite, not NaN", "write what a file could hold"),
    )


def test_figures_that_cannot_be_billed_give_no_hint_and_no_traceback() -> None:
    huge = Decimal(10) ** 40
    offers = [
        plan("a", replace(flat("1"), shape=Flat(huge)), TEN),
        plan("b", replace(flat("1"), shape=Flat(huge * 2)), TEN),
        plan("c", metered(Volume((Tier(huge, huge), Tier(None, huge))), basis="seats"), TEN),
        plan("d", flat("1"), interval_count=-1),
    ]
    assert isinstance(lint(catalog(*offers)), tuple)


def test_an_empty_catalogue_is_clean() -> None:
    assert lint(Catalog(products=())) == ()


@settings(max_examples=50)
@given(catalogs())
def test_every_finding_has_a_place_and_a_cure(sold: Catalog) -> None:
    for problem in lint(sold):
        assert problem.path.startswith(("products[", "coupons["))
        assert problem.text
        assert problem.cure
