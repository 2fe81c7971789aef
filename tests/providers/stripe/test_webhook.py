"""Signatures and bodies: what is taken, and S1 to S5, S7 and S11 of what is not."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import example, given
from hypothesis import strategies as st

from tallystick.errors import BadRequest, SetupError
from tallystick.providers.stripe.events import StripeEvents
from tallystick.providers.stripe.settings import StripeSettings, settings_from
from tallystick.providers.stripe.webhook import event_of, verify

AT = datetime(2030, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)
NOW = 1_893_553_445  # AT, in whole seconds
SECRET = "whsec_0123456789abcdef"
OTHER = "whsec_fedcba9876543210"
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "api_version": "2026-10-28.endive",
    "created": NOW - 3,
    "livemode": False,
    "data": {"object": {"id": "pi_1", "object": "payment_intent", "amount": 1000}},
}
BODY = json.dumps(EVENT, indent=2).encode()


def signature(body: bytes = BODY, secret: str = SECRET, at: object = NOW) -> str:
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def test_the_signature_of_the_sdk_is_taken_as_ours() -> None:
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, NOW)
    assert header == signature()
    assert verify(BODY, header, [SECRET], AT) == BODY.decode()


def test_any_of_several_secrets_is_good_while_one_takes_the_place_of_another() -> None:
    both = [OTHER, SECRET]
    assert verify(BODY, signature(), both, AT)
    assert verify(BODY, signature(secret=OTHER), both, AT)
    twice = f"{signature(secret=OTHER)},{signature().partition(',')[2]}"
    assert verify(BODY, twice, [SECRET], AT), "Stripe signs with each that is active"


@pytest.mark.parametrize("header", [None, "", " ", "t=1", signature().upper()])
def test_s1_without_a_signature_nothing_is_taken(header: str | None) -> None:
    with pytest.raises(BadRequest, match="not verified"):
        verify(BODY, header, [SECRET], AT)


@pytest.mark.parametrize("secrets", [[], [""], [SECRET, ""]])
def test_s2_without_a_secret_nothing_can_be_verified(secrets: list[str]) -> None:
    with pytest.raises(SetupError, match="no secret"):
        verify(BODY, signature(secret=""), secrets, AT)


@pytest.mark.parametrize("said", ["", " ", "whsec_", "whsec_xxxxxxxx", "whsec_your_secret", "a,b"])
def test_s2_a_placeholder_stops_the_start(said: str) -> None:
    environ = {
        "TALLYSTICK_STRIPE_KEY": "sk_test_abcd",
        "TALLYSTICK_STRIPE_ACCOUNT": "acct_1",
        "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": said,
    }
    with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_WEBHOOK_SECRETS"):
        settings_from(environ)


def test_s2_events_are_not_taken_without_a_secret_or_an_account() -> None:
    with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_WEBHOOK_SECRETS"):
        StripeEvents(StripeSettings(key="sk_test_abcd", account="acct_1"))
    with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_ACCOUNT"):
        StripeEvents(StripeSettings(key="sk_test_abcd", secrets=(SECRET,)))
    found = StripeEvents(StripeSettings(key="sk_test_abcd", account="acct_1", secrets=(SECRET,)))
    assert SECRET not in repr(found)


def test_s3_a_signature_with_an_empty_key_is_none() -> None:
    with pytest.raises(BadRequest, match="no signature is of this body"):
        verify(BODY, signature(secret=""), [SECRET], AT)


GOOD = signature().partition("v1=")[2]


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW},v0={GOOD}",
        f"t={NOW},v1={GOOD[:-1]}",
        f"t={NOW},v1={GOOD}0",
        f"t={NOW},v1={GOOD.upper()}",
        f"t={NOW},v1={'g' * 64}",
        f"t={NOW},v1={GOOD}," + ",".join(f"v1={'0' * 64}" for _ in range(1_000)),
        f"t={NOW},v1={GOOD}," + ",".join(f"v1={'0' * 64}" for _ in range(8)),
        f"t={NOW},v1={GOOD},v1=",
        f"t={NOW},t={NOW},v1={GOOD}",
        f"v1={GOOD}",
        f"t={NOW} ,v1={GOOD}",
        f"t={NOW};v1={GOOD}",
        f"t={NOW},v1={GOOD}\n",
        f"t={NOW},,v1={GOOD}",
    ],
)
def test_s4_only_a_few_signatures_of_the_right_form_are_looked_at(header: str) -> None:
    began = time.perf_counter()
    with pytest.raises(BadRequest, match="not verified"):
        verify(BODY, header, [SECRET], AT)
    assert time.perf_counter() - began < 5, "no wall clock decides here: only what runs away"


@pytest.mark.parametrize("age", [299, 300, 0, -299, -300])
def test_s5_within_the_tolerance_it_is_taken(age: int) -> None:
    assert verify(BODY, signature(at=NOW - age), [SECRET], AT)


@pytest.mark.parametrize(
    "stamp",
    [
        *(NOW - 301, NOW + 301, NOW + 10**6, 0, 10**10, 10**11, 10**30),
        *("nan", "-1", "inf", "", "1e9", "0x1", f"+{NOW}", f" {NOW}", "１８９３５５３４４５"),
    ],
)
def test_s5_beyond_it_and_of_no_time_it_is_not(stamp: object) -> None:
    with pytest.raises(BadRequest, match="not verified"):
        verify(BODY, signature(at=stamp), [SECRET], AT)


def test_s5_our_clock_decides_and_the_machine_s_never(monkeypatch: pytest.MonkeyPatch) -> None:
    for machine in (0, NOW, NOW + 10**9):
        monkeypatch.setattr(time, "time", lambda now=machine: now)
        assert verify(BODY, signature(), [SECRET], AT)
        with pytest.raises(BadRequest, match="not of this time"):
            verify(BODY, signature(), [SECRET], AT + timedelta(seconds=302))


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"1000", b"1001"),
        BODY + b"\n",
        BODY.replace(b"  ", b" "),
        json.dumps(dict(reversed(EVENT.items())), indent=2).encode(),
        b"\xef\xbb\xbf" + BODY,
        b"\x1f\x8b" + BODY,
        b"",
        b"\xff",
    ],
)
def test_s7_a_body_that_was_changed_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="not verified"):
        verify(body, signature(), [SECRET], AT)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xef\xbb\xbf" + BODY, "cannot be read"),
        (BODY.replace(b'"id": "evt_1"', b'"id": "evt_1", "id": "evt_2"'), "a key twice"),
        (BODY.replace(b'"amount"', b'"id"'), "a key twice"),
        (BODY.replace(b"1000", b"NaN"), "the word NaN"),
        (BODY.replace(b"1000", b"9" * 5_000), "cannot be read"),
        (BODY[:-1], "cannot be read"),
        (b"[" * 10_000 + b"]" * 10_000, "deeper than"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "deeper than"),
        (b"[]", "no object"),
        (b"null", "no object"),
        (json.dumps(EVENT | {"object": "v2.core.event"}).encode(), "snapshot events"),
        (json.dumps(EVENT | {"data": {}}).encode(), "data.object"),
        (json.dumps(EVENT | {"id": "../x"}).encode(), "id cannot be read"),
        (json.dumps(EVENT | {"type": 7}).encode(), "type cannot be read"),
        (json.dumps(EVENT | {"livemode": 1}).encode(), "livemode cannot be read"),
        (json.dumps(EVENT | {"created": True}).encode(), "created cannot be read"),
        (json.dumps(EVENT | {"created": 10**12}).encode(), "created cannot be read"),
        (json.dumps(EVENT | {"account": ["acct_1"]}).encode(), "account cannot be read"),
    ],
)
def test_s7_s11_what_is_signed_and_no_event_is_refused(body: bytes, why: str) -> None:
    text = verify(body, signature(body), [SECRET], AT)
    with pytest.raises(BadRequest, match=why):
        event_of(text, "stripe", "acct_1", AT)


def test_a_bracket_within_a_text_is_none() -> None:
    tree = EVENT | {"note": "[" * 100 + '\\"' + "{" * 100}
    found = event_of(json.dumps(tree), "stripe", "acct_1", AT)
    assert (found.id, found.kind, found.object_id) == ("evt_1", "payment_intent", "pi_1")
    assert (found.account, found.live) == ("acct_1", False)
    assert found.created == AT.replace(microsecond=0) - timedelta(seconds=3)


def test_many_texts_without_an_end_take_no_time_that_grows_with_their_square() -> None:
    body = b'{"a": "' + b'\\"' * 1_000_000
    began = time.process_time()
    with pytest.raises(BadRequest, match="cannot be read"):
        event_of(body.decode(), "stripe", "acct_1", AT)
    assert time.process_time() - began < 20


@given(st.binary(max_size=300), st.text(max_size=200))
@example(BODY, signature())
def test_whatever_is_sent_is_an_event_or_refused(body: bytes, header: str) -> None:
    for said in (header, signature(body)):
        with contextlib.suppress(BadRequest):
            event_of(verify(body, said, [SECRET], AT), "stripe", "acct_1", AT)
            assert (body, said) == (BODY, signature())
