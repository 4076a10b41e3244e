"""The contract's code as a captured closure: copies by digest in a private folder, never a bind of the project."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lockgate.contract.reach import unseen_by
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.store.files import read_regular, writing

MAX_FILES = 1000
MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class Closure:
    """Captured files by relative name, sorted, and the folder that holds the copies."""

    folder: Path
    files: tuple[tuple[str, Digest], ...]

    @property
    def digest(self) -> Digest:
        """Names and contents in one digest: that of the JSON list of [name, digest]."""
        return digest_of(encode([list(entry) for entry in self.files]))

    def digest_of(self, name: str) -> Digest:
        """The digest of one file. Raises KeyError."""
        return dict(self.files)[name]


def capture_code(root: Path, patterns: Sequence[str], contract: str, into: Path) -> Closure:
    """Copy `contract`, and what it can see of the files below `root` that match `patterns`, into the new folder `into`.

    Raises Usage LG205 when the contract is missing, Refused LG219 when a file is a link, unreadable or too much.
    """
    names = {contract}
    for pattern in patterns:
        names |= {n for n in glob.iglob(pattern, root_dir=root, recursive=True) if os.path.isfile(root / n)}
    if len(names) > MAX_FILES:
        raise _refused(f"{len(names)} code files; at most {MAX_FILES} are captured", {"files": len(names)})
    total = 0
    files: dict[str, bytes] = {}
    for name in sorted(names):
        files[name] = _read(root, name, contract, MAX_BYTES - total)
        total += len(files[name])
    unseen = unseen_by(contract, files)
    return lay_out({name: data for name, data in files.items() if name not in unseen}, into)


def lay_out(files: Mapping[str, bytes], into: Path) -> Closure:
    """Captured code whose bytes are verified, written into the new folder `into`; no name leaves it."""
    for name, data in files.items():
        with writing(into / name):
            _copy(into, name, data)
    return Closure(into, tuple((name, digest_of(files[name])) for name in sorted(files)))


def _copy(into: Path, name: str, data: bytes) -> None:
    """The jail reads as another user: what is shown to it must not depend on the umask."""
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in (into, *(into / part for part in PurePosixPath(name).parents)):
        folder.chmod(0o755)
    target.write_bytes(data)
    target.chmod(0o644)


def _read(root: Path, name: str, contract: str, most: int) -> bytes:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _refused(f"{name} is outside the project", {"file": name})
    try:
        return read_regular(root / name, most)
    except FileNotFoundError:
        if name != contract:
            raise _refused(f"{name} vanished while the code was captured", {"file": name}) from None
        raise Usage(
            "LG205",
            f"there is no contract {name}",
            seen={"file": name, "folder": str(root)},
            next="set [data] contract in lockgate.toml",
        ) from None
    except (OSError, ValueError, VerificationFailed) as error:
        raise _refused(f"cannot capture {name}: {error}", {"file": name}) from None


def _refused(message: str, seen: dict[str, object]) -> Refused:
    return Refused("LG219", message, seen=seen, next="narrow [train] code in lockgate.toml")
