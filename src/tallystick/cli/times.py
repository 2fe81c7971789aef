"""Times as they are typed: a day, or a time with its zone."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import Usage

if TYPE_CHECKING:
    from tallystick.core.period import Instant

__all__ = ["At", "moment", "moment_or_none", "month_or_moment", "when"]

At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="Decide as if it were then: 2027-01-31 (UTC), or a time with its zone.",
        show_default="now",
    ),
]
"""The option of every command that decides something by the time."""


def moment(text: str, option: str) -> Instant:
    """Read a time of an option; a day alone is its midnight, UTC.  Raises Usage."""
    from tallystick.core.period import parse_instant
    from tallystick.errors import InvalidPeriod

    try:
        if len(text) == len("2027-01-31"):
            return datetime.combine(datetime.fromisoformat(text).date(), time(), UTC)
        return parse_instant(text)
    except InvalidPeriod as refused:
        raise Usage(f"{option}: {refused}") from None
    except ValueError:
        raise Usage(f"{option}: {text!r} is not a day such as 2027-01-31") from None


def moment_or_none(text: str | None, option: str) -> Instant | None:
    """Read a time of an option that may be left out.  Raises Usage."""
    return None if text is None else moment(text, option)


def month_or_moment(text: str, option: str) -> Instant:
    """Read a time of an option; a month alone, as 2027-01, is its first moment, UTC.

    Raises Usage.
    """
    month = len(text) == len("2027-01") and text[:4].isdigit() and text[5:].isdigit()
    return moment(f"{text}-01" if month else text, option)


def when(text: str | None) -> Instant | str | None:
    """Read when a move takes effect: `now`, `period-end`, or a time.  Raises Usage."""
    if text is None or text == "now":
        return text
    return "period_end" if text in {"period-end", "period_end"} else moment(text, "--when")
