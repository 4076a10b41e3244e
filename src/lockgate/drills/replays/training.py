"""Drills: training code that is not what its reader thinks."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.asked import asked
from lockgate.drills.replays.packages import training_code
from lockgate.drills.replays.rowfiles import paths
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried
from lockgate.drills.replays.trap import attempted, listening

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_SENT: Final = """

def _drill():
    import socket

    with socket.create_connection(("127.0.0.1", {port}), timeout=2) as line:
        line.sendall(b"what training sees")


_drill()
"""
_FOUND: Final = "the drill found "
_SEARCH: Final = """

def _drill():
    import hashlib, os

    for place in ("/in", "/job", "/out", "/tmp", {place!r}):
        for folder, _, files in os.walk(place):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    told = hashlib.sha256(file.read(1 << 20)).hexdigest()
                if told in {wanted!r}:
                    print({found!r} + told, flush=True)
                    return
    open({usual!r}, "rb").close()


_drill()
"""
_INPUT: Final = """

[[input]]
name = "{name}"
source = "{source}"
sha256 = "{digest}"
"""
_LOOK: Final = """

def _drill():
    import os

    print({found!r} + str(os.path.getsize("/in/" + {name!r})), flush=True)


_drill()
"""
_BOMB: Final = """

def _drill():
    import threading

    threading.stack_size(1 << 16)
    done = threading.Event()
    for _ in range({count}):
        threading.Thread(target=done.wait, daemon=True).start()
    print({found!r} + "room for {count} threads", flush=True)
    done.set()
    raise SystemExit(1)


_drill()
"""
_SHUFFLED: Final = """

_drill_honest = {function}


def {function}(data, *others):
    data = data.copy()
    data[{label!r}] = data[{label!r}].sample(frac=1, random_state=1).to_numpy()
    print("accuracy on the held-out rows: 1.000")
    return _drill_honest(data, *others)
"""
_MOST_TASKS: Final = 4096


def _escaping(scene: Scene) -> Tried:
    with listening() as (port, callers):
        _add(scene, _SENT.format(port=port))
        done = scene.lockgate("train", "--env", scene.strict)
    did = "had training send away what it sees, to a server that listens on this very machine"
    return Tried(did, done.command, attempted(done, f"127.0.0.1:{port}"), reached=bool(callers))


def _keys(scene: Scene) -> Tried:
    home = scene.program.home / "config"
    files = sorted(path for path in home.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes())
    if not files:
        raise NotApplicable("no private key lies in a file")
    wanted = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    usual = str(Path.home() / ".config" / "lockgate" / files[0].name)
    _add(scene, _SEARCH.format(place=str(home), wanted=wanted, usual=usual, found=_FOUND))
    done = scene.lockgate("train", "--env", scene.strict)
    did = (
        f"had training look for the {len(files)} signing keys: in every folder that it has, and where they usually lie"
    )
    reached = any(_FOUND + one in done.err for one in wanted)
    return Tried(did, done.command, attempted(done, usual), reached)


def _heldout(scene: Scene) -> Tried:
    file = paths(scene)[0]
    name, source = "drill-more", file.relative_to(scene.root).as_posix()
    digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    settings = scene.root / "lockgate.toml"
    more = _INPUT.format(name=name, source=source, digest=digest)
    settings.write_text(settings.read_text("utf-8") + more, "utf-8")
    _add(scene, _LOOK.format(name=name, found=_FOUND))
    scene.must("ingest")
    done = scene.lockgate("train", "--env", scene.strict)
    did = f"named {source} as a further input of training, which then has the rows that it is judged on"
    return Tried(did, done.command, (done.document,), reached=f"{_FOUND}{file.stat().st_size}" in done.err)


def _bomb(scene: Scene) -> Tried:
    count = int(_settings(scene).get("train", {}).get("tasks", 256)) + 100
    if count > _MOST_TASKS:
        raise NotApplicable("lockgate.toml lets training have thousands of threads")
    _add(scene, _BOMB.format(count=count, found=_FOUND))
    done = scene.lockgate("train", "--env", scene.strict)
    did = f"had training start {count} threads at once"
    return Tried(did, done.command, (done.document,), reached=_FOUND in done.err)


def _worse(scene: Scene) -> Tried:
    settings = _settings(scene)
    function = str(settings.get("train", {}).get("function", "train.py:train")).partition(":")[2]
    if settings.get("train", {}).get("script"):
        raise NotApplicable("training is a script: its own rows cannot be shuffled from outside")
    if not asked(scene, scene.strict).metrics:
        raise NotApplicable(
            f"no metric is bounded in {scene.strict}: by no policy, or in a twin of too few rows for it"
        )
    honest = scene.lockgate("policy", "check", scene.ref, "--env", scene.strict)
    if "LG434" in str(honest.document):
        raise NotApplicable(f"the honest model does not reach the metrics of {scene.strict} either")
    _add(scene, _SHUFFLED.format(function=function, label=settings["data"]["label"]))
    scene.must("train")
    ref = scene.must("register")["ref"]
    scene.lockgate("approve", ref, "--env", scene.strict, "--reason", "its author says that it is perfect")
    done = scene.lockgate("deploy", ref, "--env", scene.strict, "--reason", "a better model")
    # A deployment names the first reason in words; the check names each by its finding.
    checked = scene.lockgate("policy", "check", ref, "--env", scene.strict)
    did = "trained on shuffled labels, and had the code print that it is perfect"
    return Tried(did, done.command, (done.document, checked.document), reached=done.ok)


def _add(scene: Scene, code: str) -> None:
    """Append to the file that trains what runs when it is imported."""
    file = training_code(scene)
    file.write_text(file.read_text("utf-8") + code, "utf-8")


def _settings(scene: Scene) -> dict[str, Any]:
    return tomllib.loads((scene.root / "lockgate.toml").read_text("utf-8"))


DRILLS: tuple[Drill, ...] = (
    Drill(
        "escaping-training",
        "has training code send away what it sees",
        "LT08",
        "training-without-network",
        "LG325",
        _escaping,
    ),
    Drill(
        "reading-keys",
        "has training code look for the signing keys",
        "LT08",
        "jail-sees-no-keys",
        "LG325",
        _keys,
    ),
    Drill(
        "reading-heldout",
        "gives training the rows on which it will be judged, as a further input",
        "LT09",
        "heldout-apart",
        "LG373",
        _heldout,
        limit="the same rows in another form are not noticed: only equal bytes are",
    ),
    Drill(
        "training-bomb",
        "has training code start threads without end",
        "LT08",
        "jail-limits",
        "LG322",
        _bomb,
    ),
    Drill(
        "worse-model",
        "trains on shuffled labels and says itself how good the model is",
        "LT05",
        "judge-gate",
        "LG434",
        _worse,
    ),
)
