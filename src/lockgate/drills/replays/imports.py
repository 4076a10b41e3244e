"""Drills: a model that comes from elsewhere and is not what its name says."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lockgate.drills.replays.hub import MODEL, NAME, brought, model, safetensors
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried
from lockgate.drills.replays.trap import listening

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.drills.replays.scene import Scene


def _namespace(scene: Scene) -> Tried:
    maker, thief = _key(scene.place, "maker"), _key(scene.place, "thief")
    folder = model(scene.root / MODEL)
    scene.must("sign", MODEL, "--key", f"{maker}.pem")
    first = brought(scene, "--key", f"{maker}.pub")
    scene.must("import", MODEL, "--name", NAME, "--key", f"{maker}.pub")
    model(folder, seed=2)
    scene.must("sign", MODEL, "--key", f"{thief}.pem")
    done = scene.lockgate("import", MODEL, "--name", NAME, "--key", f"{thief}.pub")
    did = "took over the name of a model that was imported, and gave other weights, signed by another key"
    return Tried(did, done.command, (done.document,), reached=first.ok and done.ok)


def _unsigned_base(scene: Scene) -> Tried:
    maker = _key(scene.place, "maker")
    folder = model(scene.root / MODEL)
    scene.must("sign", MODEL, "--key", f"{maker}.pem")
    scene.must("verify", f"{MODEL}/", "--key", f"{maker}.pub")
    (folder / "base.safetensors").write_bytes(safetensors(7))
    done = brought(scene, "--key", f"{maker}.pub")
    did = "laid other base weights beside a signed adapter, whose signature stays valid"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _by_url(scene: Scene) -> Tried:
    """An address, a path that leads out, words for a shell; each where a model or its file is named."""
    file = scene.root / "lockgate.toml"
    honest = file.read_text("utf-8")
    model(scene.root / MODEL)
    (scene.place / "stolen").write_bytes(safetensors())
    with listening() as (port, asked):
        named = f"https://127.0.0.1:{port}/weights.safetensors"
        done = [scene.lockgate("import", f"http://127.0.0.1:{port}/model", "--name", NAME)]
        done += [scene.lockgate("import", MODEL, "--name", "$(touch ${HOME}/ran);touch ran")]
        for source in ("../stolen", "file:///etc/passwd", named):
            table = f'\n[[input]]\nname = "w.safetensors"\nsource = "{source}"\nsha256 = "{"0" * 64}"\n'
            _write(file, honest + table)
            done.append(scene.lockgate("ingest"))
    believed = [one for one in done if one.ok]
    reached = bool(believed or asked) or (scene.root / "ran").exists()
    did = f"named a model, and a file that training gets, by addresses of this machine such as {_plain(named)}"
    return Tried(did, done[-1].command, tuple(one.document for one in believed or done), reached=reached)


def _write(file: Path, text: str) -> None:
    try:
        tomllib.loads(text)
    except ValueError:
        raise NotApplicable("lockgate.toml spells [[input]] in another way") from None
    file.write_text(text, "utf-8")


def _plain(address: str) -> str:
    return "/".join(part.partition(":")[0] if part[:1].isdigit() else part for part in address.split("/"))


def _key(folder: Path, name: str) -> str:
    """A new signing key `NAME.pem` and its public half `NAME.pub`, as a maker of models has; without the ending."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = folder / f"{name}.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private.chmod(0o600)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)
    return f"../{name}"


DRILLS: tuple[Drill, ...] = (
    Drill(
        "namespace-reuse",
        "takes over the name of an imported model and gives other weights",
        "LT13",
        "import-pins-signer",
        "LG461",
        _namespace,
        incident=13,
        limit="the first import of a name needs a person who knows the digest from its maker",
    ),
    Drill(
        "unsigned-base",
        "lays base weights that nobody signed beside a signed model",
        "LT13",
        "signed-closure",
        "LG853",
        _unsigned_base,
        incident=14,
    ),
    Drill(
        "registered-by-url",
        "names a model by an internal address, a path that leads out, and words for a shell",
        "LT13",
        "bytes-by-digest",
        "LG123",
        _by_url,
        incident=7,
    ),
)
