"""`lockgate init`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option
from lockgate.errors import Usage


@click.command("init", short_help="Make a project that runs as it is: folder, keys, pinned root.")
@click.argument("directory", default=".", type=click.Path(file_okay=False))
@click.option(
    "--data",
    default="",
    type=click.Path(dir_okay=False),
    help="Start from your own file, or a pattern of several: CSV, JSON Lines, Parquet.",
)
@click.option("--label", default="", help="With --data: the column that the model shall predict.")
@click.option("--person", default="", help="Who holds the keys (default: your user name).")
@json_option
def command(directory: str, data: str, label: str, person: str, as_json: bool) -> None:
    """Make a project in DIRECTORY, with keys outside it, and pin its root for you.

    An empty folder gets a small project with data that runs as it is. A folder that has a lockgate.toml keeps its
    files and gets keys, root and log. With --data and --label the contract is inferred from your file, readable,
    and never tighter than the data without saying so. How the file is read (delimiter, encoding, dates, decimal commas,
    spellings of no value) is found out and written into lockgate.toml. Without --label the columns are listed.
    """
    from lockgate.project import Project
    from lockgate.project.scaffold import scaffold

    talk = Talk(as_json)
    if label and not data:
        raise Usage("LG940", "--label goes with --data", next=f"lockgate init DIR --data FILE --label {label}")
    root = Path(directory)
    done = scaffold(root, data=Path(data) if data else None, label=label)
    for line in done.lines:
        talk.line("warn" if done.warns(line) else "ok", "", line)
    made = Project.create(root, person=person)
    talk.line("ok", "root", f"sha256:{made.project_id} pinned for you")
    talk.line("ok", "keys", f"{made.keys}")
    talk.line("warn", "root key", f"{made.root_key}: move it off this machine; day-to-day work never needs it")
    talk.data(str(root))
    talk.result(
        "init", {"project": str(root), "project_id": made.project_id, "keys": str(made.keys), "data": done.facts}
    )
    talk.next(*([f"cd {directory}"] if directory != "." else []), "lockgate run")
