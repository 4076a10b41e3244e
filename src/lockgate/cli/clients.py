"""`lockgate clients add|declare|list|rotate|revoke`: who may ask, by API key, token or certificate.

What they are suspected of is in `clients_suspected`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.clients_suspected import clear, review, why
from lockgate.cli.render import Talk, json_option, project_option, table

if TYPE_CHECKING:
    from lockgate.serve.spec import Client


@click.group("clients", short_help="API keys: add, list, rotate, revoke; who is suspected.")
def command() -> None:
    """Who may ask the gateway. A key is shown once and stored only as a keyed hash."""


command.add_command(why)
command.add_command(review)
command.add_command(clear)


@command.command("add")
@click.argument("name")
@click.option("--kind", default="external", show_default=True, type=click.Choice(["external", "internal"]))
@click.option("--model", "models", multiple=True, metavar="NAME", help="May ask this model only; repeatable.")
@click.option("--environment", "environments", multiple=True, metavar="NAME", help="May ask here only; repeatable.")
@click.option("--action", "actions", multiple=True, metavar="ACTION", help="predict, describe, label, metrics.")
@click.option("--rate", default="", metavar="ROWS/s", help='Rows per time, such as "100/s".')
@click.option("--burst", type=click.IntRange(1), help="Rows at once before the rate holds.")
@click.option("--budget", type=click.IntRange(1), help="Rows a day (UTC).")
@click.option("--in-flight", type=click.IntRange(1), help="Requests at once.")
@click.option("--expires", default="", metavar="WHEN", help="90d, 12h, or the last day: 2027-01-31.")
@click.option("--subject", default="", help="Comes in by a token with this `sub`; makes no key.")
@click.option("--certificate", default="", metavar="NAME", help="spiffe://..., a DNS name or CN=...; makes no key.")
@click.option("--organisation", default="", metavar="ORG", help="To whom it belongs: such are watched together.")
@click.option("--edits", is_flag=True, help="It asks what-if questions: one field changed at a time.")
@project_option
@json_option
def add(name: str, directory: str, as_json: bool, **options: Any) -> None:
    """Let NAME in. Its API key is printed once."""
    from lockgate.project import Project

    talk = Talk(as_json)
    new = Project.open(directory).new_client(name, **options)
    client = new.client
    if new.key:
        talk.data(new.key)
    else:
        talk.data(f"{name} comes in by {'the subject' if client.subject else 'the certificate'} {_way_in(client)}")
    talk.result("client", {"name": name, "kind": client.kind, "key": new.key or None, "expires": client.expires})
    talk.say("This key is shown once." if new.key else "It has no key.")
    talk.say("A running gateway knows it within a second or two.")
    talk.next(
        "curl -s http://127.0.0.1:8080/predict -H 'Authorization: Bearer KEY' "
        "-H 'Content-Type: application/json' -d @sample.json"
    )


@command.command("declare")
@click.argument("name")
@click.option("--organisation", metavar="ORG", help='To whom it belongs: such are watched together. "": to nobody.')
@click.option("--edits/--no-edits", default=None, help="It asks what-if questions: one field changed at a time.")
@project_option
@json_option
def declare(name: str, organisation: str | None, edits: bool | None, directory: str, as_json: bool) -> None:
    """Say of NAME what gateways cannot know, when they look for attacks. Its key and limits stay."""
    from lockgate.project import Project

    talk = Talk(as_json)
    client = Project.open(directory).declare_client(name, organisation=organisation, edits=edits)
    asks = "asks what-if questions" if client.edits else "asks no what-if questions"
    talk.data(f"{name} belongs to {client.organisation or 'no organisation'}, and {asks}")
    talk.result("client", {"name": name, "organisation": client.organisation or None, "edits": client.edits})
    talk.next("lockgate clients list")


@command.command("list")
@project_option
@json_option
def listing(directory: str, as_json: bool) -> None:
    """List the clients; never a key."""
    from lockgate.project import Project
    from lockgate.project.admitting import days_left

    talk = Talk(as_json)
    project = Project.open(directory)
    clients, now = project.clients(), project.now()
    heads = ("client", "kind", "organisation", "comes in by", "may", "on", "rows/s", "rows/day", "created", "state")
    rows = [_row(client, days_left(client, now), now) for client in clients]
    if rows:
        talk.data(table([heads, *rows], indent=0))
    talk.result("clients", {"clients": [_as_json(client, days_left(client, now)) for client in clients]})
    talk.next("lockgate clients add NAME")


@command.command("rotate")
@click.argument("name")
@click.option("--overlap", default="1h", show_default=True, metavar="TIME", help="How long the old key counts; 0: not.")
@click.option("--expires", default="", metavar="WHEN", help="When the new key ends, if not when the old one did.")
@project_option
@json_option
def rotate(name: str, overlap: str, expires: str, directory: str, as_json: bool) -> None:
    """Make another key for NAME. It is printed once; the old one counts a while longer."""
    from lockgate.project import Project

    talk = Talk(as_json)
    new = Project.open(directory).rotate_client(name, overlap=overlap, expires=expires)
    until = new.client.previous_until
    talk.data(new.key)
    talk.result("client", {"name": name, "key": new.key, "expires": new.client.expires, "previous_until": until})
    talk.say("This key is shown once. " + (f"The old one counts until {until}." if until else "The old one is over."))
    talk.next("lockgate clients list")


@command.command("revoke")
@click.argument("name")
@project_option
@json_option
def revoke(name: str, directory: str, as_json: bool) -> None:
    """Let NAME in no more. A running gateway refuses it within a second or two."""
    from lockgate.project import Project

    talk = Talk(as_json)
    Project.open(directory).revoke_client(name)
    talk.data(f"{name} is revoked")
    talk.result("client", {"name": name, "revoked": True})
    talk.next("lockgate clients list")


def _way_in(client: Client) -> str:
    return client.subject or client.certificate or "key"


def _row(client: Client, days: int | None, now: datetime) -> tuple[str, ...]:
    on = ",".join(client.models) + "@" + ",".join(client.environments)
    budget = "-" if client.budget is None else f"{client.budget:,}"
    state = _state(client, days, now)
    may = ",".join(client.actions)
    kind = f"{client.kind}, edits" if client.edits else client.kind
    who = (client.name, kind, client.organisation or "-", _way_in(client))
    return (*who, may, on, f"{client.rate:g}", budget, client.created, state)


def _state(client: Client, days: int | None, now: datetime) -> str:
    if client.revoked:
        return "revoked"
    if client.expires is not None and datetime.fromisoformat(client.expires) <= now:
        return "expired"
    return "active" if days is None else f"active, {days} days left"


def _as_json(client: Client, days: int | None) -> dict[str, Any]:
    """Everything but digests."""
    return {
        "name": client.name,
        "kind": client.kind,
        "created": client.created,
        "revoked": client.revoked,
        "expires": client.expires,
        "days_left": days,
        "models": list(client.models),
        "environments": list(client.environments),
        "actions": list(client.actions),
        "rate": client.rate,
        "burst": client.burst,
        "budget": client.budget,
        "in_flight": client.in_flight,
        "subject": client.subject or None,
        "certificate": client.certificate or None,
        "previous_until": client.previous_until,
        "organisation": client.organisation or None,
        "edits": client.edits,
        "cleared": client.cleared,
        "cleared_by": client.cleared_by or None,
        "cleared_why": client.cleared_why or None,
    }
