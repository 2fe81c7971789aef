"""The first tables: catalogue versions, customers, usage and its roll-ups."""

from __future__ import annotations

from typing import ClassVar

from django.db.migrations import Migration as DjangoMigration

from tallystick.integrations.django.operations import Apply

__all__ = ["Migration"]


class Migration(DjangoMigration):
    """Applies the revision."""

    dependencies: ClassVar = []
    operations: ClassVar = [Apply("tallystick_0001")]
