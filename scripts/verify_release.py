#!/usr/bin/env python3
"""Check a release of Lockgate, without Lockgate and without trusting where it was downloaded from.

    python3 -I verify_release.py --key release.pub --version 0.1.0 [--commit HEX] [--rebuild] [--checkout REPO] FOLDER

Needs Python 3.11 and the package `cryptography`; `--rebuild` and `--checkout` need hatchling too, `--checkout` git.
Opens no network.

Trusted: this file, Python, `cryptography`, and the public key, which you have on a way that whoever gave you the
release cannot change. Neither the key nor the version has a default, or a genuine older release could be handed over
as the newest. Everything else is checked, in this order, and a refusal names its step:

    1. names       the folder holds the files of that version and nothing else: no link, no folder
    2. signature   model.sig (OpenSSF Model Signing v1.0) is this key's
    3. bytes       each file is the one that it lists, and it lists each
    4. sums        SHA256SUMS says the same, so that whoever compares only it is told the truth
    5. provenance  one DSSE envelope by this key: a SLSA v1 statement about exactly these files
    6. version     which says this version, as do the wheel and the sdist inside
    7. commit      and the commit that you named with --commit
    8. notes       whose first line is the verifier's digest
    9. rehearsal   made by `make release` with a key, not a rehearsal (exit 1)
   10. rebuild     with --rebuild: the sdist, built here, gives the same wheel, byte for byte
   11. checkout    with --checkout: the commit in that repository gives the same sdist, byte for byte

Exit codes: 0 it holds; 1 genuine and must not be relied on; 2 usage; 3 not what was signed; 4 this machine cannot.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # Beside this file may lie what somebody else unpacked: an `argparse.py` there would be run in place of Python's.
    sys.path[:] = [one for one in sys.path if one not in {sys.path[0], "", "."}]

import argparse
import base64
import binascii
import hashlib
import importlib.metadata
import json
import os
import re
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
except ImportError as missing:
    if __name__ != "__main__":
        raise
    sys.stderr.write(f"Nothing was checked: {missing}. Install it: python3 -m pip install cryptography\n")
    raise SystemExit(2) from None

OK, REFUSED, USAGE, FAILED, CANNOT = range(5)
SIGNATURE = "model.sig"
STATEMENT = "https://in-toto.io/Statement/v1"
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNED_MODEL = "https://model_signing/signature/v1.0"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:lockgate:build:release:v1"
BUILDER = "urn:lockgate:builder:make-release:v1"
MOST = 256 << 20  # bytes of one file
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?")
_HASH: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}


class Fault(Exception):
    """A step said no. `code` is the exit code."""

    def __init__(self, step: str, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.step = step
        self.code = code


@dataclass(frozen=True)
class Wanted:
    """What the person asks for: whose release, which, from which commit ("" for any)."""

    key: ec.EllipticCurvePublicKey
    version: str
    commit: str = ""


def names_of(version: str) -> tuple[str, ...]:
    """The files of a release, without its signature."""
    made = ("-py3-none-any.whl", ".tar.gz", ".cdx.json", "-requirements.txt", "-chart.tgz", ".intoto.jsonl")
    own = ("lockgate_verify.py", "verify_release.py", "SHA256SUMS", "NOTES.md")
    return tuple(sorted((*(f"lockgate-{version}{end}" for end in made), *own)))


def read_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """An EC public key. Raises Fault (usage)."""
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        raise Fault("key", "that is no public key in PEM", USAGE) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASH:
        raise Fault("key", "the key must be P-256, P-384 or P-521", USAGE)
    return key


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """The SHA-256 of the key (SubjectPublicKeyInfo, DER), 64 hex digits."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def read_folder(folder: Path, version: str) -> dict[str, bytes]:
    """Step 1. Every file's bytes, each opened once: what is checked below is what was read here."""
    wanted = {*names_of(version), SIGNATURE}
    try:
        there = {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise Fault("names", f"{folder} cannot be read: {error.strerror}", CANNOT) from None
    for what, names in (("lacks", wanted - there), ("has, beside the release,", there - wanted)):
        if names:
            raise Fault("names", f"the folder {what} {', '.join(sorted(map(ascii, names))[:5])}")
    return {name: _read(folder / name) for name in sorted(wanted)}


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Fault("names", f"{path.name} cannot be read as a file: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Fault("names", f"{path.name} is no plain file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise Fault("names", f"{path.name} is larger than {MOST >> 20} MiB")
    return data


def signed_files(bundle: bytes, key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Step 2. Name and SHA-256 of each file that the key signed."""
    value = _exactly(_json("signature", bundle), "mediaType verificationMaterial dsseEnvelope", "signature")
    if value["mediaType"] != BUNDLE:
        raise Fault("signature", "model.sig is no Sigstore bundle v0.3")
    said = _statement(_payload("signature", value["dsseEnvelope"], key), SIGNED_MODEL, "signature")
    predicate = _exactly(said["predicate"], "serialization resources", "signature")
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    listed = [_exactly(one, "name algorithm digest", "signature") for one in _list(predicate["resources"], "signature")]
    found = {str(one["name"]): str(one["digest"]) for one in listed}
    if predicate["serialization"] != how or len(found) != len(listed):
        raise Fault("signature", "model.sig signs something else than whole files by SHA-256, each once")
    if {one["algorithm"] for one in listed} != {"sha256"}:
        raise Fault("signature", "model.sig uses another digest than SHA-256")
    return found


def check_bytes(files: Mapping[str, bytes], signed: Mapping[str, str]) -> dict[str, str]:
    """Step 3. The SHA-256 of each file, which is the signed one."""
    found = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != SIGNATURE}
    if signed.keys() != found.keys():
        raise Fault("bytes", f"signed were other files: {', '.join(sorted(signed.keys() ^ found.keys())[:5])}")
    for name, digest in found.items():
        if signed[name] != digest:
            raise Fault("bytes", f"{name} is not the file that was signed: SHA-256 {digest}, signed {signed[name]}")
    return found


def check_sums(text: bytes, found: Mapping[str, str], version: str) -> None:
    """Step 4. Each file that is made before the provenance stands in SHA256SUMS, as it is."""
    late = {"SHA256SUMS", "NOTES.md", f"lockgate-{version}.intoto.jsonl"}
    wanted = "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items()) if name not in late)
    if text != wanted.encode():
        raise Fault("sums", "SHA256SUMS does not say the digests of these files")


def read_provenance(
    line: bytes, key: ec.EllipticCurvePublicKey, found: Mapping[str, str], version: str
) -> dict[str, Any]:
    """Step 5. The predicate of the one statement about these files."""
    if line.count(b"\n") != 1 or not line.endswith(b"\n"):
        raise Fault("provenance", "it is not one line")
    said = _statement(_payload("provenance", _json("provenance", line), key), PROVENANCE, "provenance")
    subjects = [_exactly(one, "name digest", "provenance") for one in _list(said["subject"], "provenance")]
    told = {str(one["name"]): one["digest"] for one in subjects}
    wanted = {name: {"sha256": digest} for name, digest in found.items() if name != f"lockgate-{version}.intoto.jsonl"}
    if len(told) != len(subjects) or told != wanted:
        raise Fault("provenance", "it is about other files than these")
    predicate = said["predicate"]
    if _at(predicate, "buildDefinition", "buildType") != BUILD_TYPE:
        raise Fault("provenance", f"it tells of another kind of build than {BUILD_TYPE}")
    return dict(predicate)


def check_version(predicate: Mapping[str, Any], files: Mapping[str, bytes], version: str) -> None:
    """Step 6. One version in the provenance, the wheel and the sdist."""
    said = {
        "provenance": _at(predicate, "buildDefinition", "externalParameters", "version"),
        "wheel": _wheel_version(files[f"lockgate-{version}-py3-none-any.whl"], version),
        "sdist": _sdist_version(files[f"lockgate-{version}.tar.gz"], version),
    }
    for where, one in said.items():
        if one != version:
            raise Fault("version", f"the {where} is of version {one!r}, and {version} was asked for")


def check_commit(predicate: Mapping[str, Any], commit: str) -> str:
    """Step 7. The commit that the release says it was made from."""
    said = _at(predicate, "buildDefinition", "externalParameters", "commit")
    sources = [
        _at(one, "digest", "gitCommit")
        for one in _list(_at(predicate, "buildDefinition", "resolvedDependencies"), "commit")
    ]
    if not isinstance(said, str) or not re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", said) or said not in sources:
        raise Fault("commit", "the provenance names no one commit")
    if commit and said != commit:
        raise Fault("commit", f"made from commit {said}, and {commit} was asked for")
    return said


def check_notes(text: bytes, digest: str) -> None:
    """Step 8. Who looks only at the notes compares the right digest."""
    if not text.startswith(f"`lockgate_verify.py` SHA-256 `{digest}` (".encode()):
        raise Fault("notes", "the first line of NOTES.md is not the digest of lockgate_verify.py")


def check_builder(predicate: Mapping[str, Any]) -> None:
    """Step 9. Exit 1: a rehearsal is genuine, and nobody stands behind it."""
    builder = _at(predicate, "runDetails", "builder", "id")
    rehearsal = _at(predicate, "buildDefinition", "internalParameters", "rehearsal")
    if builder != BUILDER or rehearsal is not False:
        raise Fault("rehearsal", "this is a rehearsal of a release, signed by a key that was thrown away", REFUSED)


def check_rebuild(predicate: Mapping[str, Any], files: Mapping[str, bytes], version: str) -> None:
    """Step 10. The sdist gives the wheel, on this machine. It runs what the sdist says hatchling is to run."""
    _check_hatchling(predicate, "rebuild")
    with tempfile.TemporaryDirectory(prefix="lockgate-rebuild-") as scratch:
        _run("rebuild", ["tar", "-xz", "-C", scratch], data=files[f"lockgate-{version}.tar.gz"])
        built = _hatchling("rebuild", "wheel", Path(scratch, f"lockgate-{version}"), predicate)
    if built != files[f"lockgate-{version}-py3-none-any.whl"]:
        raise Fault("rebuild", "the sdist, built here, gives another wheel")


def check_checkout(predicate: Mapping[str, Any], files: Mapping[str, bytes], wanted: Wanted, repository: Path) -> None:
    """Step 11. The commit, taken from a repository that you trust, gives the sdist."""
    _check_hatchling(predicate, "checkout")
    commit = check_commit(predicate, wanted.commit)
    git = ["git", "--no-replace-objects", "-C", str(repository), "archive", "--format=tar", commit]
    archive = _run("checkout", git)
    with tempfile.TemporaryDirectory(prefix="lockgate-checkout-") as scratch:
        tree = Path(scratch, "tree")
        tree.mkdir()
        _run("checkout", ["tar", "-x", "-C", str(tree)], data=archive)
        built = _hatchling("checkout", "sdist", tree, predicate)
    if built != files[f"lockgate-{wanted.version}.tar.gz"]:
        raise Fault("checkout", f"commit {commit} of that repository gives another sdist")


def verify(folder: Path, wanted: Wanted, *, rebuild: bool = False, checkout: Path | None = None) -> dict[str, Any]:
    """All steps. Returns what holds: commit, files and their digests, what was built again. Raises Fault."""
    files = read_folder(folder, wanted.version)
    found = check_bytes(files, signed_files(files[SIGNATURE], wanted.key))
    check_sums(files["SHA256SUMS"], found, wanted.version)
    line = files[f"lockgate-{wanted.version}.intoto.jsonl"]
    predicate = read_provenance(line, wanted.key, found, wanted.version)
    check_version(predicate, files, wanted.version)
    commit = check_commit(predicate, wanted.commit)
    check_notes(files["NOTES.md"], found["lockgate_verify.py"])
    if rebuild:
        check_rebuild(predicate, files, wanted.version)
    if checkout is not None:
        check_checkout(predicate, files, wanted, checkout)
    check_builder(predicate)
    return {"commit": commit, "files": found, "rebuilt": rebuild, "checkout": checkout is not None}


def unproved(report: Mapping[str, Any], *, commit: bool) -> list[str]:
    """What a yes does not mean."""
    found = []
    if not report["checkout"]:
        found.append("that the sdist is what the commit holds (--checkout REPO builds it again)")
    if not report["rebuilt"]:
        found.append("that the wheel is what the sdist gives (--rebuild builds it again)")
    if not commit:
        found.append("that this commit is the one that was reviewed (--commit HEX)")
    return [
        *found,
        "that no newer release mends what is wrong in this one",
        "that the requirements are good: only which files they are",
        "that the machine of the build was honest, beyond what was built again here",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", required=True, type=Path, help="the release key's public half, PEM; no default")
    parser.add_argument("--version", required=True, help="the version that you mean to have; no default")
    parser.add_argument("--commit", default="", help="the commit that it must come from, in full")
    parser.add_argument("--rebuild", action="store_true", help="build the wheel again from the sdist")
    parser.add_argument("--checkout", type=Path, metavar="REPO", help="build the sdist again from the commit there")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    asked = parser.parse_args(arguments)
    try:
        if not VERSION.fullmatch(asked.version):
            raise Fault("version", f"{asked.version!r} is no version such as 1.2.3", USAGE)
        try:
            key = read_key(asked.key.read_bytes())
        except OSError as error:
            raise Fault("key", f"{asked.key} cannot be read: {error.strerror}", USAGE) from None
        wanted = Wanted(key, asked.version, asked.commit)
        report = verify(asked.folder, wanted, rebuild=asked.rebuild, checkout=asked.checkout)
    except Fault as fault:
        if asked.json:
            print(
                json.dumps(
                    {"schema": "lockgate.release-verified/1", "ok": False, "step": fault.step, "message": str(fault)}
                )
            )
        print(f"✗ {fault.step}: {fault}", file=sys.stderr)
        return fault.code
    report = {**report, "keyid": fingerprint(key), "not_proved": unproved(report, commit=bool(asked.commit))}
    if asked.json:
        print(json.dumps({"schema": "lockgate.release-verified/1", "ok": True, "version": asked.version, **report}))
        return OK
    print(f"✓ lockgate {asked.version}, {len(report['files'])} files signed by key {report['keyid']}")
    print(f"  from commit {report['commit']}" + (", sdist built again from it" if report["checkout"] else ""))
    if report["rebuilt"]:
        print("  the sdist, built here, gives the same wheel")
    print("  Not proved: " + ";\n    ".join(report["not_proved"]) + ".")
    return OK


def _payload(step: str, value: object, key: ec.EllipticCurvePublicKey) -> bytes:
    """What is inside a DSSE envelope with one signature, which is this key's. The keyid is not looked at."""
    envelope = _exactly(value, "payload payloadType signatures", step)
    signatures = _list(envelope["signatures"], step)
    if envelope["payloadType"] != IN_TOTO or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise Fault(step, "it is no envelope around one statement with one signature")
    payload, signature = _base64(step, envelope["payload"]), _base64(step, signatures[0].get("sig"))
    signed = b"DSSEv1 %d %b %d %b" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)
    try:
        key.verify(signature, signed, ec.ECDSA(_HASH[key.curve.name]()))
    except InvalidSignature:
        raise Fault(step, f"it was not signed by the key {fingerprint(key)}") from None
    return payload


def _statement(payload: bytes, kind: str, step: str) -> dict[str, Any]:
    said = _exactly(_json(step, payload), "_type subject predicateType predicate", step)
    if (said["_type"], said["predicateType"]) != (STATEMENT, kind) or not isinstance(said["predicate"], dict):
        raise Fault(step, f"it is no in-toto statement v1 of {kind}")
    return said


def _json(step: str, data: bytes) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands there twice")
        return dict(pairs)

    try:
        return json.loads(data.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Fault(step, "it is not JSON, or names something twice") from None


def _exactly(value: object, names: str, step: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names.split()):
        raise Fault(step, f"an object must have exactly: {names}")
    return value


def _list(value: object, step: str) -> list[Any]:
    if not isinstance(value, list):
        raise Fault(step, "a list is missing")
    return value


def _at(value: object, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _base64(step: str, text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise Fault(step, "it has no base64 where base64 must be") from None


def _wheel_version(wheel: bytes, version: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(wheel)) as archive:
            return _version(archive.read(f"lockgate-{version}.dist-info/METADATA"))
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, NotImplementedError):
        raise Fault("version", "the wheel has no METADATA of that version") from None


def _sdist_version(sdist: bytes, version: str) -> str:
    try:
        with tarfile.open(fileobj=BytesIO(sdist), mode="r:gz") as archive:
            member = archive.extractfile(f"lockgate-{version}/PKG-INFO")
            return _version(member.read() if member else b"")
    except (tarfile.TarError, KeyError, OSError, ValueError, EOFError):
        raise Fault("version", "the sdist has no PKG-INFO of that version") from None


def _version(headers: bytes) -> str:
    found = re.search(rb"^Version: (.*)$", headers, re.MULTILINE)
    return found[1].decode("utf-8", "replace").strip() if found else ""


def _check_hatchling(predicate: Mapping[str, Any], step: str) -> None:
    used = _at(predicate, "buildDefinition", "internalParameters", "tools", "hatchling")
    try:
        here = importlib.metadata.version("hatchling")
    except importlib.metadata.PackageNotFoundError:
        here = "none"
    if here != used:
        raise Fault(step, f"it was built with hatchling {used}, here is {here}: pip install hatchling=={used}", CANNOT)


def _hatchling(step: str, kind: str, tree: Path, predicate: Mapping[str, Any]) -> bytes:
    epoch = _at(predicate, "buildDefinition", "internalParameters", "SOURCE_DATE_EPOCH")
    with tempfile.TemporaryDirectory(prefix="lockgate-built-") as out:
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": out, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"}
        _run(step, [sys.executable, "-I", "-m", "hatchling", "build", "-t", kind, "-d", out], cwd=tree, env=env)
        found = [path for path in Path(out).iterdir() if path.name.startswith("lockgate-")]
        if len(found) != 1:
            raise Fault(step, f"hatchling built no one {kind}")
        return found[0].read_bytes()


def _run(
    step: str,
    command: list[str],
    *,
    data: bytes | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> bytes:
    try:
        done = subprocess.run(command, input=data, cwd=cwd, env=env, capture_output=True, check=False)
    except OSError as error:
        raise Fault(step, f"{command[0]} cannot be run: {error.strerror}", CANNOT) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise Fault(step, f"{command[0]} ended with {done.returncode}: {said!a}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
