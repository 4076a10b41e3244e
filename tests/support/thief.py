"""Somebody who holds keys that they should not, and writes what no command of ours would: past every check at signing.

With the sealer's key any bytes can be made part of the log; with a role's key anything can be signed. What readers
make of it is what tests ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from lockgate.audit.evidence import Evidence, Leaf
from lockgate.audit.ledger import EVENTS, Ledger, origin
from lockgate.audit.seal import Sealer
from lockgate.core.digest import digest_of
from lockgate.core.statement import PAYLOAD_TYPE, Statement
from lockgate.errors import VerificationFailed
from lockgate.trust.authority import of_project
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.signer import Signer
from tests.support.project import SignedProject

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def said_anew(one: Evidence, **changes: Any) -> Statement:
    """A statement like `one`, with fields of its predicate changed."""
    return replace(one.statement, predicate={**one.predicate, **changes})


def signed(statement: Statement, *by: Signer) -> bytes:
    """An envelope of `statement`, signed without asking whether the role may; it names the first signer's project."""
    if "project" not in statement.predicate:
        with suppress(VerificationFailed):  # of a claim that nobody knows
            statement = of_project(statement, by[0].project_id)
    payload = statement.payload()
    signatures = (Signature(one.keyid, one.signature(pae(PAYLOAD_TYPE, payload))) for one in by)
    return Envelope(payload, PAYLOAD_TYPE, tuple(sorted(signatures, key=lambda s: s.keyid))).encode()


def other_spelling(envelope: bytes) -> bytes:
    """The same statement by the same key, with the signature (r, n - s): it verifies, and has another digest."""
    parsed = Envelope.parse(envelope)
    first = parsed.signatures[0]
    r, s = decode_dss_signature(first.sig)
    turned = Signature(first.keyid, encode_dss_signature(r, _P256_ORDER - s))
    return Envelope(parsed.payload, parsed.payload_type, (turned, *parsed.signatures[1:])).encode()


def leaf_of(envelope: bytes, time: datetime) -> bytes:
    """The leaf that the sealer's key can make of any envelope."""
    parsed = Envelope.parse(envelope)
    statement = parsed.statement()
    try:
        claim = statement.claim
    except ValueError:
        claim = "unknown"
    return Leaf(claim, digest_of(envelope), statement.predicate_type, len(envelope), time).encode()


def seal_anyway(project: SignedProject, *envelopes: bytes, time: datetime | None = None) -> None:
    """Append envelopes to the project's own log, with the sealer's key and no check."""
    _seal(project, project.home, envelopes, [time or project.clock()] * len(envelopes))


def resealed(project: SignedProject, home: Path, envelopes: Sequence[bytes], times: Iterable[datetime]) -> Ledger:
    """Another log made of `envelopes`, at `home` beside the project's registry, for a reader who has seen none before.

    Raises as `Ledger` when this reader does not believe it.
    """
    home.mkdir(parents=True)
    (home / "registry").symlink_to(project.home / "registry")
    _seal(project, home, envelopes, list(times))
    return Ledger(home, project.created.project_id)


def _seal(project: SignedProject, home: Path, envelopes: Sequence[bytes], times: Sequence[datetime]) -> None:
    folder = home / "log" / EVENTS
    folder.mkdir(parents=True, exist_ok=True)
    root = project.created.project_id
    sealer = Sealer(
        folder,
        origin=origin(root, EVENTS),
        sign=project.keyring.signer("sealer").sign_note,
        public_key=project.created.roles.sealer_key(),
    )
    for envelope in envelopes:
        path = home / "registry" / "blobs" / "sha256" / digest_of(envelope).removeprefix("sha256:")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(envelope)
    sealer.append([leaf_of(envelope, time) for envelope, time in zip(envelopes, times, strict=True)])
