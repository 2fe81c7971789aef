"""Run cases through the engine's own public functions and compare what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.errors import TallystickError
from tallystick.testing.conformance import (
    calendar,
    coupons,
    entitlements,
    pricing_models,
    proration,
    rounding_currency,
)
from tallystick.testing.conformance.compare import Figures, zone_of
from tallystick.testing.conformance.credits import ADAPTERS as CREDITS
from tallystick.testing.conformance.outcome import CaseResult, NotApplicable, Report
from tallystick.testing.conformance.reading import packaged_files, read_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tallystick.testing.conformance.outcome import Status
    from tallystick.testing.conformance.reading import Case

__all__ = ["ADAPTERS", "Adapter", "run_case", "run_cases"]

Adapter: TypeAlias = "Callable[[Mapping[str, Any]], Mapping[str, Any]]"
"""From the input of a case to the engine's figures, under the names of `expected`."""

ADAPTERS: Final[Mapping[str, Adapter]] = {
    **pricing_models.ADAPTERS,
    **rounding_currency.ADAPTERS,
    **calendar.ADAPTERS,
    **proration.ADAPTERS,
    **coupons.ADAPTERS,
    **CREDITS,
    **entitlements.ADAPTERS,
}
"""One adapter for each kind the engine knows."""


def run_cases(
    paths: Sequence[Path | str] | None = None, *, adapters: Mapping[str, Adapter] = ADAPTERS
) -> Report:
    """Run the cases of some files; without any, the kit that comes with the package.

    Another engine is tried by giving its own adapters.  Raises InvalidInput for a file that holds
    no cases, before any case is run.
    """
    sources = list(paths) if paths else packaged_files()
    cases = [case for source in sources for case in read_cases(source)]
    return Report(tuple(run_case(case, adapters) for case in cases))


def run_case(case: Case, adapters: Mapping[str, Adapter] = ADAPTERS) -> CaseResult:
    """Run one case.  Whatever an adapter raises becomes a result; nothing is raised."""
    adapter = adapters.get(case.kind)
    if adapter is None:
        return _not_applicable(case, "no adapter for this kind")
    try:
        return _compared(case, adapter(case.input))
    except NotApplicable as why:
        return _not_applicable(case, str(why))
    except TallystickError as refusal:
        return _refused(case, refusal)
    except Exception as crash:  # noqa: BLE001 - one broken case must not hide the others
        reason = f"{type(crash).__name__}: {crash}"
        return CaseResult(case.id, case.kind, "failed", case.expected, None, reason)


def _compared(case: Case, got: Mapping[str, Any]) -> CaseResult:
    figures = Figures(zone_of(case.input.get("time_zone")))
    differences = figures.differences(case.expected, got)
    status: Status = "failed" if differences else "passed"
    return CaseResult(case.id, case.kind, status, case.expected, got, "; ".join(differences))


def _refused(case: Case, refusal: TallystickError) -> CaseResult:
    passed = case.expected.get("error") is True
    return CaseResult(
        case.id,
        case.kind,
        "passed" if passed else "failed",
        case.expected,
        {"error": True},
        "" if passed else f"refused: {refusal}",
    )


def _not_applicable(case: Case, why: str) -> CaseResult:
    return CaseResult(case.id, case.kind, "not_applicable", case.expected, None, why)
