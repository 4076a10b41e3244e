"""Encrypting a private key with a passphrase, as RFC 5958 and RFC 8018 (PBES2) say, with scrypt (RFC 7914).

    EncryptedPrivateKeyInfo = SEQUENCE { SEQUENCE { PBES2, SEQUENCE { kdf, cipher } }, OCTET STRING ciphertext }
    kdf    = SEQUENCE { scrypt, SEQUENCE { OCTET STRING salt, INTEGER 16384, INTEGER 8, INTEGER 5 } }
    cipher = SEQUENCE { aes256-CBC, OCTET STRING iv }

`cryptography` reads this form and writes one with 2,048 rounds of PBKDF2, which a graphics card tries by the million
in a second; `openssl pkcs8 -topk8 -scrypt` writes this one. Its parameters stay within the 32 MiB that OpenSSL reads.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

_COST, _BLOCK, _PARALLEL = 1 << 14, 8, 5
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def encrypted_pem(pkcs8: bytes, passphrase: bytes) -> bytes:
    """The PEM file of the PKCS8 DER `pkcs8` under `passphrase`, with a fresh salt."""
    salt, vector = os.urandom(16), os.urandom(16)
    key = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK, p=_PARALLEL).derive(passphrase)
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    ciphertext = encryptor.update(padder.update(pkcs8) + padder.finalize()) + encryptor.finalize()
    numbers = b"".join(_der(_INTEGER, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (_COST, _BLOCK, _PARALLEL))
    kdf = _der(_SEQUENCE, _SCRYPT + _der(_SEQUENCE, _der(_OCTETS, salt) + numbers))
    cipher = _der(_SEQUENCE, _AES_256_CBC + _der(_OCTETS, vector))
    scheme = _der(_SEQUENCE, _PBES2 + _der(_SEQUENCE, kdf + cipher))
    text = textwrap.fill(base64.b64encode(_der(_SEQUENCE, scheme + _der(_OCTETS, ciphertext))).decode(), 64)
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
