"""`lockgate verify PATH`: a signed folder, without a project where a key or roots are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.cli.render import Talk, many
from lockgate.errors import Usage, VerificationFailed

if TYPE_CHECKING:
    from lockgate.trust.oms import Certified, SignedFiles

_DAY = "%Y-%m-%d"


@dataclass(frozen=True)
class Asked:
    """The options of `verify` that are about a folder."""

    path: Path
    key: str | None
    roots: tuple[str, ...]
    identity: str
    at: str
    signature: str | None


def verify_path(talk: Talk, asked: Asked, root: str, project: str) -> int:
    """Verify the folder and say who signed it, in whose word. Raises as `verify_directory`."""
    _check(asked)
    if asked.roots:
        return _by_certificate(talk, asked)
    if asked.key is None:
        from lockgate.project import Project

        keys, whose = Project.open(project).public_keys("signer", root=root), "the project's signer"
        if not keys:
            raise VerificationFailed("LG813", "the roles file names no signer", next="lockgate trust show")
    else:
        keys, whose = (Path(asked.key).read_bytes(),), asked.key
    found = by_one_of(asked, keys)
    talk.data(f"✓ {many(len(found.files), 'file')} in {asked.path}: exactly what {whose} signed")
    talk.data("not proved: who holds that key, and what the files do")
    _result(talk, asked, found, {})
    return 0


def by_one_of(asked: Asked, keys: tuple[bytes, ...]) -> SignedFiles:
    """As `verify_directory` by the first of `keys` that made the signature; a project may have several signers."""
    for public in keys[:-1]:
        try:
            return _verified(asked, public)
        except VerificationFailed as error:
            if error.finding != "LG851":
                raise
    return _verified(asked, keys[-1])


def _by_certificate(talk: Talk, asked: Asked) -> int:
    from lockgate.trust.oms_certificates import Authorities
    from lockgate.trust.oms_directory import read_certificates

    pem = b"\n".join(read_certificates(Path(root)) for root in asked.roots)
    found = _verified(asked, Authorities.read(pem, _moment(asked.at)))
    said = found.certified
    if said is None:
        raise AssertionError("roots were given, so a certificate was read")
    talk.data(
        f"✓ {many(len(found.files), 'file')} in {asked.path}: exactly what was signed by {said.names[0]}, "
        f"according to {said.authority}"
    )
    for name in said.names[1:]:
        talk.data(f"    also named {name}")
    doubts = [f"that {said.authority} was right", "that the certificate was not withdrawn"]
    if asked.at:
        doubts.insert(0, f"that it was signed by {asked.at}")
    talk.data(f"not proved: {', '.join(doubts)}, and what the files do")
    _result(talk, asked, found, _as_json(said))
    return 0


def _verified(asked: Asked, trust: Any) -> SignedFiles:
    from lockgate.trust.oms_directory import verify_directory

    where = Path(asked.signature) if asked.signature else None
    return verify_directory(asked.path, trust, where, identity=asked.identity)


def _check(asked: Asked) -> None:
    if asked.path.exists() and not asked.path.is_dir():
        raise Usage(
            "LG940",
            f"{asked.path} is a file; a PATH is the folder of a signed model, and evidence ends in .evidence.zip or"
            " .tlog-proof",
            seen={"path": str(asked.path)},
            next="lockgate verify --help",
        )
    if asked.roots and asked.key:
        raise Usage("LG940", "give either --key or --certificate-chain", next="lockgate verify --help")
    if (asked.identity or asked.at) and not asked.roots:
        raise Usage("LG940", "--identity and --at go with --certificate-chain", next="lockgate verify --help")


def _moment(day: str) -> datetime:
    """The end of `day` in UTC; now without one."""
    if not day:
        return datetime.now(UTC)
    try:
        return datetime.strptime(day, _DAY).replace(tzinfo=UTC, hour=23, minute=59, second=59)
    except ValueError:
        raise Usage("LG940", f"not a day: {day!r}", next="--at 2026-11-26") from None


def _as_json(said: Certified) -> dict[str, Any]:
    names = {"names": list(said.names), "authority": said.authority, "until": said.until}
    return {"certificate": {**names, "sha256": said.fingerprint, "authority_sha256": said.root}}


def _result(talk: Talk, asked: Asked, found: SignedFiles, more: dict[str, Any]) -> None:
    value = {"path": str(asked.path), "files": len(found.files), "verified": True, "keyid": found.keyid}
    talk.result("verify", {**value, **more})
