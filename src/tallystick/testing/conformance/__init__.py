"""The conformance kit: cases with the figures that must come out, and what runs them.

::

    from tallystick.testing.conformance import run_cases

    report = run_cases()  # the packaged kit; or run_cases(["my_cases.json"])
    for line in report.lines():
        print(line)

Imports neither pytest nor hypothesis.
"""

from __future__ import annotations

from tallystick.testing.conformance.outcome import CaseResult, NotApplicable, Report
from tallystick.testing.conformance.runner import run_cases

__all__ = ["CaseResult", "NotApplicable", "Report", "run_cases"]
