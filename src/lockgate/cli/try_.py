"""`lockgate try`: drafts, before one of them becomes a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk, json_option, many, model_option, project_option, table
from lockgate.cli.story import Story, candidate_table
from lockgate.errors import EXIT_OK, EXIT_REFUSED, Usage

if TYPE_CHECKING:
    from lockgate.project import Project
    from lockgate.project.drafts.record import Draft
    from lockgate.project.drafts.table import Drafts

_MOST = 1 << 20


@click.command("try", short_help="Drafts: try parameters in the jail, compare, promote one. Signs no draft.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="A parameter, over [train.params]; repeat it."
)
@click.option("--sweep", metavar="FILE", help="A TOML file of parameters to try: [grid] and [[try]].")
@click.option("--list", "listed", is_flag=True, help="The drafts that there are, the best first.")
@click.option("--promote", type=click.IntRange(1), metavar="N", help="Write draft N into lockgate.toml, then run.")
@click.option("--take", type=click.IntRange(1), metavar="N", help="Write draft N's code into the new folder draft-N.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@model_option
@project_option
@json_option
def command(
    given: tuple[str, ...],
    sweep: str | None,
    listed: bool,
    promote: int | None,
    take: int | None,
    environment: str,
    model: str,
    directory: str,
    as_json: bool,
) -> int:
    """Train drafts in the jail on part of the training rows, and judge them on the others: quick, and no evidence.

    Ingest and validate are done first, as by `run`. No draft sees the rows that `run` holds out; nothing of a draft is
    signed, logged or registered. Several drafts, by --sweep, end with a table; one that fails does not stop the others.

    --promote N does it for good: the parameters go into lockgate.toml, and `run` trains anew and signs. It refuses
    where code, rows, packages or settings are no longer those of the draft.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    if sum([bool(given or sweep), listed, promote is not None, take is not None]) > 1:
        raise Usage(
            "LG940", "--list, --promote, --take and what is to be tried do not go together", next="lockgate try --help"
        )
    project = Project.open(directory)
    if promote is not None:
        return _promote(talk, project, promote, environment)
    if take is not None:
        return _take(talk, project, take)
    project = project.one(model)
    return _list(talk, project) if listed else _try(talk, project, given, sweep, environment)


def _try(talk: Talk, project: Project, given: tuple[str, ...], sweep: str | None, environment: str) -> int:
    from lockgate.project.drafts import wanted
    from lockgate.project.drafts.table import said, words_of

    said_here = wanted.checked(wanted.settings(given))
    asked = [{}] if sweep is None else wanted.sweep(_read(sweep), sweep)
    asked = [{**said_here, **one} for one in asked]
    names = list(dict.fromkeys(name for one in asked for name in one))

    def each(draft: Draft) -> None:
        name = f"draft {draft.number}"
        took = draft.seconds if draft.took is None else draft.took
        if draft.ok:
            talk.line("ok", name, f"{said(draft, names)}   {_figures(draft)}", took)
        else:
            talk.line("bad", name, f"{said(draft, names)}   {draft.warnings[0]}")
        for words in draft.warnings if draft.ok else ():
            talk.say(f"    {words}")

    if len(asked) > 1:
        talk.say(f"{many(len(asked), 'draft')}, one after the other; Ctrl-C keeps those that are done")
    drafts = project.try_drafts(asked, environment=environment, observer=Story(talk), each=each)
    if len(drafts) > 1:
        _table(talk, drafts)
    for line in words_of(drafts):
        talk.say(line)
    talk.result("try", _json(drafts))
    return _end(talk, drafts)


def _end(talk: Talk, drafts: Drafts) -> int:
    """What to do next, and the exit status: 1 where every draft ended with a finding."""
    from lockgate.project.drafts.table import next_of

    best = drafts.best
    if best is not None:
        talk.data(str(best.number))
        talk.next(next_of(best), "lockgate try --list")
        return EXIT_OK
    told = drafts[0].finding or {}
    if len(drafts) > 1:
        talk.line("bad", "try", f"LG3109  each of {len(drafts)} drafts ended with a finding")
    talk.next(told.get("next") or f"lockgate explain {told.get('finding', 'LG3109')}")
    return EXIT_REFUSED


def _list(talk: Talk, project: Project) -> int:
    from lockgate.project.drafts import store
    from lockgate.project.drafts.table import next_of, words_of

    entries, drafts = store.list_drafts(project.home), project.drafts()
    if drafts:
        _table(talk, drafts, ranked=True)
    for line in words_of(drafts):
        talk.say(line)
    damaged = [one for one in entries if one.draft is None]
    for one in damaged:
        talk.line("warn", "", f"draft {one.number}: {one.why}")
    if not entries:
        talk.say("There is no draft yet.")
    talk.result("try", {**_json(drafts), "damaged": [{"number": one.number, "why": one.why} for one in damaged]})
    talk.next(next_of(drafts.ready) if drafts.ready is not None else "lockgate try")
    return EXIT_OK


def _promote(talk: Talk, project: Project, number: int, environment: str) -> int:
    story = Story(talk)
    result = project.promote(number, environment=environment, observer=story)
    for line in candidate_table(result):
        talk.say(line)
    story.verdicts(result)
    talk.data(result.ref)
    talk.result("run", {**result.as_json(), "deployed": None, "draft": number})
    talk.next(f"lockgate deploy {result.ref} --env {environment}", f"lockgate verify {result.ref}")
    return EXIT_OK


def _take(talk: Talk, project: Project, number: int) -> int:
    folder = Path(f"draft-{number}")
    names = project.take_draft(number, folder)
    for name in names:
        talk.data(str(folder / name))
    talk.result("draft", {"number": number, "folder": str(folder), "files": list(names)})
    if any(name.startswith("beside/") for name in names):
        talk.say("What lies in beside/ was written by the training code: untrusted.")
    talk.next(f"diff -r {folder}/code .")
    return EXIT_OK


def _table(talk: Talk, drafts: Drafts, *, ranked: bool = False) -> None:
    from lockgate.project.drafts.table import rows_of

    for line in table(rows_of(drafts, ranked=ranked), indent=2).split("\n"):
        talk.say(line)


def _figures(draft: Draft) -> str:
    from lockgate.project.drafts.record import LEADING, interval

    found = {name: draft.metrics[name] for name in LEADING[draft.task] if name in draft.metrics}
    return "   ".join(
        f"{name} {interval(one) if name == draft.leading else format(one['value'], '.3f')}"
        for name, one in found.items()
    )


def _json(drafts: Drafts) -> dict[str, Any]:
    best = drafts.best
    return {"drafts": [one.as_json() for one in drafts], "best": None if best is None else best.number}


def _read(file: str) -> str:
    from lockgate.store.files import read_regular

    try:
        return read_regular(Path(file), _MOST).decode()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        why = "it is not there" if isinstance(error, FileNotFoundError) else "it is no UTF-8"
        raise Usage("LG3100", f"{file}: {why}", seen={"file": file}, next="lockgate explain LG3100") from None
