"""`lockgate verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.completion import refs
from lockgate.cli.folders import Asked, verify_path
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.cli.verify_evidence import is_evidence, verify_evidence
from lockgate.errors import Usage

if TYPE_CHECKING:
    from lockgate.project.reports import EverythingReport, ModelReport, ReceiptReport


@click.command("verify", short_help="Check a model, a receipt, a folder or everything, back to the root you pinned.")
@click.argument("target", required=False, default="", metavar="[PATH|REF|RECEIPT|EVIDENCE]", shell_complete=refs)
@click.option("--root", default="", metavar="FP", help="Trust this root fingerprint, instead of the pinned one.")
@click.option(
    "--key",
    "--public_key",
    type=click.Path(dir_okay=False, exists=True),
    default=None,
    metavar="FILE",
    help="For a PATH: the signer's public key, PEM.",
)
@click.option(
    "--certificate-chain",
    "--certificate_chain",
    "roots",
    type=click.Path(dir_okay=False, exists=True),
    multiple=True,
    metavar="ROOTS",
    help="For a PATH: certificates to trust, PEM; repeatable.",
)
@click.option(
    "--identity",
    default="",
    metavar="NAME",
    help="With ROOTS: the name that the certificate must bear; a kind can stand before it: email, uri, dns, subject.",
)
@click.option("--at", default="", metavar="DATE", help="With ROOTS: judge certificates as of this day, not of now.")
@click.option(
    "--signature",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="FILE",
    help="For a PATH, instead of model.sig.",
)
@click.option("--all", "everything", is_flag=True, help="Every file under .lockgate/registry and .lockgate/log.")
@click.option("--materialize", type=click.Path(file_okay=False), default=None, metavar="DIR", help="Write the files.")
@click.option(
    "--env", "environment", default="", help="An imported REF: refused unless enough persons approved it there."
)
@click.option(
    "--input",
    "record",
    type=click.Path(dir_okay=False),
    default=None,
    help="For a RECEIPT: the record, JSON. With --rows: the file that was scored.",
)
@click.option(
    "--rows",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="OUT",
    help="A file of `lockgate predict`: each row against the record in the log.",
)
@click.option(
    "--leaf",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="FILE",
    help="For a proof: the log's entry, where it does not lie beside it.",
)
@project_option
@json_option
def command(
    target: str,
    root: str,
    key: str | None,
    roots: tuple[str, ...],
    identity: str,
    at: str,
    signature: str | None,
    everything: bool,
    materialize: str | None,
    environment: str,
    record: str | None,
    rows: str | None,
    leaf: str | None,
    directory: str,
    as_json: bool,
) -> int:
    """Walk the evidence back to the root you pinned, and say what is proved and what is not.

    A REF (or `latest`) is checked whole: statements, keys, log, registry bytes, signature. A RECEIPT proves one
    prediction. A PATH is a directory signed with `lockgate sign`, or a materialized model: by the key in FILE, by
    whoever one of ROOTS certifies, or else by the project's signer. Nothing is taken from a name, a path or a
    database. Exit 3: something is not what was signed. Exit 1: the root is not pinned.

    EVIDENCE is what others get: NAME.evidence.zip of `export evidence`, or proof.tlog-proof of `log prove --out`. No
    project is needed for it: only --root, or a pin.

    --materialize DIR (new or empty) writes exactly the signed files and model.sig. With --env, of an imported model,
    only where enough persons approved it: what another server loads is taken from there.
    """
    talk = Talk(as_json)
    if sum((bool(target or rows), everything)) != 1:
        raise Usage(
            "LG940", "name what to verify: a REF, a RECEIPT, a PATH, EVIDENCE, or --all", next="lockgate verify latest"
        )
    if is_evidence(target):
        if any((key, roots, identity, at, signature, materialize, environment, record, rows)):
            raise Usage("LG940", "evidence goes with --root and --leaf alone", next="lockgate verify --help")
        return verify_evidence(talk, target, root, leaf)
    if leaf is not None:
        raise Usage("LG940", "--leaf is for a proof", next="lockgate verify proof.tlog-proof --leaf FILE")
    if target and "/" not in target and key is None and not roots and Path(target).exists():
        # A folder called `latest` must not answer for the model: whoever can write here would choose what is verified.
        raise Usage(
            "LG940",
            f"{target} is a file or folder here, and may be a REF",
            next=f"lockgate verify ./{target}   # the folder; for the model: run it in another folder, with -C",
        )
    if target and ("/" in target or Path(target).exists()):
        return verify_path(talk, Asked(Path(target), key, roots, identity, at, signature), root, directory)
    if roots or identity or at or signature:
        raise Usage("LG940", "certificates and --signature are for a PATH", next="lockgate verify DIR/ --help")
    from lockgate.project import Project

    project = Project.open(directory)
    report: EverythingReport | ReceiptReport | ModelReport
    if everything:
        report = project.verify_everything(root=root)
    elif rows:
        given = Path(record) if record else None
        report = project.verify_rows(Path(rows), token=target, root=root, source=given)
    elif target.startswith(("lgr1.", "lgr2.")):
        report = project.verify_receipt(target, root=root, record=Path(record) if record else None)
    else:
        into = Path(materialize) if materialize else None
        report = project.verify(target, root=root, materialize=into, environment=environment)
    talk.data(report.text())
    talk.result("verify", report.as_json())
    if materialize:
        talk.next(f"model_signing verify key --signature {materialize}/model.sig --public_key KEY {materialize}")
    return 0
