"""The pieces that every route of the description is put together from."""

from __future__ import annotations

from typing import Any

__all__ = ["errors_of", "json_of"]


def errors_of(*statuses: int) -> dict[str, Any]:
    """Give the answers of failures: references to what is described once."""
    return {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in statuses}


def json_of(schema: str) -> dict[str, Any]:
    """Give the content of an answer whose shape is described under that name."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
