"""`lockgate review`: rows that a person has to look at, and `review mark`: that person's word."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lockgate.cli.render import Talk, json_option, many, model_option, outbox_option, project_option, table

if TYPE_CHECKING:
    from lockgate.project.review_page import Review
    from lockgate.validate.reviewing import Row

_WIDEST = 24
_WIDTH = 80


@click.group("review", invoke_without_command=True, short_help="Look at doubtful rows; mark them good or bad.")
@click.option("--screen", is_flag=True, help="What the screen for poisoned rows flags, and nothing else.")
@click.option("--finding", default="", metavar="LG234.2", help="What this finding of the screen flags.")
@click.option("--limit", default=20, show_default=True, help="Rows shown of each finding.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose least jail level holds.")
@model_option
@project_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    screen: bool,
    finding: str,
    limit: int,
    environment: str,
    model: str,
    directory: str,
    as_json: bool,
) -> None:
    """Rows of the newest validate statement that a person has to look at: quarantined ones, and doubtful ones.

    The most doubtful first. Rows count from 0 within their source. Values of fields that `[data] sensitive` names are
    not shown. What you make of them, `lockgate review mark` signs.
    """
    if context.invoked_subcommand is not None:
        # Left out in silence, `-C` or `--model` here would let somebody mark another project's rows.
        given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if given:
            raise click.UsageError("Options of `review mark` stand behind `mark`.")
        return
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory).one(model)
    found = project.review(screen=screen, finding=finding, limit=limit, environment=environment)
    if not (screen or finding):
        _quarantine(talk, found)
    _screen(talk, found)
    for mark in found.marks:
        applied = "" if mark.applied else "   LG243: not applied, the contract's fields are others now"
        rows = many(mark.rows, "row")
        talk.data(f"mark of log entry {mark.index}: {rows} {mark.word}, by {mark.person}: {mark.reason}{applied}")
    talk.result("review", found.as_json())
    if found.findings:
        talk.next('lockgate review mark FILE:12,15-20 good|bad --reason "..."', "lockgate explain " + _first(found))
    else:
        talk.next("lockgate run")


def _first(found: Review) -> str:
    return found.findings[0].finding


def _quarantine(talk: Talk, found: Review) -> None:
    talk.data(f"{found.accepted:,} accepted + {found.quarantined:,} quarantined = {found.rows:,} rows")
    for one in found.by_rule[:5]:
        talk.data(f"    {one.get('count'):>7,}  {one.get('field') or 'record'}: {one.get('rule')}")
    rows = [[f"{one.source}:{one.row}", one.field or "record", one.message] for one in found.refused]
    if rows:
        talk.data(table(rows))


def _screen(talk: Talk, found: Review) -> None:
    from lockgate.project.review_page import MOST_ROWS

    if not found.screened:
        talk.data("the screen for poisoned rows did not run")
        return
    told = [f"{many(found.flagged, 'row')} flagged, {found.doubtful:,} of them doubtful"]
    told += [f"{found.good:,} marked good"] if found.good else []
    talk.data(f"screen    {', '.join(told)}")
    for rule, why in found.absent.items():
        talk.data(f"    {rule}: {why}")
    for rule, note in found.notes.items():
        talk.data(f"    {rule}: {note}")
    for rule, group in found.groups.items():
        for one in found.findings:
            if one.rule == rule:
                talk.data(f"{one.name}  {many(one.rows, 'row')}: {one.what}")
                if len(one.sources) > 1:
                    talk.data(f"    {', '.join(f'{name} {count:,}' for name, count in one.sources[:5])}")
        if group.rows:
            talk.data(table(_cells(group.rows, found.withheld)))
        more = group.found - len(group.rows)
        if more > 0:
            listed = [one for one in found.findings if one.rule == rule]
            name = listed[0].name if len(listed) == 1 else listed[0].finding
            talk.data(f"    and {more:,} more: lockgate review --finding {name} --limit {min(group.found, MOST_ROWS)}")


def _cells(rows: tuple[Row, ...], withheld: tuple[str, ...]) -> list[list[str]]:
    """As many fields as a line holds, the label first; `--json` has them all."""
    columns = [[_short(name), *(_cell(one.fields[name]) for one in rows)] for name in rows[0].fields]
    columns += [[f"{_short(name)} (withheld)", *("" for _ in rows)] for name in withheld]
    ends = list(accumulate(max(map(len, column)) + 2 for column in columns))
    shown = columns[: max(1, sum(end <= _WIDTH for end in ends))]
    more = [[f"and {len(columns) - len(shown)} more", *("" for _ in rows)]] if len(columns) > len(shown) else []
    places = ["row", *(one.place for one in rows)]
    scores = ["score", *("" if one.score is None else f"{one.score:.3f}" for one in rows)]
    marks = ["mark", *(one.mark or "" for one in rows)]
    return [list(line) for line in zip(places, scores, marks, *shown, *more, strict=True)]


def _cell(value: Any) -> str:
    return _short("" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value))


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


@command.command("mark")
@click.argument("rows", nargs=-1)
@click.argument("word", type=click.Choice(["good", "bad"]))
@click.option("--finding", default="", metavar="LG234.2", help="All its rows that nobody has marked yet.")
@click.option("--again", default="", metavar="INDEX", help="The rows of an earlier mark, by its place in the log.")
@click.option("--reason", default="", help="Why; kept in the signed statement. Required.")
@click.option("--dry-run", is_flag=True, help="Show what would be signed; sign nothing.")
@outbox_option
@model_option
@project_option
@json_option
def mark(
    rows: tuple[str, ...],
    word: Any,
    finding: str,
    again: str,
    reason: str,
    dry_run: bool,
    to_file: str,
    model: str,
    directory: str,
    as_json: bool,
) -> None:
    """Sign, with your approver key, that ROWS are good, or bad: FILE:12,15-20, or 12,15-20 where there is one file.

    From the next run on, bad rows are quarantined, and good ones are no longer flagged, under whatever number they come
    again. Every row that is equal to one of them is marked with it. The last word on a row counts; good ones are
    flagged again when more equal rows come. Which rows they are stays in the data folder; the log has their number and
    a digest.
    """
    from lockgate.project import Project

    if sum(map(bool, (rows, finding, again))) != 1:
        raise click.UsageError("Name rows (FILE:12,15-20), or --finding, or --again: one of the three.")
    talk = Talk(as_json)
    project = Project.open(directory).one(model)
    if dry_run:
        lines = project.asked_of_rows(rows, word, finding=finding, again=again)
        for line in lines:
            talk.data(line)
        talk.result("mark", {"dry_run": True, "lines": list(lines)})
        talk.next("the same command without --dry-run")
        return
    outbox = Path(to_file) if to_file else None
    done = project.mark(rows, word, reason=reason, finding=finding, again=again, show=talk.say, to_file=outbox)
    talk.data(done.text() + ("" if done.cached else f"   {to_file or f'log entry {done.index}'}"))
    talk.result("mark", done.as_json())
    if to_file and not done.cached:
        talk.say(f"the rows are in {to_file}.rows: the two files go together")
        talk.detached(to_file)
    else:
        talk.next("lockgate run")
