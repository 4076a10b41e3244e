"""`lockgate monitor`: does what comes now still come as the reference did? In a project; of two files without one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.monitor_ack import accept, ack
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.errors import EXIT_REFUSED, Usage

if TYPE_CHECKING:
    from lockgate.monitor.plan import Unit
    from lockgate.monitor.replay import Wish

_AUTO, _PAGE_MODE = "auto", 0o644


@click.group(
    "monitor", short_help="Has what comes changed? Of what is served; of two files too.", invoke_without_command=True
)
@click.option("--reference", default="", metavar="FILE", help="Without a project: rows as they should be.")
@click.option("--replay", default="", metavar="FILE", help="Without a project: rows that came later, in their order.")
@click.option("--window", default=1000, show_default=True, type=click.IntRange(50, 1_000_000), help="Rows of a look.")
@click.option(
    "--false-alarms",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Chance of ever a false alarm.",
)
@click.option(
    "--band",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Differences up to so many sd are no alarm.",
)
@click.option(
    "--strata",
    multiple=True,
    type=click.Choice(["hour", "weekday", "site"]),
    help="Compare within each hour, weekday, site.",
)
@click.option("--time", default="", metavar="COLUMN", help="Which column says hour and weekday.")
@click.option("--site", default="", metavar="COLUMN", help="Which column says the site.")
@click.option(
    "--stride", default=_AUTO, show_default=True, metavar="N", help="Take one row in N; auto: as rows depend."
)
@click.option("--exclude", multiple=True, metavar="COLUMN", help="A column that is not compared.")
@click.option("--fail-on-alarm", is_flag=True, help="Exit with 1 unless rows were compared, and nothing changed.")
@click.option("--html", default="", metavar="FILE", help="Write all as one page, for any browser.")
@click.option("--once", is_flag=True, help="Of a project: one look, also on a terminal.")
@project_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    reference: str,
    replay: str,
    window: int,
    false_alarms: float,
    band: float,
    strata: tuple[Unit, ...],
    time: str,
    site: str,
    stride: str,
    exclude: tuple[str, ...],
    fail_on_alarm: bool,
    html: str,
    once: bool,
    directory: str,
    as_json: bool,
) -> None:
    """Has what comes changed since the reference was made?

    In a project: what is served, against the rows that each model was validated with; live on a terminal, until
    Ctrl-C. With --reference and --replay: any two files (Parquet, CSV, JSON Lines), without a project; the rows of the
    second are taken in their order, as if they came in one by one. An alarm without a change has a chance of
    --false-alarms, however long the file is.
    """
    if context.invoked_subcommand is not None:
        return
    if not reference and not replay:
        from lockgate.cli.monitor_live import show

        show(directory, once=once, as_json=as_json, html=html)
        return
    from lockgate.monitor.replay import Wish

    if not reference or not replay:
        raise Usage(
            "LG975",
            "two files are compared: --reference and --replay are given together",
            next="lockgate monitor --reference before.parquet --replay after.parquet",
        )
    wish = Wish(
        window=window,
        false_alarms=false_alarms,
        band=band,
        strata=strata,
        time=time,
        site=site,
        stride=_stride(stride),
        exclude=exclude,
    )
    changed = _compare(Talk(as_json), (reference, replay), wish, html)
    if changed and fail_on_alarm:
        context.exit(EXIT_REFUSED)


command.add_command(ack)
command.add_command(accept)


def _compare(talk: Talk, files: tuple[str, str], wish: Wish, html: str) -> bool:
    from lockgate.project.compared_lines import lines, plain
    from lockgate.project.standalone_monitor import compare_files

    compared = compare_files(*files, wish)
    spelled = plain if ascii_only() else str
    for line in lines(compared):
        talk.data(spelled(line))
    if html:
        from lockgate.project.compared_html import page
        from lockgate.store.files import atomic_write

        atomic_write(Path.cwd() / html, page(compared).encode(), _PAGE_MODE)
        talk.say(f"written: {html}")
    talk.result("drift", compared.as_json())
    if compared.replay.alarms:
        talk.next("lockgate explain LG629")
    elif not compared.replay.enough:
        talk.next("lockgate explain LG976")
    elif compared.replay.changes:
        talk.next("lockgate explain LG979")
    return compared.changed


def ascii_only() -> bool:
    """Whether lines are to be spelled with what every terminal shows."""
    return bool(os.environ.get("NO_COLOR")) or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def _stride(text: str) -> int:
    """0: as the rows depend on each other."""
    if text == _AUTO:
        return 0
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 10_000:
        return int(text)
    raise click.BadParameter("a whole number from 1 to 10000, or auto", param_hint="--stride")
