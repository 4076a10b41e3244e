"""trust.oms, trust.oms_directory: one strict reading of OpenSSF Model Signing."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.core.statement import PAYLOAD_TYPE
from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.trust import signer as signers
from lockgate.trust.dsse import pae
from lockgate.trust.oms import read_bundle, sign_files, verify_bundle
from lockgate.trust.oms_directory import sign_directory, verify_directory
from lockgate.trust.signer import Signer

FILES = [(name, digest_of(name.encode())) for name in ("a/b", "a.b", "model.onnx")]


@pytest.fixture
def signer() -> Signer:
    """A fresh P-256 key."""
    return signers.generate("signer")


def refused(finding: str, act: Callable[[], object], kind: type[LockgateError] = VerificationFailed) -> None:
    """Assert that `act` raises `kind` with `finding`."""
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.finding == finding


def test_signed_files_are_read_back(signer: Signer) -> None:
    """Names, digests and key, in the order of components, however they were given."""
    bundle = sign_files("flights", FILES[::-1], signer)
    signed = verify_bundle(bundle, FILES[::-1], signer.public)
    assert list(signed.files.items()) == FILES
    assert (signed.name, signed.keyid) == ("flights", signer.keyid)


@pytest.mark.parametrize(
    ("files", "finding"),
    [
        (FILES[:2], "LG854"),
        ([*FILES, ("x", digest_of(b"x"))], "LG853"),
        ([*FILES[:2], ("model.onnx", digest_of(b"other"))], "LG852"),
        ([("a.b", FILES[0][1]), ("a/b", FILES[1][1]), FILES[2]], "LG852"),
        ([*FILES[:2], ("Model.onnx", FILES[2][1])], "LG853"),
        ([*FILES, FILES[0]], "LG850"),
        ([], "LG854"),
    ],
)
def test_other_files_are_refused(signer: Signer, files: list[tuple[str, Digest]], finding: str) -> None:
    """Missing, added, changed, exchanged, renamed: each is named with its own finding."""
    bundle = sign_files("flights", FILES, signer)
    refused(finding, lambda: verify_bundle(bundle, files, signer.public))


def test_another_key_is_refused(signer: Signer) -> None:
    """By the hint, and without a hint by the signature."""
    bundle = sign_files("flights", FILES, signer)
    other = signers.generate("signer")
    refused("LG851", lambda: read_bundle(bundle, other.public))
    value = json.loads(bundle)
    value["verificationMaterial"]["publicKey"] = {}
    read_bundle(encode(value), signer.public)
    refused("LG851", lambda: read_bundle(encode(value), other.public))


def test_every_flipped_byte_is_noticed(signer: Signer) -> None:
    """No byte of the bundle can change without a refusal."""
    bundle = sign_files("flights", FILES[:1], signer)
    for place in range(len(bundle)):
        changed = bundle[:place] + bytes([bundle[place] ^ 1]) + bundle[place + 1 :]
        with pytest.raises(VerificationFailed):
            verify_bundle(changed, FILES[:1], signer.public)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2"),
        lambda b: b.update(extra=1),
        lambda b: b.pop("verificationMaterial"),
        lambda b: b["verificationMaterial"].update(certificate={}),
        lambda b: b["verificationMaterial"].update(tlogEntries=[{}]),
        lambda b: b["verificationMaterial"]["publicKey"].update(rawBytes=""),
        lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
        lambda b: b["dsseEnvelope"].update(payload=b["dsseEnvelope"]["payload"] + "\n"),
        lambda b: b["dsseEnvelope"].update(signatures=[]),
        lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]),
        lambda b: b["dsseEnvelope"]["signatures"][0].update(keyid="x"),
        lambda b: b["dsseEnvelope"].update(signatures=7),
        lambda b: b.update(dsseEnvelope=[]),
    ],
)
def test_bundles_have_one_form(signer: Signer, change: Callable[[dict[str, Any]], object]) -> None:
    """Whatever the signature does not cover must be exactly as the format says."""
    value = json.loads(sign_files("flights", FILES, signer))
    change(value)
    refused("LG850", lambda: read_bundle(encode(value), signer.public))


def resigned(signer: Signer, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A bundle whose payload was changed and then well signed."""
    value = json.loads(sign_files("flights", FILES, signer))
    payload = json.loads(base64.b64decode(value["dsseEnvelope"]["payload"]))
    change(payload)
    data = json.dumps(payload).encode()
    value["dsseEnvelope"]["payload"] = base64.b64encode(data).decode()
    signature = signer.signature(pae(PAYLOAD_TYPE, data))
    value["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return encode(value)


def reorder(payload: dict[str, Any]) -> None:
    """The order of texts instead of components, with the root that fits it."""
    resources = payload["predicate"]["resources"]
    resources.sort(key=lambda resource: resource["name"])
    digests = b"".join(bytes.fromhex(resource["digest"]) for resource in resources)
    payload["subject"][0]["digest"]["sha256"] = hashlib.sha256(digests).hexdigest()


def rename_up(payload: dict[str, Any]) -> None:
    """A name that climbs; the root does not notice, for it does not cover names."""
    payload["predicate"]["resources"][0]["name"] = "../a"


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda p: p.update(predicateType="https://model_signing/Digests/v0.1"),
        lambda p: p["subject"].append(p["subject"][0]),
        lambda p: p.update(subject=[]),
        lambda p: p["subject"][0]["digest"].update(sha256="0" * 64),
        lambda p: p["subject"][0].update(digest={"sha512": "0" * 128}),
        lambda p: p["predicate"].pop("resources"),
        lambda p: p["predicate"].update(resources=[]),
        lambda p: p["predicate"]["resources"].reverse(),
        lambda p: p["predicate"]["resources"].append(p["predicate"]["resources"][-1]),
        lambda p: p["predicate"]["resources"][0].update(algorithm="blake3"),
        lambda p: p["predicate"]["resources"][0].update(digest="AB" * 32),
        lambda p: p["predicate"]["resources"][0].update(digest=7),
        rename_up,
        reorder,
        lambda p: p["predicate"]["serialization"].update(method="shards"),
        lambda p: p["predicate"]["serialization"].update(hash_type="blake2b"),
        lambda p: p["predicate"]["serialization"].update(allow_symlinks=True),
        lambda p: p["predicate"]["serialization"].update(ignore_paths="x"),
        lambda p: p["predicate"]["serialization"].update(shard_size=1),
        lambda p: p.update(predicate=[]),
    ],
)
def test_even_a_signed_payload_has_one_form(signer: Signer, change: Callable[[dict[str, Any]], object]) -> None:
    """Well signed by the right key, and still refused: the leniencies of the reference verifier are not ours."""
    read_bundle(resigned(signer, lambda _: None), signer.public)
    refused("LG850", lambda: read_bundle(resigned(signer, change), signer.public))


def test_further_predicate_fields_are_ignored_as_the_format_says(signer: Signer) -> None:
    """Version 1.0 of the format lets newer signers add fields to the predicate."""
    bundle = resigned(signer, lambda p: p["predicate"].update(card={"x": 1}))
    assert list(read_bundle(bundle, signer.public).files.items()) == FILES


def test_a_signature_over_the_faulty_pae_is_refused(signer: Signer) -> None:
    """`model_signing` still accepts the faulty encoding of its version 0.2; we do not."""
    value = json.loads(sign_files("flights", FILES, signer))
    payload = base64.b64decode(value["dsseEnvelope"]["payload"])
    faulty = f"DSSEV1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} {payload!r}".encode()
    value["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signer.signature(faulty)).decode()
    refused("LG851", lambda: read_bundle(encode(value), signer.public))


def test_what_cannot_be_signed(signer: Signer) -> None:
    """No files, two of one name, a name that climbs, an Ed25519 key."""
    for files in ([], [FILES[0], FILES[0]], [("../a", FILES[0][1])]):
        with pytest.raises(ValueError, match="file"):
            sign_files("flights", files, signer)
    with pytest.raises(ValueError, match="ECDSA"):
        sign_files("flights", FILES, signers.generate("sealer"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder."""
    for name in ("model.onnx", "sub/contract.py", ".git/config"):
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "model"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key file; `.pub` beside it."""
    private = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path / "key.pem"
    path.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    path.chmod(0o600)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path.with_suffix(".pub").write_bytes(public)
    return path


def public_of(key: Path) -> bytes:
    """The public half of `key`."""
    return key.with_suffix(".pub").read_bytes()


def test_a_directory_is_signed_and_verified(model: Path, key: Path, tmp_path: Path) -> None:
    """Inside or outside, signing again replaces the signature."""
    assert len(sign_directory(model, key).files) == 3
    assert len(sign_directory(model, key).files) == 3
    assert len(verify_directory(model, public_of(key)).files) == 3
    (model / "model.sig").unlink()
    sign_directory(model, key, tmp_path / "elsewhere.sig")
    verify_directory(model, public_of(key), tmp_path / "elsewhere.sig")


def add_hook(model: Path) -> None:
    """A file where the reference tool ignores by default."""
    (model / ".git" / "hook.pkl").write_bytes(b"")


def add_attributes(model: Path) -> None:
    """Another name that the reference tool ignores."""
    (model / ".gitattributes").write_bytes(b"")


def add_symlink(model: Path) -> None:
    """A symlink."""
    (model / "z").symlink_to("model.onnx")


def swap_for_symlink(model: Path) -> None:
    """A signed file, replaced by a symlink to the same bytes."""
    (model / "model.onnx").rename(model.parent / "outside")
    (model / "model.onnx").symlink_to(model.parent / "outside")


def flip(model: Path) -> None:
    """One bit."""
    (model / "model.onnx").write_bytes(b"nodel.onnx")


def drop(model: Path) -> None:
    """A signed file less."""
    (model / "model.onnx").unlink()


def rename(model: Path) -> None:
    """The root digest does not notice a new name."""
    (model / "model.onnx").rename(model / "model.onny")


def second_signature(model: Path) -> None:
    """A second model.sig, deeper."""
    (model / "sub" / "model.sig").write_bytes(b"")


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (add_hook, "LG853"),
        (add_attributes, "LG853"),
        (second_signature, "LG853"),
        (add_symlink, "LG803"),
        (swap_for_symlink, "LG803"),
        (lambda model: os.mkfifo(model / "p"), "LG803"),
        (flip, "LG852"),
        (drop, "LG854"),
        (rename, "LG854"),
        (lambda model: (model / "model.sig").unlink(), "LG857"),
        (lambda model: (model / "model.sig").write_bytes(b"{}"), "LG850"),
    ],
)
def test_directories_are_verified_strictly(
    model: Path, key: Path, attack: Callable[[Path], object], finding: str
) -> None:
    """Nothing is ignored, nothing followed, nothing left out."""
    sign_directory(model, key)
    verify_directory(model, public_of(key))
    attack(model)
    refused(finding, lambda: verify_directory(model, public_of(key)))


def test_signing_refuses_what_verifying_would(model: Path, key: Path) -> None:
    """A symlink, an empty folder, an open key, no key, a wrong key: each with its own exit."""
    add_symlink(model)
    refused("LG803", lambda: sign_directory(model, key), Refused)
    empty = model.parent / "empty"
    empty.mkdir()
    refused("LG856", lambda: sign_directory(empty, key), Usage)
    key.chmod(0o644)
    refused("LG831", lambda: sign_directory(model, key), Refused)
    refused("LG830", lambda: sign_directory(model, key.with_name("none")), Unavailable)
    ed = ed25519.Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(ed.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    key.chmod(0o600)
    (model / "z").unlink()
    refused("LG832", lambda: sign_directory(model, key), Usage)
    assert not (model / "model.sig").exists()
    refused("LG832", lambda: verify_directory(model, b"rubbish"), Usage)
