"""The model worker that scores a file: the same jail and the same frames as a gateway's, one batch after another."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, Self

from lockgate.audit.entries import Registration
from lockgate.core.wire import WireError
from lockgate.errors import Refused
from lockgate.runtime import channel, sizes
from lockgate.sandbox.launch import Jail, RunningJail
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve.answers import Prediction, Reader
from lockgate.serve.declined import NoAnswer
from lockgate.serve.evidence import Closed
from lockgate.serve.handover import load_model
from lockgate.supervise import jails

LOAD_SECONDS = 60.0
BATCH_SECONDS = 300.0


class Worker:
    """One jailed model. Leaving the block ends it."""

    def __init__(self, registration: Registration, closed: Closed, python: PythonEnv) -> None:
        self._registration, self._closed, self._python = registration, closed, python
        self._reader = Reader(closed.spec)
        self._number = 0
        self._link: socket.socket | None = None
        self._jail: RunningJail | None = None

    def __enter__(self) -> Self:
        """Start the jail and load the verified bytes. Raises Unfit LG426; Refused LG676; VerificationFailed LG619."""
        self._link, theirs = socket.socketpair()
        try:
            with theirs:
                files = self._closed.files
                large = (files.model.size, files.data.size if files.data is not None else 0)
                jails.refuse_beyond_machine(self._registration.ref, *large)
                settings, target = jails.worker("model", self._python, *large)
                self._jail = Jail(settings).start(target, descriptors={jails.WORKER_FD: theirs.fileno()})
            self._link.settimeout(LOAD_SECONDS + sizes.load_seconds(*large))
            load_model(self._link, self._registration, self._closed.files)
        except (WireError, OSError) as error:
            self.close()
            raise self._lost("loading", str(error)) from None
        except BaseException:
            self.close()
            raise
        self._link.settimeout(BATCH_SECONDS)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        if self._link is not None:
            self._link.close()
        if self._jail is not None:
            self._jail.kill()

    def predict(self, header: dict[str, Any], payload: bytes) -> list[Prediction]:
        """One prediction per row of a table (`core.table`). Raises Refused LG676."""
        if self._link is None:
            raise ValueError("the worker was not started")
        self._number += 1
        try:
            channel.send(self._link, {"op": "predict", "id": self._number, **header}, payload)
            received = channel.receive(self._link)
            if received is None:
                raise WireError("it ended")
            return self._reader.read(received[0], self._number, int(header["rows"]))
        except NoAnswer as error:
            raise self._lost("a batch", str(error)) from None
        except (WireError, OSError) as error:
            raise self._lost("a batch", str(error)) from None

    def encode(self, prediction: Prediction) -> bytes:
        """A prediction as it came, in the exact encoding."""
        return self._reader.encode(prediction)

    def _lost(self, what: str, why: str) -> Refused:
        ended = self._jail.ended if self._jail is not None else None
        return Refused(
            "LG676",
            f"{self._registration.ref} gave no answer: {why}",
            seen={"at": what, "batch": self._number, "jail_ended": ended},
            next=f"lockgate show {self._registration.ref}",
        )
