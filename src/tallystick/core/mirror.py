"""What a provider says of a subscription that it bills, and what a mirror of that is.

A mirror is the whole of what the provider says, each time: what came before does not count.  So
whatever order news arrive in, the newest decides alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.core.calendar import period_containing
from tallystick.core.currency import currency
from tallystick.core.period import cadence_of
from tallystick.core.subscription import MAIN, Item, Origin, Subscription
from tallystick.core.subscription_items import plan_id
from tallystick.core.terms import MOST_SEATS, item_in, item_plan
from tallystick.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.intent import ProviderAccount
    from tallystick.core.move import Mirror
    from tallystick.core.period import Instant, Period
    from tallystick.core.subscription import State

__all__ = [
    "Freshness",
    "Mirrored",
    "MirroredLine",
    "items_of",
    "mirror_id",
    "mirrored",
    "newer",
    "origin_of",
    "says_news",
]

_LETTERS: Final = 26


class Freshness(NamedTuple):
    """How fresh a snapshot is: when the provider was asked, and its stamp.

    The stamp is the provider's adapter's: a text that is greater for what is further on, and the
    same only for the same.
    """

    as_of: Instant
    stamp: str


def newer(told: Freshness, held: Freshness | None) -> bool:
    """Tell whether a snapshot counts against the one that is held: only where it was asked later.

    What was asked for at one instant is told apart by its stamp; the same one again is not newer.
    """
    return held is None or told > held


@dataclass(frozen=True, slots=True, kw_only=True)
class MirroredLine:
    """A line of a subscription at its provider.

    `item` and `price` are the names of the line and of its price there.  `line` is our id of the
    price line that it is of, and `plan` the plan that the provider's notes name: one of both is
    needed to find the plan.  A metered line has no `quantity`.
    """

    item: str
    price: str
    line: str | None = None
    plan: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A subscription as its provider said it at `as_of`: whose it is, what is had, how it stands.

    `payer` is what the provider calls the customer, and `plan` the plan itself where its notes name
    it; the other plans are add-ons.  `lapsed` is one that is not served as it was not paid.
    """

    account: ProviderAccount
    provider: str
    reference: str
    payer: str
    currency: str
    lines: tuple[MirroredLine, ...]
    state: State
    as_of: Instant
    stamp: str
    plan: str | None = None
    started_at: Instant | None = None
    anchor: Instant | None = None
    period: Period | None = None
    trial_end: Instant | None = None
    cancel_at: Instant | None = None
    ended_at: Instant | None = None
    paused_at: Instant | None = None
    resumes_at: Instant | None = None
    lapsed: bool = False

    @property
    def freshness(self) -> Freshness:
        """How fresh it is."""
        return Freshness(self.as_of, self.stamp)


# --- what is had ----------------------------------------------------------------------------------


def origin_of(told: Mirrored) -> Origin:
    """Name the subscription of the provider that it is."""
    return Origin(
        provider=told.provider,
        account=told.account.id,
        live=told.account.live,
        reference=told.reference,
        lines=tuple(sorted((each.item, each.price) for each in told.lines)),
    )


def mirror_id(origin: Origin) -> str:
    """Name the mirror of a provider's subscription: the same for ever, whoever makes it."""
    body = "".join(f"{len(str(each))}:{each}" for each in origin.key).encode()
    return f"sub_{sha256(body).hexdigest()[:_LETTERS]}"


def items_of(
    told: Mirrored,
    catalogs: Iterable[Catalog[Any, Any]],
    held: Subscription | None,
    offers: Mapping[str, Plan[Any]],
) -> tuple[Item, ...]:
    """Give what is had: the plan that is named, else that of the first line; then add-ons by id.

    Plans are looked for in the catalogues in their order.  What was had before, at the same prices
    of the provider, stays the plan version that it is.

    Raises NotFound for a price that no plan has; InvalidInput for seats that nobody can have;
    CurrencyMismatch for a plan that is not sold in its currency.
    """
    had = _by_plan(told, tuple(catalogs))
    if not had:
        raise InvalidInput(f"{told.provider}'s {told.reference!r} has no lines: nothing is had")
    main = told.plan if told.plan in had else next(iter(had))
    unit = currency(told.currency)
    items = []
    for id_ in sorted(had, key=lambda each: (each != main, each)):
        plan, lines = had[id_]
        offer = _kept_offer(plan, lines, held) or plan.ref
        key = MAIN if id_ == main else id_
        items.append(item_in(Item(key, offer, _seats(plan, lines)), offers, unit))
    return tuple(items)


def _by_plan(
    told: Mirrored, catalogs: Sequence[Catalog[Any, Any]]
) -> dict[str, tuple[Plan[Any], list[MirroredLine]]]:
    """Tell the lines apart by their plans; one that several plans share is of one that is had."""
    choices = [(line, _plans_of(line, told, catalogs)) for line in told.lines]
    sure = {plans[0].id for _, plans in choices if len(plans) == 1}
    found: dict[str, tuple[Plan[Any], list[MirroredLine]]] = {}
    for line, plans in choices:
        plan = next((each for each in plans if each.id in sure), plans[0])
        found.setdefault(plan.id, (plan, []))[1].append(line)
    return found


def _plans_of(
    line: MirroredLine, told: Mirrored, catalogs: Sequence[Catalog[Any, Any]]
) -> list[Plan[Any]]:
    """Give the plans that a line may be of.  Raises NotFound where there is none."""
    for catalog in catalogs:
        if line.line is not None:
            found = [each for each in catalog if _has(each, line.line)]
            named = [each for each in found if each.id in {line.plan, told.plan}]
            if found:
                return named or found
        plan = catalog.find(line.plan or told.plan or "")
        if plan is not None:
            return [plan]
    raise NotFound(f"plan for the price of {told.provider}", line.price)


def _has(plan: Plan[Any], line: str) -> bool:
    return any(price.id == line for price in plan.prices)


def _kept_offer(
    plan: Plan[Any], lines: Sequence[MirroredLine], held: Subscription | None
) -> str | None:
    """Give the plan version that is had already, where its prices are the same there."""
    if held is None or held.origin is None:
        return None
    if {each.price for each in lines} - held.origin.prices:
        return None
    return next((each.offer for each in held.items if plan_id(each.offer) == plan.id), None)


def _seats(plan: Plan[Any], lines: Sequence[MirroredLine]) -> int:
    """Give the quantity of what is charged by seat, else of the first line that has one."""
    by_seat = {each.id for each in plan.prices if each.basis == "seats"}
    counted = [each for each in lines if each.quantity is not None]
    counted.sort(key=lambda each: each.line not in by_seat)
    seats = 1 if not counted else counted[0].quantity
    if type(seats) is not int or not 1 <= seats <= MOST_SEATS:
        raise InvalidInput(f"{plan.id} is had {seats} times: 1 to {MOST_SEATS:,} can be mirrored")
    return seats


# --- the fold -------------------------------------------------------------------------------------


def mirrored(
    id_: str, move: Mirror, at: Instant, offers: Mapping[str, Plan[Any]], held: Subscription | None
) -> Subscription:
    """Give what a mirror makes of a subscription: of the one that is held, or a new one.

    Raises Conflict where it is another subscription, customer, group or currency than is held.
    """
    unit = currency(move.currency)
    if held is not None:
        _check_same(held, move)
    made = Subscription(
        id=id_,
        customer=move.customer,
        group=move.group,
        currency=unit,
        state=move.state,
        items=move.items,
        moves=1 if held is None else held.moves,
        clock=at,
        anchor=_anchor(move, offers),
        period=move.period,
        trial_end=move.trial_end,
        started_at=move.started_at,
        cancel_at=move.cancel_at,
        ended_at=move.ended_at,
        paused_at=move.paused_at,
        resumes_at=move.resumes_at,
        lapsed=move.lapsed,
        granted=() if held is None else held.granted,
        origin=move.origin,
    )
    for item in made.items:
        item_plan(item, offers)  # UnknownPlan, now rather than later
    return made


def says_news(held: Subscription, made: Subscription) -> bool:
    """Tell whether a mirror made anything of a subscription but pass its time."""
    return replace(made, moves=held.moves, clock=held.clock) != held


def _check_same(held: Subscription, move: Mirror) -> None:
    if held.origin is None or held.origin.key != move.origin.key:
        raise Conflict(f"subscription {held.id!r} is no mirror of {move.origin.reference!r}")
    told = (
        ("customer", held.customer, move.customer),
        ("group", held.group, move.group),
        ("currency", held.currency.code, move.currency),
    )
    for what, is_, said in told:
        if is_ != said:
            raise Conflict(f"the {what} of subscription {held.id!r} is {is_!r}, never {said!r}")


def _anchor(move: Mirror, offers: Mapping[str, Plan[Any]]) -> Instant | None:
    """Give what quotas are counted from: the provider's anchor, where its period runs by it."""
    if move.period is None:
        return move.anchor
    cadence = cadence_of(item_plan(move.items[0], offers))
    if move.anchor is None or cadence is None:
        return move.period.start
    around = period_containing(move.anchor, cadence, move.period.start)
    return move.anchor if around == move.period else move.period.start
