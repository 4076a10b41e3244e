"""Have the closure scanned in the parse jail. Nothing outside the jail ever parses a model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockgate.audit.workplace import Workplace
from lockgate.errors import Refused
from lockgate.sandbox.launch import Jail, JailReport, JailResult, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, named

REPORT = "scan.json"
MOST_REPORT = 16 << 20

LIMITS = Limits(
    memory=4 << 30, tasks=64, cpu_seconds=600, wall_seconds=600, output_bytes=MOST_REPORT, talk_bytes=1 << 20
)


def look(workplace: Workplace, files: Mapping[str, bytes]) -> tuple[bytes, JailReport]:
    """Scan `files`; return the scan's report, still untrusted, and the jail's.

    Raises:
        Refused: LG420 the scan did not finish (time, memory, a crash of a parser): not proved harmless.
        Unfit: the machine cannot give the jail.
    """
    with workplace.scratch() as scratch:
        closure, out = scratch / "closure", scratch / "out"
        out.mkdir()
        for name, data in files.items():
            path = closure / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        result = Jail(_settings(workplace, closure)).run(
            Target(module="lockgate.register.jail.scan", arguments=("/in/closure",)), out_dir=out
        )
        found = result.files.get(REPORT)
        if not result.ok or found is None:
            raise _unfinished(result)
        return found.read_bytes(), result.report


def _settings(workplace: Workplace, closure: Path) -> JailSettings:
    return named("parse", python=workplace.python(), binds=[Bind(closure, "/in/closure")], limits=LIMITS)


def _unfinished(result: JailResult) -> Refused:
    return Refused(
        "LG420",
        f"the scan did not finish (ended by {result.ended}, exit code {result.exit_code}), so nothing is registered",
        seen={"talk": result.talk.decode("utf-8", "replace")[-2000:], "skipped": dict(result.skipped)},
        next="lockgate explain LG420",
    )
