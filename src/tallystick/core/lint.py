"""What is wrong with a whole catalogue, and what in it is worth a second look.

What a single field or plan must hold is checked where a catalogue is read.  Here stands what only
shows once everything is known and the lock file has been laid under it: `problems`, which must be
cured before anything is shown or sold, and `hints`, which fail nothing.

Paths are those of the native format: `products[0].plans[1].prices[0].tiers[2]`.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.canonical import to_tree
from tallystick.core.coupon_hints import coupon_hints
from tallystick.core.hints import placed, price_hints
from tallystick.core.period import cadence_of
from tallystick.core.plan_hints import plan_hints
from tallystick.core.terms import cadence_of_price, fitting
from tallystick.core.wording import and_words, billed_words, own_cadence_words
from tallystick.errors import InvalidInput, Problem, TallystickError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from tallystick.core.catalog import Catalog, Plan, Product
    from tallystick.core.period import Instant
    from tallystick.core.price import Price

__all__ = ["cadence_problems", "lint", "mixed_cadence_problems"]

_PAIR: Final = 2
_NUMBER: Final = re.compile(r"\[([0-9]+)\]")


def lint(catalog: Catalog[Any, Any], *, at: Instant | None = None) -> tuple[Problem, ...]:
    """Give the problems of a catalogue as a whole, then the hints, each in catalogue order.

    Those about coupons come last; which of them have ended is told where `at` says what time it is.

    A catalogue that was built from classes and holds what no file could hold (a figure that is not
    finite, business rules that are not JSON) gives that one problem.
    """
    try:
        to_tree(catalog)
    except InvalidInput as refused:
        return (Problem("", str(refused), "write what a file could hold"),)
    found = chain(cadence_problems(catalog), mixed_cadence_problems(catalog))
    problems = sorted(found, key=_place)
    hints = sorted(chain(price_hints(catalog), plan_hints(catalog)), key=_place)
    return (*problems, *hints, *sorted(coupon_hints(catalog, at), key=_place))


def cadence_problems(catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    """Find plans of one product that look alike because nobody says how long their periods are.

    They have the same cadence and currency, and at least one has a count of intervals that is
    neither written nor pulled: a quarterly plan would be shown as a monthly one.  Plans that
    charge nothing (free, or "contact us") can hide no other cadence and are left out.
    """
    for number, product in enumerate(catalog.products):
        alike: dict[Hashable, list[int]] = {}
        for index, plan in enumerate(product.plans):
            if plan.prices and not plan.custom:
                alike.setdefault(_cadence(plan), []).append(index)
        for key, group in alike.items():
            uncounted = [i for i in group if product.plans[i].interval_count is None]
            if key is not None and len(group) > 1 and uncounted:
                path = f"products[{number}].plans[{uncounted[-1]}].interval_count"
                yield _look_alike(path, product, [product.plans[i] for i in group])


def mixed_cadence_problems(catalog: Catalog[Any, Any]) -> Iterator[Problem]:
    """Find prices whose own periods do not nest in their plan's, nor the plan's in theirs.

    Months nest in years and weeks of days; months and weeks never meet.
    """
    for path, plan in placed(catalog):
        for number, price in enumerate(plan.prices):
            place = f"{path}.prices[{number}].interval"
            if price.interval is not None and plan.one_time:
                yield Problem(place, "means nothing on a one-time plan", "leave it out")
            elif price.interval is not None and not _nests(price, plan):
                yield Problem(
                    place,
                    f"{price.id} is billed {own_cadence_words(price)}, {plan.id}"
                    f" {billed_words(plan)}: neither goes evenly into the other",
                    "write a cadence of which the other is a whole multiple",
                )


def _nests(price: Price, plan: Plan[Any]) -> bool:
    try:
        own, whole = cadence_of_price(price, plan), cadence_of(plan)
    except TallystickError:  # a count below one, which the reader reports
        return True
    return own is None or whole is None or fitting(own, whole)


def _cadence(plan: Plan[Any]) -> Hashable:
    """Give what two plans must not share unsaid; None for a plan that is paid once."""
    try:
        cadence = cadence_of(plan)
    except TallystickError:  # a count below one, which the reader reports
        return None
    return None if cadence is None else (cadence.key, plan.currency)


def _look_alike(path: str, product: Product[Any], plans: list[Plan[Any]]) -> Problem:
    names = and_words([plan.id for plan in plans])
    unsaid = [plan for plan in plans if plan.interval_count is None]
    many = "both" if len(plans) == _PAIR else "all"
    return Problem(
        path,
        f"{names} of product {product.id} would {many} be billed {billed_words(plans[0])}: the"
        f" interval count of {and_words([plan.id for plan in unsaid])} is neither written nor"
        " pulled; write `intervalCount` on each, or pull it from the provider with"
        " `tallystick stripe pull`",
        "for example `intervalCount: 3` on a quarterly plan",
    )


def _place(problem: Problem) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(problem.path))
