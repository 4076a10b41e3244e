"""The user's own code, called so that whatever it raises becomes a finding. Runs in the jail."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from lockgate.contract.jail.outcome import place
from lockgate.errors import LockgateError, Refused
from lockgate.train.jail import hints, limits, places

JOB = place("/job")
"""The captured code, read-only."""


def captured() -> list[str]:
    """Some names of captured files, for whoever misses one."""
    return sorted(str(path.relative_to(JOB)) for path in JOB.rglob("*.py"))[:20]


def load(file: str) -> ModuleType:
    """The captured file as a module. Raises Refused LG301, and what importing it raises."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, JOB / file)
    if spec is None or spec.loader is None or not (JOB / file).is_file():
        raise Refused(
            "LG301",
            f"{file} is not among the captured code",
            seen={"captured": captured()},
            next="edit lockgate.toml: [train] function, code",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def no_function(file: str, name: str) -> Refused:
    """The refusal LG301 of a file that has none of this name."""
    return Refused(
        "LG301",
        f"{file} has no function {name!r}",
        seen={"file": file, "function": name},
        next=f'def {name}(...) in {file}; or in lockgate.toml: [train] name another; a script: script = "{file}"',
    )


def call(work: Callable[[], Any], *, script: bool = False) -> Any:
    """Run the user's code, a function's or a script's. What it raises is shown as talk and becomes a Refused.

    LG310, or what says which limit of the jail it met (LG317, LG319, LG322, LG376, LG377), or that it looks for a file
    or writes one where the jail has none (LG3130, LG3131): these name file and line, and show no traceback.
    """
    try:
        return work()
    except LockgateError:
        raise
    except MemoryError as error:
        raise Refused(
            "LG317",
            f"training ran out of memory{_where(error.__traceback__)}",
            next="edit lockgate.toml: [train] memory",
        ) from None
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything at all
        met = limits.met(error)
        elsewhere = None if met else places.refused(error, _where(error.__traceback__), script=script)
        if elsewhere is not None:
            raise elsewhere from None
        traceback.print_exception(error.with_traceback(_own(error.__traceback__)))
        sys.stderr.flush()
        if met is not None:
            raise limits.refused(met, _where(error.__traceback__)) from None
        said = hints.shown(str(error.msg if isinstance(error, SyntaxError) else error))
        where = _syntax(error) if isinstance(error, SyntaxError) else _where(error.__traceback__)
        raise Refused(
            "LG310",
            f"the training code raised {type(error).__name__}{where}" + (f": {said}" if said else ""),
            seen={"error": type(error).__name__, "at": where.removeprefix(" at ")},
            next=hints.next_of(error),
        ) from None


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the user's own code."""
    found = trace
    while found is not None and not found.tb_frame.f_code.co_filename.startswith(f"{JOB}/"):
        found = found.tb_next
    return found or trace


def _where(trace: TracebackType | None) -> str:
    """` at train.py:12`: the last line of the user's own code that a traceback passed."""
    lines = [
        f"{s.filename[len(str(JOB)) + 1 :]}:{s.lineno}" for s in traceback.extract_tb(trace) if _is_own(s.filename)
    ]
    return f" at {lines[-1]}" if lines else ""


def _syntax(error: SyntaxError) -> str:
    file = error.filename or ""
    return f" at {file[len(str(JOB)) + 1 :]}:{error.lineno}" if _is_own(file) else _where(error.__traceback__)


def _is_own(file: str) -> bool:
    return file.startswith(f"{JOB}/")
