"""Our revisions as Django's migrations, one each."""

from __future__ import annotations

__all__: list[str] = []
