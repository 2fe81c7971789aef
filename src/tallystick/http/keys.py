"""The plain API keys that guard usage, until the service has keys with roles.

A key is kept as its SHA-256 only: it stands in no log, no error and no repr.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

from tallystick.errors import SetupError

__all__ = ["VARIABLE", "Keys"]

VARIABLE: Final = "TALLYSTICK_API_KEY"
"""The environment variable that holds the keys, separated by commas."""

_SCHEME: Final = b"bearer"


class Keys:
    """The keys of which a caller needs one; none at all admits nobody."""

    __slots__ = ("_digests",)

    def __init__(self, text: str = "") -> None:
        """Take keys separated by commas; blanks around them do not count.

        Raises SetupError for a key that no header can carry.
        """
        keys = [key for part in text.split(",") if (key := part.strip())]
        for place, key in enumerate(keys, 1):
            if not key.isascii() or not key.isprintable() or " " in key:
                raise SetupError(
                    f"key {place} of {VARIABLE} has blanks or signs that no header can carry: "
                    "make one with `openssl rand -hex 32`"
                )
        self._digests = frozenset(sha256(key.encode()).digest() for key in keys)

    def __bool__(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._digests)

    def __repr__(self) -> str:
        """Show how many there are, and nothing of them."""
        return f"<{len(self._digests)} API keys>"

    def admits(self, authorization: bytes) -> bool:
        """Whether the value of an `Authorization` header is `Bearer` and one of the keys.

        Each key is compared, in a time that says nothing about how much of it was right.
        """
        scheme, _, key = authorization.strip().partition(b" ")
        sent = sha256(key.strip()).digest()
        found = False
        for digest in self._digests:
            found |= hmac.compare_digest(sent, digest)
        return found and scheme.lower() == _SCHEME
