"""Opening a catalogue: the file, the lock of its environment, and everything found in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick.core.canonical import to_tree
from tallystick.core.catalog import Catalog
from tallystick.core.dialects import in_dialect, read_catalog
from tallystick.core.dialects.report import line_of
from tallystick.core.lint import lint
from tallystick.core.resolve import with_lock
from tallystick.errors import InvalidCatalog, Problem
from tallystick.files import lock_path, read_lock, read_tree
from tallystick.providers.known import ABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.period import Instant

__all__ = ["DEFAULT_ENVIRONMENT", "Opened", "create_billing_schema", "load_catalog", "open_catalog"]

DEFAULT_ENVIRONMENT = "test"
"""Whose lock file is used where nobody names an environment."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A catalogue as it was opened: its file, and all that lint found.

    `problems` are those that only show once the lock file is laid under the catalogue, such as
    two plans that look alike because nobody says how long one of them is.
    """

    path: Path
    catalog: Catalog[str, str]
    findings: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The findings that must be cured before anything is shown or sold."""
        return tuple(found for found in self.findings if found.severity == "problem")

    @property
    def hints(self) -> tuple[Problem, ...]:
        """The findings that are worth a look."""
        return tuple(found for found in self.findings if found.severity == "hint")

    def ready(self) -> Catalog[str, str]:
        """Give the catalogue if it may be shown and sold.  Raises InvalidCatalog."""
        if self.problems:
            raise InvalidCatalog(self.problems, self.path.name)
        return self.catalog


def load_catalog(path: str | Path, *, environment: str | None = None) -> Catalog[str, str]:
    """Load a catalogue from a Python, TOML, JSON or YAML file, in any dialect.

    The lock file of the environment (`billing.test.lock.json` beside `billing.yaml`) fills in the
    provider's ids and interval counts where there is one.

    Raises InvalidCatalog with every problem and its path; CatalogNotFound.
    """
    return _load(Path(path), environment)[0]


def open_catalog(
    path: str | Path,
    *,
    environment: str | None = None,
    now: Callable[[], Instant] | None = None,
    locked: bool = True,
) -> Opened:
    """Open a catalogue with its lock file and lint it.

    `now` is asked for the time only where the catalogue has coupons, to name those that have ended.
    With `locked` false the lock file is left out: the catalogue is as its file says it.

    Raises InvalidCatalog where the file itself cannot be used; CatalogNotFound.
    """
    path = Path(path)
    catalog, lines = _load(path, environment, locked=locked)
    at = None if now is None or not catalog.coupons else now()
    found = (in_dialect(problem, catalog.dialect) for problem in lint(catalog, at=at))
    lined = (replace(problem, line=line_of(problem.path, lines)) for problem in found)
    return Opened(path, catalog, (*catalog.hints, *lined))


def _load(
    path: Path, environment: str | None, *, locked: bool = True
) -> tuple[Catalog[str, str], Mapping[str, int]]:
    try:
        source = read_tree(path)
    except InvalidCatalog as refused:  # also what a Python file's own `define_plans` refused
        raise InvalidCatalog(refused.problems, path.name) from refused
    if isinstance(source.tree, Catalog):
        catalog = _checked(source.tree, path.name)
    else:
        catalog = read_catalog(
            source.tree, lines=source.lines, source=path.name, abilities=ABILITIES
        )
    lock = read_lock(lock_path(path, environment or DEFAULT_ENVIRONMENT)) if locked else None
    return (catalog if lock is None else with_lock(catalog, lock)), source.lines


def create_billing_schema(schema: Mapping[str, Any]) -> Catalog[str, str]:
    """Read products → plans → lineItems; `cost` is in major units (9.99 is USD 9.99).

    The providers that Tallystick knows are asked what they can do.  Raises InvalidCatalog with
    every problem and its path, such as `products[0].plans[1].lineItems[0].cost`.
    """
    return read_catalog(schema, dialect="products", source="billing schema", abilities=ABILITIES)


def _checked(catalog: Catalog[Any, Any], name: str) -> Catalog[Any, Any]:
    """Hold a catalogue built from classes against the rules of every other one."""
    try:
        tree = to_tree(catalog)
    except Exception as error:
        text = f"holds a value that no catalogue holds: {error}"
        cure = "build it from the classes of tallystick, figures as Decimal"
        raise InvalidCatalog([Problem("", text, cure)], name) from error
    read_catalog(tree, dialect="tallystick", source=name, abilities=ABILITIES)
    return catalog
