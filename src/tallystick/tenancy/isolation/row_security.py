"""One schema for all, and PostgreSQL itself keeps the rows of other tenants out of sight.

A row is there where its tenant is the one that the transaction names; where it names none there are
no rows.  That holds whoever is held by row security, so the program connects as a role that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from tallystick.core.property import shown
from tallystick.errors import SetupError
from tallystick.storage.role_facts import powers_of
from tallystick.tenancy.isolation.opened import quoted, refuse_other_than_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

__all__ = ["SETTING", "check_app_role", "row_security_sql"]

SETTING: Final = "tallystick.tenant"
"""The setting that names the one tenant whose rows there are; only ever set locally."""

_POLICY: Final = "one_tenant"
_TYPES: Final = frozenset({"text", "uuid", "integer", "bigint"})


def row_security_sql(
    *tables: str, column: str = "tenant_id", column_type: str = "text", schema: str = "public"
) -> str:
    """Write what puts tables under row security, to be run by who owns them; it may be run again.

    `column` names the tenant of a row; `column_type` is text, uuid, integer or bigint.

    Raises SetupError for no table, or another type.
    """
    if not tables or not all(isinstance(each, str) and each for each in tables):
        raise SetupError("row_security_sql takes the names of tables")
    if column_type not in _TYPES:
        raise SetupError(f"column_type is one of {', '.join(sorted(_TYPES))}")
    lines = ["BEGIN;"]
    for table in tables:
        full = f"{quoted(schema)}.{quoted(table)}"
        lines += [f"{line};" for line in _statements(full, quoted(column), column_type)]
    return "\n".join([*lines, "COMMIT;", ""])


def _statements(table: str, column: str, column_type: str) -> Iterator[str]:
    # What was set locally once is '' afterwards, not NULL; asked once for a statement, not a row.
    tenant = f"(SELECT CAST(nullif(current_setting('{SETTING}', true), '') AS {column_type}))"
    rule = f"{column} = {tenant}"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS {_POLICY} ON {table}"
    yield f"CREATE POLICY {_POLICY} ON {table} USING ({rule}) WITH CHECK ({rule})"


_TABLES: Final = text("""
SELECT t.name, c.oid IS NOT NULL AND c.relkind IN ('r', 'p') AS there,
    coalesce(c.relrowsecurity AND c.relforcerowsecurity, false) AS forced,
    coalesce((SELECT bool_or(pg_has_role(n, c.relowner, 'MEMBER'))
        FROM unnest(ARRAY[session_user::text, current_user::text]) n), false) AS owned,
    coalesce((SELECT bool_or(has_table_privilege(n, c.oid, 'TRUNCATE'))
        FROM unnest(ARRAY[session_user::text, current_user::text]) n), false) AS truncates,
    ARRAY(SELECT p.polname::text FROM pg_policy p
        WHERE p.polrelid = c.oid AND p.polpermissive) AS policies,
    ARRAY(SELECT DISTINCT v.oid::regclass::text FROM pg_depend d
        JOIN pg_rewrite w ON w.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
        WHERE d.refobjid = c.oid AND v.oid <> c.oid AND NOT EXISTS (
            SELECT FROM unnest(coalesce(v.reloptions, '{}')) o
            WHERE o IN ('security_invoker=true', 'security_invoker=on', 'security_invoker=1')
        )) AS views
FROM unnest(CAST(:names AS text[])) AS t(name)
LEFT JOIN pg_class c ON c.oid = to_regclass(t.name)
""")


def check_app_role(engine: Engine, tables: Sequence[str], schema: str = "public") -> None:
    """Refuse a connection that row security does not hold, or tables that it does not guard.

    That is a superuser, an owner of a table, a role with BYPASSRLS or one that can become such; a
    table whose row security is not forced, that another policy opens or that could be truncated;
    and a view over one without `security_invoker`, which shows all of its owner's rows.  Changes
    nothing.

    Raises SetupError, which names everything that is wrong.
    """
    refuse_other_than_postgresql(engine, "shared")
    with engine.connect() as connection:
        problems = [*_of_role(connection), *_of_tables(connection, tables, schema)]
    if problems:
        raise SetupError(
            f"tenants are not kept apart here: {'; '.join(problems)}. Connect as a role of its own "
            "that owns nothing, and run row_security_sql as the owner of the tables"
        )


def _of_role(connection: Connection) -> Iterator[str]:
    asked = text("SELECT session_user::text, current_user::text")
    names = tuple(dict.fromkeys(connection.execute(asked).one()))
    for power in powers_of(connection, names):
        yield f"the role {'is' if power.itself else f'can become {power.name!r},'} {power.what}"


def _of_tables(connection: Connection, tables: Sequence[str], schema: str) -> Iterator[str]:
    if isinstance(tables, str) or not tables:
        raise SetupError("name the tables that tenants share")
    full = {f"{quoted(schema)}.{quoted(name)}": name for name in tables}
    for row in connection.execute(_TABLES, {"names": list(full)}).mappings():
        yield from _of_table(full[row["name"]], row)


def _of_table(name: str, row: Any) -> Iterator[str]:  # noqa: ANN401 - a row of any columns
    if not row["there"]:
        yield f"there is no table {shown(name)}"
        return
    if row["owned"]:
        yield f"the role owns {name}"
    if not row["forced"]:
        yield f"row security is not forced on {name}"
    if row["truncates"]:
        yield f"the role may truncate {name}"
    if _POLICY not in row["policies"]:
        yield f"{name} lacks the policy {_POLICY}"
    others = sorted(set(row["policies"]) - {_POLICY})
    if others:
        yield f"another policy ({', '.join(others)}) opens {name}"
    if row["views"]:
        yield f"the view {', '.join(row['views'])} over {name} is not security_invoker"
