"""`lockgate diff`."""

from __future__ import annotations

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, project_option


@click.command("diff", short_help="What became another between two models: data, code, packages, metrics, policy.")
@click.argument("one", default="", shell_complete=refs)
@click.argument("other", default="latest", shell_complete=refs)
@click.option("--env", "environment", default="dev", show_default=True, help="Where `live` is looked up.")
@project_option
@json_option
def command(one: str, other: str, environment: str, directory: str, as_json: bool) -> None:
    """Compare two models: their data, code, packages, settings, metrics and policy, by what is signed of each.

    Without names: what is live against the newest one. With one name: that model against the newest.
    """
    from lockgate.core.shown_html import Next, as_text
    from lockgate.project import Project

    talk = Talk(as_json)
    found = Project.open(directory).diff(one, other, environment=environment)
    talk.data(as_text(part for part in found.view() if not isinstance(part, Next)))
    talk.result("diff", found.as_json())
    talk.next(*found.following)
