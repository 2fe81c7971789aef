"""Hints about coupons, each where it is certain and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.coupon import Code
from tallystick.core.coupon_hints import coupon_hints
from tallystick.core.lint import lint
from tests.core.builders import catalog, feature, fixed_coupon, flat, percent_coupon, plan, product

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog
    from tallystick.core.coupon import Coupon

END = datetime(2027, 1, 1, tzinfo=UTC)
PRO = plan("pro", flat("9"), feature("calls", 5))
MAX = plan("max", flat("19", id="max"))


def sold(*coupons: Coupon, **more: Any) -> Catalog:
    """Build a catalogue of two products with some coupons."""
    return catalog(plan("pro", flat("9"), feature("calls", 5), **more), MAX, coupons=coupons)


def found(*coupons: Coupon, at: datetime | None = None, **more: Any) -> list[tuple[str, str]]:
    return [(each.path, each.text) for each in coupon_hints(sold(*coupons, **more), at)]


def test_a_coupon_that_has_ended_is_named_where_the_time_is_known() -> None:
    ended = percent_coupon("a", ends_at=END)
    text = "ended on 2027-01-01T00:00:00Z: it can be redeemed no more"
    assert found(ended, at=END) == [("coupons[0].ends_at", text)]
    assert found(ended, at=END - timedelta(seconds=1)) == []
    assert found(ended) == []
    assert found(percent_coupon("a", ends_at=END, active=False), at=END) == []
    code = percent_coupon("a", codes=(Code(code="x"), Code(code="y", ends_at=END)))
    assert found(code, at=END) == [("coupons[0].codes[1].ends_at", text)]


@pytest.mark.parametrize(
    ("percent", "duration", "named"),
    [("100", "forever", True), ("99.9", "forever", False), ("100", "once", False)],
)
def test_everything_off_for_ever_is_named(percent: str, duration: str, *, named: bool) -> None:
    hints = found(percent_coupon("a", percent, duration=duration))
    assert [path for path, _ in hints] == ["coupons[0].duration"] * named


@pytest.mark.parametrize(
    ("coupon", "said"),
    [
        (fixed_coupon("a", "5.00 EUR"), "a is not for USD, in which its plans are sold"),
        (
            percent_coupon("a", plans=frozenset({"pro"}), products=frozenset({"max"})),
            "no plan is what a is limited to",
        ),
        (
            percent_coupon("a", plans=frozenset({"max"}), meters=frozenset({"calls"})),
            "no plan is what a is limited to",
        ),
        (fixed_coupon("a", "5.00 EUR", "5.00 USD"), ""),
        (percent_coupon("a", plans=frozenset({"pro"}), meters=frozenset({"calls"})), ""),
        (percent_coupon("a", plans=frozenset({"pro", "max"}), prices=frozenset({"max"})), ""),
    ],
)
def test_a_coupon_that_nothing_can_be_bought_with_is_named(coupon: Coupon, said: str) -> None:
    hints = found(coupon)
    assert len(hints) == bool(said)
    assert all(path == "coupons[0]" and said in text for path, text in hints)


def test_a_code_for_one_that_can_be_guessed_is_named() -> None:
    single = Code(code="FREEBIE", max_redemptions=1)
    hints = found(percent_coupon("a", codes=(Code(code="FREE"), single)))
    assert hints == [
        (
            "coupons[0].codes[1]",
            "'FREEBIE' is good for one redemption and short enough to be guessed",
        )
    ]
    assert found(percent_coupon("a", codes=(Code(code="FREE"),), max_redemptions=1))
    assert found(percent_coupon("a", codes=(Code(code="K7QPX2M9WRT4Z", max_redemptions=1),))) == []


def test_a_plan_that_names_a_coupon_it_never_gets_is_named() -> None:
    others = percent_coupon("others", plans=frozenset({"max"}))
    assert found(others, coupon_ids=("others",)) == [
        ("products[0].plans[0].coupon_ids[0]", "others is limited to others, so pro never gets it")
    ]
    own = percent_coupon("own", plans=frozenset({"pro"}))
    assert found(own, coupon_ids=("own", "co_8xkq2")) == []


def test_an_id_that_is_nearly_a_coupons_is_named() -> None:
    welcome = percent_coupon("welcome")
    (hint,) = coupon_hints(sold(welcome, coupon_ids=("welcom",)))
    assert hint.path == "products[0].plans[0].coupon_ids[0]"
    assert hint.cure == "did you mean 'welcome'?"
    assert found(coupon_ids=("welcom",)) == []


def test_lint_tells_them_last_and_none_of_them_fails() -> None:
    starved = product("x", plan("starved", feature("projects", 0)))
    gift = percent_coupon("a", "100", duration="forever", ends_at=END)
    whole = catalog(starved, coupons=(gift,))
    assert [each.path.partition("[")[0] for each in lint(whole)] == ["products", "coupons"]
    assert len(lint(whole, at=END)) == 3
    assert {each.severity for each in lint(whole, at=END)} == {"hint"}
