"""`lockgate sign`: OpenSSF Model Signing on any directory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, many
from lockgate.errors import Usage

if TYPE_CHECKING:
    from lockgate.trust.oms import SignedFiles

_FILE = click.Path(dir_okay=False, exists=True)


@click.command("sign", short_help="Sign any model directory (OpenSSF Model Signing).")
@click.argument("directory", type=click.Path(file_okay=False, exists=True))
@click.option("--key", "--private_key", required=True, metavar="FILE", help="EC private key, PEM; or hsm:...")
@click.option("--public-key", type=_FILE, metavar="FILE", help="For a key in a store: its public half, PEM.")
@click.option("--signature", type=click.Path(dir_okay=False), metavar="FILE", help="Default: DIRECTORY/model.sig.")
@click.option("--certificate", "--signing_certificate", type=_FILE, metavar="CERT", help="Say whose key it is, PEM.")
@click.option(
    "--chain",
    "--certificate_chain",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="Certificates between CERT and the root, PEM; repeatable.",
)
@json_option
def command(
    directory: str,
    key: str,
    public_key: str | None,
    signature: str | None,
    certificate: str | None,
    chain: tuple[str, ...],
    as_json: bool,
) -> None:
    """Sign every file in DIRECTORY: none is ignored, symlinks and special files are refused.

    The signature is an OpenSSF Model Signing bundle: `model_signing verify key` reads it too, with --certificate
    `model_signing verify certificate`. An older signature at its place is replaced, and said so; any other file is not.
    """
    from lockgate.trust.oms_directory import SIGNATURE, replaced, sign_directory, signer_in_store

    if chain and not certificate:
        raise Usage("LG940", "--chain goes with --certificate", next="lockgate sign --help")
    talk = Talk(as_json)
    folder, where = Path(directory), Path(signature) if signature else Path(directory) / SIGNATURE
    proof = Path(certificate) if certificate else None
    before = replaced(where)
    signed = sign_directory(
        folder,
        signer_in_store(key, Path(public_key) if public_key else None, proof) or Path(key),
        where,
        certificate=proof,
        chain=tuple(map(Path, chain)),
        now=datetime.now(UTC),
    )
    talk.data(f"{where}   {many(len(signed.files), 'file')} signed by key {signed.keyid[:16]}..")
    if before:
        talk.say(f"replaced: {_compared(before, signed)}")
    talk.result(
        "sign",
        {
            "signature": str(where),
            "files": len(signed.files),
            "keyid": signed.keyid,
            "replaced": None if before is None else {"files": len(before.files)},
        },
    )
    verifier = "--certificate-chain ROOTS" if certificate else "--key PUBLIC_KEY"
    options = f"{verifier} --signature {where}" if signature else verifier
    talk.next(f"lockgate verify {directory.rstrip('/')}/ {options}")


def _compared(before: SignedFiles, now: SignedFiles) -> str:
    """What an older signature said, beside the new one. Nobody verified the older one."""
    if before.files == now.files:
        return f"an older signature over the same {len(now.files)} files"
    gone = len(set(before.files) - set(now.files))
    new = len(set(now.files) - set(before.files))
    other = sum(before.files[name] != now.files[name] for name in set(before.files) & set(now.files))
    return f"an older signature over {len(before.files)} files; since then {new} new, {gone} gone, {other} changed"
