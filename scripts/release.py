"""Make a release of the commit that is checked out, or rehearse one.

    make release                        a rehearsal: everything, under a key that is thrown away
    make release KEY=release.pem        the release; KEY=hsm:... PUBLIC_KEY=release.pub for a key in a token

Built twice from `git archive HEAD` and compared, described (bill of materials, provenance), and signed with Lockgate
itself: one OpenSSF Model Signing bundle over the folder, one DSSE envelope around the provenance. A release is refused
for a working folder that differs from the commit, a version without its section in CHANGELOG.md, a version that is
another commit's already, and a key other than the one that the commit pins in kit/release/release.pub.

A rehearsal says what would be refused and goes on. Its key never touches a disk, its provenance names another builder,
and scripts/verify_release.py refuses it: it cannot be mistaken for a release, nor turned into one.

Exit codes as Lockgate's: 0 ok, 1 refused, 2 usage, 4 this machine cannot.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from lockgate.core.statement import PAYLOAD_TYPE, Statement
from lockgate.errors import LockgateError
from lockgate.runtime.locked.licences import declared
from lockgate.trust import signer as keys
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.oms_directory import sign_directory, signer_in_store
from scripts import release_papers as papers
from scripts.release_build import build, sdist_name, wheel_name
from scripts.release_source import CHART, LOCKS, PINNED, VERIFIER, Source, Stop, problems, read, verifier_told

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = LOCKS[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", default="", help="EC private key, PEM; or hsm:... Without one it is a rehearsal")
    parser.add_argument("--public-key", default="", help="for a key in a store: its public half, PEM")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder that gets the release's folder")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository (default: the one of this file)")
    asked = parser.parse_args(arguments)
    try:
        made = release(asked.root, asked.out, asked.key, asked.public_key)
    except Stop as stop:
        return _told(str(stop), stop.next, stop.code)
    except LockgateError as error:
        return _told(f"{error.message} ({error.finding})", error.next, error.exit_code)
    print(made)
    return 0


def release(root: Path, out: Path, key: str, public: str) -> Path:
    """Write the folder of the release and return it. Raises Stop, and what reaching the key raises."""
    started = datetime.now(UTC)
    source = read(root)
    signer = _signer(key, public)
    found = problems(source, signer.public.pem.encode() if key else None)
    if found and key:
        raise Stop(1, "no release: " + "; ".join(what for what, _ in found), found[0][1])
    for what, remedy in found:
        _say(f"! a release would be refused: {what}. Next: {remedy}")
    folder = out / f"lockgate-{source.version}{'' if key else '-rehearsal'}"
    if folder.exists():
        raise Stop(1, f"{folder} is there already, and no release is written twice", f"rm -r {quote(str(folder))}")
    _say(f"building lockgate {source.version} twice from commit {source.commit[:12]}")
    built = build(source)
    files = _contents(source, built.wheel, built.sdist, signer.keyid)
    how = papers.Made(
        commit=source.commit,
        version=source.version,
        epoch=source.epoch,
        command="make release" + (" KEY=..." if key else ""),
        tools={"hatchling": built.hatchling, "python": platform.python_version()},
        locks={name: source.file(name) for name in LOCKS},
        started=started,
        finished=datetime.now(UTC),
        rehearsal=not key,
    )
    files[f"lockgate-{source.version}.intoto.jsonl"] = _envelope(papers.provenance(files, how), signer) + b"\n"
    _write(folder, files, signer)
    _say(f"{len(files) + 1} files signed by key {signer.keyid}")
    public_key = PINNED if key else str(_public_half(folder, signer))
    _say(f"next: python scripts/verify_release.py --key {public_key} --version {source.version} --rebuild {folder}")
    return folder


def _contents(source: Source, wheel: bytes, sdist: bytes, keyid: str) -> dict[str, bytes]:
    """Every file but provenance and signature, by name."""
    version = source.version
    lock = papers.read_lock(source.file(RUNTIME).decode())
    chart = [(name.removeprefix(f"{CHART}/"), source.file(name)) for name in source.files(f"{CHART}/")]
    committed = datetime.fromtimestamp(source.epoch, UTC)
    files = {
        wheel_name(version): wheel,
        sdist_name(version): sdist,
        f"lockgate-{version}.cdx.json": papers.bill(version, wheel, lock, _licences(lock), committed),
        f"lockgate-{version}-requirements.txt": source.file(RUNTIME),
        f"lockgate-{version}-chart.tgz": papers.chart(chart, source.epoch),
        "lockgate_verify.py": source.file(VERIFIER),
        "verify_release.py": source.file("scripts/verify_release.py"),
    }
    files["SHA256SUMS"] = papers.sums(files)
    changes = source.changes or "(a rehearsal: CHANGELOG.md has no section for this version)"
    files["NOTES.md"] = papers.notes(version, source.commit, source.verifier, verifier_told(source), keyid, changes)
    return files


def _licences(lock: Sequence[papers.Pinned]) -> dict[str, str]:
    """What the wheels that are installed here declare, where they are the locked ones."""
    found = {}
    for each in lock:
        try:
            one = importlib.metadata.distribution(each.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        licence = declared((one.read_text("METADATA") or "").encode()) if one.version == each.version else ""
        if licence:
            found[each.name] = licence
    return found


def _signer(key: str, public: str) -> keys.Signer:
    if not key:
        return keys.generate("release")
    stored = signer_in_store(key, Path(public) if public else None, None)
    if stored is None:
        return keys.load(Path(key), "")
    assert isinstance(stored, keys.Signer)  # noqa: S101 - what the store gives, for the type checker
    return stored


def _envelope(statement: Statement, signer: keys.Signer) -> bytes:
    """DSSE by the release's key. It holds no role of any project, so no project's rules of who may say what apply."""
    payload = statement.payload()
    signature = Signature(signer.keyid, signer.signature(pae(PAYLOAD_TYPE, payload)))
    return Envelope(payload, PAYLOAD_TYPE, (signature,)).encode()


def _write(folder: Path, files: Mapping[str, bytes], signer: keys.Signer) -> None:
    """All of the folder or none of it: it gets its place last."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=folder.parent) as scratch:
        unfinished = Path(scratch, folder.name)
        unfinished.mkdir()
        for name, data in files.items():
            (unfinished / name).write_bytes(data)
        sign_directory(unfinished, signer)
        unfinished.rename(folder)


def _public_half(folder: Path, signer: keys.Signer) -> Path:
    """Beside a rehearsal lies what verifies it. A release's key is pinned in the repository instead."""
    path = folder.with_name(f"{folder.name}.pub")
    path.write_text(signer.public.pem, "ascii")
    return path


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _told(message: str, remedy: str, code: int) -> int:
    _say(f"✗ {message}")
    _say(f"next: {remedy}")
    return code


if __name__ == "__main__":
    sys.exit(main())
