"""What a model file is, by its content. For the way that its conversion takes; nothing is believed of it by that."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Final

from lockgate.register.jail.archive_inside import inside
from lockgate.register.jail.torch_file import MAGIC_BYTES

TORCH: Final = "torch checkpoint"
LEGACY: Final = "torch checkpoint, older form"
KERAS: Final = "Keras"
HDF5: Final = "HDF5"
SKOPS: Final = "skops"
PICKLE: Final = "pickle"
JOBLIB: Final = "compressed joblib"
XGBOOST: Final = "XGBoost"
LIGHTGBM: Final = "LightGBM"
DONE: Final = "ONNX or safetensors"
UNKNOWN: Final = ""

_FIRST = 4096
_COMPRESSED = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00")
_PEEKED = 8
_REACHES: Final = frozenset(
    {"asyncio", "code", "commands", "ctypes", "ftplib", "http", "importlib", "imp", "marshal", "multiprocessing", "nt"}
    | {"os", "pdb", "pip", "posix", "pty", "requests", "runpy", "shutil", "signal", "smtplib", "socket", "ssl"}
    | {"subprocess", "sys", "telnetlib", "threading", "timeit", "urllib", "urllib3", "webbrowser"}
)
_BUILTINS: Final = frozenset({"__import__", "compile", "eval", "exec", "execfile", "input", "open"})


def form_of(path: Path) -> str:
    """One of the forms above."""
    with path.open("rb") as stream:
        first = stream.read(_FIRST)
    if first.startswith(b"PK"):
        return _archive(path)
    if first.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if first.startswith(_COMPRESSED):
        return JOBLIB
    if first.startswith((b"tree\n", b"tree\r\n")):
        return LIGHTGBM
    if b"learner" in first and first.startswith(b"{"):
        return XGBOOST
    if (first[8:9] == b"{" and int.from_bytes(first[:8], "little") < path.stat().st_size) or first[:1] == b"\x08":
        return DONE
    if first.startswith(b"\x80") and MAGIC_BYTES in first[:32]:
        return LEGACY
    return PICKLE if _is_pickle(first) else UNKNOWN


def reaches(path: Path) -> tuple[str, ...]:
    """What its pickles call that runs programs or code, or opens files and connections; as far as a look can tell.

    For a refusal before anything runs. The jail is the boundary: a pickle that hides its calls runs there, for nothing.
    """
    with path.open("rb") as stream:
        found = inside(stream, path.stat().st_size)
    return tuple(name for name in (found.names if found is not None else ()) if _bites(name))


def _bites(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module in ("builtins", "__builtin__"):
        return last in _BUILTINS
    return module.partition(".")[0] in _REACHES


def _archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return UNKNOWN
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return KERAS
    if "schema.json" in names:
        return SKOPS
    return TORCH if any(name.endswith("/data.pkl") for name in names) else UNKNOWN


def _is_pickle(first: bytes) -> bool:
    """Whether the first instructions are a pickle's; old protocols have no sign of their own."""
    seen = 0
    try:
        for _ in pickletools.genops(first):
            seen += 1
            if seen == _PEEKED:
                break
    except (ValueError, UnicodeDecodeError, IndexError):
        return first.startswith(b"\x80") and seen >= 1
    return seen >= 1
