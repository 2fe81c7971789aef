"""What a line stores so that it can be explained: its steps as plain JSON values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.frozen import FrozenDict, FrozenTree
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.rating import RatedLine
from tallystick.core.rating.line import Component, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.currency import Currency

__all__ = ["evidence_of", "rated_of"]


def evidence_of(
    rated: RatedLine, *, exact: Decimal | None = None, more: Mapping[str, Any] = FrozenDict()
) -> Mapping[str, Any]:
    """Write a rated line down: its steps, and where it is shared out by time, the exact whole."""
    tree: dict[str, Any] = {"steps": [_step(step) for step in rated.steps], **more}
    if exact is not None:
        tree["exact"] = plain(exact)
    return FrozenTree(tree)


def rated_of(
    evidence: Mapping[str, Any], currency: Currency, *, price_id: str, name: str
) -> RatedLine:
    """Read the steps again, as a rated line that `core.explain` makes sums of."""
    steps = tuple(_read_step(each) for each in evidence["steps"])
    last = steps[-1].result if steps else Decimal(0)
    measured = steps[0].inputs[0] if steps and steps[0].inputs else Decimal(0)
    parts = next((step.components for step in steps if step.name == "price"), ())
    exact = next((step.inputs[0] for step in steps if step.name == "round"), last)
    amount = Money(int(last), currency)
    return RatedLine(price_id, name, currency, measured, measured, parts, exact, amount, steps)


def _step(step: Step) -> list[Any]:
    """Give name, inputs and result; then how, and the components, where there are any."""
    row: list[Any] = [step.name, [plain(value) for value in step.inputs], plain(step.result)]
    if step.how or step.components:
        row.append(step.how)
    if step.components:
        row.append([_component(part) for part in step.components])
    return row


def _component(part: Component) -> list[str]:
    row = [part.name, plain(part.quantity), plain(part.unit), plain(part.amount)]
    return row if part.counts == "units" else [*row, part.counts]


def _read_step(row: Sequence[Any]) -> Step:
    name, inputs, result, *more = row
    how = more[0] if more else ""
    parts = tuple(_read_component(each) for each in more[1]) if len(more) > 1 else ()
    return Step(name, tuple(map(Decimal, inputs)), Decimal(result), parts, how)


def _read_component(row: Sequence[str]) -> Component:
    name, quantity, unit, amount, *counts = row
    return Component(
        name,
        Decimal(quantity),
        Decimal(unit),
        Decimal(amount),
        "money" if counts else "units",
    )
