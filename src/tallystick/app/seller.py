"""The seller: what stands on documents, and how they are issued."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.core.period import to_the_second
from tallystick.core.seller import Seller, read_seller, seller_tree
from tallystick.storage import sellers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["set_seller", "settings_of"]


def settings_of(unit: Unit) -> Seller:
    """Give the seller; one without a name where nobody said who sells."""
    tree = sellers.get_facts(unit)
    return Seller() if tree is None else read_seller(tree)


def set_seller(unit: Unit, at: Instant, fields: Mapping[str, object]) -> Seller:
    """Change the named fields of the seller, and nothing else.

    Documents that were issued stay as they are.  A ladder of `dunning` that does not say `since`
    when is for what falls due from now on; in another's place, since when that one was.

    Raises InvalidInput with every field that is wrong.
    """
    before = settings_of(unit)
    changed = read_seller(fields, before)
    if changed.dunning is not None and changed.dunning.since is None:
        since = to_the_second(at) if before.dunning is None else before.dunning.since
        changed = replace(changed, dunning=replace(changed.dunning, since=since))
    sellers.set_facts(unit, seller_tree(changed), to_the_second(at))
    return changed
