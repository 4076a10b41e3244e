"""`lockgate show REF`: one model's page."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("show", short_help="One model's page.")
@click.argument("ref", default="latest")
@project_option
@json_option
def command(ref: str, directory: str, as_json: bool) -> None:
    """Show a registered model: its files, what it was made from, how it was judged, where it is live."""
    from lockgate.project import Project

    talk = Talk(as_json)
    page = Project.open(directory).show(ref)
    talk.data(page.text())
    talk.result("model", page.as_json())
    talk.next(f"lockgate verify {page.ref}", f"lockgate deploy {page.ref} --env dev")
