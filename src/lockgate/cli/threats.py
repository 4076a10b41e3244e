"""`lockgate threats`: the threat model, computed from evidence now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.places import in_repository
from lockgate.cli.render import Talk, json_option, model_option, project_option
from lockgate.errors import EXIT_REFUSED, LockgateError, Refused, Unavailable

if TYPE_CHECKING:
    from lockgate.project.threats.page import ThreatsPage

_PAGE_MODE = 0o644
_COLOURS = {"BROKEN": "red", "UNPROVEN": "yellow", "STALE": "yellow", "ACCEPTED": "yellow", "HELD": "green"}


@click.command("threats", short_help="How each threat stands, by the evidence of this moment.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy and live model.")
@click.option("--root", default="", metavar="FP", help="Verify under this root; it then counts as not pinned.")
@click.option("--sarif", default="", metavar="FILE", help="Write what is not held as SARIF 2.1.0.")
@click.option("--navigator", default="", metavar="FILE", help="Write a layer for the ATLAS Navigator.")
@click.option("--threat-dragon", default="", metavar="FILE", help="Write a model for OWASP Threat Dragon.")
@model_option
@project_option
@json_option
def command(
    ids: tuple[str, ...],
    environment: str,
    root: str,
    sarif: str,
    navigator: str,
    threat_dragon: str,
    model: str,
    directory: str,
    as_json: bool,
) -> None:
    """Show how each threat stands: computed from the verified log and the policy in force, never from a typed status.

    HELD: every control has its fresh statement and every drill of it was stopped. STALE: that is too old, or of another
    version of Lockgate or of the policy. UNPROVEN: a statement or a drill is missing, or the policy asks for no such
    control, or for less than the policy that `init` writes. BROKEN: an attack got through, or a control was switched
    off. ACCEPTED: a person signed that they take the risk for a while (`lockgate waive LT14`). NOT USED: of a part that
    was never used, with what begins with it (`OUT` in --json). OUT: out of scope, for ever.

    With an ID: everything about that threat. Exit code 1 where one is BROKEN.
    """
    from lockgate.config import FILENAME
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory).one(model)
    page = project.threats(ids, environment=environment, root=root)
    talk.say(page.head())
    if ids:
        for one in page.stands:
            talk.data(page.whole(one))
    else:
        for status, line in page.lines():
            talk.data(line, _COLOURS.get(status))
        talk.data(page.total())
    talk.result("threats", page.as_json())
    for file, form in ((sarif, "sarif"), (navigator, "navigator"), (threat_dragon, "dragon")):
        if file:
            _export(page, form, Path(file), place=in_repository(project.root / FILENAME))
            talk.say(f"{file} written")
    if page.broken:
        worst = page.broken[0]
        broken = ", ".join(one.threat.id for one in page.broken)
        # The table is the one object on stdout.
        following = worst.next if worst.next.startswith("lockgate ") else f"lockgate threats {worst.threat.id}"
        Talk().error(Refused("LG9012", f"BROKEN: {broken}", seen={"why": worst.why}, next=following))
        click.get_current_context().exit(EXIT_REFUSED)
    talk.next(*page.following)


def _export(page: ThreatsPage, form: str, file: Path, *, place: str) -> None:
    """Raises Unavailable (LG9013) where the file cannot be written."""
    from lockgate.core.shown import json_line
    from lockgate.export.navigator import encode_layer, navigator_layer
    from lockgate.export.threat_dragon import encode_model, threat_dragon
    from lockgate.export.threats_sarif import threats_sarif
    from lockgate.store.files import atomic_write

    view, code = page.exported(), EXIT_REFUSED if page.broken else 0
    if form == "sarif":
        content = (json_line(threats_sarif(view, exit_code=code, place=place)) + "\n").encode()
    elif form == "navigator":
        content = encode_layer(navigator_layer(view))
    else:
        content = encode_model(threat_dragon(view))
    try:
        atomic_write(file, content, _PAGE_MODE)
    except (OSError, LockgateError) as error:
        why = error.message if isinstance(error, LockgateError) else error.strerror
        raise Unavailable(
            "LG9013",
            f"{file} cannot be written: {why}",
            seen={"file": str(file)},
            next=f"lockgate threats --{'threat-dragon' if form == 'dragon' else form} FILE",
        ) from None
