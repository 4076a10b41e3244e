"""`lockgate deploy`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.cli.story import Story


@click.command("deploy", short_help="Make a model live in an environment, if its policy agrees.")
@click.argument("ref")
@click.option("--env", "environment", default="dev", show_default=True, help="Where it becomes live.")
@click.option("--to", "rung", default="live", show_default=True, type=click.Choice(["live"]), help="The rung.")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@project_option
@json_option
def command(ref: str, environment: str, rung: str, reason: str, directory: str, as_json: bool) -> None:
    """Check everything REF rests on, ask the environment's policy, and sign a deployment statement.

    A running `lockgate serve` follows within a second or two. REF is name, name@version, name@sha256:...,
    a unique digest prefix, or latest.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    done = project.deploy(ref, environment=environment, rung=rung, reason=reason, observer=Story(talk))
    talk.data(f"{done.ref} is live in {environment}   log entry {done.index}")
    talk.result("deploy", done.as_json())
    talk.next(f"lockgate serve --env {environment}", f"lockgate verify {done.ref}")
