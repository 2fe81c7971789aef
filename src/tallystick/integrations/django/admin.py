"""Pages of the admin that list subscriptions and usage; nothing can be changed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin

from tallystick.integrations.django.models import Subscription, UsageEvent

if TYPE_CHECKING:
    from django.http import HttpRequest

    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin

__all__ = ["SubscriptionAdmin", "UsageEventAdmin"]


class _ReadOnly(_Admin):
    actions = None
    show_full_result_count = False  # a ledger may hold many millions of events

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the shape of an admin
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401, ARG002 - the same
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401, ARG002 - the same
        """Nobody deletes."""
        return False


@admin.register(Subscription)
class SubscriptionAdmin(_ReadOnly):
    """Who has which plan."""

    list_display = ("customer", "plan", "plan_version", "state", "due_at", "created_at")
    list_filter = ("state", "plan")
    search_fields: ClassVar = ["=customer", "=id"]


@admin.register(UsageEvent)
class UsageEventAdmin(_ReadOnly):
    """What was used, the newest first."""

    list_display = ("customer", "type", "properties", "occurred_at", "kind")
    search_fields: ClassVar = ["=customer", "=event"]
