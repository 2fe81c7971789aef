"""Features as flags, asked through the official SDK."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tallystick import Tallystick, define_plans
from tallystick.errors import SetupError, StorageUnavailable
from tallystick.integrations.openfeature import TallystickProvider
from tallystick.testing.clock import FrozenClock
from tests.integrations.shop import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openfeature.client import OpenFeatureClient

    from tests.databases import Database


def plan(id_: str, price: int, many: int, *, sso: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "theme": {"dark": sso, "depth": Decimal("0.5")},
        "tags": ["a", many],
        "label": id_,
        "seats": many,
        "share": Decimal("0.25"),
        "beta": sso,
    }
    return {
        "id": id_,
        "name": id_.title(),
        "price": price,
        "currency": "USD",
        "interval": "month",
        "features": [
            {"featureKey": "projects", "enabled": True, "limit": 3 * many},
            {"featureKey": "calls", "enabled": True, "limit": 100 * many, "reset": "month"},
            {"featureKey": "files", "enabled": True, "limit": -1},
            {"featureKey": "sso", "enabled": sso},
            *({"featureKey": key, "enabled": True, "value": each} for key, each in values.items()),
            {"featureKey": "banner", "enabled": sso, "value": "hello"},
        ],
    }


PLANS = define_plans([plan("free", 0, 1, sso=False), plan("pro", 2900, 10, sso=True)])
ACME = EvaluationContext("acme")
PRO = EvaluationContext("globex")


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    """A ledger in which acme has the free plan and globex has pro."""
    clock = FrozenClock(NOON)
    with Tallystick(database.url, catalog=PLANS, default_plan="free", clock=clock) as ledger:
        ledger.migrate()
        ledger.publish(author="ops", at=datetime(2026, 1, 1, tzinfo=UTC))
        ledger.customers.create("globex", name="Globex")
        ledger.subscriptions.start("globex", "pro")
        yield ledger


@pytest.fixture
def client(tally: Tallystick) -> Iterator[OpenFeatureClient]:
    """The SDK's client; every flag asks the ledger."""
    api.set_provider_and_wait(TallystickProvider(tally, max_age=0))
    yield api.get_client()
    api.clear_providers()


def test_a_switch_is_a_boolean_flag(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("sso", True, ACME)
    assert (details.value, details.reason, details.variant) == (False, "TARGETING_MATCH", "free")
    assert details.error_code is None
    assert details.flag_metadata["reason"] == "feature_disabled"
    assert details.flag_metadata["upgrade_to"] == "pro"
    assert client.get_boolean_value("sso", False, PRO) is True


def test_a_limit_says_whether_one_more_is_allowed_and_what_is_left(
    client: OpenFeatureClient, tally: Tallystick
) -> None:
    for left in (3, 2, 1):
        details = client.get_boolean_details("projects", False, ACME)
        assert (details.value, details.flag_metadata["remaining"]) == (True, left)
        tally.use("acme", "projects")
    details = client.get_boolean_details("projects", True, ACME)
    assert details.value is False
    facts = details.flag_metadata
    assert (facts["reason"], facts["remaining"], facts["used"]) == ("limit_reached", 0, 3)
    assert facts["warning"] == 100
    assert client.get_integer_value("projects", 7, ACME) == 3


def test_a_quota_says_when_it_starts_again(client: OpenFeatureClient) -> None:
    facts = client.get_integer_details("calls", 0, ACME).flag_metadata
    assert facts["resets_at"] == "2026-12-01T00:00:00Z"
    assert (facts["limit"], facts["remaining"], facts["unlimited"]) == (100, 100, False)
    assert all(type(fact) in {bool, int, str} for fact in facts.values())
    assert "warning" not in facts


def test_more_than_one_may_be_asked_for(client: OpenFeatureClient) -> None:
    for size, allowed in ((3, True), ("3", True), (4, False)):
        context = EvaluationContext("acme", {"requested": size})
        assert client.get_boolean_value("projects", not allowed, context) is allowed


@pytest.mark.parametrize("size", [-1, "many", 2.5, [2], {"a": 1}, "1e9"])
def test_what_is_no_quantity_is_an_error_of_the_context(
    client: OpenFeatureClient, size: Any
) -> None:
    details = client.get_boolean_details(
        "projects",
        False,
        EvaluationContext("acme", {"requested": size}),
    )
    assert (details.value, details.error_code) == (False, ErrorCode.INVALID_CONTEXT)


def test_unlimited_is_written_as_minus_one(client: OpenFeatureClient) -> None:
    details = client.get_integer_details("files", 5, ACME)
    assert (details.value, details.flag_metadata["unlimited"]) == (-1, True)
    assert "remaining" not in details.flag_metadata


def test_configuration_values_have_their_types(client: OpenFeatureClient) -> None:
    assert client.get_string_value("label", "", ACME) == "free"
    assert client.get_integer_value("seats", 0, PRO) == 10
    assert client.get_float_value("share", 0.0, ACME) == 0.25
    assert client.get_float_value("calls", 0.0, PRO) == 1000.0
    assert client.get_boolean_value("beta", True, ACME) is False
    assert client.get_boolean_value("beta", False, PRO) is True
    assert client.get_object_value("theme", {}, PRO) == {"dark": True, "depth": 0.5}
    assert client.get_object_value("tags", [], ACME) == ["a", 1]


def test_an_object_of_what_has_no_value_is_the_whole_answer(
    client: OpenFeatureClient, tally: Tallystick
) -> None:
    tally.use("acme", "projects", 3)
    found: Any = client.get_object_value("projects", {}, ACME)
    assert (found["allowed"], found["reason"], found["remaining"]) == (False, "limit_reached", 0)
    assert found["unlocks"][0]["price"] == {"minor": 2900, "currency": "USD"}
    assert client.get_object_value("sso", {}, PRO)["allowed"] is True  # type: ignore[call-overload]  # an object


def test_what_is_not_given_has_nothing(client: OpenFeatureClient) -> None:
    text = client.get_string_details("banner", "none", ACME)
    assert (text.value, text.reason) == ("none", Reason.DEFAULT)
    assert text.flag_metadata["reason"] == "feature_disabled"
    assert text.error_code is None
    found = client.get_object_details("sso", {"dark": False}, ACME)
    assert (found.value, found.reason) == ({"dark": False}, Reason.DEFAULT)
    assert client.get_integer_value("sso", 9, ACME) == 0


@pytest.mark.parametrize(
    ("kind", "flag", "default"),
    [
        ("integer", "sso", 1),
        ("integer", "label", 1),
        ("integer", "share", 1),
        ("integer", "beta", 1),
        ("float", "theme", 1.0),
        ("string", "projects", "x"),
        ("string", "seats", "x"),
        ("object", "label", {"x": 1}),
    ],
)
def test_another_type_is_a_mismatch(
    client: OpenFeatureClient, kind: str, flag: str, default: Any
) -> None:
    details = getattr(client, f"get_{kind}_details")(flag, default, PRO)
    assert (details.value, details.error_code) == (default, ErrorCode.TYPE_MISMATCH)
    assert flag in details.error_message


def test_a_misspelt_flag_is_not_found(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("project", False, ACME)
    assert (details.value, details.error_code) == (False, ErrorCode.FLAG_NOT_FOUND)
    assert "did you mean 'projects'?" in str(details.error_message)


def test_who_is_not_named_has_the_default(client: OpenFeatureClient) -> None:
    for context in (None, EvaluationContext(), EvaluationContext("")):
        details = client.get_boolean_details("sso", False, context)
        assert details.error_code == ErrorCode.TARGETING_KEY_MISSING
    details = client.get_boolean_details("sso", False, EvaluationContext(" a"))
    assert (details.value, details.error_code) == (False, ErrorCode.INVALID_CONTEXT)


def test_a_database_that_is_away_is_an_error_with_the_default(
    client: OpenFeatureClient, tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("away")

    monkeypatch.setattr(tally, "act", away)
    details = client.get_boolean_details("files", False, ACME)
    assert (details.value, details.reason) == (False, Reason.ERROR)
    assert details.error_code == ErrorCode.GENERAL


def test_awaited_flags_are_the_same(client: OpenFeatureClient) -> None:
    async def asked() -> list[object]:
        return [
            await client.get_boolean_value_async("sso", False, PRO),
            await client.get_integer_value_async("calls", 0, ACME),
            await client.get_float_value_async("share", 0.0, ACME),
            await client.get_string_value_async("label", "", ACME),
            await client.get_object_value_async("tags", [], ACME),
            (await client.get_boolean_details_async("project", False, ACME)).error_code,
            (await client.get_boolean_details_async("sso", False)).error_code,
        ]

    assert asyncio.run(asked()) == [
        True,
        100,
        0.25,
        "free",
        ["a", 1],
        ErrorCode.FLAG_NOT_FOUND,
        ErrorCode.TARGETING_KEY_MISSING,
    ]


def test_answers_are_as_old_as_was_asked_for(tally: Tallystick) -> None:
    young, old = TallystickProvider(tally, max_age=0), TallystickProvider(tally, max_age=3_600)
    assert old.get_metadata().name == "tallystick"
    before = old.resolve_boolean_details("projects", default_value=False, evaluation_context=ACME)
    tally.use("acme", "projects", 3)
    after = old.resolve_boolean_details("projects", default_value=False, evaluation_context=ACME)
    assert (before.value, after.value) == (True, True)
    now = young.resolve_boolean_details("projects", default_value=True, evaluation_context=ACME)
    assert now.value is False


@pytest.mark.parametrize("age", [-1, 3_601, "5", None, True, float("nan"), float("inf")])
def test_an_age_that_is_none_is_refused(tally: Tallystick, age: Any) -> None:
    with pytest.raises(SetupError, match="max_age"):
        TallystickProvider(tally, max_age=age)


def test_a_fraction_of_a_limit_is_rounded_down(
    client: OpenFeatureClient, tally: Tallystick
) -> None:
    tally.customers.create("acme", name="Acme")
    tally.credits.grant("acme", units="2.5", feature="calls")
    assert client.get_integer_value("calls", 0, ACME) == 102
    details = client.get_float_details("calls", 0.0, ACME)
    assert (details.value, details.flag_metadata["limit"]) == (102.5, "102.5")
