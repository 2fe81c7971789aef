"""The options of `subscriptions start` as a table: how each is typed, and what it says."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from tallystick.cli.subscription_words import add_ons, overrides, phase_of
from tallystick.cli.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STARTS", "Option", "Override", "Seats", "Time", "said_by"]

Seats = Annotated[int | None, typer.Option(help="How many seats.")]
"""The option of every command that has seats."""

Time = Annotated[str | None, typer.Option(metavar="TIME")]
"""An option that is a time."""

Override = Annotated[
    list[str] | None,
    typer.Option(metavar="PRICE.FIELD=VALUE", help="A price of its own, as pro.cost=5.00; repeat."),
]
"""The option of every command that has prices of its own."""


def _as_typed(value: Any, _option: str) -> Any:  # noqa: ANN401 - it goes on as it is
    return value


def _overrides(words: list[str], _option: str) -> Any:  # noqa: ANN401 - the facade reads it
    return overrides(words)


def _phases(words: list[str], _option: str) -> Any:  # noqa: ANN401 - the facade reads it
    return [phase_of(word) for word in words]


@dataclass(frozen=True, slots=True)
class Option:
    """One option: the parameter it is, how it is typed, and which word of the facade it says."""

    name: str
    typed: Any
    default: Any = None
    says: str = ""
    read: Callable[[Any, str], Any] = _as_typed

    @property
    def parameter(self) -> inspect.Parameter:
        """Give it as the parameter that Typer reads."""
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(self.name, keyword, default=self.default, annotation=self.typed)

    def said(self, value: Any) -> Any:  # noqa: ANN401 - the facade looks at it
        """Read what was typed; None where nothing was.  Raises Usage."""
        if value is None or value == []:
            return None
        return self.read(value, f"--{self.name.replace('_', '-')}")


def _text(*words: str, **shown: Any) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[str | None, typer.Option(*words, **shown)]


def _words(**shown: Any) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[list[str] | None, typer.Option(**shown)]


def _days(text: str) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[int | None, typer.Option(help=text)]


def _one_of(choices: str, text: str) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[str, typer.Option(metavar=choices, help=text)]


_ADD: Final = _words(metavar="PLAN[=SEATS]", help="An add-on beside it; repeat.")
_AFTER: Final = _one_of("active|paused|canceled", "What the trial ends into.")
_BILLING: Final = _one_of("anniversary|calendar", "What periods are counted from.")
_PHASE: Final = _words(
    metavar="PERIODS:PERCENT", help="3:50 is three periods at half price; repeat."
)
_TRIAL: Final = _days("Free days before it is paid; 0 for none, else the plan's.")

STARTS: Final[tuple[Option, ...]] = (
    Option("id_", _text("--id", metavar="ID", help="Your own id."), says="id"),
    Option("currency", _text(metavar="CODE", help="One that the plan is sold in, as EUR.")),
    Option("seats", Seats),
    Option("add", _ADD, says="add_ons", read=add_ons),
    Option("trial_days", _TRIAL),
    Option("after_trial", _AFTER, "active"),
    Option(
        "identity",
        _words(metavar="TEXT", help="Who has no second trial; repeat."),
        says="identities",
    ),
    Option("starts_at", Time, read=moment),
    Option("paid_until", Time, read=moment),
    Option("ends_at", Time, read=moment),
    Option("anchor", Time, read=moment),
    Option("billing", _BILLING, "anniversary"),
    Option("override", Override, says="overrides", read=_overrides),
    Option("phase", _PHASE, says="phases", read=_phases),
    Option(
        "coupon",
        _words(metavar="CODE", help="A coupon's code, as it was typed; repeat."),
        says="coupons",
    ),
    Option("net_days", _days("Days to pay.")),
    Option("po_number", _text(help="Their purchase order.")),
    Option("memo", _text(help="A note on every document.")),
)
"""What can be said of a start."""


def said_by(options: tuple[Option, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options in the place of its parameter `said`, read into one mapping."""

    def given(command: Callable[..., None]) -> Callable[..., None]:
        def run(*words: Any, **typed: Any) -> None:  # noqa: ANN401 - what Typer reads
            read = {each.says or each.name: each.said(typed.pop(each.name)) for each in options}
            said = {name: value for name, value in read.items() if value is not None}
            command(*words, **typed, said=said)

        functools.update_wrapper(run, command)
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for each in signature.parameters.values():
            own = [option.parameter for option in options] if each.name == "said" else [each]
            parameters += own
        hints = get_type_hints(command, localns={"Tallystick": object}, include_extras=True)
        hints |= {option.name: option.typed for option in options}
        run.__signature__ = signature.replace(parameters=_keywords(parameters))  # type: ignore[attr-defined]  # what Typer reads
        run.__annotations__ = {each.name: hints[each.name] for each in parameters}
        return run

    return given


def _keywords(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Let all but the first, which comes by its place, come by their names."""
    first, *others = parameters
    return [first, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in others)]
