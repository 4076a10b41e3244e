"""What one gateway is made of, from what it was handed. Runs in the `edge` jail; nothing here decides what is live."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

from lockgate.contract.jail.outcome import place
from lockgate.errors import LockgateError
from lockgate.monitor import plan
from lockgate.serve.abuse.abuse import Abuse
from lockgate.serve.admission.admission import Admission
from lockgate.serve.admission.budgets import LocalBudgets
from lockgate.serve.calls.metrics import Metrics
from lockgate.serve.calls.table import table
from lockgate.serve.control import Told
from lockgate.serve.evidence import Loadable
from lockgate.serve.front import Front
from lockgate.serve.gate import Gate
from lockgate.serve.monitoring.monitoring import Monitoring
from lockgate.serve.recording.payloads import Keeping, of_nobody
from lockgate.serve.recording.proving import Tiles
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.rules import pseudonym
from lockgate.serve.rungs.beside import Comparison
from lockgate.serve.service import Live, Service
from lockgate.serve.settings import FEEDBACK, PAYLOADS, PREDICTIONS, SPOOL, TRACES, GatewaySettings
from lockgate.serve.shared.shared import Shared
from lockgate.serve.shelf import Beside
from lockgate.serve.tally import Tally
from lockgate.serve.tls import Tls
from lockgate.serve.traces import Tracer
from lockgate.trust._edgefile import EdgeSecrets, parse_edge_secrets

HANDED = ("clients", "tokens", "tls", "shared")
"""What the supervisor hands over after secrets and seen, in this order; empty where there is none."""

_log = logging.getLogger(__name__)


class Parts:
    """The parts, joined: front, gate, admission, calls, service, recorder. To be made in the running loop.

    `tell` reaches the supervisor. Raises LockgateError when what was handed over is malformed.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        handed: dict[str, bytes],
        tell: Callable[..., None],
        *,
        bell: int | None = None,
    ) -> None:
        plan.ready()
        secrets, caps = parse_edge_secrets(handed["secrets"]), settings.caps
        self._settings = settings
        self._tell = tell
        self._bell = bell
        self.tally = Tally()
        self._subject_field, self._said_of_nobody = secrets.subject_field, ""
        self.recorder = self._recorder(secrets)
        self.service = Service(recorder=self.recorder, tally=self.tally)
        self._tls = Tls.of(handed["tls"])
        self._tracer = self._tracing()
        self._shared = None
        if handed["shared"]:
            self._shared = Shared(handed["shared"], clock=time.monotonic, wall=time.time, tell=tell)
        self._admission = self._admitting(secrets.pepper)
        for name in ("clients", "tokens"):
            self._admission.reload(name, handed[name])
        metrics = Metrics(
            self.tally,
            served=lambda: self.service.served,
            caps=caps,
            wall=time.time,
            number=settings.number,
            beside=lambda: self.service.ladder.candidate.served if self.service.ladder is not None else None,
        )
        routes = table(self.service, self._admission, caps=caps, metrics=metrics)
        traced = self._tracer.span if self._tracer is not None else None
        self._gate = Gate(
            self._admission, routes, self.service, self.tally, caps=caps, clock=time.monotonic, traced=traced
        )
        self.recorder.in_flight = lambda: self._gate.in_flight
        self.front = Front(self._gate, caps, tls=self._tls)
        self._comparison = Comparison(
            self.service, self.recorder, settings, key=secrets.pseudonym, folder=place(FEEDBACK)
        )
        self._monitoring = Monitoring(
            self.service, self.recorder, settings, self.tally, alarm=self._alarm, folder=place(FEEDBACK)
        )
        self._abuse = Abuse(
            self.service,
            self.recorder,
            settings,
            self.tally,
            alarm=self._alarm,
            pseudonym=partial(pseudonym, secrets.pseudonym),
            spool=place(SPOOL),
        )
        self._abuse.clients(self._admission.clients())
        self._note_ends()

    def watch(self, models: Sequence[Loadable]) -> None:
        """Watch the rows that these are asked about, and what they answer; no other's."""
        self._monitoring.settle(models)
        self._abuse.settle(models)

    def compare(self, beside: Beside, live: Live, candidate: Live) -> None:
        """Ask this candidate beside what is live."""
        self._comparison.begin(beside, live, candidate)

    def alone(self, *, over: bool = False) -> None:
        """Ask nothing but what is live. `over`: there is no candidate any more."""
        self._comparison.end()
        if over:
            self._comparison.forget()

    def open(self, live: Live) -> None:
        """Answer with this model from now on."""
        if self._shared is not None:
            self._shared.policy(live.policy)
        self._say_of_nobody(live)
        self.service.open(live)

    def _say_of_nobody(self, live: Live) -> None:
        fields = [field.name for field in live.served.fields]
        why = of_nobody(self._subject_field, fields, live.policy.payload_days)
        if why and why != self._said_of_nobody:
            self._alarm("LG7067", why)
        self._said_of_nobody = why

    def told(self, told: Told) -> bool:
        """A message of the supervisor; whether it was for one of the parts."""
        if told.what in HANDED:
            self._reload(str(told.what), told.payload)
        elif told.what == "redis" and self._shared is not None and len(told.descriptors) == 1:
            self._shared.connect(told.descriptors[0])
        elif told.what == "sealed":
            self.recorder.sealed(int(told.header.get("next", 0)), told.payload)
        else:
            return False
        return True

    def note(self) -> None:
        """What stands now, for those who watch. Once a second."""
        self.tally.now["connections"] = self.front.connections
        self.tally.now["in_flight"] = self._gate.in_flight
        self.tally.sealing(self.recorder.written, self.recorder.in_log, time.time())
        if self._shared is not None:
            self.tally.now["shared"] = float(self._shared.reached)
        if self._tracer is not None:
            self._tracer.flush()

    async def close(self) -> None:
        """What was answered is on disk when this returns."""
        await self._comparison.close()
        await self._monitoring.close()
        await self._abuse.close()
        await self.recorder.end()
        if self._shared is not None:
            await self._shared.close()
        if self._tracer is not None:
            self._tracer.close()

    def _recorder(self, secrets: EdgeSecrets) -> SpoolRecorder:
        return SpoolRecorder(
            place(SPOOL),
            self._settings.gateway,
            pseudonym_key=secrets.pseudonym,
            tally=self.tally,
            alarm=self._alarm,
            feedback=place(FEEDBACK),
            payloads=place(PAYLOADS),
            keeping=Keeping(secrets.payload, secrets.subject_field) if secrets.payload else None,
            tiles=self._tiles(),
            bell=self._bell,
        )

    def _tiles(self) -> Tiles | None:
        settings = self._settings
        if not settings.sealer:
            return None
        return Tiles(place(PREDICTIONS), settings.origin, bytes.fromhex(settings.sealer))

    def _tracing(self) -> Tracer | None:
        settings = self._settings
        return Tracer.open(
            settings.traces,
            place(TRACES),
            gateway=settings.gateway,
            version=version("lockgate"),
            environment=settings.environment,
            counted=self.tally.spans,
        )

    def _admitting(self, pepper: bytes) -> Admission:
        settings, shared = self._settings, self._shared
        path = place(SPOOL) / f"budgets-{settings.number}.json"
        return Admission(
            environment=settings.environment,
            caps=settings.caps,
            pepper=pepper,
            clock=time.monotonic,
            wall=time.time,
            budgets=shared.budgets if shared else LocalBudgets(path, time.time, settings.gateways),
            rates=shared.rates if shared else None,
            ready=shared.ready if shared else None,
            share=1 if shared else settings.gateways,
        )

    def _reload(self, name: str, data: bytes) -> None:
        """Take over what has changed; what is malformed is not taken, and what there was goes on."""
        try:
            if name == "tls" and self._tls is not None:
                self._tls.reload(data)
            elif name == "shared" and self._shared is not None:
                self._shared.reload(data)
            elif name in ("clients", "tokens"):
                self._admission.reload(name, data)
                self._abuse.clients(self._admission.clients())
        except LockgateError as error:
            _log.warning("%s %s; the %s stay as they were", error.finding, error.message, name)
        self._note_ends()

    def _note_ends(self) -> None:
        self.tally.keys = self._admission.ends()
        if self._tls is not None:
            self.tally.ends["tls"] = time.time() + 86400 * self._tls.days_left(datetime.now(UTC))

    def _alarm(self, finding: str, message: str) -> None:
        self._tell("alarm", finding=finding, message=message)
