"""A house of two gateways, stepped by hand: processes are fakes, sockets real."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import control
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD, LISTENER_FD, GatewaySettings
from lockgate.serve.spec import Caps
from lockgate.supervise import house
from lockgate.supervise.house import House
from lockgate.supervise.household import Household
from lockgate.supervise.listening import listening

FIRST = "sha256:" + "0" * 64
"""The model that the house comes up with."""


class Fake:
    """A process whose end the test decides."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.killed = False

    def poll(self) -> int | None:
        """The code that the test set."""
        return self.code

    def terminate(self) -> None:
        """Ends in order."""
        self.code = 143

    def kill(self) -> None:
        """Ends at once."""
        self.killed, self.code = True, 137


class Child(Fake):
    """A process that was started, and our hold of its end of the control socket."""

    def __init__(self, target: Any, descriptors: dict[int, int]) -> None:
        super().__init__()
        self.module = target.module
        self.settings = GatewaySettings.parse(target.arguments) if target.module == "lockgate.serve.gateway" else None
        self.listener = os.fstat(descriptors[LISTENER_FD]).st_ino if LISTENER_FD in descriptors else 0
        self.link = socket.socket(fileno=os.dup(descriptors[CONTROL_FD])) if CONTROL_FD in descriptors else None

    def heard(self) -> list[Told]:
        """All that it was told until now."""
        assert self.link is not None
        self.link.settimeout(0.05)
        found = []
        with suppress(TimeoutError):
            while told := control.hear(self.link, descriptors=1):
                told.drop()
                found.append(told)
        return found


class Street:
    """A house with two gateways, stepped by hand."""

    def __init__(self, household: Household) -> None:
        self.children: list[Child] = []
        self.said: list[str] = []
        self.opened = 0
        self.house = House(household, say=self.said.append, opened=self._open, launch=self._launch)
        self.now = 0.0

    def step(self, times: int = 1) -> None:
        """Time goes on."""
        for _ in range(times):
            self.house.step(self.now)
            self.now += 0.1

    def gateway(self, number: int) -> Child:
        """The newest process of a gateway."""
        return next(one for one in self.children[::-1] if one.settings is not None and one.settings.number == number)

    def newest(self, module: str) -> Child:
        """The newest process that runs `lockgate.MODULE`."""
        return next(one for one in self.children[::-1] if one.module == f"lockgate.{module}")

    def workers(self) -> dict[str, Child]:
        """Each worker that is kept, by its name."""
        kept = {name: one.process for name, one in self.house.kept.items() if name.startswith(("model", "contract"))}
        return {name: process for name, process in kept.items() if isinstance(process, Child)}

    def says(self, child: Child, what: str, **fields: Any) -> None:
        """A child tells the supervisor something, which then takes two steps."""
        assert child.link is not None
        control.tell(child.link, what, **fields)
        self.step(2)

    def _open(self) -> None:
        self.opened += 1

    def _launch(self, _settings: Any, target: Any, descriptors: dict[int, int]) -> Child:
        self.children.append(Child(target, descriptors))
        return self.children[-1]


@contextmanager
def street_of(tmp_path: Path, gateways: int = 2, **changes: Any) -> Iterator[Street]:
    """Its gateways are started. `changes`: of the household."""
    seen: Any = SimpleNamespace(load=lambda: b"", advance=lambda _: None)
    nothing = dict.fromkeys(("clients", "tokens", "tls"), bytes)
    with listening("127.0.0.1", 0, gateways) as listeners, pytest.MonkeyPatch.context() as patch:
        patch.setattr(house, "TICK_SECONDS", 0.01)
        fields: dict[str, Any] = {
            "home": tmp_path,
            "root": "0" * 64,
            "environment": "dev",
            "name": "flights",
            "manifest": FIRST,
            "caps": Caps(),
            "sealer_public": bytes(32),
            "predictions_origin": "origin",
            "listeners": listeners,
            "events_seen": seen,
            "predictions_seen": seen,
            "sealer_key": bytes,
            "edge_secrets": bytes,
            "reloaded": {**nothing, "shared": lambda: b"x"},
            "python_for": lambda _: PythonEnv.own(),
        }
        found = Street(Household(**{**fields, **changes}))
        found.step()
        try:
            yield found
        finally:
            for child in found.children:
                child.code = 0
            found.house.stop(lambda: 0.0)
            for child in found.children:
                if child.link is not None:
                    child.link.close()
