"""`tallystick stripe import`: an account that sells already, taken over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import Database, Prefix, Schema, ledger
from tallystick.cli.output import say, say_json, warn
from tallystick.cli.stripe_book import Live, open_book
from tallystick.cli.stripe_mirror import Customers, Subscriptions, import_existing
from tallystick.errors import SetupError

__all__ = ["COMMANDS"]

_SUFFIXES: Final = (".yaml", ".yml", ".json")


@ends_well
def import_(
    file: Annotated[
        str | None,
        typer.Argument(help="The catalogue to write: .yaml, .yml or .json.", show_default=False),
    ] = None,
    customers: Customers = False,
    subscriptions: Subscriptions = False,
    live: Live = False,
    as_json: AsJson = False,
    database: Database = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
) -> None:
    """Take over an account that sells already: its price list as a catalogue, then who pays it.

    1. `stripe import billing.yaml` writes the catalogue, once.
    2. `stripe pull` and `stripe drift` say which price is which line, and what differs.
    3. `stripe shadow` reckons again what was billed.
    4. `stripe import --customers --subscriptions` mirrors who pays into the database.
    5. `stripe reconcile`, every night, says what differs there.

    With FILE: lines have Stripe's price ids, so that `pull` finds each. What a catalogue cannot
    express is named, and the rest is written. A licensed price is taken as a flat fee: write
    `type: per_seat` where seats are sold. An existing file is never overwritten.

    With --customers or --subscriptions: Stripe goes on billing them, and they are gated and metered
    here. Typed again it goes on where it was cut off; done twice it changes nothing.

    Exit status: 0, or 1 where something was left out, which is named.
    """
    from tallystick.providers.stripe.book_import import imported

    if customers or subscriptions or file is None:
        if file is not None or not (customers or subscriptions):
            raise Usage("name a catalogue to write, or say --customers or --subscriptions")
        with ledger(database, tables, schema) as tally:
            import_existing(
                tally,
                customers=customers,
                subscriptions=subscriptions,
                live=live,
                as_json=as_json,
            )
        return
    path = Path(file)
    if path.suffix not in _SUFFIXES:
        raise Usage(f"{file!r} has no suffix that is written here; use {', '.join(_SUFFIXES)}")
    if path.exists():
        raise SetupError(f"{file} is here already; name another file")
    got = imported(open_book(live=live).held())
    if not got.tree["products"]:
        raise SetupError("the account has no active price that a catalogue can hold")
    plans = sum(len(product["plans"]) for product in got.tree["products"])
    with path.open("x", encoding="utf-8") as stream:
        stream.write(_text(got.tree, path.suffix))
    if as_json:
        left = [{"provider_id": id_, "reason": why} for id_, why in got.refused]
        say_json({"file": path.name, "plans": plans, "left_out": left})
    else:
        say(f"{path.name}: {plans} plan{'' if plans == 1 else 's'}")
        say(f"next: tallystick stripe pull {path.name}, then tallystick stripe drift {path.name}")
    warn(*(f"left out: {id_}: {why}" for id_, why in got.refused))
    if got.refused:
        raise typer.Exit(1)


def _text(tree: dict[str, Any], suffix: str) -> str:
    if suffix == ".json":
        return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


COMMANDS: Final = (import_,)
"""The commands of this file."""
