"""`lockgate verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.errors import Usage

if TYPE_CHECKING:
    from lockgate.project.reports import EverythingReport, ModelReport, ReceiptReport


@click.command("verify", short_help="Check a model, a receipt, a folder or everything, back to the root you pinned.")
@click.argument("target", required=False, default="", metavar="[PATH|REF|RECEIPT]")
@click.option("--root", default="", metavar="FP", help="Trust this root fingerprint, instead of the pinned one.")
@click.option("--key", type=click.Path(dir_okay=False), default=None, help="For a PATH: the signer's public key (PEM).")
@click.option("--all", "everything", is_flag=True, help="Every file under .lockgate/registry and .lockgate/log.")
@click.option("--materialize", type=click.Path(file_okay=False), default=None, metavar="DIR", help="Write the files.")
@click.option(
    "--input", "record", type=click.Path(dir_okay=False), default=None, help="For a RECEIPT: the record, JSON."
)
@project_option
@json_option
def command(
    target: str,
    root: str,
    key: str | None,
    everything: bool,
    materialize: str | None,
    record: str | None,
    directory: str,
    as_json: bool,
) -> int:
    """Walk the evidence back to the root you pinned, and say what is proved and what is not.

    A REF (or `latest`) is checked whole: statements, keys, log, registry bytes, signature. A RECEIPT proves one
    prediction. A PATH is a directory signed with `lockgate sign`, or a materialized model. Nothing is taken
    from a name, a path or a database. Exit 3: something is not what was signed. Exit 1: the root is not pinned.

    --materialize DIR (new or empty) writes exactly the signed files and model.sig.
    """
    talk = Talk(as_json)
    if sum((bool(target), everything)) != 1:
        raise Usage("LG940", "name what to verify: a REF, a RECEIPT, a PATH, or --all", next="lockgate verify latest")
    if target and "/" not in target and key is None and Path(target).exists():
        # A folder called `latest` must not answer for the model: whoever can write here would choose what is verified.
        raise Usage(
            "LG940",
            f"{target} is a file or folder here, and may be a REF",
            next=f"lockgate verify ./{target}   # the folder; for the model: run it in another folder, with -C",
        )
    if target and ("/" in target or Path(target).exists()):
        return _path(talk, Path(target), key, root, directory)
    from lockgate.project import Project

    project = Project.open(directory)
    report: EverythingReport | ReceiptReport | ModelReport
    if everything:
        report = project.verify_everything(root=root)
    elif target.startswith("lgr1."):
        report = project.verify_receipt(target, root=root, record=Path(record) if record else None)
    else:
        report = project.verify(target, root=root, materialize=Path(materialize) if materialize else None)
    talk.data(report.text())
    talk.result("verify", report.as_json())
    if materialize:
        talk.next(f"model_signing verify key --signature {materialize}/model.sig --public_key KEY {materialize}")
    return 0


def _path(talk: Talk, path: Path, key: str | None, root: str, directory: str) -> int:
    from lockgate.trust.oms_directory import verify_directory

    if path.exists() and not path.is_dir():
        raise Usage(
            "LG940",
            f"{path} is a file; a PATH is the folder of a signed model",
            seen={"path": str(path)},
            next="lockgate verify --help",
        )

    if key is None:
        from lockgate.project import Project

        public = Project.open(directory).public_key("signer", root=root)
        whose = "the project's signer"
    else:
        public, whose = Path(key).read_bytes(), key
    found = verify_directory(path, public)
    talk.data(f"✓ {len(found.files)} files in {path} are exactly what {whose} signed")
    talk.data("not proved: who holds that key, and what the files do")
    talk.result("verify", {"path": str(path), "files": len(found.files), "verified": True})
    return 0
