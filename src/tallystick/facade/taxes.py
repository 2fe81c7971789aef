"""`tally.taxes`: the rules by which documents are taxed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.app.taxes import (
    load_tax_rules,
    publish_tax_rules,
    published_tax_rules,
    tax_rules_versions,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.tax_rules import TaxRules, TaxRulesVersion
    from tallystick.wiring import Tallystick

__all__ = ["Taxes"]


class Taxes:
    """The tax rules of one ledger.  Where none were published, nothing is taxed."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def publish(
        self,
        rules: TaxRules | str | Path,
        *,
        author: str,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> TaxRulesVersion:
        """Store rules, or those of a file, as the next version, and give it.

        From then on documents are issued by them; those that were issued stay as they are.  Rules
        that say what the newest version says change nothing, and that version is given.

        Raises InvalidTaxRules with every problem, InvalidInput, SetupError, StorageUnavailable.
        """
        wanted = load_tax_rules(rules) if isinstance(rules, (str, Path)) else rules
        return self._tally.act(
            lambda unit, at: publish_tax_rules(unit, at, wanted, author=author),
            connection=connection,
            at=at,
            repeatable=True,
        )

    def get(
        self, version: int | None = None, *, connection: Connection | Session | None = None
    ) -> TaxRules:
        """Give published rules, the newest if no version is named.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: published_tax_rules(unit, version), connection=connection, reading=True
        )

    def versions(
        self, *, connection: Connection | Session | None = None
    ) -> tuple[TaxRulesVersion, ...]:
        """List the published versions, the newest first."""
        return self._tally.act(
            lambda unit, _: tax_rules_versions(unit), connection=connection, reading=True
        )
