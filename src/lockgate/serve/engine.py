"""The live model as the gateway drives it: contract worker, then model worker, over their links.

Neither worker is trusted. The contract worker's columns must be those of io.json for exactly the rows asked; the
model worker's answer must be labels among the declared classes and finite numbers, else nothing is handed on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.contract.call import check_frame, read_checked
from lockgate.core.wire import Column, Frame, WireError, pack_columns, unpack_columns
from lockgate.runtime.serving import WIRE, ServingSpec
from lockgate.serve.body import Record
from lockgate.serve.link import WorkerLink
from lockgate.serve.service import NoAnswer, Prediction, WorkerLost
from lockgate.serve.spec import Caps, Checked, Served
from lockgate.serve.turn import Turn


@dataclass(frozen=True)
class Batch:
    """Accepted rows of one request."""

    columns: tuple[Column, ...]
    rows: int


class JailedEngine:
    """One verified model. `contract` and `model` are its links; the gateway replaces a lost one."""

    def __init__(
        self, served: Served, spec: ServingSpec, caps: Caps, *, contract: WorkerLink, model: WorkerLink
    ) -> None:
        self.served = served
        self.contract = contract
        self.model = model
        self._spec = spec
        self._number = 0
        self._checks: Turn[Sequence[Record], Checked] = Turn(self._check, batch=1, queue=caps.waiting_rows)
        self._turn: Turn[Batch, Sequence[Prediction] | NoAnswer] = Turn(
            self._predict, batch=caps.batch_rows, queue=caps.waiting_rows
        )

    async def check(self, records: Sequence[Record]) -> Checked:
        """The contract's word. Raises WorkerLost, Full."""
        return await self._checks.ask(records, len(records))

    async def predict(self, columns: Sequence[Column], rows: int) -> Sequence[Prediction]:
        """One prediction per row. Raises WorkerLost, NoAnswer, Full."""
        found = await self._turn.ask(Batch(tuple(columns), rows), rows)
        if isinstance(found, NoAnswer):
            raise found
        return found

    def close(self) -> None:
        """Let both workers go."""
        self.contract.close()
        self.model.close()

    async def _check(self, questions: Sequence[Sequence[Record]]) -> Sequence[Checked]:
        return [await self._check_one(records) for records in questions]

    async def _check_one(self, records: Sequence[Record]) -> Checked:
        self._number += 1
        link = self.contract
        frame = await link.ask(*check_frame(self._number, records))
        try:
            columns, errors = read_checked(frame, self._number, len(records))
            wanted = [(field.name, WIRE[field.kind]) for field in self._spec.fields]
            if not errors and [(column.name, column.type) for column in columns] != wanted:
                raise WireError("the contract worker's columns are not the fields of io.json")
        except WireError as error:
            link.lose(str(error))
            raise WorkerLost(str(error)) from None
        return Checked(tuple(columns), tuple(errors))

    async def _predict(self, batches: Sequence[Batch]) -> Sequence[Sequence[Prediction] | NoAnswer]:
        """Together first; when the model fails on them, one by one, so that only the culprit has no answer."""
        try:
            together = await self._ask_model(join(batches))
        except NoAnswer as error:
            if len(batches) == 1:
                return [error]
            return [one for batch in batches for one in await self._predict([batch])]
        found, start = [], 0
        for batch in batches:
            found.append(together[start : start + batch.rows])
            start += batch.rows
        return found

    async def _ask_model(self, batch: Batch) -> Sequence[Prediction]:
        self._number += 1
        header, payload = pack_columns(batch.columns, batch.rows)
        link = self.model
        frame = await link.ask({"op": "predict", "id": self._number, **header}, payload)
        try:
            return read_answer(self._spec, frame, self._number, batch.rows)
        except WireError as error:
            link.lose(str(error))
            raise WorkerLost(str(error)) from None


def join(batches: Sequence[Batch]) -> Batch:
    """The rows of all batches, in order; the columns are those of the first."""
    if len(batches) == 1:
        return batches[0]
    columns = tuple(
        Column.of(first.name, first.type, [value for batch in batches for value in batch.columns[place].values()])
        for place, first in enumerate(batches[0].columns)
    )
    return Batch(columns, sum(batch.rows for batch in batches))


def read_answer(spec: ServingSpec, frame: Frame, number: int, rows: int) -> list[Prediction]:
    """Predictions from the model worker's frame.

    Raises:
        WireError: the frame is not an answer to this question; the link cannot be trusted any further.
        NoAnswer: the model failed, or gave a label that is not declared or a number that is not finite.
    """
    op = frame.header.get("op")
    if frame.header.get("id") != number or op not in ("answer", "failed"):
        raise WireError("not an answer to this question")
    if op == "failed":
        raise NoAnswer("the model failed on this batch")
    columns = unpack_columns(frame.header, frame.payload, max_rows=rows)
    wanted = {"value": "float64"}
    if spec.task != "regression":
        wanted = {"label": spec.class_type, **dict.fromkeys(spec.score_names, "float64")}
    kinds = {name: column.type for name, column in columns.items()}
    if kinds != wanted or any(column.nulls or column.rows != rows for column in columns.values()):
        raise WireError("the answer's columns are not those of the task")
    if spec.task == "regression":
        return [{"value": _finite(value)} for value in columns["value"].values()]
    scores = zip(*(columns[name].values() for name in spec.score_names), strict=True)
    keys = [class_key(name) for name in spec.classes or ()]
    return [
        {"label": _declared(label, spec), "scores": dict(zip(keys, map(_finite, row), strict=True))}
        for label, row in zip(columns["label"].values(), scores, strict=True)
    ]


def class_key(name: Any) -> str:
    """A class as key of `scores`: a string as it is, numbers and booleans as JSON spells them."""
    return name if isinstance(name, str) else json.dumps(name)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise NoAnswer("the model gave a number that is not finite")
    return number


def _declared(label: Any, spec: ServingSpec) -> Any:
    if label not in (spec.classes or ()):
        raise NoAnswer("the model gave a label that is not declared")
    return label
