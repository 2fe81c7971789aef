"""Signed tokens: what a valid one says, and the attacks on those who read them."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.testclient import TestClient

from tallystick.errors import SetupError, Unauthorized
from tallystick.tenancy import Jwt, TenantMiddleware
from tests.tenancy.shop import AT, app, clock, find

if TYPE_CHECKING:
    from collections.abc import Callable

RSA = RSAKey.generate_key(2048, {"kid": "k1", "alg": "RS256"})
EC = ECKey.generate_key("P-256", {"kid": "k2", "alg": "ES256"})
ANY_ALG = RSAKey.import_key({k: v for k, v in RSA.as_dict(private=True).items() if k != "alg"})
STRANGER = RSAKey.generate_key(2048, {"kid": "k1"})
NOW = int(AT.timestamp())
CLAIMS = {"tenant_id": "acme", "iss": "https://id.test", "aud": "billing", "exp": NOW + 60}
PUBLIC = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}
RULES = Jwt(keys=PUBLIC, issuer="https://id.test", audience="billing")


def signed(claims: dict[str, Any], key: Any = RSA, **header: Any) -> str:
    header = {"alg": "RS256", "kid": "k1", **header}
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jwt.encode(header, claims, key, algorithms=[header["alg"]], registry=registry)


def written(header: dict[str, Any], claims: Any, signature: bytes = b"") -> str:
    """Write a token by hand, as no library would."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    return ".".join(
        [part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature)]
    )


def confused() -> str:
    """Sign with our public key as if it were a shared secret."""
    pem = RSA.as_pem(private=False)
    header, payload, _ = written({"alg": "HS256", "kid": "k1"}, CLAIMS).split(".")
    import hashlib  # noqa: PLC0415 - of this attack alone
    import hmac  # noqa: PLC0415 - the same

    signature = hmac.new(pem, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: written({"alg": "none"}, CLAIMS),
    "alg none with our kid": lambda: written({"alg": "none", "kid": "k1"}, CLAIMS),
    "alg None, cased": lambda: written({"alg": "NoNe", "kid": "k1"}, CLAIMS),
    "alg is a list": lambda: written({"alg": ["RS256"], "kid": "k1"}, CLAIMS),
    "no alg": lambda: written({"kid": "k1"}, CLAIMS),
    "HS256 with the RSA public key": confused,
    "a stranger's key under our kid": lambda: signed(CLAIMS, STRANGER),
    "another algorithm of the same key": lambda: signed(CLAIMS, ANY_ALG, alg="RS512"),
    "a PSS signature by the same key": lambda: signed(CLAIMS, ANY_ALG, alg="PS256"),
    "the kid of a key of another type": lambda: signed(CLAIMS, RSA, kid="k2"),
    "kid is a path": lambda: signed(CLAIMS, RSA, kid="../../../../dev/null"),
    "kid is SQL": lambda: signed(CLAIMS, RSA, kid="x' UNION SELECT 'key"),
    "kid is a URL": lambda: signed(CLAIMS, RSA, kid="https://evil.test/jwks.json"),
    "kid is a number": lambda: written({"alg": "RS256", "kid": 1}, CLAIMS),
    "no kid where there are several": lambda: written({"alg": "RS256"}, CLAIMS),
    "jku": lambda: signed(CLAIMS, RSA, jku="https://evil.test/jwks.json"),
    "x5u": lambda: signed(CLAIMS, RSA, x5u="https://evil.test/cert.pem"),
    "a key in the header": lambda: signed(CLAIMS, STRANGER, jwk=STRANGER.as_dict(private=False)),
    "crit": lambda: signed(CLAIMS, RSA, crit=["b64"], b64=True),
    "no exp": lambda: signed(without("exp")),
    "expired": lambda: signed({**CLAIMS, "exp": NOW}),
    "exp is a text": lambda: signed({**CLAIMS, "exp": "tomorrow"}),
    "exp is true": lambda: signed({**CLAIMS, "exp": True}),
    "exp is NaN": lambda: signed({**CLAIMS, "exp": float("nan")}),
    "exp is infinite": lambda: signed({**CLAIMS, "exp": float("inf")}),
    "exp is huge": lambda: signed({**CLAIMS, "exp": 10**300}),
    "not yet": lambda: signed({**CLAIMS, "nbf": NOW + 30}),
    "another issuer": lambda: signed({**CLAIMS, "iss": "https://evil.test"}),
    "no issuer": lambda: signed(without("iss")),
    "issuer in a list": lambda: signed({**CLAIMS, "iss": ["https://id.test"]}),
    "another audience": lambda: signed({**CLAIMS, "aud": ["other", "billing2"]}),
    "no audience": lambda: signed(without("aud")),
    "no tenant": lambda: signed(without("tenant_id")),
    "tenant is an object": lambda: signed({**CLAIMS, "tenant_id": {"id": "acme"}}),
    "claims are a list": lambda: written({"alg": "RS256", "kid": "k1"}, [CLAIMS]),
    "changed after signing": lambda: signed(CLAIMS)[:-6] + "AAAAAA",
    "no dots": lambda: "acme",
    "empty parts": lambda: "..",
    "five parts, encrypted": lambda: "a.b.c.d.e",
    "10 MB": lambda: signed(CLAIMS) + "A" * 10_000_000,
    "deeply nested": lambda: written({"alg": "RS256", "kid": "k1"}, {}) + "[" * 5000,
}


def middleware() -> Any:
    config = {"strategy": "shared", "resolution": ["jwt", "header"], "jwt": RULES}
    return TenantMiddleware(app, config=config, lookup_tenant=find, clock=clock())


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_answered_401_and_no_other_way_is_tried(attack: str) -> None:
    headers = {"Authorization": f"Bearer {ATTACKS[attack]()}", "X-Tenant-ID": "acme"}
    answer = TestClient(middleware()).get("/", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("key", "header"),
    [(RSA, {}), (EC, {"alg": "ES256", "kid": "k2"}), (RSA, {"typ": "JWT"})],
)
def test_a_good_token_names_the_tenant(key: Any, header: dict[str, Any]) -> None:
    claims = {**CLAIMS, "aud": ["other", "billing"]}
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {signed(claims, key, **header)}"}
        assert TestClient(middleware()).get("/", headers=headers).json()["tenant"] == "t-1"


def test_without_a_token_the_next_way_is_tried_and_both_have_to_agree() -> None:
    asked = TestClient(middleware())
    basic = {"Authorization": "Basic YTpi", "X-Tenant-ID": "acme"}
    assert asked.get("/", headers=basic).json()["tenant"] == "t-1"
    both = {"Authorization": f"Bearer {signed(CLAIMS)}", "X-Tenant-ID": "umbra"}
    assert asked.get("/", headers=both).status_code == 404


def test_time_is_an_argument_and_the_leeway_is_as_stated() -> None:
    token = signed(CLAIMS)
    rules = Jwt(keys=PUBLIC, issuer="https://id.test", audience="billing", leeway=10)
    assert RULES.read(token, AT + timedelta(seconds=59))["tenant_id"] == "acme"
    assert rules.read(token, AT + timedelta(seconds=69))["tenant_id"] == "acme"
    for each, seconds in ((RULES, 61), (rules, 71)):
        with pytest.raises(Unauthorized):
            each.read(token, AT + timedelta(seconds=seconds))


def test_a_token_is_bounded_in_size() -> None:
    small = Jwt(keys=PUBLIC, issuer="https://id.test", audience="billing", most_bytes=100)
    with pytest.raises(Unauthorized) as refused:
        small.read(signed(CLAIMS), AT)
    assert str(refused.value.__cause__) == "it is too long, or has other signs than a token"


SECRET = OctKey.generate_key(256)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"keys": RSA.as_dict(private=False) | {"alg": "HS256"}}, "needs an `alg`"),
        ({"keys": {"keys": []}}, "at least one key"),
        ({"keys": []}, "needs an `alg`"),
        ({"keys": {"kty": "oct", "alg": "none", "k": "AA"}}, "needs an `alg`"),
        ({"keys": {"kty": "oct", "alg": "HS256", "k": "c2hvcnQ"}}, "shorter than 256 bits"),
        ({"keys": {"kty": "RSA", "alg": "RS256", "n": "!", "e": 3}}, "is no key"),
        ({"keys": {"keys": [PUBLIC["keys"][0]] * 2}}, "a `kid` of its own"),
        ({"issuer": ""}, "issuer is a text"),
        ({"audience": None}, "audience is a text"),
        ({"leeway": 301}, "leeway"),
        ({"most_bytes": 10**9}, "most_bytes"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_at_the_start(
    rules: dict[str, Any], told: str
) -> None:
    usual = {"keys": PUBLIC, "issuer": "https://id.test", "audience": "billing"}
    with pytest.raises(SetupError, match=told) as refused:
        Jwt(**{**usual, **rules})
    assert "c2hvcnQ" not in str(refused.value)


def test_a_secret_shows_in_no_repr() -> None:
    secret = SECRET.as_dict() | {"alg": "HS256"}
    rules = Jwt(keys=secret, issuer="https://id.test", audience="billing")
    assert str(secret["k"]) not in repr(rules)
    token = jwt.encode({"alg": "HS256"}, CLAIMS, SECRET, algorithms=["HS256"])
    assert rules.read(token, AT)["tenant_id"] == "acme"
