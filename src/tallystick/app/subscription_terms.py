"""From what a caller says of a subscription to moves: `"pro"` becomes `pro@2`, a list add-ons.

A repeated call (the same idempotency key) is read as the first one was: `"pro"` is the version that
it stood for then, whatever was published since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from tallystick.app.offers import sold_now
from tallystick.core.coupon import code_key
from tallystick.core.currency import Currency, currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.given import ids_at, instant_at
from tallystick.core.move import AddOn, Cancel, Change, Pause, Phase, Start
from tallystick.core.property import shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.subscription import Terms
from tallystick.core.text import id_at, refused_at, text_at
from tallystick.core.trees import tree_of
from tallystick.core.wording import and_words
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidPeriod
from tallystick.storage.moves import had_trial, trial_identities

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan
    from tallystick.core.customer import Customer
    from tallystick.core.move import Move
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "Asked",
    "cancel_of",
    "change_of",
    "group_of",
    "pause_of",
    "start_of",
    "terms_of",
    "timing_of",
]

_LONGEST_WORDS: Final = 1_000
_LONGEST_TERM: Final = 365
_MOST: Final = 100
_PHASE: Final = tuple(each.name for each in fields(Phase))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call of `start` or `change` says, as it was said."""

    plan: object = None
    currency: object = None
    seats: object = None
    add: object = ()
    remove: object = ()
    overrides: object = None
    phases: object = ()


class _Plans:
    """The plan versions that are meant: those of the first call, else what is sold now."""

    def __init__(self, unit: Unit, before: Move | None) -> None:
        self._unit = unit
        self._before = {ref.rpartition("@")[0]: ref for ref in _refs(before)}

    def plan(self, named: object, path: str) -> Plan[Any]:
        text = id_at(named, path)
        return sold_now(self._unit, self._before.get(text, text))

    def ref(self, named: object, path: str) -> str:
        return self.plan(named, path).ref


def _refs(move: Move | None) -> list[str]:
    if isinstance(move, Start):
        phases = [each.offer for each in move.phases if each.offer is not None]
        return [*phases, *(each.offer for each in move.add_ons), move.offer]
    if isinstance(move, Change):
        own = [] if move.offer is None else [move.offer]
        return [*(each.offer for each in move.add), *own]
    return []


def start_of(
    unit: Unit,
    customer: Customer,
    before: Move | None,
    asked: Asked,
    said: Mapping[str, Any],
    *,
    identities: Iterable[str] = (),
) -> Start:
    """Make the move that begins a subscription.

    `said` are the other fields of `Start`, with times as they were given.  Where it says no
    `trial_days`, the plan's trial is given, but to who had one before, also under one of the
    `identities`; 0 takes it away.

    It is in the currency that was asked for, else in the customer's, else in the plan's own.

    Raises UnknownPlan; CurrencyMismatch where the plan is not sold in it, or the customer is billed
    in another; InvalidInput.
    """
    plans = _Plans(unit, before)
    plan = plans.plan(asked.plan, "plan")
    first = before if isinstance(before, Start) else None
    money = _currency(plan, customer, first, asked.currency)
    times = {
        name: None if said.get(name) is None else instant_at(said[name], name)
        for name in ("starts_at", "paid_until", "ends_at", "anchor")
    }
    trial_days = _trial_days(plan, first, said)
    if said.get("trial_days") is None and first is None and trial_days is not None:
        names = trial_identities(customer.id, identities)
        trial_days = None if had_trial(unit, names) else trial_days
    return Start(
        customer=customer.id,
        group=first.group if first else group_of(plan),
        offer=plan.ref,
        currency=money.code,
        zone=first.zone if first else customer.time_zone,
        seats=1 if asked.seats is None else asked.seats,  # type: ignore[arg-type]  # the core looks
        add_ons=_add_ons(plans, asked.add, "add_ons"),
        overrides=_overrides(asked.overrides) or FrozenDict(),
        phases=_phases(plans, asked.phases),
        coupons=_codes(said.get("coupons") or ()),
        **{
            **{name: value for name, value in said.items() if name != "coupons"},
            **times,
            "trial_days": trial_days,
        },
    )


def _currency(plan: Plan[Any], customer: Customer, first: Start | None, asked: object) -> Currency:
    """Give the currency it is in for as long as it lives."""
    unit = customer.currency or plan.currency
    if asked is not None:
        unit = _asked_currency(asked)
    elif first is not None:
        unit = currency(first.currency)
    if customer.currency not in {None, unit} and first is None:
        text = f"is {unit}, the customer pays {customer.currency}"
        raise CurrencyMismatch(f"currency {text}", {"currency": [text]})
    if unit not in plan.sold_in and asked is None:
        codes = and_words([each.code for each in plan.sold_in])
        text = f"plan {plan.ref} is sold in {codes}, the customer pays {unit}"
        raise CurrencyMismatch(text, {"plan": [text]})
    return plan.in_currency(unit).currency


def _asked_currency(asked: object) -> Currency:
    try:
        return asked if isinstance(asked, Currency) else currency(asked)  # type: ignore[arg-type]  # what is no text is refused there
    except InvalidInput as refused:
        raise refused_at("currency", str(refused)) from None


def _trial_days(plan: Plan[Any], first: Start | None, said: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the core looks at it
    """Give the days that were said or that the first call gave, else the plan's."""
    days = said.get("trial_days")
    if days is not None:
        return None if type(days) is int and days == 0 else days
    if first is not None:
        return first.trial_days
    return None if said.get("paid_until") is not None else plan.trial_days


def change_of(
    unit: Unit,
    asked: Asked,
    when: object = None,
    proration: object = None,
    before: Move | None = None,
) -> Change:
    """Make the move that changes one.  Raises UnknownPlan, InvalidInput."""
    plans = _Plans(unit, before)
    timing, at = timing_of(when)
    if asked == Asked():
        raise InvalidInput("say what changes: plan, seats, add, remove or overrides")
    return Change(
        offer=None if asked.plan is None else plans.ref(asked.plan, "plan"),
        seats=asked.seats,  # type: ignore[arg-type]  # the core looks at it
        add=_add_ons(plans, asked.add, "add"),
        remove=ids_at(asked.remove, "remove"),
        overrides=None if asked.overrides is None else _overrides(asked.overrides),
        timing=timing,
        at=at,
        proration=proration,  # type: ignore[arg-type]  # the core looks at it
    )


def cancel_of(when: object, *, credit: object) -> Cancel:
    """Make the move that ends one.  Raises InvalidInput."""
    if not isinstance(credit, bool):
        raise refused_at("credit", f"is True or False, not {shown(credit)}")
    timing, at = timing_of(when)
    return Cancel(timing=timing or "period_end", at=at, credit=credit)


def pause_of(mode: object, resumes_at: object) -> Pause:
    """Make the move that stops one for a while.  Raises InvalidInput."""
    if mode not in ("keep", "extend"):  # a tuple, as it may be anything
        raise refused_at("mode", f"is keep or extend, not {shown(mode)}")
    at = None if resumes_at is None else instant_at(resumes_at, "resumes_at")
    return Pause(mode=mode, resumes_at=at)


def timing_of(when: object) -> tuple[Literal["now", "period_end"] | None, Instant | None]:
    """Read when a move takes effect: now, at the end of the period, at a date, or None.

    Raises InvalidInput.
    """
    if when is None:
        return None, None
    if when == "now":
        return "now", None
    if when == "period_end":
        return "period_end", None
    try:
        return None, instant_at(when, "when")
    except InvalidPeriod as refused:
        raise refused_at("when", f"is now, period_end or a time: {refused}") from None


def terms_of(net_days: object, po_number: object, memo: object) -> Terms:
    """Read what stands on documents.  Raises InvalidInput."""
    if net_days is not None and (type(net_days) is not int or not 0 <= net_days <= _LONGEST_TERM):
        raise refused_at("net_days", f"is a whole number of days from 0 to {_LONGEST_TERM}")
    return Terms(
        net_days=net_days,
        po_number=None if po_number is None else text_at(po_number, "po_number"),
        memo=None if memo is None else text_at(memo, "memo", _LONGEST_WORDS),
    )


def _codes(given: object) -> tuple[str, ...]:
    """Read the codes that were typed, each as codes are compared; one twice counts once."""
    return tuple(dict.fromkeys(code_key(each) for each in _several(given, "coupons")))


def group_of(plan: Plan[Any]) -> str:
    """Give the group of which a customer has one live subscription."""
    return "default" if plan.catalog is None else plan.catalog.product_of(plan).group


def _add_ons(plans: _Plans, given: object, path: str) -> tuple[AddOn, ...]:
    """Read add-ons: plan ids, (plan id, seats) pairs, AddOns, or a mapping of ids to seats."""
    if isinstance(given, Mapping):
        given = tuple(given.items())
    read = []
    for place, each in enumerate(_several(given, path)):
        where = f"{path}[{place}]"
        if isinstance(each, AddOn):
            named, seats = each.offer, each.seats
        elif isinstance(each, tuple) and len(each) == 2:  # noqa: PLR2004 - a pair
            named, seats = each
        else:
            named, seats = each, 1
        read.append(AddOn(plans.ref(named, where), seats))
    ids = [each.offer.rpartition("@")[0] for each in read]
    twice = next((each for each in ids if ids.count(each) > 1), None)
    if twice is not None:
        raise refused_at(path, f"names {twice} twice: give its seats instead")
    return tuple(read)


def _phases(plans: _Plans, given: object) -> tuple[Phase, ...]:
    read = []
    for place, each in enumerate(_several(given, "phases")):
        path = f"phases[{place}]"
        if isinstance(each, Phase):
            said: Mapping[Any, Any] = {name: getattr(each, name) for name in _PHASE}
        elif isinstance(each, Mapping):
            said = {("offer" if name == "plan" else name): value for name, value in each.items()}
        else:
            raise refused_at(path, f"is an object of {', '.join(_PHASE)}, not {shown(each)}")
        for name in said:
            if name not in _PHASE:
                cure = did_you_mean(str(name)[:80], _PHASE)
                raise refused_at(f"{path}.{str(name)[:80]}", f"is not a field; {cure or _PHASE}")
        read.append(_phase(plans, said, path))
    return tuple(read)


def _phase(plans: _Plans, said: Mapping[Any, Any], path: str) -> Phase:
    percent = said.get("percent_off")
    if percent is not None and not isinstance(percent, str):
        if type(percent) is not int:
            raise refused_at(f"{path}.percent_off", f"is a text such as '50', not {shown(percent)}")
        percent = str(percent) if abs(percent) < _MOST**2 else "-1"  # the core refuses it
    offer = said.get("offer")
    return Phase(
        periods=said.get("periods"),
        percent_off=percent,
        overrides=_overrides(said.get("overrides"), f"{path}.overrides") or FrozenDict(),
        offer=None if offer is None else plans.ref(offer, f"{path}.plan"),
    )


def _overrides(given: object, path: str = "overrides") -> Mapping[str, Mapping[str, Any]] | None:
    """Freeze what is different for a customer; the core reads the fields.

    What cannot be written down, such as a set, is refused here.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise refused_at(path, f"is an object of prices by id, not {shown(given)}")
    for price, said in given.items():
        if not isinstance(price, str) or not isinstance(said, Mapping):
            raise refused_at(path, "is an object of objects: {'pro': {'cost': '5.00'}}")
    frozen = FrozenDict({price: FrozenDict(said) for price, said in given.items()})
    tree_of(Phase(periods=None, overrides=frozen))  # refuses what is no plain value
    return frozen


def _several(given: object, path: str) -> tuple[Any, ...]:
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise refused_at(path, f"is a list, not {shown(given)}")
    found: list[Any] = []
    for each in given:
        if len(found) >= _MOST:
            raise refused_at(path, f"has more than {_MOST} entries")
        found.append(each)
    return tuple(found)
