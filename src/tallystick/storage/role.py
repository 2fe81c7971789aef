"""The role that a program should connect as: it may do what it needs, for whom it says, no more.

On PostgreSQL only.  Whoever owns the tables runs `grant_role` once for each release; the program
connects as the role, and `check_role` refuses any other kind of connection.

Every table that a customer owns has row security, ENABLEd and FORCEd.  Which those are is found by
their columns, so that a new table cannot be forgotten.  Two policies open them: `one_customer` for
the rows of whom the transaction names, `all_customers` where it says that it is for all (see
`tallystick.storage.scope`).  Where it says neither there are no rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.errors import SetupError
from tallystick.storage.billing_tables import BILLING_GRANTS
from tallystick.storage.coupon_tables import COUPON_GRANTS
from tallystick.storage.credit_rule_tables import CREDIT_RULE_GRANTS
from tallystick.storage.credit_tables import CREDIT_GRANTS
from tallystick.storage.gate_tables import GATE_GRANTS
from tallystick.storage.inbox_tables import INBOX_GRANTS
from tallystick.storage.intent_tables import INTENT_GRANTS
from tallystick.storage.lease_tables import LEASE_GRANTS
from tallystick.storage.meter_report_tables import METER_REPORT_GRANTS
from tallystick.storage.owned import owners
from tallystick.storage.parent_tables import PARENT_GRANTS
from tallystick.storage.price_migration_tables import PRICE_MIGRATION_GRANTS
from tallystick.storage.provider_act_tables import PROVIDER_ACT_GRANTS
from tallystick.storage.role_facts import facts_of
from tallystick.storage.scope import ALL_SETTING, CUSTOMER_SETTING
from tallystick.storage.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Table

    from tallystick.storage.role_facts import Facts, TableFacts
    from tallystick.storage.unit import Storage

__all__ = ["GRANTS", "POLICIES", "SEQUENCES", "check_role", "grant_role", "role_sql"]

GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "catalog_versions": frozenset({"SELECT", "INSERT"}),
    "plan_versions": frozenset({"SELECT", "INSERT", "UPDATE (sold_at)"}),
    "customers": frozenset({"SELECT", "INSERT", "UPDATE"}),
    "usage_events": frozenset({"SELECT", "INSERT"}),
    "meters": frozenset({"SELECT", "INSERT", "UPDATE (digest)", "UPDATE (state)"}),
    "usage_days": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
    "usage_values": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
    "migration_log": frozenset({"SELECT"}),
    "tax_rules": frozenset({"SELECT", "INSERT"}),
    **BILLING_GRANTS,
    **COUPON_GRANTS,
    **CREDIT_GRANTS,
    **CREDIT_RULE_GRANTS,
    **PRICE_MIGRATION_GRANTS,
    **PARENT_GRANTS,
    **GATE_GRANTS,
    **LEASE_GRANTS,
    **INTENT_GRANTS,
    **INBOX_GRANTS,
    **METER_REPORT_GRANTS,
    **PROVIDER_ACT_GRANTS,
}
"""What the role may do with each table, by its name without the prefix; the rest is nothing."""

SEQUENCES: Final[Mapping[str, str]] = {"usage_events": "seq"}
"""The columns whose next numbers the role takes itself, by the table's name without the prefix."""

POLICIES: Final = ("one_customer", "all_customers")
"""The names of our two policies, the same on each table."""

_SHOWN: Final = 4  # problems that a person can take in at once
_LONGEST_NAME: Final = 63  # bytes, NAMEDATALEN - 1


# --- granting -----------------------------------------------------------------------------------


def role_sql(role: str, tables: Tables | None = None) -> str:
    """Write what `grant_role` does, to be run by hand by whoever owns the tables.

    Raises SetupError for a name that no role can have.
    """
    chosen = Tables() if tables is None else tables
    lines = _statements(role, chosen, chosen.schema or "public")
    return "\n".join(["BEGIN;", *(f"{line};" for line in lines), "COMMIT;", ""])


def grant_role(storage: Storage, role: str) -> None:
    """Give a role what a program needs of our tables, and put them under row security.

    May be run any number of times, and is run again after each migration.  All or nothing.

    Raises SetupError for a role that is not there or may do more than it should, and where we are
    not connected as who owns the tables; StorageUnavailable.
    """
    with storage.begin() as unit:
        connection = _postgresql(unit.connection)
        before = facts_of(connection, storage.tables, (_checked(role),))
        _refuse_role(role, before)
        for line in _statements(role, storage.tables, before.schema):
            connection.exec_driver_sql(line.replace("%", "%%"))
        _refuse_grants(role, facts_of(connection, storage.tables, (role,)), storage.tables)
        unit.commit()


def _statements(role: str, tables: Tables, schema: str) -> Iterator[str]:
    """Write the statements in an order in which two of us at once cannot wait for each other."""
    whom, place, whose = _quoted(_checked(role)), _quoted(schema), owners(tables)
    ours = [*tables.metadata.tables.values()]
    full = {table.name: f"{place}.{_quoted(table.name)}" for table in ours}
    yield f"LOCK TABLE {', '.join(full.values())} IN ACCESS EXCLUSIVE MODE"
    yield f"GRANT USAGE ON SCHEMA {place} TO {whom}"
    for table in ours:
        yield f"REVOKE ALL ON {full[table.name]} FROM {whom}"
        yield f"GRANT {', '.join(sorted(_grants(table, tables)))} ON {full[table.name]} TO {whom}"
        for counted in _sequences(table, tables):
            sequence = f"{place}.{_quoted(f'{table.name}_{counted}_seq')}"
            yield f"REVOKE ALL ON SEQUENCE {sequence} FROM {whom}"
            yield f"GRANT USAGE ON SEQUENCE {sequence} TO {whom}"
    for name, column in whose.items():
        yield from _row_security(full[name], _quoted(column.name))


def _grants(table: Table, tables: Tables) -> frozenset[str]:
    return GRANTS[table.name.removeprefix(tables.prefix)]


def _sequences(table: Table, tables: Tables) -> tuple[str, ...]:
    column = SEQUENCES.get(table.name.removeprefix(tables.prefix))
    return () if column is None else (column,)


def _row_security(table: str, column: str) -> Iterator[str]:
    """Write the policies; a setting is asked once for a statement, not once for a row."""
    one, every = POLICIES
    # What was set locally once is '' afterwards, not NULL.
    customer = f"(SELECT nullif(current_setting('{CUSTOMER_SETTING}', true), ''))"
    is_on = f"(SELECT current_setting('{ALL_SETTING}', true)) = 'on'"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    for name, rule in ((one, f"{column} = {customer}"), (every, is_on)):
        yield f"DROP POLICY IF EXISTS {name} ON {table}"
        yield f"CREATE POLICY {name} ON {table} USING ({rule})"  # for reading and for writing


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _checked(role: str) -> str:
    size = len(role.encode(errors="replace"))
    if not role or size > _LONGEST_NAME or not role.isprintable() or role in {"public", "none"}:
        raise SetupError(f"no role can be called {role!r}")
    return role


# --- checking -----------------------------------------------------------------------------------


def check_role(storage: Storage, role: str | None = None) -> None:
    """Refuse our connection, or a role by its name, that may do more or less than a program needs.

    An owner of the tables, a superuser and one with BYPASSRLS are refused: row security does not
    hold them, or they could lift it.  Changes nothing.

    Raises SetupError, which names everything that is wrong and the cure; StorageUnavailable.
    """
    with storage.look() as unit:
        connection = _postgresql(unit.connection)
        names = _connected_as(connection) if role is None else (_checked(role),)
        found = facts_of(connection, storage.tables, names)
        _refuse_role(names[0], found)
        _refuse_grants(names[0], found, storage.tables)


def _connected_as(connection: Connection) -> tuple[str, ...]:
    """Give who connected, and who they are now: who said SET ROLE can take it back."""
    found = connection.exec_driver_sql("SELECT session_user::text, current_user::text").one()
    return tuple(dict.fromkeys(found))


def _postgresql(connection: Connection) -> Connection:
    if connection.dialect.name != "postgresql":
        raise SetupError("SQLite has no roles: who can open the file can read all of it")
    return connection


def _refuse_role(role: str, found: Facts) -> None:
    """Refuse a role for what it is itself, which no grant of ours could mend."""
    if found.unknown:
        raise SetupError(f"there is no role {role!r}: CREATE ROLE {role} LOGIN PASSWORD '…'")
    if not found.tables:
        raise SetupError(
            "the tables of Tallystick are not in this database: run `tallystick migrate`"
        )
    problems = _of_role(found)
    if problems:
        raise SetupError(
            f"the role {role!r} is not fit for a program: {'; '.join(problems)}. Give the program "
            "a role of its own: CREATE ROLE app LOGIN PASSWORD '…', then, as the owner of the "
            "tables, `tallystick role app`"
        )


def _refuse_grants(role: str, found: Facts, tables: Tables) -> None:
    """Refuse a role that has not exactly what it needs."""
    problems = _problems(found, tables)
    if problems:
        rest = len(problems) - _SHOWN
        more = f"; and {rest} more" if rest > 0 else ""
        raise SetupError(
            f"the role {role!r} has not exactly what a program needs: "
            f"{'; '.join(problems[:_SHOWN])}{more}. As the owner of the tables, run `tallystick "
            f"role {role}`; what it has through PUBLIC or another role is to be revoked there"
        )


def _of_role(found: Facts) -> list[str]:
    problems = [
        f"it {'is' if each.itself else f'can become {each.name!r}, which is'} {each.what}"
        for each in found.powers
    ]
    if not any(each.what == "a superuser" for each in found.powers):
        owns = [name for name, table in found.tables.items() if table.is_owner]
        problems += [f"it owns {', '.join(owns)}"] if owns else []
        problems += [f"it owns the schema {found.schema!r}"] if found.owns_schema else []
    return problems


def _problems(found: Facts, tables: Tables) -> list[str]:
    problems = [
        f"the table {name} is missing: run `tallystick migrate`"
        for name in sorted({t.name for t in tables.metadata.tables.values()} - found.tables.keys())
    ]
    if found.may_create:
        problems.append(
            f"it may create in the schema {found.schema!r} "
            f"(REVOKE CREATE ON SCHEMA {_quoted(found.schema)} FROM PUBLIC)"
        )
    if not found.may_use:
        problems.append(f"it may not use the schema {found.schema!r}")
    problems += [f"{each} is set for it beforehand (ALTER ROLE … RESET)" for each in found.presets]
    for table in tables.metadata.tables.values():
        if table.name in found.tables:
            problems += _of_table(found.tables[table.name], table, tables)
    return problems


def _of_table(found: TableFacts, table: Table, tables: Tables) -> Iterator[str]:
    wanted = _grants(table, tables) | {
        f"USAGE of the sequence of {column}" for column in _sequences(table, tables)
    }
    if found.privileges - wanted:
        yield f"it may {', '.join(sorted(found.privileges - wanted))} on {table.name}"
    if wanted - found.privileges:
        yield f"it may not {', '.join(sorted(wanted - found.privileges))} on {table.name}"
    if table.name not in owners(tables):
        return
    if not (found.secured and found.forced):
        yield f"row security is not forced on {table.name}"
    others = sorted(found.policies - set(POLICIES))
    if others:
        yield f"another policy ({', '.join(others)}) opens {table.name}"
    if set(POLICIES) - found.policies:
        yield f"{table.name} lacks a policy of ours"
