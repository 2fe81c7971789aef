"""The rules of the house that no off-the-shelf tool knows, as functions over a syntax tree.

Each rule takes a module's tree and yields the line and the sentence of every breach.  Where each
applies, and that each can fail, stands in test_house_rules.py.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Breach: TypeAlias = tuple[int, str]
Rule: TypeAlias = Callable[[ast.Module, str], Iterator[Breach]]

LONGEST_FUNCTION: Final = 60
LONGEST_FILE: Final = 400

CLOCKS: Final = {
    "date.today",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "time.time",
    "time.time_ns",
}
SECRET: Final = re.compile(r"(^|_)(signature|token|secret|api_?key|key_(hash|digest)|h?mac)$")
NOUNS: Final = {"manager", "helper", "util", "utils", "base", "impl", "data", "info"}
VERBS: Final = {"process", "handle", "manage", "do", "sync"}
LIBRARY_NAMES: Final = {  # SQLAlchemy calls a column's type by these, Django a middleware
    "load_dialect_impl",
    "process_bind_param",
    "process_exception",
    "process_result_value",
}
WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
SWITCH: Final = re.compile(r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore|pragma: no cover)")
EXPLAINED: Final = re.compile(
    r"#\s*(noqa(:\s*[A-Z0-9, ]+)?|(type|pyright):\s*ignore(\[[\w, -]+\])?|pragma: no cover)"
    r"\s*(-|#|—|:)\s*\w+\W+\w+"
)
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


# --- time and numbers ---------------------------------------------------------------------------


def clock(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """Nobody asks the wall clock: a time is an argument; `tallystick.system` has the one clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS:
            yield node.lineno, f"{ast.unparse(node)} asks the wall clock"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in {"time", "time_ns"}:
                    yield node.lineno, f"time.{alias.name} asks the wall clock"


def no_float(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """No binary fractions: neither the type's name nor a literal of it."""
    yield from _floats(tree, set())


def float_only_refused(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """At the border `float` is only ever what a type is compared with."""
    allowed: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            allowed.update(ast.walk(node.args[1]))
        if isinstance(node, ast.Compare) and _is_type_call(node.left):
            for other in node.comparators:
                allowed.update(ast.walk(other))
    yield from _floats(tree, allowed)


def _floats(tree: ast.Module, allowed: set[ast.AST]) -> Iterator[Breach]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "cutoff":
            allowed.add(node.value)  # difflib's likeness of two words: no amount comes of it
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "float" and node not in allowed:
            yield node.lineno, "float stands where money is reckoned"
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        if literal and node not in allowed:
            yield getattr(node, "lineno", 1), f"{ast.unparse(node)} is a binary fraction"


def _is_type_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "type"


# --- secrets and errors -------------------------------------------------------------------------


def secrets_compared(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """Secrets are compared in constant time.  A literal is not a secret."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        if not any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            continue
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        for side in sides:
            if SECRET.search(_last_name(side).lower()):
                yield node.lineno, f"{ast.unparse(node)}: use hmac.compare_digest"
                break


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func):
            return _last_name(func)
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case _:
            return ""


def swallowed(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """No error is caught without a name, and none is caught to be forgotten."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield node.lineno, "a bare except catches what nobody thought of"
        if all(isinstance(step, ast.Pass) or _is_ellipsis(step) for step in node.body):
            yield node.lineno, "an error is swallowed in silence"


def _is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)


# --- names --------------------------------------------------------------------------------------


def words(identifier: str) -> list[str]:
    """Split `PlanManager` and `plan_manager` into their words."""
    return [word.lower() for word in WORD.findall(identifier)]


def plain_words(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """Names say what a thing is: no Manager, Helper, Util; no handle, process, do; no cents."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            yield from ((node.lineno, text) for text in _bad_words(node))
        name = _introduced(node)
        if "cents" in words(name):
            yield getattr(node, "lineno", 1), f"{name}: say minor, not every currency has cents"


def _bad_words(node: Definition) -> Iterator[str]:
    if node.name in LIBRARY_NAMES:
        return
    said = words(node.name)
    for word in said:
        if word in NOUNS:
            yield f"{node.name}: {word!r} says nothing"
    if not isinstance(node, ast.ClassDef) and said and said[0] in VERBS:
        yield f"{node.name}: {said[0]!r} does not say what it does"


def _introduced(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return name
        case ast.arg(arg=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case _:
            return ""


def documented(tree: ast.Module, source: str) -> Iterator[Breach]:
    """Every public name is explained: a docstring, or for a constant a comment beside it."""
    public = public_names(tree)
    if public is None:
        if any(isinstance(n, DEFINITIONS) and not n.name.startswith("_") for n in tree.body):
            yield 1, "the module has public names and no __all__"
        return
    lines = source.splitlines()
    for position, node in enumerate(tree.body):
        if isinstance(node, DEFINITIONS) and node.name in public:
            yield from _undocumented(node)
        for name in _assigned(node) & public:
            following = tree.body[position + 1 : position + 2]
            if not (any(map(_is_text, following)) or _commented(lines, node)):
                yield node.lineno, f"{name} has neither a docstring nor a comment"


def public_names(tree: ast.Module) -> set[str] | None:
    """Give the names of `__all__`, or None where there is none."""
    for node in tree.body:
        if "__all__" in _assigned(node):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.List | ast.Tuple):
                return {e.value for e in value.elts if isinstance(e, ast.Constant)}  # type: ignore[misc]  # __all__ holds texts
            return set()
    return None


def _undocumented(node: Definition) -> Iterator[Breach]:
    if ast.get_docstring(node) is None:
        yield node.lineno, f"{node.name} has no docstring"
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            if not isinstance(inner, DEFINITIONS) or inner.name.startswith("_"):
                continue
            if ast.get_docstring(inner) is None and not _is_overload(inner):
                yield inner.lineno, f"{node.name}.{inner.name} has no docstring"


def _is_overload(node: Definition) -> bool:
    return any(ast.unparse(d) in {"overload", "typing.overload"} for d in node.decorator_list)


def _assigned(node: ast.stmt) -> set[str]:
    match node:
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def _is_text(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case _:
            return False


def _commented(lines: list[str], node: ast.stmt) -> bool:
    """Tell whether a comment stands on the statement's lines or above it (or its group)."""
    own = lines[node.lineno - 1 : node.end_lineno]
    above = node.lineno - 2
    while above >= 0 and lines[above].strip() and not lines[above].lstrip().startswith("#"):
        above -= 1
    group = above >= 0 and lines[above].lstrip().startswith("#")
    return group or any("  # " in line for line in own)


# --- imports and exemptions ---------------------------------------------------------------------


def standard_library_only(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """The core imports the standard library, itself and the errors."""
    for node in _running(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        for name in names:
            ours = f"{name}.".startswith(("tallystick.core.", "tallystick.errors."))
            if not ours and name.partition(".")[0] not in sys.stdlib_module_names:
                yield node.lineno, f"imports {name}"


def _running(node: ast.AST) -> Iterator[ast.stmt]:
    """Walk the statements that run: what stands under `if TYPE_CHECKING` does not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _running(other)
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from _running(child)


def exemptions_explained(_tree: ast.Module, source: str) -> Iterator[Breach]:
    """A check that is switched off says why, in words, on the same line."""
    if SWITCH.search(source) is None:
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        switched = token.type == tokenize.COMMENT and SWITCH.search(token.string)
        if switched and EXPLAINED.search(token.string) is None:
            yield token.start[0], f"{token.string}: no reason given"


def asserting(tree: ast.Module, _source: str) -> Iterator[Breach]:
    """A test asserts something, itself or by a function of its file: running proves nothing."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    known: set[str] = set()
    while more := {f.name for f in functions if _asserts(f, known)} - known:
        known |= more
    for function in functions:
        if function.name.startswith("test_") and function.name not in known:
            yield function.lineno, f"{function.name} asserts nothing"


def _asserts(function: ast.AST, known: set[str]) -> bool:
    return any(isinstance(n, ast.Assert) or _refuses(n, known) for n in ast.walk(function))


def _refuses(node: ast.AST, known: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    checked = any(ast.unparse(keyword) == "check=True" for keyword in node.keywords)
    named = re.search(r"(raises|warns|fail|assert|check|expect|refuse|valid)", called)
    return checked or called in known or named is not None


# --- sizes --------------------------------------------------------------------------------------


def large_things(package: Path) -> list[str]:
    """List functions over 60 lines and files over 400, as `where: how many lines`."""
    report: list[str] = []
    for path in sorted(package.rglob("*.py")):
        source = path.read_text("utf-8")
        report += large_in(path.relative_to(package).as_posix(), source)
    return report


def large_in(name: str, source: str) -> Iterable[str]:
    """List what is large in one file."""
    length = source.count("\n")
    if length > LONGEST_FILE:
        yield f"{name}: {length} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name}:{node.lineno} {node.name}: {length} lines"
