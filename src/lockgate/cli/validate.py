"""`lockgate validate`: one stage of a project, or any files with any contract."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.cli.story import Story
from lockgate.errors import Usage


@click.command("validate", short_help="Judge each row by the contract; works without a project too.")
@click.argument("data", nargs=-1)
@click.option("--contract", default="", metavar="FILE:MODEL", help="Without a project: the Pydantic model.")
@click.option("--out", default="", metavar="DIR", help="Without a project: where the three files go.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@click.option("--null", "null", multiple=True, help="CSV cells that mean no value (default: the empty cell).")
@click.option("--encoding", default="utf-8", show_default=True)
@click.option("--delimiter", default=",", show_default=True)
@project_option
@json_option
def command(
    data: tuple[str, ...],
    contract: str,
    out: str,
    environment: str,
    null: tuple[str, ...],
    encoding: str,
    delimiter: str,
    directory: str,
    as_json: bool,
) -> None:
    """Judge each row by the contract: exactly Pydantic's verdict, in a jail.

    Without arguments: the validate stage of the project. With DATA files, --contract and --out it needs no project,
    and writes accepted.parquet, quarantine.parquet (`row` zero-based within its `source`, `field`, `rule`,
    `message`) and report.json. Accepted + quarantined = read, always.
    """
    talk = Talk(as_json)
    if not data:
        from lockgate.project import Project

        done = Project.open(directory).run_stage("validate", environment=environment, observer=Story(talk))
        talk.data(done.digest)
        talk.result("validate", done.as_json())
        talk.next(done.next)
        return
    if not contract or not out:
        raise Usage(
            "LG940",
            "DATA needs --contract FILE:MODEL and --out DIR",
            next="lockgate validate DATA... --contract F:M --out DIR",
        )
    from lockgate.pipeline.stages import commonest
    from lockgate.validate.spec import Options
    from lockgate.validate.standalone import validate_files

    options = Options(null or ("",), delimiter, encoding)
    found = validate_files(data, contract, Path(out), options)
    counts = found.reckoning
    talk.data(f"{counts.accepted:,} accepted + {counts.quarantined:,} quarantined = {counts.rows:,} rows")
    for line in commonest(found.details["by_rule"]):
        talk.say(f"    {line}")
    talk.result("validate", {"out": str(found.out), **found.details})
    talk.next(f"ls {out}")
