"""The Django app: what `manage.py check` says, and what `manage.py migrate` publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db.models.signals import post_migrate

from tallystick.errors import TallystickError
from tallystick.integrations.django.ledger import tally
from tallystick.integrations.django.middleware import MIDDLEWARE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TallystickConfig"]


class TallystickConfig(AppConfig):
    """Tallystick in a Django project."""

    name = "tallystick.integrations.django"
    label = "tallystick"
    verbose_name = "Billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the settings checked, and the catalogue published after each migration."""
        checks.register(_check, self.label)
        post_migrate.connect(_set_up, sender=self, dispatch_uid="tallystick")


def _check(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:  # noqa: ANN401, ARG001 - the shape of a check
    found: list[checks.CheckMessage] = []
    try:
        answering = tally.settings.customer is not None
    except TallystickError as error:
        return [checks.Error(str(error), id="tallystick.E001")]
    if answering and MIDDLEWARE not in settings.MIDDLEWARE:
        hint = f"add {MIDDLEWARE!r} at the end of MIDDLEWARE"
        text = "who is not let through would be answered 500"
        found.append(checks.Warning(text, hint=hint, id="tallystick.W001"))
    return found


def _set_up(*, using: str, **_: Any) -> None:  # noqa: ANN401 - the shape of a signal
    """Publish the catalogue, where it is a new one.

    The tables are brought to this version first: some tests leave migrations out.
    """
    if using != tally.settings.database:
        return
    tally.migrate()
    if tally.price_book is not None:
        tally.publish(author="manage.py migrate")
