"""Our witness asked by a client, and our client answered by a witness, that share no code with us."""

from __future__ import annotations

import base64
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.witness.client import poster
from lockgate.audit.witness.collect import collect
from lockgate.core.checkpoint import COSIGNATURE, parse_vkey
from lockgate.trust.policy_witness import Witness
from tests.conformance import rfc6962, rfc_witness
from tests.support.sealing import KEY, ORIGIN, leaves, read, write
from tests.support.witnesses import LOG, running

SIZES = (1, 2, 3, 7, 8, 255, 256, 257, 300, 300)


def _note(entries: list[bytes], size: int) -> bytes:
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(rfc6962.mth(entries[:size])).decode()}\n".encode()
    return rfc_witness.signed_note(text, ORIGIN, KEY)


def test_an_independent_client_has_our_witness_follow_a_log(tmp_path: Path) -> None:
    """Its notes, its proofs, its reading of our lines; then what must be refused, each with its status."""
    entries = leaves(400)
    with running(tmp_path) as one:
        host, port = urlsplit(one.url).hostname or "", urlsplit(one.url).port or 0
        old = 0
        for size in SIZES:
            proof = rfc6962.proof(old, entries[:size]) if 0 < old < size else []
            note = _note(entries, size)
            status, _, body = rfc_witness.submit(host, port, old, proof, note)
            assert status == 200
            assert abs(rfc_witness.cosignature_time(note, one.vkey, body) - time.time()) < 60
            old = size
        other = [b"another", *entries[1:]]
        asked = {
            409: (0, [], _note(entries, 310)),
            422: (300, rfc6962.proof(300, other[:310]), _note(other, 310)),
            400: (301, [], _note(entries, 300)),
            403: (300, [], _note(entries, 300).replace(b"\xe2\x80\x94 lockgate", b"\xe2\x80\x94 Lockgate")),
            404: (300, [], _note(entries, 300).replace(b"/test/", b"/west/")),
        }
        for status, request in asked.items():
            found, kind, body = rfc_witness.submit(host, port, *request)
            assert found == status
            assert status != 409 or (kind, body) == ("text/x.tlog.size", b"300\n")
        assert rfc_witness.submit(host, port, 300, [], _note(other, 300))[0] == 409
        status, _, _ = rfc_witness.submit(host, port, 300, rfc6962.proof(300, entries[:310]), _note(entries, 310))
        assert status == 200


def test_our_client_is_served_by_an_independent_witness(tmp_path: Path) -> None:
    """It recomputes our proofs by itself, answers in chunks, and puts a stranger's line before its own."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    server = rfc_witness.witness_server("independent.example/w", key, LOG.line(), 4321)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    public = rfc_witness.vkey("independent.example/w", 4, key.public_key().public_bytes_raw())
    witness = Witness("w", parse_vkey(public, COSIGNATURE), f"http://127.0.0.1:{server.server_port}")
    log_dir = tmp_path / "log"
    try:
        for size in (1, 2, 5, 256, 257, 600):
            write(log_dir, leaves(size)[read(log_dir).size if (log_dir / "checkpoint").exists() else 0 :])
            found = collect("events", lambda: read(log_dir), [witness], None, poster())
            assert [(one.state, one.time) for one in found.outcomes] == [("cosigned", 4321)]
        write(tmp_path / "forked", [b"another", *leaves(650)[1:]])
        fork = collect("events", lambda: read(tmp_path / "forked"), [witness], None, poster())
        assert [one.state for one in fork.alarms] == ["forked"]
        write(tmp_path / "old", leaves(256))
        back = collect("events", lambda: read(tmp_path / "old"), [witness], None, poster())
        assert [one.state for one in back.alarms] == ["ahead"]
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.mark.parametrize("sizes", [(1, 2), (3, 7), (6, 8), (256, 300)])
def test_the_two_recompute_one_root(sizes: tuple[int, int]) -> None:
    """The independent witness's own check holds for honest proofs, and not for others: it is worth being asked."""
    entries = leaves(sizes[1])
    proof = rfc6962.proof(sizes[0], entries)
    root = rfc6962.mth(entries[: sizes[0]])
    assert rfc_witness.consistency_root(sizes[0], root, sizes[1], proof) == rfc6962.mth(entries)
    with suppress(ValueError):
        assert rfc_witness.consistency_root(sizes[0], bytes(32), sizes[1], proof) != rfc6962.mth(entries)
