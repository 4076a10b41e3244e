"""Names that may become files or tags somewhere. A name is never a path that leads out of its folder."""

from __future__ import annotations

import re
from typing import Final

PROJECT_FILE: Final = "lockgate.toml"
MODEL_DATA: Final = "model.onnx.data"
"""The tensors of a large model, beside its graph."""

_PIECE = re.compile(r"[^/\\\x00-\x1f\x7f]+")
_MODEL = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST_PATH = 1024
_LONGEST_PIECE = 255
_LONGEST_MODEL = 64


def check_file_name(name: object) -> str:
    """A relative POSIX path in its only spelling: no `..`, no `.`, no empty part, no control character. ValueError."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST_PATH:
        raise ValueError("a file name is a text of 1 to 1024 characters")
    for piece in name.split("/"):
        if piece in {".", ".."} or len(piece.encode("utf-8", "surrogatepass")) > _LONGEST_PIECE:
            raise ValueError(f"not a safe file name: {name!r}")
        if not _PIECE.fullmatch(piece) or not _is_unicode(piece):
            raise ValueError(f"not a safe file name: {name!r}")
    return name


def order_of_file_name(name: str) -> tuple[str, ...]:
    """The sort key of OpenSSF Model Signing: by path components, so that `a/b` comes before `a.b`."""
    return tuple(name.split("/"))


def check_model_name(name: object) -> str:
    """A model's name as registries take it: lower-case letters, digits and single `.`, `_`, `-` between. ValueError."""
    if not isinstance(name, str) or len(name) > _LONGEST_MODEL or not _MODEL.fullmatch(name):
        raise ValueError(f"not a model name: {name!r} (lower-case letters, digits, and . _ - between them)")
    return name


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
