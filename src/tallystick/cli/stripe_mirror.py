"""`tallystick stripe import --subscriptions` and `reconcile`: what Stripe bills, mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json, warn
from tallystick.cli.stripe_book import Live, open_provider

if TYPE_CHECKING:
    from tallystick.app.mirror_import import Drift, Imported, Reconciled
    from tallystick.wiring import Tallystick

__all__ = ["COMMANDS", "Customers", "Subscriptions", "import_existing"]

Customers = Annotated[
    bool, typer.Option("--customers", help="Make a customer here for each one of Stripe.")
]
"""The option that takes over customers."""

Subscriptions = Annotated[
    bool, typer.Option("--subscriptions", help="Mirror every subscription that Stripe bills.")
]
"""The option that takes over subscriptions."""


def import_existing(
    tally: Tallystick, *, customers: bool, subscriptions: bool, live: bool, as_json: bool
) -> None:
    """Take over what an account has, customers first; exit 1 where something was left out."""
    mirrors, provider = tally.mirrors, open_provider(live=live)
    done: dict[str, Imported] = {}
    if customers:
        done["customers"] = mirrors.import_customers(
            provider=provider, tell=_telling("customers", as_json=as_json)
        )
    if subscriptions:
        tell = _telling("subscriptions", as_json=as_json)
        done["subscriptions"] = mirrors.import_subscriptions(provider=provider, tell=tell)
    if as_json:
        say_json({what: _imported_tree(each) for what, each in done.items()})
    for what, each in done.items():
        if not as_json:
            say(f"{what}: {each.made} taken over, {each.known} as they were")
        warn(*(f"left out: {reference}: {why}" for reference, why in each.left_out))
    if any(each.left_out for each in done.values()):
        raise typer.Exit(1)


@ends_well
@over_ledger
def reconcile(
    tally: Tallystick,
    apply: Annotated[
        bool, typer.Option("--apply", help="Take over what Stripe says of those that differ.")
    ] = False,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Say which subscriptions are not what Stripe says of them: for a nightly job.

    Each is fetched anew, whatever webhooks said; what is left to be paid of open invoices there is
    told too. Exit status: 0 where nothing differs or all of it was taken over, else 1.
    """
    found = tally.mirrors.reconcile(provider=open_provider(live=live), apply=apply)
    if as_json:
        say_json(_reconciled_tree(found))
    else:
        for drift in found.drifts:
            say(*_words(drift))
        say(*(f"open invoices: {amount}" for amount in found.unpaid.values()))
        taken = f", {found.mirrored} taken over" if apply else ""
        say(f"{found.seen} seen, {len(found.drifts)} differ{taken}")
    if found.left:
        raise typer.Exit(1)


COMMANDS: Final = (reconcile,)
"""The commands of this file."""


def _telling(what: str, *, as_json: bool) -> Any:  # noqa: ANN401 - what is told of each page
    def tell(done: Imported) -> None:
        if not as_json:
            warn(f"{what}: {done.made + done.known + len(done.left_out)} so far")

    return tell


def _imported_tree(done: Imported) -> dict[str, Any]:
    left = [{"provider_id": reference, "reason": why} for reference, why in done.left_out]
    return {"taken_over": done.made, "known": done.known, "left_out": left}


def _reconciled_tree(found: Reconciled) -> dict[str, Any]:
    return {
        "seen": found.seen,
        "mirrored": found.mirrored,
        "drifts": [_drift_tree(each) for each in found.drifts],
        "unpaid": {code: amount.minor for code, amount in found.unpaid.items()},
    }


def _drift_tree(drift: Drift) -> dict[str, Any]:
    fields = [
        {"field": name, "here": _plain(here), "there": _plain(there)}
        for name, here, there in drift.fields
    ]
    return {
        "provider_id": drift.reference,
        "id": drift.id,
        "fields": fields,
        "reason": drift.why,
    }


def _words(drift: Drift) -> list[str]:
    head = f"{drift.reference} ({drift.id or 'not here'})"
    if drift.why is not None:
        return [f"{head}: {drift.why}"]
    return [
        head,
        *(f"    {name}: {_plain(here)} -> {_plain(there)}" for name, here, there in drift.fields),
    ]


def _plain(value: object) -> Any:  # noqa: ANN401 - a plain value
    """Write a value of a subscription plainly: items as plan and seats, a period as its ends."""
    from tallystick.core.period import Period, instant_text
    from tallystick.core.subscription import Item, Origin

    if isinstance(value, tuple):
        return ", ".join(str(_plain(each)) for each in value)
    if isinstance(value, Item):
        return f"{value.offer} x {value.seats}"
    if isinstance(value, Period):
        return f"{instant_text(value.start)} to {instant_text(value.end)}"
    if isinstance(value, Origin):
        return ", ".join(sorted(value.prices))
    return json_value(value)
