"""`lockgate predict`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, many, project_option

if TYPE_CHECKING:
    from lockgate.pipeline.scoring.spec import Scored


@click.command("predict", short_help="Score a whole file: same contract, jail and record, no network.")
@click.argument("ref", shell_complete=refs)
@click.argument("source", metavar="IN")
@click.option("--out", required=True, metavar="OUT", help="A new file: .parquet or .csv.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@click.option("--as", "kind", type=click.Choice(["internal", "external"]), default="internal", show_default=True,
              help="Whose output policy holds: what is left of the scores.")  # fmt: skip
@project_option
@json_option
def command(
    ref: str,
    source: str,
    out: str,
    environment: str,
    kind: Literal["internal", "external"],
    directory: str,
    as_json: bool,
) -> None:
    """Score the rows of IN (CSV, JSON Lines or Parquet, read as `[data]` says) with a registered model.

    REF is verified as a gateway verifies it: what is live, or what the policy of the environment would let go live
    now. Each row is judged by the inference contract in a jail; rows that it refuses go to OUT.quarantine.parquet
    with their reasons. The model answers in its own jail. One record with a Merkle root over all rows goes into the
    log, and the receipt to OUT.receipt.json: whoever has it can check each row of OUT, and open it to others.

    OUT has the rows' numbers in IN, the predictions, and a check for each row. It appears when all is done.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    bar = _Bar()
    try:
        found = Project.open(directory).predict(
            ref, source, out, environment=environment, kind=kind, say=talk.say, progress=bar
        )
    finally:
        bar.end()
    _tell(talk, found)
    talk.data(str(found.out))
    talk.result("predict", found.as_json())
    talk.next(f"lockgate verify --rows {out}" + (f" -C {directory}" if directory != "." else ""))


def _tell(talk: Talk, found: Scored) -> None:
    refused = found.rows - found.scored
    talk.line(
        "ok", "predict", f"{found.scored:,} scored + {refused:,} refused = {many(found.rows, 'row')}   {found.ref}"
    )
    for rule in found.by_rule[:3]:
        talk.say(f"{rule['count']:>9,}  {rule['field'] or '(record)':<14} {rule.get('message') or rule['rule']}")
    if found.quarantine is not None:
        talk.say(f"    refused rows: {found.quarantine}")
    state = "in the log" if found.sealed else "in the spool; the sealer of `lockgate serve` carries it into the log"
    talk.say(f"    record {state}   receipt: {found.receipt_file}")


class _Bar:
    """How far it is, on a terminal only."""

    def __init__(self) -> None:
        self._shown = False

    def __call__(self, done: int, of: int) -> None:
        """Show it."""
        if sys.stderr.isatty():
            self._shown = True
            click.echo(f"\r    {done:,} of {of:,} rows", err=True, nl=False)

    def end(self) -> None:
        """Leave its line."""
        if self._shown:
            click.echo(err=True)
