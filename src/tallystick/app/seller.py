"""The seller: what stands on documents, and how they are issued."""

from __future__ import annotations

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

    Documents that were issued stay as they are.  Raises InvalidInput with every field that is
    wrong.
    """
    changed = read_seller(fields, settings_of(unit))
    sellers.set_facts(unit, seller_tree(changed), to_the_second(at))
    return changed
