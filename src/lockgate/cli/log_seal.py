"""`lockgate log seal` and `lockgate log appender add|list|remove`: records from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.core.digest import short
from lockgate.core.shown import shown

if TYPE_CHECKING:
    from lockgate.serve.logs import Form


@click.command("seal")
@click.option("--listen", default="", metavar="HOST:PORT", help="For other machines. Default: [log] listen.")
@click.option("--tls-cert", default="", metavar="FILE", help="PEM certificate of this machine.")
@click.option("--tls-key", default="", metavar="FILE", help="Its key, 0600.")
@click.option("--client-ca", default="", metavar="FILE", help="Who vouches for appenders enrolled by fingerprint.")
@click.option(
    "--socket", default="", metavar="PATH", help="For this machine. Default: .lockgate/state/run/append.sock."
)
@click.option("--log", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="How it speaks on stderr: lines, or one JSON object per line.")  # fmt: skip
@project_option
@json_option
def seal(
    listen: str,
    tls_cert: str,
    tls_key: str,
    client_ca: str,
    socket: str,
    form: Form,
    directory: str,
    as_json: bool,
) -> None:
    """Seal the predictions that gateways elsewhere record, until interrupted.

    A user of this machine is known by the kernel, over a socket; another machine by its certificate, over TLS 1.3.
    Who is not enrolled (`lockgate log appender add`) is not heard. Needs the sealer's key, and answers no requests:
    `lockgate serve` does the same beside serving, with [log] listen.
    """
    from lockgate.project import Project
    from lockgate.project.appending import seal_for_others
    from lockgate.serve.logs import sayer

    talk = Talk(as_json)
    here = {"certificate": tls_cert, "key": tls_key, "client_ca": client_ca}
    tls = {name: str(Path.cwd() / path) for name, path in here.items() if path}

    def ready(address: str) -> None:
        talk.data(address)
        talk.result("log-seal", {"address": address})
        if form != "json":
            talk.next(f"lockgate serve HOST/NAME --sealer {address}   # on the other machine")

    project = Project.open(directory)
    at = str(Path.cwd() / socket) if socket else ""
    seal_for_others(project, listen=listen, tls=tls, socket=at, ready=ready, say=sayer(form, talk.say))


@click.group("appender")
def appender() -> None:
    """Who may hand records to the sealer of this project: machines by certificate, users of this machine."""


@appender.command("add")
@click.argument("name")
@click.option("--cert", default="", metavar="FILE", help="The machine's certificate, PEM.")
@click.option("--fingerprint", default="", metavar="SHA256", help="Its SHA-256, where --client-ca vouches for it.")
@click.option("--uid", type=click.IntRange(0, 2**32 - 2), default=None, help="A user of this machine.")
@project_option
@json_option
def add(name: str, cert: str, fingerprint: str, uid: int | None, directory: str, as_json: bool) -> None:
    """Let NAME append. A running sealer knows it within a second or two."""
    from lockgate.project import Project
    from lockgate.project.appending import add_appender

    talk = Talk(as_json)
    made = add_appender(
        Project.open(directory), name, cert=cert, fingerprint=fingerprint, uid=-1 if uid is None else uid
    )
    talk.data(f"{name} may append: {made.fingerprint or f'user {made.uid}'}")
    talk.result("appender", {"name": name, "fingerprint": made.fingerprint, "uid": uid})
    talk.next("lockgate log seal --listen HOST:PORT --tls-cert FILE --tls-key FILE")


@appender.command("list")
@project_option
@json_option
def listed(directory: str, as_json: bool) -> None:
    """Who may append, and how many gateways each began."""
    from lockgate.project import Project
    from lockgate.project.appending import list_appenders

    talk = Talk(as_json)
    found = list_appenders(Project.open(directory))
    rows = [
        (one["name"], short(one["fingerprint"]) if one["fingerprint"] else f"uid {one['uid']}", one["added"],
         str(len(one["gateways"])))
        for one in found
    ]  # fmt: skip
    if rows:
        talk.data(table([("name", "known by", "added", "gateways"), *rows], indent=0))
    else:
        talk.say("nobody: only this user may append, over the socket")
    talk.result("appenders", {"appenders": found})
    talk.next("lockgate log appender add NAME --cert FILE")


@appender.command("remove")
@click.argument("name")
@project_option
@json_option
def remove(name: str, directory: str, as_json: bool) -> None:
    """Let NAME append no more. What it sent stays in the log."""
    from lockgate.project import Project
    from lockgate.project.appending import remove_appender

    talk = Talk(as_json)
    remove_appender(Project.open(directory), name)
    talk.data(f"{shown(name)} may append no more")
    talk.result("appender-removed", {"name": name})
    talk.next("lockgate log appender list")
