"""A verified model goes to its workers: the very bytes that were verified, and no name or path of a file.

model.onnx, io.json and the code of features travel as memfds that are sealed against every change before they are
hashed, so that the worker cannot be shown other bytes than those verified. What lies beside a graph, model.onnx.data,
is larger than the gateway: the worker is handed the registry's file, makes such a memfd of it itself, hashes that and
loads it, or ends. The contract's sources are small and travel in a frame.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

from lockgate.audit.entries import Registration
from lockgate.contract.call import load_frame, read_ready
from lockgate.core.digest import Digest, hex_of
from lockgate.core.wire import Frame, WireError
from lockgate.errors import VerificationFailed
from lockgate.runtime import channel
from lockgate.runtime.channel import Sealed
from lockgate.runtime.code_bundle import NAME as BUNDLE
from lockgate.runtime.sizes import DATA
from lockgate.serve.declined import WorkerLost
from lockgate.serve.evidence import IO, MODEL, Loadable, ModelFiles, Stored
from lockgate.store.files import hash_fd


def hand_over(kind: str, sock: socket.socket, loaded: Loadable, *, seconds: float) -> bytes:
    """Load `loaded` into the worker at the other end of `sock`, and wait until it is ready. Blocks.

    Gives what the contract worker made of the contract: its compiled plan, which nobody but that contract rests on.

    Raises:
        WorkerLost: the worker ended, stalled, or answered out of form.
        LockgateError: the worker names a finding about the contract.
        VerificationFailed: LG619 the bytes in the sealed memfd are not those that were registered.
    """
    sock.settimeout(seconds)
    try:
        if kind == "contract":
            return _load_contract(sock, loaded)
        load_model(sock, loaded.decision.registration, loaded.files)
    except (WireError, OSError) as error:
        raise WorkerLost(f"the {kind} worker did not load: {error}") from None
    return b""


def _load_contract(sock: socket.socket, loaded: Loadable) -> bytes:
    contract = loaded.contract
    inputs = [(field.name, field.kind) for field in loaded.spec.fields]
    channel.send(sock, *load_frame(contract.reference, contract.label, inputs, contract.files))
    return read_ready(_answer(sock))


def load_model(sock: socket.socket, registration: Registration, files: ModelFiles) -> None:
    """Load a model into its worker, and wait until it is ready. Blocks.

    1. into memfds; 2. sealed; 3. hashed after sealing; 4. compared with the registration; 5. handed over, with the
    registry's file of what is not copied here; 6. the worker says by digest what it loaded.
    Raises WireError, OSError; VerificationFailed LG619, LG805.
    """
    with ExitStack() as beside, ExitStack() as copies:
        given = dict(_copies(copies, registration, files))
        if files.data is not None:
            data = files.data.open()
            beside.callback(os.close, data)
            given[DATA] = (data, registration.file(DATA).digest)
        names = [name for name in (MODEL, IO, DATA, BUNDLE) if name in given]
        digests = {name: hex_of(given[name][1]) for name in names}
        listed = [{"name": name, "sha256": digest} for name, digest in digests.items()]
        channel.send(sock, {"op": "load", "files": listed}, files=[given[name][0] for name in names])
        copies.close()
        try:
            header = _answer(sock).header
        except (WireError, OSError):
            if DATA in given:
                # The worker ends on other bytes and cannot say so: what it was handed is still at hand.
                _compare(DATA, hash_fd(given[DATA][0]), given[DATA][1])
            raise
    if header.get("op") != "ready" or header.get("files") != digests:
        raise WireError("the model worker is not ready with this model")


def _copies(
    closing: ExitStack, registration: Registration, files: ModelFiles
) -> Iterator[tuple[str, tuple[int, Digest]]]:
    """Steps 1 to 4: the memfds by name. The bundle was made here, of code that was verified."""
    for name, content in ((MODEL, files.model), (IO, files.io), (BUNDLE, files.code)):
        if content is None:
            continue
        one = channel.seal(content, name) if isinstance(content, bytes) else _sealed_file(content)
        closing.callback(one.close)
        if name != BUNDLE:
            _compare(name, one.digest, registration.file(name).digest)
        yield name, (one.fd, one.digest)


def _sealed_file(file: Stored) -> Sealed:
    source = file.open()
    try:
        return channel.seal_file(source, MODEL, max_bytes=file.size)
    except WireError:
        # It has grown since it was verified.
        _compare(MODEL, hash_fd(source), file.digest)
        raise
    finally:
        os.close(source)


def _answer(sock: socket.socket) -> Frame:
    received = channel.receive(sock)
    if received is None:
        raise WireError("it ended")
    return received[0]


def _compare(name: str, found: Digest, wanted: Digest) -> None:
    if found != wanted:
        raise VerificationFailed(
            "LG619",
            f"{name} changed between verification and load",
            seen={"file": name, "expected": wanted, "seen": found},
            next="lockgate verify --all",
        )
