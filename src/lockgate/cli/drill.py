"""`lockgate drill`: replay attacks against a twin of the project (`drill_replay`), or measure on a served copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.drill_replay import command as replay
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.errors import EXIT_REFUSED, LockgateError, Refused, Unavailable

if TYPE_CHECKING:
    from lockgate.core.shown import Lines
    from lockgate.project import Project

_PAGE_MODE = 0o600
"""How the model is copied, or deceived, is nobody else's business."""


def _common(command: Any) -> Any:
    for option in (
        click.argument("ref", required=False, default="", metavar="[MODEL]"),
        click.option("--env", "environment", default="dev", show_default=True, help="Whose live model."),
        click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of all that is drawn."),
        click.option("--out", default="", metavar="DIR", help="Its page goes here [.lockgate/state/drills]."),
        project_option,
        json_option,
    ):
        command = option(command)
    return command


class Drills(click.Group):
    """`lockgate drill` with ids of attacks, or with nothing, replays; its two commands measure."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:  # noqa: D102 - Click's interface
        own = bool(args) and (args[0] in self.commands or args[0] in self.get_help_option_names(ctx))
        return super().parse_args(ctx, args if own else [replay.name or "", *args])

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102 - as above
        return [name for name in super().list_commands(ctx) if name != replay.name]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102 - as above
        formatter.write_usage(ctx.command_path, "[OPTIONS] [ID]...")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102 - as above
        replay.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group("drill", cls=Drills, short_help="Replay attacks against a twin of your project; see what stops each.")
def command(**_of_replay: object) -> None:
    """Replay attacks against a twin of your project on this machine, and see what stops each.

    The twin has your data, code, lock and policy, and a root, keys and a log of its own; each attack gets a copy of it,
    and uses nothing but this command line and the network. Nothing of the project is changed, but that the results are
    signed into its log: they are what makes a line of `lockgate threats` HELD. Exit code 1: an attack was not stopped.

    extraction and evasion measure instead: how good a copy of the live model becomes by asking, and how many queries
    it takes to deceive it. They leave a page and its figures: files, no evidence.
    """


command.add_command(replay)
# Whoever looks at the commands finds its options at the place where they are given.
command.params += [option for option in replay.params if isinstance(option, click.Option)]


@command.command("extraction", short_help="How good a copy becomes by asking, for how many queries and euros.")
@click.option(
    "--queries",
    default=4000,
    show_default=True,
    type=click.IntRange(50, 100_000),
    help="Of each kind of rows, made-up and held-out; of these at most what there is.",
)
@click.option("--price", default=0.0, type=click.FloatRange(0), metavar="EUR", help="What 1,000 queries cost a client.")
@click.option(
    "--fidelity",
    default=0.9,
    show_default=True,
    type=click.FloatRange(0.01, 1),
    help="A copy so good must not come about: the leak budget is priced for it.",
)
@_common
def extraction(
    ref: str,
    queries: int,
    price: float,
    fidelity: float,
    environment: str,
    seed: int,
    out: str,
    directory: str,
    as_json: bool,
) -> None:
    """Learn copies of the live model from its answers, and price a leak budget by how good they become.

    Asked are the model's held-out rows, as by somebody who has such data, and made-up ones. Exit code 1: a control that
    should have acted did not.
    """
    from lockgate.drills.extraction import Wish
    from lockgate.drills.extraction import extraction as measure
    from lockgate.drills.extraction_html import lines, page

    wish = Wish(ref, environment, queries, price, fidelity, seed)
    _drill("extraction", lambda project, say: measure(project, wish, say=say), (lines, page), out, directory, as_json)


@command.command("evasion", short_help="How many queries it takes to deceive the model, and who notices.")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(1, 2000), help="Held-out rows to attack.")
@click.option("--queries", default=1000, show_default=True, type=click.IntRange(10, 100_000), help="Of one row.")
@click.option(
    "--mutable",
    callback=lambda _context, _option, given: _fields(given),
    metavar="FIELDS",
    help="What may be changed: a,b. Default: [robustness] mutable.",
)
@click.option(
    "--distance",
    type=click.FloatRange(0, 1000, min_open=True),
    help="In standard deviations, more than 0. Default: [robustness].",
)
@_common
def evasion(
    ref: str,
    rows: int,
    queries: int,
    mutable: tuple[str, ...],
    distance: float | None,
    environment: str,
    seed: int,
    out: str,
    directory: str,
    as_json: bool,
) -> None:
    """Attack held-out rows of the live model through its gateway, with the attacks of the robustness gate.

    Exit code 1: a control that should have acted did not.
    """
    from lockgate.drills.evasion import Wish
    from lockgate.drills.evasion import evasion as attack
    from lockgate.drills.evasion_html import lines, page

    wish = Wish(ref, environment, rows, queries, mutable, distance=distance or 0.0, seed=seed)
    _drill("evasion", lambda project, say: attack(project, wish, say=say), (lines, page), out, directory, as_json)


def _fields(given: str | None) -> tuple[str, ...]:
    """Names of fields; none where nothing is said. Raises BadParameter for an empty one."""
    names = tuple(name.strip() for name in (given or "").split(","))
    if given is not None and not all(names):
        raise click.BadParameter("names of fields, with commas between them: a,b; left out for [robustness] mutable")
    return names if given is not None else ()


def _drill(
    name: str,
    measure: Callable[[Project, Callable[[str], None]], Any],
    shown: tuple[Callable[[Any], Lines], Callable[[Any], str]],
    out: str,
    directory: str,
    as_json: bool,
) -> None:
    from lockgate.project import Project
    from lockgate.sandbox.machine import machine

    talk = Talk(as_json)
    machine().require()
    project = Project.open(directory)
    folder = Path(out) if out else project.home / "state" / "drills"
    _writable(folder, name)
    found = measure(project, talk.say)
    lines, page = shown
    value = {"schema": f"lockgate.drill-{name}/v1", **found.as_json()}
    files = _write(folder, f"drill-{name}", value, page(found))
    talk.data(lines(found))
    talk.result(f"drill-{name}", {**found.as_json(), "files": list(files)})
    talk.say(f"{files[0]}: figures and page of this drill; files, no evidence")
    if found.missed:
        # Without a population no look would have helped; else the same once more tells chance from a fault.
        again = _again(name, found) if found.watched else "lockgate run"
        error = Refused("LG990", f"a control did not act: {found.missed}", seen={"report": files[0]}, next=again)
        talk.error(error)
        click.get_current_context().exit(EXIT_REFUSED)
    if found.unsure:
        talk.next(f"{_again(name, found)} --queries {found.live.wanted(found.rules)}")
        return
    talk.next(
        *_budget(name, found),
        f"lockgate drill {'extraction' if name == 'evasion' else 'evasion --mutable FIELDS'}",
    )


def _again(name: str, found: Any) -> str:
    """The same drill once more."""
    fields = f" --mutable {','.join(found.wish.mutable)}" if name == "evasion" else ""
    return f"lockgate drill {name} --env {found.environment}{fields}"


def _budget(name: str, found: Any) -> tuple[str, ...]:
    """What to do with a leak budget, where one follows."""
    priced = name == "extraction" and found.suggestion is not None and found.suggestion.leak_life is not None
    return (f"edit policy.toml: [environment.{found.environment}.abuse], then lockgate policy sign",) if priced else ()


def _writable(folder: Path, name: str) -> None:
    """Refuse before the minutes that a drill takes. Raises Unavailable LG991."""
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, name, error.strerror) from None


def _unwritable(folder: Path, name: str, why: str | None) -> Unavailable:
    return Unavailable(
        "LG991",
        f"the drill's files cannot be written: {why}",
        seen={"folder": str(folder)},
        next=f"lockgate drill {name} --out DIR",
    )


def _write(folder: Path, name: str, value: Mapping[str, Any], page: str) -> tuple[str, str]:
    """Page and figures. Raises Unavailable LG991."""
    from lockgate.core.shown import json_line
    from lockgate.store.files import atomic_write

    html, figures = folder / f"{name}.html", folder / f"{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(figures, (json_line(value) + "\n").encode(), _PAGE_MODE)
        atomic_write(html, page.encode(), _PAGE_MODE)
    except (OSError, LockgateError) as error:
        why = error.message if isinstance(error, LockgateError) else error.strerror
        raise _unwritable(folder, name.removeprefix("drill-"), why) from None
    return str(html), str(figures)
