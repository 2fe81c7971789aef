"""Leases of limits, and what a customer is given of a feature beside any plan."""

from __future__ import annotations

from typing import ClassVar

from django.db.migrations import Migration as DjangoMigration

from tallystick.integrations.django.operations import Apply

__all__ = ["Migration"]


class Migration(DjangoMigration):
    """Applies the revision."""

    dependencies: ClassVar = [("tallystick", "tallystick_0012")]
    operations: ClassVar = [Apply("tallystick_0014")]
