"""The verifier of one file, part by part: each text has one spelling, and the product reads it in the same one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.digest import Digest
from lockgate.core.encoding import decode, decode_exact
from lockgate.core.encoding import encode as spelled
from lockgate.core.record_kinds import FeedbackRecord, Of, RefusedRecord, RequestRecord, UnrecordedRecord
from lockgate.core.records import PredictionRecord, Receipt, Record, commitment, committed_to
from lockgate.core.statement import PAYLOAD_TYPE, parse
from lockgate.errors import LockgateError
from lockgate.trust import authority
from lockgate.trust import signer as signers
from lockgate.trust.dsse import Envelope, pae
from lockgate.trust.keys import import_public_key
from lockgate.trust.note import sign_note
from lockgate.trust.oms import sign_files, verify_bundle
from lockgate.trust.oms_bundle import parse_bundle
from lockgate.trust.persons import fold
from tests.support.sealing import KEY, PUBLIC
from tests.support.verifier import verifier

V = verifier()


@given(st.text(max_size=30))
def test_persons_are_counted_alike(name: str) -> None:
    """What is one person here is one person there."""
    assert fold(name) == V.person_of(name)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    st.integers(0, 70),
)
def test_json_is_read_alike(value: Any, depth: int) -> None:
    """The same texts are the one spelling of a value: numbers up to 2^63, up to 64 levels, no key twice."""
    for _ in range(depth):
        value = [value]
    try:
        data = spelled(value)
    except ValueError:  # half of a surrogate pair
        return
    for text in (data, data + b" ", data.replace(b"1", b"01"), b'{"a":1,"a":1}'):
        verdicts = []
        for reader in (decode_exact, V.read_exact):
            try:
                verdicts.append(spelled(reader(text)))
            except ValueError:
                verdicts.append(b"no")
        assert verdicts[0] == verdicts[1]


SPELLINGS: Mapping[str, tuple[Any, list[Any]]] = {
    "unbase64": ("AA==", ["AA=", "AA", "AB==", "A A==", "AA==\n", "-A==", "\u0430A==", None, 5]),
    "digest": (
        "sha256:" + "a" * 64,
        ["sha256:" + "A" * 64, "sha512:" + "a" * 64, "a" * 64, "sha256:" + "a" * 63, None],
    ),
    "moment": (
        "2026-11-23T09:30:00Z",
        [
            "2026-11-23T09:30:00+00:00",
            "2026-11-23 09:30:00Z",
            "2026-11-23T09:30Z",
            "2026-13-23T09:30:00Z",
            5,
            "0026-11-23T09:30:00Z",
            "2026-11-23T09:30:00.5Z",
            "2026-11-23T24:30:00Z",
            "2026-02-30T09:30:00Z",
        ],
    ),
    "read_json": (
        b'{"a":[1,2.5,"x"]}',
        [b'{"a":1,"a":2}', b"NaN", b"[Infinity]", b"9" * 25, b"-" + b"9" * 19, b"[" * 65 + b"]" * 65, b"\xff", b""],
    ),
    "read_exact": (b'{"a":1,"b":2}', [b'{"b":2,"a":1}', b'{"a": 1}', b'{"a":1}\n', b'"\\u0061"', b"1.0e0", b"[1,]"]),
    "read_leaves": (b"\0\1a\0\0", [b"\0", b"\0\2a", b"\0\1a\0"]),
    "read_note": (
        b"a\n\n\xe2\x80\x94 k AAAAAAA=\n",
        [
            b"a\n\xe2\x80\x94 k AAAAAAA=\n",
            b"a\n\n",
            b"a\n\n- k AAAAAAA=\n",
            b"a\n\n\xe2\x80\x94 k AAAA\n",
            b"a\r\n\n\xe2\x80\x94 k AAAAAAA=\n",
            b"a\n\n\xe2\x80\x94 k AAAAAAA=",
            b"a\n\n\xe2\x80\x94 k+ AAAAAAA=\n",
            b"\n\n\xe2\x80\x94 k AAAAAAA=\n",
            b"a\n\n\xe2\x80\x94  AAAAAAA=\n",
            b"a\n\n" + b"\xe2\x80\x94 k AAAAAAA=\n" * 65,
        ],
    ),
    "read_proof": (
        b"c2sp.org/tlog-proof@v1\nindex 3\n\nnote",
        [
            b"c2sp.org/tlog-proof@v2\nindex 3\n\nnote",
            b"c2sp.org/tlog-proof@v1\nindex 03\n\nnote",
            b"",
            b"\n\n",
            b"c2sp.org/tlog-proof@v1\n\nnote",
            b"c2sp.org/tlog-proof@v1\nindex 3\nAA=\n\nnote",
            b"c2sp.org/tlog-proof@v1\nindex -1\n\nnote",
            b"c2sp.org/tlog-proof@v1\nextra A\nindex 3\n\nnote",
            b"c2sp.org/tlog-proof@v1\nindex 3\n" + b"AAAA\n" * 64 + b"\nnote",
            b"c2sp.org/tlog-proof@v1\nindex 3\n",
        ],
    ),
    "read_record": (
        b'{"gateway":"0123456789abcdef","seq":1,"time":1,"v":1}',
        [
            b'{"gateway":"0123456789abcdef","seq":1,"time":1,"v":3}',
            b'{"gateway":"x","seq":1,"time":1,"v":1}',
            b"[]",
            b'{"gateway":"0123456789abcdef","seq":-1,"time":1,"v":1}',
            b'{"gateway":"0123456789abcdef","seq":1,"v":1}',
        ],
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_each_parser_takes_one_spelling(name: str) -> None:
    """The first is read; every other one raises what a step tells as a failed verification."""
    good, others = SPELLINGS[name]
    parse = getattr(V, name)
    parse(good)
    for other in others:
        with pytest.raises((ValueError, V.Fault)):
            parse(other)


def test_the_table_of_claims_is_the_product_s() -> None:
    """Claim, predicate type, roles, environment, project: a claim that the product learns must be learnt here."""
    ours = {
        claim: (one.predicate_type, set(one.roles), one.environment_bound, claim in authority.NAMES_PROJECT)
        for claim, one in authority.AUTHORITIES.items()
    }
    assert ours == {claim: (kind, {*roles.split()}, *rest) for claim, (kind, roles, *rest) in V.CLAIMS.items()}
    assert authority.ROLES == V.ROLES


def _key(role: str, pem: str, keyid: str, **changes: Any) -> dict[str, Any]:
    found = {"keyid": keyid, "role": role, "person": "mara", "publicKey": pem, "environments": ["*"]}
    return {**found, **changes}


def test_a_key_has_a_kind_that_fits_its_role() -> None:
    """Ed25519 for the sealer, P-256 for all others; a role that there is; a named person; environments in order."""
    sealer, judge = signers.generate("sealer").public, signers.generate("judge").public
    other = import_public_key(
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    good = [_key("sealer", sealer.pem, sealer.keyid), _key("judge", judge.pem, judge.keyid)]
    for one in good:
        assert V.read_key(one, V.ROLES).keyid == one["keyid"]
    bad = [
        _key("judge", sealer.pem, sealer.keyid),
        _key("sealer", judge.pem, judge.keyid),
        _key("judge", other.pem, other.keyid),
        _key("king", judge.pem, judge.keyid),
        _key("root", judge.pem, judge.keyid),
        _key("judge", judge.pem, sealer.keyid),
        _key("judge", judge.pem.replace("\n", "\r\n"), judge.keyid),
        _key("judge", judge.pem, judge.keyid, person="a\nb"),
        _key("judge", judge.pem, judge.keyid, person=""),
        _key("judge", judge.pem, judge.keyid, environments=[]),
        _key("judge", judge.pem, judge.keyid, environments=["*", "dev"][::-1]),
        _key("judge", judge.pem, judge.keyid, environments=[1]),
        _key("judge", judge.pem, judge.keyid, publicKey=None),
        _key("judge", judge.pem, judge.keyid, more=1),
    ]
    for one in bad:
        with pytest.raises((ValueError, TypeError)):
            V.read_key(one, V.ROLES)


SALT = b"s" * 32
COMMON: Mapping[str, Any] = {"gateway": "0123456789abcdef", "seq": 4, "time": 5}
PLACE: Mapping[str, Any] = {"environment": "dev", "rung": "live", "client": "00" * 8}
MODEL = Digest("sha256:" + "a" * 64)
IN, OUT = commitment(SALT, {"a": 1}), commitment(SALT, 2.5)
RECORDS: Mapping[str, tuple[Record, int | None, dict[str, str] | None]] = {
    "version 1": (
        PredictionRecord(**COMMON, model=MODEL, **PLACE, input=IN, output=OUT),
        None,
        {"input": IN, "output": OUT},
    ),
    "version 1, a row": (PredictionRecord(**COMMON, model=MODEL, **PLACE, input=IN, output=OUT), 0, None),
    "row 1": (
        RequestRecord(**COMMON, model=MODEL, **PLACE, first=0, inputs=(OUT, IN), outputs=(IN, OUT)),
        1,
        {"input": IN, "output": OUT},
    ),
    "no row 2": (RequestRecord(**COMMON, model=MODEL, **PLACE, first=0, inputs=(OUT, IN), outputs=(IN, OUT)), 2, None),
    "refused": (RefusedRecord(**COMMON, model=MODEL, **PLACE, input=IN, finding="LG601"), 0, {"input": IN}),
    "a label": (FeedbackRecord(**COMMON, client="00" * 8, label=OUT, of_=Of("0" * 16, 1, 0)), 0, {"label": OUT}),
    "unrecorded": (UnrecordedRecord(**COMMON, rows=3, since=1), 0, None),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_commit_alike(name: str) -> None:
    """What a record commits to for a row, and how: as the product says."""
    record, row, expected = RECORDS[name]
    read = V.read_record(record.encode())
    try:
        assert V.commitments(read, row) == expected
    except V.Fault:
        assert expected is None
    pair = committed_to(record, Receipt(record.gateway, record.seq, SALT, row))
    if pair is not None:
        assert dict(zip(("input", "output"), pair, strict=True)) == expected
    assert (V.commitment(SALT, {"a": 1}), V.commitment(SALT, 2.5)) == (IN, OUT)


def _sig(payload: object, signer: Any, **changes: Any) -> bytes:
    data = spelled(payload) if not isinstance(payload, bytes) else payload
    signature = base64.b64encode(signer.signature(pae(PAYLOAD_TYPE, data))).decode()
    envelope = {"payload": base64.b64encode(data).decode(), "payloadType": PAYLOAD_TYPE}
    bundle = {"mediaType": V.BUNDLE, "verificationMaterial": {"publicKey": {}, "tlogEntries": []}}
    return spelled({**bundle, "dsseEnvelope": {**envelope, "signatures": [{"sig": signature, "keyid": ""}], **changes}})


def test_model_signatures_are_judged_alike() -> None:
    """Whole files by SHA-256, in order, under one signature by a key of the registration: by both, or by neither."""
    key, other = signers.generate("signer"), signers.generate("signer")
    held = V.read_key(_key("signer", key.public.pem, key.keyid), V.ROLES)
    files = {"a/b": MODEL, "a.b": Digest("sha256:" + "b" * 64)}
    good = decode(parse_bundle(sign_files("m", [*files.items()], key)).payload)
    said, how = good["predicate"], good["predicate"]["serialization"]
    root = {"name": "m", "digest": {"sha256": "0" * 64}}
    swapped = {**said, "resources": said["resources"][::-1]}
    one = {**said["resources"][0], "digest": "c" * 64}
    cases: list[tuple[bytes, bool]] = [
        (sign_files("m", [*files.items()], key), True),
        (_sig(good, key), True),
        (_sig(good, other), False),
        (_sig(good, key, payloadType="text/plain"), False),
        (_sig(good, key, signatures=[]), False),
        (_sig({**good, "_type": "other"}, key), False),
        (_sig({**good, "predicateType": "other"}, key), False),
        (_sig({**good, "subject": [root]}, key), False),
        (_sig({**good, "subject": [*good["subject"], root]}, key), False),
        (_sig({**good, "predicate": swapped}, key), False),
        (_sig({**good, "predicate": {**said, "resources": said["resources"][:1]}}, key), False),
        (_sig({**good, "predicate": {**said, "resources": [one, said["resources"][1]]}}, key), False),
        (_sig({**good, "predicate": {**said, "serialization": {**how, "method": "shards"}}}, key), False),
        (_sig({**good, "predicate": {**said, "serialization": {**how, "allow_symlinks": True}}}, key), False),
        (_sig({**good, "more": 1}, key), False),
        (_sig(b"[]", key), False),
        (b"{}", False),
    ]
    sized = {name: (digest, 1) for name, digest in files.items()}
    for number, (bundle, expected) in enumerate(cases):
        verdicts = []
        for check in (
            lambda data: verify_bundle(data, [*files.items()], key.public),
            lambda data: V.check_model_signature(data, sized, [held]),
        ):
            try:
                check(bundle)
                verdicts.append(True)
            except (LockgateError, V.Fault, ValueError, KeyError, TypeError):
                verdicts.append(False)
        assert verdicts == [expected, expected], number


@pytest.mark.parametrize(
    "text", [b"o\n1\n", b"o\n01\n" + b"A" * 43 + b"=\n", b"o\n1\nAAAA\n", b"p\n1\n" + b"A" * 43 + b"=\n"]
)
def test_what_a_sealer_signs_is_a_checkpoint_of_its_log(text: bytes) -> None:
    """Signed by the right key under the right name, and still nothing, or of another log."""
    note = sign_note(text, "o", PUBLIC, KEY.sign)
    with pytest.raises((V.Fault, ValueError)):
        V.read_checkpoint(note, "o", PUBLIC)
    good = sign_note(b"o\n1\n" + b"A" * 43 + b"=\n", "o", PUBLIC, KEY.sign)
    assert V.read_checkpoint(good, "o", PUBLIC).size == 1


SAID: Mapping[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "it", "digest": {"sha256": "a" * 64}}],
    "predicateType": "urn:lockgate:predicate:revocation:v1",
    "predicate": {"claim": "urn:lockgate:claim:revoke:v1"},
}
RULES = {"uri": "urn:lockgate:claim:scan:v1"}
STATEMENTS: list[tuple[Mapping[str, Any], bool]] = [
    (SAID, True),
    ({**SAID, "predicateType": V.TEST, "predicate": {"configuration": [RULES, {"uri": "other"}]}}, True),
    ({**SAID, "predicateType": V.PROVENANCE, "predicate": {"buildDefinition": {"buildType": RULES["uri"]}}}, True),
    ({**SAID, "predicateType": V.SUMMARY, "predicate": {"verifier": {"id": RULES["uri"]}}}, True),
    ({**SAID, "predicateType": V.TEST, "predicate": {"configuration": [RULES, RULES]}}, False),
    ({**SAID, "predicateType": V.TEST}, False),
    ({**SAID, "predicateType": V.PROVENANCE}, False),
    ({**SAID, "predicate": {"claim": "urn:lockgate:claim:revoke:v2"}}, False),
    ({**SAID, "predicate": {"claim": "urn:lockgate:claim:revoke:v1:x"}}, False),
    ({**SAID, "predicate": {"claim": 5}}, False),
    ({**SAID, "predicate": {}}, False),
    ({**SAID, "predicate": []}, False),
    ({**SAID, "predicateType": 5}, False),
    ({**SAID, "_type": "https://in-toto.io/Statement/v0.1"}, False),
    ({**SAID, "more": 1}, False),
    ({**SAID, "subject": []}, False),
    ({**SAID, "subject": {}}, False),
    ({**SAID, "subject": [{"name": 5, "digest": {"sha256": "a" * 64}}]}, False),
    ({**SAID, "subject": [{"name": "it", "digest": {"sha256": "A" * 64}}]}, False),
    ({**SAID, "subject": [{"name": "it", "digest": {"sha256": "a" * 64, "sha512": "b"}}]}, False),
    ({**SAID, "subject": [{"digest": {"sha256": "a" * 64}}]}, False),
]


@pytest.mark.parametrize(("value", "good"), STATEMENTS)
def test_statements_are_read_alike(value: Mapping[str, Any], good: bool) -> None:
    """One form, one claim in its one place: by both, or by neither."""
    payload = spelled(value)
    verdicts = []
    for read in (lambda data: parse(data).claim, lambda data: V.read_statement(data).claim):
        try:
            verdicts.append(read(payload))
        except (ValueError, V.Fault):
            verdicts.append("")
    assert (verdicts[0] == verdicts[1], bool(verdicts[0])) == (True, good)


SIGNED: Mapping[str, Any] = {
    "payload": "AA==",
    "payloadType": PAYLOAD_TYPE,
    "signatures": [{"keyid": "a" * 64, "sig": "AA=="}, {"keyid": "b" * 64, "sig": "AA=="}],
}
FIRST, SECOND = SIGNED["signatures"]
ENVELOPES: list[tuple[Mapping[str, Any], bool]] = [
    (SIGNED, True),
    ({**SIGNED, "signatures": [FIRST]}, True),
    ({**SIGNED, "signatures": []}, False),
    ({**SIGNED, "signatures": [SECOND, FIRST]}, False),
    ({**SIGNED, "signatures": [FIRST, FIRST]}, False),
    ({**SIGNED, "signatures": [{**FIRST, "more": 1}]}, False),
    ({**SIGNED, "signatures": [{**FIRST, "sig": "AB=="}]}, False),
    ({**SIGNED, "signatures": [{**FIRST, "keyid": 5}]}, False),
    ({**SIGNED, "signatures": {}}, False),
    ({**SIGNED, "payload": "AB=="}, False),
    ({**SIGNED, "payload": None}, False),
    ({**SIGNED, "payloadType": "text/plain"}, False),
    ({**SIGNED, "more": 1}, False),
]


@pytest.mark.parametrize(("value", "good"), ENVELOPES)
def test_envelopes_are_read_alike(value: Mapping[str, Any], good: bool) -> None:
    """One spelling, a signature per key in order: by both, or by neither."""
    verdicts = []
    for read in (Envelope.parse, V.read_envelope):
        try:
            read(spelled(value))
            verdicts.append(True)
        except (LockgateError, ValueError, V.Fault):
            verdicts.append(False)
    assert verdicts == [good, good]
