"""The `TALLYSTICK` of a Django project's settings, read strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from tallystick.core.property import shown
from tallystick.core.spelling import did_you_mean
from tallystick.errors import SetupError
from tallystick.integrations.needs import seconds_held

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog
    from tallystick.ports import Clock

__all__ = ["NAME", "Settings", "read_settings"]

NAME: Final = "TALLYSTICK"
"""The setting that holds all of ours."""

_FILES: Final = frozenset({".json", ".py", ".toml", ".yaml", ".yml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a project says of its ledger; each field is a key, in capitals.

    `catalog` is a Catalog, the path of its file, or where to import it from (`"shop.plans.PLANS"`);
    `customer`, `plan` (where the project keeps it itself) and `principal` are functions of a
    request, or where to import them from.  `database` is an alias of DATABASES.  What is held for a
    request goes back by itself after `expires_in` seconds.
    """

    catalog: Catalog[str, str] | str | None = None
    default_plan: str | None = None
    customer: Callable[[Any], object] | None = None
    plan: Callable[[Any], object] | None = None
    principal: Callable[[Any], Any] | None = None
    database: str = DEFAULT_DB_ALIAS
    expires_in: int = 60
    clock: Clock | None = None


def read_settings() -> Settings:
    """Read `settings.TALLYSTICK`; without it everything is as it is by default.

    Raises SetupError, naming the key and what it may be.
    """
    given = getattr(settings, NAME, {})
    if not isinstance(given, Mapping):
        raise SetupError(f"{NAME} is a dict of settings, not {shown(given)}")
    known = {each.name.upper() for each in fields(Settings)}
    for key in given:
        if key not in known:
            raise SetupError(
                f"{NAME} has no {shown(key)}; {did_you_mean(str(key), known)}".rstrip("; ")
            )
    values = {key.lower(): _READ.get(key, _kept)(key, value) for key, value in given.items()}
    return Settings(**values)


def _kept(_key: str, value: object) -> object:
    return value


def _imported(key: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as error:
        raise SetupError(f"{NAME}[{key!r}] cannot be imported: {error}") from error


def _catalog(key: str, value: object) -> object:
    if isinstance(value, Path) or (isinstance(value, str) and Path(value).suffix in _FILES):
        return str(value)
    return _imported(key, value)


def _function(key: str, value: object) -> object:
    found = _imported(key, value)
    if found is not None and not callable(found):
        raise SetupError(f"{NAME}[{key!r}] is a function of a request, not {shown(found)}")
    return found


def _alias(key: str, value: object) -> object:
    if not isinstance(value, str):
        raise SetupError(f"{NAME}[{key!r}] is a name of DATABASES, not {shown(value)}")
    return value


_READ: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "CATALOG": _catalog,
    "CLOCK": _imported,
    "CUSTOMER": _function,
    "PLAN": _function,
    "PRINCIPAL": _function,
    "DATABASE": _alias,
    "EXPIRES_IN": lambda _, value: seconds_held(value),
}
