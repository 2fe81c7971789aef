"""A page of a list."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tallystick.core.page import Page, page_size
from tallystick.errors import InvalidInput


@pytest.mark.parametrize("limit", [1, 20, 100])
def test_a_page_has_one_to_a_hundred_items(limit: int) -> None:
    assert page_size(limit) == limit


@pytest.mark.parametrize(
    "limit", [0, -1, 101, pytest.param(10**5000, id="huge"), True, "5", None, Decimal(5)]
)
def test_another_size_is_refused(limit: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        page_size(limit)
    assert list(caught.value.fields) == ["limit"]


def test_a_page_is_iterated_and_counted() -> None:
    page = Page((1, 2), "2")
    assert list(page) == [1, 2]
    assert len(page) == 2
