"""Host frameworks: limits that hold in FastAPI, Django, Starlette, Litestar, Flask, Celery; flags.

Each file or folder needs its framework and nothing of the others.
"""

from __future__ import annotations

__all__: list[str] = []
