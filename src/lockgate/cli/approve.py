"""`lockgate approve`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, outbox_option, project_option


@click.command("approve", short_help="Approve a model for an environment, as a person.")
@click.argument("ref", shell_complete=refs)
@click.option("--env", "environment", default="prod", show_default=True, help="For which environment.")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@click.option("--dry-run", is_flag=True, help="Show what would be approved; sign nothing.")
@outbox_option
@project_option
@json_option
def command(
    ref: str, environment: str, reason: str, dry_run: bool, to_file: str, directory: str, as_json: bool
) -> None:
    """Sign, with your approver key, that REF may go live in an environment. Thresholds count persons.

    First shown: the model and its digest, what the environment's policy says of it, what is waived, and how many
    approvals are missing.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    outbox = Path(to_file) if to_file else None
    if dry_run:
        lines = project.asked(ref, environment=environment)
        for line in lines:
            talk.data(line)
        talk.result("approve", {"dry_run": True, "lines": list(lines)})
        talk.next(f"lockgate approve {ref} --env {environment}")
        return
    done = project.approve(ref, environment=environment, reason=reason, show=talk.say, to_file=outbox)
    if done.cached:
        talk.data(f"{done.ref} was approved for {environment} by {done.person} already   log entry {done.index}")
    else:
        where = to_file or f"log entry {done.index}"
        talk.data(f"{done.ref} approved for {environment} by {done.person}   {where}")
    talk.result("approve", done.as_json())
    if to_file and not done.cached:
        talk.detached(to_file)
    elif done.missing:
        talk.say(f"{done.missing} more needed, by other persons")
        talk.next(f"lockgate approve {done.ref} --env {environment}   # by somebody else")
    else:
        talk.next(done.following)
