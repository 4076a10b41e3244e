"""`lockgate log verify`: both logs whole, and what lies beside them; what is damaged, and how it is mended."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("verify")
@click.option("--root", default="", metavar="FP", help="Trust this root fingerprint, instead of the pinned one.")
@click.option("--repair", is_flag=True, help="Put back what hashes to the signed root; sign nothing.")
@click.option(
    "--from",
    "copy",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Another copy of the log: a mirror, a backup. Believed for nothing.",
)
@project_option
@json_option
def verify(root: str, repair: bool, copy: Path | None, directory: str, as_json: bool) -> None:
    """Read every file of both logs, replay them whole, refuse unknown files; look at spools, payloads and labels.

    All that is damaged is told, with what it means and what to do. With --repair what is proved is put right: files
    of hashes, entries from another copy, what an interrupted write left. What lay there is kept.
    """
    from lockgate.errors import Usage
    from lockgate.project import Project

    if copy is not None and not repair:
        raise Usage("LG940", "--from goes with --repair", next="lockgate log verify --repair --from DIR")
    talk = Talk(as_json)
    found = Project.open(directory).check_logs(root=root, repair=repair, copy=copy)
    talk.data(found.text())
    found.raise_if_damaged(repairing=repair, listed=as_json)
    report = found.sound
    talk.data(report.text())
    talk.result("log-verify", {**report.as_json(), "repaired": list(found.mended), "kept": found.kept})
    talk.next("lockgate verify --all")
