"""A quota and what was used of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.entitlement import Unlimited
from tallystick.core.quota import Quota
from tallystick.errors import InvalidUsage


@pytest.mark.parametrize(
    ("units", "used", "exhausted", "overage", "remaining"),
    [
        ("100", "40", False, "0", "60"),
        ("100", "99.5", False, "0", "0.5"),
        ("100", "100", True, "0", "0"),
        ("100", "101", True, "1", "0"),
        ("100", "250", True, "150", "0"),
        ("0", "0", True, "0", "0"),
    ],
)
def test_a_quota_is_exhausted_where_it_is_reached(
    units: str, used: str, overage: str, remaining: str, *, exhausted: bool
) -> None:
    quota = Quota(Decimal(units), Decimal(used))
    assert quota.exhausted is exhausted
    assert (quota.overage, quota.remaining) == (Decimal(overage), Decimal(remaining))


def test_without_limit_nothing_is_ever_exhausted() -> None:
    quota = Quota(Unlimited(), Decimal(10**12))
    assert (quota.exhausted, quota.overage, quota.remaining) == (False, 0, None)


@pytest.mark.parametrize(
    "parts",
    [(Decimal(-1), Decimal(0)), (Decimal(1), Decimal(-1)), (Decimal("NaN"), Decimal(0)), (1.5, 0)],
)
def test_what_is_no_quota_is_refused(parts: Any) -> None:
    with pytest.raises(InvalidUsage):
        Quota(*parts)
