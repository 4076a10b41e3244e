"""code.json: the captured code of a closure as one file, for the model worker that runs its features.py. Pure.

    {"v": 1, "files": {"features.py": BASE64, "zones.csv": BASE64}}        sorted by name, in the exact encoding

Made by whoever verified the files, from their very bytes, and sealed like the model's. There is one encoding: what
`pack` would not write is not read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from lockgate.core.encoding import decode_exact, encode
from lockgate.core.names import check_file_name

NAME: Final = "code.json"
MOST_FILES: Final = 1000
MOST_BYTES: Final = 16 << 20
MOST: Final = 24 << 20
"""Bytes of code.json."""


def check_name(name: object) -> str:
    """The name of a code file: one that leads nowhere else, looks like what it is, and is no file of paths.

    Raises ValueError.
    """
    checked = check_file_name(name)
    if not checked.isprintable():
        raise ValueError(f"not a safe file name: {name!r} has signs that are not seen, or turn others around")
    if checked.lower().endswith(".pth"):
        raise ValueError(f"not a safe file name: {name!r} is what Python takes for a list of paths, or of code to run")
    return checked


def pack(files: Mapping[str, bytes]) -> bytes:
    """The bytes of code.json. Raises ValueError for more than a closure may hold, or a name that leads elsewhere."""
    _check(files)
    return encode({"v": 1, "files": {name: base64.b64encode(data).decode() for name, data in files.items()}})


def unpack(data: bytes) -> dict[str, bytes]:
    """Exactly what `pack` was given. Raises ValueError."""
    if len(data) > MOST:
        raise ValueError(f"code.json has {len(data)} bytes; at most {MOST} are taken")
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"v", "files"} or value["v"] != 1:
        raise ValueError("code.json is not an object of version 1 with files")
    listed = value["files"]
    if not isinstance(listed, dict) or not all(isinstance(each, str) for each in listed.values()):
        raise ValueError("code.json: files are texts by name")
    files = {name: base64.b64decode(each, validate=True) for name, each in listed.items()}
    _check(files)
    if pack(files) != data:
        raise ValueError("code.json is not in its one encoding")
    return files


def _check(files: Mapping[str, bytes]) -> None:
    if not 0 < len(files) <= MOST_FILES or sum(map(len, files.values())) > MOST_BYTES:
        raise ValueError(f"code is one to {MOST_FILES} files of at most {MOST_BYTES} bytes together")
    folders = {folder for name in files for folder in accumulate(name.split("/")[:-1], lambda one, two: f"{one}/{two}")}
    for name in files:
        check_name(name)
        if name in folders:
            raise ValueError(f"{name!r} is both a file and a folder")
