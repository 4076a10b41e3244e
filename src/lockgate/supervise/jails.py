"""The processes of a served model, as jail settings: what each may see. Read this to see the boundaries.

gateway    edge      the network only through the one listening socket it inherits; registry and both logs
                     read-only; writes to the spool, and to the folders of labels, payloads and spans
contract   contract  no network; nothing but what comes over its socket
model      worker    no network; nothing but what comes over its socket
sealer     sealer    no network; spools read-only; writes to the predictions log
intake     edge      no network but its listening socket and connections handed to it; predictions log read-only;
                     writes to the intake's spools
forwarder  edge      no network but connections handed to it; spool read-only; writes nothing
controller controller  no network, no registry, no spool; event log and predictions log read-only; writes nothing
watcher    controller  the same
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lockgate.runtime import sizes
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.serve.settings import (
    FEEDBACK,
    HOME,
    INTAKE,
    PAYLOADS,
    PREDICTIONS,
    SPOOL,
    TRACES,
    ControllerSettings,
    ForwarderSettings,
    GatewaySettings,
    SealerSettings,
)

WORKER_FD = 3
WRITTEN = {"spool": SPOOL, "feedback": FEEDBACK, "payloads": PAYLOADS, "traces": TRACES}
"""Folders of the state, 0700, that a gateway writes, and their names inside."""


def gateway(home: Path, settings: GatewaySettings) -> tuple[JailSettings, Target]:
    """It answers on a socket that it inherits, and can call nobody: `edge` without the host's network.

    The connection to the server of the shared limits comes through the control socket; it cannot be turned round. While
    a model is handed over its graph counts as the gateway's memory.
    """
    binds = [Bind(home / name, f"{HOME}/{name}") for name in ("registry", "log/events")]
    binds.append(Bind(home / "log" / "predictions", PREDICTIONS))
    jail = named(
        "edge",
        python=PythonEnv.own(),
        limits=Limits(memory=(1 << 30) + sizes.MAX_MODEL, tasks=64, files=4096),
        binds=binds,
        writable=[Bind(home / "state" / folder, place) for folder, place in WRITTEN.items() if _used(place, settings)],
    )
    return replace(jail, network=False), Target("lockgate.serve.gateway", settings.arguments())


def _used(place: str, settings: GatewaySettings) -> bool:
    return place != TRACES or settings.traces > 0


def refuse_beyond_machine(ref: str, model: int, data: int) -> None:
    """Raises Unfit LG426 when this machine has not the memory that a worker of this model may need."""
    sizes.refuse_too_large(ref, model, data, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def worker(kind: str, python: PythonEnv, model: int = 0, data: int = 0) -> tuple[JailSettings, Target]:
    """The contract worker or the model worker, in the locked environment of the project.

    `model`, `data`: bytes of model.onnx and of what lies beside it, by which the memory is measured. The copy that the
    worker seals counts as a file, and may be as large as one in /tmp.
    """
    if kind == "contract":
        jail = named("contract", python=python, limits=Limits(memory=1 << 30, tasks=32))
        return jail, Target("lockgate.contract.jail.worker", (str(WORKER_FD),))
    limits = Limits(memory=sizes.worker_memory(model, data), tasks=32)
    limits = replace(limits, tmp_bytes=max(limits.tmp_bytes, data))
    jail = named("worker", python=python, limits=limits)
    return jail, Target("lockgate.runtime.jail.worker", (str(WORKER_FD),))


def sealer(home: Path, settings: SealerSettings) -> tuple[JailSettings, Target]:
    """It gets the key through its control socket."""
    jail = named(
        "sealer",
        python=PythonEnv.own(),
        limits=Limits(memory=512 << 20, tasks=16),
        binds=[Bind(home / "state" / "spool", SPOOL), Bind(home / "state" / "intake", INTAKE)],
        writable=[Bind(home / "log" / "predictions", PREDICTIONS)],
    )
    return jail, Target("lockgate.serve.sealer", settings.arguments())


def intake(home: Path, *, listening: bool) -> tuple[JailSettings, Target]:
    """It answers appenders on what it inherits, and can call nobody; the key of its TLS comes through its control
    socket. What it takes lies in a folder of its own, which the sealer reads; that it is sealed it proves from the log.
    """
    jail = named(
        "edge",
        python=PythonEnv.own(),
        limits=Limits(memory=1 << 30, tasks=64, files=4096),
        binds=[Bind(home / "log" / "predictions", PREDICTIONS)],
        writable=[Bind(home / "state" / "intake", INTAKE)],
    )
    return replace(jail, network=False), Target("lockgate.serve.appending.intake", ("listen",) if listening else ())


def forwarder(home: Path, settings: ForwarderSettings) -> tuple[JailSettings, Target]:
    """It speaks over connections that the supervisor made for it, and can make none: records to a sealer elsewhere."""
    jail = named(
        "edge",
        python=PythonEnv.own(),
        limits=Limits(memory=1 << 30, tasks=16),
        binds=[Bind(home / "state" / "spool", SPOOL)],
    )
    return replace(jail, network=False), Target("lockgate.serve.appending.forwarder", settings.arguments())


def controller(home: Path, settings: ControllerSettings) -> tuple[JailSettings, Target]:
    """It reads two logs and says what should be moved: it holds no key, and what it says is only a proposal."""
    return _reader(home), Target("lockgate.supervise.controller", settings.arguments())


def watcher(home: Path, settings: ControllerSettings) -> tuple[JailSettings, Target]:
    """It reads two logs and says what alarms: it holds no key, and what it says is only a proposal."""
    return _reader(home), Target("lockgate.supervise.watcher", settings.arguments())


def _reader(home: Path) -> JailSettings:
    return named(
        "controller",
        python=PythonEnv.own(),
        limits=Limits(memory=1 << 30, tasks=16),
        binds=[
            Bind(home / "log" / "events", f"{HOME}/log/events"),
            Bind(home / "log" / "predictions", PREDICTIONS),
        ],
    )
