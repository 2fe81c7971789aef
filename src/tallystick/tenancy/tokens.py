"""Signed tokens of the host (JWT): checked before a word of them is believed.

Needs the extra `jwt`.  What is refused is answered 401 without saying why; why is in the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.period import LAST_YEAR
from tallystick.errors import MissingExtra, SetupError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["ALGORITHMS", "Jwt"]

ALGORITHMS: Final[Mapping[str, frozenset[str]]] = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "EC": frozenset({"ES256", "ES384", "ES512"}),
    "OKP": frozenset({"Ed25519", "EdDSA"}),
    "oct": frozenset({"HS256", "HS384", "HS512"}),
}
"""The algorithms that a key of each type may be used with; `none` is with no key."""

_HEADERS: Final = frozenset({"alg", "kid", "typ"})  # no jku, x5u, jwk, crit: they choose the key
_LARGEST: Final = 65_536
_LEAST_SECRET: Final = 256  # bits
_END: Final = (LAST_YEAR - 1970) * 366 * 86_400  # no token is good for longer than time is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwt:
    """How a token is checked: by which keys, each for one algorithm, by whom issued, and for whom.

    `keys` are JWKs or a JWK Set as in JSON: each has an `alg`, and where there are several each has
    a `kid`.  A token needs `exp`, and the `issuer` and `audience` that stand here.  `claim` names
    the tenant.  A token of more than `most_bytes` is refused unread; `leeway` is in seconds.

    Raises SetupError for keys that cannot be used, MissingExtra without joserfc.
    """

    keys: Mapping[str, Any] = field(repr=False)
    issuer: str
    audience: str
    claim: str = "tenant_id"
    leeway: int = 0
    most_bytes: int = 8_192
    _known: dict[str | None, tuple[str, Any]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Read the keys now rather than with the first request."""
        for name in ("issuer", "audience", "claim"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise SetupError(f"jwt: {name} is a text that is not empty")
        if type(self.leeway) is not int or not 0 <= self.leeway <= 300:  # noqa: PLR2004 - 5 minutes
            raise SetupError("jwt: leeway is a whole number of seconds from 0 to 300")
        if type(self.most_bytes) is not int or not 1 <= self.most_bytes <= _LARGEST:
            raise SetupError(f"jwt: most_bytes is a whole number from 1 to {_LARGEST}")
        self._known.update(_read_keys(self.keys))

    def read(self, token: str, at: datetime) -> Mapping[str, Any]:
        """Check a token at an instant and give its claims.  Raises Unauthorized."""
        try:
            return _claims(self, token, at)
        except _Refused as refused:
            raise Unauthorized("the token is not accepted; sign in again") from refused


class _Refused(Exception):
    """Why a token is refused: for the log."""


def _read_keys(keys: Mapping[str, Any]) -> dict[str | None, tuple[str, Any]]:
    try:
        from joserfc.jwk import import_key  # noqa: PLC0415 - an extra, asked for where it is used
    except ImportError:
        raise MissingExtra("reading tokens", "jwt") from None
    written = keys.get("keys") if isinstance(keys, dict) and "keys" in keys else [keys]
    if not isinstance(written, list) or not written:
        raise SetupError("jwt: keys is a JWK, or a JWK Set with at least one key")
    known: dict[str | None, tuple[str, Any]] = {}
    for place, each in enumerate(written, 1):
        if not isinstance(each, dict) or each.get("alg") not in ALGORITHMS.get(
            str(each.get("kty")), frozenset()
        ):
            raise SetupError(
                f"jwt: key {place} needs an `alg` of those that its `kty` signs with: a key is for "
                "one algorithm"
            )
        kid = each.get("kid")
        if (kid is None and len(written) > 1) or kid in known:
            raise SetupError(f"jwt: key {place} needs a `kid` of its own, as there are several")
        if each["kty"] == "oct" and len(str(each.get("k"))) * 6 < _LEAST_SECRET:  # base64
            raise SetupError(f"jwt: key {place} is shorter than {_LEAST_SECRET} bits")
        try:
            known[kid] = each["alg"], import_key(each)
        except Exception as error:  # noqa: BLE001 - its text could hold a part of the key
            raise SetupError(f"jwt: key {place} is no key ({type(error).__name__})") from None
    return known


def _claims(jwt: Jwt, token: str, at: datetime) -> Mapping[str, Any]:
    from joserfc import jws  # noqa: PLC0415 - an extra, asked for where it is used
    from joserfc import jwt as reading  # noqa: PLC0415 - the same
    from joserfc.errors import JoseError  # noqa: PLC0415 - the same

    if len(token) > jwt.most_bytes or not token.isascii():
        raise _Refused("it is too long, or has other signs than a token")
    try:
        header = jws.extract_compact(token.encode()).headers()
        algorithm, key = _key_for(jwt, header)
        registry = jws.JWSRegistry(algorithms=[algorithm])
        registry.max_payload_length = registry.max_header_length = jwt.most_bytes
        claims = reading.decode(token, key, algorithms=[algorithm], registry=registry).claims
        reading.JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=jwt.leeway,
            iss={"essential": True, "value": jwt.issuer},
            aud={"essential": True, "value": jwt.audience},
            exp={"essential": True},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise _Refused(type(error).__name__) from None
    if type(claims["exp"]) is bool or not 0 < claims["exp"] <= _END:
        raise _Refused("it never expires")
    return claims


def _key_for(jwt: Jwt, header: Mapping[str, Any]) -> tuple[str, Any]:
    """Give the key that a token names, of those we know, and the one algorithm it is for."""
    strange = sorted(set(map(str, header)) - _HEADERS)
    if strange:
        raise _Refused(f"its header says {strange[0][:20]!r}")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise _Refused("its kid is no text")
    known = jwt._known  # noqa: SLF001 - its own
    found = next(iter(known.values())) if kid is None and len(known) == 1 else known.get(kid)
    if found is None:
        raise _Refused("it names no key of ours")
    if header.get("alg") != found[0]:
        raise _Refused("its algorithm is not the one of the key")
    return found
