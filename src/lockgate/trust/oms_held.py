"""Verified bytes, handed on so that nothing can change between check and use.

    with open_verified(folder, public_key) as files:
        fd = files.open("model.onnx")               # sealed memory that was hashed: loads what was signed
        session = InferenceSession(files.path("model.onnx"))

Two ways to hold a file, for the caller to choose:

    MEMORY  a copy in a memfd, sealed against writing, shrinking, growing and unsealing *before* it is hashed. Nobody
            can change it any more, its own process included. Costs memory of the file's size. Linux only.
    FILE    the very descriptor that was hashed. Replacing, renaming or unlinking the file changes nothing any more;
            but who may write the file can still write into it *in place*, after the check. For files that only
            their reader may write, or too large for memory.

Entering verifies the signature and that the folder has exactly the signed names. A file's bytes are verified when it
is opened: what is never opened is never read, and nothing is said about it.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lockgate.core.digest import Digest
from lockgate.errors import Unavailable, Unfit, Usage, VerificationFailed
from lockgate.store.files import hash_fd
from lockgate.store.tree import list_tree, open_beneath, open_tree
from lockgate.trust.oms import SignedFiles, Trust, refuse_names
from lockgate.trust.oms_directory import SIGNATURE, read_signature, skipped

_PIECE = 1 << 30


class Hold(enum.Enum):
    """How a file is kept from changing; see the module."""

    MEMORY = "memory"
    FILE = "file"


class VerifiedFiles:
    """The files of a folder whose signature was verified. Closes every descriptor that it gave when it is left."""

    def __init__(self, top: int, signed: SignedFiles) -> None:
        """`top`: a descriptor of the folder, which is taken over."""
        self.signed = signed
        self._top = top
        self._open: dict[tuple[str, Hold], int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The signed names."""
        return tuple(self.signed.files)

    def open(self, name: str, hold: Hold = Hold.MEMORY) -> int:
        """A read-only descriptor of the signed bytes of `name`, at position 0; this object closes it.

        The same one when asked again: its position is shared.

        Raises:
            VerificationFailed: LG852 other bytes, LG854 it is gone, LG803 a symlink or special file stands there.
            Usage: LG854 no file of that name was signed.
            Unavailable: LG801 no memory left. Unfit: LG901 this system has no sealed memory.
        """
        digest = self.signed.files.get(name)
        if digest is None:
            raise Usage("LG854", f"no file {name!r} was signed", seen={"signed": list(self.names)[:20]})
        key = (name, hold)
        if key not in self._open:
            take = _sealed if hold is Hold.MEMORY else os.dup
            self._open[key] = self._verified(name, digest, take)
        return self._open[key]

    def path(self, name: str, hold: Hold = Hold.MEMORY) -> str:
        """A path to the signed bytes, for a library that takes only paths. Good in this process, until closed."""
        return f"/proc/self/fd/{self.open(name, hold)}"

    def read(self, name: str) -> bytes:
        """The signed bytes. Raises as `open`."""
        fd = self.open(name)
        return os.pread(fd, os.fstat(fd).st_size, 0)

    def close(self) -> None:
        """Close every descriptor."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()
        if self._top >= 0:
            os.close(self._top)
            self._top = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _verified(self, name: str, digest: Digest, take: Callable[[int], int]) -> int:
        try:
            fd = open_beneath(self._top, name)
        except FileNotFoundError:
            raise _gone(name, digest) from None
        try:
            held = take(fd)
        finally:
            os.close(fd)
        # What is hashed is what is handed out: for memory, the seals are on it already.
        seen = hash_fd(held)
        if seen != digest:
            os.close(held)
            raise VerificationFailed(
                "LG852",
                f"{name} does not have the bytes that were signed",
                seen={"file": name, "expected": digest, "seen": seen},
                next="get the files again from where they were signed",
            )
        return held


def open_verified(
    folder: Path | str, trust: bytes | Trust, *, signature: Path | None = None, identity: str = ""
) -> VerifiedFiles:
    """The files of the signed `folder`, to be opened one by one; use it as a context manager.

    1. The signature (default: `model.sig` in the folder) verifies, as in `verify_directory`.
    2. The folder has exactly the signed names, no symlink and no special file.

    Raises VerificationFailed as `verify_directory`, but for LG852 and LG858, which `VerifiedFiles.open` sees.
    """
    place = Path(folder)
    where = signature or place / SIGNATURE
    # 1.
    signed = read_signature(place, where, trust, identity=identity)
    # 2.
    files = VerifiedFiles(open_tree(place), signed)
    with _closed_on_error(files):
        refuse_names(signed, list_tree(files._top, skip=skipped(place, where)))  # noqa: SLF001 - made here
    return files


@contextmanager
def _closed_on_error(files: VerifiedFiles) -> Iterator[None]:
    try:
        yield
    except BaseException:
        files.close()
        raise


def _sealed(source: int) -> int:
    """A read-only descriptor of a sealed copy. Raises Unfit (LG901), Unavailable (LG801)."""
    if not hasattr(os, "memfd_create"):
        raise Unfit("LG901", "sealed memory exists on Linux only", next="open the file with Hold.FILE, on a copy")
    import fcntl

    writable = os.memfd_create("lockgate", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        _copy(source, writable)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, seals)
        return _read_only(writable)
    except OSError as error:
        raise Unavailable(
            "LG801",
            f"there is no room in memory for the file: {error.strerror}",
            next="free some memory, or open the file with Hold.FILE",
        ) from error
    finally:
        os.close(writable)


def _copy(source: int, target: int) -> None:
    """The file as long as it is now: what a writer adds meanwhile is not signed, and must not fill the memory."""
    size, offset = os.fstat(source).st_size, 0
    while offset < size and (count := os.sendfile(target, source, offset, min(_PIECE, size - offset))):
        offset += count


def _read_only(fd: int) -> int:
    with suppress(OSError):
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    # No /proc here: the seals alone forbid writing.
    copy = os.dup(fd)
    os.lseek(copy, 0, os.SEEK_SET)
    return copy


def _gone(name: str, digest: Digest) -> VerificationFailed:
    return VerificationFailed(
        "LG854",
        f"{name} was signed, and is not there",
        seen={"file": name, "expected": digest},
        next="get the files again from where they were signed",
    )
