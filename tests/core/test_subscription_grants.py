"""What plans grant as time passes: on the calendar, and once for each stretch of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.dialects import read_catalog
from tallystick.core.money import Money
from tallystick.core.move import AddOn, Cancel, Change, Pause, Resume, Start
from tallystick.core.subscription_moves import Outcome, advance, apply, next_at, start

if TYPE_CHECKING:
    from tallystick.core.subscription_grants import PlanGrant

AT = datetime(2027, 1, 31, 10, tzinfo=UTC)


def sold(**plans: list[dict[str, Any]]) -> dict[str, Any]:
    """Give offers: plans for 10.00 a month by their ids, each with its credits."""
    book = read_catalog(
        {
            "dialect": "tallystick",
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "EUR",
                    "plans": [
                        {
                            "id": name,
                            "name": name,
                            "interval": "year" if name == "yearly" else "month",
                            "prices": [{"id": name, "name": "Fee", "type": "flat", "cost": "10"}],
                            "credits": credits_,
                        }
                        for name, credits_ in plans.items()
                    ],
                }
            ],
        }
    )
    return {f"{plan.id}@1": plan for plan in book}


MONTHLY = {"id": "monthly", "amount": "10.00", "interval": "month"}
DAILY = {"id": "daily", "units": "3", "feature": "calls", "interval": "day"}
OFFERS = sold(yearly=[MONTHLY], pro=[MONTHLY, DAILY], plain=[])


def begun(plan: str = "pro", **more: Any) -> Outcome:
    move = Start(customer="acme", offer=f"{plan}@1", currency="EUR", group="default", **more)
    return start("sub", move, AT, OFFERS)


def of(made: list[PlanGrant], credit: str = "monthly") -> list[tuple[str, str]]:
    return [
        (f"{each.grant.effective_at:%m-%d %H}", f"{each.grant.expires_at:%m-%d %H}")
        for each in made
        if each.credit == credit
    ]


def until(outcome: Outcome, at: datetime) -> list[PlanGrant]:
    return [*outcome.grants, *advance(outcome.subscription, at, OFFERS).grants]


def test_a_yearly_plan_grants_on_the_anchors_day_of_each_month() -> None:
    found = of(until(begun("yearly"), datetime(2027, 5, 1, tzinfo=UTC)))
    assert found == [
        ("01-31 10", "02-28 10"),
        ("02-28 10", "03-31 10"),
        ("03-31 10", "04-30 10"),
        ("04-30 10", "05-31 10"),
    ]


def test_a_month_is_one_of_the_customers_clock() -> None:
    outcome = begun("yearly", zone="Europe/Berlin")
    found = of(until(outcome, datetime(2027, 4, 1, tzinfo=UTC)))
    assert found[-2:] == [("02-28 10", "03-31 09"), ("03-31 09", "04-30 09")]


@given(st.lists(st.integers(0, 200 * 24), max_size=8))
def test_however_time_is_cut_the_same_is_granted(hours: list[int]) -> None:
    last = AT + timedelta(days=200)
    whole = until(begun(), last)
    outcome = begun()
    now, found = outcome.subscription, list(outcome.grants)
    for each in [*sorted(hours), 200 * 24]:
        outcome = advance(now, AT + timedelta(hours=each), OFFERS)
        now = outcome.subscription
        found += outcome.grants
    assert found == whole
    assert len({each.grant.id for each in found}) == len(found)


@given(
    st.lists(
        st.tuples(st.integers(1, 40 * 24), st.sampled_from(["pro", "plain", "yearly"])),
        max_size=10,
    )
)
def test_whatever_is_changed_no_time_is_granted_twice(
    changes: list[tuple[int, str]],
) -> None:
    outcome = begun()
    now, found, at = outcome.subscription, list(outcome.grants), AT
    for hours, plan in changes:
        at += timedelta(hours=hours)
        if now.plan != f"{plan}@1":
            move = Change(offer=f"{plan}@1", timing="now")
            outcome = apply(now, move, at, OFFERS)
            now = outcome.subscription
            found += outcome.grants
    found += advance(now, at + timedelta(days=70), OFFERS).grants
    by_credit: dict[tuple[str, str], list[PlanGrant]] = {}
    for each in found:
        by_credit.setdefault((each.offer, each.credit), []).append(each)
    for made in by_credit.values():
        for before, after in pairwise(made):
            assert before.period.end <= after.period.start
    for each in found:
        most = 1000 if each.credit == "monthly" else 3
        assert 0 < each.grant.size <= most


def test_what_begins_within_a_month_has_its_share_by_the_second() -> None:
    first = begun("plain")
    at = datetime(2027, 2, 7, 10, tzinfo=UTC)
    move = Change(offer="pro@1", timing="now")
    outcome = apply(first.subscription, move, at, OFFERS)
    [monthly] = [each for each in outcome.grants if each.credit == "monthly"]
    share = Fraction(21, 28)  # 7 to 28 February of 31 January to 28 February
    assert monthly.grant.amount == Money(int(1000 * share), outcome.subscription.currency)
    assert monthly.period.end == datetime(2027, 2, 28, 10, tzinfo=UTC)


def test_an_add_on_is_granted_as_often_as_it_is_had() -> None:
    outcome = begun("plain", add_ons=(AddOn(offer="pro@1", seats=3),))
    assert [each.grant.size for each in outcome.grants] == [Decimal(3000), Decimal(9)]


def test_nothing_is_granted_before_the_begin_in_a_trial_in_a_pause_or_after_the_end() -> None:
    later = begun(starts_at=AT + timedelta(days=3))
    assert later.grants == ()
    trial = begun(trial_days=10)
    assert trial.grants == ()
    after = advance(trial.subscription, AT + timedelta(days=10), OFFERS)
    assert of(list(after.grants)) == [("02-10 10", "03-10 10")]
    paused = apply(begun().subscription, Pause(), AT + timedelta(hours=1), OFFERS).subscription
    quiet = advance(paused, AT + timedelta(days=90), OFFERS)
    assert quiet.grants == ()
    resumed = apply(quiet.subscription, Resume(), AT + timedelta(days=90), OFFERS)
    assert of(list(resumed.grants)) == [("05-01 10", "05-31 10")]
    ended = apply(begun().subscription, Cancel(timing="now"), AT + timedelta(hours=1), OFFERS)
    assert ended.grants == ()
    assert next_at(ended.subscription) is None


def test_the_end_at_a_boundary_comes_before_the_grant() -> None:
    canceled = apply(begun("yearly").subscription, Cancel(timing="period_end"), AT, OFFERS)
    found = advance(canceled.subscription, AT + timedelta(days=800), OFFERS).grants
    assert len(found) == 11
    assert found[-1].grant.expires_at == datetime(2028, 1, 31, 10, tzinfo=UTC)


@pytest.mark.parametrize(("count", "end"), [(None, None), (1, "02-28"), (2, "03-31"), (3, "04-30")])
def test_it_expires_after_so_many_of_its_own_cadences(count: int | None, end: str | None) -> None:
    offers = sold(pro=[{**MONTHLY, "expires_after": count}])
    move = Start(customer="acme", offer="pro@1", currency="EUR", group="default")
    [made] = start("sub", move, AT, offers).grants
    found = made.grant.expires_at
    assert (None if found is None else f"{found:%m-%d}") == end
