"""`lockgate waive`: break-glass, signed, listed, and over by itself."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option, outbox_option, project_option

_SPAN = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class Until(click.ParamType[datetime | timedelta]):
    """`7d`, `12h`, `30m`; a date, at whose beginning (UTC) it ends; or an RFC 3339 time in UTC."""

    name = "DATE|7d"

    def convert(
        self, value: str | datetime | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | timedelta:
        """Read it, or say how it is written."""
        if not isinstance(value, str):
            return value
        if found := _SPAN.fullmatch(value):
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
        for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"):
            with suppress(ValueError):
                return datetime.strptime(value, form).replace(tzinfo=UTC)
        return self.fail(f"{value!r} is not 7d, 12h, 30m, 2026-12-01 or 2026-12-01T08:00:00Z", param, ctx)


@click.command("waive", short_help="Let one finding pass in an environment, signed, for a while.")
@click.argument("finding", required=False, default="")
@click.option("--env", "environment", default="prod", show_default=True, help="For which environment.")
@click.option("--reason", default="", help="Why; kept in the signed statement. Required.")
@click.option("--expires", type=Until(), help="When it is over: at most 30 days from now.")
@click.option("--model", "ref", default="", metavar="REF", help="For this model only.")
@click.option("--list", "listed", is_flag=True, help="The waivers that hold now.")
@click.option("--end", "identity", default="", metavar="ID", help="End one: digest, unique prefix, or log index.")
@outbox_option
@project_option
@json_option
def command(
    finding: str,
    environment: str,
    reason: str,
    expires: datetime | timedelta | None,
    ref: str,
    listed: bool,
    identity: str,
    to_file: str,
    directory: str,
    as_json: bool,
) -> None:
    """Sign, with your approver key, that FINDING shall warn instead of refuse in an environment, until it expires.

    Or that you take the risk of a threat, LT14, that `lockgate threats` does not show as held: it is ACCEPTED until
    then. That changes what is told, and no gate.

    What a policy asks of a model's facts can be waived: metrics, ages, shares, vulnerabilities. Missing or revoked
    evidence, approvals, separation, the floor, and whatever fails to verify cannot. What is live by a waiver is not
    answered from any more when the waiver ends.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    outbox = Path(to_file) if to_file else None
    if listed:
        found = project.waivers()
        for each in found:
            talk.data(f"{each.index:>5}  {each.text}")
        if not found:
            talk.say("nothing is waived")
        talk.result("waivers", {"waivers": [each.as_json() for each in found]})
        talk.next("lockgate status")
        return
    if identity:
        ended = project.end_waiver(identity, reason=reason, to_file=outbox)
        talk.data(f"{ended.what} is revoked   {to_file or f'log entry {ended.index}'}")
        for line in ended.stopped:
            talk.data(f"  {line} is not answered from any more, until it is deployed again")
        talk.result("revoke", ended.as_json())
        _after(talk, to_file, "lockgate status")
        return
    if not finding or expires is None:
        raise click.UsageError("Name a FINDING and --expires, or use --list or --end ID.")
    finding = finding.upper()
    done = project.waive(finding, environment=environment, reason=reason, expires=expires, ref=ref, to_file=outbox)
    talk.data(f"{done.text}   {to_file or f'log entry {done.index}'}")
    talk.result("waive", done.as_json())
    following = f"lockgate deploy {ref or 'latest'} --env {environment}"
    _after(talk, to_file, f"lockgate threats {finding} --env {environment}" if done.of_threat else following)


def _after(talk: Talk, to_file: str, following: str) -> None:
    if to_file:
        talk.detached(to_file)
    else:
        talk.next(following)
