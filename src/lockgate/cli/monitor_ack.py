"""`lockgate monitor ack|accept`: a person's answer to an alarm."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.log_who import Moment
from lockgate.cli.render import Talk, json_option, outbox_option, project_option

if TYPE_CHECKING:
    from lockgate.project.acknowledging import Answered

_MOST_DIGITS = 9


class Since(Moment):
    """So many rows, or a time as `Moment`."""

    name = "ROWS|TIME"

    def convert(  # type: ignore[override]
        self, value: str | int | datetime | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | datetime | timedelta:
        """Read it, or say how it is written."""
        if isinstance(value, int):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
            return int(value)
        return super().convert(value, param, ctx)


@click.command("ack")
@click.argument("alarm")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@click.option("--dry-run", is_flag=True, help="Show what would be signed; sign nothing.")
@outbox_option
@project_option
@json_option
def ack(alarm: str, reason: str, dry_run: bool, to_file: str, directory: str, as_json: bool) -> None:
    """Sign, with your approver key, that ALARM was seen: the first digits of its digest, or `latest`.

    The reference stays what it is, and the test begins anew: what goes on alarms again. By `lockgate monitor accept`
    how it is now becomes the reference.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    if dry_run:
        _show(talk, project.asked_of_alarm(alarm), f'lockgate monitor ack {alarm} --reason "..."')
        return
    outbox = Path(to_file) if to_file else None
    _done(talk, project.acknowledge(alarm, reason=reason, show=talk.say, to_file=outbox), to_file)


@click.command("accept")
@click.argument("alarm", default="latest")
@click.option("--reason", default="", help="Why; kept in the signed statement.")
@click.option("--since", type=Since(), help="The newest so many rows, or since a time; else since the change itself.")
@click.option("--dry-run", is_flag=True, help="Show what would be signed; sign nothing.")
@outbox_option
@project_option
@json_option
def accept(
    alarm: str,
    reason: str,
    since: int | datetime | timedelta | None,
    dry_run: bool,
    to_file: str,
    directory: str,
    as_json: bool,
) -> None:
    """Sign, with your approver key, that what came since ALARM's change is normal, and the reference from now on.

    A new life of the test begins with its own error budget. It takes 1,000 rows at least. Whoever verifies counts them
    again. The model is not changed by it: where it answers worse than it did, train it anew instead.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    if dry_run:
        following = f'lockgate monitor accept {alarm} --reason "..."'
        _show(talk, project.asked_of_alarm(alarm, accept=True, since=since), following)
        return
    outbox = Path(to_file) if to_file else None
    _done(talk, project.accept(alarm, reason=reason, since=since, show=talk.say, to_file=outbox), to_file)


def _show(talk: Talk, lines: tuple[str, ...], following: str) -> None:
    for line in lines:
        talk.data(line)
    talk.result("acknowledge", {"dry_run": True, "lines": list(lines)})
    talk.next(following)


def _done(talk: Talk, done: Answered, to_file: str) -> None:
    talk.data(done.text() + ("" if done.cached else f"   {to_file or f'log entry {done.index}'}"))
    talk.result("acknowledge", done.as_json())
    if to_file and not done.cached:
        talk.detached(to_file)
    else:
        talk.next("lockgate monitor --once")
