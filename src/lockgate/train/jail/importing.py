"""Whether the training code can be imported at all, before any row is read. Runs in the train jail.

Task on standard input: {"function", "script", "features"}. A function's module and features.py are imported; a script
is read only, for importing it would be running it. At `/in` there is nothing: what a module misses there while it
is imported is no finding, and the trial itself will tell. Writes nothing but a finding.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lockgate.contract.jail.outcome import guarded, out_dir, read_task
from lockgate.errors import Refused
from lockgate.train.jail import users_code

_SURE = ("SyntaxError", "IndentationError", "TabError", "ModuleNotFoundError", "ImportError")


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Look at the code at `/job`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    os.chdir(users_code.JOB)
    sys.path.insert(0, str(users_code.JOB))
    if task["script"]:
        script = users_code.JOB / task["script"]
        users_code.call(lambda: read(script))
    for named in (task["features"], "" if task["script"] else task["function"]):
        if named:
            look(named)


def read(script: Path) -> None:
    """Parse a script. Raises what that does, and ModuleNotFoundError for what it imports at once and is not there."""
    source = script.read_bytes()
    tree = ast.parse(source, str(script))
    if b"sys.path" in source:
        return
    for statement in tree.body:
        names = [each.name for each in statement.names] if isinstance(statement, ast.Import) else []
        if isinstance(statement, ast.ImportFrom) and not statement.level:
            names = [str(statement.module)]
        for name in names:
            root = name.partition(".")[0]
            if root not in sys.modules and find_spec(root) is None:
                raise ModuleNotFoundError(f"No module named {root!r}", name=root)


def look(named: str) -> None:
    """Import the module of `FILE.py:NAME`. Raises Refused LG301 (no such function), LG310 (it has no chance)."""
    file, _, name = named.partition(":")
    try:
        function = users_code.call(lambda: getattr(users_code.load(file), name, None))
    except Refused as error:
        if error.finding == "LG301" or error.seen.get("error") in _SURE:
            raise
        return
    if not callable(function):
        raise users_code.no_function(file, name)
