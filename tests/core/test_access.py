"""May they, now: plans, add-ons and grants put together, windows, and what would unlock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.access import (
    Counted,
    Had,
    Standing,
    access_to,
    allowance_window,
    given_of,
)
from tallystick.core.access_denial import denial
from tallystick.core.access_unlock import unlocked
from tallystick.core.dialects import read_catalog
from tallystick.core.period import Cadence
from tallystick.core.schedule import Schedule
from tallystick.errors import (
    AccessDenied,
    InvalidCatalog,
    PaymentNeeded,
    QuotaExceeded,
    StorageUnavailable,
    UnknownPlan,
)

if TYPE_CHECKING:
    from tallystick.core.entitlement import Access

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
SCHEDULE = Schedule(start=datetime(2026, 1, 31, 9, tzinfo=UTC))
MONTH = Cadence("month")


def limits(*features: dict[str, Any]) -> list[dict[str, Any]]:
    return list(features)


def plan(id_: str, cost: str, *features: dict[str, Any], **more: Any) -> dict[str, Any]:
    price = {"id": id_, "type": more.pop("type", "flat"), "cost": cost}
    base = {"id": id_, "name": id_.title(), "interval": "month", "interval_count": 1}
    return {**base, "prices": [price], "limits": list(features), **more}


def book(*plans: dict[str, Any], add_ons: tuple[dict[str, Any], ...] = ()) -> Any:
    products = [{"id": "app", "name": "App", "currency": "USD", "plans": list(plans)}]
    if add_ons:
        products.append(
            {
                "id": "more",
                "name": "More",
                "currency": "USD",
                "group": "more",
                "plans": list(add_ons),
            }
        )
    return read_catalog({"products": products})


def number(key: str, limit: int, **more: Any) -> dict[str, Any]:
    return {"feature_key": key, "enabled": True, "limit": limit, **more}


def switch(key: str, *, enabled: bool = True, **more: Any) -> dict[str, Any]:
    return {"feature_key": key, "enabled": enabled, **more}


def had(catalog: Any, id_: str, **more: Any) -> Had:
    base = {"schedule": SCHEDULE, "billing": MONTH, "subscription": "sub"}
    return Had(plan=catalog[id_], **{**base, **more})


def standing(*all_had: Had, **more: Any) -> Standing:
    return Standing(customer="acme", had=all_had, **more)


def asked(of: Standing, key: str, used: int = 0, requested: int = 1, **counts: Decimal) -> Access:
    counted = Counted(used=Decimal(used), **counts)
    return access_to(given_of(of, key), counted, requested, AT)


FREE_AND_PRO = book(
    plan("free", "0", number("projects", 3), switch("sso", enabled=False)),
    plan("pro", "29", number("projects", 50), switch("sso")),
    add_ons=(
        plan("pack", "5", number("projects", 10), type="per_seat"),
        plan("flatpack", "40", number("projects", 10)),
        plan("audit", "9", switch("audit")),
    ),
)


# --- the plan -------------------------------------------------------------------------------------


def test_a_hard_limit_allows_up_to_itself() -> None:
    mine = standing(had(FREE_AND_PRO, "free"))
    assert asked(mine, "projects", used=2).allowed
    denied = asked(mine, "projects", used=3)
    assert (denied.allowed, denied.reason, denied.remaining) == (False, "limit_reached", 0)


def test_what_is_reserved_counts_like_what_is_used() -> None:
    mine = standing(had(FREE_AND_PRO, "free"))
    answer = asked(mine, "projects", used=1, reserved=Decimal(2))
    assert (answer.allowed, answer.used, answer.reserved) == (False, 1, 2)
    assert "2 reserved" in answer.text


@pytest.mark.parametrize(
    ("used", "reason"), [(9, "ok"), (10, "grace"), (11, "grace"), (12, "limit_reached")]
)
def test_grace_lets_a_percentage_pass(used: int, reason: str) -> None:
    catalog = book(plan("basic", "9", number("calls", 10, reset="month", grace=20)))
    answer = asked(standing(had(catalog, "basic")), "calls", used=used)
    assert answer.reason == reason
    assert answer.allowed == (reason != "limit_reached")
    assert answer.overage_price is None


def test_a_soft_limit_says_what_each_beyond_costs() -> None:
    catalog = book(plan("basic", "9", number("calls", 10, reset="month", unit_price="0.5")))
    answer = asked(standing(had(catalog, "basic")), "calls", used=10, requested=3)
    assert (answer.allowed, answer.reason, answer.overage) == (True, "overage", 3)
    assert answer.overage_price is not None
    assert answer.overage_price.value == Decimal("0.5")


@pytest.mark.parametrize(("used", "level"), [(79, None), (80, 80), (99, 80), (100, 100)])
def test_levels_of_a_limit(used: int, level: int | None) -> None:
    catalog = book(plan("basic", "9", number("calls", 100, reset="month")))
    assert asked(standing(had(catalog, "basic")), "calls", used=used).warning == level


def test_a_configuration_value_comes_with_the_answer() -> None:
    catalog = book(plan("basic", "9", switch("theme", value={"colours": ["red", 2]})))
    answer = asked(standing(had(catalog, "basic")), "theme")
    assert (answer.allowed, answer.value) == (True, {"colours": ["red", 2]})


def test_nothing_is_unlimited_but_what_says_so() -> None:
    catalog = book(plan("basic", "9", number("calls", -1), number("none", 0)))
    mine = standing(had(catalog, "basic"))
    assert asked(mine, "calls", used=10**12).unlimited
    assert not asked(mine, "none").allowed


# --- several sources ------------------------------------------------------------------------------


def test_add_ons_and_grants_are_added_to_the_plan() -> None:
    mine = standing(
        had(FREE_AND_PRO, "pro"),
        had(FREE_AND_PRO, "pack", add_on=True, seats=3),
        had(FREE_AND_PRO, "flatpack", add_on=True, seats=3),
    )
    answer = asked(mine, "projects", used=94, granted=Decimal(5))
    assert (answer.limit, answer.allowed) == (50 + 3 * 10 + 10 + 5, True)
    assert not asked(mine, "projects", used=95, granted=Decimal(5)).allowed
    assert answer.plan == "pro"


def test_of_two_plans_the_higher_number_is_the_base() -> None:
    mine = standing(had(FREE_AND_PRO, "free"), had(FREE_AND_PRO, "pro"))
    assert asked(mine, "projects").limit == 50


def test_a_plans_word_on_a_switch_goes_before_an_add_ons() -> None:
    catalog = book(
        plan("free", "0", switch("sso", enabled=False)), add_ons=(plan("x", "1", switch("sso")),)
    )
    mine = standing(had(catalog, "free"), had(catalog, "x", add_on=True))
    assert asked(mine, "sso").reason == "feature_disabled"
    silent = standing(had(FREE_AND_PRO, "free"), had(FREE_AND_PRO, "audit", add_on=True))
    assert asked(silent, "audit").allowed


@pytest.mark.parametrize("bar", ["past_due", "paused", "trial_over"])
def test_what_is_barred_gives_nothing(bar: Any) -> None:
    mine = standing(had(FREE_AND_PRO, "pro", bar=bar))
    assert asked(mine, "projects").reason == bar
    assert asked(mine, "sso").reason == bar
    assert asked(mine, "missing").reason == "not_in_plan"


def test_reading_stays_where_only_reading_is_left() -> None:
    mine = standing(had(FREE_AND_PRO, "pro", bar="past_due", reads=True))
    assert asked(mine, "sso").allowed
    assert asked(mine, "projects").reason == "past_due"


@pytest.mark.parametrize(
    ("without", "kind"),
    [
        ("no_subscription", PaymentNeeded),
        ("trial_over", PaymentNeeded),
        ("unknown_plan", UnknownPlan),
        ("customer_suspended", AccessDenied),
        ("dependency_away", StorageUnavailable),
    ],
)
def test_who_has_nothing_is_told_why(without: Any, kind: type[Exception]) -> None:
    answer = asked(standing(without=without), "projects")
    assert (answer.allowed, answer.reason, answer.remaining) == (False, without, 0)
    assert isinstance(denial(answer), kind)


def test_a_limit_that_is_reached_is_an_error_with_its_figures() -> None:
    error = denial(asked(standing(had(FREE_AND_PRO, "free")), "projects", used=3))
    assert isinstance(error, QuotaExceeded)
    assert error.details() == {
        "feature": "projects",
        "limit": "3",
        "used": "3",
        "reserved": "0",
        "resets_at": None,
        "upgrade_to": None,
    }


# --- windows --------------------------------------------------------------------------------------


def window(**feature: Any) -> Any:
    catalog = book(plan("basic", "9", number("calls", 10, **feature)))
    return allowance_window(given_of(standing(had(catalog, "basic")), "calls"), AT)


@pytest.mark.parametrize(
    ("reset", "start", "end"),
    [
        ("minute", "2026-11-22T10:30", "2026-11-22T10:31"),
        ("hour", "2026-11-22T10:00", "2026-11-22T11:00"),
        ("day", "2026-11-22T00:00", "2026-11-23T00:00"),
        ("month", "2026-10-31T00:00", "2026-11-30T00:00"),
        ("billing_period", "2026-10-31T00:00", "2026-11-30T00:00"),
        ("year", "2026-01-31T09:00", "2027-01-31T00:00"),
    ],
)
def test_a_quota_counts_in_its_window(reset: str, start: str, end: str) -> None:
    found = window(reset=reset)
    assert found.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert found.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_a_sliding_window_ends_now_and_takes_what_is_ahead_along() -> None:
    found = window(window_seconds=60)
    assert found.start == AT - timedelta(seconds=60) + timedelta(microseconds=1)
    assert found.end > AT + timedelta(hours=1)


def test_what_exists_now_has_no_window() -> None:
    assert window() is None


@pytest.mark.parametrize(
    "feature",
    [
        {"reset": "month", "window_seconds": 60},
        {"window_seconds": 0},
        {"window_seconds": 367 * 86_400},
        {"grace": 10, "unit_price": "1"},
        {"grace": -1},
        {"limit": None, "grace": 5},
        {"limit": None, "window_seconds": 5},
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(feature: dict[str, Any]) -> None:
    with pytest.raises(InvalidCatalog):
        book(plan("basic", "9", {**number("calls", 10), **feature}))


# --- what would unlock it -------------------------------------------------------------------------


def test_the_cheapest_plan_and_the_cheapest_add_on_are_named() -> None:
    mine = standing(had(FREE_AND_PRO, "free"), catalog=FREE_AND_PRO)
    counted = Counted(used=Decimal(15))
    answer = unlocked(asked(mine, "projects", used=15), mine, counted, SCHEDULE, AT)
    assert [(each.kind, each.plan, each.seats, str(each.price)) for each in answer.unlocks] == [
        ("add_on", "pack", 2, "10.00 USD"),
        ("plan", "pro", 1, "29.00 USD"),
    ]
    assert answer.upgrade_to == "pro"


def test_nothing_is_sold_to_who_owes() -> None:
    mine = standing(had(FREE_AND_PRO, "pro", bar="past_due"), catalog=FREE_AND_PRO)
    answer = asked(mine, "projects")
    assert unlocked(answer, mine, Counted(), SCHEDULE, AT) == answer


keys = st.sampled_from(["projects", "sso"])
features = st.one_of(
    st.builds(number, st.just("projects"), st.integers(-1, 60)),
    st.builds(switch, st.just("sso"), enabled=st.booleans()),
)


@st.composite
def catalogs(draw: st.DrawFn) -> Any:
    def plans(prefix: str, kind: st.SearchStrategy[str]) -> list[dict[str, Any]]:
        return [
            plan(
                f"{prefix}{place}",
                str(draw(st.integers(0, 40))),
                *{
                    each["feature_key"]: each for each in draw(st.lists(features, max_size=2))
                }.values(),
                type=draw(kind),
            )
            for place in range(draw(st.integers(1, 3)))
        ]

    flat = st.just("flat")
    mains = plans("p", flat)
    return book(*mains, add_ons=tuple(plans("a", st.sampled_from(["flat", "per_seat"]))))


counts = st.tuples(st.integers(0, 80), st.integers(0, 5), st.integers(1, 9))


@given(catalogs(), keys, counts, st.booleans())
def test_buying_what_is_named_makes_the_same_check_pass(
    catalog: Any, key: str, numbers: tuple[int, int, int], subscribed: bool
) -> None:
    used, reserved, requested = numbers
    first = had(catalog, "p0", subscription="sub" if subscribed else None)
    mine = standing(first, catalog=catalog)
    counted = Counted(used=Decimal(used), reserved=Decimal(reserved))
    answer = access_to(given_of(mine, key), counted, requested, AT)
    told = unlocked(answer, mine, counted, SCHEDULE, AT)
    assert answer.allowed or told.reason == answer.reason
    for unlock in told.unlocks:
        bought = catalog[unlock.plan]
        if unlock.kind == "plan":
            after = standing(replace(first, plan=bought, subscription="sub"))
        else:
            after = standing(first, replace(first, plan=bought, add_on=True, seats=unlock.seats))
        assert access_to(given_of(after, key), counted, requested, AT).allowed
    for other in catalog:  # and no plan that allows it is cheaper
        plan_unlock = next((each for each in told.unlocks if each.kind == "plan"), None)
        if answer.allowed or other.id[0] == "a" or other.id == "p0":
            continue
        after = standing(replace(first, plan=other))
        if access_to(given_of(after, key), counted, requested, AT).allowed:
            assert plan_unlock is not None
            assert plan_unlock.price is not None
            assert plan_unlock.price.minor <= other.prices[0].shape.amount
