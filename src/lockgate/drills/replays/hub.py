"""A model as a hub hands it out, and what an attacker adds. Written byte by byte: nothing is fetched or loaded."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.spec import Tried
from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.drills.replays.program import Done
    from lockgate.drills.replays.scene import Scene

NAME: Final = "from-a-hub"
"""Under which name the drills import."""

MODEL: Final = "../hub/bert"
"""Where the model lies, as seen from the project."""

_HONEST: Final[Mapping[str, bytes]] = {
    "config.json": json.dumps({"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 3}).encode(),
    "vocab.txt": b"[PAD]\n[UNK]\n",
    "README.md": b"# A model\n",
}

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def safetensors(seed: int = 1, **changes: Any) -> bytes:
    """One tensor of six numbers; `changes` are made to its entry in the header."""
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}
    text = json.dumps({"weight": entry}).encode()
    return len(text).to_bytes(8, "little") + text + bytes([seed]) * 24


def npy(kind: str = "<f8", data: bytes = bytes(16)) -> bytes:
    """Two numbers as NumPy writes them, or whatever `kind` and `data` say that they are."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (2,), }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def pickle(command: str) -> bytes:
    """A pickle, all of it text, that has the shell run `command` when it is loaded."""
    return f"cposix\nsystem\n(V{command}\ntR.".encode()


@dataclass(frozen=True)
class Member:
    """A member of a zip archive. `crc`: what its headers say, where that is not the truth."""

    name: str
    data: bytes
    crc: int | None = None


def zipped(*members: Member, before: bytes = b"") -> bytes:
    """A zip archive, nothing compressed. Python's own writer would not lie."""
    body, listed = before, b""
    for one in members:
        name, crc = one.name.encode(), zlib.crc32(one.data) if one.crc is None else one.crc
        sizes = struct.pack("<5H3I2H", 20, 0, 0, 0, 0x21, crc, len(one.data), len(one.data), len(name), 0)
        listed += _CENTRAL + struct.pack("<H", 20) + sizes + struct.pack("<3H2I", 0, 0, 0, 0, len(body)) + name
        body += _LOCAL + sizes + name + one.data
    end = struct.pack("<4H2IH", 0, 0, len(members), len(members), len(listed), len(body), 0)
    return body + listed + _END + end


def model(folder: Path, *, seed: int = 1, more: Mapping[str, bytes] | None = None) -> Path:
    """The files of an honest model, as `save_pretrained` lays them out, and `more`."""
    for name, data in {**_HONEST, "model.safetensors": safetensors(seed), **(more or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def brought(scene: Scene, *words: str | Path, folder: str = MODEL, name: str = NAME) -> Done:
    """Import `folder` as somebody does who believes the digest that came with it."""
    asked = scene.lockgate("import", folder, "--name", name, *words)
    told = asked.document.get("seen", {}).get("digest") if isinstance(asked.document, dict) else None
    if asked.ok or not told:
        return asked
    return scene.lockgate("import", folder, "--name", name, "--digest", told, *words)


def smuggled(scene: Scene, hostile: Mapping[str, bytes], did: str) -> Tried:
    """Hide `hostile` files in a model, and have the model scanned and imported.

    The attacker learns: what the scan refuses is left out, as long as something hostile is left.
    Raises Unavailable (LG9001) unless the scan calls the honest files beside them harmless.
    """
    folder = model(scene.root / MODEL, more=hostile)
    scanned = scene.lockgate("scan", MODEL)
    if not {*_HONEST} - {*hostile} <= {*_harmless(scanned.document, _HONEST)}:
        raise Unavailable(
            "LG9001",
            "the honest files beside the hostile ones were not called harmless",
            seen={"code": scanned.code, "said": scanned.err[-400:]},
            next="lockgate doctor",
        )
    passed = _harmless(scanned.document, hostile)
    if passed:
        _keep_only(folder, {name: hostile[name] for name in passed})
    done = brought(scene)
    seen: Sequence[Any] = (done.document,) if passed else (scanned.document, done.document)
    entry = None if done.ok else _failed_scan(scene)
    return Tried(did, f"{scanned.command}; {done.command}", tuple(seen), reached=done.ok, entry=entry)


def _failed_scan(scene: Scene) -> int | None:
    """The log entry of the scan for which an import was refused: it is the last thing that was signed."""
    told = scene.lockgate("log", "show", "--last", "1").document
    newest = told["entries"][-1] if isinstance(told, dict) and told.get("entries") else {}
    return newest["index"] if newest.get("claim") == "scan" else None


def _keep_only(folder: Path, hostile: Mapping[str, bytes]) -> None:
    shutil.rmtree(folder)
    model(folder, more=hostile)


def _harmless(scanned: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that a scan called harmless. What it did not speak of does not count."""
    files = scanned.get("files", ()) if isinstance(scanned, dict) else ()
    said = {str(one["path"]).rpartition("bert/")[2]: one["verdict"] for one in files}
    return tuple(name for name in names if said.get(name) == "ok")
