"""What changed between two catalogues, in words a product manager reads.

Every change names its subject by ids, says in one sentence what happened, and keeps both sides.
There is no change exactly where the digests are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.canonical import canonical_bytes
from tallystick.core.catalog import Feature, Plan, Product
from tallystick.core.diff_coupon import coupon_changes, coupon_words
from tallystick.core.diff_credit import credit_changes
from tallystick.core.diff_currencies import currency_changes, rate_changes
from tallystick.core.diff_price import (
    amount_change,
    matched_lines,
    optional_amount_change,
    price_changes,
)
from tallystick.core.diff_words import (
    FREE_JSON,
    Words,
    json_change,
    list_changes,
    plain_change,
    shown,
    unlike,
    unlike_fields,
)
from tallystick.core.meter import Meter
from tallystick.core.wording import (
    billed_words,
    feature_words,
    limit_words,
    line_words,
    plan_price_words,
    price_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.catalog import Catalog
    from tallystick.core.currency import Currency

__all__ = ["Change", "Kind", "Subject", "diff"]

Kind: TypeAlias = Literal["added", "removed", "changed"]
"""What happened to the subject: it came, it went, or it is otherwise than before."""

_AMOUNTS: Final = frozenset({"minimum_commitment", "invoice_threshold"})
_VERBS: Final = ("is ", "moved ")
_LISTED: Final[Mapping[str, Callable[..., Iterator[Words]]]] = {
    "currencies": currency_changes,
    "credits": credit_changes,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a change is about, by ids; all None is the catalogue itself.

    A feature or price stands in the plan named beside it.
    """

    product: str | None = None
    plan: str | None = None
    price: str | None = None
    feature: str | None = None
    meter: str | None = None
    coupon: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise: the sentence, and each side in words where it has one."""

    kind: Kind
    subject: Subject
    text: str
    before: str | None = None
    after: str | None = None


def diff(old: Catalog[Any, Any], new: Catalog[Any, Any]) -> tuple[Change, ...]:
    """Tell what changed from `old` to `new`; nothing exactly where their digests are equal.

    In the order: catalogue, meters, coupons, products, then the plans in the order of `new`, then
    those that are gone.  Raises InvalidInput for values that no file could hold.
    """
    if canonical_bytes(old) == canonical_bytes(new):
        return ()
    changes = tuple(_Comparison(old, new).changes())
    return changes or (Change("changed", Subject(), "the catalogue has one id twice"),)


class _Comparison:
    """Two catalogues side by side, and what their plans are called."""

    def __init__(self, old: Catalog[Any, Any], new: Catalog[Any, Any]) -> None:
        self.old, self.new = old, new
        self.names = _names([*old, *new])

    def changes(self) -> Iterator[Change]:
        if unlike(self.old.provider, self.new.provider):
            words = plain_change("provider", self.old.provider, self.new.provider)
            yield _change(Subject(), "catalogue", words)
        yield from self.meters()
        yield from self.coupons()
        yield from self.products()
        yield from self.plans()

    def meters(self) -> Iterator[Change]:
        for key, before, after in _matched(self.old.meters, self.new.meters):
            subject = Subject(meter=key)
            if before is None or after is None:
                yield _presence(subject, f"meter {key}", absent_before=before is None)
                continue
            for name in unlike_fields(Meter, before, after):
                words = _meter_words(name, getattr(before, name), getattr(after, name))
                yield _change(subject, f"meter {key}", words)

    def coupons(self) -> Iterator[Change]:
        old = {coupon.id: coupon for coupon in self.old.coupons}
        new = {coupon.id: coupon for coupon in self.new.coupons}
        yield from _order(Subject(), "catalogue: coupons", list(old), list(new))
        for key, before, after in _matched(old, new):
            subject, name = Subject(coupon=key), f"coupon {key}"
            if before is not None and after is not None:
                for words in coupon_changes(before, after):
                    yield _change(subject, name, words)
            elif after is not None:
                cost = coupon_words(after)
                yield Change("added", subject, f"{name} added: {cost}", None, cost)
            elif before is not None:
                cost = coupon_words(before)
                yield Change("removed", subject, f"{name} removed: {cost}", cost)

    def products(self) -> Iterator[Change]:
        old = {product.id: product for product in self.old.products}
        new = {product.id: product for product in self.new.products}
        yield from _order(Subject(), "catalogue: products", list(old), list(new))
        for key, before, after in _matched(old, new):
            subject = Subject(product=key)
            if before is None or after is None:
                name = (before or after or new[key]).name
                yield _presence(subject, f"product {name}", absent_before=before is None)
                continue
            for words in _product_words(before, after):
                yield _change(subject, f"product {before.name}", words)
            orders = [[plan.id for plan in side.plans] for side in (before, after)]
            yield from _order(subject, f"product {before.name}: plans", *orders)

    def plans(self) -> Iterator[Change]:
        old = {plan.id: plan for plan in self.old}
        new = {plan.id: plan for plan in self.new}
        for key, before, after in _matched(old, new):
            name = self.names[key]
            if before is not None and after is not None:
                yield from self.plan(before, after, name)
            elif after is not None:
                subject = Subject(product=after.product_id, plan=key)
                cost = plan_price_words(after)
                yield Change("added", subject, f"plan {name} added: {cost}", None, cost)
            elif before is not None:
                subject = Subject(product=before.product_id, plan=key)
                cost = plan_price_words(before)
                yield Change("removed", subject, f"plan {name} removed: {cost}", cost)

    def plan(self, old: Plan[Any], new: Plan[Any], name: str) -> Iterator[Change]:
        subject = Subject(product=new.product_id, plan=new.id)
        for words in self.plan_words(old, new):
            yield _change(subject, name, words)
        yield from _lines(subject, name, old, new)
        for key, before, after in _matched(old.features, new.features):
            about = Subject(product=new.product_id, plan=new.id, feature=key)
            yield from _feature(about, name, (before, after), (old.currency, new.currency))

    def plan_words(self, old: Plan[Any], new: Plan[Any]) -> Iterator[Words]:
        if old.product_id != new.product_id:
            sides = (old.product_id, new.product_id)
            yield Words(f"moved from product {sides[0]} to product {sides[1]}", *sides)
        told = {"prices", "features", "version", "product_id"} | self.inherited(old, new)
        if billed_words(old) != billed_words(new):
            sides = (billed_words(old), billed_words(new))
            yield Words(f"billed {sides[0]} → {sides[1]}", *sides)
            told |= {"interval", "interval_count"}
        for name in unlike_fields(Plan, old, new):
            if name not in told:
                yield from _plan_field(name, old, new)

    def inherited(self, old: Plan[Any], new: Plan[Any]) -> set[str]:
        """Name the fields that changed with the product or the catalogue, and are told there."""
        found = set()
        if (old.provider, new.provider) == (self.old.provider, self.new.provider):
            found.add("provider")
        if old.product_id == new.product_id:
            products = (self.old.product_of(old), self.new.product_of(new))
            if (old.currency, new.currency) == (products[0].currency, products[1].currency):
                found.add("currency")
        return found


def _names(plans: Iterable[Plan[Any]]) -> dict[str, str]:
    """Call each plan by its old name, and by its id too where another has the same name."""
    owners: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for plan in plans:
        names.setdefault(plan.id, plan.name)
        owners.setdefault(plan.name, set()).add(plan.id)
    return {key: f"{n} ({key})" if len(owners[n]) > 1 else n for key, n in names.items()}


def _matched(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, Any | None, Any | None]]:
    """Pair two mappings by key: those of `new` in its order, then those that are gone."""
    for key in (*new, *(key for key in old if key not in new)):
        yield key, old.get(key), new.get(key)


def _change(subject: Subject, name: str, words: Words) -> Change:
    joint = "" if words.text.startswith(_VERBS) else ":"
    return Change("changed", subject, f"{name}{joint} {words.text}", words.before, words.after)


def _presence(subject: Subject, name: str, *, absent_before: bool) -> Change:
    kind: Kind = "added" if absent_before else "removed"
    return Change(kind, subject, f"{name} {kind}")


def _meter_words(name: str, before: object, after: object) -> Words:
    said = _METER_WORDS.get(name)
    if said is None:
        return plain_change(name, before, after)
    sides = (said(before), said(after))
    return Words(f"{name.replace('_', ' ')} {sides[0]} → {sides[1]}", *sides)


def _filter_words(allowed: Any) -> str:  # noqa: ANN401 - the value of one field among many
    words = [f"{name} {' or '.join(map(shown, allowed[name]))}" for name in sorted(allowed)]
    return ", ".join(words) or "everything"


_METER_WORDS: Final[Mapping[str, Callable[[object], str]]] = {
    "filter": _filter_words,
    "rounding": lambda decimals: "exact" if decimals is None else f"{decimals} decimals",
    "late_after": lambda days: "never" if days is None else f"{days} days",
}


def _order(subject: Subject, name: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Tell where what stands in both catalogues stands in another order."""
    before, after = [k for k in old if k in new], [k for k in new if k in old]
    if before != after:
        sides = (", ".join(before), ", ".join(after))
        text = f"{name} stand in another order: {sides[0]} → {sides[1]}"
        yield Change("changed", subject, text, *sides)


def _product_words(old: Product[Any], new: Product[Any]) -> Iterator[Words]:
    for name in unlike_fields(Product, old, new):
        before, after = getattr(old, name), getattr(new, name)
        if name == "features":
            yield from list_changes("text", before, after)
        elif name == "name":
            yield Words(f"is now called {after}", before, after)
        elif name == "hidden":
            sides = (shown(before), shown(after))
            yield Words("is no longer shown" if after else "is shown again", *sides)
        elif name in FREE_JSON:
            yield json_change(name, before, after)
        elif name != "plans":
            yield plain_change(name, before, after)


def _plan_field(name: str, old: Plan[Any], new: Plan[Any]) -> Iterator[Words]:
    before, after = getattr(old, name), getattr(new, name)
    sides = (shown(before), shown(after))
    if name == "name":
        yield Words(f"is now called {after}", before, after)
    elif name == "active":
        text = "is offered to new customers again"
        yield Words(text if after else "is no longer offered to new customers", *sides)
    elif name == "custom":
        text = "is now sold on request ('contact us')"
        yield Words(text if after else "is no longer sold on request only", *sides)
    elif name == "trial_days":
        yield _trial(before, after)
    elif name == "setup_fee":
        yield amount_change((before, old.currency, ""), (after, new.currency, ""), "set-up fee")
    elif name in _AMOUNTS:
        old_side, new_side = (before, old.currency, ""), (after, new.currency, "")
        yield optional_amount_change(old_side, new_side, name.replace("_", " "))
    elif name in _LISTED:
        yield from _LISTED[name](before, after)
    elif name in {"coupons", "coupon_ids"}:
        yield from list_changes("coupon" if name == "coupons" else "coupon id", before, after)
    elif name in FREE_JSON:
        yield json_change(name, before, after)
    else:
        yield plain_change(name, before, after)


def _trial(before: int | None, after: int | None) -> Words:
    old, new = (None if days is None else f"{days} days" for days in (before, after))
    if old is None:
        return Words(f"trial of {new} added", old, new)
    return Words(f"trial of {old} removed" if new is None else f"trial {before} → {new}", old, new)


def _lines(subject: Subject, name: str, old: Plan[Any], new: Plan[Any]) -> Iterator[Change]:
    pairs, gone, come = matched_lines(old.prices, new.prices)
    for before, after in pairs:
        about = Subject(product=subject.product, plan=subject.plan, price=after.id)
        for words in price_changes(before, after, (old, new)):
            yield _change(about, name, words)
    for kind, prices in (("added", come), ("removed", gone)):
        for price in prices:
            about = Subject(product=subject.product, plan=subject.plan, price=price.id)
            cost = price_words(price)
            text = f"{name}: line {line_words(price)} {kind}: {cost}"
            sides = (None, cost) if kind == "added" else (cost, None)
            yield Change("added" if kind == "added" else "removed", about, text, *sides)
    renamed = {before.id: after.id for before, after in pairs}
    orders = [renamed.get(p.id, p.id) for p in old.prices], [p.id for p in new.prices]
    yield from _order(subject, f"{name}: lines", *orders)


def _feature(
    subject: Subject,
    name: str,
    sides: tuple[Feature | None, Feature | None],
    money: tuple[Currency, Currency],
) -> Iterator[Change]:
    """Tell what changed in what a plan gives; a feature counts by whether it is switched on."""
    old, new = sides
    words = f"{name}: {feature_words(subject.feature or '')}"
    was, has = old is not None and old.enabled, new is not None and new.enabled
    if new is not None and has and not was:
        gives = _gives(new)
        yield Change("added", subject, f"{words} added{f', {gives}' if gives else ''}", None, gives)
    elif old is not None and was and not has:
        yield Change("removed", subject, f"{words} removed", _gives(old))
    elif old is None:
        yield Change("added", subject, f"{words} listed as not included")
    elif new is None:
        yield Change("removed", subject, f"{words} no longer listed as not included")
    else:
        for change in _feature_words_of(old, new, money):
            yield Change("changed", subject, f"{words} {change.text}", change.before, change.after)


def _gives(feature: Feature) -> str:
    return "" if feature.limit is None else f"limit {limit_words(feature.limit)}"


def _feature_words_of(
    old: Feature, new: Feature, money: tuple[Currency, Currency]
) -> Iterator[Words]:
    for name in unlike_fields(Feature, old, new):
        before, after = getattr(old, name), getattr(new, name)
        if name == "limit":
            sides = (limit_words(before), limit_words(after))
            yield Words(f"limit {sides[0]} → {sides[1]}", *sides)
        elif name == "unit_price":
            old_side, new_side = (before, money[0], " each"), (after, money[1], " each")
            yield optional_amount_change(old_side, new_side, "beyond the limit")
        elif name == "currencies":
            yield from rate_changes(before, after)
        elif name != "key":
            yield plain_change(name, before, after)
