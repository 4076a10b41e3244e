"""`lockgate gc`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option, table


@click.command("gc", short_help="Clean away drafts, old data and environments that nothing needs; never evidence.")
@click.option("--dry-run", "dry", is_flag=True, help="Show what would go, and let everything be.")
@click.option(
    "--newest",
    default=5,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Of how many models of each name the training can be repeated afterwards, beside those that are live.",
)
@click.option(
    "--days",
    default=7.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="D",
    help="How old a draft must be, and a stored file that no statement names.",
)
@click.option("--drafts", is_flag=True, help="All drafts of `lockgate try`, however young.")
@project_option
@json_option
def command(dry: bool, newest: int, days: float, drafts: bool, directory: str, as_json: bool) -> None:
    """Clean away what lies in .lockgate and nothing needs: drafts, old snapshots and code, old environments.

    Kept is what a stage goes on from, what a live model rests on, and what it takes to repeat the training of the
    newest models. Evidence is never touched, so that everything verifies as before: what goes are the rows themselves,
    and not the signed statements about them.
    """
    from lockgate.project import Project
    from lockgate.project.collecting.spec import Asked, in_words, kept_words

    talk = Talk(as_json)
    found = Project.open(directory).collect(Asked(newest, days, drafts=drafts, dry=dry), say=talk.say)
    rows = list(found.rows())
    if rows:
        talk.data(table([("kind", "name", "size", "what it was"), *rows], indent=0))
    for reason in found.left:
        talk.line("warn" if reason.level.value == "warn" else "note", "left", f"{reason.finding}  {reason.message}")
    for kind, kept in found.kept.items():
        if kept.count:
            talk.line("note", "kept", kept_words(kind, kept))
    went = f"{in_words(found.size)} {'would go' if dry else 'went'}"
    talk.line("ok", "gc", went if found.items else "nothing to clean; evidence is never touched")
    talk.result("gc", found.as_json())
    talk.next(*found.following)
