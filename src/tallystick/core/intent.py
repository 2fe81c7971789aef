"""What a provider is asked for, what it answers, and the intent that holds both.

A refusal is a value, `Declined`.  Silence is none: it is the error OutcomeUnknown, after which the
same is asked again with the same key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.property import shown
from tallystick.core.text import id_at, text_at
from tallystick.errors import InvalidInput, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.money import Money
    from tallystick.core.period import Instant

__all__ = [
    "LIVE",
    "Canceled",
    "Charge",
    "Declined",
    "Intent",
    "IntentKind",
    "IntentState",
    "Outcome",
    "ProviderAccount",
    "Refund",
    "Succeeded",
    "Waiting",
    "asked_of",
    "key_of",
    "mismatch",
    "outcome_of",
    "state_after",
    "wait_after_silence",
]

IntentKind: TypeAlias = Literal["collect", "refund"]
"""What an intent is for: to collect money for an invoice, or to give some of it back."""

IntentState: TypeAlias = Literal["open", "waiting", "succeeded", "declined", "canceled"]
"""How an intent stands.

`open` has no answer yet; `waiting` is known to the provider, and someone has to pay or to act.
"""

LIVE: Final[frozenset[IntentState]] = frozenset({"open", "waiting"})
"""The states in which money may still move."""

_LONGEST_WAIT: Final = 24 * 366  # hours
_LONGEST: Final = 2_000  # characters of an address
_AFTER_SILENCE: Final = tuple(timedelta(seconds=each) for each in (15, 60, 300, 900, 3_600))


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """Whose account it is at a provider, and whether its money is real (`live`) or a test's."""

    id: str
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Money that a provider is to collect; `payer` is what it calls the customer.

    To the same `key` it gives the same object for ever.  `label` is what the payer is shown.
    """

    key: str
    invoice: str
    customer: str
    amount: Money
    label: str
    payer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that a provider is to give back of what it collected as `payment`, its own name."""

    key: str
    invoice: str
    customer: str
    amount: Money
    payment: str
    payer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The money moved: which object at the provider says so, how much, where, and whose."""

    reference: str
    amount: Money
    account: ProviderAccount
    payer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The provider has it, and someone else has to act: at `url`, where there is one.

    It is looked at again after `hours`, unless something is heard of it before.
    """

    reference: str
    url: str | None = None
    hours: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The provider refused, for good: another try is another intent."""

    code: str
    message: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """The provider will not move the money any more, or was never asked to."""

    reference: str | None = None


Outcome: TypeAlias = Succeeded | Waiting | Declined | Canceled
"""Whatever a provider can answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Something that is asked of a provider, stored before it is asked.

    `key` is made of our id and sent with every try; `attempts` counts the tries and tells a worker
    that came late from the one that holds the lease.  `of` is the intent that is given back.
    `surplus` is what came beyond what was owed by then, in minor units: it is on the customer's
    balance.  `set_aside` is why no worker goes on with it, as JSON.
    """

    customer: str
    id: str
    kind: IntentKind
    invoice: str
    provider: str
    account: ProviderAccount
    amount: Money
    key: str
    label: str
    created_at: Instant
    next_at: Instant
    payer: str | None = None
    of: str | None = None
    of_reference: str | None = None
    reason: str | None = None
    idempotency_key: str | None = None
    state: IntentState = "open"
    attempts: int = 0
    leased_until: Instant | None = None
    first_sent_at: Instant | None = None
    reference: str | None = None
    answer: Mapping[str, str] | None = None
    surplus: int = 0
    closed_at: Instant | None = None
    set_aside: str | None = None


def key_of(intent_id: str) -> str:
    """Give the key of an intent: made of our row's id alone, never of a time or a try."""
    return f"tallystick/{intent_id}"


def asked_of(intent: Intent) -> Charge | Refund:
    """Give what the provider is asked for; of one intent always the same."""
    if intent.kind == "collect":
        return Charge(
            key=intent.key,
            invoice=intent.invoice,
            customer=intent.customer,
            amount=intent.amount,
            label=intent.label,
            payer=intent.payer,
        )
    return Refund(
        key=intent.key,
        invoice=intent.invoice,
        customer=intent.customer,
        amount=intent.amount,
        payment=intent.of_reference or "",
        payer=intent.payer,
    )


def mismatch(intent: Intent, outcome: Outcome) -> str | None:
    """Say what of an outcome is not what was asked; None where all of it is.

    Money counts only where account, mode, currency, amount, customer and object are the same.
    """
    reference = outcome.reference
    if intent.reference is not None and reference not in {None, intent.reference}:
        return f"it is {reference!r} there, and was {intent.reference!r}"
    if not isinstance(outcome, Succeeded):
        return None
    told = (
        ("account", outcome.account.id, intent.account.id),
        ("live", outcome.account.live, intent.account.live),
        ("currency", outcome.amount.currency.code, intent.amount.currency.code),
        ("amount", outcome.amount.minor, intent.amount.minor),
        ("payer", outcome.payer, intent.payer if intent.payer is not None else outcome.payer),
    )
    wrong = [f"{what} {is_!r} instead of {asked!r}" for what, is_, asked in told if is_ != asked]
    return ", ".join(wrong) or None


def outcome_of(answer: object) -> Outcome:
    """Give an answer that is an outcome, and can be kept as it is.

    Raises OutcomeUnknown for any other: what was done is not known then.
    """
    if not isinstance(answer, Succeeded | Waiting | Declined | Canceled):
        raise OutcomeUnknown(f"the provider answered with {shown(answer)}, which is no outcome")
    texts = {
        "reference": answer.reference,
        "payer": answer.payer if isinstance(answer, Succeeded) else None,
        "code": answer.code if isinstance(answer, Declined) else None,
        "url": answer.url if isinstance(answer, Waiting) else None,
    }
    if isinstance(answer, Waiting) and not _is_patient(answer.hours):
        raise OutcomeUnknown(f"the provider waits for {shown(answer.hours)} hours")
    try:
        for name, text in texts.items():
            if text is not None:
                text_at(text, name, _LONGEST) if name == "url" else id_at(text, name)
    except InvalidInput as refused:
        raise OutcomeUnknown(f"the provider's answer cannot be kept: {refused}") from None
    return answer


def _is_patient(hours: object) -> bool:
    return type(hours) is int and 0 < hours <= _LONGEST_WAIT


def state_after(outcome: Outcome) -> IntentState:
    """Give the state that an outcome leads to."""
    return _STATES[type(outcome)]


_STATES: Final[Mapping[type, IntentState]] = {
    Succeeded: "succeeded",
    Waiting: "waiting",
    Declined: "declined",
    Canceled: "canceled",
}


def wait_after_silence(attempts: int) -> timedelta:
    """Give how long to wait until a silent provider is asked again: longer after each try."""
    return _AFTER_SILENCE[min(attempts, len(_AFTER_SILENCE)) - 1]
