"""A catalogue written as Python: the file is executed, and one of its values is the catalogue.

It is the user's own code and may do whatever the user may: never read a Python catalogue that
somebody else sent.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import TYPE_CHECKING, Final

from tallystick.core.catalog import Catalog
from tallystick.errors import InvalidCatalog
from tallystick.files.refusal import refuse
from tallystick.files.scalars import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tallystick.files.refusal import Refused

__all__ = ["python_tree"]

_FIRST: Final = "catalog"
_NAMES: Final = ("plans", "billing", "default")
_CURE: Final = "name the one that counts `catalog`"


def python_tree(text: str, path: Path) -> object:
    """Execute a catalogue file and give its catalogue, ready or as a plain tree.

    Raises Refused, or InvalidCatalog where the file's own definitions do.
    """
    if not text.strip():
        raise refuse("is empty", "write a catalogue, or start from `tallystick init`")
    return _choose(_execute(text, path))


def _execute(text: str, path: Path) -> Mapping[str, object]:
    module = ModuleType(f"_tallystick_catalog_{path.stem}")
    module.__file__ = str(path)
    try:
        code = compile(text, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        wrong = f"is not Python: {error.msg}"
        raise refuse(wrong, "correct the text at this place", line=error.lineno) from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise refuse(f"is not Python: {error}", "write it flatter") from error
    with _importable(module, path):
        try:
            # what the file prints must not stand in the output of a command
            with redirect_stdout(sys.stderr):
                exec(code, module.__dict__)  # noqa: S102 - a Python catalogue is the user's own code
        except (InvalidCatalog, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise _failure(error, path) from error
    return module.__dict__


@contextmanager
def _importable(module: ModuleType, path: Path) -> Iterator[None]:
    """Let the file import its neighbours, and dataclasses find their module."""
    folder = str(path.absolute().parent)
    sys.path.insert(0, folder)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.modules.pop(module.__name__, None)
        if folder in sys.path:
            sys.path.remove(folder)


def _failure(error: BaseException, path: Path) -> Refused:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    said = "".join(traceback.format_exception_only(error)).strip()
    text = f"raised {shorten(said, 500)}"
    return refuse(text, "correct the file, then try again", line=lines[-1] if lines else None)


def _choose(names: Mapping[str, object]) -> object:
    if _is_tree(names.get(_FIRST)) or isinstance(names.get(_FIRST), Catalog):
        return _listed(names[_FIRST])
    usual = {name: names[name] for name in _NAMES if name in names}
    ready = {name: value for name, value in names.items() if isinstance(value, Catalog)}
    trees = {name: value for name, value in usual.items() if _is_tree(value)}
    usual_ready = {name: value for name, value in ready.items() if name in usual}
    for group in (usual_ready, ready, trees):
        distinct = {id(value): value for value in group.values()}
        if len(distinct) > 1:
            raise refuse(f"defines several catalogues: {', '.join(group)}", _CURE)
        if distinct:
            return _listed(*distinct.values())
    raise refuse("defines no catalogue", "write `catalog = define_plans([...])`")


def _is_tree(value: object) -> bool:
    return isinstance(value, dict | list | tuple)


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
