"""`lockgate jail -- COMMAND...`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, model_option, project_option
from lockgate.errors import Usage


@click.command(
    "jail",
    short_help="Run a command in the very jail that training gets.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--shell", is_flag=True, help="An interactive shell in the jail.")
@model_option
@project_option
@click.argument("command_line", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(shell: bool, model: str, directory: str, command_line: tuple[str, ...]) -> int:
    """Run COMMAND where training would run: no network, no keys, no host files, bounded.

    The project's code is captured anew and is the read-only working directory; `python` is the locked
    environment's. Stdout, stderr and the exit status are passed through; our own words go to stderr.
    """
    from lockgate.project import Project

    talk = Talk()
    if bool(command_line) == shell:
        raise Usage("LG940", "name a command, or --shell", next="lockgate jail -- python -c 'print(1)'")
    return Project.open(directory).one(model).jail(command_line or ("sh", "-i"), say=talk.say)
