"""VAT ids: whether their form and their check digits are right, country by country.

Whether an id is registered is not asked here: that is for whoever keeps the customer to find out.
"""

from __future__ import annotations

from tallystick.core.property import shown
from tallystick.core.text import refused_at
from tallystick.errors import InvalidInput, MissingExtra

__all__ = ["check_vat_id", "is_vat_id"]


def check_vat_id(value: object, path: str = "value") -> str:
    """Give back a VAT id of the European Union in its plain form: `ATU13585627`.

    Raises InvalidInput where it is none; MissingExtra.
    """
    try:
        from stdnum.eu import vat  # noqa: PLC0415 - an extra, needed where somebody has a VAT id
        from stdnum.exceptions import ValidationError  # noqa: PLC0415 - the same
    except ImportError:
        raise MissingExtra("checking a VAT id", "tax") from None
    if not isinstance(value, str):
        raise refused_at(path, f"must be a text, not {shown(value)}")
    try:
        return str(vat.validate(value[:40]))
    except ValidationError as refused:
        raise refused_at(path, f"{shown(value)} is no VAT id: {refused}") from None


def is_vat_id(value: str) -> bool:
    """Tell whether form and check digits of a VAT id are right.  Raises MissingExtra."""
    try:
        check_vat_id(value)
    except InvalidInput:
        return False
    return True
