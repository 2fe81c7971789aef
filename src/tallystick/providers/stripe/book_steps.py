"""From what Stripe holds to what is wanted: the steps, as values.

Nothing is edited that Stripe or honesty forbids.  Other terms are a new object that takes the place
of the old one: the lookup key moves to it, and the old price is archived once nobody pays it.
What was made by hand is taken as it is: of it only what is charged must agree, its words are left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.core.lock import LockedPrice
from tallystick.errors import Problem
from tallystick.providers.stripe.book import KINDS, OWN, PLAN, Found, Step
from tallystick.providers.stripe.book_match import differences, ids_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.book import Kind, Verb, Wanted
    from tallystick.providers.stripe.book_match import Matches
    from tallystick.providers.stripe.book_wanted import Wish

__all__ = ["Change", "Steps", "locked_price", "steps_of"]

Change: TypeAlias = tuple[str, Any, Any]
"""The name of something, what it is at Stripe, and what it shall be."""

_NEW: Final = "a new one"
_NOT_ARCHIVED: Final = frozenset({"meter", "coupon"})  # usage and discounts that run need them


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps in their order, the prices that stay as somebody pays them, and what cannot be."""

    steps: tuple[Step, ...]
    kept: tuple[Found, ...]
    problems: tuple[Problem, ...]


def steps_of(
    wish: Wish, held: Sequence[Found], matches: Matches, lock: Lock, in_use: frozenset[str]
) -> Steps:
    """Give the steps from what Stripe holds to what is wanted; none where all is as it should be.

    `in_use` are the ids of prices that a live subscription pays: they are not archived.
    """
    made = _Steps(wish, held, matches, lock, in_use)
    for kind in KINDS:
        for wanted in wish.wanted:
            if wanted.kind == kind:
                made.read(wanted)
    made.read_removed()
    made.read_retired()
    return Steps(steps=tuple(made.steps), kept=tuple(made.kept), problems=tuple(made.problems))


def locked_price(found: Found, plan: str | None) -> LockedPrice:
    """Give what the lock file holds of a price: its id, its interval, its amount where it has one.

    The amount is in Stripe's smallest unit; one with a part of it is left out.
    """
    terms = found.terms
    amount = "" if terms["usage"] == "metered" else terms["amount"] or ""
    return LockedPrice(
        provider_id=found.id,
        interval=terms["interval"],
        interval_count=terms["interval_count"],
        amount=int(amount) if amount.isdigit() else None,
        currency=terms["currency"],
        plan_id=plan,
    )


@dataclass
class _Steps:
    wish: Wish
    held: Sequence[Found]
    matches: Matches
    lock: Lock
    in_use: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    kept: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ids: dict[tuple[Kind, str], str] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the ids of what was found; what a step replaces has another id after it."""
        self.ids = {key: found.id for key, found in self.matches.found.items()}

    def read(self, wanted: Wanted) -> None:
        """Give the steps of one that is wanted."""
        found = self.matches.of(wanted)
        if found is None:
            if wanted.active:
                self.step("create", wanted)
            return
        told = self.differences(wanted, found)
        if not wanted.active:
            self.close(wanted, found)
        elif not told:
            self.dress(wanted, found)
        elif wanted.kind == "meter":
            name, before, after = told[0]
            text = f"the meter {wanted.key} at Stripe has the {name} {before}, not {after}"
            cure = "give the meter another key: Stripe edits none"
            self.problems.append(Problem(wanted.path, text, cure))
        else:
            self.replace(wanted, found, told)

    def replace(self, wanted: Wanted, old: Found, told: tuple[Change, ...]) -> None:
        """Let another object take the place: one that we made before, or a new one."""
        if wanted.kind == "promotion_code":
            self.archive(wanted.key, old)  # one code is active once
        again = self.made_before(wanted)
        if again is None:
            self.step("create", wanted, None, told, instead=old)
        else:
            changes = self.changes(wanted, again)
            self.step("update" if changes else "adopt", wanted, again, changes, instead=old)
        if wanted.kind == "price":
            self.archive(wanted.key, old)

    def dress(self, wanted: Wanted, found: Found) -> None:
        """Change what may be changed, or only write it into the lock file."""
        changes = self.changes(wanted, found)
        if changes:
            self.step("update", wanted, found, changes)
        elif not self.is_locked(wanted, found):
            self.step("adopt", wanted, found)

    def close(self, wanted: Wanted, found: Found) -> None:
        """Keep what is sold no more: it stays in the lock file, and is archived."""
        if not self.is_locked(wanted, found):
            self.step("adopt", wanted, found)
        self.archive(wanted.key, found)

    def archive(self, key: str, found: Found) -> None:
        """Archive what is no longer sold, where nobody pays it any more."""
        if not found.active:
            return
        if found.id in self.in_use:
            self.kept.append(found)
        else:
            self.steps.append(Step(verb="archive", kind=found.kind, key=key, found=found))

    def read_removed(self) -> None:
        """Give the steps for what the lock file holds and the catalogue has no more."""
        wanted = {(each.kind, each.key) for each in self.wish.wanted}
        wanted |= {(each.kind, each.key) for each in self.wish.skipped if each.kind is not None}
        for kind in reversed(KINDS):
            for key, id_ in sorted(ids_of(self.lock, kind).items()):
                if (kind, key) in wanted:
                    continue
                found = self.of(kind, id_)
                before = len(self.steps)
                if found is not None and kind not in _NOT_ARCHIVED:
                    self.archive(key, found)
                stays = found if len(self.steps) == before else None
                self.steps.append(Step(verb="forget", kind=kind, key=key, found=stays))

    def read_retired(self) -> None:
        """Give the steps for prices whose place was taken earlier, once nobody pays them."""
        told = {each.found.id for each in self.steps if each.found and each.verb == "archive"}
        for id_ in sorted(self.lock.retired - told):
            found = self.of("price", id_)
            if found is not None and found.active:
                self.archive("", found)
            else:
                gone = found or Found(kind="price", id=id_, terms={}, active=False)
                self.steps.append(Step(verb="forget", kind="price", key="", found=gone))

    def made_before(self, wanted: Wanted) -> Found | None:
        """Find one that we made with just these terms: the last run may have ended right after."""
        same = [
            each
            for each in self.held
            if each.kind == wanted.kind
            and each.made_for(wanted.key, self.lock.environment)
            and not self.differences(wanted, each)
            and (each.active or wanted.kind == "price")
        ]
        return max(same, key=lambda each: (each.lookup == wanted.lookup, each.active), default=None)

    def changes(self, wanted: Wanted, found: Found) -> tuple[Change, ...]:
        """Give what may be changed and differs.

        Of what was made by hand that is only the plan's name, where it names another plan.
        """
        ours = found.metadata.get(OWN) == wanted.key or wanted.kind == "meter"
        named = {PLAN} if found.words.get(PLAN) is not None else set()
        names = wanted.words.keys() if ours else wanted.words.keys() & named
        told = [
            (name, found.words.get(name), wanted.words[name])
            for name in sorted(names)
            if (found.words.get(name) or None) != (wanted.words[name] or None)
        ]
        if found.active != wanted.active and not self.is_spent(found):
            told.append(("active", found.active, wanted.active))
        if wanted.kind == "price" and ours and found.lookup != wanted.lookup:
            told.append(("lookup_key", found.lookup, wanted.lookup))
        return tuple(told)

    def is_locked(self, wanted: Wanted, found: Found) -> bool:
        if wanted.kind == "price":
            return self.lock.prices.get(wanted.key) == locked_price(found, wanted.plan)
        return ids_of(self.lock, wanted.kind).get(wanted.key) == found.id

    def differences(self, wanted: Wanted, found: Found) -> tuple[Change, ...]:
        told = differences(wanted, found, self.ids)
        product = self.ids.get(("product", wanted.product or ""))
        if product not in {None, found.product} and found.metadata.get(OWN) == wanted.key:
            told = (*told, ("product", found.product, product))
        return told

    def of(self, kind: Kind, id_: str) -> Found | None:
        return next((each for each in self.held if (each.kind, each.id) == (kind, id_)), None)

    def is_spent(self, found: Found) -> bool:
        """Whether a code was switched off by Stripe for good: it is used up, or its coupon is."""
        coupons = [each for each in self.held if each.kind == "coupon" and each.spent]
        return found.spent or found.terms.get("coupon") in {each.id for each in coupons}

    def step(
        self,
        verb: Verb,
        wanted: Wanted,
        found: Found | None = None,
        changes: tuple[Change, ...] = (),
        instead: Found | None = None,
    ) -> None:
        self.ids[wanted.kind, wanted.key] = _NEW if found is None else found.id
        self.steps.append(
            Step(
                verb=verb,
                kind=wanted.kind,
                key=wanted.key,
                wanted=wanted,
                found=found,
                instead=instead,
                changes=changes,
            )
        )
