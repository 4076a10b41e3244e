"""`lockgate models`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.core.digest import short


@click.command("models", short_help="List what is registered.")
@project_option
@json_option
def command(directory: str, as_json: bool) -> None:
    """List the registered models, oldest first, with the environments in which each is live."""
    from lockgate.project import Project

    talk = Talk(as_json)
    models = Project.open(directory).models()
    rows = [
        (m.ref, short(m.manifest), m.registered, ", ".join(m.live_in) or ("revoked" if m.revoked else "-"))
        for m in models
    ]
    if rows:
        talk.data(table([("model", "manifest", "registered", "live in"), *rows], indent=0))
    talk.result("models", {"models": [m.as_json() for m in models]})
    talk.next(f"lockgate show {models[-1].ref}" if models else "lockgate run")
