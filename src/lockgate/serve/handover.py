"""A verified model goes to its workers: the very bytes that were verified, and no name or path of a file.

model.onnx and io.json travel as memfds that are sealed against every change before they are hashed, so that the
worker cannot be shown other bytes than those verified. The contract's sources are small and travel in a frame.
"""

from __future__ import annotations

import socket

from lockgate.audit.entries import Registration
from lockgate.contract.call import load_frame, read_ready
from lockgate.core.digest import Digest, hex_of
from lockgate.core.wire import Frame, WireError
from lockgate.errors import VerificationFailed
from lockgate.runtime import channel
from lockgate.serve.declined import WorkerLost
from lockgate.serve.evidence import IO, MODEL, Loadable


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
        _load_model(sock, loaded)
    except (WireError, OSError) as error:
        raise WorkerLost(f"the {kind} worker did not load: {error}") from None
    return b""


def _load_contract(sock: socket.socket, loaded: Loadable) -> bytes:
    contract = loaded.contract
    inputs = [(field.name, field.kind) for field in loaded.spec.fields]
    channel.send(sock, *load_frame(contract.reference, contract.label, inputs, contract.files))
    return read_ready(_answer(sock))


def _load_model(sock: socket.socket, loaded: Loadable) -> None:
    load_model(sock, loaded.decision.registration, loaded.model, loaded.io)


def load_model(sock: socket.socket, registration: Registration, model: bytes, io: bytes) -> None:
    """Load a model into its worker, and wait until it is ready. Blocks.

    1. into memfds; 2. sealed; 3. hashed after sealing; 4. compared with the registration; 5. handed over.
    Raises WireError, OSError; VerificationFailed LG619.
    """
    wanted = {name: registration.file(name).digest for name in (MODEL, IO)}
    sealed = {}
    try:
        for name, data in ((MODEL, model), (IO, io)):
            sealed[name] = channel.seal(data, name)
            _compare(name, sealed[name].digest, wanted[name])
        listed = [{"name": name, "sha256": hex_of(digest)} for name, digest in wanted.items()]
        channel.send(sock, {"op": "load", "files": listed}, files=[one.fd for one in sealed.values()])
    finally:
        for one in sealed.values():
            one.close()
    header = _answer(sock).header
    if header.get("op") != "ready" or header.get("model") != hex_of(wanted[MODEL]):
        raise WireError("the model worker is not ready with this model")


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
