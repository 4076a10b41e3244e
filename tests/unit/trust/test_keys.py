"""trust.keys: public keys in one spelling, named by the digest of their SPKI."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lockgate.trust.keys import fingerprint, import_public_key, parse_public_key

CURVES = {
    "ecdsa-p256": (ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-p384": (ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-p521": (ec.SECP521R1(), hashes.SHA512()),
}
PEM, SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


@pytest.mark.parametrize("kind", list(CURVES))
def test_ecdsa_keys_are_read_as_cryptography_writes_them(kind: str) -> None:
    """Name, kind and verification agree with `cryptography`, and any change is refused."""
    curve, algorithm = CURVES[kind]
    private = ec.generate_private_key(curve)
    pem = private.public_key().public_bytes(PEM, SPKI).decode()
    key = parse_public_key(pem)
    assert (key.kind, key.pem) == (kind, pem)
    assert key.keyid == fingerprint(private.public_key().public_bytes(serialization.Encoding.DER, SPKI))
    signature = private.sign(b"message", ec.ECDSA(algorithm))
    assert key.verify(signature, b"message")
    assert not key.verify(signature, b"massage")
    assert not key.verify(signature[:-1] + bytes([signature[-1] ^ 1]), b"message")
    assert not key.verify(b"", b"message")
    assert not key.verify(signature + b"\x00", b"message")


def test_ed25519_keys() -> None:
    """The sealer's kind; `raw` is the 32 bytes that C2SP verifiers want."""
    private = ed25519.Ed25519PrivateKey.generate()
    key = parse_public_key(private.public_key().public_bytes(PEM, SPKI).decode())
    assert key.raw == private.public_key().public_bytes_raw()
    assert key.verify(private.sign(b"m"), b"m")
    assert not key.verify(private.sign(b"m"), b"n")
    assert not key.verify(b"short", b"m")


def a_key() -> ec.EllipticCurvePublicKey:
    """Some P-256 public key."""
    return ec.generate_private_key(ec.SECP256R1()).public_key()


def other_keys() -> list[str]:
    """Keys that Lockgate does not take, and other spellings of one that it does."""
    pem = a_key().public_bytes(PEM, SPKI).decode()
    compressed = a_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed
    k1 = ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(PEM, SPKI).decode()
    rsa_key = rsa.generate_private_key(65537, 2048).public_key().public_bytes(PEM, SPKI).decode()
    from lockgate.trust.keys import pem_of

    return [
        "",
        "x",
        pem + "\n",
        "\n" + pem,
        pem.replace("\n", "\r\n"),
        pem.replace("PUBLIC", "PRIVATE"),
        pem[:40] + "\n" + pem[40:],
        pem_of(der),
        k1,
        rsa_key,
        pem.replace("M", "!", 1),
    ]


def test_other_kinds_and_spellings_are_refused() -> None:
    """RSA, other curves, compressed points, moved line ends: no key."""
    for pem in [*other_keys(), None, b""]:
        with pytest.raises(ValueError, match="key"):
            parse_public_key(pem)


def test_a_person_s_file_is_brought_into_the_one_spelling() -> None:
    """A file with other line ends is read; a private key, RSA or rubbish is not."""
    pem = a_key().public_bytes(PEM, SPKI)
    assert import_public_key(pem.replace(b"\n", b"\r\n")).pem == pem.decode()
    for data in (b"", b"rubbish", other_keys()[-2].encode()):
        with pytest.raises(ValueError, match=r"."):
            import_public_key(data)


def test_a_point_that_is_not_on_the_curve_verifies_nothing() -> None:
    """The prefix fits, the point does not: false, no traceback."""
    from lockgate.trust.keys import pem_of

    der = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + b"\x01" * 64
    assert not parse_public_key(pem_of(der)).verify(b"sig", b"m")


def test_fingerprint_is_sha256_in_hex() -> None:
    """So that `openssl pkey -pubin -outform DER | sha256sum` gives the same."""
    assert fingerprint(b"x") == hashlib.sha256(b"x").hexdigest()
