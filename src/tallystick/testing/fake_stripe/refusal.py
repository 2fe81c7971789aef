"""What the fake Stripe refuses, in the form in which Stripe says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Refused", "missing", "unsupported"]

_NOT_SUPPORTED = 501


class Refused(Exception):
    """A call that is answered by an error: its status, and the `error` of its body."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the parts of Stripe's error object; `more` are those of a declined card."""
        super().__init__(message)
        self.status = status
        named = {"type": kind, "message": message, "code": code, "param": param, **(more or {})}
        self.error = {name: value for name, value in named.items() if value is not None}

    def body(self) -> dict[str, Any]:
        """Give the body that Stripe would answer with."""
        return {"error": self.error}


def missing(kind: str, wanted: str, param: str, status: int = 404) -> Refused:
    """Say that there is no such object; 404 in a path, 400 in a parameter."""
    noun = kind.replace(".", " ").replace("_", " ")
    text = f"No such {noun}: '{wanted}'"
    return Refused(text, code="resource_missing", param=param, status=status)


def unsupported(call: str) -> Refused:
    """Say by its name that the fake has not this call or this part: never an invented 200."""
    text = f"The fake Stripe does not support {call}."
    return Refused(text, code="not_supported_by_fake", status=_NOT_SUPPORTED, kind="api_error")
