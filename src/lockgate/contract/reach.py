"""Which of the captured files a contract can see. Pure.

What it cannot see is not laid out in the jails that judge by it, so an edit of train.py changes no verdict and no
digest of a validation. Where a file may be reached without an import that names it, nobody is left out; where that is
misjudged, the contract finds no such module, and nothing passes by mistake.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

_OTHERWISE: Final = frozenset(
    {
        *("importlib", "imp", "__import__", "__builtins__", "builtins", "__loader__", "__path__", "runpy", "pkgutil"),
        *("pydoc", "zipimport", "pkg_resources", "ImportString", "exec", "eval", "compile", "open", "glob", "os"),
        *("sys", "io", "pathlib", "Path", "subprocess", "ctypes", "inspect", "linecache"),
    }
)
"""What reaches a file without naming it."""


def unseen_by(contract: str, files: Mapping[str, bytes]) -> frozenset[str]:
    """Those of `files` (path below the project -> bytes) that are Python, and that no import of `contract`, nor of what
    it imports, names.

    Empty where nobody can know: a file that is seen is no Python, imports all names of another, or has a word by which
    code is reached otherwise.
    """
    seen, ahead = {contract}, [contract]
    while ahead:
        try:
            tree = ast.parse(files[ahead.pop()])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return frozenset()
        imported = set(_imported(tree))
        if "*" in imported or _reaches_otherwise(tree, imported):
            return frozenset()
        for name in files.keys() - seen:
            if imported & set(name.removesuffix(".py").split("/")):
                seen.add(name)
                ahead.append(name)
    return frozenset(name for name in files if name.endswith(".py") and name not in seen)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Every word of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (word for alias in node.names for word in alias.name.split("."))
            if isinstance(node, ast.ImportFrom):
                yield from (node.module or "").split(".")


def _reaches_otherwise(tree: ast.AST, imported: set[str]) -> bool:
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | imported
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return bool(words & _OTHERWISE) or any(word.startswith("read_") for word in words)
