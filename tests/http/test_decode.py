from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
import zlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.bad_number import BadNumber
from tallystick.errors import BadRequest, InvalidInput, InvalidUsage, PayloadTooLarge
from tallystick.http.decode import (
    MOST_BYTES,
    MOST_EVENTS,
    Form,
    form_of,
    inflated,
    portions_of,
    single,
)

TEN_MB = 10_000_000
SIXTY_FOUR_MB = 64_000_000


def read(body: bytes, form: Form = "json") -> list[Any]:
    return [tree for portion in portions_of(body, form) for tree in portion]


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("", "json"),
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ("application/cloudevents+json; charset=utf-8", "json"),
        ("application/cloudevents-batch+json", "json"),
        ("application/x-ndjson", "lines"),
        ("application/jsonl", "lines"),
    ],
)
def test_the_content_type_tells_the_form(content_type: str, form: str) -> None:
    assert form_of(content_type) == form


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "json", "application/json; charset=utf-16"],
)
def test_another_content_type_is_refused_with_what_is_read(content_type: str) -> None:
    with pytest.raises(BadRequest, match="is not read here; send"):
        form_of(content_type)


def test_gzip_is_unpacked_also_where_it_comes_in_several_members() -> None:
    packed = gzip.compress(b'[{"a":1},', mtime=0) + gzip.compress(b'{"a":2}]')
    assert inflated(packed, "gzip") == b'[{"a":1},{"a":2}]'
    assert inflated(b"[]", "") == inflated(b"[]", "identity") == b"[]"


@pytest.mark.parametrize("body", [b"[]", gzip.compress(b"[]", mtime=0)[:-3], zlib.compress(b"[]")])
def test_what_is_not_whole_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="gzip"):
        inflated(body, "gzip")


def test_another_coding_is_refused() -> None:
    with pytest.raises(BadRequest, match="'br' is not read"):
        inflated(b"[]", "br")


def test_a_zip_bomb_is_unpacked_no_further_than_the_bound() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"0" * 1_000_000) for _ in range(150)) + packer.flush()
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    with pytest.raises(PayloadTooLarge, match="unpacks to more than"):
        inflated(bomb, "gzip")
    assert tracemalloc.get_traced_memory()[1] < SIXTY_FOUR_MB
    tracemalloc.stop()


def test_many_small_members_are_bounded_together() -> None:
    with pytest.raises(PayloadTooLarge):
        inflated(gzip.compress(b"0" * 60, mtime=0) * 2, "gzip", most=100)


# --- documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "trees"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b'{"a":1}', [{"a": 1}]),
        (b' \n[{"a":1}, {"a":2}]\n', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf[{"a":1}]', [{"a": 1}]),
        (b'[{"a":"],[{\\"\\\\"}]', [{"a": '],[{"\\'}]),
    ],
)
def test_one_event_or_a_list_is_read(body: bytes, trees: list[object]) -> None:
    assert read(body) == trees


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b'"x"',
        b"[",
        b'[{"a":1}',
        b'[{"a":1},]',
        b"[,]",
        b"[{}] x",
        b"[{}]]",
        b'[{"a":tru}}',
        b"[" * 100_000,
        "[{}]".encode("utf-16"),
        b"<events/>",
    ],
)
def test_what_is_no_event_and_no_list_is_refused_whole(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="no event and no list of events"):
        read(body)


def test_a_single_event_is_told_from_a_list() -> None:
    assert single(b' {"a":1}', "json")
    assert not single(b'[{"a":1}]', "json")
    assert not single(b'{"a":1}', "lines")


def test_lines_are_read_one_by_one_and_blank_ones_do_not_count() -> None:
    read_lines = read(b'{"a":1}\r\n\n  \n{bad\n{"a":2}', "lines")
    assert read_lines[0] == {"a": 1}
    assert isinstance(read_lines[1], InvalidUsage)
    assert read_lines[2] == {"a": 2}


# --- events ---------------------------------------------------------------------------------------


def test_numbers_are_read_from_their_tokens_and_never_through_a_float() -> None:
    (tree,) = read(
        b'[{"a":0.1,"b":1.10,"c":12345678901234567890123,"d":-3,"e":100000000.000000001}]'
    )
    assert str(tree["a"]) == "0.1"
    assert str(tree["b"]) == "1.10"
    assert tree["c"] == 12345678901234567890123
    assert tree["d"] == -3
    assert tree["e"] == Decimal("100000000.000000001")


@pytest.mark.parametrize("token", ["1e5", "1E5", "1e999999", "-1e-400", "1." + "1" * 5000])
def test_a_number_that_is_not_plain_is_kept_as_bad(token: str) -> None:
    (tree,) = read(f'[{{"a":{token}}}]'.encode())
    assert isinstance(tree["a"], BadNumber)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_word_for_costs_only_its_own_event(word: str) -> None:
    first, second = read(f'[{{"a":{word},"b":"{word}"}},{{"a":1}}]'.encode())
    assert first == {"a": BadNumber(word, "is not a finite number"), "b": word}
    assert second == {"a": 1}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"a":tru}',
        b'{"a":1 "b":2}',
        b'{"a":01}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\ud800x"}',
        b'{"a":"\\x"}',
        b"{'a':1}",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a" :1,"a"\t:2}',
        b'{"\\u0061":1,"a":2}',
        b"[" * 90_000 + b"]" * 90_000,
    ],
    ids=range(14),
)
def test_a_bad_event_takes_no_good_one_with_it(bad: bytes) -> None:
    first, second, third = read(b'[{"a":1},' + bad + b',{"a":"\xc3\xa9"}]')
    assert first == {"a": 1}
    assert isinstance(second, InvalidUsage)
    assert second.code == "VALIDATION_ERROR"
    assert third == {"a": "é"}


def test_a_text_that_looks_like_a_key_is_a_text() -> None:
    body = b'[{"a":": x","b":"say \\":\\" twice","c":" : "}]'
    assert read(body) == [{"a": ": x", "b": 'say ":" twice', "c": " : "}]


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=6),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-(10**20), 10**20),
                st.text(max_size=12),
                st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=3),
            ),
            max_size=5,
        ),
        max_size=6,
    ),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_what_another_writer_wrote_is_read_as_it_was_meant(
    trees: list[dict[str, object]], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(trees, ensure_ascii=ascii_only, indent=indent)
    assert read(text.encode()) == trees
    # The careful way, taken by long bodies and by those with a bad event, cuts at the same places.
    mixed = f"{text[:-1]}{',' if trees else ''}tru]"
    assert read(mixed.encode())[:-1] == trees


@given(st.binary(max_size=60))
def test_no_bytes_at_all_raise_anything_but_a_refusal(noise: bytes) -> None:
    for body in (noise, b"[" + noise + b"]", b'[{"a":' + noise + b"}]"):
        for form in ("json", "lines"):
            with contextlib.suppress(InvalidInput):
                assert isinstance(read(body, form), list)


# --- bounds ---------------------------------------------------------------------------------------


def test_ten_thousand_events_are_taken_and_one_more_is_not() -> None:
    event = b'{"id":"x"}'
    assert len(read(b"[" + b",".join([event] * MOST_EVENTS) + b"]")) == MOST_EVENTS
    for size in (event, b'{"id":"' + b"x" * 300 + b'"}'):
        body = b",".join([size] * (MOST_EVENTS + 1))
        with pytest.raises(PayloadTooLarge, match="more than 10,000 events"):
            read(b"[" + body + b"]")
        with pytest.raises(PayloadTooLarge, match="more than 10,000 events"):
            read(body.replace(b"},{", b"}\n{"), "lines")


def test_a_long_list_is_cut_as_a_short_one_is() -> None:
    events = [{"id": f"é{n}", "properties": {"a": "],[", "n": n}} for n in range(9_000)]
    body = json.dumps(events, ensure_ascii=False).encode()
    assert len(body) > 300_000
    assert read(body) == events


def test_an_event_with_more_values_than_any_is_refused_unread() -> None:
    crowded = json.dumps([{"properties": {f"p{n}": n for n in range(20_000)}}, {"id": "x"}])
    first, second = read(crowded.encode())
    assert isinstance(first, InvalidUsage)
    assert "more than 100 values" in str(first)
    assert second == {"id": "x"}


def test_the_largest_event_there_may_be_is_read() -> None:
    event = {"properties": {f"{n:0>99}é": "😀" * 1000 for n in range(50)}}
    assert read(json.dumps([event]).encode()) == [event]


@pytest.mark.parametrize(
    ("piece", "frame"),
    [
        (b"0,", b"[%s0]"),
        (b"{},", b"[%s{}]"),
        (b"[],", b"[%s0]"),
        (b'"",', b"[%s0]"),
        (b'""', b"[%s]"),
        (b'\\"', b'["%s'),
        (b"NaN,", b"[%s0]"),
        (b"{", b"[%s"),
        (b"0,", b'[{"a":{"b":[%s0]}}]'),
        (b'{"a":1},', b'[{"a":{"b":[%s0]}}]'),
        (b"NaN", b"[%s]"),
        (b"9", b'[{"a":%s}]'),
        (b"9", b'[{"a":0.%s}]'),
        (b"x", b'[{"a":"%s"}]'),
        (b"\\ud83d\\ude00", b'[{"a":"%s"}]'),
        (b" ", b"%s"),
        (b"\n", b"%s"),
    ],
    ids=range(17),
)
def test_no_body_of_ten_megabytes_takes_64_of_memory(piece: bytes, frame: bytes) -> None:
    body = frame % (piece * ((TEN_MB - 60) // len(piece)))
    assert len(body) <= MOST_BYTES
    tracemalloc.start()
    for form in ("json", "lines"):
        try:
            for _ in portions_of(body, form):
                pass
        except (InvalidInput, PayloadTooLarge):
            pass
    assert tracemalloc.get_traced_memory()[1] < SIXTY_FOUR_MB - TEN_MB
    tracemalloc.stop()
