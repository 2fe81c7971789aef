"""Declared attributes."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.rules import DEFAULT_SCHEMA, Schema
from tallystick.errors import InvalidInput


def test_more_attributes_can_be_declared() -> None:
    schema = Schema({"seats": "number", "org.*": "boolean", "org.size": "number"})
    assert schema.find("seats") == ("seats", "number")
    assert schema.find("org.size") == ("org.size", "number")
    assert schema.find("org.a.b") == ("org.a.b", "boolean")
    assert schema.find("org") is None
    assert schema.find("seats.") is None
    assert schema.find("x" * 1_000_000) is None
    assert DEFAULT_SCHEMA.find("customer.metadata.camelKey") == (
        "customer.metadata.camelKey",
        "text",
    )


def test_a_declaration_must_be_a_name_and_a_kind() -> None:
    wrong: dict[Any, Any] = {
        "Customer": "text",
        "a..b": "text",
        "seats": "int",
        10**5000: "text",
    }
    with pytest.raises(InvalidInput) as caught:
        Schema(wrong)
    assert set(caught.value.fields) == {"Customer", "a..b", "seats", "a number"}


def test_a_built_in_attribute_keeps_its_kind() -> None:
    assert DEFAULT_SCHEMA.declaring({"customer.id": "text"}) == DEFAULT_SCHEMA
    with pytest.raises(InvalidInput, match=r"declared twice: customer\.id"):
        DEFAULT_SCHEMA.declaring({"customer.id": "number"})
