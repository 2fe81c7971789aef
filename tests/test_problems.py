from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tallystick import problems
from tallystick.errors import (
    BadRequest,
    ForbiddenError,
    InvalidCatalog,
    InvalidInput,
    MethodNotAllowed,
    MissingExtra,
    NotFound,
    PayloadTooLarge,
    Problem,
    StorageUnavailable,
    TallystickError,
    UnknownPlan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def kinds(root: type[TallystickError] = TallystickError) -> Iterator[type[TallystickError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def test_every_error_class_has_a_code_with_a_status() -> None:
    assert {kind.code for kind in kinds() if kind.__module__ == "tallystick.errors"} <= set(
        problems.STATUS
    )


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequest("cut short"), 400, "BAD_REQUEST"),
        (ForbiddenError("not yours"), 403, "FORBIDDEN"),
        (UnknownPlan("gold"), 403, "UNKNOWN_PLAN"),
        (NotFound("invoice", "in_1"), 404, "NOT_FOUND"),
        (MethodNotAllowed("no PUT here"), 405, "METHOD_NOT_ALLOWED"),
        (PayloadTooLarge("too much"), 413, "PAYLOAD_TOO_LARGE"),
        (InvalidInput("bad", {"a": ["b"]}), 422, "VALIDATION_ERROR"),
    ],
)
def test_an_error_answers_by_its_code(error: Exception, status: int, code: str) -> None:
    answer = problems.of(error)
    assert answer.status == status
    assert answer.body["ok"] is False
    assert answer.body["error"]["code"] == code
    assert answer.body["error"]["message"] == str(error)


def test_the_envelope_has_its_three_keys_in_order_even_without_details() -> None:
    body = problems.envelope("NOT_FOUND", "no plan 'x'")
    assert json.dumps(body) == (
        '{"ok": false, "error": {"code": "NOT_FOUND", "message": "no plan \'x\'", "details": {}}}'
    )


def test_a_validation_error_always_has_fields() -> None:
    named = InvalidCatalog([Problem("products[0].id", "is empty"), Problem("", "has no name")])
    assert problems.of(named).body["error"]["details"]["fields"] == {
        "products[0].id": ["is empty"],
        "": ["has no name"],
    }
    unnamed = problems.of(InvalidInput("a plan is a table"))
    assert unnamed.body["error"]["details"]["fields"] == {"": ["a plan is a table"]}


class Strange(TallystickError):
    """An error whose code nobody has mapped."""

    code = "STRANGE"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("password=hunter2"),
        KeyError("hunter2"),
        MissingExtra("hunter2", "server"),
        Strange("hunter2"),
        TallystickError("hunter2"),
    ],
)
def test_what_is_not_the_callers_to_cure_leaks_nothing(error: Exception) -> None:
    answer = problems.of(error)
    assert answer.status == 500
    assert answer.body["error"]["code"] == "INTERNAL_ERROR"
    assert "hunter2" not in json.dumps(answer.body)
    assert answer.body["error"]["message"] == problems.NEUTRAL


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BAD_REQUEST"),
        (403, "FORBIDDEN"),
        (404, "NOT_FOUND"),
        (409, "CONFLICT"),
        (415, "BAD_REQUEST"),
        (429, "RATE_LIMITED"),
        (500, "INTERNAL_ERROR"),
        (502, "INTERNAL_ERROR"),
    ],
)
def test_a_bare_status_has_the_plainest_code(status: int, code: str) -> None:
    assert problems.code_for(status) == code


@pytest.mark.parametrize("status", sorted(set(problems.STATUS.values())))
def test_who_may_come_again_is_told_when_and_a_nameless_one_how(status: int) -> None:
    answer = problems.Answer(status, problems.envelope(problems.code_for(status), "no"))
    expected = {"Retry-After": "1"} if status in {429, 503} else {}
    if status == 401:
        expected = {"WWW-Authenticate": "Bearer"}
    assert dict(answer.headers) == expected


def test_a_database_that_is_away_is_worth_another_try() -> None:
    answer = problems.of(StorageUnavailable("the disk is full"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
