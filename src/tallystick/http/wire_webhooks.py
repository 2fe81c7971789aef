"""The shape of what a provider's event is answered with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["ReceivedEvent"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeptEvent(_Answer):
    """An event as it is kept."""

    id: str
    state: Literal["new", "applied", "ignored", "set_aside"]


class ReceivedEvent(_Answer):
    """The answer to an event."""

    ok: Literal[True]
    data: KeptEvent
