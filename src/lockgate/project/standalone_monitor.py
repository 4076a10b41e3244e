"""`lockgate monitor --reference A --replay B`: two files compared, without a project. The host's side.

Nothing is signed or logged. Both files are captured, and read by one jail that gets nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.reading import FINDINGS as UNREADABLE
from lockgate.contract.sources import SourceFile, capture
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.monitor.plan import INPUTS, Plan, parse_plan
from lockgate.monitor.replay import REPLAY, Replay, Wish, as_json, parse_replay
from lockgate.project.monitor_bins import bin_words
from lockgate.sandbox.settings import Bind, PythonEnv, named
from lockgate.store.files import read_regular

FINDINGS = UNREADABLE | {"LG975", "LG976", "LG977", "LG978"}
"""What the jail may complain of."""

_POOL = (("ARROW_DEFAULT_MEMORY_POOL", "system"), ("POLARS_MAX_THREADS", "1"))
"""The default pool reserves a gigabyte that it may never touch, which would count against the reader's own bound."""

_MOST_BYTES = 64 << 20
_SEED_DIGITS = 12


@dataclass(frozen=True)
class Compared:
    """Both files' names, the plan made of the first, and how the rows of the second stood against it."""

    names: tuple[str, str]
    wish: Wish
    plan: Plan
    replay: Replay
    labels: Sequence[Sequence[str]]

    @property
    def changed(self) -> bool:
        """Whether anything alarmed, a column is not what it was, or hardly a row could be compared: no all-clear."""
        return bool(self.replay.alarms or self.replay.changes) or not self.replay.enough

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {**as_json(self.replay, self.plan, self.names, self.labels), "test": msgspec.to_builtins(self.wish)}


def compare_files(reference: str, replay: str, wish: Wish, *, folder: Path | None = None) -> Compared:
    """Whether the rows of the file `replay` still come as those of `reference` did; paths relative to `folder`.

    Raises Refused LG102 to LG119 and LG140 to LG144 about a file, LG976, LG977 and LG978; Usage LG975 about the wish.
    """
    folder = folder or Path.cwd()
    with tempfile.TemporaryDirectory(prefix="lockgate-monitor-") as name:
        scratch = Path(name)
        files = [capture(folder, file, scratch / f"source-{number}") for number, file in enumerate((reference, replay))]
        given, _ = run_task(
            named("parse", python=PythonEnv.own(), binds=[_bound(file) for file in files], environment=_POOL),
            _task(files, wish),
            scratch / "compared",
        )
        try:
            plan = parse_plan(read_regular(given[INPUTS], _MOST_BYTES))
            answer = parse_replay(read_regular(given[REPLAY], _MOST_BYTES), plan)
        except ValueError as error:
            raise Refused("LG978", f"the jail's answer is not in form: {error}", next="lockgate doctor") from None
    labels = [bin_words(stream, stream.bins) for stream in plan.streams]
    return Compared((reference, replay), wish, plan, answer, labels)


def _bound(file: SourceFile) -> Bind:
    return Bind(file.path, f"/in/{file.path.name}")


def _task(files: Sequence[SourceFile], wish: Wish) -> Task:
    named_files = [{"path": file.path.name, "name": file.name} for file in files]
    return Task(
        module="lockgate.monitor.jail.replay",
        given={
            "reference": named_files[0],
            "replay": named_files[1],
            "wish": msgspec.to_builtins(wish),
            "seeds": [_seed(file.digest) for file in files],
        },
        gives=(INPUTS, REPLAY),
        findings=FINDINGS,
        died="LG978",
        work="comparing the files",
        next="give files with fewer rows or columns",
    )


def _seed(digest: Digest) -> int:
    """Ties are broken by chance, and alike whenever the files are."""
    return int(digest.removeprefix("sha256:")[:_SEED_DIGITS], 16)
