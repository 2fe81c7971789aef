"""Values of billing become plain JSON values, come back equal, and have one byte string each."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core import move as moves
from tallystick.core import trees
from tallystick.core.canonical import canonical_json
from tallystick.core.charge import Charge, Due
from tallystick.core.currency import CODES, Currency, currency
from tallystick.core.frozen import FrozenDict, FrozenTree
from tallystick.core.invoice import Invoice, InvoiceLine, Party
from tallystick.core.money import Money
from tallystick.core.move import AddOn, Cancel, Change, Pause, Phase, Resume, Start
from tallystick.core.period import Period, instant_text
from tallystick.core.plain_values import Fault, plain_text
from tallystick.core.subscription import Item, Origin, Planned, Span, Subscription, Terms
from tallystick.core.trees import body_of, bytes_of, move_of, tree_of, value_of
from tallystick.errors import InvalidInput

USD, JPY = currency("USD"), currency("JPY")
START = datetime(2027, 1, 1, tzinfo=UTC)
END = datetime(2027, 2, 1, tzinfo=UTC)
JANUARY = Period(START, END)
CLASSES: tuple[type, ...] = (*get_args(moves.Move), Subscription, Due, Invoice, InvoiceLine, Party)

PRO = Item("plan", "pro@2", 3, FrozenDict({"pro": FrozenDict({"cost": "5.00", "a b": None})}))
SUBSCRIPTION = Subscription(
    id="sub_1",
    customer="cus_1",
    group="default",
    currency=USD,
    zone="Europe/Berlin",
    state="active",
    items=(PRO, Item("sms", "sms@1")),
    moves=2,
    clock=START + timedelta(microseconds=250_000),
    anchor=START,
    spans=(
        Span(
            item=PRO,
            price="pro",
            start=START,
            end=END,
            whole=JANUARY,
            advance=True,
            invoiced=1_500,
            holes=(Period(START, START + timedelta(days=1)),),
        ),
    ),
    waiting=(Charge(kind="setup", item=PRO, price="pro", window=JANUARY, whole=JANUARY, cap=0),),
    planned=(
        Planned(number=2, change=Change(seats=5), at=END),
        Planned(number=3, change=Change(offer="lite@1"), periods=0),
    ),
    terms=Terms(net_days=14, memo="Danke „sehr“"),
)
SUBSCRIPTION_BYTES = (
    '{"anchor":"2027-01-01T00:00:00Z","clock":"2027-01-01T00:00:00.250000Z","currency":"USD",'
    '"customer":"cus_1","group":"default","id":"sub_1","items":[{"key":"plan","offer":"pro@2",'
    '"overrides":{"pro":{"a b":null,"cost":"5.00"}},"seats":3},{"key":"sms","offer":"sms@1"}],'
    '"moves":2,"planned":[{"at":"2027-02-01T00:00:00Z","change":{"kind":"change","seats":5},'
    '"number":2},{"change":{"kind":"change","offer":"lite@1"},"number":3,"periods":0}],"spans":[{"advance":true,'
    '"end":"2027-02-01T00:00:00Z","holes":[["2027-01-01T00:00:00Z","2027-01-02T00:00:00Z"]],'
    '"invoiced":1500,"item":{"key":"plan","offer":"pro@2","overrides":{"pro":{"a b":null,'
    '"cost":"5.00"}},"seats":3},"price":"pro","start":"2027-01-01T00:00:00Z",'
    '"whole":["2027-01-01T00:00:00Z","2027-02-01T00:00:00Z"]}],"state":"active",'
    '"terms":{"memo":"Danke „sehr“","net_days":14},"waiting":[{"cap":0,"item":{"key":"plan",'
    '"offer":"pro@2","overrides":{"pro":{"a b":null,"cost":"5.00"}},"seats":3},"kind":"setup",'
    '"price":"pro","whole":["2027-01-01T00:00:00Z","2027-02-01T00:00:00Z"],'
    '"window":["2027-01-01T00:00:00Z","2027-02-01T00:00:00Z"]}],"zone":"Europe/Berlin"}'
)


def usd(minor: int) -> Money:
    return Money(minor, USD)


def line(**more: Any) -> InvoiceLine:
    parts: dict[str, Any] = {
        "kind": "usage",
        "description": "API calls",
        "price": "calls",
        "offer": "pro@2",
        "window": JANUARY,
        "group": (("region", "eu"), ("tier", None)),
        "quantity": Decimal("1234.50"),
        "billed": Decimal(1235),
        "unit_price": Decimal("0.02"),
        "share": (5, 10),
        "amount": usd(25),
        "discount": usd(0),
        "credit": usd(0),
        "tax": usd(-5),
        "evidence": {"steps": [{"factor": "2", "sum": 7, "exact": True}], "at": None},
    }
    return InvoiceLine(**parts | more)


def invoice(**more: Any) -> Invoice:
    parts: dict[str, Any] = {
        "id": "inv_1",
        "customer": "cus_1",
        "status": "open",
        "cause": "boundary/sub_1/2027-02-01T00:00:00Z",
        "currency": USD,
        "at": END,
        "finalize_at": END + timedelta(hours=1),
        "watermark": END + timedelta(hours=1),
        "number": "INV-1",
        "seller": Party(name="Ours", tax_ids=(("eu_vat", "DE1"),)),
        "lines": (line(),),
        **dict.fromkeys(("subtotal", "total", "amount_due"), usd(25)),
        **dict.fromkeys(("discount", "credit", "tax", "balance"), usd(0)),
    }
    return Invoice(**parts | more)


# --- every value comes back ---------------------------------------------------------------------

WORDS = st.text(st.characters(codec="utf-8"), max_size=6)
WHOLES = st.integers(-(2**63) + 1, 2**63 - 1)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes naive bounds
SECONDS = INSTANTS.map(lambda at: at.replace(microsecond=0))
PERIODS = (
    st.tuples(SECONDS, SECONDS)
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: Period(min(ends), max(ends)))
)
DECIMALS = st.decimals(-(10**20), 10**20, places=18)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLES | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS,
    int: WHOLES,
    bool: st.booleans(),
    datetime: INSTANTS,
    Period: PERIODS,
    Decimal: DECIMALS,
    Money: WHOLES.map(usd),
    Currency: st.just(USD),
    NoneType: st.none(),
    Any: JSON,
}


def anything_of(hint: Any) -> st.SearchStrategy[Any]:
    """Give a strategy for an annotation."""
    if hint in LEAVES:
        return LEAVES[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in {Union, UnionType}:
        return st.one_of([anything_of(part) for part in parts])
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(anything_of(parts[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(anything_of, parts))
    if origin is not None:
        return st.dictionaries(WORDS, anything_of(parts[1]), max_size=3).map(FrozenDict)
    hints = get_type_hints(hint, localns=trees._NAMES)
    return st.builds(hint, **{field.name: anything_of(hints[field.name]) for field in fields(hint)})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_every_value_comes_back_equal_through_its_bytes(cls: type, data: st.DataObject) -> None:
    value = data.draw(anything_of(cls))
    written = bytes_of(value)
    again: Any = value_of(cls, json.loads(written))
    assert again == value
    assert bytes_of(again) == written == canonical_json(tree_of(value))


@settings(max_examples=50)
@given(data=st.data(), kind=st.sampled_from(get_args(moves.Move)))
def test_a_move_is_read_by_its_word(data: st.DataObject, kind: type) -> None:
    move = data.draw(anything_of(kind))
    tree = tree_of(move)
    assert tree["kind"] == kind.__name__.lower()
    assert move_of(tree) == move


MIRROR = moves.Mirror(
    customer="c",
    group="g",
    currency="USD",
    origin=Origin(provider="stripe", account="acct_1", live=False, reference="sub_1", lines=()),
    items=(),
    state="active",
    as_of=datetime(2027, 1, 1, tzinfo=UTC),
    stamp="1",
)


@pytest.mark.parametrize("kind", get_args(moves.MoveKind))
def test_every_word_for_a_move_is_known(kind: str) -> None:
    needed: dict[str, dict[str, Any]] = {
        "start": {"customer": "c", "group": "g", "offer": "pro@1", "currency": "USD"},
        "unplan": {"number": 1},
        "mirror": tree_of(MIRROR),
    }
    assert tree_of(move_of({"kind": kind, **needed.get(kind, {})}))["kind"] == kind


# --- the bytes ----------------------------------------------------------------------------------


def test_the_bytes_of_a_subscription_are_these_for_ever() -> None:
    assert bytes_of(SUBSCRIPTION).decode() == SUBSCRIPTION_BYTES
    assert value_of(Subscription, json.loads(SUBSCRIPTION_BYTES)) == SUBSCRIPTION


def test_the_body_of_an_invoice_is_these_bytes_for_ever() -> None:
    assert body_of(invoice()).decode() == (
        '{"amount_due":25,"at":"2027-02-01T00:00:00Z","balance":0,'
        '"cause":"boundary/sub_1/2027-02-01T00:00:00Z","credit":0,"currency":"USD",'
        '"customer":"cus_1","discount":0,"finalize_at":"2027-02-01T01:00:00Z","id":"inv_1",'
        '"lines":[{"amount":25,"billed":"1235","credit":0,"currency":"USD",'
        '"description":"API calls","discount":0,"evidence":{"at":null,"steps":[{"exact":true,'
        '"factor":"2","sum":7}]},"group":[["region","eu"],["tier",null]],"kind":"usage",'
        '"offer":"pro@2","price":"calls","quantity":"1234.5","share":[5,10],"tax":-5,'
        '"unit_price":"0.02","window":["2027-01-01T00:00:00Z","2027-02-01T00:00:00Z"]}],'
        '"number":"INV-1","seller":{"name":"Ours","tax_ids":[["eu_vat","DE1"]]},"subtotal":25,'
        '"tax":0,"total":25,"watermark":"2027-02-01T01:00:00Z"}'
    )


def test_the_bytes_of_moves_are_these_for_ever() -> None:
    start = Start(
        customer="cus_1",
        group="default",
        offer="pro@2",
        currency="USD",
        add_ons=(AddOn("sms@1", 2),),
        phases=(Phase(periods=3, percent_off="50"), Phase(periods=None)),
    )
    assert bytes_of(start) == (
        b'{"add_ons":[{"offer":"sms@1","seats":2}],"currency":"USD","customer":"cus_1",'
        b'"group":"default","kind":"start","offer":"pro@2",'
        b'"phases":[{"percent_off":"50","periods":3},{}]}'
    )
    assert bytes_of(Resume()) == b'{"kind":"resume"}'
    assert bytes_of(Change(overrides=FrozenDict())) == b'{"kind":"change","overrides":{}}'
    assert (
        bytes_of(Pause(resumes_at=END)) == b'{"kind":"pause","resumes_at":"2027-02-01T00:00:00Z"}'
    )


def test_the_status_is_no_part_of_the_body() -> None:
    bodies = {body_of(invoice(status=status)) for status in ("draft", "open", "paid", "void")}
    assert len(bodies) == 1


def test_equal_values_have_equal_bytes_however_they_were_written() -> None:
    other = replace(
        SUBSCRIPTION,
        anchor=START.astimezone(timezone(timedelta(hours=1))),
        items=(replace(PRO, overrides={"pro": {"cost": "5.00", "a b": None}}), PRO),
    )
    same = replace(
        SUBSCRIPTION, items=(replace(PRO, overrides={"pro": {"a b": None, "cost": "5.00"}}), PRO)
    )
    assert other == same
    assert bytes_of(other) == bytes_of(same)
    assert bytes_of(line(quantity=Decimal("1.0"))) == bytes_of(line(quantity=Decimal(1)))


def test_keys_stand_as_canonical_json_has_them() -> None:
    evidence = {"a": 1, "a!": 2, 'a"': 3, "a#": 4, "é": 5, "\n": 6}
    written = bytes_of(line(evidence=evidence))
    assert written == canonical_json(tree_of(line(evidence=evidence)))


def test_evidence_that_changes_no_more_is_written_once() -> None:
    steps = {"steps": [["price", ["5"], "0"]], "at": None, 'a"': [True, 7]}
    evidence = FrozenTree(steps)
    plainly = bytes_of(line(evidence=steps))
    assert bytes_of(line(evidence=evidence)) == plainly
    assert evidence.text == canonical_json(steps).decode()
    evidence.text = "{}"
    assert b'"evidence":{}' in bytes_of(line(evidence=evidence))
    assert plain_text(evidence) == "{}"
    assert bytes_of(line(evidence=pickle.loads(pickle.dumps(evidence)))) == plainly  # noqa: S301 - our own


def test_plain_text_is_canonical_json() -> None:
    tree: dict[str, Any] = {"b": [1, None, True, "é\n"], "a!": {"z": -5, 'a"': []}, "c": (2, {})}
    assert plain_text(tree).encode() == canonical_json(tree)
    with pytest.raises(Fault, match="must be plain JSON"):
        plain_text({"a": [0.5]})


def test_an_item_that_many_hold_is_read_once() -> None:
    tree = {"key": "plan", "offer": "shared@1", "seats": 1}
    once = value_of(Item, tree)
    assert value_of(Item, dict(tree)) is once
    assert value_of(Item, {**tree, "seats": 2}).seats == 2
    with pytest.raises(InvalidInput, match="seats must be a whole number"):
        value_of(Item, {**tree, "seats": True})
    with pytest.raises(InvalidInput, match="seats must be a whole number"):
        value_of(Item, {**tree, "seats": 1.0})


def test_the_differences_of_an_item_are_written_as_they_are_now() -> None:
    open_: dict[str, dict[str, Any]] = {}
    item = Item("plan", "pro@1", 1, open_)
    assert bytes_of(item) == b'{"key":"plan","offer":"pro@1"}'
    open_["pro"] = {"cost": "5.00"}
    assert b'"overrides":{"pro":{"cost":"5.00"}}' in bytes_of(item)


@pytest.mark.parametrize("money", [USD, JPY, CODES["KWD"]])
def test_money_keeps_its_minor_units_and_its_currency(money: Currency) -> None:
    amounts = {name: Money(123, money) for name in ("amount", "discount", "credit", "tax")}
    tree = tree_of(line(**amounts))
    assert (tree["amount"], tree["currency"]) == (123, money.code)
    assert value_of(InvoiceLine, tree).amount == Money(123, money)


def test_a_tree_shares_nothing_with_its_value() -> None:
    evidence: dict[str, Any] = {"steps": [1]}
    tree = tree_of(line(evidence=evidence))
    back = value_of(InvoiceLine, tree)
    evidence["steps"].append(2)
    tree["evidence"]["steps"].append(3)
    assert back.evidence == {"steps": [1]}


def test_what_is_read_can_not_be_changed() -> None:
    back = value_of(Item, tree_of(PRO))
    with pytest.raises(TypeError, match="cannot be changed"):
        back.overrides["pro"]["cost"] = "0"  # type: ignore[index] # what the test is about


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "tree", "path", "text"),
    [
        (Item, None, "", "an object, not null"),
        (Item, [], "", "an object, not a list"),
        (Item, {"key": "plan"}, "offer", "is missing"),
        (Item, {"key": "plan", "offer": 5}, "offer", "a text"),
        (Item, {"key": "plan", "offer": "a", "seets": 5}, "seets", "did you mean 'seats'?"),
        (Item, {"key": "plan", "offer": "a", "seats": True}, "seats", "a whole number"),
        (Item, {"key": "plan", "offer": "a", "seats": 1.0}, "seats", "a whole number"),
        (Item, {"key": "plan", "offer": "a", "seats": 2**63}, "seats", "below 2^63"),
        (Item, {"key": "p", "offer": "a", "overrides": {"x": 1}}, "overrides.x", "an object"),
        (Item, {"key": "p", "offer": "a", "overrides": {"x": {"y": 0.5}}}, "overrides.x.y", "JSON"),
        (Item, {"key": "p", "offer": "a", "overrides": {1: {}}}, "overrides", "texts as keys"),
        (Item, {1: 2}, "1", "not a field"),
        (Cancel, {"kind": "keep"}, "kind", "'cancel'"),
        (Cancel, {}, "kind", "is missing"),
        (Cancel, {"kind": "cancel", "timing": "later"}, "timing", "one of now, period_end"),
        (Cancel, {"kind": "cancel", "credit": 1}, "credit", "true or false"),
        (Cancel, {"kind": "cancel", "at": "2027-02-30T00:00:00Z"}, "at", "not on the calendar"),
        (Cancel, {"kind": "cancel", "at": "2027-02-01"}, "at", "must be an instant"),
        (Cancel, {"kind": "cancel", "at": 5}, "at", "an instant as text"),
        (Start, {"kind": "start", "add_ons": [{"offer": "a"}, {}]}, "add_ons[1].offer", "missing"),
        (Start, {"kind": "start", "add_ons": {}}, "add_ons", "a list, not an object"),
        (Party, {"tax_ids": [["eu_vat"]]}, "tax_ids[0]", "a list of 2"),
        (Party, {"tax_ids": [["eu_vat", None]]}, "tax_ids[0][1]", "a text, not null"),
    ],
)
def test_what_was_not_written_by_us_is_refused_with_its_path(
    cls: type, tree: object, path: str, text: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        value_of(cls, tree)
    assert list(caught.value.fields) == [path]
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "path", "text"),
    [
        ({"whole": ["2027-01-01T00:00:00Z"]}, "spans[0].whole", "[start, end]"),
        ({"whole": ["2027-01-01T00:00:00Z"] * 2}, "spans[0].whole", "is empty"),
        ({"whole": ["2027-01-01T00:00:00Z", "x"]}, "spans[0].whole", "not a time"),
        ({"whole": "2027"}, "spans[0].whole", "a period"),
        ({"item": {"key": "plan"}}, "spans[0].item.offer", "is missing"),
    ],
)
def test_a_bad_span_of_a_snapshot_is_refused_with_its_path(
    changed: dict[str, Any], path: str, text: str
) -> None:
    tree = tree_of(SUBSCRIPTION)
    tree["spans"][0] |= changed
    with pytest.raises(InvalidInput) as caught:
        value_of(Subscription, tree)
    assert list(caught.value.fields) == [path]
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"amount": 2**63}, "lines[0].amount"),
        ({"amount": "25"}, "lines[0].amount"),
        ({"amount": None}, "lines[0].amount"),
        ({"currency": "usd"}, "lines[0].currency"),
        ({"currency": ["USD"]}, "lines[0].currency"),
        ({"quantity": "1e5"}, "lines[0].quantity"),
        ({"quantity": "NaN"}, "lines[0].quantity"),
        ({"quantity": "1" * 101}, "lines[0].quantity"),
        ({"quantity": 5}, "lines[0].quantity"),
        ({"share": [1]}, "lines[0].share"),
        ({"kind": "lates"}, "lines[0].kind"),
    ],
)
def test_a_bad_line_of_a_document_is_refused_with_its_path(
    changed: dict[str, Any], path: str
) -> None:
    tree = tree_of(invoice())
    tree["lines"][0] |= changed
    with pytest.raises(InvalidInput) as caught:
        value_of(Invoice, tree)
    assert list(caught.value.fields) == [path]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (invoice(lines=[line()]), "lines"),
        (invoice(lines=(line(amount=25),)), "lines[0].amount"),
        (invoice(lines=(line(tax=Money(5, JPY)),)), "lines[0].tax"),
        (invoice(total=Money(25, JPY)), "total"),
        (invoice(total=None), "total"),
        (invoice(currency="USD"), "currency"),
        (invoice(at="2027-01-01T00:00:00Z"), "at"),
        (invoice(at=START.replace(tzinfo=None)), "at"),
        (invoice(at=START.replace(year=2200)), "at"),
        (invoice(seller=Terms()), "seller"),
        (line(quantity=Decimal("NaN")), "quantity"),
        (line(quantity=Decimal("1E+1000000")), "quantity"),
        (line(quantity=Decimal("1E-1000000")), "quantity"),
        (line(quantity=5), "quantity"),
        (line(share=(1, 2, 3)), "share"),
        (line(evidence={"rate": Decimal(1)}), "evidence.rate"),
        (line(evidence={"steps": [1, 10**400]}), "evidence.steps[1]"),
        (line(evidence={"steps": {5: 6}}), "evidence.steps"),
        (line(window=(START, END)), "window"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_that_could_not_be_read_back_is_not_written(value: object, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        tree_of(value)
    assert list(caught.value.fields) == [path]


def test_what_goes_round_in_circles_is_refused() -> None:
    evidence: dict[str, Any] = {}
    evidence["again"] = evidence
    with pytest.raises(InvalidInput, match="nested deeper"):
        tree_of(line(evidence=evidence))


def test_half_a_character_has_no_bytes() -> None:
    with pytest.raises(InvalidInput, match="half a character"):
        bytes_of(Terms(memo="\ud800"))


@pytest.mark.parametrize("value", [None, 5, "text", {}, START, Item])
def test_other_values_have_no_tree(value: object) -> None:
    with pytest.raises(InvalidInput, match="no class that has a tree"):
        tree_of(value)


@pytest.mark.parametrize(
    "tree", [None, [], {}, {"kind": 5}, {"kind": "stort"}, {"kind": ["start"]}]
)
def test_a_move_without_a_known_word_is_refused(tree: object) -> None:
    with pytest.raises(InvalidInput, match="kind must be one of start, change, pause"):
        move_of(tree)


def test_an_instant_is_written_as_everywhere_else() -> None:
    assert tree_of(SUBSCRIPTION)["clock"] == instant_text(SUBSCRIPTION.clock)
