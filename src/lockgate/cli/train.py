"""`lockgate train`: one stage, or a recorded run once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option
from lockgate.cli.story import Story
from lockgate.errors import EXIT_OK, EXIT_REFUSED, Usage

if TYPE_CHECKING:
    from lockgate.train.reproduce import Reproduction

_TOLERANCE = 0.005
_SAID = {
    "bytes": ("ok", "REPRODUCED  the same bytes"),
    "metrics": ("warn", "REPRODUCED  other bytes, the metrics within the tolerance"),
    "no": ("bad", "NOT REPRODUCED"),
}


@click.command("train", short_help="Train in the jail and judge on rows that training never saw.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@click.option("--reproduce", "ref", metavar="REF", help="Run the recorded run of this model again, and compare.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),  # NaN passes it, and is refused by what compares
    help=f"With --reproduce: how far a judged metric may be off when the bytes differ.  [default: {_TOLERANCE}]",
)
@model_option
@project_option
@json_option
def command(
    environment: str, ref: str | None, tolerance: float | None, model: str, directory: str, as_json: bool
) -> int:
    """Train in the jail on the accepted rows, convert to ONNX, and judge in a second jail on rows that training
    never saw. Ends with a candidate; registers nothing.

    With --reproduce, the run of a model (or of a train statement, by its digest) is done again from what it recorded;
    the judge signs whether the same came out. Nothing else changes. Exit status 1: it did not.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    if ref is None:
        if tolerance is not None:
            raise Usage("LG940", "--tolerance goes with --reproduce", next="lockgate train --reproduce latest")
        done = project.one(model).run_stage("train", environment=environment, observer=Story(talk))
        talk.data(done.digest)
        talk.result("train", done.as_json())
        talk.next(done.next)
        return EXIT_OK

    from lockgate.project.runs import reproduce

    found = reproduce(
        project.one(model) if model else project,
        ref,
        environment=environment,
        tolerance=_TOLERANCE if tolerance is None else tolerance,
        observer=Story(talk),
    )
    _tell(talk, found)
    return EXIT_OK if found.ok else EXIT_REFUSED


def _tell(talk: Talk, found: Reproduction) -> None:
    mark, words = _SAID[found.outcome.reproduced]
    finding = found.as_json()["finding"]
    talk.line(mark, "reproduce", words if finding is None else f"{finding}  {words}")
    if found.outcome.differs:
        talk.say(f"    other bytes: {', '.join(found.outcome.differs)}")
    for name, metric in found.outcome.metrics.items():
        beyond = "" if metric["within"] else f"   beyond the tolerance of {found.tolerance:g}"
        talk.say(f"    {name:<16} recorded {_number(metric['recorded'])}   now {_number(metric['again'])}{beyond}")
    for name, change in found.changed.items():
        talk.say(f"    changed since: {name}: {_short(change['recorded'])} -> {_short(change['now'])}")
    talk.data(found.evidence.digest)
    talk.result("reproduce", found.as_json())
    talk.next(f"lockgate log show {found.evidence.index}" if found.ok else f"lockgate explain {finding}")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else text[:97] + "..."
