"""Drills: the registry's own files are overwritten by who can write them: a model, a tag, a signature."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from lockgate.drills.replays import hand
from lockgate.drills.replays.spec import Drill, Tried

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.drills.replays.scene import Scene

_MODEL: Final = "model.onnx"
_BACKDOOR: Final = b"the attacker's model"
_SWAPPED: Final = "the model was overwritten in the registry after it was signed, with as many bytes"
_SERVING_SECONDS: Final = 45.0


def model_swapped(scene: Scene) -> Tried:
    """Write another model over the one that was signed, and wait until somebody takes it from the registry."""
    _swap(scene)
    taken = scene.place / "taken"
    done = scene.lockgate("verify", scene.ref, "--materialize", taken)
    return Tried(_SWAPPED, done.command, (done.document,), reached=_is_backdoor(taken / _MODEL))


def swapped_and_served(scene: Scene) -> Tried:
    """Write another model over the one that is live, and wait until a gateway starts."""
    _swap(scene)
    words = ("serve", "--env", scene.lenient, "--port", "0", "--gateways", "1")
    done = scene.lockgate(*words, seconds=_SERVING_SECONDS)
    # A gateway that serves does not end by itself.
    return Tried(_SWAPPED, done.command, (done.document,), reached=done.code is None)


def tag_overwritten(scene: Scene) -> Tried:
    """Move the model's tag to another manifest: blobs are added, all of them under their own digest."""
    name, digest = _model(scene)
    path = scene.home / "registry" / "index.json"
    index = json.loads(path.read_bytes())
    tagged = hand.registration(scene)["subject"][0]["digest"]["sha256"]
    (entry,) = (one for one in index["manifests"] if one["digest"] == f"sha256:{tagged}")
    manifest = json.loads(hand.blob(scene, entry["digest"]).read_bytes())
    for layer in manifest["layers"]:
        if layer["digest"] == digest:
            layer |= {"digest": _added(scene, _BACKDOOR), "size": len(_BACKDOOR)}
    data = hand.canonical(manifest)
    entry |= {"digest": _added(scene, data), "size": len(data)}
    hand.overwrite(path, hand.canonical(index))
    taken = scene.place / "taken"
    loaded = scene.lockgate("verify", scene.ref, "--materialize", taken)
    looked = scene.lockgate("verify", "--all")
    did = f"the model's tag in the registry was moved to a manifest with another {name}"
    seen = (loaded.document, looked.document)
    # Who takes the model by tag, with another tool, has the wrong one until somebody looks.
    return Tried(did, looked.command, seen, reached=looked.ok or _is_backdoor(taken / name))


def signature_removed(scene: Scene) -> Tried:
    """Take the model's signature away, with its place in the index, as if there had never been one."""
    path = scene.home / "registry" / "index.json"
    index = json.loads(path.read_bytes())
    signed = hand.registration(scene)["subject"][0]["digest"]["sha256"]
    bundles = (one for one in index["manifests"] if "sigstore.bundle" in one.get("artifactType", ""))
    found = [(one, json.loads(hand.blob(scene, one["digest"]).read_bytes())) for one in bundles]
    ((referrer, manifest),) = (pair for pair in found if pair[1]["subject"]["digest"] == f"sha256:{signed}")
    for digest in (referrer["digest"], *(layer["digest"] for layer in manifest["layers"])):
        hand.blob(scene, digest).unlink()
    index["manifests"].remove(referrer)
    hand.overwrite(path, hand.canonical(index))
    done = scene.lockgate("verify", scene.ref)
    did = "the model's signature was taken out of the registry, and out of its index"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _swap(scene: Scene) -> None:
    _, digest = _model(scene)
    place = hand.blob(scene, digest)
    hand.overwrite(place, _BACKDOOR + place.read_bytes()[len(_BACKDOOR) :])


def _model(scene: Scene) -> tuple[str, str]:
    """Name and digest of the file that answers."""
    files = hand.registration(scene)["predicate"]["files"]
    (found,) = (one for one in files if one["name"] == _MODEL)
    return _MODEL, f"sha256:{found['sha256']}"


def _added(scene: Scene, data: bytes) -> str:
    """Store a blob under its own digest, as any registry would take it."""
    digest = hand.digest(data)
    hand.blob(scene, digest).write_bytes(data)
    return digest


def _is_backdoor(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(_BACKDOOR)


DRILLS: tuple[Drill, ...] = (
    Drill(
        "model-swapped",
        "overwrites a model after it was signed",
        "LT12",
        "verify-before-load",
        "LG802",
        model_swapped,
    ),
    Drill(
        "swapped-and-served",
        "overwrites a live model before a gateway starts",
        "LT12",
        "verify-before-load",
        "LG802",
        swapped_and_served,
        served=True,
    ),
    Drill(
        "tag-overwritten",
        "moves a tag of the registry to another model",
        "LT12",
        "write-once",
        "LG809",
        tag_overwritten,
        incident=17,
        limit="who owns the store can still delete from it, and its readers by tag are misled until somebody verifies",
    ),
    Drill(
        "signature-removed",
        "takes the model's signature away",
        "LT12",
        "signed-closure",
        "LG805",
        signature_removed,
    ),
)
