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
from lockgate.serve.shelf import Shelf
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
    assert loaded.live.decision.until is not None
    assert library.look(loaded) is None
    now[0] = loaded.live.decision.until - timedelta(seconds=1)
    assert library.look(loaded) is None
    assert not library.fallen(loaded.live)
    now[0] = loaded.live.decision.until
    assert library.fallen(loaded.live)
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
    alone = SimpleNamespace(alone=lambda **_: None)
    plain = {"_shelf": None, "_answering": None, "_closed": "", "_problem": "", "_stale": False, "parts": alone}
    vars(made).update({**plain, "begun": asyncio.Event(), **parts})
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
        made._shelf = cast("Any", before)
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
    service = SimpleNamespace(close=lambda declined: closed.append(declined.finding), served="before")
    made = bare(service=service, _library=SimpleNamespace(fallen=lambda _one: fallen))
    made._tell = cast("Any", lambda *_a, **_k: None)  # type: ignore[method-assign]
    made._answering = cast("Any", Loading(loadable("a"), ready=True))
    after = Shelf(loadable("b"))
    made._shelf = after
    made._drop_fallen()
    assert (closed, made._shelf) == (expected, after)


def loadable(manifest: str) -> Any:
    """As much of a model as going live needs."""
    served = dataclasses.replace(engines.SERVED, manifest=cast("Any", manifest))
    decision = SimpleNamespace(manifest=manifest, name="flights", version=1, until=None)
    return SimpleNamespace(decision=decision, served=served, spec=engines.SPEC, policy=ServePolicy())


class Loading:
    """A version whose workers are there when a test says so."""

    def __init__(self, loaded: Any, *_more: Any, ready: bool = False, **_also: Any) -> None:
        self.loaded = loaded
        self.manifest = loaded.decision.manifest
        self.ready = ready
        self.loads: list[str] = []
        self.asked_at = 0.0
        self.seconds = 60.0
        self.engine = SimpleNamespace(served=loaded.served)

    def live(self) -> Any:
        """What answers."""
        return SimpleNamespace(engine=self.engine)

    def take(self, loaded: Any) -> None:
        """A newer statement."""
        self.loaded = loaded

    def leave(self) -> None:
        """It goes."""

    close = leave

    async def load(self, kind: str, _descriptor: int) -> bool:
        """Loaded at once; ready with the second worker."""
        self.loads.append(kind)
        self.ready = set(self.loads) == {"contract", "model"}
        return True


def waiting_gateway(monkeypatch: pytest.MonkeyPatch, opened: list[Any]) -> Gateway:
    """A gateway with nothing live, which notes what it opens."""
    monkeypatch.setattr(gateway, "Version", Loading)
    service = SimpleNamespace(served=None, outcome=lambda: None)

    def opening(live: Any) -> None:
        opened.append(live)
        service.served = live.engine.served

    watch, alone = (lambda _models: None), (lambda **_: None)
    parts = SimpleNamespace(open=opening, alone=alone, watch=watch, tally=SimpleNamespace(lost={}))
    settings = SimpleNamespace(caps=Caps())
    library = SimpleNamespace(fallen=lambda _one: False)
    made = bare(
        parts=parts, service=service, _settings=settings, _versions={}, _offered=[], _tasks=set(), _beside=False,
        _library=library,
    )  # fmt: skip
    made._tell = cast("Any", lambda *_a, **_k: None)  # type: ignore[method-assign]
    return made


def offer(made: Gateway, kind: str, dropped: list[int]) -> None:
    """The supervisor offers a worker of the model a."""
    told = SimpleNamespace(header={"kind": kind, "manifest": "a"}, descriptors=(7,), drop=lambda: dropped.append(1))
    made._offer(cast("Any", told))


def test_workers_that_came_while_nothing_was_live_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offered while the evidence did not hold: when it holds again, they are loaded, and answer."""

    async def scene() -> None:
        opened: list[Any] = []
        dropped: list[int] = []
        made = waiting_gateway(monkeypatch, opened)
        for kind in ("model", "model", "contract"):
            offer(made, kind, dropped)
        assert (opened, dropped) == ([], [1]), "the one before has ended: it is neither kept nor told lost"
        made._settle(Shelf(loadable("a")))
        assert opened == []
        await asyncio.sleep(0.01)
        assert cast("Any", made._versions)["a"].loads == ["model", "contract"]
        assert len(opened) == 1

    asyncio.run(scene())


def test_nothing_is_opened_before_both_workers_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two is not enough; and what stood before answers on until then."""

    async def scene() -> None:
        opened: list[Any] = []
        made = waiting_gateway(monkeypatch, opened)
        made._settle(Shelf(loadable("a")))
        offer(made, "contract", [])
        await asyncio.sleep(0.01)
        assert opened == []
        offer(made, "model", [])
        await asyncio.sleep(0.01)
        assert len(opened) == 1

    asyncio.run(scene())


def test_a_fourth_model_is_asked_for_when_the_others_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor keeps workers of three: what is not to be here any more goes first, and live is never refused."""

    async def scene() -> None:
        opened: list[Any] = []
        told: list[tuple[str, str]] = []
        made = waiting_gateway(monkeypatch, opened)
        made.parts.compare = lambda *_: None  # type: ignore[method-assign]
        made._tell = cast("Any", lambda what, **fields: told.append((what, str(fields.get("manifest", "")))))  # type: ignore[method-assign]
        made._versions.update({cast("Any", name): cast("Any", Loading(loadable(name), ready=True)) for name in "abc"})
        made._answering = made._versions[cast("Any", "b")]
        made._settle(Shelf(loadable("d"), previous=loadable("b")))
        assert told == [("done", "a"), ("done", "c"), ("need", "d")]

    asyncio.run(scene())


def test_workers_are_asked_for_again_until_they_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer may have been no, for a moment."""

    async def scene() -> None:
        told: list[str] = []
        made = waiting_gateway(monkeypatch, [])
        made._tell = cast("Any", lambda what, **_: told.append(what))  # type: ignore[method-assign]
        made._settle(Shelf(loadable("a")))
        made._ask_again()
        assert told == ["need"]
        monkeypatch.setattr(gateway, "AGAIN_SECONDS", -1.0)
        made._ask_again()
        assert told == ["need", "need"]
        made._versions[cast("Any", "a")].ready = True  # type: ignore[misc]
        made._ask_again()
        assert told == ["need", "need"]

    asyncio.run(scene())


def test_whatever_a_look_ends_in_nothing_is_answered_and_it_is_looked_again() -> None:
    """An error that nobody thought of must not leave a gateway that answers and never looks again."""

    async def scene() -> list[str]:
        closed: list[str] = []
        looks: list[int] = []
        again, loop = asyncio.Event(), asyncio.get_running_loop()

        def look(_before: object) -> None:
            looks.append(1)
            if len(looks) == 1:
                raise RuntimeError
            loop.call_soon_threadsafe(again.set)

        service = SimpleNamespace(close=lambda declined: closed.append(declined.finding), served=None)
        library = SimpleNamespace(look=look, reading=False, forget=lambda: None, size=0)
        parts = SimpleNamespace(alone=lambda **_: None, note=lambda: None)
        made = bare(service=service, _library=library, parts=parts, _versions={}, _look_now=asyncio.Event())
        made._tell = cast("Any", lambda *_a, **_k: None)  # type: ignore[method-assign]
        watching = asyncio.ensure_future(made.watch())
        await again.wait()
        watching.cancel()
        return closed

    assert asyncio.run(scene()) == ["LG616"]
