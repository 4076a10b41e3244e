"""Which class of error, or which HTTP status, each finding comes with: read from the source, so that nobody types it.

An id that is passed on in a variable is not seen here, nor one that is only told (a warning, a verdict's reason).
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "lockgate"
CLASSES = {
    "Refused": "1, refused",
    "Usage": "2, usage",
    "VerificationFailed": "3, verification failed",
    "Unfit": "4, this machine cannot",
    "Unavailable": "4, not available just now",
}


@cache
def raised() -> Mapping[str, tuple[str, ...]]:
    """Finding id -> `exit 1, refused` or `HTTP 422`, each once."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for finding, how in _raised_in(ast.parse(path.read_text(encoding="utf-8"))):
            found[finding].add(how)
    return {finding: tuple(sorted(ways)) for finding, ways in found.items()}


def _raised_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(finding)), *_]) if name in CLASSES:
                yield finding, f"exit {CLASSES[name]}"
            case ast.Call(
                func=ast.Name(id="Declined"),
                args=[ast.Constant(value=int(status)), ast.Constant(value=str(finding)), *_],
            ):
                yield finding, f"HTTP {status}"
            case _:
                pass
