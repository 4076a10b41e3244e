"""`lockgate clients add|list|revoke`: API keys."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option, table


@click.group("clients", short_help="API keys: add, list, revoke.")
def command() -> None:
    """Who may ask the gateway. A key is shown once and stored only as a keyed hash."""


@command.command("add")
@click.argument("name")
@click.option("--kind", default="external", show_default=True, type=click.Choice(["external", "internal"]))
@project_option
@json_option
def add(name: str, kind: str, directory: str, as_json: bool) -> None:
    """Make an API key for NAME. It is printed once."""
    from lockgate.project import Project

    talk = Talk(as_json)
    key = Project.open(directory).add_client(name, kind=kind)
    talk.data(key)
    talk.result("client", {"name": name, "kind": kind, "key": key})
    talk.say("This key is shown once. A running gateway knows it within a second or two.")
    talk.next(
        "curl -s http://127.0.0.1:8080/predict -H 'Authorization: Bearer KEY' "
        "-H 'Content-Type: application/json' -d @sample.json"
    )


@command.command("list")
@project_option
@json_option
def listing(directory: str, as_json: bool) -> None:
    """List the clients; never a key."""
    from lockgate.project import Project

    talk = Talk(as_json)
    clients = Project.open(directory).clients()
    rows = [(c.name, c.kind, c.created, "revoked" if c.revoked else "active") for c in clients]
    if rows:
        talk.data(table([("client", "kind", "created", "state"), *rows], indent=0))
    talk.result(
        "clients",
        {"clients": [{"name": c.name, "kind": c.kind, "created": c.created, "revoked": c.revoked} for c in clients]},
    )
    talk.next("lockgate clients add NAME")


@command.command("revoke")
@click.argument("name")
@project_option
@json_option
def revoke(name: str, directory: str, as_json: bool) -> None:
    """Take NAME's key back. A running gateway refuses it within a second or two."""
    from lockgate.project import Project

    talk = Talk(as_json)
    Project.open(directory).revoke_client(name)
    talk.data(f"{name} is revoked")
    talk.result("client", {"name": name, "revoked": True})
    talk.next("lockgate clients list")
