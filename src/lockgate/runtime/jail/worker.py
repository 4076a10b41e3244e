"""The model worker: loads one verified model, then answers until its channel closes. Runs in the jail.

Takes one inherited stream socket (its number is the only argument) and speaks core.wire frames over it:

    -> {"op": "load", "files": [{"name": "model.onnx", "sha256": HEX}, {"name": "io.json", "sha256": HEX}]}
       with one sealed memfd per file, in that order
    <- {"op": "ready", "model": HEX, "io": HEX, "task": ..., "pid": n}
    -> {"op": "predict", "id": n, "rows": n, ...} + a table (core.table) of the fields of io.json
    <- {"op": "answer", "id": n, "rows": n, ...} + a table of the answers: label and score.N, or value
    <- {"op": "failed", "id": n, "message": "..."}          this batch has no answer; the worker goes on

Anything else ends the process: exit code 2 for a frame it does not know, 3 for a model that does not load.
Nobody trusts its answers further than a model's answers can be trusted: it holds no key, and records are made
by the gateway.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from lockgate.core.digest import from_hex
from lockgate.core.table import unpack_table
from lockgate.core.wire import MAX_PAYLOAD, Frame, WireError
from lockgate.runtime import channel, serving
from lockgate.runtime.jail.predict import Model, ModelError, answer_table, array_of

MAX_MODEL = 2 << 30
MAX_IO = 4 << 20
FILES = ("model.onnx", "io.json")

_LONGEST_MESSAGE = 1000
_ENDS = 64
"""Bytes of an answer that belong to no row."""

EXIT_PROTOCOL = 2
EXIT_MODEL = 3


def main(arguments: Sequence[str]) -> None:
    """Serve the socket whose descriptor is `arguments[0]`."""
    with socket.socket(fileno=int(arguments[0])) as sock:
        try:
            serve(sock)
        except (WireError, ConnectionError) as error:
            _leave(EXIT_PROTOCOL, error)
        except ModelError as error:
            _leave(EXIT_MODEL, error)


def serve(sock: socket.socket) -> None:
    """Load, then answer until the other end closes. Raises WireError or ModelError."""
    received = channel.receive(sock, max_files=len(FILES))
    if received is None:
        return
    model, digests = _load(*received)
    channel.send(
        sock, {"op": "ready", "model": digests[0], "io": digests[1], "task": model.spec.task, "pid": os.getpid()}
    )
    while (received := channel.receive(sock)) is not None:
        header, payload = answer(model, received[0])
        channel.send(sock, header, payload)


def answer(model: Model, frame: Frame) -> tuple[dict[str, Any], bytes]:
    """The answer to one predict frame. Raises WireError when it is none."""
    number = frame.header.get("id")
    if frame.header.get("op") != "predict" or type(number) is not int:
        raise WireError(f"unexpected frame {frame.header.get('op')!r}")
    spec = model.spec
    columns = unpack_table(spec.field_types, frame.header, frame.payload)
    if not frame.header["rows"]:
        raise WireError("a batch has at least one row")
    if frame.header["rows"] * spec.answer_bytes > MAX_PAYLOAD - _ENDS:
        return _failed(number, f"the answers to {frame.header['rows']} rows are too large for one frame")
    arrays = {field.name: array_of(column, field.kind) for field, column in zip(spec.fields, columns, strict=True)}
    try:
        header, payload = answer_table(spec, model.predict(arrays))
    except ModelError as error:
        return _failed(number, str(error))
    except Exception as error:  # noqa: BLE001 - what a model makes of some rows must not end it for all others
        return _failed(number, f"the model's answer cannot be read: {type(error).__name__}")
    return {"op": "answer", "id": number, **header}, payload


def _failed(number: int, message: str) -> tuple[dict[str, Any], bytes]:
    """`message` may quote the model, which may quote the rows."""
    told = message[:_LONGEST_MESSAGE].encode("utf-8", "replace").decode()
    return {"op": "failed", "id": number, "message": told}, b""


def _load(frame: Frame, files: list[int]) -> tuple[Model, list[str]]:
    """1. two named files with digests; 2. each sealed, its bytes of that digest; 3. the model of those very bytes."""
    try:
        listed = frame.header.get("files")
        if frame.header.get("op") != "load" or not isinstance(listed, list) or len(files) != len(FILES):
            raise WireError("the first frame is load, with model.onnx and io.json")
        if [entry.get("name") if isinstance(entry, dict) else None for entry in listed] != list(FILES):
            raise WireError("load names model.onnx and io.json, in that order")
        digests = [str(entry.get("sha256")) for entry in listed]
        try:
            wanted = [from_hex(digest) for digest in digests]
        except ValueError as error:
            raise WireError(str(error)) from None
        model = channel.read_sealed(files[0], wanted[0], max_bytes=MAX_MODEL)
        io = channel.read_sealed(files[1], wanted[1], max_bytes=MAX_IO)
    finally:
        for fd in files:
            os.close(fd)
    try:
        spec = serving.parse(io)
    except ValueError as error:
        raise ModelError(str(error)) from None
    return Model(model, spec), digests


def _leave(code: int, error: Exception) -> None:
    sys.stderr.write(f"model worker: {error}\n")
    sys.exit(code)
