"""What an attacker does by hand: reads a log's files, writes others in their place, signs with a key that was stolen.

Their own tools, from the published forms (DSSE, in-toto Statement, C2SP tlog-tiles), and no part of the program that is
attacked: what they write it must refuse by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.spec import NotApplicable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from lockgate.drills.replays.program import Done, Program
    from lockgate.drills.replays.scene import Scene

_TYPE: Final = "application/vnd.in-toto+json"
_TILE: Final = 256
_VERSION: Final = re.compile(r"^(version\s*=\s*)([0-9]+)", re.MULTILINE)
_CONFIG, _PROGRAM = "config", "lockgate"


def project_id(scene: Scene) -> str:
    """The fingerprint of the twin's root, as its log calls itself."""
    return checkpoint(scene)[0].split("/")[1]


def keys(scene: Scene) -> Path:
    """The folder of the twin's keys."""
    return scene.program.home / _CONFIG / _PROGRAM / project_id(scene)


def somebody(scene: Scene, name: str, *stolen: str) -> Program:
    """The program on a machine of somebody else: the root is pinned, the log was never seen, `stolen` keys are there.

    `stolen`: roles, of which the key file lies there.
    """
    home = scene.place / name
    folder = home / _CONFIG / _PROGRAM / project_id(scene)
    folder.mkdir(parents=True, mode=0o700)
    for file in ("pin.json", *(f"{role}.{kind}" for role in stolen for kind in ("key", "pub"))):
        shutil.copy(keys(scene) / file, folder / file)
    return replace(scene.program, home=home)


def told(done: Done) -> tuple[Any, ...]:
    """What a command said, with what stands behind a refusal to seal (LG864) as a finding of its own."""
    seen = done.document.get("seen", {}) if isinstance(done.document, dict) else {}
    return (done.document, {"finding": seen.get("because")}) if isinstance(seen, dict) else (done.document,)


def canonical(value: Any) -> bytes:
    """JSON in the one spelling that a log takes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(data: bytes) -> str:
    """As blobs and statements are named."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# Statements: DSSE envelopes of in-toto statements


@dataclass(frozen=True)
class Sealed:
    """An entry of a log of events: its leaf, and the envelope that the leaf names."""

    leaf: Mapping[str, Any]
    envelope: bytes

    @property
    def statement(self) -> dict[str, Any]:
        """What was signed; a copy of one's own to change."""
        return opened(self.envelope)


def opened(envelope: bytes) -> dict[str, Any]:
    """The statement in an envelope, whoever signed it."""
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    return found


def newest(scene: Scene, claim: str) -> Sealed:
    """The newest statement of `claim` in the log. Raises LookupError where there is none."""
    return [one for one in sealed(scene) if one.leaf["claim"] == claim][-1]


def registration(scene: Scene) -> dict[str, Any]:
    """The statement that registered the twin's model. Raises LookupError where there is none."""
    found = [one.statement for one in sealed(scene) if one.leaf["claim"] == "register"]
    return [one for one in found if scene.ref in {"latest", named(one)}][-1]


def named(said: Mapping[str, Any]) -> str:
    """The model that a statement registers, with its version."""
    return f"{said['predicate']['name']}@{said['predicate']['version']}"


def signed(statement: Mapping[str, Any], *private: EllipticCurvePrivateKey) -> bytes:
    """`statement` in an envelope that is signed by these keys, whatever they may say."""
    payload = canonical(statement)
    covered = b"DSSEv1 %d %b %d %b" % (len(_TYPE), _TYPE.encode(), len(payload), payload)
    signatures = [{"keyid": fingerprint(key), "sig": _base64(_sign(key, covered))} for key in private]
    return _envelope(payload, sorted(signatures, key=lambda one: one["keyid"]))


def altered(envelope: bytes, statement: Mapping[str, Any]) -> bytes:
    """Another statement under the signatures of `envelope`."""
    return _envelope(canonical(statement), json.loads(envelope)["signatures"])


def stolen_key(scene: Scene, role: str) -> EllipticCurvePrivateKey:
    """The key of a role, from its file. Raises ValueError where it is of another kind."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = load_pem_private_key((keys(scene) / f"{role}.key").read_bytes(), None)
    if not isinstance(found, EllipticCurvePrivateKey):
        raise ValueError(f"the key of {role} is of no known kind")
    return found


def own_key() -> EllipticCurvePrivateKey:
    """A key that the attacker made."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def public(key: EllipticCurvePrivateKey) -> str:
    """The public half as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint(key: EllipticCurvePrivateKey) -> str:
    """How a roles file names it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _sign(key: EllipticCurvePrivateKey, data: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _envelope(payload: bytes, signatures: Sequence[Mapping[str, str]]) -> bytes:
    return canonical({"payload": _base64(payload), "payloadType": _TYPE, "signatures": list(signatures)})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Logs: tiles and bundles of C2SP tlog-tiles, of less than 256 entries


def checkpoint(scene: Scene) -> list[str]:
    """The lines of the checkpoint of the log of events: origin, size, root, then signatures."""
    return _events(scene).joinpath("checkpoint").read_text("utf-8").splitlines()


def sealed(scene: Scene) -> list[Sealed]:
    """The entries of the log of events, oldest first. Raises NotApplicable for a log that was long in use."""
    size = int(checkpoint(scene)[1])
    if size >= _TILE:
        raise NotApplicable("the log of the twin has more entries than the attack's own tools can write")
    bundle = _events(scene).joinpath("tile", "entries", "000.p", str(size)).read_bytes()
    leaves = [json.loads(one) for one in _entries(bundle)]
    return [Sealed(leaf, blob(scene, leaf["digest"]).read_bytes()) for leaf in leaves]


def reseal(scene: Scene, entries: Sequence[Sealed]) -> bytes:
    """Write tiles, bundle and blobs of these entries in the place of what lies there; the root of the tree.

    The checkpoint stays as it is: it takes the sealer's key to sign another.
    """
    leaves = [canonical(one.leaf) for one in entries]
    hashes = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    tiles = _events(scene) / "tile"
    shutil.rmtree(tiles)
    files = {"0": b"".join(hashes), "entries": b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)}
    for level, content in files.items():
        folder = tiles / level / "000.p"
        folder.mkdir(parents=True)
        (folder / str(len(leaves))).write_bytes(content)
    for one in entries:
        if not (place := blob(scene, one.leaf["digest"])).exists():
            place.write_bytes(one.envelope)
    return tree_root(hashes)


def in_place_of(last: Sealed, envelope: bytes, claim: str) -> Sealed:
    """An entry that takes the place and the time of `last`, about the statement in `envelope`."""
    kind = opened(envelope)["predicateType"]
    leaf = {"claim": claim, "digest": digest(envelope), "predicateType": kind, "size": len(envelope)}
    return Sealed({**last.leaf, **leaf}, envelope)


def blob(scene: Scene, named: str) -> Path:
    """Where the registry has the blob of a digest."""
    return scene.home / "registry" / "blobs" / "sha256" / named.removeprefix("sha256:")


def overwrite(path: Path, data: bytes) -> None:
    """Write into a file, whatever its mode says."""
    path.chmod(0o644)
    path.write_bytes(data)


def version_of(policy: str) -> int:
    """The version in the text of a policy. Raises NotApplicable where it is written in no usual way."""
    found = _VERSION.search(policy)
    if found is None:
        raise NotApplicable("policy.toml does not have its version in a line of its own")
    return int(found[2])


def with_version(policy: str, version: int) -> str:
    """The text of a policy, with another version."""
    return _VERSION.sub(rf"\g<1>{version}", policy, count=1)


def _events(scene: Scene) -> Path:
    return scene.home / "log" / "events"


def _entries(bundle: bytes) -> Iterator[bytes]:
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        yield bundle[2:end]
        bundle = bundle[end:]


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 over leaf hashes; at least one."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_root(hashes[:half]) + tree_root(hashes[half:])).digest()
