"""`lockgate log who-served`."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import click

from lockgate.cli.log_show import progress
from lockgate.cli.render import Talk, json_option, project_option, table

_SPAN = re.compile(r"([1-9][0-9]{0,4})(s|m|h|d)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(_DAY.pattern + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime | timedelta]):
    """A time that has been: RFC 3339 with its zone, a date (its beginning, UTC), or so long ago: `10m`."""

    name = "TIME"

    def convert(
        self, value: str | datetime | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | timedelta:
        """Read it, or say how it is written."""
        if not isinstance(value, str):
            return value
        if found := _span(value):
            return found
        with suppress(ValueError, OverflowError):
            if _DAY.fullmatch(value):
                return datetime.fromisoformat(value).replace(tzinfo=UTC)
            if _TIME.fullmatch(value):
                return datetime.fromisoformat(value).astimezone(UTC)
        return self.fail(
            f"{value!r} is not 2026-12-01T08:00:00Z, 2026-12-01T09:00:00+01:00, 2026-12-01 or, for so long ago, 10m",
            param,
            ctx,
        )


class Span(click.ParamType[timedelta]):
    """`30s`, `1m`, `2h`, `1d`."""

    name = "SPAN"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it, or say how it is written."""
        if isinstance(value, timedelta):
            return value
        return _span(value) or self.fail(f"{value!r} is not 30s, 1m, 2h or 1d", param, ctx)


def _span(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


@click.command("who-served")
@click.option("--at", required=True, type=Moment(), help="When: 2026-12-01T08:00:00Z, or so long ago: 10m.")
@click.option("--within", default="1m", show_default=True, type=Span(), help="Records so long before and after it.")
@click.option("--client", default="", metavar="NAME", help="Of this client only: its name, or its pseudonym.")
@click.option("--env", "environment", default="", metavar="NAME", help="In this environment only.")
@project_option
@json_option
def who_served(
    at: datetime | timedelta, within: timedelta, client: str, environment: str, directory: str, as_json: bool
) -> None:
    """Say which statement was in force at a TIME, and which version answered which client then.

    Both are read from the verified logs. Records hold a pseudonym for each client: its name is told where this user
    holds the key of the gateway. Times of answers are by the gateway's clock.
    """
    from lockgate.project import Project
    from lockgate.project.who_served import HEAD, Asked

    talk = Talk(as_json)
    project = Project.open(directory)
    moment = project.now() - at if isinstance(at, timedelta) else at
    found = project.who_served(Asked(moment, within, client, environment), progress(talk))
    for note in found.notes:
        talk.say(f"note: {note}")
    talk.data(found.text())
    if found.answers:
        talk.data(table([HEAD, *(one.cells() for one in found.answers)], indent=2))
    talk.result("who-served", found.as_json())
    talk.next("lockgate log show", "lockgate verify RECEIPT   # proves one answer")
