"""The only file that knows the order of the stages.

Each stage's shell looks up and verifies what it needs by itself; the pipeline only calls them in turn, skips
what has not changed, and tells an observer. It hands nothing from one stage to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from lockgate.audit.workplace import Workplace
from lockgate.config import Config
from lockgate.core.digest import Digest
from lockgate.core.shown_html import Part, Shown
from lockgate.core.verdict import Verdict
from lockgate.pipeline.done import Nobody, Observer, StageDone

__all__ = ["ORDER", "Nobody", "Observer", "RunResult", "StageDone", "run_stages"]

ORDER = ("ingest", "validate", "train", "register")


@dataclass(frozen=True, repr=False)
class RunResult(Shown):
    """What a run made. `metrics` and `live_metrics`: {name: {"value", "low", "high"}}."""

    ref: str
    manifest: Digest
    task: str
    stages: tuple[StageDone, ...]
    metrics: Mapping[str, Any]
    live: str
    live_metrics: Mapping[str, Any] | None
    verdicts: Mapping[str, Verdict]
    seconds: float

    @property
    def cached(self) -> bool:
        """Whether nothing had changed."""
        return all(stage.cached for stage in self.stages)

    def stage(self, name: str) -> StageDone:
        """One stage by name. Raises KeyError."""
        return next(stage for stage in self.stages if stage.name == name)

    def as_json(self) -> dict[str, Any]:
        """The run as `--json` prints it."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "task": self.task,
            "cached": self.cached,
            "stages": [stage.as_json() for stage in self.stages],
            "metrics": dict(self.metrics),
            "live": self.live or None,
            "policy": {
                name: {"result": verdict.result, "reasons": [r.as_json() for r in verdict.reasons]}
                for name, verdict in self.verdicts.items()
            },
            "seconds": round(self.seconds, 3),
        }

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        from lockgate.pipeline.views import run_view

        return run_view(self)


def run_stages(
    workplace: Workplace, config: Config, names: Sequence[str], observer: Observer, *, fresh: bool
) -> tuple[StageDone, ...]:
    """Run the named stages in order. Raises what a stage raises; what was done before stays done."""
    from lockgate.pipeline.stages import STAGES

    done = []
    for name in names:
        observer.begins(name)
        began = monotonic()
        stage = STAGES[name](workplace, config, fresh)
        stage = stage if stage.seconds else _timed(stage, monotonic() - began)
        observer.done(stage)
        done.append(stage)
    return tuple(done)


def _timed(stage: StageDone, seconds: float) -> StageDone:
    return replace(stage, seconds=seconds)
