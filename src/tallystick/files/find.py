"""Where the catalogue is: named, or in the environment, or in the folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tallystick.errors import CatalogNotFound, SetupError
from tallystick.files.tree import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["VARIABLE", "find_catalog"]

VARIABLE: Final = "TALLYSTICK_CATALOG"
"""The setting that names the catalogue."""
_INIT: Final = "start one with `tallystick init`"


def find_catalog(argument: str | None, *, environ: Mapping[str, str], folder: Path) -> Path:
    """Give the catalogue file: the argument, else TALLYSTICK_CATALOG, else `billing.*` in a folder.

    Raises CatalogNotFound where there is none, SetupError where a folder holds two.
    """
    if argument:
        return _existing(folder / argument, f"no catalogue at {argument!r}")
    named = environ.get(VARIABLE, "").strip()
    if named:
        return _existing(folder / named, f"no catalogue at {named!r}, which {VARIABLE} names")
    return _only(folder)


def _existing(path: Path, missing: str) -> Path:
    # A broken link or a folder exists: reading it says more exactly what is wrong.
    if not os.path.lexists(path):
        raise CatalogNotFound(f"{missing}; name an existing file, or {_INIT}")
    return path


def _only(folder: Path) -> Path:
    present = [path for suffix in SUFFIXES if (path := folder / f"billing{suffix}").is_file()]
    if not present:
        tried = ",".join(suffix[1:] for suffix in SUFFIXES)
        raise CatalogNotFound(
            f"no catalogue: no file was named, {VARIABLE} is not set, and there is no "
            f"billing.{{{tried}}} in {str(folder)!r}; name a file, or {_INIT}"
        )
    if len(present) > 1:
        names = " and ".join(path.name for path in present)
        raise SetupError(
            f"{names} both stand in {str(folder)!r}; name the one that counts, or set {VARIABLE}"
        )
    return present[0]
