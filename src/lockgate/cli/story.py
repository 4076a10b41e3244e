"""What a run tells a person while it goes: one line per stage, findings with their ids, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.cli.render import Talk
from lockgate.core.digest import short
from lockgate.core.screen import FINDINGS as SCREEN
from lockgate.core.verdict_lines import few_alike, verdict_lines

if TYPE_CHECKING:
    from lockgate.pipeline import RunResult, StageDone
    from lockgate.project import Project


class Story:
    """An observer of the pipeline; a library user never sees it."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk

    def header(self, project: Project, environment: str) -> None:
        """Name, policy, who signs, which jail."""
        talk = self.talk
        facts = project.facts(environment)
        talk.say(" · ".join(facts))

    def say(self, text: str) -> None:
        """A line of talk from a stage or from the jail."""
        self.talk.say(f"  {text}")

    def begins(self, stage: str) -> None:
        """A stage begins; only a terminal wants to know."""

    def done(self, stage: StageDone) -> None:
        """A stage's line, then what it has to say."""
        from lockgate.pipeline.changes import UNSURPRISING

        cached = "   cached: nothing changed" if stage.cached else ""
        digest = f"   {short(stage.digest)}" if stage.digest else ""
        self.talk.line("ok", stage.name, f"{stage.summary}{digest}{cached}", None if stage.cached else stage.seconds)
        if told := [one for one in stage.because if one not in UNSURPRISING]:
            self.talk.say(f"    done again: {'; '.join(told)}")
        for line in stage.details:
            self.talk.say(f"    {line}")
        for reason, message in few_alike(stage.reasons):
            name = "screen" if reason.finding in SCREEN.values() else ""
            self.talk.line("warn", name, f"{message}   lockgate explain {reason.finding}")
        for following in dict.fromkeys(one.next for one in stage.reasons if one.finding in SCREEN.values()):
            self.talk.say(f"    {following}   # look at those rows, say which are good and which are bad")

    def verdicts(self, result: RunResult) -> None:
        """What each environment's policy says of the model, and what is missing for the stricter one."""
        for line in verdict_lines(result.verdicts):
            self.talk.say(line)


def candidate_table(result: RunResult) -> list[str]:
    """The candidate's metrics beside the live model's, with intervals."""
    lines = []
    beside = result.live_metrics or {}
    width = max((len(name) for name in result.metrics), default=0)
    if result.metrics:
        lines.append(
            f"    {'':<{width}}   {'this model':<24} {'live (' + result.live + ')' if result.live else ''}".rstrip()
        )
    for name, metric in result.metrics.items():
        other = _interval(beside[name]) if name in beside else ""
        lines.append(f"    {name:<{width}}   {_interval(metric):<24} {other}".rstrip())
    return lines


def _interval(metric: Any) -> str:
    if metric.get("low") is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
