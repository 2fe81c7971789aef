"""Serving: a socket that is really ours, the addresses said aloud, an orderly end."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import uvicorn

from tallystick.errors import SetupError
from tallystick.http.api import create_app
from tallystick.http.plans import PATH, path_beside
from tallystick.http.usage import EVENTS
from tallystick.http.webhooks import STRIPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.types import ASGIApp

    from tallystick.core.catalog import Catalog
    from tallystick.http.demo import DemoPage
    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["listen", "origin_of", "run", "serve", "serve_on"]

FIRST_PORT: Final = 8000
_PORTS_TRIED: Final = 100
_LAST_PORT: Final = 65_535
_BACKLOG: Final = 2048
_SECONDS_TO_FINISH: Final = 10
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - shown, not bound


def run(  # noqa: PLR0913 - what is served, where, and what stands beside it
    catalog: Catalog[Any, Any],
    host: str = "127.0.0.1",
    port: int | None = None,
    *,
    beside: Mapping[str, Catalog[Any, Any]] | None = None,
    announce: Callable[[str], None] = print,
    docs: bool = True,
    tally: Tallystick | None = None,
    keys: Keys | None = None,
    demo: DemoPage | None = None,
) -> None:
    """Serve a catalogue, and others `beside` it by name, until SIGTERM or Ctrl-C.

    Usage is counted in the ledger `tally` for callers with one of the `keys`; a `demo` page shows
    it without one.  `announce` gets one printable line for each address once the socket listens.
    Raises SetupError where the port cannot be had.
    """
    shown = {"Pricing page": "/", "Price list": PATH}
    shown |= {f"  of {name}": quote(path_beside(name)) for name in beside or {}}
    if tally is not None:
        shown["Usage events"] = EVENTS
    if tally is not None and tally.event_source is not None:
        shown["Webhooks"] = STRIPE
    if demo is not None:
        shown |= demo.addresses()
    if docs:
        shown["API docs"] = "/docs"
    app = create_app(catalog, beside=beside, docs=docs, tally=tally, keys=keys, demo=demo)
    serve(app, host, port, announce=announce, shown=shown)


def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int | None = None,
    *,
    announce: Callable[[str], None] = print,
    shown: dict[str, str] | None = None,
) -> None:
    """Serve an ASGI app on a port, or on the first free one from 8000 on.

    The socket is bound and listens before anything is said, so an announced address is never
    someone else's.  Requests under way get ten seconds to finish after SIGTERM.
    Raises SetupError where the port cannot be had.
    """
    with listen(host, port) as listener:
        serve_on(listener, app, host, announce=announce, shown=shown)


def serve_on(
    listener: socket.socket,
    app: ASGIApp,
    host: str = "127.0.0.1",
    *,
    announce: Callable[[str], None] = print,
    shown: dict[str, str] | None = None,
) -> None:
    """Serve an ASGI app on a socket that listens, as `serve` does; the socket stays the caller's.

    `host` is what the socket was asked to listen on.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    server = uvicorn.Server(config)
    origin = origin_of(host, listener.getsockname()[1])
    with _orderly_end(server):
        for name, path in (shown or {"Listening": "/"}).items():
            announce(f"{name:<13} {origin}{path}")
        server.run(sockets=[listener])


def listen(host: str, port: int | None) -> socket.socket:
    """Open a listening socket.  Raises SetupError, saying what to do."""
    if port is not None and not (type(port) is int and 0 <= port <= _LAST_PORT):
        raise SetupError(f"port {port!r} is no port; choose one from 0 to {_LAST_PORT}")
    wanted = range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED) if port is None else (port,)
    for candidate in wanted:
        try:
            return _listen(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise SetupError(
                f"cannot listen on {host}:{candidate}: {error.strerror or error}; "
                "choose another --host or --port"
            ) from error
    taken = f"port {port} is" if port is not None else f"ports {wanted[0]} to {wanted[-1]} are"
    raise SetupError(f"{taken} taken on {host}; choose another with --port")


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two sockets may be bound to one port while neither listens: listening settles it.
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def origin_of(host: str, port: int) -> str:
    """Give how the addresses of a host begin, as this machine can open them."""
    shown = _EVERYWHERE.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


@contextmanager
def _orderly_end(server: uvicorn.Server) -> Iterator[None]:
    """Take SIGTERM and Ctrl-C as the ordinary end they are, so that the exit status is 0.

    The server listens for them only once it runs, and raises them again when it has ended.  One
    that comes before is kept for it: it then starts and ends at once.  Signals can be set in the
    main thread only.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
