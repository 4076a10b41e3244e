"""`lockgate drill [ID...]`: replay attacks against a twin of the project, and sign what came of them."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk, json_option, many, model_option, outbox_option, project_option, table
from lockgate.core.shown import block
from lockgate.errors import LockgateError, Refused, Usage

if TYPE_CHECKING:
    from lockgate.drills.replays.spec import Drill, Outcome
    from lockgate.drills.replays.twin import Plan
    from lockgate.project import Project

_AT_ONCE = 2
_WIDTH = 24
_THREAT = re.compile(r"LT\d\d")
_INTERRUPTED = 130


@click.command("replay", hidden=True)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--list", "listing", is_flag=True, help="List the attacks, and what must stop each; play none.")
@click.option("--threat", default="", metavar="LT07", help="Those of one threat.")
@click.option("--incident", type=click.IntRange(1), metavar="N", help="Those that replay one public incident.")
@click.option("--env", "environment", default="", help="Whose rules must stop them [prod, or the strictest].")
@click.option(
    "--rows",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="At most so many rows in the twin. 0: all up to 50,000, else 5,000.",
)
@click.option("--sarif", default="", metavar="FILE", help="Write what was not stopped here, as SARIF 2.1.0.")
@outbox_option
@model_option
@project_option
@json_option
def command(
    ids: tuple[str, ...],
    listing: bool,
    threat: str,
    incident: int | None,
    environment: str,
    rows: int,
    sarif: str,
    to_file: str,
    model: str,
    directory: str,
    as_json: bool,
) -> int:
    """Replay attacks against a twin of the project. `lockgate drill` is how it is called."""
    talk = Talk(as_json)
    wanted = _chosen(ids, threat, incident)
    if listing:
        _list(talk, wanted)
        return 0
    from lockgate.drills.replays import twin
    from lockgate.project import Project
    from lockgate.sandbox.machine import machine

    project = Project.open(directory).one(model)
    machine().require()
    plan = twin.plan(project, rows=rows, strict=environment)
    outbox = _outbox(to_file)
    _check_folder(sarif, "LG9013")
    outcomes: list[Outcome] = []
    try:
        _play(project, plan, wanted, talk, outcomes)
    except KeyboardInterrupt:
        # What was seen to fail must not be lost because somebody looked away.
        if any(one.applies and one.stopped is False for one in outcomes):
            _signed(project, plan, outcomes, talk, outbox)
        else:
            talk.say("interrupted: nothing was signed")
        talk.next(" ".join(("lockgate drill", *ids)))
        return _INTERRUPTED
    value, error = _told(project, plan, outcomes, talk, outbox)
    if sarif:
        _write_sarif(project, plan, outcomes, sarif, error.exit_code if error else 0)
    talk.result("drill", value)
    if error is not None:
        Talk().error(error)  # with --json it is told in the one object
        return error.exit_code
    talk.next("lockgate threats" if value["statement"] else " ".join(("lockgate drill", *ids)))
    return 0


def _outbox(name: str) -> Path | None:
    """Where the statement goes that is sealed elsewhere. Raises Usage LG867 before minutes are spent in vain."""
    from lockgate.audit.outbox import exists

    path = Path(name)
    if name and path.exists():
        raise exists(path)
    _check_folder(name, "LG867")
    return path if name else None


def _check_folder(name: str, finding: str) -> None:
    """Raises Usage `finding` where a file of that name cannot be written; "" is none."""
    if name and not os.access(Path(name).parent, os.W_OK | os.X_OK):
        raise Usage(finding, f"{name} cannot be written", seen={"file": name}, next="name a file in a folder of yours")


def _chosen(ids: Sequence[str], threat: str, incident: int | None) -> list[Drill]:
    """The drills that are meant, in the order of the pipeline. Raises Usage LG9005."""
    from difflib import get_close_matches

    from lockgate.drills.replays.all import DRILLS

    unknown = [one for one in ids if one not in DRILLS]
    if unknown and _THREAT.fullmatch(unknown[0].upper()):
        meant = unknown[0].upper()
        raise Usage("LG9005", f"{meant} is a threat, not a drill", next=f"lockgate drill --threat {meant}")
    if unknown:
        near = get_close_matches(unknown[0], DRILLS, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise Usage(
            "LG9005",
            f"there is no drill {unknown[0]}{hint}",
            seen={"unknown": unknown, "drills": len(DRILLS)},
            next=f"lockgate drill {near[0] if near else '--list'}",
        )
    found = [
        drill
        for drill in DRILLS.values()
        if (not ids or drill.id in ids)
        and (not threat or drill.threat == threat.upper())
        and (incident is None or drill.incident == incident)
    ]
    if not found:
        asked = {"threat": threat, "incident": incident, "ids": list(ids)}
        seen = {name: value for name, value in asked.items() if value}
        again = f"lockgate threats {threat.upper()}" if _THREAT.fullmatch(threat.upper()) else "lockgate drill --list"
        raise Usage("LG9005", "there is no such drill", seen=seen, next=again)
    return found


def _list(talk: Talk, drills: Sequence[Drill]) -> None:
    heads = ("drill", "threat", "incident", "must be told", "at best", "what the attacker does")
    rows = [
        (one.id, one.threat, str(one.incident or "-"), one.finding, "in part" if one.limit else "whole", one.title)
        for one in drills
    ]
    talk.data(table([heads, *rows], indent=0))
    names = ("id", "threat", "control", "incident", "finding", "title", "limit")
    told = [{name: getattr(one, name) or None for name in names} for one in drills]
    talk.result("drill-list", {"drills": told})
    talk.next("lockgate drill", "lockgate threats")


def _play(project: Project, plan: Plan, drills: Sequence[Drill], talk: Talk, found: list[Outcome]) -> None:
    """Play them, tell each, and add it to `found`."""
    from lockgate.drills.replays import twin
    from lockgate.drills.replays.program import Program
    from lockgate.drills.replays.run import play
    from lockgate.drills.replays.workplace import workplace

    line = _Line()
    program = Program(Path())
    with workplace(program, project.home / "state" / "tmp") as place:
        talk.say(
            f"{project.config.name} · {many(len(drills), 'attack')} against a twin with keys and a log of its own · "
            f"rules of {plan.strict}"
        )
        base = twin.make(project, plan, place, program, say=line.show)
        for outcome in play(drills, base, at_once=_cores(), begins=lambda drill: line.show(f"playing {drill.id}")):
            line.clear()
            _tell(talk, outcome)
            found.append(outcome)
        line.clear()


def _cores() -> int:
    return min(_AT_ONCE, len(os.sched_getaffinity(0)))


def _tell(talk: Talk, outcome: Outcome) -> None:
    drill, tried = outcome.drill, outcome.tried
    name = f"{drill.id:<{_WIDTH}} {drill.threat}"
    if not outcome.applies:
        talk.line("note", name, f"does not apply: {outcome.inapplicable}")
        return
    where = f", entry {tried.entry} of the twin's log" if tried.entry is not None else ""
    by = f"{drill.control} ({drill.finding}){where}"
    if outcome.stopped is True:
        talk.line("ok", name, f"stopped by {by}", outcome.seconds)
    elif outcome.stopped == "part":
        talk.line("warn", name, f"stopped in part by {by}", outcome.seconds)
        talk.say(f"    {drill.limit or 'it is told, and goes on under this policy'}")
    elif outcome.why:
        talk.line("bad", name, _why_not(outcome), outcome.seconds)
    else:
        talk.line("bad", name, f"NOT STOPPED: {_why_not(outcome)}", outcome.seconds)
        talk.say(f"    {tried.did}; then {tried.attempt}")


def _why_not(outcome: Outcome) -> str:
    """Of one that was not stopped, what was seen instead."""
    finding, others = outcome.drill.finding, outcome.others
    if outcome.why:
        return f"not played to its end: {outcome.why}"
    if finding in others:
        return f"{finding} was told, and the attacker got on"
    return f"{finding} was not told" + (f"; told instead: {', '.join(others)}" if others else "")


def _told(
    project: Project, plan: Plan, outcomes: Sequence[Outcome], talk: Talk, outbox: Path | None
) -> tuple[dict[str, Any], LockgateError | None]:
    """What `--json` prints, after it was signed and told; and what is wrong with it."""
    results = [one for one in outcomes if one.applies]
    failed = [one.drill.id for one in results if one.stopped is False]
    counts = Counter({True: "stopped", "part": "part", False: "not_stopped"}[one.stopped] for one in results)
    kinds = {name: counts[name] for name in ("stopped", "part", "not_stopped")}
    talk.say(
        f"{kinds['stopped'] + kinds['part']} of {many(len(results), 'attack')} stopped, {kinds['part']} of them in part"
    )
    for one in plan.left_out:
        talk.say(f"    the twin goes without {one}")
    signed, error = _signed(project, plan, outcomes, talk, outbox)
    if failed:
        error = error or _not_stopped(failed, results)
    if not sys.stdout.isatty():
        # For whoever reads lines; a person has seen each already.
        talk.data(block(f"{one.drill.id} {_word(one)}" for one in outcomes))
    value: dict[str, Any] = {
        "environment": plan.strict,
        "rows": plan.rows,
        "left_out": list(plan.left_out),
        "drills": [one.as_json() | {"seconds": round(one.seconds, 2)} for one in results],
        "not_applicable": [
            {"id": one.drill.id, "threat": one.drill.threat, "reason": one.inapplicable}
            for one in outcomes
            if not one.applies
        ],
        "counts": kinds | {"not_applicable": len(outcomes) - len(results)},
        **signed,
    }
    return value | ({"error": error.as_json()} if error is not None else {}), error


def _word(outcome: Outcome) -> str:
    if not outcome.applies:
        return "not-applicable"
    return {True: "stopped", "part": "part", False: "not-stopped"}[outcome.stopped]


def _not_stopped(failed: Sequence[str], results: Sequence[Outcome]) -> Refused:
    first = next(one for one in results if one.stopped is False)
    again = f"lockgate drill {failed[0]}" if len(results) > 1 else f"lockgate explain {first.drill.finding}"
    what = failed[0] if len(failed) == 1 else many(len(failed), "attack")
    return Refused(
        "LG9002",
        f"{what} {'was' if len(failed) == 1 else 'were'} not stopped",
        seen={"drills": list(failed), **({"why": first.why} if first.why else {})},
        next=again,
    )


def _signed(
    project: Project, plan: Plan, outcomes: Sequence[Outcome], talk: Talk, outbox: Path | None
) -> tuple[dict[str, Any], LockgateError | None]:
    """The statement, where this user may sign it; else None, and why."""
    from lockgate.project.drilled import Played, sign

    played = Played(
        [one.as_json() for one in outcomes if one.applies],
        version("lockgate"),
        plan.program,
        left_out=plan.left_out,
        inapplicable={one.drill.id: one.inapplicable for one in outcomes if not one.applies},
        environment=plan.strict,
        model=project.model,
        rows=0 if plan.snapshot is None else plan.rows,
        policy=plan.in_force,
    )
    told: list[str] = []

    def say(text: str) -> None:
        talk.say(text)
        told.append(text)

    try:
        signed = sign(project, played, to_file=outbox, say=say)
    except LockgateError as error:
        return {"statement": None, "unsigned": error.message}, error
    if signed is None:
        return {"statement": None, "unsigned": told[-1].removeprefix("unsigned: ")}, None
    talk.say(signed.line())
    return {"statement": dict(signed.as_json())}, None


def _write_sarif(project: Project, plan: Plan, outcomes: Sequence[Outcome], path: str, exit_code: int) -> None:
    from lockgate.cli.places import in_repository
    from lockgate.export.drills_sarif import NotStopped, drills_sarif
    from lockgate.export.sarif import encode_sarif
    from lockgate.store.files import atomic_write
    from lockgate.trust.policy import FILENAME

    results = [
        NotStopped(
            one.drill.id, one.drill.threat, one.drill.title, one.drill.finding, _why_not(one), limit=one.drill.limit
        )
        for one in outcomes
        if one.applies and one.stopped is False
    ]
    document = drills_sarif(
        results,
        [(one.drill.id, one.inapplicable) for one in outcomes if not one.applies],
        version=version("lockgate"),
        environment=plan.strict,
        place=in_repository(project.root / FILENAME),
        exit_code=exit_code,
    )
    atomic_write(Path(path), encode_sarif(document), 0o644)


class _Line:
    """What goes on just now, on a terminal alone."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """In place of what was there."""
        if self._shown:
            click.echo(f"\r\x1b[K  {text}", err=True, nl=False)

    def clear(self) -> None:
        """Nothing."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
