"""`lockgate show REF`: one model's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, project_option

if TYPE_CHECKING:
    from lockgate.project import Project


@click.command("show", short_help="One model's page.")
@click.argument("ref", default="latest", shell_complete=refs)
@click.option(
    "--attachments",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Write what training left beside the model (plots, tables) into this new folder. Untrusted files.",
)
@project_option
@json_option
def command(ref: str, folder: Path | None, directory: str, as_json: bool) -> None:
    """Show a registered model: its files, what it was made from, how it was judged, where it is live.

    Of an imported one: who vouched for it, what Lockgate proves about it, and what it does not.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    if folder is not None:
        _attachments(talk, project, ref, folder)
        return
    page = project.show(ref)
    talk.data(page.text())
    talk.result("model", page.as_json())
    talk.next(*page.following)


def _attachments(talk: Talk, project: Project, ref: str, folder: Path) -> None:
    from lockgate.project.runs import attachments

    found = attachments(project, ref, folder)
    for one in found:
        talk.data(str(folder / one.name))
    written = [{"name": one.name, "digest": one.digest, "size": one.size} for one in found]
    talk.result("attachments", {"folder": str(folder), "files": written})
    count = "1 file" if len(found) == 1 else f"{len(found)} files"
    talk.say(f"{count} that training code wrote: untrusted, whatever the names say")
