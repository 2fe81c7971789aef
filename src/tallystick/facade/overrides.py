"""`tally.overrides`: what was agreed with one customer about a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app import overrides
from tallystick.core.override import Override
from tallystick.core.text import id_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.wiring import Tallystick

__all__ = ["Overrides"]


class Overrides:
    """What was agreed with customers; it goes before what their plan says."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def set(
        self,
        customer: str,
        feature: str,
        *,
        enabled: bool = True,
        limit: int | None = None,
        value: object = None,
        connection: Connection | Session | None = None,
    ) -> Override:
        """Agree about a feature from now on, on whatever plan the customer has.

        A `limit` is the number in the place of the plan's (-1 for unlimited), to which add-ons and
        grants are added; `value` a configuration value; both stay as the plan says where they are
        left out.  `enabled` False switches it off.  Who has no plan is given nothing by it, and
        what is past due or paused stays so.  Each change is kept as a version.

        Raises InvalidInput; Conflict where somebody else changes it at the same time.
        """
        owner, key = id_at(customer, "customer"), id_at(feature, "feature")
        wanted = Override(enabled=enabled, limit=limit, value=value)
        self._tally.act(
            lambda unit, at: overrides.agree(unit, at, owner, key, wanted),
            connection=connection,
            repeatable=True,
        )
        return wanted

    def lift(
        self, customer: str, feature: str, *, connection: Connection | Session | None = None
    ) -> None:
        """Give what the plan says again.  Raises NotFound where nothing is agreed; Conflict."""
        owner, key = id_at(customer, "customer"), id_at(feature, "feature")
        self._tally.act(
            lambda unit, at: overrides.lift(unit, at, owner, key), connection=connection
        )

    def of(
        self, customer: str, *, connection: Connection | Session | None = None
    ) -> Mapping[str, Override]:
        """Give what is agreed with a customer now, by feature."""
        owner = id_at(customer, "customer")
        return self._tally.act(
            lambda unit, _: overrides.agreed(unit, owner), connection=connection, reading=True
        )
