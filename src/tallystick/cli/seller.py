"""`tallystick seller`: who sells, and how documents are issued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json

if TYPE_CHECKING:
    from tallystick.core.seller import Seller
    from tallystick.wiring import Tallystick

__all__ = ["seller"]

seller = typer.Typer(
    name="seller",
    help="Who sells: what stands on documents, and how they are issued.",
    no_args_is_help=True,
)
"""The commands under `tallystick seller`."""

_Pairs = list[str] | None


@seller.command()
@ends_well
@over_ledger
def show(tally: Tallystick, as_json: AsJson = False) -> None:
    """Show the seller."""
    _print(tally.seller.get(), as_json=as_json)


@seller.command("set")
@ends_well
@over_ledger
def set_(
    tally: Tallystick,
    name: Annotated[str | None, typer.Option(help="The name on documents.")] = None,
    email: Annotated[str | None, typer.Option(help="Where questions are sent.")] = None,
    locale: Annotated[str | None, typer.Option(help="A language tag such as de-AT.")] = None,
    address: Annotated[
        _Pairs,
        typer.Option(
            metavar="PART=TEXT", help="line1, line2, city, postal_code, state or country; repeat."
        ),
    ] = None,
    tax_id: Annotated[_Pairs, typer.Option(metavar="TYPE=VALUE", help="As eu_vat=ATU1.")] = None,
    grace_seconds: Annotated[
        int | None, typer.Option(help="How long usage may arrive after a boundary and count.")
    ] = None,
    net_days: Annotated[int | None, typer.Option(help="Days to pay.")] = None,
    invoice_prefix: Annotated[str | None, typer.Option(help="Before numbers: INV-.")] = None,
    credit_note_prefix: Annotated[str | None, typer.Option(help="Before numbers: CN-.")] = None,
    dunning: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What happens to unpaid invoices: a ladder as JSON."),
    ] = None,
    clear: Annotated[_Pairs, typer.Option(metavar="FIELD", help="Take it away; repeat.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is named and nothing else; documents that were issued stay as they are."""
    taxes = [{"type": kind, "value": value} for kind, value in _pairs(tax_id, "--tax-id")]
    said: dict[str, Any] = {
        "name": name,
        "email": email,
        "locale": locale,
        "address": dict(_pairs(address, "--address")) or None,
        "tax_ids": taxes or None,
        "grace_seconds": grace_seconds,
        "net_days": net_days,
        "invoice_prefix": invoice_prefix,
        "credit_note_prefix": credit_note_prefix,
        "dunning": None if dunning is None else _ladder(dunning),
    }
    fields = {field: value for field, value in said.items() if value is not None}
    for field in clear or ():
        key = field.replace("-", "_")
        if key in fields:
            raise Usage(f"--clear {field} takes away what another option gives")
        fields[key] = None
    if not fields:
        raise Usage("say what changes: see --help")
    _print(tally.seller.set(**fields), as_json=as_json)


def _pairs(words: _Pairs, option: str) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in words or ()]
    if not all(sign for _, sign, _ in pairs):
        raise Usage(f"{option} takes NAME=TEXT")
    if len({head for head, _, _ in pairs}) < len(pairs):
        raise Usage(f"{option} names one thing twice")
    return [(head, tail) for head, _, tail in pairs]


def _ladder(path: Path) -> object:
    """Read a ladder's file: the setting itself is looked at where it is kept.  Raises Usage."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as refused:
        raise Usage(f"{path}: {refused.strerror or refused}") from None
    except (ValueError, RecursionError) as refused:
        raise Usage(f"{path}: is no JSON: {refused}") from None


def _print(found: Seller, *, as_json: bool) -> None:
    from tallystick.core.seller import seller_tree

    tree = seller_tree(found)
    if as_json:
        say_json(tree)
        return
    for field, value in tree.items():
        if value not in (None, {}, []):
            say(f"{field.replace('_', ' ')}: {_words(value)}")


def _words(value: object) -> str:
    if isinstance(value, dict) and "steps" in value:
        days = ", ".join(str(step["days"]) for step in value["steps"])
        return f"days {days}, then {value['end']} on day {value['end_days']}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in value.items())
    if isinstance(value, list):
        return ", ".join(f"{each['type']} {each['value']}" for each in value)
    return str(value)
