"""trust.dsse: one accepted encoding of the envelope."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lockgate.core.encoding import encode
from lockgate.core.statement import PAYLOAD_TYPE
from lockgate.errors import VerificationFailed
from lockgate.trust.dsse import Envelope, Signature, from_base64, pae

GOOD = Envelope(b"{}", PAYLOAD_TYPE, (Signature("a" * 64, b"one"), Signature("b" * 64, b"two")))


def test_pae_is_the_specification_s_example() -> None:
    """The worked example of DSSE's protocol.md."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_of_bytes() -> None:
    """Characters outside ASCII count as their UTF-8 bytes."""
    assert pae("é", "ü".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xbc"


def test_round_trip() -> None:
    """What is encoded parses to the same."""
    assert Envelope.parse(GOOD.encode()) == GOOD


def mutated(change: Callable[[dict[str, Any]], object]) -> bytes:
    """GOOD with its JSON changed."""
    value = json.loads(GOOD.encode())
    change(value)
    return encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        GOOD.encode() + b"\n",
        b" " + GOOD.encode(),
        GOOD.encode().replace(b'"payload":', b'"payload": '),
        GOOD.encode().replace(b'"payload":', b'"payload":"e30=","payload":'),
        json.dumps(json.loads(GOOD.encode()), sort_keys=False, separators=(",", ":")).encode()[::-1],
        mutated(lambda v: v.pop("payload")),
        mutated(lambda v: v.update(extra=1)),
        mutated(lambda v: v.update(payload="e30")),
        mutated(lambda v: v.update(payload="e31=")),
        mutated(lambda v: v.update(payload="e30=\n")),
        mutated(lambda v: v.update(payload=7)),
        mutated(lambda v: v.update(payloadType=7)),
        mutated(lambda v: v.update(signatures={})),
        mutated(lambda v: v.update(signatures=[])),
        mutated(lambda v: v["signatures"].reverse()),
        mutated(lambda v: v["signatures"].append(v["signatures"][1])),
        mutated(lambda v: v["signatures"][0].pop("keyid")),
        mutated(lambda v: v["signatures"][0].update(keyid="A" * 64)),
        mutated(lambda v: v["signatures"][0].update(keyid="")),
        mutated(lambda v: v["signatures"][0].update(cert="x")),
        b'{"payload":' * 100_000,
    ],
)
def test_every_other_spelling_is_refused(data: bytes) -> None:
    """Spaces, orders, duplicates, missing and further fields: LG810, never a traceback."""
    with pytest.raises(VerificationFailed) as caught:
        Envelope.parse(data)
    assert caught.value.finding == "LG810"


def test_another_payload_type_is_refused() -> None:
    """A signature for another purpose is no statement."""
    with pytest.raises(VerificationFailed) as caught:
        Envelope.parse(mutated(lambda v: v.update(payloadType="text/plain")))
    assert caught.value.finding == "LG811"


def test_a_payload_that_is_no_statement_is_refused() -> None:
    """The envelope parses, its content does not."""
    with pytest.raises(VerificationFailed) as caught:
        Envelope.parse(GOOD.encode()).statement()
    assert caught.value.finding == "LG815"


@pytest.mark.parametrize("text", ["e30", "e31=", "e30=\n", "e-0=", None, " e30="])
def test_base64_has_one_spelling(text: object) -> None:
    """Stray bits, missing padding, white space, the other alphabet: refused."""
    with pytest.raises(ValueError, match="base64"):
        from_base64(text)
