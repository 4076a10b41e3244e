"""`lockgate deploy`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, outbox_option, project_option
from lockgate.cli.story import Story
from lockgate.cli.waive import Until

if TYPE_CHECKING:
    from lockgate.project import Project
    from lockgate.project.deploying import Deployed

_WEEK = timedelta(days=7)


@click.command("deploy", short_help="Move a model in an environment, if its policy agrees: a rung up, or live.")
@click.argument("ref", shell_complete=refs)
@click.option("--env", "environment", default="dev", show_default=True, help="Where it is moved.")
@click.option(
    "--to", "rung", default="", metavar="RUNG", help="A rung of the policy's ladder, or live. Without: the next."
)
@click.option("--reason", default="", help="Why; kept in the signed statement. Needed for a rung before its time.")
@click.option("--replace", is_flag=True, help="Take another model off the ladder for it.")
@click.option("--authorise", is_flag=True, help="Let it climb by itself, a rung at a time, until --expires.")
@click.option(
    "--expires", type=Until(), default=_WEEK, show_default="7d", help="With --authorise: when it may climb no more."
)
@click.option(
    "--replay",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[FILE]",
    help="Then ask both models the rows that were held out, or FILE's, in place of traffic, if the policy allows it.",
)
@click.option(
    "--raise-floor",
    "floor",
    is_flag=False,
    flag_value=0,
    type=click.IntRange(0),
    metavar="[VERSION]",
    help="No version below this one goes live there any more, nor by a rollback. Alone: none below REF's.",
)
@outbox_option
@project_option
@json_option
def command(
    ref: str,
    environment: str,
    rung: str,
    reason: str,
    replace: bool,
    authorise: bool,
    expires: datetime | timedelta,
    replay: str | None,
    floor: int | None,
    to_file: str,
    directory: str,
    as_json: bool,
) -> None:
    """Check everything REF rests on, ask the environment's policy, and sign a deployment statement.

    The first model of an environment goes live. After that, where the policy declares a ladder, a model goes on its
    first rung beside what is live, and with each further `deploy` one rung up, once the rung has seen enough and no
    check alarms; `--to RUNG --reason ...` moves it before that. `lockgate status` says how far it is, `lockgate
    rollback ENV` takes it off.

    A running `lockgate serve` follows within 5 seconds. REF is name, name@version, name@sha256:...,
    a unique digest prefix, or latest.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    outbox = Path(to_file) if to_file else None
    if authorise:
        if rung or floor is not None or replay is not None:
            raise click.UsageError("--authorise goes with neither --to, --replay nor --raise-floor.")
        _authorise(talk, project, ref, environment, expires, reason, outbox, replace=replace)
    else:
        done = project.deploy(
            ref,
            environment=environment,
            rung=rung,
            reason=reason,
            raise_floor=False if floor is None else floor or True,
            replace=replace,
            stay=replay is not None,
            observer=Story(talk),
            to_file=outbox,
        )
        _tell(talk, done, to_file)
        replayed = {} if replay is None else {"replay": _replay(talk, project, ref, environment, replay)}
        talk.result("deploy", {**done.as_json(), **replayed})
        if outbox is not None and not done.cached:
            talk.detached(to_file)
            return
        following = f"lockgate serve --env {environment}" if done.rung == "live" else "lockgate status"
        talk.next(following, f"lockgate verify {done.ref}")


def _tell(talk: Talk, done: Deployed, to_file: str) -> None:
    """One line of where it stands, and what is to be said of it."""
    where = done.rung if done.rung == "live" else f"on {done.rung}"
    detached = bool(to_file) and not done.cached
    verb, entry = ("is to be", to_file) if detached else ("is", f"log entry {done.index}")
    talk.data(f"{done.ref} {verb} {where} in {done.environment}   {entry}")
    if done.why:
        talk.data(f"  {done.why}")
    if done.floor > 1:
        talk.data(f"  floor: no version below {done.floor}")


def _authorise(
    talk: Talk,
    project: Project,
    ref: str,
    environment: str,
    expires: datetime | timedelta,
    reason: str,
    outbox: Path | None,
    *,
    replace: bool,
) -> None:
    done = project.authorise(
        ref, environment=environment, expires=expires, reason=reason, replace=replace, to_file=outbox
    )
    if done.deployed is not None:
        _tell(talk, done.deployed, "")
    talk.data(f"{done.ref} may climb {' -> '.join(done.rungs)} in {environment} until {done.expires}")
    talk.result("authorise", done.as_json())
    if outbox is not None:
        talk.detached(str(outbox))
        return
    talk.next("lockgate status", f'lockgate revoke {done.index} --reason "..."   # ends it')


def _replay(talk: Talk, project: Project, ref: str, environment: str, source: str) -> Mapping[str, Any]:
    from lockgate.project.replaying import replay

    done = replay(project, ref, environment=environment, source=source or None, say=talk.say)
    for line in done.lines():
        talk.data(line)
    return done.as_json()
