"""`lockgate monitor` in a project: once, as JSON, as a page, or live in a terminal until it is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lockgate.cli.render import Talk
from lockgate.core.shown import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from lockgate.project.monitor_page import MonitorPage

SECONDS: Final = 2.0
"""Between two looks. A gateway tells of a window every thousand rows, or five minutes: sooner sees nothing new."""
STYLES: Final[Mapping[str, str]] = {"head": "bold", "plain": "", "bad": "red", "warn": "yellow", "dim": "dim"}


def show(directory: str, *, once: bool, as_json: bool, html: str) -> None:
    """Show what answers in the project in `directory`.

    Live only on a terminal, and where neither one look, nor JSON, nor a page is asked for.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    watching = Project.open(directory).watching()
    page = watching.look()
    if not (once or as_json or html) and sys.stdout.isatty() and sys.stderr.isatty():
        page = live(page, watching.look)
    for _, text in page.lines():
        talk.data(text)
    if html:
        from lockgate.project.monitor_html import write_page

        write_page(page, html)
        talk.say(f"written: {html}")
    talk.result("monitor", page.as_json())
    talk.next(*page.next)


def live(
    page: MonitorPage,
    look: Callable[[], MonitorPage],
    *,
    console: Console | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> MonitorPage:
    """Draw `page`, and what `look` finds from then on, until somebody presses Ctrl-C; the last one drawn.

    Raises what `look` raises, with the terminal as it was before.
    """
    from rich.console import Console
    from rich.live import Live

    screen = console or Console(highlight=False)
    with Live(drawn(page), console=screen, screen=True, auto_refresh=False) as view, suppress(KeyboardInterrupt):
        view.refresh()
        while True:
            pause(SECONDS)
            page = look()
            view.update(drawn(page), refresh=True)
    return page


def drawn(page: MonitorPage) -> Text:
    """The page for a terminal: one line a line, cut at its edge, and nothing in it but text."""
    from rich.text import Text

    from lockgate.core.moments import rfc3339

    head = f"lockgate monitor · {rfc3339(page.time)} · {page.size:,} entries of predictions · Ctrl-C leaves"
    following = [command.partition("#")[0].rstrip() for command in page.next if " monitor " in command]
    lines = [Text(head, style="dim"), *(Text(f"next:  {visible(command)}", style="bold") for command in following)]
    lines += [Text(visible(text), style=STYLES[mark]) for mark, text in page.lines()]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
