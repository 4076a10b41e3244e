"""`lockgate rollback`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option


@click.command("rollback", short_help="Go back: a stage to an earlier statement, an environment to an earlier model.")
@click.argument("what", metavar="STAGE|ENV")
@click.option("--to", "target", default="", help="For a stage: a statement's digest, log index or prefix. Else: a REF.")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@model_option
@project_option
@json_option
def command(what: str, target: str, reason: str, model: str, directory: str, as_json: bool) -> None:
    """Make an earlier verified statement of a stage its head again, or an earlier model live again.

    STAGE is ingest, validate, train, judge or register: what followed from the later statement turns stale, and
    the next `lockgate run` goes on from the earlier one. ENV is an environment: its previous model, or the one
    that --to names, becomes live again. Without --to: one step back; where a model is on the ladder of ENV, it is taken
    off, and what is live stays live. --model: the stage of which of several models.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    done = (project.one(model) if model else project).rollback(what, to=target, reason=reason)
    talk.data(done.sentence)
    for stale in done.stale:
        talk.line("warn", stale.stage, stale.message)
    talk.result("rollback", done.as_json())
    talk.next("lockgate status" if what in done.environments else "lockgate run")
