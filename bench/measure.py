"""Timing one thing against another, so that the result is a ratio and not a machine's seconds.

Both sides run in turns in one process (ours, baseline, ours, baseline, ...), each round long
enough to be timed, and each round gives one ratio.  What is reported is the median of the ratios
with the smallest and the largest, so that a busy machine shows as spread and not as speed.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["HEADER", "Result", "compare", "compared"]

HEADER: Final = f"{'measured':<52} {'median':>8} {'min':>8} {'max':>8} {'goal':>9}"
"""The head of the table that `compare` prints the rows of."""

SHORTEST_ROUND_NS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured: a ratio of times (or, with another unit, a plain figure) and its goal.

    `at_least` turns the goal round: the figure must not fall below it.
    """

    name: str
    median: float
    smallest: float
    largest: float
    goal: float
    unit: str = "x"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Tell whether the median keeps the goal."""
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    def __str__(self) -> str:
        """Give one row of the table."""
        figures = (self.median, self.smallest, self.largest)
        row = " ".join(f"{figure:>7.2f}{self.unit}" for figure in figures)
        goal = f"{'>=' if self.at_least else '<='} {self.goal:g}{self.unit}"
        return f"{self.name:<52} {row} {goal:>9}  {'met' if self.met else 'NOT MET'}"


def compare(
    name: str,
    ours: Callable[[], object],
    baseline: Callable[[], object],
    *,
    goal: float,
    rounds: int = 7,
) -> Result:
    """Time ours against a baseline, interleaved, and print one row: ratio, spread, goal.

    Each call is repeated within a round until the round is long enough to be timed.
    """
    for call in (ours, baseline):
        call()  # warm caches are part of every run but the first
    calls = _calls_for_a_round(baseline)
    ratios = []
    for _ in range(rounds):
        mine, other = _time(ours, calls), _time(baseline, calls)
        ratios.append(mine / other)
    return compared(name, ratios, goal=goal)


def compared(
    name: str,
    figures: Sequence[float],
    *,
    goal: float,
    unit: str = "x",
    at_least: bool = False,
) -> Result:
    """Make a result of figures that were taken elsewhere, one for each round, and print its row."""
    result = Result(name, median(figures), min(figures), max(figures), goal, unit, at_least)
    print(result, flush=True)
    return result


def _calls_for_a_round(call: Callable[[], object]) -> int:
    calls = 1
    while _time(call, calls) < SHORTEST_ROUND_NS:
        calls *= 2
    return calls


def _time(call: Callable[[], object], calls: int) -> int:
    """Take the processor time of some calls; wall time where the clock is too coarse for that."""
    gc.collect()
    turns = range(calls)
    wall, cpu = perf_counter_ns(), process_time_ns()
    for _ in turns:
        call()
    cpu, wall = process_time_ns() - cpu, perf_counter_ns() - wall
    return max(cpu or wall, 1)
