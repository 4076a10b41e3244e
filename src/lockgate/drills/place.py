"""A served copy of a project for drills: its own folder, its own keys, its own log; nothing of the project's changes.

The copy is what a machine that serves a mirror has (`project.carry`): the whole event log, verified again, and the
models that stand in the environment. It holds none of the project's keys, and this process looks for none while it is
there: the folders of keys, pins and seen checkpoints are the copy's own. Its predictions go into a log that its own
key seals, and that ends with it.

What is read of the project: its event log, its registry, the held-out rows, lockgate.toml. Beside it a gateway of the
project may be running: the copy takes another port, and no lock of the project's.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lockgate.audit import deployments
from lockgate.audit.ledger import EVENTS
from lockgate.audit.load import load_decision
from lockgate.audit.origins import registration_of
from lockgate.core.digest import digest_of, hex_of
from lockgate.drills.attacks import link
from lockgate.errors import LockgateError, Unavailable
from lockgate.project import Project
from lockgate.project.carry import installing, mirror
from lockgate.project.carry.fetching import Staged
from lockgate.project.serving import serve
from lockgate.runtime.serving import ServingSpec, parse
from lockgate.serve.run import LOCK
from lockgate.trust import pin

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.ledger import Ledger
    from lockgate.serve.options import ServeSettings

Value = TypeVar("Value")

REMOTE = "localhost/drill"
_MOST = 64 << 20
_HOMES = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
_ENV = "env"


@dataclass(frozen=True)
class Copy:
    """A copy that may be served. `model`: what is live in `environment`; `io`: its io.json; `entries`: of its log."""

    project: Project
    environment: str
    model: Registration
    io: ServingSpec
    ledger: Ledger


@contextmanager
def copy_of(project: Project, ref: str, environment: str, *, say: Callable[[str], None]) -> Iterator[Copy]:
    """A copy of what `environment` serves, in a folder that is gone when the block is left, however it is left.

    1. The event log is verified under the root that is pinned for the project, and what is live there is found.
    2. Blobs, statements and tiles are copied, each verified as it is read; the locked environment is only linked.
    3. While the block lasts, this process has other homes for keys, pins and seen checkpoints: the copy's.

    Raises what `Folder.ledger` and `load_decision` raise: Refused LG946, LG825 no evidence or no pin, LG520 nothing is
    live; Usage LG501 to LG503, LG634 for a REF that is not what is live.
    """
    # 1.
    ledger = project.ledger()
    statements = ledger.statements()
    name = project.resolve(ref, environment=environment).name if ref else None
    decision = load_decision(statements, environment, project.now(), name=name)
    model = decision.registration
    with tempfile.TemporaryDirectory(prefix="lockgate-drill-") as folder:
        root = Path(folder) / "project"
        home, seen = root / ".lockgate", Path(folder) / "seen"
        # 2.
        say(f"copying {model.ref} and the log of {ledger.checkpoint.size:,} entries")
        staged = Staged(project.home, ledger, digest_of(b""), REMOTE)
        io = parse(staged.registry.blobs.read(model.file("io.json").digest, _MOST))
        mirror.begin(root, _settings(project.config.serve, model, io))
        standing = deployments.standing_now(environment, model.name, statements)
        models = {one.manifest: registration_of(one, statements) for one in standing}
        installing.install_models(home, staged, models.values())
        mirror.write_mirror(home, mirror.Mirror(REMOTE, model.name, tuple(models), project.now(), staged.artifact))
        _link_environments(project.home, home, _home(Path(folder), _HOMES[1]) / "lockgate", models.values())
        # 3.
        with _own_homes(Path(folder)):
            pin.pin(ledger.root, root, project.now())
            copy = Project(root, project.now, seen)
            installing.install_log(home, staged, copy.seen(ledger.root, EVENTS))
            yield Copy(copy, environment, model, io, ledger)


def served(copy: Copy, work: Callable[[str], Value]) -> Value:
    """Serve `copy` on loopback at a free port, call `work` with the URL in a thread, end the house; what `work` gave.

    Signals belong to this thread: Ctrl-C ends the house in order, which ends `work` with its next request, and is
    then KeyboardInterrupt here, whatever it ended first: a terminal sends it to every process of the house.

    Raises what `work` and serving raise; Unavailable LG984 when the house ended first.
    """
    stop = _Stop()
    found: list[tuple[Value | None, BaseException | None]] = []
    threads: list[threading.Thread] = []

    def working(url: str) -> None:
        try:
            found.append((work(url), None))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that serves
            found.append((None, error))
        finally:
            stop.set()

    def ready(url: str) -> None:
        threads.append(threading.Thread(target=working, args=(url,), name="drill", daemon=True))
        threads[0].start()

    ref = f"{copy.model.name}@{copy.model.version}"
    said: deque[str] = deque(maxlen=_MOST_SAID)
    try:
        serve(
            copy.project, environment=copy.environment, ref=ref, port=0, gateways=1, ready=ready, say=said.append,
            stop=stop,
        )  # fmt: skip
    except LockgateError:
        if stop.signalled:
            raise KeyboardInterrupt from None
        raise
    for thread in threads:
        thread.join(_JOIN_SECONDS)
    if stop.signalled or (threads and threads[0].is_alive()):
        # Somebody stopped the house while requests were under way: what they failed with says nothing.
        raise KeyboardInterrupt
    if not found:
        message = "the drill's gateway ended before it was asked"
        raise Unavailable("LG984", message, seen={"said": "\n".join(said)}, next="lockgate doctor")
    value, error = found[0]
    if isinstance(error, LockgateError) and error.finding == "LG985":
        error.tell(said="\n".join(said))
    if error is not None:
        raise error
    return cast("Value", value)


class _Stop(threading.Event):
    """Knows whether a signal has set it: those are handled in the main thread, and the work has one of its own."""

    signalled = False

    def set(self) -> None:
        """End the house."""
        self.signalled = self.signalled or threading.current_thread() is threading.main_thread()
        super().set()


_JOIN_SECONDS, _MOST_SAID = 10.0, 6


def _settings(given: ServeSettings, model: Registration, io: ServingSpec) -> bytes:
    """The copy's lockgate.toml: the project's caps; no TLS, no token issuer, no Redis, and one gateway."""
    text = mirror.settings(name=model.name, remote=REMOTE, contract="contract.py:Drill", label=io.label).decode()
    caps: dict[str, Any] = {"max_rows": given.max_rows, "max_body": f"{given.max_body >> 10} KiB", "unheard": 0}
    return (text + "".join(f"{key} = {_toml(value)}\n" for key, value in caps.items())).encode()


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _link_environments(source: Path, target: Path, states: Path, models: Iterable[Registration]) -> None:
    """Finished environments, file by file: linked where that can be, for they are large. What is not there is built.

    What this user's state remembers of having built them goes along, into the copy's own homes (`states`).
    """
    for lock in {hex_of(file.digest) for one in models for file in one.files if file.name == LOCK}:
        state = source / "state" / _ENV / f"{lock}.json"
        if not (state.is_file() and (source / _ENV / lock).is_dir()):
            continue
        shutil.copytree(source / _ENV / lock, target / _ENV / lock, symlinks=True, copy_function=link)
        memory = Path("environments") / hex_of(digest_of(state.read_bytes()))
        for file, at in ((state, target / "state" / _ENV / state.name), (pin.state_home() / memory, states / memory)):
            if file.is_file():
                at.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, at)


@contextmanager
def _own_homes(folder: Path) -> Iterator[None]:
    """Keys, pins and seen checkpoints of this process are in `folder` until the block ends."""
    before = {name: os.environ.get(name) for name in _HOMES}
    os.environ.update({name: str(_home(folder, name)) for name in _HOMES})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _home(folder: Path, name: str) -> Path:
    return folder / name.lower()
