"""`lockgate import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option

if TYPE_CHECKING:
    from lockgate.register.imports.spec import Offer


@click.command("import", short_help="Take in a model that was made elsewhere, by digest and signer.")
@click.argument("path", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--name", required=True, help="Its name here; no registered model's.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    default=None,
    metavar="PUB.pem",
    help="The signer's public key: model.sig in PATH must be its signature over all files.",
)
@click.option("--digest", default="", metavar="SHA256", help="The digest that its maker told you: sha256:...")
@project_option
@json_option
def command(path: Path, name: str, key: Path | None, digest: str, directory: str, as_json: bool) -> None:
    """Take the model in PATH into the registry: a Hugging Face or MLflow folder, or any other.

    Weights come in as safetensors or ONNX, everything else as text; code and pickles do not. The first import of a
    name, another digest or another signer needs your word: yes on the terminal, or --digest. After that the same
    files come in without a question.
    """
    from lockgate.project import Project

    talk = Talk(as_json)

    def confirm(offer: Offer) -> bool:
        for line in offer.lines():
            talk.say(line)
        return click.confirm("Did its maker tell you this digest, another way? Import", default=False, err=True)

    # A pipe answers nothing: what it holds was not written by somebody who saw the digest.
    asks = confirm if sys.stdin.isatty() and sys.stderr.isatty() else None
    done = Project.open(directory).import_model(path, name=name, key=key, digest=digest, confirm=asks)
    line = done.line
    if done.cached:
        talk.data(f"{line.ref} is this very model already   log entry {done.index}")
    else:
        talk.data(f"{line.ref} imported ({line.kind}, {len(line.files)} files)   log entry {done.index}")
    talk.data(f"  {line.manifest}   signed by {line.signer or 'nobody'}")
    talk.result("import", done.as_json())
    talk.next(f"lockgate verify {line.ref}", f'[[input]] in lockgate.toml, source = "import:{line.ref}/FILE"')
