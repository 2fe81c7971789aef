"""What the admin's pages list: our tables, only to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.db.models import BigIntegerField, Model, QuerySet, TextField

from tallystick.errors import SetupError
from tallystick.integrations.django.fields import Moment

if TYPE_CHECKING:
    _QuerySet = QuerySet[Any]
else:
    _QuerySet = QuerySet

__all__ = ["Subscription", "UsageEvent"]


def _refuse(*_: object, **__: object) -> NoReturn:
    """Raise SetupError."""
    raise SetupError("what is billed is changed by the ledger: tally.subscriptions, tally.use")


class _Rows(_QuerySet):
    update = delete = bulk_create = bulk_update = _refuse


class _Read(Model):
    """A row that Django reads; what changes it is the ledger, and any other way is refused."""

    objects = _Rows.as_manager()
    save = delete = _refuse

    class Meta:
        """No table of its own."""

        abstract = True


class Subscription(_Read):
    """Who has which plan, in which state, and when it is billed next."""

    id = TextField(primary_key=True)
    customer = TextField(db_column="customer_id")
    group = TextField(db_column="group_key")
    plan = TextField(db_column="plan_id")
    plan_version = BigIntegerField()
    state = TextField()
    currency = TextField()
    due_at = Moment(null=True)
    created_at = Moment()

    class Meta:
        """Our table."""

        managed = False
        db_table = "tallystick_subscriptions"
        default_permissions = ("view",)
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        """Give its plan and whose it is."""
        return f"{self.plan}@{self.plan_version} of {self.customer}"


class UsageEvent(_Read):
    """One event of usage, as it was recorded."""

    seq = BigIntegerField(primary_key=True)
    customer = TextField(db_column="customer_id")
    source = TextField()
    event = TextField(db_column="id")
    kind = TextField()
    type = TextField()
    occurred_at = Moment()
    received_at = Moment()
    properties = TextField()

    class Meta:
        """Our table."""

        managed = False
        db_table = "tallystick_usage_events"
        default_permissions = ("view",)
        verbose_name = "usage event"
        ordering: ClassVar = ["-seq"]

    def __str__(self) -> str:
        """Give its type and whose it is."""
        return f"{self.type} of {self.customer}"
