"""Tags for Django's templates: `{% load tallystick %}`."""

from __future__ import annotations

__all__: list[str] = []
