"""The service: the price list and usage over HTTP, their description, and the pricing page.

Everything in here needs the extra `server`.
"""

from __future__ import annotations

from importlib.util import find_spec

from tallystick.errors import MissingExtra

__all__: list[str] = []

if not all(find_spec(name) for name in ("fastapi", "jinja2", "msgspec", "uvicorn")):
    raise MissingExtra("the HTTP service", "server")
