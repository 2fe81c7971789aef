"""Which object at Stripe is which of the catalogue's; what is not sure is named, never guessed.

In this order: by the id in the lock file; by an id that the catalogue itself names; by what we
wrote on it when we made it (lookup key, metadata); a price made by hand by the plan that its
metadata names, and a product made by hand by the prices that were found on it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.period import Cadence
from tallystick.errors import Problem
from tallystick.providers.stripe.book import OWN, PLAN, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.book import Found, Wanted
    from tallystick.providers.stripe.book_wanted import Wish

__all__ = ["Matches", "differences", "ids_of", "match"]

_ORDER: Final[tuple[Kind, ...]] = ("meter", "price", "product", "coupon", "promotion_code")
# Prices before products: a product made by hand is known by its prices.
_AMOUNTS: Final = frozenset({"amount", "tiers", "tiers_mode", "package", "meter"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What was found for what is wanted, by kind and key, and what is not sure."""

    found: Mapping[tuple[Kind, str], Found]
    problems: tuple[Problem, ...]

    def of(self, wanted: Wanted) -> Found | None:
        """Give what was found for it, or None."""
        return self.found.get((wanted.kind, wanted.key))


def ids_of(lock: Lock, kind: Kind) -> Mapping[str, str]:
    """Give the ids that a lock holds of a kind, by our keys."""
    if kind == "price":
        return {key: price.provider_id for key, price in lock.prices.items()}
    held: Mapping[str, str] = getattr(lock, f"{kind}s")
    return held


def match(wish: Wish, held: Iterable[Found], lock: Lock) -> Matches:
    """Find for each that is wanted the one object at Stripe that is it."""
    matcher = _Matcher(lock, tuple(held), wish)
    for kind in _ORDER:
        matcher.match([each for each in wish.wanted if each.kind == kind], kind)
    return Matches(found=matcher.found, problems=tuple(matcher.problems))


def differences(
    wanted: Wanted, found: Found, ids: Mapping[tuple[Kind, str], str]
) -> tuple[tuple[str, Any, Any], ...]:
    """Give what differs in the terms: `(name, at Stripe, wanted)`.

    A cadence is compared by what it means (12 months are a year), and where nobody says how many
    intervals it has any number is right.  `ids` are those of what a term points to.
    """
    asked, has = _pointed(wanted.terms, ids), found.terms
    told = [(name, has.get(name), value) for name, value in asked.items() if has.get(name) != value]
    if wanted.kind != "price" or asked["interval"] is None or has["interval"] is None:
        return tuple(told)
    if asked["interval_count"] is None:
        fits = asked["interval"] == has["interval"]
    else:
        every = (Cadence(t["interval"], t["interval_count"]) for t in (asked, has))
        fits = next(every).same_as(next(every))
    return tuple(each for each in told if not (fits and each[0].startswith("interval")))


def _pointed(terms: Mapping[str, Any], ids: Mapping[tuple[Kind, str], str]) -> dict[str, Any]:
    """Write Stripe's ids for our keys."""
    changed = dict(terms)
    if terms.get("meter") is not None:
        changed["meter"] = ids.get(("meter", terms["meter"]))
    if terms.get("coupon") is not None:
        changed["coupon"] = ids.get(("coupon", terms["coupon"]))
    if terms.get("products"):
        changed["products"] = sorted(str(ids.get(("product", key))) for key in terms["products"])
    return changed


@dataclass
class _Matcher:
    lock: Lock
    held: Sequence[Found]
    wish: Wish
    found: dict[tuple[Kind, str], Found] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def match(self, wanted: Sequence[Wanted], kind: Kind) -> None:
        """Match one kind: first what is known by a name, then what is known by what it is."""
        held = [each for each in self.held if each.kind == kind]
        by_id = {each.id: each for each in held}
        locked = ids_of(self.lock, kind)
        for each in wanted:
            known = by_id.get(locked.get(each.key, "")) or self.known(each, held)
            if known is not None:
                self.found[kind, each.key] = known
        open_ = [each for each in wanted if (kind, each.key) not in self.found]
        if kind == "price":
            self.match_priced(open_, held)
        elif kind == "product":
            self.settle(open_, {each.key: self.carrying(each, held) for each in open_})
        self.check_claims(wanted, kind)

    def known(self, wanted: Wanted, held: Sequence[Found]) -> Found | None:
        """Find it by an id that the catalogue names, or by what stands on it.

        That is its lookup key, the name of its meter, its code, or the metadata that we wrote.
        """
        names = {
            "price": lambda each: each.lookup == wanted.lookup,
            "meter": lambda each: each.active and each.terms["event_name"] == wanted.key,
            "promotion_code": lambda each: (
                each.active and each.terms["code"].casefold() == wanted.terms["code"].casefold()
            ),
        }
        own = [
            each
            for each in held
            if (each.metadata.get(OWN) == wanted.key and (each.active or each.kind == "product"))
            or each.id == wanted.named
            or (wanted.kind in names and names[wanted.kind](each))
        ]
        free = [each for each in own if each.open_to(self.lock.environment)]
        if own and not free and wanted.kind != "product":
            self.problem(wanted, own, "was made for another environment of this account")
        named = [each for each in free if each.id == wanted.named]
        keyed = [each for each in free if each.lookup == wanted.lookup]
        return next(iter(named or keyed or free), None)

    def match_priced(self, wanted: Sequence[Wanted], held: Sequence[Found]) -> None:
        """Find prices made by hand: first those that are just as wanted, then the only ones left.

        Whatever could be two of the catalogue's is neither.
        """
        near = {each.key: self.near(each, held) for each in wanted}
        exact = {key: [found for found, same in several if same] for key, several in near.items()}
        self.settle([each for each in wanted if len(exact[each.key]) == 1], exact)
        left = [each for each in wanted if ("price", each.key) not in self.found]
        taken = {each.id for each in self.found.values()}
        others = {
            each.key: [found for found, _ in near[each.key] if found.id not in taken]
            for each in left
        }
        self.settle(left, others)

    def settle(self, wanted: Sequence[Wanted], choice: Mapping[str, Sequence[Found]]) -> None:
        """Take the only choice of each; name those that have several."""
        for each in wanted:
            found = choice[each.key]
            if len(found) == 1:
                self.found[each.kind, each.key] = found[0]
            elif found:
                self.problem(each, found, "could each be it")

    def near(self, wanted: Wanted, held: Sequence[Found]) -> list[tuple[Found, bool]]:
        """Give the prices made by hand for the plan, for its currency and interval; and which fit.

        A price with another amount may still be it: then the amount is what differs.
        """
        taken = {each.id for each in self.found.values()}
        ids = {key: each.id for key, each in self.found.items()}
        near = []
        for each in held:
            by_hand = each.metadata.get(PLAN) == wanted.plan and OWN not in each.metadata
            told = {name for name, _, _ in differences(wanted, each, ids)}
            if by_hand and each.active and each.id not in taken and told <= _AMOUNTS:
                near.append((each, not told))
        return near

    def carrying(self, wanted: Wanted, held: Sequence[Found]) -> list[Found]:
        """Give the products on which the prices of a product were found."""
        keys = [each.key for each in self.wish.wanted if each.product == wanted.key]
        prices = (self.found.get(("price", key)) for key in keys)
        at = {each.product for each in prices if each is not None}
        return [each for each in held if each.id in at and OWN not in each.metadata]

    def check_claims(self, wanted: Sequence[Wanted], kind: Kind) -> None:
        """Let go of an object that two of the catalogue's could be, and say so."""
        counts = Counter(each.id for (of, _), each in self.found.items() if of == kind)
        for each in wanted:
            found = self.found.get((kind, each.key))
            if found is not None and counts[found.id] > 1:
                del self.found[kind, each.key]
                self.problem(each, [found], "could be more than one of the catalogue's")

    def problem(self, wanted: Wanted, found: Sequence[Found], words: str) -> None:
        names = ", ".join(sorted(each.id for each in found))
        noun = wanted.kind.replace("_", " ")
        cure = f"write the id of the right one into the lock file, or metadata {OWN}={wanted.key}"
        self.problems.append(Problem(wanted.path, f"{noun} {wanted.key}: {names} {words}", cure))
