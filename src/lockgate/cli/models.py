"""`lockgate models`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.core.digest import short


@click.command("models", short_help="List what is registered.")
@project_option
@json_option
def command(directory: str, as_json: bool) -> None:
    """List the registered models, oldest first, with where each is live or on the ladder; then the imports."""
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    models, imports = project.models(), project.imports()
    rows = [(m.ref, short(m.manifest), m.registered, m.stands) for m in models]
    if rows:
        talk.data(table([("model", "manifest", "registered", "live in"), *rows], indent=0))
    brought = [
        (i.ref, short(i.manifest), i.imported, i.signer[:12] or "nobody", i.person + (", REVOKED" if i.revoked else ""))
        for i in imports
    ]
    if brought:
        head = ("import", "manifest", "imported", "signed by", "vouched for by")
        if rows:
            talk.data("")
        talk.data(table([head, *brought], indent=0))
    talk.result("models", {"models": [m.as_json() for m in models], "imports": [i.as_json() for i in imports]})
    talk.next(f"lockgate show {models[-1].ref}" if models else "lockgate run")
