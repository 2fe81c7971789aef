"""A decision that asks the host's code on its way, written once for threads and for event loops.

Such a decision is a generator: it yields a `Call`, is sent what came of it, and returns what was
decided.  Who runs it knows whether to wait.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from tallystick.errors import SetupError

__all__ = ["Call", "Steps", "run", "run_async"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """A question to the host's code: what to call, and with what."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


Steps: TypeAlias = Generator[Call, Any, R]
"""A decision under way, which returns R."""


def run(steps: Steps[R]) -> R:
    """Run a decision where one waits in a thread.

    Raises what the decision raises, and SetupError where the host's code is asynchronous.
    """
    try:
        call = next(steps)
        while True:
            try:
                answer = call.function(*call.arguments)
                _refuse_awaitable(answer, call)
            except Exception as error:  # noqa: BLE001 - the decision itself says what to make of it
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as done:
        decided: R = done.value
        return decided


def _refuse_awaitable(answer: object, call: Call) -> None:
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        name = getattr(call.function, "__qualname__", repr(call.function))
        raise SetupError(f"{name} is asynchronous: WSGI needs a plain function")


async def run_async(steps: Steps[R]) -> R:
    """Run a decision in an event loop; what is not asynchronous runs in a thread beside it."""
    try:
        call = next(steps)
        while True:
            try:
                answer = await _answered(call)
            except Exception as error:  # noqa: BLE001 - the decision itself says what to make of it
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as done:
        decided: R = done.value
        return decided


async def _answered(call: Call) -> Any:  # noqa: ANN401 - whatever the host's code gives
    if inspect.iscoroutinefunction(call.function):
        return await call.function(*call.arguments)
    answer = await asyncio.to_thread(call.function, *call.arguments)
    return await answer if inspect.isawaitable(answer) else answer
