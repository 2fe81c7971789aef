"""Lives as the engine alone folds and reckons them: no database, what was used given by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.core.currency import currency
from tallystick.core.minimum import asked_for_minimum
from tallystick.core.move import (
    AddOn,
    Cancel,
    Change,
    Keep,
    Lapse,
    Pause,
    Phase,
    Recover,
    Resume,
    Start,
    Unplan,
)
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Used
from tallystick.core.reckoning import Facts, reckon
from tallystick.core.subscription_moves import advance, apply, start
from tallystick.core.terms import prices_of
from tallystick.errors import Conflict, InvalidInput, NotFound
from tests.oracle.billing import Document
from tests.oracle.lines import NEVER, Line
from tests.properties.lives import END, OFFERS, overrides_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.charge import Charge, Due
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.move import Move, Timing
    from tests.oracle.billing import Usage
    from tests.properties.lives import Tree

__all__ = ["billed", "document_of", "line_of"]


def _start(tree: Tree) -> Start:
    return Start(
        customer="ada",
        group="default",
        offer=f"{tree['plan']}@1",
        currency="USD",
        zone=tree["zone"],
        seats=tree["seats"],
        add_ons=_add_ons(tree.get("add_ons", {})),
        overrides=overrides_of(tree.get("own", {})),
        phases=tuple(map(_phase, tree.get("phases", ()))),
        starts_at=tree.get("starts"),
        trial_days=tree.get("trial"),
        after_trial=tree.get("after", "active"),
        billing="calendar" if tree["aligned"] else "anniversary",
        paid_until=tree.get("paid_until"),
        ends_at=tree.get("ends"),
    )


def _add_ons(tree: Tree) -> tuple[AddOn, ...]:
    return tuple(AddOn(f"{name}@1", many) for name, many in tree.items())


def _phase(tree: Tree) -> Phase:
    return Phase(
        periods=tree["periods"],
        percent_off=str(tree["off"]) if "off" in tree else None,
        offer=f"{tree['plan']}@1" if "plan" in tree else None,
    )


def _move(tree: Tree) -> Move:
    when = tree.get("when")
    date = None if when in {None, "now", "period_end"} else when
    match tree["do"]:
        case "change":
            return Change(
                offer=f"{tree['plan']}@1" if "plan" in tree else None,
                seats=tree.get("seats"),
                add=_add_ons(tree.get("add", {})),
                remove=tuple(tree.get("remove", ())),
                overrides=overrides_of(tree["own"]) if "own" in tree else None,
                timing=None if date else when,
                at=date,
                proration=tree["proration"],
            )
        case "pause":
            return Pause(mode=tree["mode"], resumes_at=tree.get("resumes"))
        case "cancel":
            timing: Timing = "now" if when == "now" else "period_end"
            return Cancel(timing=timing, at=date, credit=tree["credit"])
        case "unplan":
            return Unplan(number=tree["number"])
        case word:
            words: dict[str, Move] = {
                "resume": Resume(),
                "keep": Keep(),
                "lapse": Lapse(),
                "recover": Recover(),
            }
            return words[word]


def billed(first: Tree, moves: list[Tree], usage: Usage) -> tuple[list[Document], list[bool]]:
    """Give the engine's documents, and which moves it made."""
    outcome = start("s", _start(first), first["at"], OFFERS)
    dues = [*outcome.dues]
    made = []
    for each in moves:
        try:
            outcome = apply(outcome.subscription, _move(each), each["at"], OFFERS)
        except (Conflict, InvalidInput, NotFound):
            made.append(False)
            continue
        made.append(True)
        dues += outcome.dues
    outcome = advance(outcome.subscription, END, OFFERS)
    invoices: list[Invoice] = []
    for due in [*dues, *outcome.dues]:
        invoices.append(_invoice(due, usage, invoices))
    return [document_of(each) for each in invoices if each.lines], made


def _invoice(due: Due, usage: Usage, before: list[Invoice]) -> Invoice:
    """Reckon a document from what was used, and from what was billed before."""
    charges = dict(enumerate(due.charges))
    earlier = [line for each in before for line in each.lines]
    return reckon(
        Facts(
            id="x",
            customer="ada",
            subscription="s",
            currency=currency("USD"),
            due=due,
            finalize_at=due.at,
            offers=OFFERS,
            used={place: _used(charge, usage) for place, charge in charges.items()},
            billed={
                place: asked_for_minimum(charge, earlier)
                for place, charge in charges.items()
                if charge.kind == "minimum"
            },
        )
    )


def document_of(invoice: Invoice) -> Document:
    """Give what the oracle can tell of a document."""
    lines = map(line_of, invoice.lines)
    return Document(invoice.at, invoice.cause, tuple(sorted(lines)))


def line_of(line: InvoiceLine) -> Line:
    """Give what the oracle can tell of a line before anything goes off it."""
    return Line(
        line.kind,
        line.item,
        line.price,
        NEVER if line.window is None else line.window.start,
        NEVER if line.window is None else line.window.end,
        line.quantity,
        line.amount.minor,
    )


def _used(charge: Charge, usage: Usage) -> tuple[Used, ...]:
    if charge.kind == "credit" and charge.by_value:
        return tuple(_spent(charge, usage))
    return (Used(measured=Quantity(_measured(charge, usage))),) if charge.kind == "usage" else ()


def _spent(charge: Charge, usage: Usage) -> Iterator[Used]:
    """Say what was used of each allowance before a fee is given back."""
    assert charge.period is not None
    assert charge.window is not None
    since, until = charge.period.start, charge.window.start
    used = sum((number for at, number in usage if since <= at < until), Decimal(0))
    for price in prices_of(charge.item, OFFERS).values():
        if price.basis == "usage" and price.included:
            yield Used(measured=Quantity(used), included=price.included)


def _measured(charge: Charge, usage: Usage) -> Decimal:
    assert charge.window is not None
    return sum(
        (
            number
            for at, number in usage
            if at in charge.window and not any(at in hole for hole in charge.holes)
        ),
        Decimal(0),
    )
