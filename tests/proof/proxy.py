"""A small TCP proxy before PostgreSQL that fails at the worst moments: around COMMIT.

It forwards bytes.  On a COMMIT of the client it asks what shall become of it: it lets it pass,
cuts the connection before the server hears it (`cut`: not kept), or forwards it, waits for the
server's answer and cuts the connection without passing it on (`eat`: kept, and nobody was told).
The client sees the same in both: a connection that is gone.  Without TLS, as on a loopback.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Fate", "Proxy"]

Fate: TypeAlias = Literal["pass", "cut", "eat"]
"""What becomes of a COMMIT."""

_COMMIT: Final = b"COMMIT\x00"  # psycopg sends it alone and waits
_PATIENCE: Final = 30


class Proxy:
    """A proxy before one database; `url` goes through it, `fates` counts what became of commits."""

    def __init__(self, url: str, fate: Callable[[], Fate]) -> None:
        """Stand before the database of an address; `fate` is asked at every COMMIT."""
        self._behind, self._fate = make_url(url), fate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = False
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.fates: Counter[Fate] = Counter()
        port = self._listener.getsockname()[1]
        through = self._behind.set(host="127.0.0.1", port=port, query={})
        through = through.update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
        self.url = through.render_as_string(hide_password=False)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        """Begin to accept connections."""
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut every connection and end."""
        self._over = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._pairs):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _accept(self) -> None:
        while not self._over:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, self._connect() as server, contextlib.suppress(OSError):
            self._pairs |= {client, server}
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._relay(client, server)
        self._pairs -= {client, server}

    def _connect(self) -> socket.socket:
        folder = self._behind.query.get("host") or self._behind.host or "127.0.0.1"
        port = self._behind.port or 5432
        if isinstance(folder, str) and folder.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(Path(folder) / f".s.PGSQL.{port}"))
            return server
        return socket.create_connection((str(folder), port))

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        eating = False
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    here, there = key.fileobj, key.data
                    assert isinstance(here, socket.socket)
                    chunk = here.recv(1 << 16)
                    if not chunk:
                        return
                    fate = self._asked(chunk) if here is client else "pass"
                    if fate == "cut" or (eating and here is server):
                        return
                    eating = eating or fate == "eat"
                    there.sendall(chunk)

    def _asked(self, chunk: bytes) -> Fate:
        if _COMMIT not in chunk:
            return "pass"
        with self._lock:
            fate = self._fate()
            self.fates[fate] += 1
        return fate
