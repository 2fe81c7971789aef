"""A quote as one line of text, signed, so that it can be accepted at its very price.

It travels with whoever was quoted; nothing of it is stored.  Who cannot sign cannot change a figure
of it, and past its end it is worth nothing.  Key and time are arguments: this module has neither.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Final

from tallystick.core.period import instant_text
from tallystick.core.quote import Quote
from tallystick.core.trees import bytes_of, value_of
from tallystick.errors import InvalidInput, QuoteExpired, SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.period import Instant

__all__ = ["SHORTEST_KEY", "read_quote", "sign_quote"]

SHORTEST_KEY: Final = 32
"""A signing key has at least so many bytes."""

_MARK: Final = "tsq1"
_LONGEST: Final = 200_000  # characters: a quote of some hundred lines
_CONTEXT: Final = b"tallystick quote 1\n"  # a key may sign other things too


def sign_quote(quote: Quote, key: bytes) -> str:
    """Give a quote as one line of text, signed with HMAC-SHA256.

    Raises SetupError for a key of less than 32 bytes, InvalidInput for a quote that is too long.
    """
    body = bytes_of(quote)
    text = f"{_MARK}.{_letters(body)}.{_letters(_signature(body, key))}"
    if len(text) > _LONGEST:
        raise InvalidInput("a quote of so many lines cannot be signed: sell it in parts")
    return text


def read_quote(
    text: object, keys: Sequence[bytes], at: Instant, *, customer: str | None = None
) -> Quote:
    """Give the quote that one of the keys signed; several, so that keys can change.

    Raises InvalidInput for what none of them signed and for another `customer`'s, whatever is
    wrong with it; QuoteExpired from its end on; SetupError for a key of less than 32 bytes.
    """
    body = _signed_body(text, keys)
    quote = None if body is None else value_of(Quote, json.loads(body))
    if quote is None or customer not in {None, quote.customer}:
        words = "is no quote of ours: send it as it was given, or ask for a new one"
        raise InvalidInput(f"this {words}", {"quote": [words]})
    if at >= quote.expires_at:
        end = instant_text(quote.expires_at)
        words = f"quote {quote.id!r} was good until {end}: ask for a new one"
        raise QuoteExpired(words, expired_at=end)
    return quote


def _signed_body(text: object, keys: Sequence[bytes]) -> bytes | None:
    if not isinstance(text, str) or len(text) > _LONGEST or not text.isascii():
        return None
    mark, _, rest = text.partition(".")
    letters, _, signature = rest.partition(".")
    body, given = _bytes(letters), _bytes(signature)
    if mark != _MARK or body is None or given is None:
        return None
    good = [hmac.compare_digest(_signature(body, key), given) for key in keys]
    return body if any(good) else None


def _signature(body: bytes, key: bytes) -> bytes:
    if not isinstance(key, bytes) or len(key) < SHORTEST_KEY:
        raise SetupError(f"a key that signs quotes is {SHORTEST_KEY} secret bytes or more")
    return hmac.digest(key, _CONTEXT + body, hashlib.sha256)


def _letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(letters: str) -> bytes | None:
    """Read letters; only the one spelling of some bytes is read."""
    try:
        raw = base64.b64decode(letters + "=" * (-len(letters) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _letters(raw) == letters else None
