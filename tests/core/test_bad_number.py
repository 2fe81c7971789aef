"""A number that was not read."""

from __future__ import annotations

from tallystick.core.bad_number import BadNumber


def test_it_tells_the_token_and_the_reason_as_one_clause() -> None:
    assert str(BadNumber("1e3", "has an exponent")) == "'1e3' has an exponent"
