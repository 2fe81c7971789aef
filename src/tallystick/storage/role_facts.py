"""What PostgreSQL's catalog says about a role and our tables; `role` judges it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, RowMapping

    from tallystick.storage.tables import Tables

__all__ = ["Facts", "Power", "TableFacts", "facts_of", "powers_of"]


@dataclass(frozen=True, slots=True)
class Power:
    """A role that stands above row security, and whether it is the one that was asked about."""

    name: str
    what: str
    itself: bool


@dataclass(frozen=True, slots=True)
class TableFacts:
    """How one of our tables stands to the role.

    `privileges` are those on the whole table, as `UPDATE (column)` those on a column alone, and as
    `USAGE of the sequence of column` those on what numbers it.
    `policies` are the permissive ones, as only these show a row.
    """

    is_owner: bool
    secured: bool
    forced: bool
    privileges: frozenset[str]
    policies: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known about a role; without tables of ours the rest is empty."""

    unknown: tuple[str, ...] = ()
    powers: tuple[Power, ...] = ()
    schema: str = ""
    owns_schema: bool = False
    may_create: bool = False
    may_use: bool = False
    presets: tuple[str, ...] = ()
    tables: dict[str, TableFacts] = field(default_factory=dict)


# Whoever is a member of a role can become it, whether or not it inherits what that role may.
_POWERS: Final = """
SELECT r.rolname AS name, r.rolname = ANY (:names) AS itself,
    CASE WHEN r.rolsuper THEN 'a superuser'
         WHEN r.rolbypassrls THEN 'one with BYPASSRLS'
         WHEN r.rolcreaterole THEN 'one with CREATEROLE'
         WHEN r.rolreplication THEN 'one with REPLICATION'
         ELSE 'one that reaches the files of the server' END AS what
FROM pg_roles r
WHERE (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication OR r.rolname IN (
        'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))
    AND EXISTS (SELECT FROM unnest(:names) n WHERE pg_has_role(n, r.oid, 'MEMBER'))
    AND (r.rolname = ANY (:names)
        OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = ANY (:names) AND s.rolsuper))
ORDER BY itself DESC, name
"""
_TABLES: Final = """
SELECT c.oid AS id, c.relname AS name, c.relnamespace AS place,
    c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
    EXISTS (SELECT FROM unnest(:names) n WHERE pg_has_role(n, c.relowner, 'MEMBER')) AS is_owner,
    ARRAY(SELECT p.polname::text FROM pg_policy p
        WHERE p.polrelid = c.oid AND p.polpermissive) AS policies,
    ARRAY(SELECT k FROM unnest(:kinds) k, unnest(:names) n
        WHERE has_table_privilege(n, c.oid, k)) AS whole,
    ARRAY(SELECT k || ' (' || a.attname || ')'
        FROM unnest(:column_kinds) k, unnest(:names) n, pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND NOT has_table_privilege(n, c.oid, k)
            AND has_column_privilege(n, c.oid, a.attnum, k)) AS in_part,
    ARRAY(SELECT k || ' of the sequence of ' || a.attname
        FROM unnest(:sequence_kinds) k, unnest(:names) n, pg_depend d
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
        WHERE d.classid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype = 'i'
            AND has_sequence_privilege(n, q.oid, k)) AS of_sequences
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE c.relname = ANY (:tables) AND c.relkind IN ('r', 'p')
    AND CASE WHEN CAST(:schema AS text) IS NULL THEN pg_table_is_visible(c.oid)
             ELSE s.nspname = :schema END
"""
_SCHEMA: Final = """
SELECT s.nspname AS schema,
    bool_or(pg_has_role(n, s.nspowner, 'MEMBER')) AS owns_schema,
    bool_or(has_schema_privilege(n, s.oid, 'CREATE')) AS may_create,
    bool_and(has_schema_privilege(n, s.oid, 'USAGE')) AS may_use
FROM pg_namespace s, unnest(:names) n WHERE s.oid = :place GROUP BY s.nspname
"""
_PRESETS: Final = """
SELECT DISTINCT split_part(entry, '=', 1) AS name
FROM pg_db_role_setting d, unnest(d.setconfig) entry
WHERE entry LIKE 'tallystick.%'
    AND d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND (d.setrole = 0 OR d.setrole IN (SELECT oid FROM pg_roles WHERE rolname = ANY (:names)))
ORDER BY name
"""
_UNKNOWN: Final = """
SELECT n AS name FROM unnest(:names) n
WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = n)
"""
_COLUMN_KINDS: Final = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
_KINDS: Final = (*_COLUMN_KINDS, "DELETE", "TRUNCATE", "TRIGGER")


def facts_of(connection: Connection, tables: Tables, names: Sequence[str]) -> Facts:
    """Ask PostgreSQL about roles that are one: who connected, and who they have become."""
    unknown = _ask(connection, _UNKNOWN, names=names)
    if unknown:
        return Facts(unknown=tuple(row["name"] for row in unknown))
    found = _ask(
        connection,
        _TABLES,
        names=names,
        tables=tuple(table.name for table in tables.metadata.tables.values()),
        kinds=_KINDS,
        column_kinds=_COLUMN_KINDS,
        sequence_kinds=("USAGE", "SELECT", "UPDATE"),
        schema=tables.schema,
    )
    if not found:
        return Facts()
    [schema] = _ask(connection, _SCHEMA, names=names, place=found[0]["place"])
    return Facts(
        powers=powers_of(connection, names),
        presets=tuple(row["name"] for row in _ask(connection, _PRESETS, names=names)),
        tables={row["name"]: _table(row) for row in found},
        **schema,
    )


def powers_of(connection: Connection, names: Sequence[str]) -> tuple[Power, ...]:
    """List the roles above row security that these are, or can become."""
    return tuple(Power(**row) for row in _ask(connection, _POWERS, names=tuple(names)))


def _table(row: RowMapping) -> TableFacts:
    return TableFacts(
        is_owner=row["is_owner"],
        secured=row["secured"],
        forced=row["forced"],
        privileges=frozenset([*row["whole"], *row["in_part"], *row["of_sequences"]]),
        policies=frozenset(row["policies"]),
    )


def _ask(connection: Connection, statement: str, **values: Any) -> Sequence[RowMapping]:
    lists = [
        bindparam(name, type_=ARRAY(Text)) for name, each in values.items() if type(each) is tuple
    ]
    asked = text(statement).bindparams(*lists)
    return connection.execute(asked, values).mappings().all()
