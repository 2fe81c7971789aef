"""The feature keys of a ledger, as type checkers know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Key = TypeVar("Key", bound=str, default=Any)
else:  # defaults of type variables are for the checkers; 3.11 and 3.12 have none at run time
    from typing import TypeVar

    Key = TypeVar("Key", bound=str)

__all__ = ["Key"]
