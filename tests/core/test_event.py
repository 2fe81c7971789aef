"""What an event may say, how it may be written, and what its digest sees."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.bad_number import BadNumber
from tallystick.core.canonical import canonical_json
from tallystick.core.event import (
    UsageEvent,
    digest,
    parse_each,
    parse_event,
    properties_of,
    properties_text,
    settled,
    text_of,
)
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.property import Value

NOW: Final = datetime(2027, 3, 1, 12, tzinfo=UTC)


def sent(**fields: Any) -> dict[str, Any]:
    """Write a native event; None leaves a field out."""
    tree = {"id": "e-1", "customer": "acme", "type": "requests", **fields}
    return {name: value for name, value in tree.items() if value is not None}


def cloud(**fields: Any) -> dict[str, Any]:
    """Write the same as a CloudEvent."""
    tree = {"specversion": "1.0", "id": "e-1", "source": "api", "type": "requests"}
    tree |= {"subject": "acme", **fields}
    return {name: value for name, value in tree.items() if value is not None}


def read(tree: object) -> UsageEvent:
    return parse_event(tree, received_at=NOW)


def faults(tree: object) -> dict[str, list[str]]:
    with pytest.raises(InvalidUsage) as refused:
        read(tree)
    return refused.value.fields


# --- what is read -------------------------------------------------------------------------------


def test_an_event_is_read_with_everything_it_says() -> None:
    event = read(
        sent(
            source="gateway",
            occurred_at="2027-02-28T23:59:59.999999+01:00",
            properties={"quantity": 3, "rate": Decimal("0.10"), "eu": True, "note": None},
        )
    )
    assert event == UsageEvent(
        id="e-1",
        source="gateway",
        customer="acme",
        type="requests",
        occurred_at=datetime(2027, 2, 28, 22, 59, 59, 999999, tzinfo=UTC),
        properties={"quantity": Decimal(3), "rate": Decimal("0.1"), "eu": True, "note": None},
        received_at=NOW,
    )


def test_what_is_left_out_is_filled_in() -> None:
    event = read(sent())
    assert (event.source, event.occurred_at, event.timed) == ("api", NOW, False)
    assert (event.properties, event.kind, event.target) == ({}, "use", None)
    assert read(sent(occurred_at=NOW)).timed


def test_a_cloud_event_says_the_same_under_its_own_names() -> None:
    body = {"time": "2027-02-01T00:00:00Z", "data": {"quantity": "2.5"}}
    extra = {"traceparent": "00-ab", "datacontenttype": "application/json", "dataschema": "x"}
    native = sent(occurred_at="2027-02-01T00:00:00Z", properties={"quantity": "2.5"})
    assert read(cloud(**body, **extra)) == read(native)


def test_a_correction_names_its_target() -> None:
    void = read({"id": "x", "customer": "acme", "void": "e-1"})
    assert (void.kind, void.target, void.type) == ("void", ("api", "e-1"), "")
    amend = sent(id="x", type=None, amend={"id": "e-1", "source": "other"}, properties={})
    assert read(amend).target == ("other", "e-1")
    by_cloud = read(cloud(id="x", amend="e-1", time="2027-01-01T00:00:00Z", data={"quantity": 1}))
    assert (by_cloud.target, by_cloud.timed) == (("api", "e-1"), False)
    assert read(cloud(id="x", void="e-1", time="2027-01-01T00:00:00Z")).kind == "void"


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("tree", [None, [], "x", 1, 1.5, b"{}", [sent()]])
def test_what_is_no_object_is_no_event(tree: object) -> None:
    assert "an event is an object" in faults(tree)[""][0]


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"id": None}, "id", "is missing"),
        ({"customer": None}, "customer", "is missing"),
        ({"type": None}, "type", "is missing"),
        ({"id": ""}, "id", "must not be empty"),
        ({"id": "x" * 201}, "id", "longer than 200"),
        ({"id": 7}, "id", "must be a text"),
        ({"id": True}, "id", "not true"),
        ({"customer": " a"}, "customer", "blanks"),
        ({"type": "a\x00"}, "type", "control characters"),
        ({"source": "\ud800"}, "source", "control characters"),
        ({"quantity": 3}, "quantity", "under properties"),
        ({"occured_at": "x"}, "occured_at", "not a field"),
        ({"occurred_at": NOW.isoformat(), "occurredAt": NOW.isoformat()}, "occurredAt", "twice"),
        ({"properties": []}, "properties", "must be an object"),
        ({"properties": {"a": 1.5}}, "properties.a", "an int or Decimal, a bool or null, not 1.5"),
        ({"properties": {"a": []}}, "properties.a", "a list"),
        ({"properties": {"a": {}}}, "properties.a", "an object"),
        ({"properties": {"a": "x" * 1001}}, "properties.a", "1,000 characters"),
        ({"properties": {"a": "x\x00"}}, "properties.a", "control characters"),
        ({"properties": {"a": "\ud800"}}, "properties.a", "half a character"),
        ({"properties": {"": 1}}, "properties.''", "must not be empty"),
        ({"properties": {"x" * 101: 1}}, "properties.'" + "x" * 60 + "…'", "100 characters"),
        ({"properties": {7: 1}}, "properties.7", "is a text"),
        ({"properties": {f"p{n}": n for n in range(51)}}, "properties", "50 is the most"),
        ({"properties": {"q": BadNumber("1e9", "has an exponent")}}, "properties.q", "exponent"),
        ({"properties": {"q": Decimal("NaN")}}, "properties.q", "finite"),
        ({"properties": {"q": Decimal("sNaN")}}, "properties.q", "finite"),
        ({"properties": {"q": Decimal("-Infinity")}}, "properties.q", "finite"),
        ({"properties": {"q": Decimal("1e999999")}}, "properties.q", "digits"),
        ({"properties": {"q": Decimal("1e-400")}}, "properties.q", "digits"),
        ({"properties": {"q": Decimal("1e-13")}}, "properties.q", "decimals"),
        ({"properties": {"q": 10**40}}, "properties.q", "18 digits"),
        ({"properties": {"q": 10**5000}}, "properties.q", "18 digits"),
        ({"properties": {"q": 10**18}}, "properties.q", "18 digits"),
        ({"void": "e-2", "amend": "e-2"}, "void", "beside amend"),
        ({"void": "e-1"}, "void", "the event itself"),
        ({"void": {"id": "e-1", "source": "api"}}, "void", "the event itself"),
        ({"void": {}}, "void.id", "must not be empty"),
        ({"void": {"id": "e-2", "customer": "x"}}, "void.'customer'", "not part of a target"),
        ({"void": 5}, "void", "must be a text"),
        ({"void": "e-2", "properties": {"quantity": 1}}, "properties", "beside void"),
        ({"void": "e-2", "occurred_at": "2027-01-01T00:00:00Z"}, "occurred_at", "beside void"),
        ({"amend": "e-2"}, "properties", "what holds instead"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    fields: dict[str, Any], path: str, words: str
) -> None:
    found = faults(sent(**fields))
    assert words in found[path][0]


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2077-01-01T00:00:00Z",
        "2027-03-01T13:00:01Z",
        "2027-03-01T13:00:00.000001Z",
        "2027-02-28T23:59:60Z",
        "2027-02-30T00:00:00Z",
        "2027-02-28T12:00:00",
        "2027-02-28",
        "2027-W08-1T00:00:00Z",
        "٢٠٢٧-02-28T12:00:00Z",
        "2027-02-28T12:00:00.٢Z",
        "2027-02-28T12:00:00.Z",
        "2027-02-28T12:00:00,5Z",
        "1e18",
        "",
        10**18,
        1_800_000_000,
        1.5,
        True,
        [],
        datetime(2027, 2, 1),  # noqa: DTZ001 - a time without a zone is what is refused
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_time_that_no_period_can_be_trusted_with_is_refused(at: object) -> None:
    assert list(faults(sent(occurred_at=at))) == ["occurred_at"]
    by_cloud = cloud(time=at)
    assert list(faults(by_cloud)) == ["time"]


def test_an_event_may_be_an_hour_ahead_and_fifty_years_old() -> None:
    assert read(sent(occurred_at="2027-03-01T13:00:00Z")).occurred_at.hour == 13
    assert read(sent(occurred_at="1977-03-01T13:00:00Z")).occurred_at.year == 1977


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": 1}, "specversion"),
        ({"subject": None}, "subject"),
        ({"source": None}, "source"),
        ({"data": "text"}, "data"),
        ({"data_base64": "eA=="}, "data_base64"),
        ({"customer": None, "Bad-Name": 1}, "Bad-Name"),
        ({"void": "e-2", "data": {"quantity": 1}}, "data"),
        ({"amend": "e-2"}, "data"),
    ],
)
def test_a_cloud_event_is_held_to_its_own_names(fields: dict[str, Any], path: str) -> None:
    assert list(faults(cloud(**fields))) == [path]


def test_everything_that_is_wrong_is_told_at_once_and_not_without_end() -> None:
    found = faults({"id": 1, "occurred_at": "x", "properties": {"a": 1.5, "b": []}})
    assert set(found) == {"id", "customer", "type", "occurred_at", "properties.a", "properties.b"}
    assert len(faults({f"field{n}": n for n in range(100_000)})) == 20


def test_each_of_many_is_read_by_itself() -> None:
    good, bad, other = parse_each([sent(), {}, sent(id="e-2")], received_at=NOW)
    assert isinstance(bad, InvalidUsage)
    assert isinstance(good, UsageEvent)
    assert isinstance(other, UsageEvent)
    assert (good.id, other.id) == ("e-1", "e-2")


def test_texts_of_subclasses_become_plain_texts() -> None:
    class Word(StrEnum):
        A = "a"

    event = read(sent(id=Word.A, properties={Word.A: Word.A}))
    assert [type(t) for t in (event.id, *event.properties, event.properties["a"])] == [str] * 3


JSON: Final = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(),
        st.text(max_size=5),
        st.sampled_from(["api", "e-1", "2027-02-01T00:00:00Z", "2027-02-01T00:00:00.5Z", "1.0"]),
        st.datetimes(),
        st.binary(max_size=2),
    ),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below),
    max_leaves=6,
)
FIELDS: Final = st.sampled_from(
    [
        *("id", "source", "customer", "type", "occurred_at", "properties", "void", "amend"),
        *("specversion", "subject", "time", "data", "quantity"),
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(FIELDS, JSON, max_size=9) | JSON)
def test_whatever_is_sent_is_an_event_or_invalid_usage(tree: Any) -> None:
    (found,) = parse_each([tree], received_at=NOW)
    if isinstance(found, UsageEvent):
        assert properties_of(properties_text(found.properties)) == found.properties
        assert digest(found).startswith("sha256:")


PROPERTIES: Final = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.one_of(
        st.text(max_size=3),
        st.booleans(),
        st.none(),
        st.integers(-(10**19), 10**19),
        st.decimals(-(10**18), 10**18, places=12),
        st.sampled_from([Decimal("1.50"), Decimal("1E+3"), Decimal("-0"), Decimal("1e-13")]),
    ),
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {"id": st.text(max_size=3), "customer": st.just("c"), "type": st.just("t")},
        optional={
            "source": st.sampled_from(["api", "", "é"]),
            "occurred_at": st.sampled_from(
                [
                    *("2027-02-01T00:00:00Z", "2027-02-01T00:00:00.25Z", "2027-02-01T00:00:60Z"),
                    *("2027-02-31T00:00:00Z", "2199-12-31T00:00:00Z", "x"),
                    "2027-02-01T01:00:00+01:00",
                ]
            ),
            "received_at": st.sampled_from(
                [None, "2027-01-31T23:00:00Z", "2027-02-31T00:00:00Z", "2199-12-31T00:00:00Z"]
            ),
            "properties": PROPERTIES,
        },
    )
)
def test_the_short_way_to_read_an_event_says_what_the_whole_reader_says(tree: Any) -> None:
    """A mapping that is no dict always goes the long way."""
    short, whole = parse_each([tree, MappingProxyType(tree)], received_at=NOW)
    if isinstance(short, InvalidUsage):
        assert isinstance(whole, InvalidUsage)
        assert short.fields == whole.fields
    else:
        assert short == whole
        assert isinstance(whole, UsageEvent)
        assert digest(short) == digest(whole)


# --- the digest ---------------------------------------------------------------------------------


def digest_of(tree: Mapping[str, Any], received_at: datetime = NOW) -> str:
    return digest(parse_event(tree, received_at=received_at))


def test_a_digest_does_not_see_how_a_thing_is_written() -> None:
    one = sent(
        properties={"a": 1, "b": Decimal("0.50")}, occurred_at="2027-02-01T00:00:00Z", source="api"
    )
    other = {
        "properties": {"b": Decimal("0.5"), "a": Decimal("1.0")},
        "occurred_at": "2027-02-01T01:00:00.000+01:00",
        **sent(),
    }
    by_cloud = cloud(time="2027-02-01T00:00:00Z", data={"a": 1, "b": Decimal("0.5")}, trace="1")
    assert digest_of(one) == digest_of(other) == digest_of(by_cloud)


def test_a_digest_does_not_see_what_was_filled_in() -> None:
    assert digest_of(sent()) == digest_of(sent(), NOW + timedelta(days=3))
    assert digest_of(sent(properties={})) == digest_of(sent())
    assert digest_of(sent(occurred_at=NOW)) != digest_of(sent())
    assert digest_of(sent(properties={"quantity": 1})) != digest_of(sent())
    stored = replace(read(sent()), received_at=NOW + timedelta(days=1), order=7)
    assert digest(stored) == digest_of(sent())


def test_a_digest_sees_everything_else() -> None:
    trees = [
        sent(),
        sent(id="e-2"),
        sent(customer="b"),
        sent(type="other"),
        sent(source="gateway"),
        sent(properties={"a": 1}),
        sent(properties={"a": "1"}),
        sent(properties={"a": True}),
        sent(properties={"a": "true"}),
        sent(properties={"a": None}),
        sent(properties={"a": "null"}),
        sent(void="x"),
        sent(amend="x", properties={}),
        sent(amend={"source": "y", "id": "x"}, properties={}),
    ]
    assert len({digest_of(tree) for tree in trees}) == len(trees)


@settings(max_examples=50, deadline=None)
@given(PROPERTIES)
def test_properties_are_written_as_canonical_json_and_read_back(tree: dict[str, Any]) -> None:
    (event,) = parse_each([sent(properties=tree)], received_at=NOW)
    if isinstance(event, UsageEvent):
        text = properties_text(event.properties)
        assert text.encode() == canonical_json(event.properties)
        assert properties_of(text) == event.properties
        json.loads(text)


def test_the_text_of_a_value_is_what_filters_and_groups_see() -> None:
    values: list[Value] = ["x", Decimal("1.50"), Decimal(-0), True, False, None]
    assert [text_of(value) for value in values] == ["x", "1.5", "0", "true", "false", None]


# --- corrections as they are stored -------------------------------------------------------------


def test_a_correction_takes_type_and_time_from_its_target() -> None:
    target = read(sent(occurred_at="2027-02-01T00:00:00Z"))
    void = read(sent(id="v", type=None, void="e-1"))
    stored = settled(void, target)
    assert (stored.type, stored.occurred_at) == ("requests", target.occurred_at)
    moved = read(sent(id="a", amend="e-1", properties={}, occurred_at="2027-02-02T00:00:00Z"))
    assert settled(moved, target).occurred_at.day == 2


@pytest.mark.parametrize(
    "target",
    [
        sent(id="other"),
        sent(customer="other"),
        sent(source="other"),
        sent(type="other"),
        sent(void="x"),
    ],
)
def test_a_correction_of_something_else_is_refused(target: dict[str, Any]) -> None:
    correction = read(sent(id="a", amend="e-1", properties={}))
    with pytest.raises(InvalidUsage):
        settled(correction, read(target))
    with pytest.raises(InvalidUsage, match="corrects nothing"):
        settled(read(sent()), read(sent(id="b")))
