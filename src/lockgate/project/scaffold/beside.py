"""What a folder holds before `init --data`: code and packages of the person's own, kept as they are. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

LOCK: Final = "requirements.lock"
WANTED: Final = "requirements.in"

_ARGUMENTS: Final = 2
_BASELINES: Final = ("baseline.py", "lockgate_baseline.py", "lockgate_first_model.py")


@dataclass(frozen=True)
class Training:
    """`file`: where our first model is written, "" where the person's own is used. `settings`: lines of `[train]`."""

    file: str
    settings: str
    note: str = ""


def training(names: Collection[str], own: str | None) -> Training:
    """What trains. `names`: what the folder holds; `own`: the text of its train.py, None without one.

    A function `train(data, params)` is used, and so is a script that reads $LOCKGATE_DATA and writes $LOCKGATE_OUT.
    """
    if own is None:
        return Training("train.py", 'function = "train.py:train"')
    if "LOCKGATE_DATA" in own and "LOCKGATE_OUT" in own:
        return Training("", 'script = "train.py"', "train.py is yours, and is what trains: as a script")
    if _has_train(own):
        return Training("", 'function = "train.py:train"', "train.py is yours, and is what trains: its function train")
    file = next((name for name in _BASELINES if name not in names), _BASELINES[-1])
    return Training(
        file,
        f'function = "{file}:train"  # yours, once it has a function train(data, params): "train.py:train"',
        f"doubt: your train.py is kept as it is and not used yet; {file} trains meanwhile. To use yours: put the fit "
        f"into a function train(data, params) that returns the fitted estimator, as {file} does, without reading and "
        "splitting the data; then name it in lockgate.toml",
    )


def packages(names: Collection[str]) -> tuple[str, ...]:
    """What is said of the packages of training. `names`: what the folder held before."""
    if LOCK in names:
        return ()
    if WANTED in names:
        return (f"doubt: {WANTED} is yours and has no {LOCK} yet: lockgate lock",)
    others = [name for name in ("requirements.txt", "pyproject.toml") if name in names]
    return tuple(
        f"doubt: {name} is not read: if training needs more than {WANTED} says, write it there, then: lockgate lock"
        for name in others
    )


def _has_train(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    found = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "train"]
    return any(len(node.args.args) >= _ARGUMENTS or node.args.vararg is not None for node in found)
