"""A snapshot judged, counted and summed up in one pass. Runs in the `parse` jail: no user code is near.

Takes on standard input `{"files", "sensitive", "dates", "numbers", "cluster", "monitor", "marks", "statements"}`, and
as arguments the numbers of the sockets to the jails with the contract's code (`contract.ask`); the snapshot is
/in/snapshot.parquet, the rows that a person marked are /in/marks/N.parquet for the N-th word of `marks`, said in the
N-th of `statements`:
those marked bad are quarantined (`marked_bad`). `cluster` is null, or `{"address", "path", "digest"}`: then this is the
`cluster` jail, and workers evaluate the plan. `monitor` is null, or `{"asked", "seed"}` (`monitor.asked`). Gives
`accepted.parquet`, `quarantine.parquet`, `plan.json`, `baseline.json`, where it was asked for `monitor.json`, and
`check.json`: the field table, the versions, which way the rows went, and the counts. The contract's jails, and workers,
could drop, invent or double the rows that they are asked about: here each row of the snapshot must be found exactly
once, accepted or with a reason.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail._table import TableWriter
from lockgate.contract.jail.engine import Engine
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, Verdicts, accepted_schema
from lockgate.contract.jail.sift import Sieve, sift_here
from lockgate.contract.jail.snapshot import Snapshot
from lockgate.contract.jail.truth import RemoteTruth
from lockgate.contract.spec import ACCEPTED, PLAN, QUARANTINE, ROW, SOURCE, FieldTable
from lockgate.core.encoding import encode
from lockgate.core.wire import WireError
from lockgate.errors import Refused
from lockgate.monitor.asked import Asked
from lockgate.monitor.plan import INPUTS
from lockgate.validate.jail._ledger import Partition
from lockgate.validate.jail._sketch import Sketch
from lockgate.validate.jail._tally import Tally

if TYPE_CHECKING:
    from lockgate.validate.jail._marked import Apart

SNAPSHOT = "snapshot.parquet"
CHECK = "check.json"
BASELINE = "baseline.json"

_MOST_RULES = 200


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail: `arguments` are the numbers of the inherited sockets."""
    settle_without_pandas()
    task = read_task()
    with ExitStack() as stack:
        ends = [stack.enter_context(socket.socket(fileno=int(number))) for number in arguments]
        guarded(lambda: check(task, ends, data_dir(), out_dir()), out_dir(), unexpected="LG213")
    leave()


def check(task: Mapping[str, Any], ends: Sequence[socket.socket], data: Path, out: Path) -> None:
    """Judge every row of the snapshot in `data`. Raises Refused LG212, LG213, and what `connected` and Spread do."""
    snapshot = Snapshot(data / SNAPSHOT)
    try:
        truth = RemoteTruth(ends, snapshot.kind)
        counted = Counted(truth.table, task["files"], frozenset(task["sensitive"]))
        marked = _marked(task, truth.table, data)
        with _sieve(task, truth, data) as sieve:
            engine = Engine(snapshot, truth.plan, truth.table, truth, task["dates"], sieve, task["numbers"])
            _write(engine, truth.table, counted, out, marked)
    except ConnectionError as error:
        raise Refused("LG212", f"the jail with the contract's code has ended: {error}") from None
    except WireError as error:
        raise Refused("LG213", f"the contract's jail gave an account that does not add up: {error}") from None
    said = {
        "table": truth.table.as_json(),
        "versions": {**truth.versions, "polars": pl.__version__, "pyarrow": pa.__version__},
        "plan": truth.plan.digest,
        "paths": engine.paths.as_json(),
        "explain": {"records": engine.binding.rows, "fields": engine.explain()},
        "respelled": engine.respelled,
        "reckoning": counted.reckoning(),
        "monitor": _monitor(task, truth.table, out),
        "marked": marked.moved if marked else 0,
        "unreadable": list(marked.unreadable) if marked else [],
    }
    (out / PLAN).write_bytes(truth.plan.encode())
    (out / CHECK).write_bytes(encode(said))
    (out / BASELINE).write_bytes(encode(counted.baseline()))


def _monitor(task: Mapping[str, Any], table: FieldTable, out: Path) -> dict[str, Any] | None:
    if task["monitor"] is None:
        return None
    from lockgate.monitor.jail.reference import reference

    kinds = {field.name: field.kind for field in table.inputs}
    asked = Asked.read(task["monitor"]["asked"])
    made = reference(out / ACCEPTED, kinds, frozenset(task["sensitive"]), asked, task["monitor"]["seed"])
    (out / INPUTS).write_bytes(made.plan.encode())
    return made.as_json()


def _marked(task: Mapping[str, Any], table: FieldTable, data: Path) -> Apart | None:
    if not task["marks"]:
        return None
    from lockgate.validate.jail._marked import Apart

    return Apart(data / "marks", task["marks"], task["statements"], accepted_schema(table))


@contextmanager
def _sieve(task: Mapping[str, Any], truth: RemoteTruth, data: Path) -> Iterator[Sieve]:
    cluster = task["cluster"]
    if cluster is None:
        yield sift_here
        return
    # Dask is loaded only where somebody has a cluster.
    from lockgate.contract.jail.spread import Spread, connected

    with connected(cluster["address"], data) as client:
        yield Spread(client, truth.plan, cluster["path"], cluster["digest"], task["dates"], numbers=task["numbers"])


class Counted:
    """What came of all rows, batch by batch: that each was found once, the reasons, the baseline."""

    def __init__(self, table: FieldTable, files: Sequence[Mapping[str, Any]], sensitive: frozenset[str]) -> None:
        self.sources = [file["name"] for file in files]
        self._partition = Partition([file["rows"] for file in files], self.sources)
        self._tally = Tally()
        self._sketches = {field.name: Sketch(field.kind, field.name in sensitive) for field in table.columns}

    def add(self, found: Verdicts) -> None:
        """Take the verdicts on the next rows. Raises Refused LG213."""
        self._partition.accept(found.accepted.column(SOURCE), found.accepted.column(ROW))
        self._partition.quarantine(found.quarantine.column("source"), found.quarantine.column("row"))
        self._tally.add(found.quarantine)
        for name, sketch in self._sketches.items():
            sketch.add(found.accepted.column(name))

    def reckoning(self) -> dict[str, object]:
        """The counts. Raises Refused LG213 when a row was not found."""
        accepted, quarantined = self._partition.settle()
        rules = self._tally.as_json()
        return {
            "rows": accepted + quarantined,
            "accepted": accepted,
            "quarantined": quarantined,
            "by_rule": rules[:_MOST_RULES],
            "rules": len(rules),
            "folded": self._tally.folded,
            "by_source": self._partition.by_source(),
        }

    def baseline(self) -> dict[str, object]:
        """baseline.json as a value."""
        accepted, _ = self._partition.settle()
        columns = {name: sketch.as_json() for name, sketch in self._sketches.items()}
        return {"v": 1, "rows": accepted, "columns": columns}


def _write(engine: Engine, table: FieldTable, counted: Counted, out: Path, marked: Apart | None) -> None:
    with (
        TableWriter(out / ACCEPTED, accepted_schema(table)) as accepted,
        TableWriter(out / QUARANTINE, QUARANTINE_SCHEMA) as quarantine,
    ):
        for verdicts in engine.verdicts():
            found = marked.move(verdicts, counted.sources) if marked else verdicts
            counted.add(found)
            accepted.add(found.accepted)
            quarantine.add(found.quarantine)
