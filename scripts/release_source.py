"""What a release is made from: one commit, as git keeps it, and nothing of the working folder.

Everything here is read with `git show` and `git archive`: a file that was changed or added but not committed is in no
release. `problems` decides what forbids one (pure).
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

PINNED = "kit/release/release.pub"
VERIFIER = "verifier/lockgate_verify.py"
CHART = "kit/helm/lockgate"
LOCKS = ("requirements/runtime.txt", "requirements/dev.txt")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?")


class Stop(Exception):
    """Nothing was released. `code` is an exit code as of the command line; `next` what to run."""

    def __init__(self, code: int, message: str, next: str) -> None:  # noqa: A002 - the word of the CLI contract
        super().__init__(message)
        self.code = code
        self.next = next


@dataclass(frozen=True)
class Source:
    """One commit.

    Attributes:
        commit: its name, 40 (or 64) hex digits.
        epoch: when it was committed, in seconds: the only time that a wheel or sdist knows.
        dirty: what `git status` tells of the working folder, which is not built.
        previous: the tag of the newest release before it, "" for none; `previous_verifier` the verifier's SHA-256 then.
        tagged: the commit that already bears this version's tag, "" for none.
    """

    root: Path
    commit: str
    epoch: int
    version: str
    dirty: tuple[str, ...]
    changes: str | None
    previous: str
    previous_verifier: str
    tagged: str
    pinned: bytes | None

    def file(self, name: str) -> bytes:
        """The bytes of a file of the commit. Raises Stop where it has none."""
        found = _git(self.root, "show", f"{self.commit}:{name}")
        if found is None:
            raise Stop(2, f"commit {self.commit[:12]} has no {name}", f"git log -- {name}")
        return found

    def files(self, *below: str) -> tuple[str, ...]:
        """The names of the commit's files below some folders, sorted."""
        listed = _git(self.root, "ls-tree", "-r", "-z", "--name-only", self.commit, *below) or b""
        return tuple(sorted(name.decode() for name in listed.split(b"\0") if name))

    @property
    def verifier(self) -> str:
        """The SHA-256 of the verifier of one file."""
        return hashlib.sha256(self.file(VERIFIER)).hexdigest()

    def unpack(self, folder: Path, *, umask: int, touch: bool) -> None:
        """Write the commit's tree into `folder`, which is new; `touch`: as if each file were written just now."""
        folder.mkdir(parents=True)
        archive = _git(self.root, "archive", "--format=tar", self.commit)
        if archive is None:
            raise Stop(4, f"git cannot write commit {self.commit[:12]} as an archive", f"git -C {self.root} fsck")
        more = ["--touch"] if touch else []
        subprocess.run(["tar", "-x", *more, "-C", str(folder)], input=archive, umask=umask, check=True)


def read(root: Path) -> Source:
    """The commit that is checked out in `root`. Raises Stop: no repository, no version."""
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        raise Stop(2, f"{root} is no git repository with a commit", f"git -C {root} status")
    commit = head.decode().strip()
    version = _version(_git(root, "show", f"{commit}:pyproject.toml") or b"")
    tag = (_git(root, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", f"{commit}^") or b"").decode().strip()
    before = _git(root, "show", f"{tag}:{VERIFIER}") if tag else None
    return Source(
        root=root,
        commit=commit,
        epoch=int(_git(root, "show", "-s", "--format=%ct", commit) or b"0"),
        version=version,
        dirty=tuple((_git(root, "status", "--porcelain") or b"").decode("utf-8", "replace").splitlines()),
        changes=section((_git(root, "show", f"{commit}:CHANGELOG.md") or b"").decode(), version),
        previous=tag,
        previous_verifier=hashlib.sha256(before).hexdigest() if before is not None else "",
        tagged=(_git(root, "rev-parse", "--verify", f"v{version}^{{commit}}") or b"").decode().strip(),
        pinned=_git(root, "show", f"{commit}:{PINNED}"),
    )


def section(changelog: str, version: str) -> str | None:
    """What CHANGELOG.md says under `## [VERSION]`, without that line; None when it has no such section."""
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found and found[1].strip() else None


def verifier_told(source: Source) -> str:
    """Whether the verifier of one file changed since the release before: outsiders compare its digest."""
    if not source.previous_verifier:
        return "the first release of it"
    return f"{'unchanged' if source.previous_verifier == source.verifier else 'CHANGED'} since {source.previous}"


def problems(source: Source, key: bytes | None) -> list[tuple[str, str]]:
    """What forbids a release signed by `key` (PEM; None in a rehearsal), each with what to do about it."""
    found = []
    if source.dirty:
        found.append(
            (f"{len(source.dirty)} of the folder's files differ from the commit, and are not built", "git status")
        )
    if source.changes is None:
        found.append((f"CHANGELOG.md has no section [{source.version}] in the commit", "edit CHANGELOG.md"))
    elif "CHANGED" in verifier_told(source) and "lockgate_verify" not in source.changes:
        found.append(("the verifier of one file changed, and CHANGELOG.md does not say why", "edit CHANGELOG.md"))
    if source.tagged not in {"", source.commit}:
        found.append((f"v{source.version} is another commit's: {source.tagged[:12]}", "edit pyproject.toml: version"))
    if key is None:
        found.append(("no key was given", "make release KEY=release.pem"))
    elif source.pinned is None:
        found.append((f"the commit pins no release key ({PINNED})", f"cp RELEASE_KEY.pub {PINNED}"))
    elif source.pinned.split() != key.split():
        found.append((f"the key is not the one that the commit pins ({PINNED})", f"git log -- {PINNED}"))
    return found


def _version(pyproject: bytes) -> str:
    try:
        version = str(tomllib.loads(pyproject.decode())["project"]["version"])
    except (ValueError, KeyError, TypeError):
        version = ""
    if not _VERSION.fullmatch(version):
        raise Stop(
            2, f"pyproject.toml of the commit names no version such as 1.2.3: {version!r}", "edit pyproject.toml"
        )
    return version


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git says, None when it says no. Neither the caller's GIT_DIR nor an object put in another's place counts."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-replace-objects", "-C", str(root), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
