"""Reading what is asked of a checkout: every value that is none is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.checkout import CheckoutRequest, PlanWish
from tallystick.core.checkout_request import biller_at, check_fields, read_request, wishes_of
from tallystick.core.currency import currency
from tallystick.errors import InvalidInput

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["plan", "quantity", "add_ons", "price"]), inner)
    ),
    max_leaves=8,
)
NAMES = ["plans", "codes", "currency", "context", "stated", "amount"]


def test_a_plan_is_its_id_a_pair_an_object_or_a_value() -> None:
    wish = PlanWish(plan="d", quantity=4, add_ons=(("e", 5),))
    request = read_request(
        {
            "plans": [
                "a",
                ("b", 2),
                {"plan": "c", "quantity": 3, "add_ons": ["x", ("y", 2)]},
                wish,
            ],
            "codes": ("Half",),
            "currency": "EUR",
            "context": {"partner": "north"},
        }
    )
    assert request == CheckoutRequest(
        plans=(
            PlanWish(plan="a"),
            PlanWish(plan="b", quantity=2),
            PlanWish(plan="c", quantity=3, add_ons=(("x", 1), ("y", 2))),
            wish,
        ),
        codes=("Half",),
        currency=currency("EUR"),
        context={"partner": "north"},
    )


@given(st.dictionaries(st.sampled_from(NAMES), json_values))
def test_whatever_is_sent_is_read_or_refused(tree: dict[str, Any]) -> None:
    try:
        request = read_request(tree)
    except InvalidInput:
        assert tree.get("plans") != ["a"] or set(tree) != {"plans"}
        return
    assert all(type(wish.quantity) is int and wish.quantity >= 1 for wish in request.plans)
    assert "amount" not in tree


def test_every_wrong_field_is_told_and_not_more_than_a_person_reads() -> None:
    wrong: dict[str, Any] = {
        "plans": [{"plan": "a", "quantity": 0, "prise": 1}, 7],
        "codes": [1],
        "total": "0.01",
    }
    with pytest.raises(InvalidInput) as refused:
        read_request(wrong)
    places = ["total", "plans[0].prise", "plans[0].quantity", "plans[1]", "codes[0]"]
    assert list(refused.value.fields) == places
    assert "catalogue" in refused.value.fields["total"][0]
    with pytest.raises(InvalidInput) as refused:
        check_fields({f"k{number}": 1 for number in range(50_000)}, ["plans"])
    assert len(refused.value.fields) == 20


def test_quantities_are_of_plans_that_are_named_by_their_id() -> None:
    assert wishes_of(["a", "b", ("c", 2)], {"b": 3}) == [
        "a",
        {"plan": "b", "quantity": 3},
        ("c", 2),
    ]
    assert wishes_of("whatever") == "whatever"
    for plans, quantities in (
        (["a"], {"b": 1}),
        ([("a", 1)], {"a": 2}),
        ("a", {"a": 1}),
        (["a"], [1]),
    ):
        with pytest.raises(InvalidInput):
            wishes_of(plans, quantities)


def test_who_bills_is_one_of_two() -> None:
    assert biller_at("provider") == "provider"
    others: tuple[object, ...] = ("stripe", None, 1, [])
    for wrong in others:
        with pytest.raises(InvalidInput, match="biller"):
            biller_at(wrong)
