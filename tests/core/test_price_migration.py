"""What a plan costs in a period, by how much it may rise, and when a change takes effect."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.money import Money
from tallystick.core.move import Cancel, Change, Pause, Resume, Start
from tallystick.core.period import Cadence, Period
from tallystick.core.price_migration import (
    PriceMigration,
    PriceMove,
    change_for,
    cost_of_period,
    last_windows,
    new_item,
    takes_effect,
)
from tallystick.core.rating.usage import Quantity
from tallystick.core.subscription import MAIN, Item
from tallystick.core.subscription_moves import advance, apply, start
from tallystick.errors import Conflict, InvalidInput, InvalidPeriod
from tests.core.billing import OFFERS, USD, day, usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.subscription import Subscription

MONTH = Cadence("month")


def move(before: str, after: str) -> PriceMove:
    item = Item(MAIN, "basic@1")
    return PriceMove(
        customer="acme", subscription="s", item=item, before=usd(before), after=usd(after)
    )


def migration(**more: Any) -> PriceMigration:
    words: dict[str, Any] = {
        "id": "m",
        "from_offers": ("basic@1",),
        "to_offer": "twin@1",
        "at": day("2027-03-10"),
        "planned_at": day("2027-01-01"),
    }
    return PriceMigration(**words | more)


def cost(
    offer: str,
    used: Mapping[str, str] = {},
    per: Cadence = MONTH,
    **of_item: Any,
) -> str:
    measured = {price: [Quantity(Decimal(count))] for price, count in used.items()}
    return str(cost_of_period(Item(MAIN, offer, **of_item), OFFERS, measured, per).major)


def begun(offer: str = "basic@1", at: str = "2027-01-31", **more: Any) -> Subscription:
    asked = Start(customer="acme", group="default", offer=offer, currency="USD", **more)
    return start("s", asked, day(at), OFFERS).subscription


# --- what it costs --------------------------------------------------------------------------------


def test_a_period_is_fees_at_the_seats_there_are_and_what_was_used() -> None:
    assert cost("pro@1", seats=3) == "45.00"
    assert cost("pro@1", {"calls": "1500"}, seats=3) == "50.00"
    assert cost("pro@1", {"calls": "900"}) == "35.00"
    assert cost("pro@1", overrides={"pro": {"percent_off": "50"}}) == "20.00"
    assert cost("setup@1") == "10.00"  # nobody is set up again


def test_a_minimum_commitment_is_asked_for_where_less_was_used() -> None:
    assert cost("floor@1") == "50.00"
    assert cost("floor@1", {"f-calls": "5500"}) == "55.00"


def test_prices_of_another_cadence_count_by_their_share_of_a_year() -> None:
    assert cost("year@1", per=Cadence("year")) == "300.00"
    assert cost("year@1", {"m-calls": "1600"}, per=Cadence("year")) == "372.00"
    assert cost("year@1") == "25.00"
    assert cost("quarter@1") == "9.00"
    assert cost("basic@1", per=Cadence("year")) == "120.00"


def test_each_line_is_rounded_once() -> None:
    # 10.01 and 0.05 a year: 0.8341… and 0.0041… a month
    item = Item(MAIN, "year@1", overrides={"year": {"cost": "10.01"}})
    per_month = cost_of_period(item, OFFERS, {"m-calls": [Quantity(Decimal(1001))]}, MONTH)
    assert per_month == usd("0.84")  # 0.83 for the year's fee, 0.01 for a call


def test_usage_is_that_of_the_last_whole_period() -> None:
    item = Item(MAIN, "pro@1")
    now = begun("pro@1")
    first = last_windows(now, item, OFFERS, day("2027-02-10"))
    assert first == {"calls": Period(day("2027-01-31"), day("2027-02-28"))}
    later = advance(now, day("2027-04-10"), OFFERS).subscription
    assert last_windows(later, item, OFFERS, day("2027-04-10")) == {
        "calls": Period(day("2027-02-28"), day("2027-03-31"))
    }
    assert last_windows(begun("pro@1", trial_days=5), item, OFFERS, day("2027-01-31")) == {}


# --- the cap --------------------------------------------------------------------------------------


def test_a_cap_is_kept_to_the_minor_unit() -> None:
    assert not move("10.00", "11.00").exceeds(Decimal(10))
    assert move("10.00", "11.01").exceeds(Decimal(10))
    assert not move("10.00", "9.00").exceeds(Decimal(0))
    assert not move("10.00", "99.00").exceeds(None)
    assert not move("0.00", "0.00").exceeds(Decimal(0))
    assert move("0.00", "0.01").exceeds(Decimal(10**17))


def test_a_percentage_is_told_to_two_decimals() -> None:
    assert move("3.00", "4.00").percent == Decimal("33.33")
    assert move("3.00", "5.00").percent == Decimal("66.67")
    assert move("4.00", "3.00").percent == Decimal(-25)
    assert move("0.00", "4.00").percent is None
    assert move("0.00", "0.00").percent == 0
    nobody = PriceMove(customer="a", subscription="s", item=Item(MAIN, "basic@1"))
    assert (nobody.change, nobody.percent, nobody.exceeds(Decimal(0))) == (None, None, False)


@given(
    st.integers(0, 10**15),
    st.integers(0, 10**15),
    st.decimals(0, 10**6, places=4, allow_nan=False, allow_infinity=False),
)
def test_a_cap_decides_as_the_fraction_does(before: int, after: int, cap: Decimal) -> None:
    part = PriceMove(
        customer="acme",
        subscription="s",
        item=Item(MAIN, "basic@1"),
        before=Money(before, USD),
        after=Money(after, USD),
    )
    allowed = Fraction(before) * (1 + Fraction(cap) / 100)
    assert part.exceeds(cap) == (after > before and after > allowed)


# --- the change -----------------------------------------------------------------------------------


def test_prices_of_ones_own_go_along_where_the_new_version_has_them() -> None:
    item = Item(MAIN, "pro@1", 4, {"pro": {"cost": "25.00"}, "calls": {"included": "2000"}})
    after = new_item(item, "twin@1", OFFERS)
    assert after == Item(MAIN, "twin@1", 4, {"calls": {"included": "2000"}})
    with pytest.raises(InvalidInput, match="seats must be"):
        new_item(Item(MAIN, "pro@1", 0), "twin@1", OFFERS)


def test_a_change_waits_for_the_first_end_of_a_period_on_or_after_its_date() -> None:
    change = change_for(migration(), "basic@1", day("2027-02-01"))
    now = begun()
    assert takes_effect(now, change, day("2027-02-01"), OFFERS) == day("2027-03-31")
    on_time = change_for(migration(at=day("2027-02-28")), "basic@1", day("2027-02-01"))
    assert takes_effect(now, on_time, day("2027-02-01"), OFFERS) == day("2027-02-28")
    late = change_for(migration(notice_days=60), "basic@1", day("2027-02-01"))
    assert takes_effect(now, late, day("2027-02-01"), OFFERS) == day("2027-04-30")


def test_an_interval_that_is_changed_meanwhile_keeps_the_date() -> None:
    change = change_for(migration(at=day("2027-06-15")), "basic@1", day("2027-02-01"))
    now = apply(begun(), change, day("2027-02-01"), OFFERS).subscription
    now = apply(now, Pause(mode="extend"), day("2027-03-01"), OFFERS).subscription
    now = apply(now, Resume(), day("2027-03-11"), OFFERS).subscription
    assert advance(now, day("2027-06-14"), OFFERS).subscription.plan == "basic@1"
    assert advance(now, day("2027-07-11"), OFFERS).subscription.plan == "twin@1"


def test_a_change_that_never_would_take_effect_is_refused() -> None:
    change = change_for(migration(), "basic@1", day("2027-02-01"))
    ends = apply(begun(), Cancel(), day("2027-02-01"), OFFERS).subscription
    with pytest.raises(Conflict, match="ends before"):
        takes_effect(ends, change, day("2027-02-01"), OFFERS)
    to_come = Change(offer="pro@1", timing="period_end")
    other = apply(begun(), to_come, day("2027-02-01"), OFFERS).subscription
    with pytest.raises(Conflict, match="another change of plan"):
        takes_effect(other, change, day("2027-02-01"), OFFERS)
    with pytest.raises(Conflict, match="it is on pro@1, not on basic@1"):
        takes_effect(begun("pro@1"), change, day("2027-02-01"), OFFERS)


def test_a_planned_change_is_only_for_who_has_that_version_still() -> None:
    planned = Change(offer="max@1", at=day("2027-02-10"), instead_of="basic@1")
    now = apply(begun(), planned, day("2027-02-01"), OFFERS).subscription
    moved = apply(now, Change(offer="pro@1", timing="now"), day("2027-02-05"), OFFERS).subscription
    after = advance(moved, day("2027-03-01"), OFFERS)
    assert (after.subscription.plan, after.subscription.planned) == ("pro@1", ())
    assert advance(now, day("2027-02-10"), OFFERS).subscription.plan == "max@1"


def test_now_and_a_date_exclude_each_other() -> None:
    with pytest.raises(InvalidInput, match="give one of the two"):
        apply(
            begun(),
            Change(offer="pro@1", timing="now", at=day("2027-03-01")),
            day("2027-02-01"),
            OFFERS,
        )


def test_a_notice_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidPeriod, match="9999"):
        migration(notice_days=3_650).since(day("9998-01-01"))
