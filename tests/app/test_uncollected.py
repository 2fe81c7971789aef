"""While a batch runs there is no search for cycles; afterwards it is as it was."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from tallystick.app.billing import run_billing
from tallystick.app.uncollected import uncollected
from tests.app.metered import START, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.storage.unit import Storage


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    searches = gc.isenabled()
    yield
    (gc.enable if searches else gc.disable)()


def test_it_is_off_inside_and_on_again_also_after_an_error() -> None:
    gc.enable()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="x"), uncollected():
        raise ValueError("x")
    assert gc.isenabled()


def test_whoever_has_turned_it_off_finds_it_off() -> None:
    gc.disable()
    with uncollected():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_a_run_leaves_it_on_between_its_batches(storage: Storage) -> None:
    gc.enable()
    shop = Shop(storage)
    shop.subscribe("calls", START)
    seen: list[bool] = []
    run_billing(shop.storage, START, tell=lambda _: seen.append(gc.isenabled()))
    assert seen
    assert all(seen)
    assert gc.isenabled()
