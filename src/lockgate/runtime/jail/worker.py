"""The model worker: loads one verified model, then answers until its channel closes. Runs in the jail.

Takes one inherited stream socket (its number is the only argument) and speaks core.wire frames over it:

    -> {"op": "load", "files": [{"name": "model.onnx", "sha256": HEX}, {"name": "io.json", "sha256": HEX}, ...]}
       with one descriptor per file, in that order; after these two model.onnx.data, where the model has one, and
       code.json, where io.json has features. The data is the stored file itself, the others are sealed memfds
    <- {"op": "ready", "files": {NAME: HEX}, "model": HEX, "io": HEX, "task": ..., "pid": n}
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
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lockgate.core.digest import Digest, from_hex
from lockgate.core.table import unpack_table
from lockgate.core.wire import MAX_PAYLOAD, Frame, WireError
from lockgate.runtime import channel, code_bundle, serving
from lockgate.runtime.jail.predict import Model, ModelError, answer_table, array_of
from lockgate.runtime.serving import ServingSpec
from lockgate.runtime.sizes import DATA, MAX_DATA, MAX_MODEL

if TYPE_CHECKING:
    from lockgate.runtime.jail.features import Features

MAX_IO = 4 << 20
FILES = ("model.onnx", "io.json")
CODE = code_bundle.NAME
_LISTS = (FILES, (*FILES, DATA), (*FILES, CODE), (*FILES, DATA, CODE))

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
    received = channel.receive(sock, max_files=len(_LISTS[-1]))
    if received is None:
        return
    model, digests = _load(*received)
    ready = {"op": "ready", "files": digests, "model": digests[FILES[0]], "io": digests[FILES[1]]}
    channel.send(sock, {**ready, "task": model.spec.task, "pid": os.getpid()})
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


def _load(frame: Frame, files: list[int]) -> tuple[Model, dict[str, str]]:
    """1. named files with digests; 2. the bytes of each of that digest, where nobody can change them any more;
    3. every descriptor is closed, the registry's file too, before anything of the model, maybe hostile, is looked at;
    4. the model of those very bytes, and of no others: data and code are there where the model needs them;
    5. its code, which leads `sys.path`, once the graph is loaded: a neighbour called onnx.py stands in for nothing.
    """
    try:
        # 1.
        wanted = _named(frame, len(files))
        given = dict(zip(wanted, files, strict=True))
        # 2.
        model = channel.read_sealed(given[FILES[0]], wanted[FILES[0]], max_bytes=MAX_MODEL)
        io = channel.read_sealed(given[FILES[1]], wanted[FILES[1]], max_bytes=MAX_IO)
        code = channel.read_sealed(given[CODE], wanted[CODE], max_bytes=code_bundle.MOST) if CODE in given else None
        data = _own_copy(given[DATA], wanted[DATA]) if DATA in given else None
    finally:
        # 3.
        for fd in files:
            os.close(fd)
    # 4.
    try:
        spec = serving.parse(io)
        loaded = Model(model, spec, data=data)
        # 5.
        loaded.features = _features(spec, code)
    except ValueError as error:
        raise ModelError(str(error)) from None
    return loaded, {name: digest.removeprefix("sha256:") for name, digest in wanted.items()}


def _named(frame: Frame, count: int) -> dict[str, Digest]:
    listed = frame.header.get("files")
    if frame.header.get("op") != "load" or not isinstance(listed, list) or len(listed) != count:
        raise WireError("the first frame is load, with model.onnx and io.json")
    entries: list[Mapping[str, Any]] = [entry if isinstance(entry, dict) else {} for entry in listed]
    if tuple(entry.get("name") for entry in entries) not in _LISTS:
        raise WireError(f"load names model.onnx and io.json, then {DATA} and {CODE} where there are any, in that order")
    try:
        return {str(entry["name"]): from_hex(str(entry.get("sha256"))) for entry in entries}
    except ValueError as error:
        raise WireError(str(error)) from None


def _own_copy(fd: int, digest: Digest) -> memoryview:
    """What the registry's file holds, in memory that nobody can write to: it is mapped, and never copied again."""
    sealed = channel.seal_file(fd, DATA, max_bytes=MAX_DATA)
    try:
        if sealed.digest != digest:
            raise WireError(f"{DATA} has digest {sealed.digest}, not {digest}")
        return channel.mapped(sealed)
    finally:
        sealed.close()


def _features(spec: ServingSpec, code: bytes | None) -> Features | None:
    """Raises ValueError, ModelError."""
    if (spec.features is None) != (code is None):
        raise ValueError(f"{CODE} is there exactly when io.json has features")
    if code is None:
        return None
    # A model without features, which most are, starts without pandas.
    from lockgate.runtime.jail.features import Features

    return Features(code_bundle.unpack(code), spec)


def _leave(code: int, error: Exception) -> None:
    sys.stderr.write(f"model worker: {error}\n")
    sys.exit(code)
