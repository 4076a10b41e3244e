"""`lockgate export evidence`."""

from __future__ import annotations

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, project_option


@click.command("evidence")
@click.argument("ref", default="latest", shell_complete=refs)
@click.option("--out", default="", metavar="FILE", help="A new file (default: NAME-VERSION.evidence.zip here).")
@click.option("--records", type=int, default=20, show_default=True, help="Records of predictions, each with its proof.")
@click.option("--with-model", is_flag=True, help="The model's own bytes too, not only their digests.")
@click.option("--root", default="", metavar="FP", help="Verify under this root instead of the pinned one.")
@project_option
@json_option
def evidence(ref: str, out: str, records: int, with_model: bool, root: str, directory: str, as_json: bool) -> None:
    """Write one archive about a model for an outsider: statements, proofs, policy, facts, and a page to read.

    The model is verified first, and calls that must be denied are made. INDEX.html in it is for people; verify.py
    checks it without Lockgate, under a root that they must have from you by another way. It names persons; it holds
    no row, no client's name and, unless asked, no weights. The file is readable by you alone.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).evidence(
        ref, out=out, records=records, with_model=with_model, root=root, say=talk.say
    )
    talk.data(done.text())
    talk.result("export-evidence", done.as_json())
    talk.next(done.check)
