"""`lockgate push`."""

from __future__ import annotations

import click

from lockgate.cli.carried import Bar
from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.core.digest import short


@click.command("push", short_help="Carry a model with all its evidence to an OCI registry.")
@click.argument("ref", shell_complete=refs)
@click.argument("remote")
@click.option("--no-check", is_flag=True, help="Do not read back, by digest, what the registry says it stored.")
@project_option
@json_option
def command(ref: str, remote: str, no_check: bool, directory: str, as_json: bool) -> None:
    """Push REF into the repository REMOTE, such as registry.example:5000/team/flights, under the tag v<version>.

    With the model travel its signature, every statement, an inclusion proof for each, and the whole event log under
    the tag `log`: only a whole log shows that nothing was revoked since. A push that was killed is completed by the
    next one. A tag that is there with another digest is never moved. Tags are mutable in every registry: promote by
    digest. Push again after each deployment and each revocation: who serves from there follows.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    with Bar() as bar:
        done = Project.open(directory).push(ref, remote, check=not no_check, progress=bar)
    for name in done.unpushed:
        talk.line(
            "warn", "push", f"{name} is live somewhere and is not in {done.remote}: lockgate push {name} {remote}"
        )
    if done.revoked:
        talk.line("warn", "push", f"{done.ref} is revoked; that travels with it")
    how = "read back by digest" if done.checked else "not read back"
    talk.line("ok", "push", f"{done.ref} {short(done.manifest)}, {done.blobs} blobs, {done.entries} log entries, {how}")
    talk.data(f"{done.remote}@{done.manifest}")
    talk.result("push", done.as_json())
    talk.next(f"lockgate pull {done.remote}:{done.tag} --root FP   # on another machine; FP: lockgate trust show")
