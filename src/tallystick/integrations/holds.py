"""The units that one request holds: reserved before it is answered, committed as it succeeds."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import TallystickError
from tallystick.integrations.answers import succeeded
from tallystick.problems import refusal_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tallystick.facade.reservation import Reservation
    from tallystick.integrations.needs import Need
    from tallystick.wiring import Tallystick

    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["Holds", "send_refusal"]

_log: Final = logging.getLogger("tallystick.integrations")


class Holds:
    """The reservations of one request."""

    __slots__ = ("_held", "_refused", "_send", "_started", "_tally")

    def __init__(self, tally: Tallystick, send: Send) -> None:
        """Stand before where the answer is sent to."""
        self._tally, self._send = tally, send
        self._held: list[Reservation] = []
        self._started = self._refused = False

    async def reserve(self, customer: str, need: Need, amount: Any, expires_in: int) -> None:  # noqa: ANN401 - read strictly by the ledger
        """Hold what is needed.  Raises what `tally.reserve` raises; nothing is held then."""
        held = await self._tally.aio.reserve(
            customer, need.feature, amount, expires_in=expires_in, used=need.counted(customer)
        )
        self._held.append(held)

    async def send(self, message: Message) -> None:
        """Send on; with the status, commit what is held, or release it.

        What cannot be committed is not answered as if it were: the refusal is sent instead.
        """
        if self._refused:
            return
        if message["type"] == "http.response.start" and not self._started:
            self._started = True
            if succeeded(message["status"]):
                try:
                    await self._commit()
                except TallystickError as error:
                    self._refused = True
                    _log.warning("what a request used could not be committed: %s", error)
                    await self.release()
                    await send_refusal(error, self._tally, self._send)
                    return
            else:
                await self.release()
        await self._send(message)

    async def _commit(self) -> None:
        while self._held:
            held = self._held[0]
            await self._tally.aio.commit(held.customer, held.id, held.token)
            self._held.pop(0)

    async def release(self) -> None:
        """Give back what is still held, also where the request is cancelled meanwhile."""
        held, self._held = self._held, []
        if held:
            await asyncio.shield(asyncio.gather(*map(self._release, held)))

    async def _release(self, held: Reservation) -> None:
        try:
            await self._tally.aio.release(held.customer, held.id, held.token)
        except TallystickError as error:  # it goes back by itself once it expires
            _log.warning("the reservation %s was not released: %s", held.id, error)


async def send_refusal(error: TallystickError, tally: Tallystick, send: Send) -> None:
    """Answer with an error's envelope, from plain ASGI."""
    refusal = refusal_of(error, tally.clock.now())
    if refusal.internal:
        _log.error("a request failed", exc_info=error)
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body})
