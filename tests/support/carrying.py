"""A registry in memory, which does what it is told: also withhold, corrupt, and be killed in the middle."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode
from lockgate.errors import Refused, Unavailable, VerificationFailed
from lockgate.project.carry import pulling, pushing, station
from lockgate.store.blobs import BlobStore
from lockgate.store.remote.edge import Descriptor
from lockgate.store.remote.reference import Reference

REMOTE = "registry.example:5000/team/flights"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Hub:
    """What the registry has, for all its repositories together; `writes`: how many it still takes before the end."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)
    manifests: dict[Digest, bytes] = field(default_factory=dict)
    tags: dict[tuple[str, str], Digest] = field(default_factory=dict)
    listed: dict[Digest, list[Digest]] = field(default_factory=dict)
    writes: int | None = None
    reachable: bool = True
    asked: list[str] = field(default_factory=list)

    def connect(self, reference: Reference) -> Any:
        """In place of `carry.remote.connect`."""
        if not self.reachable:
            raise Unavailable("LG880", "registry.example cannot be reached")
        return _Repository(self, reference.name)

    def spend(self) -> None:
        """A write is about to be done."""
        if self.writes is not None:
            self.writes -= 1
            if self.writes < 0:
                raise Killed

    def tagged(self, tag: str, repository: str = REMOTE) -> Digest:
        """What a tag names."""
        return self.tags[repository, tag]


@contextmanager
def hub() -> Iterator[Hub]:
    """A registry that everything is pushed to and pulled from."""
    found = Hub()
    with pytest.MonkeyPatch.context() as patch:
        for module in (pulling, pushing, station):
            patch.setattr(module, "connect", found.connect)
        yield found


class _Repository:
    """One repository, with the methods of `store.remote.client.Registry`."""

    def __init__(self, own: Hub, name: str) -> None:
        self._hub = own
        self._name = name

    def close(self) -> None:
        """Nothing is open."""

    def manifest(self, wanted: str) -> bytes:
        self._hub.asked.append(wanted)
        digest = self._hub.tags.get((self._name, wanted), Digest(wanted))
        if digest not in self._hub.manifests:
            raise Unavailable("LG883", f"no manifest {wanted}")
        return self._hub.manifests[digest]

    def put_manifest(self, data: bytes, media_type: str, *, tag: str = "") -> Digest:
        value = decode(data)
        assert value["mediaType"] == media_type
        if any(one["digest"] not in self._hub.blobs for one in value["layers"]):
            raise Refused("LG889", "a blob of this manifest is not here")
        self._hub.spend()
        self._hub.manifests[digest_of(data)] = data
        if tag:
            self._hub.tags[self._name, tag] = digest_of(data)
        return digest_of(data)

    def check_blob(self, digest: Digest, size: int) -> None:
        self._read(digest, size)

    def fetch_blob(self, digest: Digest, size: int, into: BlobStore) -> None:
        if not into.has(digest):
            into.put(io.BytesIO(self._read(digest, size)))

    def push_blob(self, digest: Digest, size: int, source: int) -> None:
        data = os.pread(source, size + 1, 0)
        assert (digest_of(data), len(data)) == (digest, size)
        if digest not in self._hub.blobs:
            self._hub.spend()
            self._hub.blobs[digest] = data

    def referrers(self, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        return tuple(
            Descriptor("", one, len(self._hub.manifests[one]), artifact_type) for one in self._hub.listed[digest]
        )

    def attach_all(self, manifests: Sequence[bytes]) -> tuple[Digest, ...]:
        for data in manifests:
            value = decode(data)
            found = self.put_manifest(data, value["mediaType"])
            known = self._hub.listed.setdefault(value["subject"]["digest"], [])
            known.extend([found] if found not in known else [])
        return tuple(digest_of(data) for data in manifests)

    def _read(self, digest: Digest, size: int) -> bytes:
        self._hub.asked.append(digest)
        if digest not in self._hub.blobs:
            raise Unavailable("LG883", f"no blob {digest}")
        data = self._hub.blobs[digest]
        if digest_of(data) != digest or len(data) != size:
            raise VerificationFailed("LG884", "other bytes")
        return data
