"""What SQLAlchemy has compiled is kept from the engine of one test to that of the next.

A statement is compiled once for a dialect, whichever database it then runs on.  A process that
serves has one engine and compiles once; tests have thousands, and would spend half of their time on
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy

from tallystick.storage import engine as engines

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["share_compiled"]


def share_compiled() -> None:
    """Have engines of the same kind, for the same user, share their dialect and its statements."""
    create = sqlalchemy.create_engine
    first: dict[tuple[object, ...], Engine] = {}

    def create_engine(*given: Any, **named: Any) -> Engine:
        made = create(*given, **named)
        url = made.url
        key = (url.drivername, url.username, url.host, url.port, repr(url.query))
        kept = first.get(key)
        if kept is None or "server_version_info" not in vars(kept.dialect):  # it never connected
            first[key] = made
        else:
            made.dialect = kept.dialect
            made._compiled_cache = kept._compiled_cache
        return made

    vars(engines)["create_engine"] = create_engine
