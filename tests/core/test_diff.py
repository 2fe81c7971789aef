"""What changed is said in words, all of it, and nothing where nothing changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.canonical import digest
from tallystick.core.catalog import Catalog
from tallystick.core.diff import Change, Subject, diff
from tallystick.core.meter import Meter
from tallystick.core.price import (
    Conversion,
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Volume,
)
from tallystick.errors import InvalidNumber
from tests.core.builders import (
    EUR,
    catalog,
    catalogs,
    feature,
    flat,
    metered,
    plan,
    product,
    seats,
    tiers,
    usd,
)

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan

PRO = plan("pro", flat("29.00"), feature("projects", 50), feature("customDomains"))


def texts(old: Plan, new: Plan) -> list[str]:
    """Tell what changed between two plans of one catalogue."""
    return [change.text for change in diff(catalog(old), catalog(new))]


def test_a_price_says_both_amounts_and_the_percentage() -> None:
    old, new = (catalog(plan("pro", flat(amount))) for amount in ("29.00", "39.00"))
    assert diff(old, new) == (
        Change(
            "changed",
            Subject(product="pro", plan="pro", price="base"),
            "Pro: price 29.00 → 39.00 USD a month (+34.5 %)",
            "29.00 USD a month",
            "39.00 USD a month",
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "percent"),
    [
        ("10", "5", " (-50 %)"),
        ("3", "4", " (+33.3 %)"),
        ("3", "2", " (-33.3 %)"),
        ("0", "5", ""),
        ("5", "0", " (-100 %)"),
        ("10000.00", "10000.01", " (+less than 0.1 %)"),
        ("80", "80.04", " (+0.1 %)"),  # exactly 0.05 %: half away from zero
        ("0.01", "1000000.00", " (+9,999,999,900 %)"),
        ("0.01", "90000000000000000.00", " (+899,999,999,999,999,999,900 %)"),
    ],
)
def test_percentages_are_exact_and_rounded_for_display(old: str, new: str, percent: str) -> None:
    (text,) = texts(plan("p", flat(old)), plan("p", flat(new)))
    assert text.endswith(f"USD a month{percent}")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (PRO, replace(PRO, name="Business"),
         ["product Pro is now called Business", "Pro is now called Business"]),
        (PRO, replace(PRO, active=False), ["Pro is no longer offered to new customers"]),
        (replace(PRO, active=False), PRO, ["Pro is offered to new customers again"]),
        (PRO, replace(PRO, interval="year"), ["Pro: billed every month → every year"]),
        (PRO, replace(PRO, interval_count=3), ["Pro: billed every month → every 3 months"]),
        (PRO, replace(PRO, interval_count=None), ["Pro: interval count 1 → none"]),
        (PRO, replace(PRO, trial_days=14), ["Pro: trial of 14 days added"]),
        (replace(PRO, trial_days=14), replace(PRO, trial_days=30), ["Pro: trial 14 → 30 days"]),
        (replace(PRO, trial_days=14), PRO, ["Pro: trial of 14 days removed"]),
        (PRO, replace(PRO, setup_fee=usd("99")), ["Pro: set-up fee 0.00 → 99.00 USD"]),
        (PRO, replace(PRO, minimum_commitment=usd("500")),
         ["Pro: minimum commitment none → 500.00 USD"]),
        (replace(PRO, invoice_threshold=usd("100")), replace(PRO, invoice_threshold=usd("50")),
         ["Pro: invoice threshold 100.00 → 50.00 USD (-50 %)"]),
        (PRO, replace(PRO, coupons=("Save 10",)), ["Pro: coupon 'Save 10' added"]),
        (PRO, replace(PRO, coupons=()), ["Pro: coupons none → none"]),
        (replace(PRO, coupon_ids=("a", "b")), replace(PRO, coupon_ids=("b", "a")),
         ["Pro: coupon ids a, b → b, a"]),
        (PRO, replace(PRO, custom=True), ["Pro is now sold on request ('contact us')"]),
        (PRO, replace(PRO, badge="New"), ["Pro: badge none → 'New'"]),
        (PRO, replace(PRO, highlighted=True), ["Pro: highlighted no → yes"]),
        (PRO, replace(PRO, business_rules={}), ["Pro: business rules added"]),
        (replace(PRO, business_rules={"a": 1}), replace(PRO, business_rules={"a": True}),
         ['Pro: business rules {"a":1} → {"a":true}']),
        (PRO, replace(PRO, metadata={"k": "v"}), ["Pro: metadata added"]),
        (PRO, replace(PRO, provider="stripe"), ["Pro: provider none → 'stripe'"]),
    ],
)  # fmt: skip
def test_each_field_of_a_plan_has_its_words(old: Plan, new: Plan, expected: list[str]) -> None:
    assert texts(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (("projects", 50), ("projects", 100), "projects limit 50 → 100"),
        (("projects", 50), ("projects", -1), "projects limit 50 → unlimited"),
        (("apiRequests", 10_000), ("apiRequests", None), "api requests limit 10,000 → none"),
        (("customDomains",), None, "custom domains removed"),
        (None, ("customDomains",), "custom domains added"),
        (None, ("api_requests", 1000), "api requests added, limit 1,000"),
    ],
)
def test_features_are_told_in_words(
    old: tuple[Any, ...] | None, new: tuple[Any, ...] | None, expected: str
) -> None:
    sides = [plan("pro", *([feature(*side)] if side else [])) for side in (old, new)]
    assert texts(*sides) == [f"Pro: {expected}"]


def test_a_feature_counts_by_whether_it_is_switched_on() -> None:
    on, off = (plan("free", feature("customDomains", enabled=is_on)) for is_on in (True, False))
    (gone,) = diff(catalog(on), catalog(off))
    assert (gone.kind, gone.text) == ("removed", "Free: custom domains removed")
    assert gone.subject == Subject(product="free", plan="free", feature="customDomains")
    (come,) = diff(catalog(off), catalog(on))
    assert (come.kind, come.text) == ("added", "Free: custom domains added")
    assert texts(plan("free"), off) == ["Free: custom domains listed as not included"]
    assert texts(off, plan("free")) == ["Free: custom domains no longer listed as not included"]


def test_the_price_beyond_a_limit_is_told_in_major_units() -> None:
    soft = [plan("p", feature("calls", 5, unit_price=Decimal(p))) for p in ("0.02", "0.01")]
    assert texts(*soft) == ["P: calls beyond the limit 0.0002 → 0.0001 USD each (-50 %)"]
    assert texts(soft[0], plan("p", feature("calls", 5))) == [
        "P: calls beyond the limit 0.0002 USD each → none"
    ]


def test_plans_and_products_come_and_go() -> None:
    team = plan("team", flat("99.00"), seats("10"))
    changes = diff(catalog(PRO), catalog(PRO, team))
    assert [(c.kind, c.text) for c in changes] == [
        ("added", "product Team added"),
        ("added", "plan Team added: 99.00 USD a month and 1 more line"),
    ]
    assert [c.text for c in diff(catalog(PRO, team), catalog(PRO))] == [
        "product Team removed",
        "plan Team removed: 99.00 USD a month and 1 more line",
    ]


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        (plan("x", custom=True), "on request"),
        (plan("x"), "free"),
        (plan("x", flat("5"), interval="year"), "5.00 USD a year"),
        (plan("x", flat("5"), interval=None), "5.00 USD once"),
        (plan("x", flat("5"), interval_count=3), "5.00 USD every 3 months"),
        (plan("x", seats("5")), "5.00 USD a seat a month"),
        (plan("x", metered(PerUnit(usd("0.002")))), "0.002 USD per call"),
        (plan("x", metered(Package(Decimal(1000), usd("5")))), "5.00 USD for each 1,000 call"),
        (plan("x", metered(Percentage(Decimal("2.9"), usd("0.30")))),
         "2.9 % + 0.30 USD a transaction"),
        (plan("x", metered(Dynamic(Decimal("1.5")))), "the price of each event times 1.5"),
        (plan("x", metered(Volume(tiers(("10", "1"), (None, "0.5", "2"))))),
         "volume tiers, up to 10 1.00 USD per call; beyond 0.50 USD per call + 2.00 USD flat"),
    ],
)  # fmt: skip
def test_an_added_plan_says_what_it_costs(offer: Plan, words: str) -> None:
    changes = diff(catalog(PRO), catalog(PRO, offer))
    assert changes[-1].text == f"plan X added: {words}"


def test_plans_of_one_name_are_told_apart_by_id() -> None:
    old = [plan(i, flat("5", id=i), name="Monthly") for i in ("a-m", "b-m")]
    new = [old[0], replace(old[1], trial_days=7)]
    (change,) = diff(catalog(*old), catalog(*new))
    assert change.text == "Monthly (b-m): trial of 7 days added"


def test_tiers_are_matched_by_their_bounds() -> None:
    old = metered(Graduated(tiers(("1000", "0.10"), ("5000", "0.05"), (None, "0.02", "3"))))
    new = metered(Graduated(tiers(("1000", "0.08"), ("9000", "0.05"), (None, "0.02", "4"))))
    assert texts(plan("p", old), plan("p", new)) == [
        "P: call, tier up to 1,000: 0.10 → 0.08 USD per call (-20 %)",
        "P: call, tier up to 5,000 removed: 0.05 USD per call",
        "P: call, last tier: flat fee 3.00 → 4.00 USD (+33.3 %)",
        "P: call, tier up to 9,000 added: 0.05 USD per call",
    ]


def test_tiers_of_money_and_of_units_are_two_kinds() -> None:
    shape = Graduated(tiers((None, "0.01", "2")))
    old, new = metered(shape), metered(replace(shape, of_money=True))
    (words,) = texts(plan("p", old), plan("p", new))
    assert "graduated tiers" in words
    assert "→ graduated percentage tiers" in words


def test_a_unit_without_a_name_is_a_unit() -> None:
    old, new = (
        metered(Graduated(tiers(("1000", unit), (None, "0"))), unit="", name="API")
        for unit in ("0.10", "0.08")
    )
    assert texts(plan("p", old), plan("p", new)) == [
        "P: API, tier up to 1,000: 0.10 → 0.08 USD a unit (-20 %)"
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"included": Decimal(100)}, "call: included 0 → 100"),
        ({"minimum": usd("5")}, "call: minimum spend none → 5.00 USD"),
        ({"maximum": usd("5")}, "call: maximum spend none → 5.00 USD"),
        ({"discount": PercentOff(Decimal(10))}, "call: discount none → 10 %"),
        ({"discount": FixedOff(usd("3"))}, "call: discount none → 3.00 USD"),
        ({"convert": Conversion("divide", Decimal(1000), "ceiling")},
         "call: billed quantity as metered → divided by 1,000, rounded up in steps of 1"),
        ({"allow_negative": True}, "call: allow negative no → yes"),
        ({"unit": "GB"}, "call: unit 'call' → 'GB'"),
        ({"provider_id": "price_1"}, "call: the provider's id none → 'price_1'"),
        ({"shape": Dynamic()}, "call: 1.00 USD per call → the price of each event times 1"),
        ({"id": "new", "meter": "calls"}, "call: line calls is now new"),
        ({"interval": "month"}, "call: billed with the plan → every month"),
        ({"interval": "week", "interval_count": 2}, "call: billed with the plan → every 2 weeks"),
        ({"group_by": ("region", "size")}, "call: a line for each none → region, size"),
    ],
)  # fmt: skip
def test_each_modifier_has_its_words(change: dict[str, Any], words: str) -> None:
    old = metered(PerUnit(usd("1")))
    (text, *_) = texts(plan("p", old), plan("p", replace(old, **change)))
    assert text == f"P: {words}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (Package(Decimal(100), usd("5")), Package(Decimal(200), usd("5"), "down"),
         ["call: package size 100 → 200", "call: part packages round 'up' → 'down'"]),
        (Package(Decimal(100), usd("5")), Package(Decimal(100), usd("6")),
         ["call 5.00 → 6.00 USD for each 100 (+20 %)"]),
        (Percentage(Decimal("2.9")), Percentage(Decimal("3.1"), usd("0.30")),
         ["call: percentage 2.9 → 3.1", "call: fixed fee a transaction 0.00 USD → 0.30 USD"]),
    ],
)  # fmt: skip
def test_each_part_of_a_shape_has_its_words(old: Any, new: Any, words: list[str]) -> None:
    sides = [plan("p", metered(shape)) for shape in (old, new)]
    assert texts(*sides) == [f"P: {text}" for text in words]


def test_a_fee_with_its_own_cadence_is_told_by_it() -> None:
    old, new = (plan("p", flat(cost, interval="month"), interval="year") for cost in ("5", "6"))
    assert texts(old, new) == ["P: price 5.00 → 6.00 USD a month (+20 %)"]
    (added,) = diff(catalog(PRO), catalog(PRO, new))[-1:]
    assert added.text == "plan P added: 6.00 USD a month"


def test_a_new_price_id_does_not_make_another_line() -> None:
    old, new = plan("p", flat("9.99", id="price_a")), plan("p", flat("12.99", id="price_b"))
    assert texts(old, new) == [
        "P: price 9.99 → 12.99 USD a month (+30 %)",
        "P: price: line price_a is now price_b",
    ]


def test_lines_come_and_go() -> None:
    both = plan("p", flat("5"), seats("10"))
    (come,) = diff(catalog(plan("p", flat("5"))), catalog(both))
    assert (come.kind, come.subject.price) == ("added", "seats")
    assert come.text == "P: line seats added: 10.00 USD a seat"
    (gone,) = diff(catalog(both), catalog(plan("p", seats("10"))))
    assert (gone.kind, gone.text) == ("removed", "P: line base removed: 5.00 USD")


def test_a_product_in_another_currency_says_so_at_every_price() -> None:
    old, new = (plan("p", flat("5", currency=m), currency=m) for m in (usd_of(), EUR))
    assert texts(old, new) == [
        "product P: currency USD → EUR",
        "P: price 5.00 USD a month → 5.00 EUR a month",
    ]


def usd_of() -> Any:
    """Give the currency of the builders."""
    return flat("0").currency


def test_products_say_what_changed_in_them() -> None:
    old = product("x", PRO, features=("One", "Two"))
    new = replace(old, features=("Two", "Three"), hidden=True, group="addons", name="Y")
    assert [change.text for change in diff(catalog(old), catalog(new))] == [
        "product X is now called Y",
        "product X: text 'Three' added",
        "product X: text 'One' removed",
        "product X: group 'default' → 'addons'",
        "product X is no longer shown",
    ]


def test_order_and_moves_are_told() -> None:
    a, b = plan("a", flat("1", id="a")), plan("b", flat("2", id="b"))
    (order,) = diff(catalog(a, b), catalog(b, a))
    assert order.text == "catalogue: products stand in another order: a, b → b, a"
    (order,) = diff(catalog(product("x", a, b)), catalog(product("x", b, a)))
    assert order.text == "product X: plans stand in another order: a, b → b, a"
    lines = (flat("1"), seats("2"))
    assert texts(plan("p", *lines), plan("p", *reversed(lines))) == [
        "P: lines stand in another order: base, seats → seats, base"
    ]
    old = catalog(product("x", a, b), product("y", plan("c")))
    new = catalog(product("x", a), product("y", plan("c"), b))
    assert [change.text for change in diff(old, new)] == ["B moved from product x to product y"]


def test_the_provider_and_the_meters_are_told() -> None:
    old = catalog(PRO, meters={"calls": Meter(key="calls"), "gone": Meter(key="gone")})
    new = catalog(
        replace(PRO, provider="stripe"),
        provider="stripe",
        meters={"calls": Meter(key="calls", aggregation="max"), "new": Meter(key="new")},
    )
    assert [(c.kind, c.text) for c in diff(old, new)] == [
        ("changed", "catalogue: provider none → 'stripe'"),
        ("changed", "meter calls: aggregation 'sum' → 'max'"),
        ("added", "meter new added"),
        ("removed", "meter gone removed"),
    ]


def test_a_catalogue_with_one_id_twice_still_differs_aloud() -> None:
    old = catalog(product("x", plan("a", flat("1")), plan("a", flat("2"))))
    new = catalog(product("x", plan("a", flat("3")), plan("a", flat("2"))))
    assert [change.text for change in diff(old, new)] == ["the catalogue has one id twice"]


def test_a_figure_that_is_none_is_refused_and_not_compared() -> None:
    broken = catalog(plan("p", replace(flat("1"), shape=Flat(Decimal("NaN")))))
    with pytest.raises(InvalidNumber):
        diff(catalog(PRO), broken)


@settings(max_examples=30)
@given(catalogs(), catalogs())
def test_there_is_no_change_exactly_where_the_digests_agree(old: Catalog, new: Catalog) -> None:
    assert diff(old, old) == ()
    assert (diff(old, new) == ()) == (digest(old) == digest(new))


@settings(max_examples=30)
@given(catalogs(), catalogs())
def test_what_comes_one_way_goes_the_other(old: Catalog, new: Catalog) -> None:
    def counted(changes: tuple[Change, ...], *, turned: bool) -> Counter[tuple[str, Subject]]:
        turn = {"added": "removed", "removed": "added", "changed": "changed"}
        return Counter(
            (turn[c.kind] if turned else c.kind, replace(c.subject, price=None, product=None))
            for c in changes
        )

    there, back = counted(diff(old, new), turned=False), counted(diff(new, old), turned=True)
    assert there == back


MUTATIONS: dict[str, Any] = {
    "name": "Other",
    "display_name": "Shown",
    "description": "Said",
    "interval": "week",
    "interval_count": 7,
    "active": False,
    "custom": True,
    "prices": (flat("1", id="new"),),
    "features": {"new": feature("new")},
    "provider": "manual",
    "trial_days": 91,
    "setup_fee": usd("0.01"),
    "coupons": ("new", "newer", "newest"),
    "coupon_ids": ("new", "newer", "newest"),
    "business_rules": {"new": Decimal("0.1")},
    "label": "Ask",
    "button_label": "Ask us",
    "href": "https://example.com",
    "badge": "New",
    "metadata": {"new": "value"},
    "currency": EUR,
}


@pytest.mark.parametrize("field", MUTATIONS)
def test_whichever_field_of_a_plan_changes_there_is_a_change(field: str) -> None:
    mutated = replace(PRO, **{field: MUTATIONS[field]})
    old, new = catalog(product("x", PRO)), catalog(product("x", mutated, currency=PRO.currency))
    assert digest(old) != digest(new)
    assert diff(old, new)
    assert diff(new, old)


@settings(max_examples=60)
@given(catalogs(), st.sampled_from(sorted(MUTATIONS)), st.integers(0, 5))
def test_no_change_of_one_field_escapes(old: Catalog, field: str, which: int) -> None:
    plans = list(old)
    chosen = plans[which % len(plans)].id
    products = tuple(
        replace(
            entry,
            plans=tuple(
                replace(offer, **{field: MUTATIONS[field]}) if offer.id == chosen else offer
                for offer in entry.plans
            ),
        )
        for entry in old.products
    )
    new = Catalog(products=products, provider=old.provider, meters=old.meters)
    assert bool(diff(old, new)) == (digest(old) != digest(new))
    if getattr(old[chosen], field) != MUTATIONS[field]:
        assert diff(old, new)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Other"},
        {"description": ""},
        {"features": ("One",)},
        {"group": "addons"},
        {"hidden": True},
        {"badge": "New"},
        {"highlighted": True},
        {"business_rules": {}},
    ],
)
def test_whichever_field_of_a_product_changes_there_is_a_change(change: dict[str, Any]) -> None:
    old = product("x", PRO)
    assert len(diff(catalog(old), catalog(replace(old, **change)))) == 1
    assert digest(catalog(old)) != digest(catalog(replace(old, **change)))


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"limit": 51},
        {"limit": None},
        {"limit": -1},
        {"limit": 0},
        {"unit_price": Decimal("0.5")},
        {"description": "Projects"},
        {"reset": "month"},
        {"meter": "other"},
    ],
)
def test_whichever_field_of_a_feature_changes_there_is_a_change(change: dict[str, Any]) -> None:
    old = feature("projects", 50)
    sides = [catalog(plan("p", entry)) for entry in (old, replace(old, **change))]
    assert len(diff(*sides)) == 1
    assert diff(*sides)[0].subject.feature == "projects"
    assert digest(sides[0]) != digest(sides[1])
