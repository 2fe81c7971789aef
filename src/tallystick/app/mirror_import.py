"""An account that sells already, taken over: its customers and subscriptions, mirrored.

To go on after an interruption is to do it again: what is here already is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.customer import create_customer, update_customer
from tallystick.app.mirror import mirror_subscription
from tallystick.core.mirror import origin_of
from tallystick.core.subscription import TERMINAL, Origin
from tallystick.errors import Conflict, InvalidInput, RuleError
from tallystick.storage import customers, mirrors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.core.mirror import Mirrored
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.ports import Bills
    from tallystick.storage.unit import Storage, Unit

__all__ = [
    "Drift",
    "Imported",
    "Reconciled",
    "import_customers",
    "import_subscriptions",
    "reconcile",
]

_CUSTOMER: Final = "tallystick_customer"  # what names our customer in the notes of the provider's
_SHOWN: Final = (
    *("state", "items", "period", "trial_end", "cancel_at", "resumes_at", "ended_at", "origin"),
    "lapsed",
)
_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to: how many are new here, how many were here, and who was left out."""

    made: int = 0
    known: int = 0
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What is different of one subscription: the field, what is held, what the provider says.

    `id` is ours, None where it is not held at all; `why` is why it cannot be mirrored.
    """

    reference: str
    id: str | None
    fields: tuple[tuple[str, object, object], ...] = ()
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a comparison with a provider came to.

    `seen` is how many subscriptions it has, `mirrored` how many of the drifting ones were taken
    over; `unpaid` is what is left to be paid of its open invoices, by currency.
    """

    seen: int = 0
    drifts: tuple[Drift, ...] = ()
    mirrored: int = 0
    unpaid: Mapping[str, Money] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many drift still."""
        return len(self.drifts) - self.mirrored

    def __hash__(self) -> int:
        """Hash by what drifts."""
        return hash((self.seen, self.drifts, self.mirrored))


# --- customers ------------------------------------------------------------------------------------


def import_customers(
    storage: Storage,
    biller: Bills,
    now: Callable[[], Instant],
    tell: Callable[[Imported], object] = bool,
) -> Imported:
    """Make a customer here for each one of the provider.

    Its id is what the provider's notes name, else the provider's own.  One that is here by that id
    and known to no provider is joined with it.  `tell` is called after every page.

    Raises OutcomeUnknown, SetupError, StorageUnavailable.
    """
    done = Imported()
    for as_of, page in biller.customers(now):
        made = _each(storage, as_of, page, _customer)
        done = _sum(done, made)
        tell(done)
    return done


def _customer(unit: Unit, at: Instant, fetched: Mapping[str, Any]) -> bool:
    there = str(fetched["id"])
    unit.as_all()
    if customers.by_provider(unit, there) is not None:
        return False
    notes = fetched.get("metadata") or {}
    id_ = notes.get(_CUSTOMER) or there
    found = customers.get(unit, id_)
    if found is None:
        create_customer(unit, at, id_, {"provider_id": there, **_fields(fetched)})
    elif found.provider_id is None:
        update_customer(unit, at, id_, {"provider_id": there})
    else:
        raise Conflict(f"customer {id_!r} is {found.provider_id!r} there already")
    return True


def _fields(fetched: Mapping[str, Any]) -> dict[str, object]:
    told = {name: fetched.get(name) for name in ("name", "email")}
    code = fetched.get("currency")
    told["currency"] = None if code is None else str(code).upper()
    return {name: value for name, value in told.items() if value}


# --- subscriptions --------------------------------------------------------------------------------


def import_subscriptions(
    storage: Storage,
    biller: Bills,
    now: Callable[[], Instant],
    tell: Callable[[Imported], object] = bool,
) -> Imported:
    """Mirror every subscription of the provider, also those that are over.

    One that cannot be mirrored is left out with the reason, and holds up no other.

    Raises OutcomeUnknown, SetupError, StorageUnavailable.
    """
    done = Imported()
    for as_of, page in biller.every(now):

        def mirror(unit: Unit, at: Instant, fetched: Mapping[str, Any]) -> bool:
            told = biller.read(fetched, at)
            unit.as_all()
            held = mirrors.find_mirror(unit, origin_of(told))
            return mirror_subscription(unit, at, told) != held

        done = _sum(done, _each(storage, as_of, page, mirror))
        tell(done)
    return done


def _each(
    storage: Storage,
    at: Instant,
    page: Sequence[Mapping[str, Any]],
    act: Callable[[Unit, Instant, Mapping[str, Any]], bool],
) -> Imported:
    """Do it with each of a page in one transaction; what is refused is left out alone."""

    def take(unit: Unit) -> Imported:
        made = 0
        left = []
        for fetched in page:
            try:
                with unit.savepoint():
                    made += act(unit, at, fetched)
            except RuleError as refused:
                left.append((str(fetched.get("id"))[:80], str(refused)))
        return Imported(made=made, known=len(page) - made - len(left), left_out=tuple(left))

    return storage.attempt(take, repeatable=True)


def _sum(one: Imported, other: Imported) -> Imported:
    return Imported(
        made=one.made + other.made,
        known=one.known + other.known,
        left_out=(*one.left_out, *other.left_out),
    )


# --- drift ----------------------------------------------------------------------------------------


def reconcile(
    storage: Storage,
    biller: Bills,
    now: Callable[[], Instant],
    *,
    apply: bool = False,
) -> Reconciled:
    """Hold every mirror against what its provider says now; with `apply` take over what differs.

    Raises OutcomeUnknown, SetupError, StorageUnavailable.
    """
    seen: set[str] = set()
    drifts: list[Drift] = []
    mirrored = 0
    for as_of, page in biller.every(now):
        seen |= {str(each["id"]) for each in page}
        look = partial(_drifts, at=as_of, biller=biller, page=page)
        for drift, told in storage.attempt(look):
            drifts.append(drift)
            if apply and drift.why is None and told is not None:
                mirrored += storage.attempt(partial(_taken, at=as_of, told=told), repeatable=True)
    drifts += storage.attempt(lambda unit: _lost(unit, biller, seen), reading=True)
    return Reconciled(
        seen=len(seen), drifts=tuple(drifts), mirrored=mirrored, unpaid=biller.unpaid(now)
    )


def _drifts(
    unit: Unit, at: Instant, biller: Bills, page: Sequence[Mapping[str, Any]]
) -> list[tuple[Drift, Mirrored | None]]:
    found = (_drift(unit, at, biller, each) for each in page)
    return [each for each in found if each is not None]


def _drift(
    unit: Unit, at: Instant, biller: Bills, fetched: Mapping[str, Any]
) -> tuple[Drift, Mirrored | None] | None:
    """Mirror one and undo it: what that changes is what drifts."""
    reference = str(fetched.get("id"))
    unit.as_all()
    try:
        told = biller.read(fetched, at)
    except (Conflict, InvalidInput) as refused:
        return Drift(reference=reference, id=None, why=str(refused)), None
    held = mirrors.find_mirror(unit, origin_of(told))
    try:
        with unit.undone():
            made = mirror_subscription(unit, at, told)
    except RuleError as refused:
        why = str(refused)
        return Drift(reference=reference, id=None if held is None else held.id, why=why), told
    if held is None:
        return Drift(reference=reference, id=None, fields=(("state", None, made.state),)), told
    fields = tuple(_different(held, made))
    return (Drift(reference=reference, id=held.id, fields=fields), told) if fields else None


def _taken(unit: Unit, at: Instant, told: Mirrored) -> bool:
    """Take over what drifts; False where that cannot be any more."""
    try:
        mirror_subscription(unit, at, told)
    except RuleError:
        return False
    return True


def _different(held: Subscription, made: Subscription) -> list[tuple[str, object, object]]:
    return [
        (name, getattr(held, name), getattr(made, name))
        for name in _SHOWN
        if getattr(held, name) != getattr(made, name)
    ]


def _lost(unit: Unit, biller: Bills, seen: set[str]) -> list[Drift]:
    """Find mirrors of what the provider does not know any more."""
    unit.as_all()
    account = biller.account
    named = Origin(provider=biller.name, account=account.id, live=account.live, reference="")
    drifts = []
    after: str | None = None
    while page := mirrors.list_mirrors(unit, named, _PAGE, after):
        for each in page:
            reference = "" if each.origin is None else each.origin.reference
            if each.state not in TERMINAL and reference not in seen:
                drifts.append(
                    Drift(reference=reference, id=each.id, why=f"{biller.name} does not know it")
                )
            after = reference
    return drifts
