"""One task in one jail, and every way in which it can end badly said as a finding. The host's side.

The jail's files and words are untrusted: files come by expected name only, a finding by expected id only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.contract.findings import FINDING, clean, parse_finding
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import JailSettings
from lockgate.store.files import read_regular

_MAX_FINDING = 1 << 20
_MISSING = re.compile(rb"No module named '([A-Za-z0-9_.]+)'")


@dataclass(frozen=True)
class Task:
    """What to run: a jail module's `main`, the JSON that it reads, the files it must write, what it may complain of.

    `died` is the finding for a jail that ends by a limit or without a word; `work` says in a few words what it did.
    """

    module: str
    given: Mapping[str, object]
    gives: tuple[str, ...]
    findings: Collection[str]
    died: str
    work: str
    next: str


def run_task(
    settings: JailSettings,
    task: Task,
    into: Path,
    *,
    talk: Callable[[bytes], None] | None = None,
    started: Callable[[], None] | None = None,
    descriptors: Mapping[int, int] | None = None,
    jail: Jail | None = None,
) -> tuple[Mapping[str, Path], JailReport]:
    """Run `task`; return the files that it gives, in the new directory `into`, and the jail's report.

    The target's `descriptors` from 3 on are ours, which may be closed once `started` was called. `jail`: one of
    `settings`, for whoever wants to be able to stop it.
    Raises the finding that the jail names (of `task.findings`), or Refused `task.died`; Unfit when there is no jail.
    """
    into.mkdir(parents=True)
    result = (jail or Jail(settings)).run(
        Target(task.module, tuple(map(str, descriptors or {}))),
        stdin=encode(task.given),
        talk=talk,
        out_dir=into,
        started=lambda _report: started() if started else None,
        descriptors=descriptors,
    )
    if FINDING in result.files:
        raise _finding(result, task)
    if not result.ok:
        raise _died(result, task, settings)
    missing = [name for name in task.gives if name not in result.files]
    if missing:
        raise _end(task, f"it gave no {missing[0]}", {"missing": missing, "skipped": str(dict(result.skipped))})
    return {name: result.files[name] for name in task.gives}, result.report


def _finding(result: JailResult, task: Task) -> LockgateError:
    try:
        return parse_finding(read_regular(result.files[FINDING], _MAX_FINDING), task.findings)
    except ValueError as error:
        return _end(task, f"what it said of itself is not in form ({error})", {})


def _died(result: JailResult, task: Task, settings: JailSettings) -> Refused:
    limits = settings.limits
    why = {
        "memory": f"it needed more than {limits.memory >> 20} MiB of memory",
        "time": f"it took longer than {limits.wall_seconds} s (or {limits.cpu_seconds} s of CPU)",
        "tasks": f"it wanted more than {limits.tasks} processes and threads",
        "tmp": f"it wrote more than {limits.tmp_bytes >> 20} MiB to /tmp",
        "output": f"it wrote more than {limits.output_bytes >> 20} MiB",
        "talk": f"it said more than {limits.talk_bytes >> 20} MiB",
        "inodes": f"it made more than {limits.inodes} files",
    }.get(result.ended, f"it ended with exit code {result.exit_code}")
    last = clean(result.talk.decode(errors="replace").strip().rpartition("\n")[2], 200)
    seen: dict[str, object] = {"ended": result.ended, "exit_code": result.exit_code}
    if last:
        seen["last_words"] = last
    missing = _MISSING.search(result.talk)
    if missing:
        name = missing[1].decode()
        return _end(task, f"its environment has no module {name}", seen, f"add {name} to requirements.lock")
    return _end(task, why, seen)


def _end(task: Task, why: str, seen: dict[str, object], following: str = "") -> Refused:
    return Refused(task.died, f"{task.work} was stopped: {why}", seen=seen, next=following or task.next)
