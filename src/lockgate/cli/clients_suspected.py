"""`lockgate clients why|review|clear`: what a gateway suspects a client of, and an operator's word on it."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option, table


@click.command("why")
@click.argument("name")
@project_option
@json_option
def why(name: str, directory: str, as_json: bool) -> None:
    """Say what NAME is suspected of: which rows, counted, what was done, what else it can be, and what helps.

    NAME is a client, or the pseudonym that records have for it. Read from the verified log of predictions; what is not
    sealed yet is said to be pending. No record holds a row or a value.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    found = Project.open(directory).client_suspected(name)
    talk.data(found.text())
    talk.result("client-why", found.as_json())
    talk.next(*found.following)


@click.command("review")
@project_option
@json_option
def review(directory: str, as_json: bool) -> None:
    """List who is suspected now, worst first: what nobody cleared, and no gateway took back."""
    from lockgate.project import Project
    from lockgate.project.suspected_views import HEAD

    talk = Talk(as_json)
    found = Project.open(directory).clients_suspected()
    talk.data(found.text())
    if found.suspects:
        talk.data(table([HEAD, *(one.cells() for one in found.suspects)], indent=2))
    talk.result("client-review", found.as_json())
    talk.next(f"lockgate clients why {found.suspects[0].name}" if found.suspects else "lockgate clients list")


@click.command("clear")
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why it is no attack; kept with the client.")
@project_option
@json_option
def clear(name: str, reason: str, directory: str, as_json: bool) -> None:
    """Say that NAME is not what it was suspected of. A running gateway begins anew with it within a second or two.

    What stands against its organisation is cleared too. A client that goes on is suspected again.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).clear_client(name, reason=reason)
    talk.data(done.text())
    talk.result("client-cleared", done.as_json())
    talk.next("lockgate clients review")
