"""The fake Stripe on a port of this machine, for as long as a block lasts."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import stripe
import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.testing.fake_stripe.app import FakeStripe

__all__ = ["running", "talking_to"]

_SECONDS_TO_FINISH: Final = 1


@contextmanager
def running(fake: FakeStripe, port: int = 0) -> Iterator[str]:
    """Answer on 127.0.0.1 within a block, on a free port if 0, and give the address.

    It is the address for the SDK's `base_addresses`, and of the pages to pay on.
    """
    listener = socket.create_server(("127.0.0.1", port))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        fake,
        lifespan="off",
        log_level="critical",  # an answer that is cut on purpose is no news
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    fake.account.site = address
    with listener:
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def talking_to(fake: FakeStripe) -> Iterator[stripe.StripeClient]:
    """Answer within a block, and give a client of the official SDK that asks each thing once."""
    with running(fake) as address:
        yield stripe.StripeClient(
            fake.account.api_key, base_addresses={"api": address}, max_network_retries=0
        )
