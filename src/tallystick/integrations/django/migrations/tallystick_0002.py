"""Billing: subscriptions with their moves, documents, the journal and balances."""

from __future__ import annotations

from typing import ClassVar

from django.db.migrations import CreateModel
from django.db.migrations import Migration as DjangoMigration
from django.db.models import BigIntegerField, TextField

from tallystick.integrations.django.fields import Moment
from tallystick.integrations.django.operations import Apply

__all__ = ["Migration"]

_OPTIONS = {"managed": False, "default_permissions": ("view",)}


class Migration(DjangoMigration):
    """Applies the revision, and tells Django of the two tables that its admin reads."""

    dependencies: ClassVar = [("tallystick", "tallystick_0001")]
    operations: ClassVar = [
        Apply("tallystick_0002"),
        CreateModel(
            "Subscription",
            fields=[
                ("id", TextField(primary_key=True, serialize=False)),
                ("customer", TextField(db_column="customer_id")),
                ("group", TextField(db_column="group_key")),
                ("plan", TextField(db_column="plan_id")),
                ("plan_version", BigIntegerField()),
                ("state", TextField()),
                ("currency", TextField()),
                ("due_at", Moment(null=True)),
                ("created_at", Moment()),
            ],
            options={
                **_OPTIONS,
                "db_table": "tallystick_subscriptions",
                "ordering": ["-created_at", "id"],
            },
        ),
        CreateModel(
            "UsageEvent",
            fields=[
                ("seq", BigIntegerField(primary_key=True, serialize=False)),
                ("customer", TextField(db_column="customer_id")),
                ("source", TextField()),
                ("event", TextField(db_column="id")),
                ("kind", TextField()),
                ("type", TextField()),
                ("occurred_at", Moment()),
                ("received_at", Moment()),
                ("properties", TextField()),
            ],
            options={
                **_OPTIONS,
                "db_table": "tallystick_usage_events",
                "verbose_name": "usage event",
                "ordering": ["-seq"],
            },
        ),
    ]
