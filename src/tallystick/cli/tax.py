"""`tallystick tax`: the rules by which documents are taxed, and VAT ids."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import Yes, agreed, json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.publish import Author, author_or_user

if TYPE_CHECKING:
    from tallystick.core.tax_rules import TaxRules
    from tallystick.wiring import Tallystick

__all__ = ["tax"]

tax = typer.Typer(
    name="tax",
    help="Taxes: your own table of rates, its versions, and VAT ids.",
    no_args_is_help=True,
)
"""The commands under `tallystick tax`."""

_File = Annotated[Path, typer.Argument(metavar="FILE", help="Tax rules: YAML, TOML or JSON.")]


@tax.command()
@ends_well
def check(file: _File, as_json: AsJson = False) -> None:
    """Read a file of tax rules and name everything that is wrong with it.

    Exit status: 0 it can be published, 1 it cannot.
    """
    from tallystick.app.taxes import load_tax_rules

    _print(load_tax_rules(file), as_json=as_json)


@tax.command("check-id")
@ends_well
def check_id(
    value: Annotated[str, typer.Argument(metavar="ID", help="A VAT id, as ATU13585627.")],
    as_json: AsJson = False,
) -> None:
    """Say whether form and check digits of a VAT id of the EU are right.

    Whether it is registered is not asked.  Exit status: 0 they are, 1 they are not.
    """
    from tallystick.app.tax_ids import check_vat_id

    found = check_vat_id(value, "ID")
    if as_json:
        say_json({"id": found, "valid": True})
    else:
        say(f"{found}: form and check digits are right")


@tax.command()
@ends_well
@over_ledger
def publish(
    tally: Tallystick,
    file: _File,
    author: Author = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Store tax rules as the next version: documents are issued by them from now on.

    What was issued stays as it is.  Exit status: 0 published, or nothing to do; 1 declined.
    """
    from tallystick.app.taxes import load_tax_rules

    rules, name = load_tax_rules(file), author_or_user(author)
    last = next(iter(tally.taxes.versions()), None)
    same = last is not None and last.digest == rules.digest
    number = 1 if last is None else last.number + 1
    if not same and not agreed(f"Publish this as version {number}?", yes=yes, quiet=as_json):
        say("nothing was published")
        raise typer.Exit(1)
    done = tally.taxes.publish(rules, author=name)
    if as_json:
        say_json({**json_value(asdict(done)), "unchanged": same})
    elif same:
        say(f"nothing to do: this is version {done.number}, as published")
    else:
        say(f"published version {done.number} of the tax rules")


@tax.command()
@ends_well
@over_ledger
def show(
    tally: Tallystick,
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", help="The newest if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show published tax rules."""
    _print(tally.taxes.get(version), as_json=as_json)


@tax.command("list")
@ends_well
@over_ledger
def list_(tally: Tallystick, as_json: AsJson = False) -> None:
    """List the published versions, the newest first."""
    rows = [json_value(asdict(each)) for each in tally.taxes.versions()]
    if as_json:
        say_json(rows)
    elif rows:
        columns = ["number", "published_at", "author", "digest"]
        say_table(columns, ([str(row[name]) for name in columns] for row in rows), right="number")
    else:
        say("nothing was published yet: no document is taxed")


def _print(rules: TaxRules, *, as_json: bool) -> None:
    from tallystick.core.number import plain
    from tallystick.core.tax_rules import tax_rules_tree

    if as_json:
        say_json(tax_rules_tree(rules))
        return
    if rules.engine:
        say(f"decided by the engine {rules.engine}")
    columns = ["country", "region", "category", "name", "percent", "", "since", "until"]
    rows = (
        [
            *(rule.country, rule.region, rule.category, rule.name, plain(rule.percent)),
            "inclusive" if rule.inclusive else "",
            *(str(rule.since or ""), str(rule.until or "")),
        ]
        for rule in rules.rates
    )
    if rules.rates:
        say_table(columns, rows, right="percent")
    for name, category in rules.categories.items():
        say(f"{name} is {category}")
    say(f"elsewhere: {rules.elsewhere}")
    say(f"reverse charge: {'yes' if rules.reverse_charge else 'no'}")
    say(f"days of {rules.time_zone}", f"digest {rules.digest}")
