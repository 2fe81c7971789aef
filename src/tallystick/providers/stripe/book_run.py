"""The price list of a catalogue and that of an account, one made like the other.

`compared` says what differs; `pulled` takes into the lock file what is there, and `applied` does
what has to be done.  A lock is given back after each step, so that whoever keeps it can go on where
a run was cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallystick.errors import InvalidCatalog
from tallystick.providers.stripe.book import KINDS, Step
from tallystick.providers.stripe.book_lock import lock_after, lock_of, new_lock
from tallystick.providers.stripe.book_match import ids_of, match
from tallystick.providers.stripe.book_steps import steps_of
from tallystick.providers.stripe.book_wanted import wish_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.catalog import Catalog
    from tallystick.core.lock import Lock
    from tallystick.core.period import Instant
    from tallystick.errors import Problem
    from tallystick.providers.stripe.book import Found, Skipped, Wanted
    from tallystick.providers.stripe.book_client import Book
    from tallystick.providers.stripe.book_match import Matches
    from tallystick.providers.stripe.book_wanted import Wish

__all__ = ["Comparison", "Pull", "applied", "compared", "pulled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between a catalogue and an account, step by step.

    `lock` is the lock file as it stands, with the account named.  `kept` are prices that stay
    active as a live subscription pays them; `problems` is what nobody but a person can settle.
    """

    lock: Lock
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    kept: tuple[Found, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What was read from an account.

    `missing` is what it does not hold; `problems` what could be several things, or what Stripe
    cannot express.
    """

    lock: Lock
    missing: tuple[Wanted, ...]
    problems: tuple[Problem, ...]


def compared(
    book: Book, catalog: Catalog[Any, Any], lock: Lock | None, *, environment: str, at: Instant
) -> Comparison:
    """Compare a catalogue with the account that the book is of, at a time; nothing is changed.

    Raises InvalidCatalog for what Stripe cannot express, Conflict for the lock of another account,
    OutcomeUnknown where Stripe does not answer.
    """
    wish = wish_of(catalog, at)
    if wish.problems:
        raise InvalidCatalog(wish.problems)
    known, held, matches = _matched(book, wish, lock, environment)
    first = steps_of(wish, held, matches, known, frozenset())
    asked = [
        step.found.id
        for step in first.steps
        if step.verb == "archive" and step.kind == "price" and step.found is not None
    ]
    found = steps_of(wish, held, matches, known, book.in_use(asked))
    return Comparison(
        lock=known,
        steps=found.steps,
        skipped=wish.skipped,
        kept=found.kept,
        problems=(*matches.problems, *found.problems),
    )


def pulled(
    book: Book, catalog: Catalog[Any, Any], lock: Lock | None, *, environment: str, at: Instant
) -> Pull:
    """Give the lock file of what the account holds for a catalogue; nothing is changed there.

    A catalogue is read as it is, also where nobody says how long its periods are.  Raises Conflict
    for the lock of another account, OutcomeUnknown where Stripe does not answer.
    """
    wish = wish_of(catalog, at)
    known, _, matches = _matched(book, wish, lock, environment)
    kept = {(each.kind, each.key) for each in wish.skipped}
    for kind in KINDS:
        for key in ids_of(known, kind).keys() - {k for of, k in kept if of == kind}:
            known = lock_after(known, Step(verb="forget", kind=kind, key=key), None)
    missing = []
    for each in wish.wanted:
        found = matches.of(each)
        if found is None:
            missing.append(each)
            continue
        step = Step(verb="adopt", kind=each.kind, key=each.key, wanted=each, found=found)
        known = lock_after(known, step, found)
    return Pull(
        lock=known,
        missing=tuple(missing),
        problems=(*wish.problems, *matches.problems),
    )


def _matched(
    book: Book, wish: Wish, lock: Lock | None, environment: str
) -> tuple[Lock, tuple[Found, ...], Matches]:
    account, _ = book.account()
    known = lock_of(lock or new_lock(environment), account)
    held = book.held()
    return known, held, match(wish, held, known)


def applied(
    book: Book,
    comparison: Comparison,
    *,
    keep: Callable[[Lock], object],
    tell: Callable[[Step, Lock], object],
) -> Lock:
    """Do every step, and give the lock file after the last; `keep` it after each.

    Raises InvalidCatalog before anything is sent where something is not sure; OutcomeUnknown,
    Conflict where a step does not succeed: those before it are done, and kept.
    """
    if comparison.problems:
        raise InvalidCatalog(comparison.problems)
    lock = comparison.lock
    for step in comparison.steps:
        lock = book.carry_out(step, lock)
        keep(lock)
        tell(step, lock)
    return lock
