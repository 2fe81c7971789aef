"""The conformance kit: the runner, what it compares, what it refuses, and our own result."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tallystick.errors import InvalidInput, UnknownPlan
from tallystick.testing.conformance import CaseResult, NotApplicable, Report, run_cases
from tallystick.testing.conformance.compare import Figures, zone_of
from tallystick.testing.conformance.outcome import plain_value
from tallystick.testing.conformance.reading import LARGEST_FILE, packaged_files, read_cases
from tallystick.testing.conformance.runner import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]

TOPICS = {
    "calendar",
    "coupons",
    "credits",
    "entitlements",
    "pricing_models",
    "proration",
    "rounding_currency",
}
BUILT = {"calendar", "coupons", "pricing_models", "proration", "rounding_currency"}


def case(kind: str = "echo", **parts: Any) -> dict[str, Any]:
    return {"id": "a", "kind": kind, "input": {}, "expected": {}} | parts


def written(folder: Path, *cases: object, name: str = "cases.json") -> Path:
    file = folder / name
    file.write_text(json.dumps({"topic": "t", "count": len(cases), "cases": cases}), "utf-8")
    return file


def outcome(folder: Path, answer: Answer, **parts: Any) -> CaseResult:
    report = run_cases([written(folder, case(**parts))], adapters={"echo": answer})
    (result,) = report.results
    return result


def echo(question: Mapping[str, Any]) -> Mapping[str, Any]:
    return question


# --- our own kit ----------------------------------------------------------------------------------


def test_the_kit_is_packaged_with_all_its_topics() -> None:
    kit = packaged_files()
    assert {each.name.removesuffix(".json") for each in kit} == TOPICS
    ids = [each.id for source in kit for each in read_cases(source)]
    assert len(ids) == len(set(ids)) == 248


def test_the_engine_passes_the_whole_kit() -> None:
    report = run_cases()
    assert [str(result) for result in report.results if result.status == "failed"] == []
    assert report.exit_code == 0


@pytest.mark.parametrize("topic", sorted(BUILT))
def test_every_case_of_a_topic_that_is_built_passes(topic: str) -> None:
    (source,) = (each for each in packaged_files() if each.name == f"{topic}.json")
    cases = read_cases(source)
    assert {each.kind for each in cases} <= set(ADAPTERS)
    report = run_cases([str(source)])
    assert (report.passed, report.failed, report.not_applicable) == (len(cases), 0, 0)


def test_the_kit_needs_no_test_framework() -> None:
    code = (
        "import sys, tallystick.testing.conformance as kit; kit.run_cases()\n"
        "assert not {'pytest', 'hypothesis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- what comes of a case -------------------------------------------------------------------------


def test_figures_that_are_equal_pass(tmp_path: Path) -> None:
    result = outcome(tmp_path, echo, input={"total": "100.00"}, expected={"total": "100"})
    assert result.status == "passed"
    assert result.reason == ""


def test_figures_that_differ_fail_and_say_where(tmp_path: Path) -> None:
    result = outcome(tmp_path, echo, input={"total": "1"}, expected={"total": "2", "tax": "3"})
    assert result.status == "failed"
    assert result.reason == "total: expected '2', got '1'; tax: expected '3', got nothing"


def test_an_unknown_kind_is_not_applicable(tmp_path: Path) -> None:
    result = outcome(tmp_path, echo, kind="levitation")
    assert result.status == "not_applicable"
    assert result.reason == "no adapter for this kind"


def test_an_unknown_situation_is_not_applicable(tmp_path: Path) -> None:
    def unsure(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotApplicable("a Tuesday")

    assert outcome(tmp_path, unsure).status == "not_applicable"
    assert outcome(tmp_path, unsure).reason == "a Tuesday"


def test_a_refusal_is_right_where_one_is_expected_and_only_there(tmp_path: Path) -> None:
    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise UnknownPlan("gold")

    assert outcome(tmp_path, refuse, expected={"error": True}).status == "passed"
    failed = outcome(tmp_path, refuse, expected={"total": "1"})
    assert failed.status == "failed"
    assert "no plan 'gold'" in failed.reason
    answered = outcome(tmp_path, echo, input={"total": "1"}, expected={"error": True})
    assert answered.status == "failed"
    assert "error: expected True, got nothing" in answered.reason


def test_a_crash_is_a_failure_and_never_a_refusal(tmp_path: Path) -> None:
    def crash(question: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"total": question["amount"]}

    result = outcome(tmp_path, crash, expected={"error": True})
    assert result.status == "failed"
    assert result.reason == "KeyError: 'amount'"


# --- what is compared -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "came"),
    [
        ("100.00", "100"),
        ("100", 100),
        (100, "100.0"),
        ("0", "-0.00"),
        ("0.1", Decimal("0.10")),
        (True, True),
        ("first", "first"),
        ("2024-03-01T05:00Z", "2024-03-01T05:00:00Z"),
        ("2024-03-01T05:00:00Z", "2024-03-01T06:00:00+01:00"),
        ("2024-03-01T05:00:00Z", datetime(2024, 3, 1, 5, tzinfo=UTC)),
        ("2024-02-15T00:00", "2024-02-15T00:00:00"),
        ("2024-02-15", date(2024, 2, 15)),
        ("2024-02-15", "2024-02-15"),
        (["1", "2"], ("1.0", Decimal(2))),
        ({"a": "1"}, {"a": 1, "b": 2}),
        ([{"a": None}], [{}]),
    ],
)
def test_what_means_the_same_is_the_same(wanted: object, came: object) -> None:
    assert Figures().same(wanted, came)


@pytest.mark.parametrize(
    ("wanted", "came"),
    [
        ("100", "100.01"),
        ("1", True),
        (True, "true"),
        (False, 0),
        ("first", "last"),
        ("1", None),
        ("1", "one"),
        ("1", Decimal("NaN")),
        ("2024-03-01T05:00:00Z", "2024-03-01T05:00:01Z"),
        ("2024-02-15T00:00", "2024-02-15T00:01"),
        ("2024-02-15", "2024-02-16"),
        ("2024-99-99", "2024-99-98"),
        (["1", "2"], ["2", "1"]),
        (["1"], ["1", "2"]),
        (["1"], "1"),
        ({"a": "1"}, {"b": "1"}),
        ({"a": "1"}, ["a"]),
    ],
)
def test_what_does_not_mean_the_same_differs(wanted: object, came: object) -> None:
    assert not Figures().same(wanted, came)


def test_a_wall_time_beside_an_instant_is_read_in_the_zone_of_the_case() -> None:
    assert Figures(ZoneInfo("Asia/Kolkata")).same("2024-02-15T05:30", "2024-02-15T00:00Z")
    assert Figures().same("2024-02-15T00:00", "2024-02-15T00:00Z")
    assert zone_of("Asia/Kolkata") == ZoneInfo("Asia/Kolkata")
    for unknown in (None, "Mars/Olympus", "../etc/passwd", "", 5):
        assert zone_of(unknown) is UTC


@pytest.mark.parametrize(
    ("wanted", "came", "same"),
    [
        ([{"amount": "1"}, {"amount": "2"}], [{"amount": 2}, {"amount": 1}], True),
        ([{"amount": "1", "description": "x"}], [{"amount": "1", "description": "y"}], True),
        ([{"amount": "1"}, {"amount": "1"}], [{"amount": "1"}, {"amount": "2"}], False),
        ([{"amount": "1"}], [{"amount": "1"}, {"amount": "1"}], False),
        ([], [], True),
        ([], None, False),
        (["1", "2"], ["2", "1"], True),
        (
            [{"amount": "1"}, {"amount": "1", "total": "1"}],
            [{"amount": "1", "total": "1"}, {"amount": "1", "total": "2"}],
            True,
        ),
    ],
)
def test_lines_are_compared_by_their_figures_in_any_order(
    wanted: object, came: object, *, same: bool
) -> None:
    differences = Figures().differences({"expected_lines": wanted}, {"expected_lines": came})
    assert (differences == []) is same


def test_nothing_expected_is_met_by_nothing() -> None:
    assert Figures().differences({"next": None}, {}) == []
    assert Figures().differences({"next": None}, {"next": None}) == []
    assert Figures().differences({"next": None}, {"next": "1"}) != []


def test_a_schedule_is_compared_as_far_as_a_case_states_it() -> None:
    endless = {"boundaries": ["1", "2", "3"]}
    assert Figures().differences({"boundaries": ["1", "2"]}, endless) == []
    assert Figures().differences({"boundaries": ["1", "3"]}, endless) != []
    assert Figures().differences({"boundaries": ["1", "2", "3", "4"]}, endless) != []


# --- what is reported -----------------------------------------------------------------------------


def test_the_report_names_each_failure_and_closes_with_the_counts(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        case(id="right", input={"n": "1"}, expected={"n": "1"}),
        case(id="wrong", input={"n": "1"}, expected={"n": "2"}),
        case(id="odd", kind="odd"),
        case(id="odder", kind="odd"),
    )
    report = run_cases([file], adapters={"echo": echo})
    assert report.lines() == (
        "failed: wrong (echo): n: expected '2', got '1'",
        "not applicable: odd x 2: no adapter for this kind",
        "1 passed, 1 failed, 2 not applicable",
    )
    assert report.exit_code == 1
    assert report.as_json()[:2] == [
        {
            "id": "right",
            "kind": "echo",
            "status": "passed",
            "expected": {"n": "1"},
            "got": {"n": "1"},
        },
        {
            "id": "wrong",
            "kind": "echo",
            "status": "failed",
            "expected": {"n": "2"},
            "got": {"n": "1"},
            "reason": "n: expected '2', got '1'",
        },
    ]
    assert [json.loads(line) for line in report.json_lines()] == report.as_json()


def test_an_empty_report_is_no_failure() -> None:
    assert Report(()).lines() == ("0 passed, 0 failed, 0 not applicable",)
    assert Report(()).exit_code == 0


def test_figures_are_written_as_json_can_hold_them() -> None:
    figures = {
        "number": Decimal("1.50"),
        "nan": Decimal("NaN"),
        "at": datetime(2027, 1, 1, tzinfo=UTC),
        "day": date(2027, 1, 1),
        "list": (1, None, True),
        "other": object,
    }
    assert plain_value(figures) == {
        "number": "1.5",
        "nan": "NaN",
        "at": "2027-01-01T00:00:00+00:00",
        "day": "2027-01-01",
        "list": [1, None, True],
        "other": "<class 'object'>",
    }


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b"{", "line 1, column 2: is not JSON"),
        (b"[]", 'an object with a list "cases"'),
        (b"{}", 'an object with a list "cases"'),
        (b'{"cases": {}}', 'an object with a list "cases"'),
        (b"null", 'an object with a list "cases"'),
        (b'{"cases": [1]}', "cases[0]: a case is an object"),
        (b'{"cases": [{}]}', "cases[0].id: is missing"),
        (b'{"cases": [{"id": 1}]}', "cases[0].id: is a text"),
        (b'{"cases": [{"id": ""}]}', "not empty"),
        (b'{"cases": [{"id": "a", "kind": "b", "input": []}]}', "cases[0].input: is an object"),
        (b'{"cases": [], "cases": []}', "'cases' stands twice"),
        (b'{"cases": [NaN]}', "NaN is no number"),
        (b'{"cases": [-Infinity]}', "-Infinity is no number"),
        (b'{"cases": [1e999999]}', "not a plain decimal number"),
        (b'{"cases": [' + b"1" * 5_000 + b"]}", "too long"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8"),
        (b'{"cases": ["\xe9"]}', "byte 12: is not UTF-8"),
        (json.dumps({"cases": [{}] * 10_000}).encode(), "and 39995 more"),
    ],
)
def test_a_file_that_holds_no_cases_is_refused_with_its_name_and_place(
    tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(InvalidInput) as refusal:
        run_cases([file])
    assert "broken.json" in str(refusal.value)
    assert told in str(refusal.value)
    assert len(str(refusal.value)) < 600
    assert refusal.value.fields


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    sources: list[tuple[Path | str, str]] = [
        (tmp_path / "absent.json", "does not exist"),
        (str(tmp_path), "is no file"),
        ("/dev/zero", "is no file"),
        ("nul\x00byte", "does not exist|cannot be read"),
        ("n" * 5_000, "does not exist|cannot be read"),
    ]
    for source, told in sources:
        with pytest.raises(InvalidInput, match=told):
            run_cases([source])


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as opened:
        opened.truncate(LARGEST_FILE + 1)
    with pytest.raises(InvalidInput, match="larger than 16 MB"):
        read_cases(file)


def test_one_broken_file_stops_the_run_before_any_case(tmp_path: Path) -> None:
    asked: list[object] = []

    def ask(question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(question)
        return {}

    good, bad = written(tmp_path, case()), written(tmp_path, {}, name="bad.json")
    with pytest.raises(InvalidInput, match=r"bad\.json"):
        run_cases([good, bad], adapters={"echo": ask})
    assert asked == []


def test_a_byte_order_mark_and_numbers_are_read(tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    tree = '\ufeff{"cases": [{"id": "a", "kind": "k", "input": {"n": 1.10}, "expected": {"m": 2}}]}'
    file.write_text(tree, "utf-8")
    (read,) = read_cases(file)
    assert read.input == {"n": Decimal("1.10")}
    assert read.expected == {"m": 2}


# --- unseen cases of the same kinds ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "question", "expected"),
    [
        ("round_amount", {"amount": "0.0005", "currency": "KWD"}, {"rounded": "0.001"}),
        ("round_amount", {"amount": "-0.5", "currency": "JPY"}, {"rounded": "-1"}),
        ("round_amount", {"amount": "0.00005", "currency": "CLF"}, {"rounded": "0.0001"}),
        (
            "sum_of_rounded",
            {"currency": "JPY", "line_amounts_exact": ["0.5", "-0.5", "0.4"]},
            {"line_amounts": ["1", "-1", "0"], "total": "0"},
        ),
        ("minor_units", {"currency": "CLF"}, {"decimals": 4}),
        ("minor_units", {"currency": "MGA"}, {"decimals": 2}),
        ("minor_units", {"currency": "XXX"}, {"error": True}),
        (
            "allocate",
            {
                "currency": "USD",
                "amount": "0.05",
                "weights": [{"key": k, "weight": "1"} for k in "CAB"],
                "tie_break": "last",
            },
            {"parts": {"C": "0.01", "A": "0.02", "B": "0.02"}},
        ),
        (
            "allocate",
            {
                "currency": "JPY",
                "amount": "-5",
                "weights": [{"key": k, "weight": w} for k, w in zip("ABC", "110", strict=True)],
            },
            {"parts": {"A": "-3", "B": "-2", "C": "0"}},
        ),
        ("allocate", {"currency": "USD", "amount": "0.00", "weights": []}, {"parts": {}}),
        (
            "allocate",
            {"currency": "USD", "amount": "1.001", "weights": [{"key": "A", "weight": "1"}]},
            {"error": True},
        ),
        (
            "percent_discount",
            {"currency": "USD", "percent": "150", "subtotal": "100.00"},
            {"discount": "100.00", "final": "0.00"},
        ),
        (
            "percent_discount",
            {"currency": "EUR", "percent": "10", "subtotal": "99.999"},
            {"discount": "10.00", "final": "90.00"},
        ),
        (
            "fixed_discount",
            {"currency": "USD", "amount_off": "15.00", "subtotal": "10.00"},
            {"discount": "10.00", "final": "0.00"},
        ),
        (
            "tax",
            {"currency": "JPY", "taxable": "999", "rates_percent": ["10.5", "0"]},
            {"tax_by_rate": ["105", "0"], "tax_total": "105"},
        ),
        ("stripe_api_amount", {"currency": "MGA", "amount": "10"}, {"api_amount": "10"}),
        ("stripe_api_amount", {"currency": "UGX", "amount": "5"}, {"api_amount": "500"}),
        ("stripe_api_amount", {"currency": "TWD", "amount": "800.45"}, {"api_amount": "80045"}),
        (
            "stripe_three_decimal",
            {"currency": "TND", "amount": "5.125"},
            {"allowed_api_amounts": ["5120", "5130"], "nearest": "5130"},
        ),
        (
            "plan_change",
            {
                "currency": "USD",
                "old_amount": "100.00",
                "new_amount": "1000.00",
                "period_start": "2025-06-01",
                "period_end": "2025-07-01",
                "change_at": "2025-06-16T00:00:00.9Z",
                "old_discount": {"type": "fixed", "value": "50"},
                "new_discount": {"type": "percent", "value": "10"},
            },
            {"credit": "-25.00", "charge": "450.00", "net": "425.00"},
        ),
        (
            "plan_change_items",
            {
                "currency": "JPY",
                "old_items": ["100", "200"],
                "new_items": ["300"],
                "period_start": "2025-06-01",
                "period_end": "2025-07-01",
                "change_at": "2025-06-16",
                "percent_discount": "33.3",
            },
            {"credits": ["-34", "-67"], "charges": ["100"]},
        ),
        (
            "quantity_change",
            {
                "currency": "USD",
                "unit_amount": "20.00",
                "old_quantity": "10",
                "new_quantity": "8",
                "period_start": "2025-06-01",
                "period_end": "2025-07-01",
                "change_at": "2025-07-02",
            },
            {"error": True},
        ),
        ("credit_cap", {"potential_credit": "x"}, {"error": True}),
        ("stripe_refused", {"currency": "UGX", "api_amount": "1050"}, {"error": True}),
        ("stripe_refused", {"currency": "BHD", "api_amount": "1231"}, {"error": True}),
        ("stripe_refused", {"currency": "USD", "api_amount": "10.5"}, {"error": True}),
        ("stripe_refused", {"currency": "IQD", "api_amount": "1000"}, {"error": True}),
    ],
)
def test_the_adapters_ask_the_engine(
    tmp_path: Path, kind: str, question: dict[str, Any], expected: dict[str, Any]
) -> None:
    file = written(tmp_path, case(kind, input=question, expected=expected))
    report = run_cases([file])
    assert report.lines() == ("1 passed, 0 failed, 0 not applicable",)


def over(duration: str, **more: Any) -> dict[str, Any]:
    """Ask for a coupon of 1.00 over monthly invoices of 4.00 from the end of January."""
    coupon = {"id": "a", "type": "fixed", "amount_off": "1.00", "duration": duration}
    starts = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]
    question = {"currency": "USD", "invoice_amount": "4.00", "applied_at": "2024-01-31"}
    return question | {"coupon": coupon, "invoice_period_starts": starts} | more


def repeating(months: int | str, **more: Any) -> dict[str, Any]:
    coupon = over("repeating")["coupon"] | {"months": months}
    return over("repeating", coupon=coupon, **more)


@pytest.mark.parametrize(
    ("question", "taken"),
    [
        (over("once"), "1 0 0 0 0"),
        (over("forever"), "1 1 1 1 1"),
        (repeating(3), "1 1 1 0 0"),
        (repeating("3"), "1 1 1 0 0"),
        (repeating(1, applied_at="2024-02-01"), "0 1 0 0 0"),
        (repeating(2, applied_at="2024-02-15T12:00:00Z"), "0 1 1 0 0"),
        (repeating(12, invoice_amount="0.40"), "0.4 0.4 0.4 0.4 0.4"),
        (over("once", applied_at="2024-03-01"), "0 0 1 0 0"),
        (over("once", invoice_amount="0.00"), "0 0 0 0 0"),
        (over("forever", currency="JPY", invoice_amount="5"), "1 1 1 1 1"),
    ],
)
def test_a_coupon_over_invoices(tmp_path: Path, question: dict[str, Any], taken: str) -> None:
    expected = {"discounts": taken.split()}
    asked = case("coupon_over_invoices", input=question, expected=expected)
    assert (
        run_cases([written(tmp_path, asked)]).lines()[0] == "1 passed, 0 failed, 0 not applicable"
    )


@pytest.mark.parametrize(
    ("situation", "allowed"),
    [
        ("coupon expired", False),
        ("coupon not yet expired", True),
        ("coupon not yet active", False),
        ("coupon is inactive", False),
        ("second redemption of a coupon limited to two", True),
        ("3rd redemption of a coupon limited to 2", False),
        ("First redemption of a coupon limited to one.", True),
        ("redemption limit reached", False),
        ("second redemption by the same customer of a coupon limited to one per customer", False),
        ("second redemption by another customer of a coupon limited to one per customer", True),
        ("non-reusable coupon used again by the same customer", None),
        ("non-reusable coupon, same customer again", False),
        ("non-reusable coupon, different customers", True),
        ("reusable coupon, same customer again", True),
        ("coupon restricted to another plan", False),
        ("coupon restricted to the same plan", True),
        ("coupon limited to another product", False),
        ("empty plan restriction allows all plans", True),
        ("fixed coupon in another currency", False),
        ("percent coupon for any currency", True),
        ("currency mismatch", False),
        ("purchase below the minimum amount", None),
        ("below the minimum amount", False),
        ("at the minimum", True),
        ("unknown code", False),
        ("code in lower case", True),
        ("coupon redeemed on a Tuesday", None),
        ("", None),
    ],
)
def test_a_redemption_is_told_in_words(
    tmp_path: Path, situation: str, *, allowed: bool | None
) -> None:
    asked = case("redemption_rule", input={"situation": situation}, expected={"allowed": allowed})
    (result,) = run_cases([written(tmp_path, asked)]).results
    assert result.status == ("not_applicable" if allowed is None else "passed")


@pytest.mark.parametrize(
    ("began", "credit"),
    [
        ("before_period", "-16.00"),
        ("before payment", "-16.00"),
        ("before period start", "-16.00"),
        ("at_period_start", "-20.00"),
        ("after_period_start", "-20.00"),
        ("mid_cycle", "-20.00"),
        ("ended", "-20.00"),
        ("ended before the period", "-20.00"),
        ("on a Tuesday", None),
        (None, None),
    ],
)
def test_a_discount_on_a_credit(tmp_path: Path, began: str | None, credit: str | None) -> None:
    question = {"credit": "-20.00", "percent_off": "20", "discount_began": began}
    expected = {"credit_after_discount": credit}
    asked = case("discount_on_credit", input=question, expected=expected)
    (result,) = run_cases([written(tmp_path, asked)]).results
    assert result.status == ("not_applicable" if credit is None else "passed")


@pytest.mark.parametrize("change", [{"duration": "weekly"}, {"type": "free_months"}])
def test_a_coupon_of_another_kind_is_not_applicable(tmp_path: Path, change: dict[str, Any]) -> None:
    question = over("once", coupon=over("once")["coupon"] | change)
    asked = case("coupon_over_invoices", input=question, expected={"discounts": []})
    (result,) = run_cases([written(tmp_path, asked)]).results
    assert result.status == "not_applicable"
