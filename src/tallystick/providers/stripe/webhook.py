"""What Stripe sends to an endpoint of ours: verified on its bytes, then read strictly.

Verified by the SDK, and before that by rules of our own, which are stricter: the time is an
argument, one from the future is refused, and no more is computed than a genuine sender asks for.

Source: docs.stripe.com/webhooks/signature.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.property import shown
from tallystick.core.provider_event import ProviderEvent
from tallystick.errors import BadRequest, MissingExtra, SetupError

try:
    import stripe
except ImportError as error:
    raise MissingExtra("selling through Stripe", "stripe") from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.period import Instant

__all__ = ["TOLERANCE", "event_of", "verify"]

TOLERANCE: Final = timedelta(seconds=300)
"""How far the time of a signature may be from ours, either way."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_HEADER: Final = 2_000
_MOST_SIGNATURES: Final = 8  # while secrets are rotated Stripe signs with each that is active
_DEEPEST: Final = 64
_TIME: Final = re.compile(r"[0-9]{1,11}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9_]{0,15}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,200}", re.ASCII)
_TYPE: Final = re.compile(r"[a-z0-9_.]{1,200}", re.ASCII)
# Texts first, so that a bracket within one is none.  A text without an end ends the search.
_BRACKET: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|([\[{])|([\]}])', re.DOTALL)
# The SDK asks the machine what time it is, and only how old a signature may be.  Ours is the rule;
# this lets the SDK's never be the one that decides, without switching it off.
_AGE_FOR_THE_SDK: Final = 10**11


def verify(body: bytes, header: str | None, secrets: Sequence[str], at: Instant) -> str:
    """Give the text of a body that was signed with one of the secrets at about that time.

    Raises BadRequest, always in the same few words; SetupError where there is no secret at all.
    """
    if not secrets or not all(secrets):
        raise SetupError("no secret of a webhook endpoint is set: nothing can be verified")
    _check_header(header, at)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _refused("the body is not UTF-8") from None
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, header, secret, _AGE_FOR_THE_SDK)
        except stripe.SignatureVerificationError:
            continue
        return text
    raise _refused("no signature is of this body")


def event_of(text: str, provider: str, account: str, at: Instant) -> ProviderEvent:
    """Read a verified body; `account` is whose it is where it names none.

    Raises BadRequest for what is no event: an object that is too deep, has a key twice, or lacks
    what each event has.
    """
    tree = _tree_of(text)
    if tree.get("object") != "event":
        raise BadRequest(
            f"the body is {shown(tree.get('object'))}, not an event: choose snapshot events for the"
            " endpoint"
        )
    data = tree.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        raise BadRequest("the event has no data.object")
    kind, object_id = thing.get("object"), thing.get("id")
    named = _matches(_ID, object_id) and _matches(_TYPE, kind)
    whose = tree.get("account")
    return ProviderEvent(
        provider=provider,
        account=account if whose is None else _text_at(tree, "account", _ID),
        live=_live_of(tree),
        id=_text_at(tree, "id", _ID),
        type=_text_at(tree, "type", _TYPE),
        api_version=_version_of(tree),
        created=_time_of(tree),
        kind=kind if named else None,
        object_id=object_id if named else None,
        body=text,
        received_at=at,
    )


# --- the signature --------------------------------------------------------------------------------


def _check_header(header: str | None, at: Instant) -> None:
    """Refuse what no genuine sender writes, before anything is computed."""
    if not header:
        raise _refused("there is no Stripe-Signature")
    if len(header) > _LONGEST_HEADER:
        raise _refused("the Stripe-Signature is too long")
    found: dict[str, list[str]] = {}
    for part in header.split(","):
        name, sign, value = part.partition("=")
        if not sign or _SCHEME.fullmatch(name) is None:
            raise _refused("the Stripe-Signature cannot be read")
        found.setdefault(name, []).append(value)
    times, signatures = found.get("t", []), found.get("v1", [])
    if len(times) != 1 or not _matches(_TIME, times[0]):
        raise _refused("the Stripe-Signature has not one time")
    if not 1 <= len(signatures) <= _MOST_SIGNATURES:
        raise _refused("the Stripe-Signature has no v1, or too many")
    if not all(_matches(_SIGNATURE, each) for each in signatures):
        raise _refused("a v1 of the Stripe-Signature has not the form of one")
    now = (at - _EPOCH) // timedelta(seconds=1)
    if abs(timedelta(seconds=int(times[0]) - now)) > TOLERANCE:
        raise _refused("the Stripe-Signature is not of this time")


def _refused(why: str) -> BadRequest:
    return BadRequest(f"not verified: {why}")


# --- the body -------------------------------------------------------------------------------------


class _Unread(ValueError):
    """What no event of Stripe has."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unread("it has a key twice")
    return found


def _constant(word: str) -> None:
    raise _Unread(f"it has the word {word}")


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=str, parse_constant=_constant
)


def _tree_of(text: str) -> dict[str, Any]:
    depth = 0
    for bracket in _BRACKET.finditer(text.encode()):
        depth += (bracket[1] is not None) - (bracket[2] is not None)
        if depth > _DEEPEST:
            raise BadRequest(f"the body is deeper than {_DEEPEST} levels")
    try:
        tree = _JSON.decode(text)
    except (ValueError, RecursionError) as refused:
        why = str(refused) if isinstance(refused, _Unread) else "it is no JSON"
        raise BadRequest(f"the body cannot be read: {why}") from None
    if not isinstance(tree, dict):
        raise BadRequest("the body is no object")
    return tree


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _text_at(tree: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = tree.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise BadRequest(f"the event's {name} cannot be read")
    return value


def _live_of(tree: dict[str, Any]) -> bool:
    live = tree.get("livemode")
    if type(live) is not bool:
        raise BadRequest("the event's livemode cannot be read")
    return live


def _version_of(tree: dict[str, Any]) -> str | None:
    version = tree.get("api_version")
    return version[:100] if isinstance(version, str) and version.isprintable() else None


def _time_of(tree: dict[str, Any]) -> Instant:
    created = tree.get("created")
    if type(created) is not int or not 0 <= created < 10**11:
        raise BadRequest("the event's created cannot be read")
    return datetime.fromtimestamp(created, UTC)
