"""A run's code: what its method, its training and its clips import, inside core and methods.

A changed line there is another run. A comment, a docstring or the words of an error are not, and
neither is the rest of data/ or study/: data enter a run's name through what an index yields.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parents[1]
OUTSIDE = ("data", "study", "__main__")


@cache
def code_version(*modules: str) -> str:
    """10 hex digits of the syntax trees of `modules` and all that they import in core, methods."""
    trees = [written(skeleton(path.read_text())) for path in closure(modules).values()]
    return hashlib.sha256("\n".join(trees).encode()).hexdigest()[:10]


def closure(modules: tuple[str, ...]) -> dict[str, Path]:
    """Module name -> file, by name, of everything that `modules` reach by imports."""
    found, waiting = {}, list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _file(name)
            waiting += imports(found[name].read_text())
    return dict(sorted(found.items()))


def imports(source: str) -> list[str]:
    """The modules of core and methods that a module imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in dict.fromkeys(names) if _counts(name)]


def _counts(name: str) -> bool:
    parts = name.split(".")
    path = LIBRARY.joinpath(*parts[1:]).with_suffix(".py")
    return parts[0] == "asglib" and len(parts) > 1 and parts[1] not in OUTSIDE and path.is_file()


def _file(name: str) -> Path:
    """Of a module of the library, or of a method that somebody keeps elsewhere."""
    package, *parts = name.split(".")
    if package == "asglib":
        return LIBRARY.joinpath(*parts).with_suffix(".py")
    return Path(importlib.util.find_spec(name).origin)


def skeleton(source: str) -> ast.AST:
    """The syntax tree without docstrings and without the words of errors."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if called == "need":
            node.args = node.args[:1]
        if called in ("between", "one_of"):  # the name of the value in their sentence
            node.args = node.args[1:]
    return tree


def written(tree: ast.AST) -> str:
    """The tree as Python 3.11 writes it, whichever version runs: a run keeps its name."""
    for node in ast.walk(tree):
        if getattr(node, "type_params", None) == []:  # since 3.12: of functions and classes
            del node.type_params
    return ast.dump(tree, **({"show_empty": True} if sys.version_info >= (3, 13) else {}))


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
