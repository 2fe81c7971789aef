"""Write the types of `tally.aio` from the facade: `python -m tests.typing.aio_types`."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick import Tallystick
from tallystick.facade.aio import Aio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STUB = Path(__file__).parents[2] / "src" / "tallystick" / "facade" / "aio_types.pyi"
HEAD = "# The types of `tally.aio`: written by `python -m tests.typing.aio_types`.\n"
HOST = "AsyncConnection | AsyncSession | None"
NAME = re.compile(r"\w+")
RESULTS = {"Subscriptions": "Made", "Moves": "Foreseen"}
"""What the moves of a subscription give, and what their previews do: `R_co` there."""


def written() -> str:
    """Give the text of the stub, as ruff lays it out."""
    ledger = Tallystick("sqlite://")
    imports: dict[str, str] = {
        "AsyncConnection": "sqlalchemy.ext.asyncio",
        "AsyncSession": "sqlalchemy.ext.asyncio",
    }
    classes: list[str] = []
    name_of(ledger, classes, imports)
    lines = [f"from {home} import {name}" for name, home in sorted(imports.items())]
    public = f"__all__ = {[NAME.findall(text)[1] for text in classes]}"
    return laid_out("\n".join([HEAD, *lines, "", public, "", *reversed(classes)]) + "\n")


def name_of(target: object, classes: list[str], imports: dict[str, str]) -> str:
    """Write the class of a shelf and of what stands on it; give its name."""
    name = f"Async{type(target).__name__}"
    body = []
    for each in public_names(target):
        value = getattr(target, each)
        if not callable(value):
            body.append(f"    {each}: {name_of(value, classes, imports)}")
        else:
            body.append(
                textwrap.indent(
                    signature(value, imports, RESULTS.get(type(target).__name__)), "    "
                )
            )
    text = "\n".join(body) + "\n"
    generic = "Key" in NAME.findall(text)
    if generic:
        imports["Generic"] = "typing"
    classes.append(f"class {name}{'(Generic[Key])' if generic else ''}:\n{text}")
    return name


def public_names(target: object) -> Iterator[str]:
    """List what `Aio` gives of an object."""
    proxy = Aio(target, None)  # type: ignore[arg-type]  # nothing is called
    for each in dir(target):
        if not each.startswith("_") and hasattr(proxy, each):
            yield each


def signature(call: Callable[..., Any], imports: dict[str, str], result: str | None) -> str:
    """Write a call as awaitable, and note where the names in it come from."""
    function = call.__func__  # type: ignore[attr-defined]  # a bound method
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    for argument in [*tree.args.args, *tree.args.kwonlyargs]:
        if argument.arg == "connection":
            argument.annotation = ast.parse(HOST, mode="eval").body
    if ast.unparse(tree.returns or tree.args) == "R_co":
        tree.returns = ast.Name(str(result))
    known = homes(function.__module__)
    for defaults in (tree.args.defaults, tree.args.kw_defaults):
        defaults[:] = [each and ast.Constant(...) for each in defaults]  # type: ignore[misc]  # as both lists may hold it
    for each in [*ast.walk(tree.args), *ast.walk(tree.returns or tree.args)]:
        if isinstance(each, ast.Name) and each.id in known:
            imports[each.id] = known[each.id]
    returns = ast.unparse(tree.returns or tree.args)
    return f"async def {tree.name}({ast.unparse(tree.args)}) -> {returns}: ..."


def homes(module: str) -> dict[str, str]:
    """Give where each name comes from that a module may use in a type."""
    tree = ast.parse(Path(inspect.getsourcefile(importlib.import_module(module)) or "").read_text())
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= dict.fromkeys((each.asname or each.name for each in node.names), node.module)
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = module
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = module
        elif isinstance(node, ast.ClassDef):
            found[node.name] = module
    return found


def laid_out(text: str) -> str:
    """Give the text sorted and formatted, as the files beside it are."""
    ruff = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(STUB)]
    for step in (["check", "--select", "I,RUF022", "--fix", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [*ruff, *step, *name, "-"], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    STUB.write_text(written(), encoding="utf-8")
