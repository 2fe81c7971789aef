"""Coupons: what was redeemed, how often, and what it took off which document."""

from __future__ import annotations

from typing import ClassVar

from django.db.migrations import Migration as DjangoMigration

from tallystick.integrations.django.operations import Apply

__all__ = ["Migration"]


class Migration(DjangoMigration):
    """Applies the revision."""

    dependencies: ClassVar = [("tallystick", "tallystick_0003")]
    operations: ClassVar = [Apply("tallystick_0004")]
