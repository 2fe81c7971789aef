"""What the SDK raises, as ours: what leaves it open is silence, and only that."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tallystick.errors import Conflict, NotFound, OutcomeUnknown, SetupError
from tallystick.providers.stripe.client import our_errors, was_stored

sdk: Any = stripe  # its errors have no types
REPLAYED = {"Idempotent-Replayed": "true"}


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (sdk.APIConnectionError("cut"), OutcomeUnknown),
        (sdk.RateLimitError("slow down", http_status=429), OutcomeUnknown),
        (sdk.APIError("broken", http_status=500), OutcomeUnknown),
        (sdk.APIError("no status"), OutcomeUnknown),
        (sdk.IdempotencyError("the key is in use", http_status=409), OutcomeUnknown),
        (sdk.IdempotencyError("another question", http_status=400), Conflict),
        (sdk.InvalidRequestError("no", param="x", http_status=400), Conflict),
        (
            sdk.InvalidRequestError("none", param="id", code="resource_missing", http_status=404),
            NotFound,
        ),
        (sdk.AuthenticationError("whose?", http_status=401), SetupError),
        (sdk.PermissionError("not you", http_status=403), SetupError),
    ],
    ids=lambda each: getattr(each, "__name__", None) or f"{type(each).__name__} {each}",
)
def test_each_error_is_one_of_ours(raised: Any, ours: type[Exception]) -> None:
    with pytest.raises(ours) as caught, our_errors("thing", "id"):
        raise raised
    assert caught.value.__cause__ is raised


def test_a_refused_card_is_left_as_it_is() -> None:
    refused = sdk.CardError("declined", param="", code="card_declined", http_status=402)
    with pytest.raises(sdk.CardError) as caught, our_errors():
        raise refused
    assert caught.value is refused


@pytest.mark.parametrize(
    ("raised", "stored"),
    [
        (sdk.APIError("broken", http_status=500, headers=REPLAYED), True),
        (sdk.APIError("broken", http_status=500, headers={"idempotent-replayed": "true"}), True),
        (sdk.APIError("broken", http_status=500), False),
        (sdk.APIConnectionError("cut"), False),
    ],
)
def test_an_error_that_is_told_again_is_known_by_its_header(raised: Any, stored: bool) -> None:
    with pytest.raises(OutcomeUnknown) as caught, our_errors():
        raise raised
    assert was_stored(caught.value) is stored
