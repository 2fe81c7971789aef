"""What was agreed with one customer about a feature: it goes before what their plan says."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.catalog import Feature
from tallystick.core.frozen import FrozenDict
from tallystick.core.plain_values import Fault, plain_text, read_plain
from tallystick.core.property import shown
from tallystick.core.text import refused_at
from tallystick.errors import Conflict

if TYPE_CHECKING:
    from tallystick.core.catalog import Plan

__all__ = ["Override", "overridden", "override_of", "override_text"]

_MOST: Final = 2**63 - 1
_UNLIMITED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A feature as one customer has it, on whatever plan they have.

    What is None stays as the plan says.  `limit` is -1 for unlimited; add-ons and grants are added
    to it.  Raises InvalidInput.
    """

    enabled: bool = True
    limit: int | None = None
    value: Any = None

    def __post_init__(self) -> None:
        """Check it."""
        if type(self.enabled) is not bool:
            raise refused_at("enabled", f"is True or False, not {shown(self.enabled)}")
        if self.limit is not None and (
            type(self.limit) is not int or not _UNLIMITED <= self.limit <= _MOST
        ):
            text = f"is a whole number, or -1 for unlimited, not {shown(self.limit)}"
            raise refused_at("limit", text)
        if not self.enabled and (self.limit is not None or self.value is not None):
            raise refused_at("enabled", "is False: what is switched off has no limit and no value")
        try:
            object.__setattr__(self, "value", read_plain(self.value))
        except Fault as fault:
            raise refused_at("value", str(fault)) from None

    def __hash__(self) -> int:
        """Hash by the limit: a value may be any JSON."""
        return hash((self.enabled, self.limit))


def overridden(plan: Plan[Any], key: str, override: Override) -> Plan[Any]:
    """Give the plan as it is for a customer with whom something else was agreed."""
    feature = plan.features.get(key) or Feature(key=key, enabled=True)
    if not override.enabled:
        feature = replace(feature, enabled=False)
    else:
        limit = feature.limit if override.limit is None else override.limit
        value = feature.value if override.value is None else override.value
        feature = replace(feature, enabled=True, limit=limit, value=value)
    return replace(plan, features=FrozenDict({**plan.features, key: feature}))


def override_text(override: Override) -> str:
    """Write it as it is stored."""
    facts = {"enabled": override.enabled, "limit": override.limit, "value": override.value}
    return plain_text(facts)


def override_of(text: str) -> Override:
    """Read what is stored.  Raises Conflict for what no version of ours has written."""
    try:
        return Override(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise Conflict("an override that is stored cannot be read") from error
