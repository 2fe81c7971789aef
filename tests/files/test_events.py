"""Files of events are read line by line: a bad line is told, and the next one is read."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet  # type: ignore[import-untyped]  # it ships no types
import pytest

from tallystick.core.event import parse_event
from tallystick.errors import InvalidUsage, SetupError
from tallystick.files.events import Columns, EventFile, event_format

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 21, tzinfo=UTC)
GOOD = '{"id": "1", "customer": "acme", "type": "r", "properties": {"quantity": 1.50}}'


def read(path: Path | str, columns: Columns | None = None, **more: Any) -> list[Any]:
    """Read a file: trees, or the texts of what is wrong, with their lines."""
    with EventFile(path, columns=columns, **more) as file:
        return [(each.line, each.tree if each.fault is None else each.fault) for each in file]


def written(path: Path, content: str | bytes) -> Path:
    """Write a file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- JSON Lines -----------------------------------------------------------------------------------


def test_each_line_is_an_event_with_exact_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", f"\ufeff{GOOD}\r\n\n  \n{GOOD}")
    (first, tree), (second, _) = read(path)
    assert (first, second) == (1, 4)
    assert str(tree["properties"]["quantity"]) == "1.50"
    assert parse_event(tree, received_at=AT).properties == {"quantity": Decimal("1.5")}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "is not JSON"),
        (b"5", "is no object"),
        (b"[]", "is no object"),
        (b'{"a": 1, "a": 2}', "has a key twice"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b"[" * 200, "nested"),
        (b'"' + b"x" * 1_000_100 + b'"', "is longer than 1,000,000 bytes"),
    ],
)
def test_a_bad_line_is_told_and_the_next_is_read(tmp_path: Path, line: bytes, fault: str) -> None:
    path = written(tmp_path / "a.ndjson", line + b"\n" + GOOD.encode())
    (_, told), (after, tree) = read(path)
    assert fault in told
    assert (after, tree["id"]) == (2, "1")


@pytest.mark.parametrize("token", ["NaN", "1e999999", "-Infinity", "9" * 5_000, "01"])
def test_a_bad_number_is_told_by_whoever_reads_the_event(tmp_path: Path, token: str) -> None:
    path = written(tmp_path / "a.jsonl", GOOD.replace("1.50", token))
    ((_, tree),) = read(path)
    if isinstance(tree, str):
        assert "is not JSON" in tree
    else:
        with pytest.raises(InvalidUsage, match=r"properties\.quantity"):
            parse_event(tree, received_at=AT)


def test_what_holds_for_every_line_is_filled_in_where_a_line_does_not_say(tmp_path: Path) -> None:
    lines = [
        {"customer": "own", "occurred_at": "2026-10-01 03:00:00"},
        {"id": "x", "source": "s", "type": "t", "occurred_at": "2026-10-01T03:00:00+02:00"},
        {"void": "x"},
        {"specversion": "1.0", "id": "c"},
    ]
    path = written(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    columns = Columns(source="log", customer="acme", type="r", ids="october", utc=True)
    assert [tree for _, tree in read(path, columns)] == [
        {
            "id": "october:1",
            "source": "log",
            "customer": "own",
            "type": "r",
            "occurred_at": "2026-10-01T03:00:00Z",
        },
        {
            "id": "x",
            "source": "s",
            "customer": "acme",
            "type": "t",
            "occurred_at": "2026-10-01T03:00:00+02:00",
        },
        {"id": "october:3", "source": "log", "customer": "acme", "void": "x"},
        {"specversion": "1.0", "id": "c"},
    ]


def test_a_log_of_ones_own_is_mapped_also_from_within_its_objects(tmp_path: Path) -> None:
    line = {"req": "1", "who": {"account": "acme"}, "http.bytes": 5, "t": None, "noise": [1]}
    path = written(tmp_path / "a.jsonl", json.dumps(line))
    names = {"id": "req", "customer": "who.account", "quantity": "http.bytes", "region": "no.such"}
    ((_, tree),) = read(path, Columns(names=names | {"occurred_at": "t"}, type="r"))
    assert tree == {"id": "1", "customer": "acme", "type": "r", "properties": {"quantity": 5}}


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_table_by_its_header(tmp_path: Path, between: str) -> None:
    rows = [
        ["id", "customer", "type", "occurred_at", "quantity", "region"],
        ["007", "acme", "r", "2026-10-01T00:00:00Z", "1.50", "eu"],
        [],
        ["008", "acme", "r", "", "", ""],
        ["009", "acme"],
        ["010", "acme", "r", "", "x", ""],
    ]
    path = written(tmp_path / "a.csv", "\n".join(between.join(row) for row in rows))
    first, second, third, fourth = read(path)
    assert first[0] == 2
    assert first[1]["id"] == "007"
    assert str(first[1]["properties"]["quantity"]) == "1.50"
    assert second == (4, {"id": "008", "customer": "acme", "type": "r"})
    assert third == (5, "has 2 cells where the header has 6")
    with pytest.raises(InvalidUsage, match=r"properties\.quantity"):
        parse_event(fourth[1], received_at=AT)


def test_a_column_map_takes_nothing_else(tmp_path: Path) -> None:
    text = 'ID,Account,Units,Agent\n1,acme,5,"a, b\nc"\n2,acme,6,x\n'
    names = {"id": "ID", "customer": "Account", "quantity": "Units"}
    found = read(written(tmp_path / "a.csv", text), Columns(names=names, type="r"))
    assert [(line, tree["id"]) for line, tree in found] == [(2, "1"), (4, "2")]
    assert found[0][1]["properties"] == {"quantity": 5}


@pytest.mark.parametrize(
    ("header", "columns", "told"),
    [
        ("customer,type", Columns(), "has no column for 'id'; it has customer, type"),
        ("id,type", Columns(), "with --customer"),
        ("id,customer", Columns(), "with --type"),
        ("id,id", Columns(), "has the column 'id' twice"),
        ("id,customer,type", Columns(names={"id": "ID"}), "has no column 'ID' for id"),
        ("", Columns(), "has no column for 'id'; it has none"),
    ],
)
def test_a_header_without_what_is_needed_ends_the_reading(
    tmp_path: Path, header: str, columns: Columns, told: str
) -> None:
    path = written(tmp_path / "a.csv", header + "\n1,2,3\n")
    with pytest.raises(InvalidUsage, match=r"a\.csv: ") as refused:
        read(path, columns)
    assert told in str(refused.value)


def test_a_broken_quotation_is_told_and_the_next_row_is_read(tmp_path: Path) -> None:
    text = 'id,customer,type\n"1"x,acme,r\n2,acme,r\n\x00,\xff,r\n'
    found = read(written(tmp_path / "a.csv", text.encode("latin-1")))
    assert "is not CSV" in found[0][1]
    assert found[1][1]["id"] == "2"
    with pytest.raises(InvalidUsage):
        parse_event(found[2][1], received_at=AT)


# --- packed, Parquet, and what cannot be read -----------------------------------------------------


def test_gzip_is_unpacked_as_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", gzip.compress(GOOD.encode(), mtime=0))
    assert [tree["id"] for _, tree in read(path)] == ["1"]


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(GOOD.encode(), mtime=0)[:-9], b""])
def test_a_damaged_gzip_is_told(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path / "a.jsonl.gz", content)
    if not content:
        assert read(path) == []
        return
    with pytest.raises(InvalidUsage, match="damaged"):
        read(path)


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    """Write a Parquet file."""
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def test_parquet_gives_the_same_events(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        {
            "request": ["1", "2"],
            "at": pa.array([1_790_000_000_123_456_789, None], pa.timestamp("ns", tz="UTC")),
            "units": pa.array([Decimal("1.50"), Decimal(2)], pa.decimal128(20, 2)),
            "noise": [0.5, 0.25],
        },
    )
    names = {"id": "request", "occurred_at": "at", "quantity": "units"}
    found = read(path, Columns(names=names, customer="acme", type="r"))
    assert [line for line, _ in found] == [1, 2]
    events = [parse_event(tree, received_at=AT) for _, tree in found]
    assert [event.properties for event in events] == [{"quantity": Decimal("1.5")}, {"quantity": 2}]
    assert events[0].occurred_at.microsecond == 123456


def test_binary_fractions_and_no_parquet_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"id": ["1"], "q": [0.1]})
    with pytest.raises(InvalidUsage, match="binary fractions in the column 'q'"):
        read(path, Columns(customer="acme", type="r"))
    with pytest.raises(InvalidUsage, match="cannot be read as Parquet"):
        read(written(tmp_path / "b.parquet", b"no parquet at all"))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"", "the suffix is one of .jsonl, .ndjson, .csv, .parquet"),
        ("none.csv", None, "no such file"),
        ("utf16.jsonl", GOOD.encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidUsage) as refused:
        read(path)
    assert told in str(refused.value)


def test_formats_are_told_by_the_suffix() -> None:
    assert [event_format(name) for name in ("a.CSV", "b.jsonl.gz", "c.ndjson", "d.parquet")] == [
        "csv",
        "jsonl",
        "jsonl",
        "parquet",
    ]


def test_a_stream_is_read_without_an_end_and_without_memory() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = (GOOD + "\n").encode()
            count = len(buffer) // len(line) * len(line)
            buffer[:count] = line * (count // len(line))
            return count

    stream = io.BufferedReader(Endless(), 100_000)
    with EventFile("stdin", form="jsonl", stream=stream) as file:
        tracemalloc.start()
        count = sum(1 for _ in itertools.islice(file, 50_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (count, peak < 2_000_000) == (50_000, True)
    with pytest.raises(SetupError, match="not open"):
        next(iter(file))
