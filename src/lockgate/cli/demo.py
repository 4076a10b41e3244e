"""`lockgate demo`."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option
from lockgate.cli.story import Story, candidate_table

if TYPE_CHECKING:
    from lockgate.drills.attacks import Outcome
    from lockgate.drills.demo import Served


@click.command("demo", short_help="The whole pipeline on real data, served, verified, attacked, in about a minute.")
@click.option("--attack", "attack_id", default="", metavar="ID", help="Show one attack in detail.")
@click.option("--keep", type=click.Path(file_okay=False), default=None, metavar="DIR", help="Leave the project in DIR.")
@json_option
def command(attack_id: str, keep: str | None, as_json: bool) -> None:
    """Take real flights of 2013 from files to a served, verified model, then tamper with copies of it.

    Uses the network for nothing but the hash-locked wheels of the training environment, the first time. Without
    --keep, project, keys and pin are removed again. Attacks: flipped-model, edited-log, escaping-training.
    """
    from lockgate.drills import demo
    from lockgate.drills.attacks import attack
    from lockgate.sandbox.machine import machine

    talk, began = Talk(as_json), monotonic()
    story = Story(talk)
    chosen = [attack(attack_id).id] if attack_id else []
    machine().require()
    with demo.place(Path(keep) if keep else None) as folder, demo.project_in(folder, keep=keep is not None) as project:
        story.header(project, "dev")
        result = demo.train_and_deploy(project, story)
        for line in candidate_table(result):
            talk.say(line)
        talk.line("ok", "deploy", f"{result.ref} is live in dev")
        served = None if chosen else demo.serve_and_ask(project, story)
        if served is not None:
            _tell_served(talk, served)
        model, everything = demo.picture(project, result.ref)
        talk.say()
        talk.data(model.text())
        talk.say()
        given = None if chosen else demo.handed(project, result.ref)
        if given is not None:
            words = f"{given.files} files, all {given.events} statements, {given.denied} denied calls"
            talk.line("ok", "evidence", f"{words} in one archive; verified again from it alone")
        outcomes = []
        for outcome in demo.attacked(project, chosen):
            _tell_attack(talk, outcome, in_detail=bool(chosen))
            outcomes.append(outcome)
        talk.result(
            "demo",
            {
                **result.as_json(),
                "served": None if served is None else _served_json(served),
                "verify": model.as_json(),
                "everything": everything.as_json(),
                "evidence": None if given is None else given.as_json(),
                "attacks": [outcome.as_json() for outcome in outcomes],
                "kept": keep,
                "seconds": round(monotonic() - began, 1),
            },
        )
        for outcome in outcomes:
            if not outcome.stopped:
                raise demo.not_stopped(outcome)
    talk.say(f"{monotonic() - began:.0f} s in all.")
    if keep:
        talk.next(f"cd {keep}", "lockgate verify --all", "lockgate serve")
    else:
        talk.next(
            *([] if chosen else ["lockgate demo --attack flipped-model"]),
            "lockgate demo --keep DIR",
            "lockgate init my-project",
        )


def _tell_served(talk: Talk, served: Served) -> None:
    traffic, proved = served.traffic, served.proved
    talk.line("ok", "serve", f"{traffic.answered} rows of July answered · without a key: {traffic.unauthenticated}")
    talk.say(f"    a value of 1e30: {traffic.refused}, {traffic.words}")
    talk.say(f"    first answer: {dict(traffic.first)}")
    talk.line(
        "ok", "receipt", f"sealed as entry {proved.index} of the prediction log; it opens what was asked and answered"
    )


def _tell_attack(talk: Talk, outcome: Outcome, *, in_detail: bool) -> None:
    attack, error = outcome.attack, outcome.error
    mark, word = ("ok", "refused") if outcome.stopped else ("bad", "NOT STOPPED")
    found = f"{error.finding} {error.message}" if error else "nothing was raised"
    talk.line(mark, "attack", f"{attack.title}: {word}, {found}")
    if not in_detail:
        return
    talk.say(f"    what was done    {outcome.did}")
    talk.say(f"    what it is for   {attack.means}")
    talk.say(f"    what was run     {attack.command}   (exit {error.exit_code if error else 0})")
    for name, value in (error.seen if error else {}).items():
        talk.say(f"    {name:<16} {value}")


def _served_json(served: Served) -> dict[str, object]:
    traffic = served.traffic
    return {
        "answered": traffic.answered,
        "unauthenticated": traffic.unauthenticated,
        "refused": traffic.refused,
        "first": dict(traffic.first),
        "receipt": served.proved.as_json(),
    }
