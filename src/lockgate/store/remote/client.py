"""One repository of one registry: the door to `store.remote`.

    with Registry(parse("registry.example/team/flights"), credentials=find_credentials(...)) as registry:
        digest = registry.put_manifest(manifest, oci.MANIFEST, tag="v7")
        registry.fetch_blob(layer, size, blobs)

Trusts nobody. Whatever is returned or stored has the digest that was asked for; what only the registry can know
(which tag, which referrers, whether a blob is there) is its claim, and each method says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Self

from lockgate.core.digest import Digest, digest_of, parse_digest
from lockgate.store.blobs import BlobStore
from lockgate.store.oci import MANIFEST
from lockgate.store.remote import fetch, manifests, push, referrers
from lockgate.store.remote.credentials import Credentials
from lockgate.store.remote.edge import Descriptor, read_attached
from lockgate.store.remote.reference import Reference
from lockgate.store.remote.session import Session
from lockgate.store.remote.wire import Limits


class Registry:
    """One repository of one registry. Use as a context manager, or `close` it; from one thread.

    Without `credentials` it is asked as a stranger. Plain HTTP to this machine's loopback, and with `plain_http` to
    the registry that is named; then without credentials (LG886). Every method may raise LG880 (unreachable), LG882
    (not let in), LG885 (outside the protocol).
    """

    def __init__(
        self,
        reference: Reference,
        *,
        credentials: Credentials | None = None,
        plain_http: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.reference = reference
        self._session = Session(reference, credentials, limits or Limits(), plain=plain_http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def manifest(self, wanted: str | Digest) -> bytes:
        """A manifest of at most 4 MiB: by digest, verified; by tag, whatever the registry has under it today.

        After a tag, go on by `digest_of` of what came: a tag may move between two reads. LG883 not there, LG884
        other bytes.
        """
        return manifests.get(self._session, wanted)

    def put_manifest(self, data: bytes, media_type: str, *, tag: str = "") -> Digest:
        """Store a manifest under its digest and, with `tag`, under that tag, which moves. LG889."""
        manifests.put(self._session, data, media_type, tag)
        return digest_of(data)

    def has_blob(self, digest: Digest) -> bool:
        """What the registry says. It may be wrong: `check_blob` reads it."""
        return push.has(self._session, parse_digest(digest))

    def check_blob(self, digest: Digest, size: int) -> None:
        """Read a blob back and verify it, storing nothing. LG883 not there, LG884 other bytes."""
        fetch.check(self._session, parse_digest(digest), size)

    def fetch_blob(self, digest: Digest, size: int, into: BlobStore) -> None:
        """Bring a blob into a store: streamed, verified while it comes, resumed, written once, whole or not at all.

        LG883 not there, LG884 other bytes, LG802 the store's own copy was changed, LG801 the disk is full.
        """
        fetch.fetch(self._session, parse_digest(digest), size, into)

    def push_blob(self, digest: Digest, size: int, source: int) -> None:
        """Store a blob from a descriptor, whose position is neither used nor moved; resumed after a broken connection.

        Skipped when the registry says that it has it, which is not verified: `check_blob` does that. LG884 it has
        one of another size, LG802 `source` has another digest, LG889 it does not take it.
        """
        push.push(self._session, parse_digest(digest), size, source)

    def referrers(self, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """What the registry lists as attached to `digest`, of one type or all: a claim. `referrer` checks one."""
        return referrers.listed(self._session, parse_digest(digest), artifact_type)

    def referrer(self, descriptor: Descriptor, subject: Digest) -> bytes:
        """The manifest behind one of `referrers`: digest and size are the descriptor's, and `subject` its subject."""
        data = self.manifest(descriptor.digest)
        if len(data) != descriptor.size:
            raise self._session.refusals.short_or_long(descriptor.digest, descriptor.size, len(data))
        try:
            attached_to = read_attached(data)[1]
        except ValueError as error:
            raise self._session.refusals.other_bytes(descriptor.digest, f"it is not attached: {error}") from None
        if attached_to != subject:
            raise self._session.refusals.other_bytes(
                descriptor.digest, f"it is attached to {attached_to}", {"expected": subject, "seen": attached_to}
            )
        return data

    def attach(self, manifest: bytes) -> Digest:
        """Store a manifest that has a `subject`, and see to it that it is listed. ValueError without a subject."""
        return self.attach_all([manifest])[0]

    def attach_all(self, manifests_: Sequence[bytes]) -> tuple[Digest, ...]:
        """As `attach`, for several; an index that clients keep is written once for each subject."""
        read = [(read_attached(data), data) for data in manifests_]
        unlisted: list[tuple[Digest, Descriptor]] = []
        for (entry, subject), data in read:
            answer = manifests.put(self._session, data, entry.media_type or MANIFEST)
            if answer.headers.get("oci-subject", "") != subject:
                listed = Descriptor(
                    entry.media_type, digest_of(data), len(data), entry.artifact_type, entry.annotations
                )
                unlisted.append((subject, listed))
        for subject, group in groupby(sorted(unlisted, key=lambda one: one[0]), key=lambda one: one[0]):
            if not referrers.has_list(self._session, subject):
                referrers.keep(self._session, subject, {one.digest: one for _, one in group})
        return tuple(digest_of(data) for data in manifests_)
