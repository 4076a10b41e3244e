"""`lockgate export mlbom|modelcard`: the papers of a registered model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.core.shown import block
from lockgate.errors import Refused

if TYPE_CHECKING:
    from lockgate.project.papers import Paper

out_option = click.option("--out", default="-", metavar="FILE", show_default=True, help="A new file; - is stdout.")


@click.command("mlbom")
@click.argument("ref", default="latest", shell_complete=refs)
@out_option
@project_option
@json_option
def mlbom(ref: str, out: str, directory: str, as_json: bool) -> None:
    """Write a model's bill of materials: CycloneDX 1.6 with its data, code, wheels, licences, metrics and hashes.

    It is the signed bom.cdx.json of the model, with the version and the manifest that it was registered under.
    """
    from lockgate.project import Project

    _write("export-mlbom", Project.open(directory).bill(ref), out, Talk(as_json))


@click.command("modelcard")
@click.argument("ref", default="latest", shell_complete=refs)
@out_option
@project_option
@json_option
def modelcard(ref: str, out: str, directory: str, as_json: bool) -> None:
    """Write a model's card: what signed statements prove, and apart from it what its makers say of it.

    It is the signed README.md of the model, with metadata as Hugging Face reads it. What a person says comes from
    `[project] description`, `licence` and the file that `card` names.
    """
    from lockgate.project import Project

    _write("export-modelcard", Project.open(directory).card(ref), out, Talk(as_json))


def _write(what: str, paper: Paper, out: str, talk: Talk) -> None:
    from lockgate.store.files import atomic_write

    text = paper.content.decode()
    if out == "-":
        talk.data(block(text.removesuffix("\n").split("\n")))
    elif Path(out).exists():
        raise Refused("LG952", f"{out} is there already", seen={"file": out}, next="name a new file")
    else:
        atomic_write(Path(out), paper.content, 0o644)
        talk.data(out)
    talk.result(what, {"ref": paper.ref, "name": paper.name, "signed": paper.signed, "content": text})
    talk.next(f"lockgate verify {paper.ref}")
