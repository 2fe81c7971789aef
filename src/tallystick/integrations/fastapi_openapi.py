"""The answers of gates in a host's own OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Shown", "describe_gates"]

_MARK: Final = "tallystick-gate-"
_WORDS: Final = {
    "401": "Not signed in.",
    "402": "The plan includes it once something is paid.",
    "403": "The plan does not include it, or a scope is missing.",
    "429": "A limit is reached: `limit`, `used`, `resets_at` and `upgrade_to` say more.",
}
_RETRY: Final = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
}
_SCHEMA: Final = "TallystickError"
_ENVELOPE: Final = {
    "type": "object",
    "required": ["ok", "error"],
    "properties": {
        "ok": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        },
    },
}


class Shown(SecurityBase):
    """A mark on the routes behind a gate, which FastAPI carries into its document.

    FastAPI lets a dependency say nothing of the answers it may give, but for security schemes.
    """

    def __init__(self, statuses: tuple[int, ...]) -> None:
        """Mark a route with the statuses of its gate."""
        self.scheme_name = _MARK + "-".join(map(str, statuses))
        self.model = APIKey.model_validate({"in": APIKeyIn.header, "name": "unused"})

    def __call__(self) -> None:
        """Ask nothing."""


def describe_gates(app: FastAPI) -> None:
    """Have a program's OpenAPI show what its gates answer."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        components = document.get("components", {})
        schemes = components.get("securitySchemes", {})
        marks = {name for name in schemes if name.startswith(_MARK)}
        if marks:
            _answer_marks(document, marks)
            for mark in marks:
                del schemes[mark]
            if not schemes:
                del components["securitySchemes"]
            components.setdefault("schemas", {})[_SCHEMA] = _ENVELOPE
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own documentation has it


def _answer_marks(document: dict[str, Any], marks: set[str]) -> None:
    for path in document.get("paths", {}).values():
        for operation in path.values():
            asked = operation.get("security", []) if isinstance(operation, dict) else []
            met = {name for each in asked for name in each if name in marks}
            if not met:
                continue
            kept = [each for each in asked if not marks.intersection(each)]
            operation.pop("security")
            if kept:
                operation["security"] = kept
            for status in sorted({word for mark in met for word in mark[len(_MARK) :].split("-")}):
                operation["responses"].setdefault(status, _response(status))


def _response(status: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_SCHEMA}"}
    answer: dict[str, Any] = {
        "description": _WORDS[status],
        "content": {"application/json": {"schema": schema}},
    }
    return {**answer, "headers": _RETRY} if status == "429" else answer
