"""The inbox: events of payment providers, each once, and the objects that they are hints of."""

from __future__ import annotations

from typing import ClassVar

from django.db.migrations import Migration as DjangoMigration

from tallystick.integrations.django.operations import Apply

__all__ = ["Migration"]


class Migration(DjangoMigration):
    """Applies the revision."""

    dependencies: ClassVar = [("tallystick", "tallystick_0019")]
    operations: ClassVar = [Apply("tallystick_0020")]
