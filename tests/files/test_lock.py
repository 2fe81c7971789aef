"""Lock files beside the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tallystick.core.lock import Lock, LockedPrice
from tallystick.errors import InvalidCatalog, InvalidInput, SetupError
from tallystick.files import lock_path, read_lock, write_lock

LOCK = Lock(
    provider="stripe",
    environment="test",
    prices={
        "z": LockedPrice(provider_id="price_2"),
        "a": LockedPrice(provider_id="price_é", interval="month", amount=999, currency="USD"),
    },
)
TEXT = """{
  "environment": "test",
  "prices": {
    "a": {
      "amount": 999,
      "currency": "USD",
      "interval": "month",
      "provider_id": "price_é"
    },
    "z": {
      "provider_id": "price_2"
    }
  },
  "provider": "stripe",
  "version": 1
}
"""


def test_a_lock_stands_beside_its_catalog() -> None:
    assert lock_path("shop/billing.toml", "test") == Path("shop/billing.test.lock.json")
    with pytest.raises(InvalidInput):
        lock_path("shop/billing.toml", "../../etc/passwd")


def test_what_is_written_is_stable_and_read_back(tmp_path: Path) -> None:
    path = lock_path(tmp_path / "billing.toml", "test")
    assert read_lock(path) is None
    write_lock(path, LOCK)
    assert path.read_text(encoding="utf-8") == TEXT
    assert read_lock(path) == LOCK
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_writing_again_replaces_the_file_also_through_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    link = tmp_path / "billing.test.lock.json"
    real.write_text("old", encoding="utf-8")
    link.symlink_to(real)
    write_lock(link, LOCK)
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == TEXT


def test_a_write_that_fails_leaves_the_old_lock(tmp_path: Path) -> None:
    path = tmp_path / "billing.test.lock.json"
    path.mkdir()
    with pytest.raises(SetupError, match="nothing was changed"):
        write_lock(path, LOCK)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    with pytest.raises(SetupError, match="no such file"):
        write_lock(tmp_path / "nowhere" / "a.json", LOCK)


def test_a_lock_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    for price in (
        LockedPrice(provider_id="x", amount=-1, currency="usd"),
        LockedPrice(provider_id="half \ud800"),
        LockedPrice(provider_id="x", amount=10**40, currency="USD"),
    ):
        broken = Lock(provider="stripe", environment="test", prices={"a": price})
        with pytest.raises(InvalidCatalog):
            write_lock(tmp_path / "a.json", broken)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_for_another_environment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "billing.production.lock.json"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(InvalidCatalog, match="the file's name says 'production'"):
        read_lock(path)
    with pytest.raises(InvalidCatalog):
        write_lock(path, LOCK)


def test_problems_have_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "billing.test.lock.json"
    path.write_text(TEXT.replace("999", "9.99").replace('"USD"', '"usd"'), encoding="utf-8")
    with pytest.raises(InvalidCatalog) as caught:
        read_lock(path)
    found = {problem.path: problem.line for problem in caught.value.problems}
    assert found == {"prices.a.amount": 5, "prices.a.currency": 6}


@pytest.mark.parametrize("text", ["", "[", "[]", '{"a":1,"a":2}', "[" * 100_000, "\0"])
def test_a_broken_lock_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "billing.test.lock.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidCatalog):
        read_lock(path)
