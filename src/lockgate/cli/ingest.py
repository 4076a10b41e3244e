"""`lockgate ingest`: one stage."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option
from lockgate.cli.story import Story


@click.command("ingest", short_help="Take the data in: a write-once snapshot with a signed origin.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@model_option
@project_option
@json_option
def command(environment: str, model: str, directory: str, as_json: bool) -> None:
    """Read the data of `[data] sources` in a jail: a write-once snapshot, a manifest with the digest, rows and
    origin of each file, and a signed statement.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).one(model).run_stage("ingest", environment=environment, observer=Story(talk))
    talk.data(done.digest)
    talk.result("ingest", done.as_json())
    talk.next(done.next)
