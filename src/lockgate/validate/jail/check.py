"""A snapshot judged by the user's contract. Runs in the `contract` jail: everything it writes is untrusted.

Takes on standard input `{"contract", "model", "label", "sources", "sensitive", "key"}`; the snapshot is
/in/snapshot.parquet and the captured code /job. Gives `accepted.parquet`, `quarantine.parquet` and `check.json`:
the field table and the versions that decide verdicts.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pydantic

from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail._table import TableWriter
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.inference import inference_model
from lockgate.contract.jail.load import check_label, load_model
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, Evaluator, Secrecy
from lockgate.contract.spec import ACCEPTED, BOOKKEEPING, KIND_KEY, QUARANTINE, FieldTable, SourceKind
from lockgate.core.encoding import encode
from lockgate.errors import Usage

SNAPSHOT = "snapshot.parquet"
CHECK = "check.json"
JOB = Path("/job")

_ROWS = 8192


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    settle_without_pandas()
    task = read_task()
    guarded(lambda: check(task, data_dir(), JOB, out_dir()), out_dir(), unexpected="LG212")


def check(task: Mapping[str, Any], data: Path, job: Path, out: Path) -> None:
    """Judge every row of the snapshot in `data`. Raises Usage LG205 to LG211 and LG218 about the contract."""
    model = load_model(job, task["contract"], task["model"])
    label: str | None = task["label"]
    if label is not None:
        check_label(model, label, task["contract"])
        inference_model(model, label, task["contract"])
    table = field_table(model, label)
    _check_names(table, task["contract"])
    snapshot = pq.ParquetFile(data / SNAPSHOT)
    kind = cast("SourceKind", snapshot.schema_arrow.metadata[KIND_KEY].decode())
    secrecy = Secrecy(_with_aliases(model, task["sensitive"]), bytes.fromhex(task["key"]))
    evaluator = Evaluator(model, table, kind, task["sources"], secrecy)
    with (
        TableWriter(out / ACCEPTED, evaluator.schema) as accepted,
        TableWriter(out / QUARANTINE, QUARANTINE_SCHEMA) as quarantine,
    ):
        for batch in snapshot.iter_batches(batch_size=_ROWS, use_threads=False):
            verdicts = evaluator.evaluate(batch)
            accepted.add(verdicts.accepted)
            quarantine.add(verdicts.quarantine)
    said = {
        "table": table.as_json(),
        "pydantic": pydantic.VERSION,
        "python": platform.python_version(),
    }
    (out / CHECK).write_bytes(encode(said))


def _check_names(table: FieldTable, file: str) -> None:
    reserved = sorted({field.name for field in table.columns} & set(BOOKKEEPING))
    if reserved:
        raise Usage(
            "LG218",
            f"{file}: a field is called {reserved[0]}, a name that Lockgate needs for itself",
            seen={"fields": reserved},
            next=f"rename the field in {file}",
        )


def _with_aliases(model: type[pydantic.BaseModel], names: Sequence[str]) -> frozenset[str]:
    """Sensitive fields under every name by which Pydantic may report them."""
    unknown = sorted(set(names) - set(model.model_fields) - set(model.model_computed_fields))
    if unknown:
        raise Usage(
            "LG221",
            f"{model.__name__} has no field {unknown[0]!r} to keep secret",
            seen={"sensitive": unknown, "fields": list(model.model_fields)},
            next="set [data] sensitive in lockgate.toml",
        )
    found = set(names)
    for name in set(names) & set(model.model_fields):
        field = model.model_fields[name]
        for alias in (field.alias, field.validation_alias):
            choices = getattr(alias, "choices", [alias])
            found |= {str(getattr(choice, "path", [choice])[0]) for choice in choices if choice is not None}
    return frozenset(found)
