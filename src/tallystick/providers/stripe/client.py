"""The official SDK, opened our way, and its errors as ours.

One question is asked once: what is asked again is asked by us, with the same key.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tallystick.errors import Conflict, MissingExtra, NotFound, OutcomeUnknown, SetupError

try:
    import stripe
except ImportError as error:
    raise MissingExtra("selling through Stripe", "stripe") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.providers.stripe.settings import StripeSettings

__all__ = ["API_VERSION", "open_client", "our_errors", "was_stored"]

API_VERSION: Final = "2026-10-28.endive"
"""The version of Stripe's API that is spoken, whatever the account's default is."""

_CONNECT_SECONDS: Final = 10
_ANSWER_SECONDS: Final = 80
_IN_USE: Final = 409
_SERVER_ERROR: Final = 500
_LONGEST: Final = 500


def open_client(settings: StripeSettings) -> stripe.StripeClient:
    """Give a client of the account; nothing is asked yet.  Any number of threads may use it."""
    return stripe.StripeClient(
        settings.key,
        stripe_version=API_VERSION,
        base_addresses={} if settings.address is None else {"api": settings.address},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS)),
    )


@contextmanager
def our_errors(kind: str = "object of Stripe", named: str = "") -> Iterator[None]:
    """Raise our errors for what the SDK raises within the block; `kind` and `named` say of what.

    A refused card is left as it is (`stripe.CardError`): to whoever collects it is an answer.

    Raises OutcomeUnknown where no answer came, or one that leaves it open; SetupError for a key
    that is not good; NotFound; Conflict for what Stripe refuses, in its words.
    """
    try:
        yield
    except stripe.CardError:
        raise
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise SetupError(f"Stripe does not take the key for this: {_words(error)}") from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise OutcomeUnknown(f"Stripe did not answer: {_words(error)}") from error
    except stripe.StripeError as error:
        status = error.http_status
        if status is None or status == _IN_USE or status >= _SERVER_ERROR:
            raise OutcomeUnknown(f"Stripe did not answer: {_words(error)}") from error
        if error.code == "resource_missing":
            raise NotFound(kind, named) from error
        raise Conflict(f"Stripe refused it: {_words(error)}", provider_code=error.code) from error


def was_stored(silence: OutcomeUnknown) -> bool:
    """Tell whether a silence is an error that Stripe keeps for the key, and told once before."""
    error = silence.__cause__
    headers = (error.headers or {}) if isinstance(error, stripe.StripeError) else {}
    return any(
        name.lower() == "idempotent-replayed" and value == "true" for name, value in headers.items()
    )


def _words(error: stripe.StripeError) -> str:
    return str(error.user_message or error)[:_LONGEST]
