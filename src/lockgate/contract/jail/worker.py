"""Judges the records of requests by the inference contract, for as long as the gateway keeps the socket open.

Runs in a `contract` jail: no network, no keys. The protocol is drawn in `contract.call`. The verdict is Pydantic's
own on JSON (`model_validate_json`); all records of a question are accepted, or none.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Annotated, Any

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError

from lockgate.contract.call import MAX_ERRORS, read_inputs
from lockgate.contract.findings import clean, encode_finding
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail.columns import field_table, misfit, plain_value, wrong_kind
from lockgate.contract.jail.compile import compile_requests
from lockgate.contract.jail.inference import inference_model
from lockgate.contract.jail.load import check_label, load_model
from lockgate.contract.jail.refusal import SIZE, Told, beyond, bounded, own, raised, reasons, weighed
from lockgate.contract.plan import Plan
from lockgate.contract.spec import WIRE, ContractField
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.wire import MAX_PAYLOAD, Assembler, Column, Frame, WireError, pack, pack_columns
from lockgate.errors import LockgateError, Usage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CHUNK = 1 << 18


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail: `arguments` is the number of the inherited socket."""
    settle_without_pandas()
    try:
        with socket.socket(fileno=int(arguments[0])) as link:
            serve(link, Path(mkdtemp(prefix="job-")))
    except (OSError, WireError) as error:
        sys.stderr.write(f"contract worker: {clean(str(error))}\n")
        raise SystemExit(1) from None


def serve(link: socket.socket, job: Path) -> None:
    """Load one contract into `job`, then answer until the peer closes. Raises WireError, OSError."""
    checker: Checker | None = None
    for frame in _frames(link):
        op = frame.header.get("op")
        if op == "load" and checker is None:
            try:
                checker = load(frame, job)
            except LockgateError as error:
                link.sendall(pack({"op": "finding", **decode(encode_finding(error))}))
                return
            link.sendall(pack({"op": "ready", "model": checker.name, "pid": os.getpid()}, checker.plan))
        elif op == "check" and checker is not None:
            link.sendall(checker.answer(frame))
        else:
            raise WireError("first load, once, then check")


class Checker:
    """One loaded inference contract. `inputs` are the fields to answer with, in their order; `plan` is compiled."""

    def __init__(self, model: type[BaseModel], inputs: Sequence[ContractField], plan: Plan) -> None:
        self.name = model.__name__
        self.plan = plan.encode()
        self._inputs = inputs
        self._fields = len(model.model_fields)
        self._one = model.__pydantic_validator__
        several: Any = list[model]  # type: ignore[valid-type]  # a class made at run time
        self._all = TypeAdapter(several).validator
        self._first = TypeAdapter(Annotated[several, FailFast()]).validator

    def answer(self, frame: Frame) -> bytes:
        """The answer to one `check`, as bytes: there is one, whatever the records hold."""
        number = frame.header.get("id")
        errors, columns, rows = self.check(frame.payload)
        if errors:
            return pack({"op": "refused", "id": number, "errors": bounded(errors)})
        header, payload = pack_columns(columns, rows)
        return pack({"op": "accepted", "id": number, **header}, payload)

    def check(self, payload: bytes) -> tuple[list[Told], list[Column], int]:
        """Errors, or columns; and the number of records in the JSON array `payload`."""
        errors, many = weighed(payload, self._fields)
        if errors:
            return errors, [], 0
        validator = self._first if many else self._all
        try:
            records: Sequence[Any] = validator.validate_json(payload)
        except BaseException as error:  # noqa: BLE001 - a validator raises what it likes, and SystemExit ends nothing
            return self._refusal(error, validator.title, payload), [], 0
        try:
            columns, over = self._columns(records)
        except BaseException:  # noqa: BLE001 - computed fields are user code too
            return self._misfits(records), [], 0
        if over is not None:
            return [own(over, None, SIZE, "with this record, the values for the model are too large")], [], 0
        return [], columns, len(records)

    def _columns(self, records: Sequence[Any]) -> tuple[list[Column], int | None]:
        """The model's inputs; or the record with which they no longer fit one answer."""
        kinds = [WIRE[field.kind] for field in self._inputs]
        values = [[self._value(field, record) for record in records] for field in self._inputs]
        over = beyond(kinds, values, len(records), MAX_PAYLOAD)
        if over is not None:
            return [], over
        described = zip(self._inputs, kinds, values, strict=True)
        return [Column.of(field.name, kind, cells) for field, kind, cells in described], None

    def _refusal(self, error: BaseException, title: str, payload: bytes) -> list[Told]:
        """What Pydantic found, or else on which records the contract's code raised.

        `title`: of what was validated. Code may raise an error of Pydantic's too, whose places are not in our records.
        """
        if isinstance(error, ValidationError) and error.title == title:
            with suppress(BaseException):
                return reasons(error)
        try:
            records: list[Any] = decode(payload)
        except ValueError:
            return [raised(0, None, error)]
        errors: list[Told] = []
        for index, record in enumerate(records):
            errors += self._faults(index, record)
            if len(errors) >= MAX_ERRORS:
                break
        return errors or [raised(0, None, error)]

    def _faults(self, index: int, record: Any) -> list[Told]:
        try:
            self._one.validate_json(encode(record))
        except ValidationError as error:
            with suppress(BaseException):
                return reasons(error, index)
            return [raised(index, None, error)]
        except BaseException as error:  # noqa: BLE001 - see check
            return [raised(index, None, error)]
        return []

    def _misfits(self, records: Sequence[Any]) -> list[Told]:
        errors: list[Told] = []
        for index, record in enumerate(records):
            for field in self._inputs:
                try:
                    found = misfit(field, getattr(record, field.name))
                except BaseException as error:  # noqa: BLE001 - see check
                    errors.append(raised(index, field.name, error))
                    continue
                if found is not None:
                    errors.append(own(index, field.name, *found))
            if len(errors) >= MAX_ERRORS:
                break
        return errors or [own(0, None, "lockgate_type", "a value cannot be given to the model")]

    @staticmethod
    def _value(field: ContractField, record: Any) -> Any:
        value = plain_value(field.kind, getattr(record, field.name))
        if field.kind == "timestamp" and value is not None:
            aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return (aware - _EPOCH) // _MICROSECOND
        if wrong_kind(field, value) is not None:
            raise WireError(f"{field.name} holds a value of another kind")
        return value


def load(frame: Frame, job: Path) -> Checker:
    """Write the files of a `load` frame into `job`, import the contract there, derive the inference contract.

    Raises WireError when the frame is not of its form, Usage LG205 to LG211 and LG220 about the contract.
    """
    header = frame.header
    contract, label, files = header.get("contract"), header.get("label"), header.get("files")
    if not isinstance(contract, str) or not isinstance(label, str) or not isinstance(files, list):
        raise WireError("load names a contract, a label and files")
    inputs = read_inputs(header.get("inputs"))
    _write(job, files, frame.payload)
    file, _, name = contract.rpartition(":")
    model = load_model(job, file, name)
    check_label(model, label, file)
    table = field_table(model, label)
    known = {field.name: field for field in table.inputs}
    for wanted, kind in inputs:
        if wanted not in known or known[wanted].kind != kind:
            raise Usage(
                "LG220",
                f"the model wants the field {wanted!r} as {kind}, which the contract does not give at inference",
                seen={"field": wanted, "kind": kind, "contract": contract},
                next="lockgate run",
            )
    inference = inference_model(model, label, file)
    plan = compile_requests(inference, field_table(inference, label))
    return Checker(inference, [known[wanted] for wanted, _ in inputs], plan)


def _frames(link: socket.socket) -> Any:
    assembler = Assembler()
    while data := link.recv(_CHUNK):
        yield from assembler.feed(data)
    if not assembler.idle:
        raise WireError("the stream ended inside a frame")


def _write(job: Path, files: Sequence[Mapping[str, Any]], payload: bytes) -> None:
    start = 0
    for entry in files:
        name, size = entry.get("name"), entry.get("bytes")
        if not isinstance(name, str) or type(size) is not int or size < 0:
            raise WireError("a file has a name and a size")
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts:
            raise WireError(f"{name!r} leaves its folder")
        data = payload[start : start + size]
        start += size
        if len(data) != size or hex_of(digest_of(data)) != entry.get("sha256"):
            raise WireError(f"{name!r} does not have the digest that was announced")
        (job / path).parent.mkdir(parents=True, exist_ok=True)
        (job / path).write_bytes(data)
    if start != len(payload):
        raise WireError("bytes that belong to no file")
