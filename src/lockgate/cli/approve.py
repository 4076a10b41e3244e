"""`lockgate approve`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("approve", short_help="Approve a model for an environment, as a person.")
@click.argument("ref")
@click.option("--env", "environment", default="prod", show_default=True, help="For which environment.")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@project_option
@json_option
def command(ref: str, environment: str, reason: str, directory: str, as_json: bool) -> None:
    """Sign, with your approver key, that REF may go live in an environment. Thresholds count persons."""
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).approve(ref, environment=environment, reason=reason)
    talk.data(f"{done.ref} approved for {environment} by {done.person}   log entry {done.index}")
    talk.result("approve", done.as_json())
    talk.next(f"lockgate deploy {done.ref} --env {environment}")
