"""`lockgate sign`: OpenSSF Model Signing on any directory."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option


@click.command("sign", short_help="Sign any model directory (OpenSSF Model Signing).")
@click.argument("directory", type=click.Path(file_okay=False, exists=True))
@click.option("--key", required=True, type=click.Path(dir_okay=False, exists=True), help="EC private key, PEM.")
@json_option
def command(directory: str, key: str, as_json: bool) -> None:
    """Write DIRECTORY/model.sig over every file in it. `model_signing verify key` reads it too."""
    from lockgate.trust.oms_directory import sign_directory

    talk = Talk(as_json)
    signed = sign_directory(Path(directory), Path(key))
    talk.data(f"{directory}/model.sig   {len(signed.files)} files signed")
    talk.result("sign", {"signature": f"{directory}/model.sig", "files": len(signed.files)})
    talk.next(f"lockgate verify {directory}/ --key PUBLIC_KEY")
