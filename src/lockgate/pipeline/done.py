"""What a stage has to say when it is done, and who wants to know. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest
from lockgate.core.shown_html import Part, Shown
from lockgate.core.verdict import Reason, Verdict


@dataclass(frozen=True, repr=False)
class StageDone(Shown):
    """What a stage has to say when it is done.

    Attributes:
        digest: of what it made.
        because: what changed since its newest statement, where it was done; nothing where it is cached.
    """

    name: str
    summary: str
    digest: Digest
    evidence: tuple[Evidence, ...]
    cached: bool = False
    because: tuple[str, ...] = ()
    seconds: float = 0.0
    details: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    next: str = "lockgate run"
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The stage as `--json` prints it."""
        return {
            "stage": self.name,
            "summary": self.summary,
            "digest": self.digest,
            "statements": [{"index": e.index, "digest": e.digest, "claim": e.claim} for e in self.evidence],
            "cached": self.cached,
            "because": list(self.because),
            "seconds": round(self.seconds, 3),
            "findings": [reason.as_json() for reason in self.reasons],
            **self.facts,
        }

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        from lockgate.pipeline.views import stage_view

        return stage_view(self)


class Observer(Protocol):
    """Who wants to know how it goes: the command line, a notebook, nobody."""

    def say(self, text: str) -> None:
        """A line of talk."""

    def begins(self, stage: str) -> None:
        """A stage begins."""

    def done(self, stage: StageDone) -> None:
        """A stage is done."""


class Nobody:
    """An observer that does not listen."""

    def say(self, text: str) -> None:
        """Nothing."""

    def begins(self, stage: str) -> None:
        """Nothing."""

    def done(self, stage: StageDone) -> None:
        """Nothing."""
