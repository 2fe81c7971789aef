"""Lock files beside the catalogue: `billing.production.lock.json`."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.core.lock import check_environment, lock_from_tree, lock_to_tree
from tallystick.errors import InvalidCatalog, Problem, SetupError
from tallystick.files.from_json import json_lines, json_tree
from tallystick.files.refusal import Absent, Refused
from tallystick.files.regular import read_text

if TYPE_CHECKING:
    from tallystick.core.lock import Lock

__all__ = ["lock_path", "read_lock", "write_lock"]

_SUFFIX: Final = ".lock.json"


def lock_path(catalog_path: Path | str, environment: str) -> Path:
    """Give the path of a catalogue's lock in an environment: `<stem>.<environment>.lock.json`.

    Raises InvalidInput for an environment that is no plain name.
    """
    path = Path(catalog_path)
    return path.with_name(f"{path.stem}.{check_environment(environment)}{_SUFFIX}")


def read_lock(path: Path | str) -> Lock | None:
    """Read a lock file strictly; None where there is none.

    A copy under another environment's name is refused.  Raises InvalidCatalog.
    """
    path = Path(path)
    try:
        text = read_text(path)
    except Absent:
        return None
    except Refused as error:
        raise InvalidCatalog(error.problems, str(path)) from error
    lock = _parse(text, path)
    _check_name(lock, path)
    return lock


def write_lock(path: Path | str, lock: Lock) -> None:
    """Write a lock file whole or not at all: sorted keys, two spaces, a final newline.

    Raises InvalidCatalog for a lock that could not be read again, SetupError where the disk says
    no.
    """
    path = Path(os.path.realpath(path))
    _check_name(lock, path)
    text = json.dumps(lock_to_tree(lock), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    _parse(text, path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(beside, text.encode())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        reason = (error.strerror or "it failed").lower()
        raise SetupError(f"cannot write {str(path)!r}: {reason}; nothing was changed") from error


def _parse(text: str, path: Path) -> Lock:
    try:
        tree = json_tree(text)
    except Refused as error:
        raise InvalidCatalog(error.problems, str(path)) from error
    try:
        return lock_from_tree(tree, source=str(path))
    except InvalidCatalog:
        # Only now are the lines worth looking for.
        return lock_from_tree(tree, lines=json_lines(text), source=str(path))


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _check_name(lock: Lock, path: Path) -> None:
    parts = path.name.removesuffix(_SUFFIX).rsplit(".", 1)
    if path.name.endswith(_SUFFIX) and len(parts) > 1 and parts[1] != lock.environment:
        text = f"is {lock.environment!r}, but the file's name says {parts[1]!r}"
        cure = "pull the lock file of this environment from the provider"
        raise InvalidCatalog([Problem("environment", text, cure)], str(path))
