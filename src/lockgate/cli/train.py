"""`lockgate train`: one stage."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.cli.story import Story


@click.command("train", short_help="Train in the jail and judge on rows that training never saw.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@project_option
@json_option
def command(environment: str, directory: str, as_json: bool) -> None:
    """Train in the jail on the accepted rows, convert to ONNX, and judge in a second jail on rows that training
    never saw. Ends with a candidate; registers nothing.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).run_stage("train", environment=environment, observer=Story(talk))
    talk.data(done.digest)
    talk.result("train", done.as_json())
    talk.next(done.next)
