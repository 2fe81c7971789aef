"""What the admin's pages list: our tables, only to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.db.models import BigIntegerField, Model, TextField

from tallystick.errors import SetupError
from tallystick.integrations.django.fields import Moment

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

__all__ = ["Subscription", "UsageEvent"]


class _Read(Model):
    """A row that Django reads; what changes it is the ledger."""

    class Meta:
        """No table of its own."""

        abstract = True

    def save(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - of every model
        """Refuse.  Raises SetupError."""
        raise SetupError("what is billed is changed by the ledger: tally.subscriptions, tally.use")

    def delete(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - of every model
        """Refuse.  Raises SetupError."""
        raise SetupError("what was billed is not deleted: cancel it, or void it")


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
        verbose_name: StrOrPromise = "usage event"
        ordering: ClassVar = ["-seq"]

    def __str__(self) -> str:
        """Give its type and whose it is."""
        return f"{self.type} of {self.customer}"
