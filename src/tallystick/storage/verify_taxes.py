"""Taxes as queries that must return no rows: the evidence of each line, and the rules it names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import or_, select

from tallystick.core.line_tax import tax_lines, taxes_of
from tallystick.errors import TallystickError
from tallystick.storage.invoice_lines import lines_of
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import in_batches, mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.money import Money
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["TAX_CHECKS"]

_BATCH: Final = 500
_RULES: Final = "rules"  # the engine that goes by what the seller published


def _evidence(unit: Unit) -> Rows:
    """Find lines whose tax is not what their evidence says, or what the rates make of them."""
    i, c = unit.tables.invoices.c, unit.tables.invoice_lines.c
    taxed = select(c.invoice_id).where(or_(c.tax != 0, c.evidence.like('%"taxes":%')))
    query = select(i.customer_id, i.id).where(i.number.is_not(None), i.id.in_(taxed))
    for rows in in_batches(unit, query.order_by(i.customer_id, i.id), _BATCH):
        found = lines_of(unit, [(row["customer_id"], row["id"]) for row in rows])
        for (customer, invoice), lines in sorted(found.items()):
            for position, what, stored, wanted in _apart(lines):
                key = {"customer_id": customer, "invoice_id": invoice, "position": position}
                yield key | {"what": what, "stored": stored, "found": wanted}


def _apart(lines: Sequence[BilledLine]) -> Iterator[tuple[int, str, object, object]]:
    try:
        taxes = [taxes_of(line) for line in lines]
        made = _made_again(lines)
    except (TallystickError, LookupError, ValueError, TypeError) as refused:
        yield 0, "evidence", str(refused)[:200], "taxes"
        return
    for line, some, again in zip(lines, taxes, made, strict=True):
        added = sum(each.amount.minor for each in some if not each.rate.inclusive)
        if added != line.tax.minor:
            yield line.position, "tax", line.tax.minor, added
        figures = [each.amount.minor for each in some]
        if again is not None and figures != again:
            yield line.position, "taxes", str(figures), str(again)


def _made_again(lines: Sequence[BilledLine]) -> list[list[int] | None]:
    """Take the rates of lines again, all of a document together, as each is rounded once.

    What gives back is taxed as the document was that it gives back of, and what came late as the
    difference to what was taxed before; a document with any of that is left out.
    """
    if any(line.kind == "late" for line in lines):
        return [None] * len(lines)
    sold = [_sold(line) for line in lines]
    taxes = [tax.amount for line in lines for tax in taxes_of(line)]
    if any(amount.minor < 0 for amount in (*sold, *taxes)):
        return [None] * len(lines)
    new = [place for place, amount in enumerate(sold) if amount.minor]
    rates = [[each.rate for each in taxes_of(lines[place])] for place in new]
    # a line worth nothing may name rates, as a credit that rounds to zero does: each comes to zero
    made: list[list[int] | None] = [[0] * len(taxes_of(line)) for line in lines]
    for place, some in zip(new, tax_lines([sold[place] for place in new], rates), strict=True):
        made[place] = [each.amount.minor for each in some]
    return made


def _sold(line: BilledLine) -> Money:
    return line.amount - line.discount - line.credit


def _rules(unit: Unit) -> Rows:
    """Find documents that were taxed by rules which nobody published."""
    c = unit.tables.invoices.c
    digests = set(unit.connection.execute(select(unit.tables.tax_rules.c.digest)).scalars())
    query = select(c.customer_id, c.id, c.number_text, c.body).where(
        c.number.is_not(None), c.body.like('%"tax_evidence":%')
    )
    for row in mappings(unit, query.order_by(c.customer_id, c.id)):
        said: Any = json.loads(row["body"]).get("tax_evidence") or {}
        if said.get("engine") == _RULES and said.get("rules") not in digests:
            shown = {name: row[name] for name in ("customer_id", "id", "number_text")}
            yield shown | {"rules": said.get("rules")}


TAX_CHECKS: Final[Sequence[Check]] = (
    Check("tax-evidence", "I8 I9", "a line is taxed as its evidence says", _evidence),
    Check("tax-rules", "I11", "a document is taxed by rules that were published", _rules),
)
"""The invariants of taxes, in the order in which they are run."""
