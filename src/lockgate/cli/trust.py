"""`lockgate trust show|pin|unpin`, and what `trust_roles` and `trust_keys` bring."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.cli.trust_keys import protect, use
from lockgate.cli.trust_roles import COMMANDS
from lockgate.core.shown import block


@click.group("trust", short_help="The root, the roles, who holds which key.")
def command() -> None:
    """What you trust: one root fingerprint, and through it the roles file."""


for each in (*COMMANDS, protect, use):
    command.add_command(each)


@command.command("show")
@click.option("--history", is_flag=True, help="Every version of the roles file, and what it changed.")
@click.option("--root", default="", metavar="FP", help="Read under this root, instead of the pinned one.")
@project_option
@json_option
def show(history: bool, root: str, directory: str, as_json: bool) -> None:
    """Show the root, each role's keys and holders, and how far they are separate persons."""
    from lockgate.project import Project

    talk = Talk(as_json)
    trusted = Project.open(directory).trust(root=root)
    talk.data(f"root        sha256:{trusted.project_id}   {'pinned' if trusted.pinned else 'NOT pinned'}")
    talk.data(f"roles file  version {trusted.version}, expires {trusted.expires or 'never'}")
    talk.data(table(trusted.rows(), indent=0))
    for role, persons in trusted.thresholds.items():
        talk.data(f"threshold: {persons} different persons sign as {role}")
    talk.data(f"separation: {trusted.separation}")
    if history:
        for one in trusted.history:
            by = ", ".join(one.signed_by)
            talk.data(f"version {one.version}   log entry {one.index}   {one.time}   signed by {by}")
            talk.data(block(f"    {line}" for line in one.changes))
    talk.result("trust", trusted.as_json())
    talk.next("lockgate verify --all" if trusted.pinned else f"lockgate trust pin {trusted.project_id}")


@command.command("pin")
@click.argument("fingerprint")
@project_option
@json_option
def pin(fingerprint: str, directory: str, as_json: bool) -> None:
    """Trust FINGERPRINT as this project's root, from now on, for this user.

    Get the fingerprint from the project's owner by another way than the project itself.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project_id = Project.open(directory).pin(fingerprint)
    talk.data(f"pinned sha256:{project_id}")
    talk.result("pin", {"project_id": project_id, "pinned": True})
    talk.next("lockgate verify --all")


@command.command("unpin")
@click.argument("fingerprint")
@project_option
@json_option
def unpin(fingerprint: str, directory: str, as_json: bool) -> None:
    """Trust FINGERPRINT no longer. Keys stay where they are."""
    from lockgate.project import Project

    talk = Talk(as_json)
    Project.open(directory).unpin(fingerprint)
    talk.data(f"unpinned {fingerprint}")
    talk.result("unpin", {"fingerprint": fingerprint, "pinned": False})
    talk.next("lockgate trust show")
