"""`lockgate validate`: one stage of a project, or any files with any contract."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option, table
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
@click.option("--dates", default="", metavar="SPELLING", help='How CSV cells spell dates, such as "%d.%m.%Y".')
@click.option("--numbers", default="", metavar="SPELLING", help='How CSV cells spell numbers, such as "1.234,56".')
@click.option("--cluster", default="", metavar="tls://HOST:PORT", help="Workers of a Dask cluster evaluate the plan.")
@click.option("--cluster-ca", default="", metavar="FILE", help="The authority of the cluster's certificates.")
@click.option("--cluster-cert", default="", metavar="FILE", help="Our certificate for the cluster.")
@click.option("--cluster-key", default="", metavar="FILE", help="The private key to it.")
@click.option("--cluster-share", default="", metavar="DIR", help="A folder that all machines see under this path.")
@click.option("--explain", is_flag=True, help="Say field by field what is compiled, what runs in Python, and why.")
@model_option
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
    dates: str,
    numbers: str,
    cluster: str,
    cluster_ca: str,
    cluster_cert: str,
    cluster_key: str,
    cluster_share: str,
    explain: bool,
    model: str,
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

        done = Project.open(directory).one(model).run_stage("validate", environment=environment, observer=Story(talk))
        talk.data(done.digest)
        if explain:
            _explain(talk, done.facts)
        talk.result("validate", done.as_json())
        talk.next(done.next)
        return
    if not contract or not out:
        raise Usage(
            "LG940",
            "DATA needs --contract FILE:MODEL and --out DIR",
            next="lockgate validate DATA... --contract F:M --out DIR",
        )
    from lockgate.contract.cluster import cluster_of
    from lockgate.pipeline.stages import commonest
    from lockgate.validate.spec import Options
    from lockgate.validate.standalone import validate_files

    machines = cluster_of(cluster, cluster_ca, cluster_cert, cluster_key, cluster_share)
    options = Options(null or ("",), delimiter, encoding, dates=dates, cluster=machines, numbers=numbers)
    found = validate_files(data, contract, Path(out), options)
    counts = found.reckoning
    talk.data(f"{counts.accepted:,} accepted + {counts.quarantined:,} quarantined = {counts.rows:,} rows")
    for line in commonest(found.details["by_rule"]):
        talk.say(f"    {line}")
    if explain:
        _explain(talk, found.details)
    talk.result("validate", {"out": str(found.out), **found.details})
    talk.next(f"ls {out}")


_HOW = {
    "compiled": "compiled",
    "python": "Python, once per distinct value",
    "python each": "Python, once per row",
    "record": "Python, with its whole record",
}


def _explain(talk: Talk, report: Mapping[str, Any]) -> None:
    """Field by field how it was judged, and what Python was asked; then the three ways that rows went."""
    said, paths = report["explain"], report["paths"]
    rows = [["field", "how", "cells asked", "calls", "why"]]
    for entry in said["fields"]:
        counts = [f"{entry[name]:,}" if entry[name] else "" for name in ("cells", "calls")]
        rows.append([entry["field"], _HOW[entry["how"]], *counts, entry["why"]])
    talk.say(table(rows))
    if said["records"]:
        talk.say(f"    every record goes to Pydantic as it is: {said['records']}")
    talk.say(
        f"    {paths['compiled']:,} rows accepted by the plan, {paths['cells']:,} more by single cells, "
        f"{paths['records']:,} judged as whole records"
    )
