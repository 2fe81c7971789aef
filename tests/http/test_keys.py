from __future__ import annotations

import gc
import pickle

import pytest

from tallystick.errors import SetupError
from tallystick.http.keys import Keys

SECRET = "k-1f0a9c7e55d94b6c"


@pytest.mark.parametrize(
    "sent", [f"Bearer {SECRET}", f"bearer {SECRET}", f"BEARER  {SECRET} ", "Bearer other-key"]
)
def test_each_of_several_keys_is_admitted(sent: str) -> None:
    assert Keys(f" {SECRET} ,, other-key").admits(sent.encode())


@pytest.mark.parametrize(
    "sent",
    [
        "",
        SECRET,
        "Bearer",
        "Bearer ",
        f"Basic {SECRET}",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}",
        f"Bearer {SECRET.upper()}",
        f"Bearer {SECRET},other-key",
        f"Bearer{SECRET}",
    ],
)
def test_nothing_else_is(sent: str) -> None:
    assert not Keys(f"{SECRET},other-key").admits(sent.encode())


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_without_a_key_nobody_is_admitted(text: str) -> None:
    keys = Keys(text)
    assert not keys
    assert not keys.admits(b"Bearer ")
    assert not keys.admits(b"")


def test_a_key_is_shown_nowhere() -> None:
    keys = Keys(f"{SECRET},other-key")
    assert repr(keys) == str(keys) == "<2 API keys>"
    gc.collect()
    assert SECRET.encode() not in pickle.dumps(keys, protocol=5)


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\x00b", "a\nb"])
def test_a_key_that_no_header_carries_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SetupError, match="key 2 of TALLYSTICK_API_KEY") as refused:
        Keys(f"good,{key}")
    assert key not in str(refused.value)
