"""What a step that was done changes in the lock file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.core.lock import Lock
from tallystick.errors import Conflict
from tallystick.providers.stripe.book_match import ids_of
from tallystick.providers.stripe.book_steps import locked_price

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.intent import ProviderAccount
    from tallystick.providers.stripe.book import Found, Kind, Step

__all__ = ["lock_after", "lock_of", "new_lock"]


def new_lock(environment: str) -> Lock:
    """Give the lock of an environment in which nothing is known yet.  Raises InvalidInput."""
    return Lock(provider="stripe", environment=environment)


def lock_of(lock: Lock, account: ProviderAccount) -> Lock:
    """Give a lock that says whose it is.

    Raises Conflict where it is another account's, another mode's or another provider's.
    """
    own = (lock.provider, lock.account or account.id, lock.livemode in {None, account.live})
    if own != ("stripe", account.id, True):
        mode = "live" if lock.livemode else "test"
        raise Conflict(
            f"the lock file of {lock.environment} is of {lock.provider} {lock.account} ({mode}"
            f" mode), the key is of {account.id} ({'live' if account.live else 'test'} mode); use"
            " the other key, or name another --environment"
        )
    return replace(lock, account=account.id, livemode=account.live)


def lock_after(lock: Lock, step: Step, done: Found | None) -> Lock:
    """Give the lock after a step; `done` is the object as Stripe holds it now."""
    if step.verb == "archive":
        return replace(lock, retired=lock.retired - {done.id if done else ""})
    if step.verb == "forget":
        return _without(lock, step)
    if done is None or step.wanted is None:  # nothing is known of it
        return lock
    if step.kind != "price":
        return _with_ids(lock, step.kind, {**ids_of(lock, step.kind), step.key: done.id})
    prices = {**lock.prices, step.key: locked_price(done, step.wanted.plan)}
    retired = lock.retired | ({step.instead.id} if step.instead else set())
    return replace(lock, prices=prices, retired=retired - {done.id})


def _without(lock: Lock, step: Step) -> Lock:
    """Let go of a key; what is still paid under it is archived later."""
    if step.key == "" and step.found is not None:
        return replace(lock, retired=lock.retired - {step.found.id})
    if step.kind != "price":
        ids = {key: id_ for key, id_ in ids_of(lock, step.kind).items() if key != step.key}
        return _with_ids(lock, step.kind, ids)
    prices = {key: price for key, price in lock.prices.items() if key != step.key}
    waits = step.found is not None and step.found.active
    retired = lock.retired | ({lock.prices[step.key].provider_id} if waits else set())
    return replace(lock, prices=prices, retired=retired)


def _with_ids(lock: Lock, kind: Kind, ids: Mapping[str, str]) -> Lock:
    changed: dict[str, Any] = {f"{kind}s": ids}
    return replace(lock, **changed)
