"""For whom a transaction is: one customer, all of them, or (until it is said) nobody.

On PostgreSQL, as the role of `tallystick.storage.role`, the database itself keeps the rest out of
sight.  The settings are local to a transaction, so a pooled connection carries none of them on.
On SQLite there is nothing to set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text

from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "ALL",
    "ALL_SETTING",
    "CUSTOMER_SETTING",
    "NOBODY",
    "SCOPE_WORDS",
    "Scope",
    "bind",
    "bound",
    "one_customer",
]

CUSTOMER_SETTING: Final = "tallystick.customer"
"""The setting that names the one customer whose rows there are."""
ALL_SETTING: Final = "tallystick.all_customers"
"""The setting that, where it is `on`, shows the rows of every customer."""


class Scope(NamedTuple):
    """What the two settings are; both empty is nobody."""

    customer: str = ""
    every: str = ""


NOBODY: Final = Scope()
"""No customer: 0 rows of what customers own."""
ALL: Final = Scope(every="on")
"""Every customer: the merchant's own work, such as a billing run."""


SCOPE_WORDS: Final = (
    f"set_config('{CUSTOMER_SETTING}', :customer, true), set_config('{ALL_SETTING}', :every, true)"
)
"""What a SELECT of PostgreSQL has to say to set both."""

_BIND: Final = text(f"SELECT {SCOPE_WORDS}")  # built once: it is sent in every transaction
_BOUND: Final = text(
    f"SELECT current_setting('{CUSTOMER_SETTING}', true), current_setting('{ALL_SETTING}', true)"
)


def one_customer(customer_id: str) -> Scope:
    """Give the scope of one customer; an empty id is nobody's.  Raises InvalidInput for no text."""
    if not isinstance(customer_id, str):
        raise InvalidInput(f"a customer's id is a text, not {type(customer_id).__name__}")
    return Scope(customer=customer_id)


def bind(connection: Connection, scope: Scope) -> None:
    """Say for whom the rest of the transaction is; only PostgreSQL asks."""
    if connection.dialect.name == "postgresql":
        connection.execute(_BIND, {"customer": scope.customer, "every": scope.every})


def bound(connection: Connection) -> Scope:
    """Tell for whom a transaction is."""
    if connection.dialect.name != "postgresql":
        return NOBODY
    customer, every = connection.execute(_BOUND).one()
    return Scope(customer or "", every or "")
