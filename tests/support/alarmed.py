"""A signed project whose live model has a plan of what is watched, and windows of it in the log of predictions.

    move 1   flights@1 live        move 2   flights@2 live        a gateway answers, and counts windows of 1,000 rows

Two fields, `a` and `b`, of four bins each; nothing is served: what gateways write is made by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit.alarm_told import alarm_statement, told
from lockgate.audit.watched import Watched, settings_of
from lockgate.core.digest import Digest, digest_of
from lockgate.core.record_window import Bins, WindowRecord
from lockgate.core.statement import Statement
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.monitor.plan import INPUTS, Cuts, Plan, Stream
from lockgate.register import closure
from lockgate.register.closure import Closure
from lockgate.supervise.alarming import Alarmer
from lockgate.supervise.lookout import Raise, subject_of
from tests.support.laddered import Laddered, fork, log_of
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.told_rows import Gateway, Step

POLICY = """version = 1
[environment.dev]
[environment.dev.monitor]
band = 0
on_alarm = "rollback"
"""
GATEWAY = "b" * 16
CALM, DRIFT = (250, 250, 250, 250), (100, 150, 300, 450)
"""A window of 1,000 rows, as the reference is, and as it is not."""

_CUTS = Cuts((-1.0, 0.0, 1.0), (0.5, 0.5, 0.5), (501, 500, 500, 500))
PLAN = Plan((Stream("a", "number", ("a",), (_CUTS,)), Stream("b", "number", ("b",), (_CUTS,))), rows=2000, pilot=200)


class Watcher(Gateway):
    """A gateway that counts windows too."""

    def window(self, model: Digest, bins: Bins, rows: int = 1000, **changes: int) -> None:
        """A window of rows that were answered before."""
        said = {"life": 0, "dropped": 0, "seen": rows, "labelled": 0, "stride": 1, "since": self.time, **changes}
        self.records.append(WindowRecord(*self._place(), model, self.step.environment, "live", said["life"], bins, rows,
            said["dropped"], said["seen"], said["labelled"], said["stride"], said["since"]))  # fmt: skip

    def answered(
        self, model: Digest, a: Sequence[int] = CALM, b: Sequence[int] = CALM, *, life: int = 0, dropped: int = 0
    ) -> None:
        """1,000 rows answered, and the window of them."""
        for _ in range(4):
            self.rows(model, 250)
        self.window(model, ((0, 0, tuple(a)), (0, 1, tuple(b))), life=life, dropped=dropped)


def _planned(found: Closure, plan: bytes) -> Closure:
    return replace(found, copied={**found.copied, INPUTS: digest_of(plan)})


@contextmanager
def planned(signed: SignedProject, monkeypatch: pytest.MonkeyPatch, plan: Plan = PLAN) -> Iterator[None]:
    """What is registered within has `plan` in its closure."""
    signed.data.put(plan.encode())
    inside = closure.plan
    with monkeypatch.context() as patch:
        patch.setattr(closure, "plan", lambda *words: _planned(inside(*words), plan.encode()))
        yield


def watched(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> Laddered:
    """Both models; three calm windows of the live one are sealed."""
    signed = signed_project(folder, monkeypatch, policy=policy)
    (signed.root / "lockgate.toml").write_text('[project]\nname = "flights"\n')
    for seed in (1.0, 2.0):
        signed.candidate(seed)
        with planned(signed, monkeypatch):
            ref = register_here(signed, monkeypatch).registration.ref
        deploy(signed.workplace(), DeploySpec(ref, "dev", reason="a better one"))
    gateway = Watcher(GATEWAY, Step(digest_of(b"nobody"), digest_of(b"nobody"), 0))
    gateway.time = round(signed.clock().timestamp() * 1000)
    house = Laddered(signed, gateway, signed.home / "state" / "spool")
    for _ in range(3):
        gateway.answered(live(house))
    house.seal()
    return house


@pytest.fixture(name="calm", scope="module")
def calm_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    """Three windows as the reference is; nobody changes it."""
    with pytest.MonkeyPatch.context() as patch:
        yield watched(tmp_path_factory.mktemp("alarmed"), patch)


@pytest.fixture(name="house")
def house_fixture(calm: Laddered, tmp_path: Path) -> Laddered:
    """The same, for one test."""
    return fork(calm, tmp_path)


@pytest.fixture(name="drifted")
def drifted_fixture(house: Laddered) -> Laddered:
    """And two of one field that has moved."""
    drift(house)
    return house


def live(house: Laddered) -> Digest:
    """The manifest of what is live."""
    return house.standing.live.manifest


def gateway_of(house: Laddered) -> Watcher:
    """The house's gateway, as what it is."""
    assert isinstance(house.gateway, Watcher)
    return house.gateway


def drift(house: Laddered, windows: int = 2, *, life: int = 0) -> None:
    """The field `a` moves; that is sealed."""
    for _ in range(windows):
        gateway_of(house).answered(live(house), DRIFT, life=life)
    house.seal()


def alarmer(house: Laddered, keyless: str = "") -> Alarmer:
    """The supervisor's hand."""
    house.signed.ledger.refresh()
    return Alarmer(house.signed.workplace(), "flights", lambda: log_of(house), keyless)


def statement_of(house: Laddered) -> Statement:
    """The alarm that the log bears out, not signed yet."""
    house.signed.ledger.refresh()
    subject = subject_of(house.signed.ledger.statements(), "dev", "flights")
    assert subject is not None
    found = Watched((PLAN,), "dev", live(house), subject.life, settings_of(subject.policy))
    log = log_of(house)
    found.extend(log)
    said = told(found, found.raised(subject.policy.test), subject.policy, log.size, log.root)
    return alarm_statement(subject.registration, "dev", said, subject.policy.on_alarm, house.signed.clock())


def asked(house: Laddered, **changes: object) -> Raise:
    """What an honest watcher proposes."""
    return replace(Raise(live(house), 0, 1), **changes)  # type: ignore[arg-type]
