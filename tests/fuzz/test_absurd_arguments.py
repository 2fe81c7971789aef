"""Public functions with arguments that nobody would write, until somebody does."""

from __future__ import annotations

import enum
from collections import OrderedDict, defaultdict
from decimal import Decimal
from itertools import repeat
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tallystick import (
    InvalidCatalog,
    InvalidUsage,
    check_limit,
    create_billing_schema,
    define_plans,
    get_feature_limit,
    has_feature,
    load_catalog,
    map_usage_to_line_items,
)
from tallystick.core.price_list import price_list_body
from tallystick.errors import CatalogNotFound, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

PLANS = Path(__file__).resolve().parents[2] / "examples" / "plans.toml"
FEATURE: dict[str, Any] = {"featureKey": "x", "enabled": True, "limit": 3, "unitPrice": 2}
PLAN: dict[str, Any] = {
    "id": "a",
    "name": "A",
    "price": 100,
    "currency": "USD",
    "interval": "month",
    "features": [FEATURE],
}


class Hostile:
    """Raises whatever is asked of it."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        return 1


class Word(str, enum.Enum):  # noqa: UP042 - the older way to write one, which prints its name
    """A text that prints as something else."""

    A = "a"
    MONTH = "month"


class Hundred(enum.IntEnum):
    """A number that prints as something else."""

    HUNDRED = 100


class Wide(float):
    """A float that prints as the numbers of a well-known package do."""

    def __repr__(self) -> str:
        return f"np.float64({float(self)})"


def kind(value: object) -> str:
    """Name a case, whatever it is."""
    return type(value).__name__


def itself() -> list[Any]:
    """Give a list that holds itself, twice."""
    loop: list[Any] = []
    loop += [loop, loop]
    return loop


def own() -> dict[str, Any]:
    """Give a dict that holds itself, twice."""
    loop: dict[str, Any] = {}
    loop |= {"a": loop, "b": loop}
    return loop


def unfolding() -> list[Any]:
    """Give a list of a few dozen parts that unfold to a billion."""
    tree: list[Any] = []
    for _ in range(30):
        tree = [tree, tree]
    return tree


@pytest.mark.parametrize(
    "plans",
    [
        *[None, 5, "a", b"a", {1}, 1.5, Hostile(), Hostile, print, {}, [], (), [None], [[]]],
        *[[Hostile()], itself(), own(), [own()], [{1: 2}], [{Hostile(): 1}], repeat(PLAN)],
        {"plans": None},
    ],
    ids=kind,
)
def test_what_is_no_list_of_plans_is_told_with_its_place(plans: Any) -> None:
    with pytest.raises(InvalidCatalog) as caught:
        define_plans(plans)
    assert len(str(caught.value)) < 100_000
    with pytest.raises(InvalidCatalog):
        create_billing_schema(plans)


def test_what_is_missing_altogether_is_told_in_words() -> None:
    with pytest.raises(InvalidCatalog, match="must be a list of plans, not null"):
        define_plans(None)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InvalidCatalog, match="must be an object, not a list"):
        create_billing_schema([])  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("price", 10**5000, "more than 18 digits"),
        ("price", -(10**5000), "more than 18 digits"),
        ("price", True, "true is not a number"),
        ("price", 1j, "a value of type complex"),
        ("price", b"100", "a value of type bytes"),
        ("price", "100", "'100'"),
        ("price", Hostile(), "a value of type Hostile"),
        ("setupFee", Decimal("sNaN"), "not a finite number"),
        ("setupFee", Decimal("-Infinity"), "not a finite number"),
        ("setupFee", float("nan"), "not a finite number"),
        ("setupFee", Decimal("1e999999"), "too many digits"),
        ("setupFee", Decimal("1e-999999"), "too many digits"),
        ("setupFee", 1e300, "too many digits"),
        ("id", b"a", "must be a text, not a value of type bytes"),
        ("id", 5, "must be a text, not 5"),
        ("id", {1, 2}, "a value of type set"),
        ("id", "\ud800", "control characters"),
        ("name", "\ud800", "control characters"),
        ("name", "\u0344" * 3000, "longer than 5,000"),
        ("interval", Hostile(), "must be one of day, week, month, year"),
        ("active", 1, "must be true or false, not 1"),
        ("metadata", {"a": "\ud800"}, "control characters"),
        ("metadata", {1: "a"}, "must be an object of texts"),
        ("businessRules", own(), "nested deeper than 50 levels"),
        ("businessRules", {"a": itself()}, "nested deeper than 50 levels"),
        ("businessRules", unfolding(), "more than 10,000 values"),
        ("businessRules", {"a": "\ud800"}, "half a surrogate pair"),
        ("businessRules", {"\ud800": 1}, "half a surrogate pair"),
        ("businessRules", {1: 1}, "a key that is not a text"),
        ("businessRules", {"a": {1}}, "a value of type set is not a number"),
        ("businessRules", list(range(20_000)), "more than 10,000 values"),
        ("features", itself(), "must be an object, not a list"),
        ("features", (Hostile(),), "must be an object, not a value of type Hostile"),
    ],
    ids=kind,
)
def test_an_absurd_value_of_a_field_is_told_with_its_place(
    name: str, value: Any, said: str
) -> None:
    with pytest.raises(InvalidCatalog) as caught:
        define_plans([PLAN | {name: value}])
    problems = [p for p in caught.value.problems if p.path.startswith(f"plans[0].{name}")]
    assert problems
    assert any(said in problem.text for problem in problems)


def test_any_mapping_and_any_iterable_will_do() -> None:
    expected = define_plans([PLAN])
    frozen: Mapping[str, Any] = MappingProxyType(PLAN | {"features": (MappingProxyType(FEATURE),)})
    assert define_plans((frozen,)) == expected
    assert define_plans(plan for plan in [OrderedDict(PLAN)]) == expected
    assert define_plans([defaultdict(dict, PLAN)]) == expected
    assert define_plans({"plans": [PLAN]}) == expected  # type: ignore[dict-item]  # as in a file


def test_values_that_print_as_something_else_are_taken_for_what_they_are() -> None:
    odd = {"id": Word.A, "interval": Word.MONTH, "price": Hundred.HUNDRED, "setupFee": Wide(9.99)}
    found = define_plans([PLAN | odd])
    expected = define_plans([PLAN | {"setupFee": Decimal("9.99")}])
    assert found == expected
    assert {type(text).__name__ for text in (found["a"].id, found["a"].interval)} == {"str"}
    assert price_list_body(found, "full") == price_list_body(expected, "full")


@pytest.mark.parametrize("key", [None, 5, b"x", 1.5, ("x",), Word.MONTH, frozenset("x")])
def test_a_key_that_is_no_text_is_no_feature(key: Any) -> None:
    plan = define_plans([PLAN])["a"]
    assert not has_feature(plan, key)
    assert get_feature_limit(plan, key) is None
    assert check_limit(plan, key, 0).reason == "not_in_plan"


@pytest.mark.parametrize("key", [[], {}, ["x"]])
def test_a_key_that_cannot_be_one_is_an_error_of_the_caller(key: Any) -> None:
    plan = define_plans([PLAN])["a"]
    for ask in (has_feature, get_feature_limit, lambda plan, key: check_limit(plan, key, 0)):
        with pytest.raises(TypeError, match="unhashable"):
            ask(plan, key)


@pytest.mark.parametrize(
    "quantity",
    [
        *[None, 1.5, True, 10**5000, -1, Decimal("sNaN"), Decimal("Infinity"), Hostile(), b"1"],
        *[[], "", "x", "1e5", "-1", "١", "9" * 5000, 1j, Decimal("1e999999"), Decimal("1e-400")],
    ],
    ids=kind,
)
def test_what_is_no_quantity_is_refused_everywhere(quantity: Any) -> None:
    plan = define_plans([PLAN])["a"]
    with pytest.raises(InvalidUsage, match="used"):
        check_limit(plan, "x", quantity)
    with pytest.raises(InvalidUsage, match="requested"):
        check_limit(plan, "x", 0, quantity)
    with pytest.raises(InvalidUsage) as caught:
        map_usage_to_line_items(plan, {"x": quantity})
    assert list(caught.value.fields) == ["x"]


@pytest.mark.parametrize("used", ["2", Decimal(2), Decimal("2.0"), 2])
def test_a_quantity_may_be_a_plain_text(used: Any) -> None:
    access = check_limit(define_plans([PLAN])["a"], "x", used, "1")  # type: ignore[arg-type]  # a text
    assert access.allowed
    assert access.remaining == 1
    assert access.text == "3 of 3 x used" or access.text.startswith("2")


@pytest.mark.parametrize(
    ("usage", "named"),
    [
        (None, []),
        (5, []),
        ([("x", 1)], []),
        ("x", []),
        ({1: 2}, ["int"]),
        ({None: 2}, ["NoneType"]),
        ({Hostile(): 1}, ["Hostile"]),
        ({"nope": 1, "x": None}, ["nope", "x"]),
    ],
    ids=kind,
)
def test_what_is_no_usage_is_refused_naming_every_bad_key(usage: Any, named: list[str]) -> None:
    with pytest.raises(InvalidUsage) as caught:
        map_usage_to_line_items(define_plans([PLAN])["a"], usage)
    assert list(caught.value.fields) == named


@pytest.mark.parametrize("path", [None, 5, b"billing.toml", [], Hostile(), True], ids=kind)
def test_what_is_no_path_is_an_error_of_the_caller(path: Any) -> None:
    with pytest.raises(TypeError, match="str"):
        load_catalog(path)


@pytest.mark.parametrize(
    "path", ["", "a\0b", "\ud800", "a\0b.toml", "\ud800.toml", "x" * 9999], ids=kind
)
def test_a_path_that_names_no_catalogue_is_told(path: str) -> None:
    with pytest.raises((InvalidCatalog, CatalogNotFound)):
        load_catalog(path)


@pytest.mark.parametrize("environment", [5, b"test", "../up", "a" * 100, "\n", 1.5], ids=kind)
def test_an_environment_is_a_plain_name(environment: Any) -> None:
    with pytest.raises(InvalidInput, match="no name for an environment"):
        load_catalog(PLANS, environment=environment)
