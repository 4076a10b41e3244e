"""`lockgate deploy`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option, outbox_option, project_option
from lockgate.cli.story import Story


@click.command("deploy", short_help="Make a model live in an environment, if its policy agrees.")
@click.argument("ref")
@click.option("--env", "environment", default="dev", show_default=True, help="Where it becomes live.")
@click.option("--to", "rung", default="live", show_default=True, type=click.Choice(["live"]), help="The rung.")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@click.option(
    "--raise-floor",
    "floor",
    is_flag=False,
    flag_value=0,
    type=click.IntRange(0),
    metavar="[VERSION]",
    help="No version below this one goes live there any more, nor by a rollback. Alone: none below REF's.",
)
@outbox_option
@project_option
@json_option
def command(
    ref: str,
    environment: str,
    rung: str,
    reason: str,
    floor: int | None,
    to_file: str,
    directory: str,
    as_json: bool,
) -> None:
    """Check everything REF rests on, ask the environment's policy, and sign a deployment statement.

    A running `lockgate serve` follows within 5 seconds. REF is name, name@version, name@sha256:...,
    a unique digest prefix, or latest.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    done = project.deploy(
        ref,
        environment=environment,
        rung=rung,
        reason=reason,
        raise_floor=False if floor is None else floor or True,
        observer=Story(talk),
        to_file=Path(to_file) if to_file else None,
    )
    detached = bool(to_file) and not done.cached
    said = (
        f"{done.ref} is to be live in {environment}   {to_file}" if detached else f"{done.ref} is live in {environment}"
    )
    talk.data(said if detached else f"{said}   log entry {done.index}")
    if done.floor > 1:
        talk.data(f"  floor: no version below {done.floor}")
    talk.result("deploy", done.as_json())
    if detached:
        talk.detached(to_file)
        return
    talk.next(f"lockgate serve --env {environment}", f"lockgate verify {done.ref}")
