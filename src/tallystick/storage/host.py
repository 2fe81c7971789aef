"""Our tables in a host's own Alembic: found, applied with the host's, left out of autogenerate.

In the host's `env.py`::

    from tallystick.storage.host import alembic_options

    context.configure(
        connection=connection, target_metadata=target_metadata, **alembic_options(context)
    )
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tallystick.storage.migrate import get_billing_migrations_dir
from tallystick.storage.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping

    from alembic.operations import MigrationScript
    from alembic.runtime.environment import EnvironmentContext, NameFilterType
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    NameFilter = Callable[[str | None, NameFilterType, MutableMapping[Any, str | None]], bool]
    Directives = Callable[[MigrationContext, Any, list[MigrationScript]], None]

__all__ = ["GROUP", "LABEL", "alembic_options", "leave_out"]

GROUP: Final = "alembic.migrations"
"""The entry points that name folders of revisions, of this package and of others."""
LABEL: Final = "tallystick"
"""The label of our branch of revisions, as in `alembic upgrade tallystick@head`."""


def alembic_options(
    context: EnvironmentContext,
    tables: Tables | None = None,
    *,
    include_name: NameFilter | None = None,
    process_revision_directives: Directives | None = None,
) -> dict[str, Any]:
    """Add our revisions to a host's environment; give what its `context.configure` needs.

    Our revisions are a branch of their own in the host's version table, so the host applies all by
    `alembic upgrade heads`.  Its `alembic revision`, with or without `--autogenerate`, goes on from
    the host's own head and proposes nothing about our tables.  Where the host has an
    `include_name` or `process_revision_directives`, it passes them here, not to `configure`.
    """
    chosen = Tables() if tables is None else tables
    own_places = _add_folder(context.script)

    def onto_the_hosts_head(
        migration: MigrationContext, revision: Any, directives: list[MigrationScript]
    ) -> None:
        for each in directives:
            _choose_head(each, context.script, own_places)
        if process_revision_directives is not None:
            process_revision_directives(migration, revision, directives)

    return {
        "tallystick": chosen,
        "include_name": leave_out(chosen, include_name),
        "process_revision_directives": onto_the_hosts_head,
    }


def leave_out(tables: Tables | None = None, include_name: NameFilter | None = None) -> NameFilter:
    """Give an `include_name` for Alembic: our tables are out, for the rest the host's is asked."""
    ours = Tables() if tables is None else tables
    schemas = {ours.schema, None} if ours.schema == "public" else {ours.schema}

    def included(
        name: str | None, kind: NameFilterType, parents: MutableMapping[Any, str | None]
    ) -> bool:
        if kind == "table" and name in ours.names and parents.get("schema_name") in schemas:
            return False
        return include_name is None or include_name(name, kind, parents)

    return included


def _add_folder(script: ScriptDirectory) -> list[str]:
    """Add the folder of our revisions to those of the host; give the host's."""
    theirs = script.version_locations or [str(Path(script.dir) / "versions")]
    folder = str(_discovered())
    theirs = [place for place in theirs if Path(place) != Path(folder)]
    script.version_locations = [*theirs, folder]
    script.__dict__.pop("_version_locations", None)  # worked out from the folders as they were
    return theirs


def _discovered() -> Path:
    """Give our folder as the entry point names it, or directly where nothing was installed."""
    for found in entry_points(group=GROUP, name=LABEL):
        place = found.load()()
        return Path(place)
    return get_billing_migrations_dir()


def _choose_head(directive: MigrationScript, script: ScriptDirectory, places: list[str]) -> None:
    """Put a new revision on the host's head, where the host did not say which."""
    if directive.head not in {None, "head"}:
        return
    theirs = [head for head in script.get_heads() if not _is_ours(script, head)]
    directive.version_path = directive.version_path or places[0]
    directive.head = "base" if not theirs else theirs[0] if len(theirs) == 1 else "head"


def _is_ours(script: ScriptDirectory, revision: str) -> bool:
    labels: Iterable[str] = script.get_revision(revision).branch_labels
    return LABEL in labels
