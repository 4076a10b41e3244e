"""Drills: the log is edited, cut, forked or set back, and receipts are forged.

Who attacks can write every file of the project. What they want is mostly that a model which was revoked is taken for
good again. Readers of two kinds look on: this machine, which has seen the log before, and somebody's whose first look
it is; both have pinned the root.
"""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any

from lockgate.drills.replays import hand
from lockgate.drills.replays.records import OK, PREDICT, body, sample, until
from lockgate.drills.replays.spec import Drill, Tried

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.drills.replays.scene import Scene

_SEALED_SECONDS = 20.0
_WHY = "it leaks the label"


def edited_log(scene: Scene) -> Tried:
    """Put a statement that was signed and never sealed in the place of a revocation, and hash the tree anew."""
    held = _held_approval(scene)
    scene.must("revoke", scene.ref, "--reason", _WHY)
    *before, last = hand.sealed(scene)
    hand.blob(scene, last.leaf["digest"]).unlink()
    hand.reseal(scene, [*before, hand.in_place_of(last, held, "approve")])
    return _asked(
        scene, "the entry of a revocation was replaced by that of an approval, and all tiles were made to fit"
    )


def truncated_log(scene: Scene) -> Tried:
    """Cut a revocation off the end, and write a checkpoint of the shorter tree with the signature of the longer."""
    scene.must("revoke", scene.ref, "--reason", _WHY)
    *before, last = hand.sealed(scene)
    hand.blob(scene, last.leaf["digest"]).unlink()
    root = hand.reseal(scene, before)
    lines = hand.checkpoint(scene)[:5]
    lines[1:3] = [str(len(before)), base64.b64encode(root).decode()]
    (scene.home / "log" / "events" / "checkpoint").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return _asked(scene, "a revocation was cut off the end, and the checkpoint rewritten for the shorter log")


def forked_log(scene: Scene) -> Tried:
    """Seal another history of the same size with the sealer's stolen key, and put it in the place of the log."""
    (scene.place / "fork.approval").write_bytes(_held_approval(scene))
    thief = hand.somebody(scene, "thief", "sealer")
    fork = scene.place / "fork"
    shutil.copytree(scene.root, fork, symlinks=True)
    added = thief("log", "add", scene.place / "fork.approval", at=fork)
    if not added.ok:
        raise ValueError(f"the fork cannot be sealed: {added.err[-400:]}")
    scene.must("revoke", scene.ref, "--reason", _WHY)
    for name in ("log", "registry"):
        shutil.rmtree(scene.home / name)
        shutil.copytree(fork / ".lockgate" / name, scene.home / name)
    done = scene.lockgate("verify", scene.ref)
    return Tried(
        "with the sealer's key another history of the same size was sealed, in which nothing is revoked",
        done.command,
        (done.document,),
        reached=done.ok,
    )


def restored_backup(scene: Scene) -> Tried:
    """Put back the whole `.lockgate` of before a revocation: every signature in it is good."""
    backup = scene.place / "backup"
    shutil.copytree(scene.home, backup, symlinks=True)
    scene.must("revoke", scene.ref, "--reason", _WHY)
    shutil.rmtree(scene.home)
    shutil.copytree(backup, scene.home, symlinks=True)
    done = scene.lockgate("verify", scene.ref)
    did = "a model was revoked, and the whole .lockgate of before was put back"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def forged_receipt(scene: Scene) -> Tried:
    """Claim another answer than the one that was given, with the receipt of that one."""
    house = scene.shared_house()
    asked = sample(scene)
    answer = house.post(PREDICT, body([asked]), key=house.key())
    if answer.status != OK:
        raise house.failed("a drill's gateway does not answer")
    receipt, said = answer.body["receipts"][0], answer.body["predictions"][0]
    honest, forged = _written(scene, "honest", asked, said), _written(scene, "forged", asked, _otherwise(said))
    # The record is sealed a moment after the answer. What was really said verifies.
    if not until(lambda: _opens(scene, receipt, honest), _SEALED_SECONDS):
        raise house.failed("a receipt does not come to verify")
    done = house.scene.lockgate("verify", receipt, "--input", forged)
    did = "a customer shows a receipt, and says that the answer was another one"
    return Tried(did, "lockgate verify RECEIPT --input forged.json", (done.document,), reached=done.ok)


def forged_proof(scene: Scene) -> Tried:
    """Hand out an offline proof of the newest statement, with an entry beside it that says that it is older."""
    index = str(len(hand.sealed(scene)) - 1)
    folder = scene.place / "proof"
    scene.must("log", "prove", index, "--out", folder)
    outside = hand.somebody(scene, "outsider")
    (leaf,) = (path for path in folder.iterdir() if path.name.startswith("leaf"))
    genuine = outside("verify", folder / "proof.tlog-proof", at=scene.place)
    if not genuine.ok:
        raise ValueError(f"a genuine proof does not verify: {genuine.err[-400:]}")
    said = json.loads(leaf.read_bytes())
    hand.overwrite(leaf, hand.canonical({**said, "time": "2020-01-01T00:00:00Z"}))
    done = outside("verify", folder / "proof.tlog-proof", at=scene.place)
    did = "the entry beside an offline proof was given another date"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _held_approval(scene: Scene) -> bytes:
    """An approval that its person signed into a file, and that nobody has sealed yet."""
    file = scene.place / "held.approval"
    scene.must("approve", scene.ref, "--env", scene.strict, "--to-file", file)
    return file.read_bytes().rstrip(b"\n")


def _asked(scene: Scene, did: str) -> Tried:
    """What somebody who looks at the log for the first time is told of the model that was revoked."""
    done = hand.somebody(scene, "reader")("verify", scene.ref, at=scene.root)
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _opens(scene: Scene, receipt: str, file: Path) -> bool:
    done = scene.shared_house().scene.lockgate("verify", receipt, "--input", file)
    return done.ok and done.document["state"] == "sealed"


def _written(scene: Scene, name: str, asked: Any, said: Any) -> Path:
    path = scene.place / f"{name}.json"
    path.write_text(json.dumps({"input": asked, "output": said}), "utf-8")
    return path


def _otherwise(said: Any) -> Any:
    """Another answer of the same form."""
    if isinstance(said, dict):
        return {name: _otherwise(value) for name, value in said.items()}
    if isinstance(said, list):
        return [_otherwise(value) for value in said]
    if isinstance(said, bool) or said is None:
        return not said
    return said + 1 if isinstance(said, int | float) else f"not {said}"


DRILLS: tuple[Drill, ...] = (
    Drill("edited-log", "replaces an entry of the log and hashes it anew", "LT18", "sealed-log", "LG705", edited_log),
    Drill("truncated-log", "cuts the newest entry off the log", "LT18", "sealed-log", "LG702", truncated_log),
    Drill(
        "forked-log",
        "seals another history with the sealer's stolen key",
        "LT19",
        "consistent-log",
        "LG708",
        forked_log,
        limit="who never saw the log, and asks no witness, cannot tell which of two histories is the first",
    ),
    Drill(
        "restored-backup",
        "puts back the evidence of yesterday",
        "LT19",
        "seen-checkpoint",
        "LG707",
        restored_backup,
        limit="a machine that never saw the newer log, and asks no witness, takes the older one",
    ),
    Drill(
        "forged-receipt",
        "claims another answer than the one on the receipt",
        "LT20",
        "receipt-proof",
        "LG729",
        forged_receipt,
        served=True,
    ),
    Drill(
        "forged-proof",
        "hands out a proof with another entry than was sealed",
        "LT20",
        "receipt-proof",
        "LG716",
        forged_proof,
    ),
)
