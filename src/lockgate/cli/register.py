"""`lockgate register`: one stage."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option
from lockgate.cli.story import Story


@click.command("register", short_help="Scan, sign and register the candidate, write-once.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@model_option
@project_option
@json_option
def command(environment: str, model: str, directory: str, as_json: bool) -> None:
    """Scan the candidate, sign it (OpenSSF Model Signing), store it write-once under the next version, and say
    what each environment's policy thinks of it.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).one(model).run_stage("register", environment=environment, observer=Story(talk))
    talk.data(done.digest)
    talk.result("register", done.as_json())
    talk.next(done.next)
