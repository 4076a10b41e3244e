"""What first bytes, and endings of names, say about files that do not come in. For messages, and to refuse sooner.

What is not recognised here still has to be parsed, to its last byte, as something that is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FIRST: Final = 512


@dataclass(frozen=True)
class Sign:
    """A form that never comes in. `code`: it is run, not read. `short`: so few bytes, or letters,
    that an honest file can begin with them: they count where it is not what it is called at first sight.
    """

    title: str
    code: bool = False
    short: bool = False


_ZIP = Sign("a zip archive")
_SIGNS: Final[tuple[tuple[int, bytes, Sign], ...]] = (
    (0, b"\x7fELF", Sign("a program (ELF)", code=True)),
    (0, b"\xcf\xfa\xed\xfe", Sign("a program (Mach-O)", code=True)),
    (0, b"\xce\xfa\xed\xfe", Sign("a program (Mach-O)", code=True)),
    (0, b"\xfe\xed\xfa\xce", Sign("a program (Mach-O)", code=True)),
    (0, b"\xfe\xed\xfa\xcf", Sign("a program (Mach-O)", code=True)),
    (0, b"\xca\xfe\xba\xbe", Sign("a Java class, or a program (Mach-O)", code=True)),
    (0, b"\x00asm", Sign("a program (WebAssembly)", code=True)),
    (0, b"BC\xc0\xde", Sign("a program (LLVM bitcode)", code=True)),
    (0, b"dex\n", Sign("a program (Android)", code=True, short=True)),
    (0, b"\x1bLua", Sign("a program (Lua)", code=True)),
    (0, b"\xac\xed\x00\x05", Sign("serialised Java objects", code=True)),
    (0, b"#!", Sign("a script", code=True)),
    (0, b"PK\x03\x04", _ZIP),
    (0, b"PK\x05\x06", _ZIP),
    (0, b"PK\x07\x08", _ZIP),
    (0, b"\x89HDF\r\n\x1a\n", Sign("an HDF5 file (older Keras models are such)")),
    (0, b"7z\xbc\xaf\x27\x1c", Sign("a 7-zip archive")),
    (0, b"Rar!\x1a\x07", Sign("a RAR archive")),
    (0, b"\xfd7zXZ\x00", Sign("an xz stream")),
    (0, b"\x28\xb5\x2f\xfd", Sign("a zstd stream")),
    (0, b"\x04\x22\x4d\x18", Sign("an LZ4 stream")),
    (0, b"\x1f\x8b", Sign("a gzip stream", short=True)),
    (0, b"BZh", Sign("a bzip2 stream", short=True)),
    (0, b"\x5d\x00\x00", Sign("an LZMA stream", short=True)),
    (0, b"\x78\x01", Sign("a zlib stream (joblib writes such)", short=True)),
    (0, b"\x78\x5e", Sign("a zlib stream (joblib writes such)", short=True)),
    (0, b"\x78\x9c", Sign("a zlib stream (joblib writes such)", short=True)),
    (0, b"\x78\xda", Sign("a zlib stream (joblib writes such)", short=True)),
    (0, b"!<arch>\n", Sign("an archive of object files", code=True, short=True)),
    (0, b"MSCF\x00", Sign("a cabinet archive")),
    (257, b"ustar", Sign("a tar archive")),
    (0, b"GGUF", Sign("a GGUF file", short=True)),
    (0, b"lmgg", Sign("a GGML file", short=True)),
    (4, b"TFL3", Sign("a TensorFlow Lite model", short=True)),
    (4, b"ORTM", Sign("an ONNX Runtime (ORT) model", short=True)),
    (0, b"PAR1", Sign("a Parquet file", short=True)),
    (0, b"SQLite format 3\x00", Sign("an SQLite database")),
    (0, b"RDX", Sign("an R data file", short=True)),
    (0, b"\x80\x02", Sign("a Python pickle", short=True)),
    (0, b"\x80\x03", Sign("a Python pickle", short=True)),
    (0, b"\x80\x04", Sign("a Python pickle", short=True)),
    (0, b"\x80\x05", Sign("a Python pickle", short=True)),
)
_PYTHON_BYTECODE = range(3000, 4000)
_TAR_SUM = slice(148, 156)
_MAY_BE_SUM = re.compile(rb"[0-9\x80\xff]")

ENDINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys((".pkl", ".pickle", ".dill", ".cloudpickle", ".p"), "a pickle"),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".pt2", ".ptl", ".jit"), "a torch checkpoint"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".keras"), "a Keras model"),
    ".joblib": "a joblib file",
    ".skops": "a skops file",
    **dict.fromkeys((".pb", ".pbtxt"), "a TensorFlow graph"),
    ".tflite": "a TensorFlow Lite model",
    ".gguf": "a GGUF file",
    ".ggml": "a GGML file",
    ".mlmodel": "a Core ML model",
    ".pmml": "a PMML model",
    ".msgpack": "a Flax checkpoint",
    ".ubj": "an XGBoost model in UBJSON (save_model to a .json file instead)",
    ".model": "a SentencePiece or XGBoost file",
    ".nemo": "a NeMo archive",
    ".mar": "a TorchServe archive",
    ".zip": "a zip archive",
    ".tar": "a tar archive",
    ".gz": "a gzip stream",
    ".tgz": "a tar archive",
    ".rds": "an R data file",
    ".pdf": "a PDF document",
    **dict.fromkeys((".html", ".htm", ".svg", ".xml"), "an XML or HTML document"),
}
"""What who opens a file by its name takes it for."""

CONVERTS: Final = frozenset({"a pickle", "a torch checkpoint", "a Keras model", "a joblib file"})
"""What `lockgate convert` opens, in a jail."""


def sign_of(first: bytes) -> Sign | None:
    """What a file that begins with `first` (FIRST bytes) is."""
    found = next((sign for at, magic, sign in _SIGNS if first[at : at + len(magic)] == magic), None)
    if found:
        return found
    if first.startswith(b"MZ") and _windows(first):
        return Sign("a program (Windows)", code=True)
    if first[2:4] == b"\r\n" and int.from_bytes(first[:2], "little") in _PYTHON_BYTECODE:
        return Sign("a program (Python bytecode)", code=True)
    return Sign("a tar archive") if _tar(first) else None


def _windows(first: bytes) -> bool:
    at = int.from_bytes(first[60:64], "little")
    # A header further on than we see is one too: nothing honest begins so, and points beyond its beginning.
    return first[at : at + 4] == b"PE\0\0" or (len(first) == FIRST and at + 4 > FIRST and b"\0" in first[:60])


def _tar(first: bytes) -> bool:
    """A tar archive of the oldest kind has no sign but the sum of its first block."""
    if len(first) < FIRST or not _MAY_BE_SUM.search(first[_TAR_SUM]):
        return False
    import tarfile

    # Python's own reading of it, whose sum may be signed, or no octal digits; other readers find digits among spaces.
    sums = tarfile.calc_chksums(first)  # type: ignore[attr-defined]
    digits = first[_TAR_SUM].strip(b"\0 ")
    try:
        told = tarfile.nti(first[_TAR_SUM])  # type: ignore[attr-defined]
    except tarfile.HeaderError:
        told = -1
    return told in sums or (digits.isdigit() and not set(digits) & set(b"89") and int(digits, 8) in sums)
