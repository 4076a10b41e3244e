"""`lockgate revoke`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("revoke", short_help="Take a model out of service for good.")
@click.argument("ref")
@click.option("--reason", required=True, help="Why; kept in the signed statement.")
@project_option
@json_option
def command(ref: str, reason: str, directory: str, as_json: bool) -> None:
    """Sign that REF must not be used any more. A running gateway stops answering from it within seconds."""
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).revoke(ref, reason=reason)
    talk.data(f"{done.ref} is revoked   log entry {done.index}")
    talk.result("revoke", done.as_json())
    talk.next("lockgate status")
