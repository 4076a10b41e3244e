"""A contract as the gateway and its contract worker have it, without a jail: for comparing the two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from lockgate.contract.given import Given
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_requests
from lockgate.contract.jail.inference import inference_model
from lockgate.contract.jail.worker import Checker
from lockgate.contract.plan import Plan, parse_plan
from lockgate.contract.request_memory import UNKNOWN
from lockgate.contract.requests import RequestChecker
from lockgate.contract.spec import WIRE, ContractField, Kind
from lockgate.core.wire import Column
from lockgate.errors import Usage

LIMIT = 1000


@dataclass
class Pair:
    """What accepts at sight, and Pydantic, of one inference contract."""

    inputs: Sequence[tuple[str, Kind]]
    plan: Plan
    checker: RequestChecker
    truth: Checker

    @classmethod
    def of(cls, model: type[BaseModel], label: str | None = None) -> Pair:
        """Both of `model`; without the label where the contract allows it to be left out."""
        try:
            inference = model if label is None else inference_model(model, label, "contract.py")
        except Usage:
            inference, label = model, None
        table = field_table(inference, label)
        plan = compile_requests(inference, table)
        fields = [ContractField(each.name, each.kind) for each in table.inputs if each.kind in WIRE]
        inputs = [(each.name, each.kind) for each in fields]
        sent = parse_plan(plan.encode())
        return cls(inputs, sent, RequestChecker(sent, inputs), Checker(inference, fields, plan))

    def read(self, *records: str | bytes) -> Given:
        """What the gateway makes of a body with these records."""
        return self.checker.read(body(*records), limit=LIMIT)

    def asked(self, canonical: Sequence[bytes]) -> list[Column] | None:
        """Pydantic's columns for these records, or None where it refuses one."""
        errors, columns, _ = self.truth.check(b"[" + b",".join(canonical) + b"]")
        return None if errors else columns

    def rows(self, canonical: Sequence[bytes]) -> list[tuple[Any, ...]] | None:
        """The rows of `asked`."""
        columns = self.asked(canonical)
        if columns is None:
            return None
        if not columns:
            return [()] * len(canonical)
        return list(zip(*(column.values() for column in columns), strict=True))

    def taught(self, *records: str | bytes) -> Given:
        """Read, ask Pydantic, learn, and read again."""
        given = self.read(*records)
        columns = self.asked(given.canonical)
        assert columns is not None, "Pydantic refuses this record"
        self.checker.learn(given, columns)
        return self.read(*records)


def body(*records: str | bytes) -> bytes:
    """The body of a request with records as they are spelled."""
    return b'{"records": [' + b", ".join(one.encode() if isinstance(one, str) else one for one in records) + b"]}"


def spelled(value: object) -> bytes:
    """The exact encoding, by Python's own JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


FORBID = ConfigDict(extra="forbid", allow_inf_nan=False)


def pair_of(annotation: Any, *default: Any, config: ConfigDict = FORBID, label: str | None = None, **more: Any) -> Pair:
    """The pair of a contract with the field x, and perhaps more."""
    fields: dict[str, Any] = {"x": (annotation, *(default or (...,))), **more}
    return Pair.of(create_model("Record", __config__=config, **fields), label)


def at_sight(pair: Pair, *tokens: str) -> list[Any]:
    """The value of x that each token gives at sight; UNKNOWN where Pydantic is to be asked."""
    found = [pair.read(f'{{"x": {token}}}').values for token in tokens]
    return [UNKNOWN if values is None else values[0][0] for values in found]
