"""What our Django migrations are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.migrations.operations.base import Operation

from tallystick.integrations.django.connection import engine_on
from tallystick.integrations.django.settings import read_settings
from tallystick.storage.migrate import migrate

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

__all__ = ["Apply"]


class Apply(Operation):
    """Applies one of our revisions, on the database that holds the ledger and on no other.

    It cannot be taken back: what was billed is not dropped.
    """

    reversible = False
    reduces_to_sql = False

    def __init__(self, revision: str) -> None:
        """Name the revision."""
        self.revision = revision

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change no model: our tables are none of Django's."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,  # noqa: ANN401, ARG002 - the shape of an operation
        to_state: Any,  # noqa: ANN401, ARG002 - the shape of an operation
    ) -> None:
        """Run its statements on Django's connection, in Django's transaction."""
        alias = schema_editor.connection.alias
        if alias == read_settings().database and router.allow_migrate(alias, app_label):
            migrate(engine_on(alias), up_to=self.revision)

    def describe(self) -> str:
        """Say what it does, for `manage.py migrate --plan`."""
        return f"Apply {self.revision} of Tallystick"
