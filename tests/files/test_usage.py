"""Usage files: JSON, JSON Lines and CSV."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO, cast

import pytest

from tallystick.core.usage_row import UsageRow
from tallystick.errors import InvalidUsage
from tallystick.files import read_usage, usage_format, usage_rows

if TYPE_CHECKING:
    from pathlib import Path

EVENT = (
    '{"id":"e1","source":"api","customer":"acme","type":"calls","occurred_at":"2027-01-01T00:00Z"'
)


def read(folder: Path, name: str, text: str | bytes) -> tuple[UsageRow, ...]:
    """Read a text as a usage file of this name."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_usage(path)


def faults(folder: Path, name: str, text: str | bytes) -> dict[str, list[str]]:
    """Give what is wrong with a usage file."""
    with pytest.raises(InvalidUsage) as caught:
        read(folder, name, text)
    assert str(folder / name) in str(caught.value)
    return caught.value.fields


def row(key: str, quantity: str, line: int | None = None, amount: str | None = None) -> UsageRow:
    """Give a row."""
    return UsageRow(key, Decimal(quantity), None if amount is None else Decimal(amount), line)


def test_a_json_object_gives_a_row_for_each_quantity(tmp_path: Path) -> None:
    text = '{"projects": 3, "gb": [1.5, "2.50", 0], "none": []}'
    rows = [row("projects", "3"), row("gb", "1.5"), row("gb", "2.50"), row("gb", "0")]
    assert list(read(tmp_path, "u.json", text)) == rows
    assert read(tmp_path, "u.json", "{}") == ()


def test_json_lines_give_a_row_for_each_line(tmp_path: Path) -> None:
    text = '{"key":"a","quantity":1}\r\n\n {"key":"b","quantity":"2.5","amount":9.99}\n'
    rows = (row("a", "1", 1), row("b", "2.5", 3, "9.99"))
    for name in ("u.jsonl", "u.ndjson", "U.JSONL"):
        assert read(tmp_path, name, text) == rows
    assert read(tmp_path, "u.jsonl", b"\xef\xbb\xbf" + text.encode()) == rows
    assert read(tmp_path, "u.jsonl", "") == ()


def test_a_usage_event_counts_one_unless_it_says_how_many(tmp_path: Path) -> None:
    second = EVENT.replace("e1", "e2") + ',"properties":{"quantity":2.5,"amount":3,"zone":"eu"}}'
    assert read(tmp_path, "u.jsonl", f"{EVENT}}}\n{second}\n") == (
        UsageRow("calls", Decimal(1), None, 1, "acme"),
        UsageRow("calls", Decimal("2.5"), Decimal(3), 2, "acme"),
    )


def test_an_event_that_is_repeated_counts_once(tmp_path: Path) -> None:
    other = EVENT.replace("acme", "zeta")
    other_source = EVENT.replace('"api"', '"web"')
    events = (EVENT, EVENT, other_source, other)
    rows = read(tmp_path, "u.jsonl", "\n".join(f"{event}}}" for event in events))
    assert [row.line for row in rows] == [1, 3, 4]


def test_an_id_with_two_contents_is_a_problem(tmp_path: Path) -> None:
    other = EVENT + ',"properties":{"quantity":2}}'
    found = faults(tmp_path, "u.jsonl", f"{EVENT}}}\n\n{other}\n")
    assert found == {"line 3: id": ["'e1' stands on line 1 with another content"]}
    same = EVENT + ',"properties":{"quantity":1.0}}'
    assert len(read(tmp_path, "u.jsonl", f"{EVENT}}}\n{same}\n")) == 1


def test_csv_is_read_as_excel_writes_it(tmp_path: Path) -> None:
    text = 'Key,"Quantity",amount\r\n"a, b",1.5,\r\n\r\nc, 2 ,"9.99"\r\n,,\r\n'
    rows = (row("a, b", "1.5", 2), row("c", "2", 4, "9.99"))
    assert read(tmp_path, "u.csv", text) == rows
    assert read(tmp_path, "u.csv", b"\xef\xbb\xbf" + text.encode()) == rows
    assert read(tmp_path, "u.csv", "quantity;key\n5;a\n") == (row("a", "5", 2),)
    assert read(tmp_path, "u.csv", "key,quantity\n") == ()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("-5", "negative"),
        ("1e3", "exponent"),
        ("1e999999", "exponent"),
        ("NaN", "finite"),
        ("Infinity", "finite"),
        ("9" * 5000, "too long"),
        ("0." + "1" * 13, "12 decimals"),
        ('"1_000"', "underscores"),
        ('"0x10"', "not decimal"),
        ('"١٢"', "digits"),
        ('""', "such as"),
        ('" 5"', "such as"),
        ('"five"', "such as"),
        ("true", "number"),
        ("null", "missing"),
        ("{}", "number"),
        ("[1]", "number"),
    ],
)
def test_a_bad_quantity_is_told_with_its_line(tmp_path: Path, value: str, word: str) -> None:
    text = f'{{"key":"a","quantity":1}}\n{{"key":"a","quantity":{value}}}\n'
    found = faults(tmp_path, "u.jsonl", text)
    assert list(found) == ["line 2: quantity"]
    assert word in found["line 2: quantity"][0]
    if value != "[1]":
        assert list(faults(tmp_path, "u.json", f'{{"a":[1,{value}]}}')) == ["a[1]: quantity"]


def test_negative_figures_can_be_allowed() -> None:
    text = "key,quantity,amount\na,-5,-0.01\n"
    found = list(usage_rows(io.StringIO(text), "csv", allow_negative=True))
    assert found == [row("a", "-5", 2, "-0.01")]


@pytest.mark.parametrize(
    ("line", "place", "word"),
    [
        ("{", "line 1", "not JSON"),
        ("[]", "line 1", "object"),
        ("5", "line 1", "object"),
        ("null", "line 1", "object"),
        ('{"key":"a","key":"b","quantity":1}', "line 1", "twice"),
        ('{"key":"a","quantity":1} x', "line 1", "not JSON"),
        ('{"quantity":1}', "line 1: key", "missing"),
        ('{"key":"","quantity":1}', "line 1: key", "1 to 200"),
        ('{"key":"' + "a" * 201 + '","quantity":1}', "line 1: key", "1 to 200"),
        ('{"key":5,"quantity":1}', "line 1: key", "text"),
        ('{"key":"\\ud800","quantity":1}', "line 1: key", "print"),
        ('{"key":"a\\u0000","quantity":1}', "line 1: key", "print"),
        ('{"key":"a"}', "line 1: quantity", "missing"),
        ('{"key":"a","quantity":1,"amuont":2}', "line 1: amuont", "amount, key, quantity"),
        ('{"key":"a","quantity":1,"amount":"1e9"}', "line 1: amount", "exponent"),
        ('{"type":"a","quantity":5,"id":"e"}', "line 1: quantity", "not a field"),
        ('{"type":"a","id":"e","properties":5}', "line 1: properties", "object"),
        ('{"type":"a"}', "line 1: id", "missing"),
        ('{"type":"a","id":5}', "line 1: id", "text"),
        ('{"type":"a","id":"e","customer":5}', "line 1: customer", "text"),
        ('{"type":"a","id":"e","properties":{"quantity":null}}', "line 1: quantity", "missing"),
        ('{"type":5,"id":"e"}', "line 1: key", "text"),
        ('{"key":' + "[" * 100_000, "line 1", "100 deep"),
        ("x" * 1_000_001, "line 1", "longer"),
        ('{"key":"a\0","quantity":1}', "line 1", "NUL"),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, line: str, place: str, word: str) -> None:
    found = faults(tmp_path, "u.jsonl", line + "\n")
    assert list(found) == [place]
    assert word in found[place][0]


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("", "line 1", "no column 'key'"),
        ("\n\n", "line 1", "no column 'key'"),
        ("key\na\n", "line 1", "no column 'quantity'"),
        ("key,quantity,amuont\na,1,2\n", "line 1", "'amuont' is not known"),
        ("key,quantity,key\na,1,2\n", "line 1", "twice"),
        ('key,"quan\ntity"\na,1\n', "line 1", "not CSV"),
        ("key,quantity\na,1\na\n", "line 3", "1 cells"),
        ("key,quantity\na,1,000\n", "line 2", "3 cells"),
        ("key,quantity\n,1\n", "line 2: key", "missing"),
        ("key,quantity\na,\n", "line 2: quantity", "missing"),
        ("key,quantity\na,1e3\n", "line 2: quantity", "exponent"),
        ("key;quantity\na;1,5\n", "line 2: quantity", "such as"),
        ('key,quantity\n"a"b,1\n', "line 2", "not CSV"),
        ('key,quantity\na,1\n"a,1\n', "line 3", "not CSV"),
        ('key,quantity\n"' + "a" * 200_000 + '",1\n', "line 2", "not CSV"),
        ('key,quantity\n"a\nb",1\nc,-1\n', "line 2: key", "print"),
    ],
)
def test_a_bad_table_is_told(tmp_path: Path, text: str, place: str, word: str) -> None:
    found = faults(tmp_path, "u.csv", text)
    assert place in found
    assert word in found[place][0]


def test_lines_are_counted_through_quoted_line_ends(tmp_path: Path) -> None:
    found = faults(tmp_path, "u.csv", 'key,quantity\n"a\n\nb",1\nc,-1\n')
    assert list(found) == ["line 2: key", "line 5: quantity"]


def test_all_problems_come_at_once_and_a_hundred_are_enough(tmp_path: Path) -> None:
    assert len(faults(tmp_path, "u.jsonl", "{\n" * 99)) == 99
    with pytest.raises(InvalidUsage, match=r"100 problems \(the rest was not read\)"):
        read(tmp_path, "u.jsonl", "{\n" * 5000)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "empty"), ("[]", "object"), ('{"a":1,"a":2}', "twice"), ("[" * 100_000, "deep")],
)
def test_a_bad_object_is_told(tmp_path: Path, text: str, word: str) -> None:
    assert word in str(faults(tmp_path, "u.json", text))


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    for name in ("u.json", "u.jsonl", "u.csv"):
        assert "UTF-8" in str(faults(tmp_path, name, b'{"a":\n"\xff"}'))
        assert "UTF-8" in str(faults(tmp_path, name, "{}".encode("utf-16")))


def test_a_large_object_is_refused_unread_and_a_large_stream_is_cut(tmp_path: Path) -> None:
    with (tmp_path / "u.json").open("wb") as stream:
        stream.truncate(100_000_000)
    with pytest.raises(InvalidUsage, match="100000000 bytes"):
        read_usage(tmp_path / "u.json")
    with pytest.raises(InvalidUsage, match="JSON Lines"):
        list(usage_rows(io.StringIO(" " * 9_000_000), "json"))


def test_lines_are_read_one_by_one() -> None:
    class Endless:
        def readline(self, _size: int) -> str:
            return '{"key":"a","quantity":1}\n'

    rows = usage_rows(cast("TextIO", Endless()), "jsonl")
    assert [next(rows).line for _ in range(3)] == [1, 2, 3]


def test_a_stream_may_begin_with_a_byte_order_mark() -> None:
    text = "\ufeffkey,quantity\na,1\n"
    assert list(usage_rows(io.StringIO(text), "csv")) == [row("a", "1", 2)]
    assert list(usage_rows(io.StringIO('\ufeff{"a":1}'), "json")) == [row("a", "1")]


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidUsage, match="no such file"):
        read_usage(tmp_path / "u.csv")
    (tmp_path / "u.jsonl").mkdir()
    with pytest.raises(InvalidUsage, match="is a folder"):
        read_usage(tmp_path / "u.jsonl")
    with pytest.raises(InvalidUsage, match=r"\.json, \.jsonl, \.ndjson, \.csv"):
        usage_format("u.xlsx")
