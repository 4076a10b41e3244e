"""A repository of a registry, as carrying uses it: opened with the user's credentials, asked by digest."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import LockgateError
from lockgate.store.files import write_all
from lockgate.store.remote.reference import Reference

if TYPE_CHECKING:
    from lockgate.store.remote.client import Registry

ABSENT = "LG883"
UNREACHABLE = frozenset({"LG880", "LG885"})
LOG_TAG = "log"

Progress = Callable[[str, int, int], None]
"""What is being carried, how many pieces are done, of how many."""


def nobody_watches(_what: str, _done: int, _all: int) -> None:
    """Progress that nobody sees."""


def connect(reference: Reference) -> Registry:
    """The repository, with the credentials that this user has for it. Close it. Raises what credentials raise."""
    from lockgate.sandbox.helpers import ask_helper
    from lockgate.store.remote.client import Registry
    from lockgate.store.remote.credentials import find_credentials

    return Registry(reference, credentials=find_credentials(reference, os.environ, ask_helper))


def tagged(remote: Registry, tag: str) -> bytes | None:
    """The manifest that a tag names just now; None when there is no such tag. A tag proves nothing."""
    try:
        return remote.manifest(tag)
    except LockgateError as error:
        if error.finding == ABSENT:
            return None
        raise


def push_bytes(remote: Registry, data: bytes) -> Digest:
    """Push a small blob."""
    descriptor = os.memfd_create("lockgate-blob", os.MFD_CLOEXEC)
    try:
        write_all(descriptor, data)
        remote.push_blob(digest_of(data), len(data), descriptor)
    finally:
        os.close(descriptor)
    return digest_of(data)
