"""Documents for people: how an invoice looks, in plain text and in HTML, in their language.

Everything in here needs the extra `documents`.  Nothing is decided or reckoned here: each figure
is one of the document's own, only written as its reader writes it.
"""

from __future__ import annotations

from importlib.util import find_spec

from tallystick.errors import MissingExtra

__all__: list[str] = []

if not all(find_spec(name) for name in ("babel", "jinja2")):
    raise MissingExtra("an invoice for people", "documents")
