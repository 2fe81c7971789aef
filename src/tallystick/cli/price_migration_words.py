"""Price migrations on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.cli.output import say, say_table
from tallystick.core.number import plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from tallystick.app.price_migration import MigrationPreview
    from tallystick.core.money import Money
    from tallystick.core.price_migration import PriceMigration, PriceMove

__all__ = [
    "migration_tree",
    "move_tree",
    "percent_words",
    "preview_tree",
    "print_migration",
    "print_moves",
]


def _text(at: Any) -> Any:  # noqa: ANN401 - an instant or None
    from tallystick.core.period import instant_text

    return None if at is None else instant_text(at)


def percent_words(percent: Decimal | None) -> str:
    """Write a percentage; nothing where there is none."""
    return "" if percent is None else f"{plain(percent)} %"


# --- JSON -----------------------------------------------------------------------------------------


def migration_tree(made: PriceMigration) -> dict[str, Any]:
    """Give a price migration as plain JSON values."""
    return {
        "id": made.id,
        "state": made.state,
        "from": list(made.from_offers),
        "to": made.to_offer,
        "effective_at": _text(made.at),
        "planned_at": _text(made.planned_at),
        "customers": None if made.customers is None else list(made.customers),
        "without": list(made.without),
        "notice_days": made.notice_days,
        "cap_percent": made.cap_percent,
        "stages": list(made.stages),
        "stage": made.stage,
        "counts": dict(made.counts),
    }


def move_tree(move: PriceMove) -> dict[str, Any]:
    """Give one subscription's part as plain JSON values: amounts in minor units."""
    return {
        "customer": move.customer,
        "name": move.name,
        "subscription": move.subscription,
        "from": move.item.offer,
        "seats": move.item.seats,
        "currency": None if move.before is None else move.before.currency.code,
        "before": _minor(move.before),
        "after": _minor(move.after),
        "change": _minor(move.change),
        "percent": move.percent,
        "status": move.status,
        "reason": move.reason,
        "stage": move.stage,
        "takes_effect_at": _text(move.takes_effect_at),
    }


def _minor(money: Money | None) -> int | None:
    return None if money is None else money.minor


def preview_tree(found: MigrationPreview) -> dict[str, Any]:
    """Give a preview as plain JSON values."""
    words = migration_tree(found.migration)
    for name in ("id", "state", "planned_at", "stage", "stages", "counts"):
        del words[name]
    return {
        **words,
        "currency": found.before.currency.code,
        "before": found.before.minor,
        "after": found.after.minor,
        "totals": [
            {"currency": before.currency.code, "before": before.minor, "after": after.minor}
            for before, after in found.totals
        ],
        "over_cap": [each.subscription for each in found.over_cap],
        "moves": [move_tree(each) for each in found.moves],
    }


# --- for people -----------------------------------------------------------------------------------


def print_migration(made: PriceMigration) -> None:
    """Print how a price migration stands."""
    counts = ", ".join(f"{count:,} {status}" for status, count in made.counts.items())
    say(
        f"{made.id}: {made.state}, {', '.join(made.from_offers)} to {made.to_offer}",
        f"from the first period's end on or after: {_text(made.at)}",
        f"subscriptions: {counts}",
    )
    if made.customers is not None:
        say(f"only: {', '.join(made.customers)}")
    if made.without:
        say(f"without: {', '.join(made.without)}")
    if made.notice_days:
        say(f"notice: {made.notice_days} days")
    if made.cap_percent is not None:
        say(f"cap: {percent_words(made.cap_percent)}")
    if made.stages:
        say(f"stages: {', '.join(map(str, made.stages))}, the rest; {made.stage} begun")


def print_moves(moves: Iterable[PriceMove]) -> None:
    """Print subscriptions with what they pay before and after."""
    rows = (
        [
            each.customer,
            each.name or "",
            each.subscription,
            each.item.offer,
            "" if each.before is None else str(each.before),
            "" if each.after is None else str(each.after),
            percent_words(each.percent),
            each.status,
            each.reason or _text(each.takes_effect_at) or "",
        ]
        for each in moves
    )
    say_table(
        [
            "customer",
            "name",
            "subscription",
            "from",
            "before",
            "after",
            "change",
            "",
            "when or why",
        ],
        rows,
        right="before after change",
    )
