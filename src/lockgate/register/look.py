"""Have the closure scanned in the parse jail. Nothing outside the jail ever parses a model file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lockgate.audit.workplace import Workplace
from lockgate.errors import Refused
from lockgate.sandbox.launch import Jail, JailReport, JailResult, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import writing

REPORT = "scan.json"
_FOR_ALL = 0o444
MOST_REPORT = 16 << 20

LIMITS = Limits(
    memory=4 << 30, tasks=64, cpu_seconds=600, wall_seconds=600, output_bytes=MOST_REPORT, talk_bytes=1 << 20
)


def look(workplace: Workplace, files: Mapping[str, bytes | Path]) -> tuple[bytes, JailReport]:
    """Scan `files`; return the scan's report, still untrusted, and the jail's.

    A file that is stored is shown as it lies there, and is not read here: the report says what was scanned by digest,
    and the caller compares. Raises:
        Refused: LG420 the scan did not finish (time, memory, a crash of a parser): not proved harmless.
        Unfit: the machine cannot give the jail.
    """
    with workplace.scratch() as scratch:
        closure, out = scratch / "closure", scratch / "out"
        out.mkdir()
        for name, data in files.items():
            path = closure / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(data, bytes):
                path.write_bytes(data)
            else:
                _show(data, path)
        return _scan(_settings(workplace.python(), closure), out, "scan")


def look_at_import(workplace: Workplace, folder: Path, *, has_onnx: bool) -> tuple[bytes, JailReport]:
    """Scan the files of a model that was made elsewhere, in a private `folder`. Returns and raises as `look`.

    Only what reads ONNX is in the project's locked environment; for anything else none need be there.
    """
    python = workplace.python() if has_onnx else PythonEnv.own()
    with workplace.scratch() as out:
        return _scan(_settings(python, folder), out, "scan_import")


def _show(stored: Path, path: Path) -> None:
    """The same file under another name; a copy of what the jail's user might not read, or where no second name can be.

    Models are for everybody to read. What is not is small.
    """
    if stored.stat().st_mode & _FOR_ALL == _FOR_ALL:
        with suppress(OSError):
            os.link(stored, path, follow_symlinks=False)
            return
    with writing(path):
        shutil.copyfile(stored, path, follow_symlinks=False)
        path.chmod(0o644)


def _scan(settings: JailSettings, out: Path, module: str) -> tuple[bytes, JailReport]:
    result = Jail(settings).run(
        Target(module=f"lockgate.register.jail.{module}", arguments=("/in/closure",)), out_dir=out
    )
    found = result.files.get(REPORT)
    if not result.ok or found is None:
        raise _unfinished(result)
    return found.read_bytes(), result.report


def _settings(python: PythonEnv, closure: Path) -> JailSettings:
    return named("parse", python=python, binds=[Bind(closure, "/in/closure")], limits=LIMITS)


def _unfinished(result: JailResult) -> Refused:
    return Refused(
        "LG420",
        f"the scan did not finish (ended by {result.ended}, exit code {result.exit_code}), so nothing comes in",
        seen={"talk": result.talk.decode("utf-8", "replace")[-2000:], "skipped": dict(result.skipped)},
        next="lockgate explain LG420",
    )
