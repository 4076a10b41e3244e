"""`lockgate feedback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option

if TYPE_CHECKING:
    from lockgate.project.labelling import On


@click.command("feedback", short_help="Labels that came later: match them with predictions, record them.")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--on", type=click.Choice(["id", "receipt"]), required=True, help="What names the prediction.")
@click.option(
    "--column", default="", metavar="NAME", help="The column with the id or receipt, by default `id`, `receipt`."
)
@click.option("--label", default="label", show_default=True, metavar="NAME", help="The column with the label.")
@click.option("--client", default="", metavar="NAME", help="Only requests of this client.")
@project_option
@json_option
def command(file: str, on: On, column: str, label: str, client: str, directory: str, as_json: bool) -> None:
    """Record the labels in FILE: CSV with a line of names, or JSON Lines.

    Ids are those that clients sent with their requests; where a request had several records, a column `row` says
    which, from 0. Only predictions that are in the log are found, and one label counts for each. Works while
    `lockgate serve` runs, and when it does not: the records are sealed at its next start then.

    Exit 1 when no label is of a prediction.
    """
    from lockgate.project import Project
    from lockgate.project.labelling import Asked

    talk = Talk(as_json)
    told = Project.open(directory).feedback(Path(file), Asked(on, label, column, client))
    talk.data(told.text())
    talk.result("feedback", told.as_json())
    talk.next("lockgate serve   # whose sealer puts them into the log; at once where it runs")
