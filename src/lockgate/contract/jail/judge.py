"""The contract's code at work: compiles its plan, then answers about what the plan does not accept.

Runs in the `contract` jail: no network, no keys, and nothing of the data but what it is asked about. Takes on
standard input `{"contract", "model", "label", "inference", "sources", "sensitive", "key"}`; the captured code is /job.
The protocol is drawn in `contract.ask`; everything said here is untrusted.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pydantic
from pydantic import BaseModel

from lockgate.contract.ask import packed, unpacked
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail._link import Link
from lockgate.contract.jail.cells import CellJudge
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import bound_columns, compile_plan
from lockgate.contract.jail.inference import inference_model
from lockgate.contract.jail.inferred import inferred
from lockgate.contract.jail.load import check_label, load_model
from lockgate.contract.jail.outcome import guarded, leave, out_dir, place, read_task
from lockgate.contract.jail.rows import Evaluator, Secrecy
from lockgate.contract.spec import BOOKKEEPING, SOURCE_KINDS, FieldTable, SourceKind
from lockgate.core.wire import Frame, WireError
from lockgate.errors import Usage

JOB = place("/job")


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail: `arguments` is the number of the inherited socket."""
    settle_without_pandas()
    task = read_task()
    with socket.socket(fileno=int(arguments[0])) as end:
        guarded(lambda: serve(Link(end), task, JOB), out_dir(), unexpected="LG212")
    leave()


def serve(link: Link, task: Mapping[str, Any], job: Path) -> None:
    """Answer until the peer closes. Raises Usage LG205 to LG211, LG218, LG221 (the contract); OSError, WireError."""
    judge: Judge | None = None
    # Whoever asked may be gone before it has its answer: why, it has said itself.
    with suppress(ConnectionError):
        while (frame := link.receive()) is not None:
            if judge is None:
                judge = Judge(task, job, _kind(frame))
                link.send(judge.ready(), judge.plan.encode())
            else:
                link.send(*judge.answer(frame))


class Judge:
    """One loaded contract, its plan, and Pydantic's own word on cells and rows."""

    def __init__(self, task: Mapping[str, Any], job: Path, kind: SourceKind) -> None:
        """Raises Usage about the contract."""
        file, label = task["contract"], task["label"]
        model = load_model(job, file, task["model"])
        named = model
        if label is not None:
            check_label(model, label, file)
        if task["inference"]:
            found = inferred(model, label, file)
            model, self.table, self.plan = found.model, found.table, found.plan
        else:
            if label is not None:
                inference_model(model, label, file)
            self.table = field_table(model, label)
            self.plan = compile_plan(model, self.table)
        _check_names(self.table, file)
        self._cells = CellJudge(model, self.table)
        secrecy = Secrecy(_with_aliases(named, task["sensitive"]), bytes.fromhex(task["key"]))
        self._rows = Evaluator(model, self.table, kind, task["sources"], secrecy, bound_columns(self.plan))

    def ready(self) -> dict[str, Any]:
        """The header of `ready`."""
        versions = {"pydantic": pydantic.VERSION, "python": platform.python_version()}
        return {"op": "ready", "table": self.table.as_json(), **versions}

    def answer(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        """Header and payload of the answer to one question."""
        match frame.header:
            case {"op": "cells", "field": str(name)}:
                return {"op": "cells"}, packed(self.cells(name, unpacked(frame.payload).column(0)))
            case {"op": "rows"}:
                found = self._rows.evaluate(unpacked(frame.payload))
                accepted = packed(found.accepted)
                return {"op": "rows", "accepted": len(accepted)}, accepted + packed(found.quarantine)
        raise WireError("a question is about cells or rows")

    def cells(self, name: str, cells: pa.Array[Any]) -> pa.RecordBatch:
        """`accepted` and `value` of each cell of a field."""
        return pa.RecordBatch.from_arrays(list(self._cells.judge(name, cells)), names=["accepted", "value"])


def _kind(frame: Frame) -> SourceKind:
    kind = frame.header.get("kind")
    if frame.header.get("op") != "begin" or kind not in SOURCE_KINDS:
        raise WireError("first begin, with the kind of source")
    return cast("SourceKind", kind)


def _check_names(table: FieldTable, file: str) -> None:
    reserved = sorted({field.name for field in table.columns} & set(BOOKKEEPING))
    if reserved:
        raise Usage(
            "LG218",
            f"{file}: a field is called {reserved[0]}, a name that Lockgate needs for itself",
            seen={"fields": reserved},
            next=f"rename the field in {file}",
        )


def _with_aliases(model: type[BaseModel], names: Sequence[str]) -> frozenset[str]:
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
