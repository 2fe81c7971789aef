"""Acts on what a provider bills: stored, asked for outside of any transaction, then mirrored.

Any number of workers may do so at once.  A claim leases an act, so that no two send it; should a
worker outlive its lease, the key is the same and its late answer is dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tallystick.app.asking import LEASE, ask, go_through, is_forgotten, keep_answer
from tallystick.app.customer import get_customer
from tallystick.app.mirror import mirror_subscription
from tallystick.app.offers import Offers
from tallystick.app.stopped import reason_of, words_of
from tallystick.app.subscription import get_subscription
from tallystick.core.intent import wait_after_silence
from tallystick.core.move import Start
from tallystick.core.move_rules import KINDS, check_allowed
from tallystick.core.period import to_the_second
from tallystick.core.provider_act import ProviderAct, act_key, has_effect, next_key
from tallystick.core.subscription import LIVE
from tallystick.core.text import id_at
from tallystick.errors import Conflict, NotFound, RuleError
from tallystick.storage import provider_acts, subscriptions
from tallystick.storage.moves import had_trial, trial_identities

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.app.subscription import MoveMaker
    from tallystick.core.mirror import Mirrored
    from tallystick.core.move import Move, MoveKind
    from tallystick.core.period import Instant
    from tallystick.ports import Bills
    from tallystick.storage.unit import Storage, Unit

__all__ = ["ActsDone", "begin_act", "begin_start", "finish_act", "finish_acts"]

_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsDone:
    """What a run of acts came to: how many were answered in which way."""

    done: int = 0
    refused: int = 0
    silent: int = 0
    set_aside: int = 0

    @property
    def asked(self) -> int:
        """How many were gone on with."""
        return self.done + self.refused + self.silent + self.set_aside


def begin_act(  # noqa: PLR0917 - what an act is made of
    unit: Unit,
    at: Instant,
    biller: Bills,
    subscription_id: str,
    move: Move | MoveMaker,
    id_: str,
    *,
    customer_id: str | None = None,
    key: str | None = None,
) -> ProviderAct:
    """Store that the provider is to make a move of a subscription that it bills.

    The call is worked out now, from what is mirrored; a repeat of an idempotency `key` gives the
    act that the first one began.

    Raises NotFound; Conflict where its state does not allow the move, the provider cannot do it,
    another act is open or the key was used for something else; InvalidInput.
    """
    found = get_subscription(unit, subscription_id, customer_id=customer_id)
    unit.as_customer(found.customer)
    held = subscriptions.hold_subscription(unit, found.customer, found.id)
    before = None
    if key is not None:
        before = provider_acts.act_by_key(unit, held.customer, id_at(key, "idempotency_key"))
    wanted = move(unit, held, None if before is None else before.move) if callable(move) else move
    if before is not None:
        if (before.subscription, before.move) != (held.id, wanted):
            raise Conflict(f"the idempotency key {key!r} was used for another {_kind(before)}")
        return before
    origin = held.origin
    mine = (biller.account.id, biller.account.live)
    if origin is None or (origin.account, origin.live) != mine:
        raise Conflict(f"subscription {held.id!r} is not billed by account {biller.account.id!r}")
    check_allowed(held, KINDS[type(wanted)])
    act = ProviderAct(
        customer=held.customer,
        id=id_,
        subscription=held.id,
        provider=origin.provider,
        account=biller.account,
        reference=origin.reference,
        move=wanted,
        call=biller.call_of(wanted, held, Offers(unit)),
        key=act_key(id_),
        idempotency_key=key,
        created_at=to_the_second(at),
        next_at=to_the_second(at),
    )
    provider_acts.add_act(unit, act)
    return act


def begin_start(  # noqa: PLR0917 - what an act is made of
    unit: Unit,
    at: Instant,
    biller: Bills,
    customer_id: str,
    move: MoveMaker,
    id_: str,
    *,
    key: str | None = None,
) -> ProviderAct:
    """Store that the provider is to begin a subscription, which it will bill.

    Raises NotFound; Conflict where the provider does not know the customer or the plan, the group
    has a live one, a trial was given before, or the key was used for something else.
    """
    customer = get_customer(unit, customer_id)
    before = None
    if key is not None:
        before = provider_acts.act_by_key(unit, customer.id, id_at(key, "idempotency_key"))
    wanted = move(unit, customer, None if before is None else before.move)
    assert isinstance(wanted, Start)  # noqa: S101 - what makes it says so
    if before is not None:
        if before.move != wanted:
            raise Conflict(f"the idempotency key {key!r} was used for another {_kind(before)}")
        return before
    if customer.provider_id is None or customer.forgotten_at is not None:
        raise Conflict(f"{biller.name} does not know customer {customer.id!r}: set its provider_id")
    for other in subscriptions.of_customers(unit, [customer.id]).get(customer.id, ()):
        if other.group == wanted.group and other.state in LIVE:
            raise Conflict(
                f"the customer has a live subscription in the group {wanted.group!r} already",
                live=other.id,
            )
    if wanted.trial_days is not None and had_trial(unit, trial_identities(customer.id, ())):
        raise Conflict("a trial is given once, and this customer had it: start without")
    act = ProviderAct(
        customer=customer.id,
        id=id_,
        subscription=None,
        provider=biller.name,
        account=biller.account,
        reference=f"new/{wanted.group}",
        move=wanted,
        call=biller.start_call(wanted, customer.provider_id, Offers(unit)),
        key=act_key(id_),
        idempotency_key=key,
        created_at=to_the_second(at),
        next_at=to_the_second(at),
    )
    provider_acts.add_act(unit, act)
    return act


def finish_acts(
    storage: Storage,
    biller: Bills,
    now: Callable[[], Instant],
    limit: int | None = None,
    stop: Callable[[], bool] = bool,
) -> ActsDone:
    """Go on with every act that is due; a second run changes nothing.

    One that fails waits for its next time and blocks no other.  Raises StorageUnavailable.
    """

    def step(mine: Bills) -> str | None:
        done = finish_act(storage, mine, now)
        return None if done is None else _what(done)

    return ActsDone(**go_through([biller], step, limit, stop))


def finish_act(
    storage: Storage,
    biller: Bills,
    now: Callable[[], Instant],
    only: str | None = None,
) -> ProviderAct | None:
    """Ask for the act that is due first, or for one by its id; give what it is then.

    What the provider says afterwards is mirrored in the transaction that closes the act.  None
    where none is due, or another worker has it.  Raises StorageUnavailable.
    """
    at = now()
    act = storage.attempt(lambda unit: _claim(unit, at, biller, only))
    if act is None or act.set_aside is not None:
        return act
    answer = _asked(biller, act, now)
    return keep_answer(
        storage,
        act.id,
        lambda unit: _keep(unit, now(), biller, act, answer),
        lambda unit, why: _left(unit, now(), act, why),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back: a fault or none, and what the provider says of the subscription then."""

    fault: Exception | None
    told: Mirrored | None = None
    began: bool = True


def _claim(unit: Unit, at: Instant, biller: Bills, only: str | None) -> ProviderAct | None:
    unit.as_all()
    at = to_the_second(at)
    found = provider_acts.due_act(unit, biller.name, biller.account, at, only)
    if found is None:
        return None
    if is_forgotten(found.first_sent_at, at, biller.key_hours):
        aside = replace(found, set_aside=_aside(found, _FORGOTTEN, at))
        provider_acts.put_act(unit, aside, found.attempts)
        return aside
    leased = replace(
        found,
        attempts=found.attempts + 1,
        leased_until=at + LEASE,
        first_sent_at=found.first_sent_at or at,
    )
    provider_acts.put_act(unit, leased, found.attempts)
    return leased


_FORGOTTEN: Final = Conflict(
    "the provider did not answer for longer than it knows a key: look there whether it was done"
)


def _asked(biller: Bills, act: ProviderAct, now: Callable[[], Instant]) -> _Answer:
    """Ask, in no transaction, then fetch.  Whatever goes wrong, nobody knows yet what was done."""
    asked = ask(act.provider, act.id, lambda: biller.ask(act))
    refused = asked if isinstance(asked, RuleError) else None
    if refused is not None and act.subscription is None:  # nothing began: there is none to fetch
        return _Answer(refused, began=False)
    if isinstance(asked, Exception) and refused is None:
        return _Answer(asked)
    reference = asked if isinstance(asked, str) else act.reference
    told = ask(act.provider, reference, lambda: biller.fetch(reference, now()))
    return _Answer(told) if isinstance(told, Exception) else _Answer(refused, told)


def _keep(unit: Unit, at: Instant, biller: Bills, act: ProviderAct, answer: _Answer) -> ProviderAct:
    unit.as_all()
    if answer.told is None and answer.began:
        return _put(unit, act, _silent(act, at, biller, answer.fault))
    closed = replace(act, state="done", leased_until=None, closed_at=to_the_second(at), answer=None)
    told, refused = answer.told, answer.fault
    late = act.attempts > 1 and told is not None and has_effect(_kind(act), told)
    if refused is not None and not late:
        closed = replace(closed, state="refused", answer={"message": words_of(refused)[:_LONGEST]})
    if told is not None:
        try:
            held = mirror_subscription(unit, max(at, told.as_of), told)
            if closed.state == "done":
                closed = replace(closed, answer={"subscription": held.id})
        except RuleError as why:  # done there, and nothing here can be made of it: a person looks
            closed = replace(closed, set_aside=_aside(act, why, at))
    return _put(unit, act, closed)


def _left(unit: Unit, at: Instant, act: ProviderAct, why: Exception) -> ProviderAct:
    unit.as_all()
    return _put(unit, act, replace(act, leased_until=None, set_aside=_aside(act, why, at)))


def _silent(act: ProviderAct, at: Instant, biller: Bills, fault: Exception | None) -> ProviderAct:
    kept = fault is not None and biller.keeps_fault(fault)
    return replace(
        act,
        key=next_key(act) if kept else act.key,
        leased_until=None,
        next_at=to_the_second(at) + wait_after_silence(act.attempts),
        answer={"silence": words_of(fault)[:_LONGEST] if fault is not None else ""},
    )


def _put(unit: Unit, before: ProviderAct, after: ProviderAct) -> ProviderAct:
    if provider_acts.put_act(unit, after, before.attempts):
        return after
    found = provider_acts.act_by_id(unit, before.id)
    if found is None:
        raise NotFound("act", before.id)
    return found


def _aside(act: ProviderAct, why: Exception, at: Instant) -> str:
    reason = reason_of(why, at, act.key, f"tallystick customers show {act.customer}")
    return json.dumps(reason, ensure_ascii=False, sort_keys=True)


def _kind(act: ProviderAct) -> MoveKind:
    return KINDS[type(act.move)]


def _what(act: ProviderAct) -> str:
    if act.set_aside is not None:
        return "set_aside"
    return "silent" if act.state == "open" else act.state
