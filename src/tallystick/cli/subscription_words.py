"""What is typed for a subscription: add-ons, prices of its own, phases."""

from __future__ import annotations

from typing import Any

from tallystick.cli.arguments import Usage

__all__ = ["add_ons", "overrides", "phase_of"]


def add_ons(words: list[str] | None, option: str) -> list[tuple[str, int]] | None:
    """Read add-ons: PLAN or PLAN=SEATS.  Raises Usage."""
    found = []
    for word in words or ():
        plan, sign, seats = word.partition("=")
        if not plan or (sign and not (seats.isascii() and seats.isdigit() and len(seats) < 8)):  # noqa: PLR2004 - no one has so many
            raise Usage(f"{option} takes PLAN or PLAN=SEATS, not {word!r}")
        found.append((plan, int(seats) if sign else 1))
    return found or None


def overrides(words: list[str] | None) -> dict[str, dict[str, Any]] | None:
    """Read prices of its own: PRICE.FIELD=VALUE.  Raises Usage."""
    found: dict[str, dict[str, Any]] = {}
    for word in words or ():
        name, sign, value = word.partition("=")
        price, dot, field = name.rpartition(".")
        if not sign or not dot or not price or not field:
            raise Usage(f"--override takes PRICE.FIELD=VALUE, not {word!r}")
        if field in found.setdefault(price, {}):
            raise Usage(f"--override names {name} twice")
        found[price][field] = value
    return found or None


def phase_of(word: str) -> dict[str, Any]:
    """Read a phase: PERIODS:PERCENT.  Raises Usage."""
    periods, sign, percent = word.partition(":")
    if not sign or not (periods.isascii() and periods.isdigit() and len(periods) < 5):  # noqa: PLR2004 - no phase is so long
        raise Usage(f"--phase takes PERIODS:PERCENT, as 3:50, not {word!r}")
    return {"periods": int(periods), "percent_off": percent}
