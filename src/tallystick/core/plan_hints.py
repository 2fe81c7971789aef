"""Hints that take more than one plan: what a careful reader of the whole price list would ask."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.hints import hint, placed
from tallystick.core.money import Money
from tallystick.core.number import round_quotient
from tallystick.core.offer import gives_no_more, offers
from tallystick.core.wording import and_words, feature_words
from tallystick.errors import OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.catalog import Catalog, Product
    from tallystick.core.offer import Offer
    from tallystick.errors import Problem

__all__ = ["plan_hints"]

_PAIR: Final = 2
_MOST_COMPARED: Final = 200  # cheaper plans that one is held against: a hint is not worth minutes
_SHORTEST_KEY: Final = 6
_WORDS: Final = re.compile(r"[^\W_]+")
_NOT_A_LETTER: Final = re.compile(r"[\W_]")


def plan_hints(catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    """Give the hints that compare plans and products."""
    misspelt = _misspelt(catalog)
    yield from _spelling(catalog, misspelt)
    markets: dict[object, list[Offer]] = defaultdict(list)
    for offer in offers(catalog):
        markets[offer.market].append(offer)
    for market in markets.values():
        ranked = sorted(market, key=lambda offer: offer.cost)
        yield from _dominated(ranked)
        yield from _forgotten(ranked, {*misspelt, *misspelt.values()})
    yield from _currencies(catalog)


# --- a plan that costs more per day and gives less than another ----------------------------------


def _dominated(ranked: Sequence[Offer]) -> Iterator[Problem]:
    """Find plans that cost more per day than another, bind as long, and give nothing more.

    A longer period at a lower price per day is a discount for the commitment, so a plan is only
    held against those that bind no longer than it does.
    """
    best = -1  # no cheaper plan gives more than this, so most plans need no comparison at all
    for rank, offer in enumerate(ranked):
        if offer.score <= best:
            likely = (o for o in islice(ranked, rank) if offer.score <= o.score)
            held = islice(likely, _MOST_COMPARED)
            better = next((other for other in held if _beats(other, offer)), None)
            if better is not None:
                yield _dominance(offer, better)
        best = max(best, offer.score)


def _beats(other: Offer, offer: Offer) -> bool:
    return (
        gives_no_more(offer, other)
        and offer.cost > other.cost
        and offer.slope >= other.slope
        and offer.periods <= other.periods
        and offer.rest == other.rest
        and offer.plan.setup_fee >= other.plan.setup_fee
        and other.open_to_all
    )


def _dominance(offer: Offer, better: Offer) -> Problem:
    sides = [_a_year(side) for side in (offer, better)]
    return hint(
        offer.path,
        f"{offer.plan.id} costs more per day than {better.plan.id} and gives nothing more:"
        f" {sides[0]} against {sides[1]} over a year",
        f"lower its price, give it something that {better.plan.id} lacks, or retire it"
        " (active: false)",
    )


def _a_year(offer: Offer) -> str:
    try:
        return str(Money(round_quotient(offer.cost), offer.plan.currency))
    except OutOfBounds:
        return "a sum that cannot be billed"


# --- a feature that a cheaper plan has and a dearer one does not mention --------------------------


def _forgotten(ranked: Sequence[Offer], misspelt: set[str]) -> Iterator[Problem]:
    """Find features of the next cheaper plan that a plan neither gives nor switches off.

    `enabled: false` is a decision and silences the hint; so does a plan of other features.
    """
    for cheaper, offer in pairwise(ranked):
        mine = offer.plan.features
        missing = [k for k in cheaper.plan.features if k in cheaper.plan.enabled and k not in mine]
        missing = [key for key in missing if key not in misspelt]
        shared = cheaper.plan.enabled & offer.plan.enabled
        if missing and len(missing) <= len(shared) and cheaper.cost < offer.cost:
            words = and_words([feature_words(key) for key in missing])
            yield hint(
                offer.path,
                f"{offer.plan.id} does not mention {words}, which the cheaper"
                f" {cheaper.plan.id} has",
                "add the feature, or say so with enabled: false",
            )


# --- a key that is nearly another's --------------------------------------------------------------


def _misspelt(catalog: Catalog[Any, Any]) -> dict[str, str]:
    """Map each rare key to the commoner one that it is nearly spelt as.

    Keys that stand together in some plan are two things, as are keys that differ in a digit.
    """
    uses: dict[str, int] = defaultdict(int)
    beside: dict[str, set[str]] = defaultdict(set)
    groups: dict[str, list[str]] = defaultdict(list)
    for plan in catalog:
        for key in plan.features:
            uses[key] += 1
    for key in uses:
        for shape in _shapes_of(key):
            groups[shape].append(key)
    near = {key for group in groups.values() if len(group) > 1 for key in group}
    for plan in catalog:
        for key in near & plan.features.keys():
            beside[key] |= plan.features.keys()
    return _rarer(groups, uses, beside)


def _rarer(
    groups: Mapping[str, Sequence[str]], uses: Mapping[str, int], beside: Mapping[str, set[str]]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for group in groups.values():
        common = max(group, key=lambda key: uses[key])
        for key in group:
            if key != common and common not in beside[key] and _digits(key) == _digits(common):
                found.setdefault(key, common)
    return {key: common for key, common in found.items() if common not in found}


def _shapes_of(key: str) -> set[str]:
    """Give what two near spellings have in common: the key with any one letter left out."""
    plain = _NOT_A_LETTER.sub("", key).casefold()
    if len(plain) < _SHORTEST_KEY:
        return {plain}
    return {plain, *(plain[:i] + plain[i + 1 :] for i in range(len(plain)))}


def _digits(key: str) -> str:
    return "".join(letter for letter in key if letter.isdigit())


def _spelling(catalog: Catalog[Any, Any], misspelt: Mapping[str, str]) -> Iterator[Problem]:
    for path, plan in placed(catalog):
        for number, key in enumerate(plan.features):
            if key in misspelt:
                yield hint(
                    f"{path}.limits[{number}].feature_key",
                    f"{key!r} is nearly {misspelt[key]!r}, which other plans have",
                    f"did you mean {misspelt[key]!r}?",
                )


# --- a currency that others are sold in ----------------------------------------------------------


def _currencies(catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    """Find products that lack a currency in which others are sold.

    Products of one name (`Pro`, `Pro EUR`) are one product in several currencies.  Where no
    product is sold in two, a single one in another currency than all the rest is the odd one.
    """
    sold = [(i, p, _sold_in(p)) for i, p in enumerate(catalog.products) if not p.hidden]
    sold = [(index, product, money) for index, product, money in sold if money]
    all_codes = {code for _, _, money in sold for code in money}
    if len(all_codes) < _PAIR:
        return
    families: dict[str, set[str]] = defaultdict(set)
    for _, product, money in sold:
        families[_family(product, all_codes)] |= money
    wanted = {c for money in families.values() if len(money) > 1 for c in money}
    wanted = wanted or _common_currency([money for _, _, money in sold])
    told: set[str] = set()
    for index, product, _ in sold:
        family = _family(product, all_codes)
        lacking = sorted(wanted - families[family])
        if lacking and family not in told:
            told.add(family)
            yield _lacks(f"products[{index}]", product, lacking, sorted(all_codes))


def _common_currency(sold: Sequence[set[str]]) -> set[str]:
    """Give the currency of all products but one; nothing where it is not as clear as that."""
    codes = [code for money in sold for code in money]
    odd = [code for code in set(codes) if codes.count(code) == 1]
    common = [code for code in set(codes) if codes.count(code) == len(sold) - 1]
    if len(sold) == _PAIR:
        return {codes[0]}
    return set(common) if len(odd) == 1 else set()


def _lacks(path: str, product: Product[Any], lacking: list[str], codes: list[str]) -> Problem:
    return hint(
        path,
        f"{and_words(codes)} are sold, product {product.id} has no {and_words(lacking)} price",
        "offer it in that currency too, or correct its currency",
    )


def _sold_in(product: Product[Any]) -> set[str]:
    """Give the currencies of the plans that are offered for an amount."""
    sold = (plan for plan in product.plans if plan.active and not plan.custom and plan.prices)
    return {money.code for plan in sold for money in plan.sold_in}


def _family(product: Product[Any], codes: set[str]) -> str:
    """Give the product's name without the currency in it."""
    words = _WORDS.findall(product.name)
    return " ".join(word.casefold() for word in words if word.upper() not in codes)
