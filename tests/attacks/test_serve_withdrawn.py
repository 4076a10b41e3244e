"""What is taken back is answered from no more: a running gateway, and each way of taking back, timed.

Threats: a revoked or no longer waived model that goes on answering; a gateway that is kept from looking at the log.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.audit.workplace import Workplace
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import waive
from lockgate.errors import Refused, VerificationFailed
from lockgate.serve import gateway
from lockgate.serve.gateway import HONOURED_SECONDS, Gateway
from lockgate.serve.spec import Caps, ServePolicy
from lockgate.serve.watching import Library
from tests.support import engines
from tests.support.project import register_here
from tests.support.serving import CODE, SPEC, ServableProject, Serving, model, serving

POLICY = """version = 1
[environment.dev]
[environment.prod]
approvals = 0
[environment.prod.metrics]
roc_auc = { min = 0.9 }
"""


class Waived(ServableProject):
    """Its model is live in prod, by a waiver of its metric."""

    served = "dev"

    def workplace(self, environment: str = "", **changes: Any) -> Workplace:
        """What a stage gets; for `serving` too."""
        return super().workplace(environment or self.served, **changes)

    def waive(self, seconds: float) -> datetime:
        """Waive the metric from now on; when it ends."""
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
        waive(self.workplace(now=lambda: datetime.now(UTC)), "LG434", "prod", reason="for a while", expires=until)
        return until

    def deploy(self) -> None:
        """Make it live in prod."""
        deploy(self.workplace(now=lambda: datetime.now(UTC)), DeploySpec("flights", "prod"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Waived:
    """Live in prod for a day."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "project").mkdir()
    found = Waived(tmp_path / "project", policy=POLICY)
    found.clock.now = datetime.now(UTC) - timedelta(minutes=2)
    found.candidate(1000.0, model=model(), io=SPEC.encode(), code=CODE)
    register_here(found, monkeypatch)
    found.served = "prod"
    found.waive(86_400)
    found.deploy()
    return found


def _comes_to(up: Serving, status: int, seconds: float) -> Any:
    """The first answer of this status, within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = up.predict()
        if answer.status_code == status:
            return answer.json()
        time.sleep(0.1)
    raise AssertionError(f"no answer {status} within {seconds} s")


def test_a_running_gateway_honours_waivers_and_revocations_in_time(project: Waived) -> None:
    """A waiver that is ended, one that expires, a model that is revoked: no answer after five seconds."""
    with serving(project, client={"rate": 1e6, "burst": 100_000}) as up:
        assert up.predict().status_code == 200
        waiver = project.ledger.statements("waive")[-1]
        revoke(project.workplace(), waiver.digest, "over")
        assert _comes_to(up, 503, HONOURED_SECONDS)["finding"] == "LG514"

        ends = project.waive(8)
        project.deploy()
        _comes_to(up, 200, 8)
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
        assert _comes_to(up, 503, HONOURED_SECONDS)["finding"] == "LG518"

        project.waive(86_400)
        project.deploy()
        _comes_to(up, 200, 15)
        revoke(project.workplace(), "flights@1", "poisoned")
        assert _comes_to(up, 503, HONOURED_SECONDS)["finding"] == "LG514"


def _library(project: Waived, now: Callable[[], datetime]) -> Library:
    settings = SimpleNamespace(environment="prod", name=None, root=project.created.project_id)
    return Library(cast("Any", settings), project.home, b"", now)


def test_a_look_at_an_unchanged_log_notices_that_a_waiver_ended(project: Waived) -> None:
    """With a clock that stands still: nothing new before it ends; refused at that moment, and ever after."""
    now = [datetime.now(UTC)]
    library = _library(project, lambda: now[0])
    loaded = library.look(None)
    assert loaded is not None
    assert loaded.decision.until is not None
    assert library.look(loaded) is None
    now[0] = loaded.decision.until - timedelta(seconds=1)
    assert library.look(loaded) is None
    assert not library.fallen(loaded)
    now[0] = loaded.decision.until
    assert library.fallen(loaded)
    for _ in range(2):
        with pytest.raises(Refused) as no:
            library.look(loaded)
        assert no.value.finding == "LG518"


def test_a_pipe_in_place_of_the_checkpoint_keeps_nobody_waiting(project: Waived) -> None:
    """Opened as a file it would hold the look for ever, and with it whatever was revoked since."""
    library = _library(project, lambda: datetime.now(UTC))
    loaded = library.look(None)
    checkpoint = project.home / "log" / "events" / "checkpoint"
    note = checkpoint.read_bytes()
    checkpoint.unlink()
    os.mkfifo(checkpoint)
    with pytest.raises(VerificationFailed) as no:
        library.look(loaded)
    assert no.value.finding == "LG803"
    checkpoint.unlink()
    checkpoint.write_bytes(note)
    assert library.look(None) is not None


class Held:
    """A library on a disk that does not answer until it is let go."""

    def __init__(self) -> None:
        self.reading = False
        self.go = threading.Event()

    def look(self, _loaded: object) -> None:
        """Blocks as a read does, in the thread of the look."""
        self.go.wait(20)


def bare(**parts: Any) -> Gateway:
    """A gateway of which only these parts are there."""
    made = object.__new__(Gateway)
    vars(made).update({"_loaded": None, "_answering": None, "_closed": "", "begun": asyncio.Event(), **parts})
    return made


def test_a_look_that_takes_too_long_shuts_the_gateway_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is answered by a gateway that cannot look; when it can again, and nothing has changed, it goes on."""
    monkeypatch.setattr(gateway, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(gateway, "HONOURED_SECONDS", 0.3)
    monkeypatch.setattr(gateway, "LOAD_SECONDS", 0.6)
    closed: list[str] = []
    library, before = Held(), object()

    async def looked(*, reading: bool) -> object:
        service = SimpleNamespace(close=lambda declined: closed.append(declined.finding), served=None)
        link = SimpleNamespace()
        made = bare(service=service, _settings=SimpleNamespace(caps=Caps()), _link=link, _library=library)
        monkeypatch.setattr(made, "_tell", lambda *_a, **_k: None)
        made._loaded = cast("Any", before)
        library.reading = reading
        asyncio.get_running_loop().call_later(0.45, library.go.set)
        return await made._look()

    assert asyncio.run(looked(reading=False)) is before
    assert closed
    assert set(closed) == {"LG623"}
    closed.clear()
    library.go.clear()
    assert asyncio.run(looked(reading=True)) is None
    assert closed == [], "the bytes of a large model take their time"


@pytest.mark.parametrize(("fallen", "expected"), [(True, ["LG514"]), (False, [])])
def test_the_model_before_is_looked_at_while_the_next_one_loads(fallen: bool, expected: list[str]) -> None:
    """It answers on until the workers of the next are up; revoked in this time, it does not."""
    closed: list[str] = []
    service = SimpleNamespace(close=lambda declined: closed.append(declined.finding))
    made = bare(service=service, _library=SimpleNamespace(fallen=lambda _one: fallen))
    made._tell = cast("Any", lambda *_a, **_k: None)  # type: ignore[method-assign]
    before, after = (
        cast("Any", SimpleNamespace(decision=SimpleNamespace(manifest=name, name=name, version=1))) for name in "ab"
    )
    made._answering, made._loaded = before, after
    made._drop_fallen()
    assert (closed, made._loaded) == (expected, after)


def loadable(manifest: str) -> Any:
    """As much of a model as going live needs."""
    served = dataclasses.replace(engines.SERVED, manifest=cast("Any", manifest))
    decision = SimpleNamespace(manifest=manifest, name="flights", version=1)
    return SimpleNamespace(decision=decision, served=served, spec=engines.SPEC, policy=ServePolicy())


def waiting_gateway(opened: list[Any], loads: list[str]) -> Gateway:
    """A gateway with nothing live, which notes what it opens and which workers it loads."""
    parts = SimpleNamespace(open=opened.append, tally=SimpleNamespace(lost={}))
    service = SimpleNamespace(served=None, outcome=lambda: None, live=lambda: SimpleNamespace(engine=None))
    made = bare(
        parts=parts,
        service=service,
        _settings=SimpleNamespace(caps=Caps()),
        _engine=None,
        _links={},
        _checkers={"a": object()},
        _offered=[],
        _tasks=set(),
    )
    made._tell = cast("Any", lambda *_a, **_k: None)  # type: ignore[method-assign]

    async def load(kind: str, *_rest: Any) -> None:
        loads.append(kind)

    made._load = cast("Any", load)  # type: ignore[method-assign]
    return made


def link(*, lost: bool = False) -> Any:
    """A worker that has loaded."""
    return SimpleNamespace(lost=lost, close=lambda: None)


def test_workers_that_came_while_nothing_was_live_are_taken() -> None:
    """Offered, or loaded, while the evidence did not hold: when it holds again, they answer."""

    async def scene() -> None:
        opened: list[Any] = []
        loads: list[str] = []
        made, found = waiting_gateway(opened, loads), loadable("a")
        made._links = {(found.decision.manifest, kind): link() for kind in ("contract", "model")}
        made._settle(found)
        assert len(opened) == 1, "both had loaded"
        made._loaded = None
        dropped: list[int] = []
        for _ in range(2):
            told = SimpleNamespace(
                header={"kind": "model", "manifest": "a"}, descriptors=(7,), drop=lambda: dropped.append(1)
            )
            made._offer(cast("Any", told))
        assert (loads, dropped) == ([], [1]), "the one before has ended: it is neither kept nor told lost"
        made._settle(found)
        await asyncio.sleep(0)
        assert loads == ["model"]

    asyncio.run(scene())


def test_a_lost_worker_is_not_connected_again() -> None:
    """One of two is gone by the time that the evidence holds: nothing is opened before the next one is there."""

    async def scene() -> None:
        opened: list[Any] = []
        made, found = waiting_gateway(opened, []), loadable("a")
        made._links = {("a", "contract"): link(), ("a", "model"): link(lost=True)}  # type: ignore[dict-item]
        made._settle(found)
        assert opened == []
        made._links["a", "model"] = link()  # type: ignore[index]
        made._connect()
        assert len(opened) == 1

    asyncio.run(scene())
