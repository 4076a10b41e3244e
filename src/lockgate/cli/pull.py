"""`lockgate pull`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.carried import Bar, folder_of, is_remote, need_root, project_of
from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.core.digest import short
from lockgate.errors import Usage

if TYPE_CHECKING:
    from lockgate.project.carry.pulling import Pulled
    from lockgate.project.carry.remote import Progress


@click.command("pull", short_help="Fetch a model with its evidence, or as a plain folder.")
@click.argument("source", metavar="REF|REMOTE", shell_complete=refs)
@click.argument("folder", required=False, default=None, metavar="[DIR]", type=click.Path(file_okay=False))
@click.option("--root", default="", metavar="FP", help="The root fingerprint to trust; pinned for a new mirror.")
@click.option("--dir", "mirror", default=None, metavar="MIRROR", type=click.Path(file_okay=False), help="Its folder.")
@click.option("--name", default="", metavar="MODEL", help="Which model, where the repository is called otherwise.")
@project_option
@json_option
def command(
    source: str, folder: str | None, root: str, mirror: str | None, name: str, directory: str, as_json: bool
) -> None:
    r"""Fetch and verify. Nothing gets its final name before all of it has verified under the root.

    \b
    pull REMOTE               in a project of the same root: merges what is missing
    pull REMOTE --root FP     anywhere else: into a mirror, in which verify, show, status, log and serve work
    pull REF DIR              from this project: a plain folder with model.onnx and a predict.py without Lockgate
    pull REMOTE DIR --root FP the same from a registry

    REMOTE is HOST[:PORT]/NAME, with :v7 or @sha256:... for one model. In a project of several models, NAME's end says
    which one, or --name, or the digest; a mirror stays with the model of its first pull. Refused: another root, a log
    that is older than the one last seen or does not extend it, a model that the log does not register, a revoked one.
    """
    talk = Talk(as_json)
    with Bar() as bar:
        done = _pull(source, folder, root, mirror, directory, name, bar)
    where = {"mirror": "mirror", "project": "merged into", "folder": "written to"}[done.kind]
    talk.line("ok", "pull", f"{done.ref} {short(done.manifest)}, verified under a log of {done.entries} entries")
    talk.data(str(done.folder))
    talk.result("pull", done.as_json())
    talk.say(f"    {where} {done.folder}")
    if done.kind == "folder":
        talk.say(
            "    predict.py, columns.py and sample.json, if there, are not signed; model.sig covers every other file"
        )
        records = done.folder / "sample.json"
        talk.next(f"python {done.folder}/predict.py {records if records.is_file() else 'RECORDS.json'}")
    else:
        talk.next(f"lockgate verify {done.ref} -C {done.folder}")


def _pull(
    source: str, folder: str | None, root: str, mirror: str | None, directory: str, name: str, bar: Progress
) -> Pulled:
    from lockgate.project.carry import pulling
    from lockgate.project.folder import now

    project = project_of(directory, root)
    if not is_remote(source):
        if folder is None or project is None:
            raise Usage("LG890", f"{source} is no REMOTE; a REF is pulled from a project into a folder",
                        seen={"source": source}, next=f"lockgate pull {source} DIR")  # fmt: skip
        return project.pull_plain(source, Path(folder))
    if project is not None and folder is None and mirror is None:
        return project.pull(source, name=name, progress=bar)
    asked = pulling.Asked.of(source, need_root(root, project), now, name=name, progress=bar)
    if folder is not None:
        return pulling.pull_to_folder(asked, Path(folder))
    return pulling.pull_to_mirror(asked, folder_of(mirror))
