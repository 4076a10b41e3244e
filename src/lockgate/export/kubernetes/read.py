"""Manifests that somebody edited: text in, objects out. Pure."""

from __future__ import annotations

from typing import Any

from lockgate.core.plain_yaml import read_documents
from lockgate.errors import Usage

MOST_BYTES = 4 << 20


def read_manifests(text: str, filename: str) -> list[dict[str, Any]]:
    """The objects of a stream of YAML or JSON documents, in one reading only. Raises Usage LG932."""
    if len(text) > MOST_BYTES:
        raise _unreadable(filename, f"it is larger than {MOST_BYTES >> 20} MiB")
    try:
        found = read_documents(text)
    except (ValueError, OverflowError) as error:
        raise _unreadable(filename, str(error)) from None
    for each in found:
        if not isinstance(each, dict) or not isinstance(each.get("kind"), str):
            raise _unreadable(filename, "a document in it is no object with a kind")
    return found


def _unreadable(filename: str, why: str) -> Usage:
    return Usage("LG932", f"{filename} cannot be read: {why}", seen={"file": filename}, next=f"edit {filename}")
