"""Host frameworks: limits that hold in FastAPI, Starlette, Litestar, Flask and Celery; flags.

Each file needs its framework and nothing of the others.
"""

from __future__ import annotations

__all__: list[str] = []
