"""Where the harness's frames end up: the exit of the target, and its files in a directory that the caller gave.

What arrives is untrusted: names are allowed by form, sizes are counted, nothing is overwritten.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lockgate.errors import Unavailable
from lockgate.sandbox.jail import frames

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}){0,4}\Z")
_MOST_FILES = 1000


class Collector:
    """Takes frames in order. `take` raises ValueError on what the harness never sends and Unavailable LG908
    when the disk is full.
    """

    def __init__(self, out_dir: Path | None, most_bytes: int) -> None:
        self._out_dir, self._left = out_dir, most_bytes
        self._file, self._missing = -1, 0
        self.files: dict[str, Path] = {}
        self.skipped: dict[str, str] = {}
        self.exit: tuple[int, int] | None = None
        self.complete = False

    def take(self, kind: bytes, payload: bytes) -> bool:
        """Handle one frame; False when the output is larger than allowed."""
        if self._file >= 0 and kind != b"D":
            raise ValueError("a file was cut off")
        match kind:
            case b"X":
                code, signal = frames.unpack(payload)
                self.exit = (int(code), int(signal))
            case b"F":
                name, size = frames.unpack(payload)
                return self._begin(os.fsdecode(name), int(size))
            case b"D":
                self._append(payload)
            case b"S":
                name, why = frames.unpack(payload)
                if len(self.skipped) < _MOST_FILES:
                    self.skipped[name.decode("utf-8", "replace")[:200]] = why.decode("utf-8", "replace")[:200]
            case b"E":
                self.complete = True
            case _:
                raise ValueError(f"a frame of an unknown kind: {kind!r}")
        return True

    def close(self) -> None:
        """Let go of a file that was cut off."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self, name: str, size: int) -> bool:
        self._left -= size
        if size < 0 or self._left < 0 or len(self.files) >= _MOST_FILES:
            return False
        if self._out_dir is None:
            raise ValueError("a file that nobody asked for")
        self._missing = size
        if not _NAME.match(name) or name in self.files:
            self.skipped[name.encode("utf-8", "replace").decode()[:200]] = "not a name that may leave the jail"
            self._file = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        else:
            place = self._out_dir / name
            with _Disk(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self.files[name] = place
        if size == 0:
            self.close()
        return True

    def _append(self, data: bytes) -> None:
        if self._file < 0 or len(data) > self._missing:
            raise ValueError("more bytes than the file has")
        self._missing -= len(data)
        view = memoryview(data)
        with _Disk(self._out_dir):
            while view:
                view = view[os.write(self._file, view) :]
        if self._missing == 0:
            self.close()


class _Disk:
    """Turns the host's refusal to store output into an answer for people."""

    def __init__(self, place: Path | None) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise Unavailable(
                "LG908",
                "the jail's output cannot be stored",
                seen={"path": str(self._place), "reason": error.strerror},
                next="free some disk space and run again",
            ) from error
