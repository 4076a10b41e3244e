"""A token of SoftHSM's in a temporary folder, with P-256 keys in it. Real PKCS#11, no hardware."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711"
MISSING = not LIBRARY.is_file() or importlib.util.find_spec("pkcs11") is None
needs_softhsm = pytest.mark.skipif(MISSING, reason="needs softhsm2 (Debian) and python-pkcs11 (extra pkcs11)")


@dataclass(frozen=True)
class Token:
    """A token called `lockgate` with two keys: 2 and 3."""

    folder: Path
    publics: dict[int, str]

    def removed(self) -> dict[str, str]:
        """What a process's environment says after somebody has taken the token out."""
        return {"SOFTHSM2_CONF": str(_configured(self.folder / "no-tokens"))}

    def uri(self, number: int) -> str:
        """How securesystemslib names a key of it."""
        return f"hsm:{number}?label=lockgate"


@contextmanager
def softhsm(folder: Path) -> Iterator[Token]:
    """Make the token; the variables that name it are set meanwhile, in child processes too."""
    configuration = _configured(folder / "tokens")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        patch.setenv("PYKCS11LIB", str(LIBRARY))
        make = ["softhsm2-util", "--init-token", "--free", "--label", "lockgate", "--pin", PIN, "--so-pin", "4712"]
        subprocess.run(make, check=True, capture_output=True)
        _again()
        yield Token(folder, {number: _make_key(number) for number in (2, 3)})


def _configured(tokens: Path) -> Path:
    tokens.mkdir()
    configuration = tokens.with_suffix(".conf")
    configuration.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    return configuration


def _again() -> None:
    """The library reads its configuration once in a process: another test's token may be known to it still."""
    pkcs11: Any = import_module("pkcs11")
    pkcs11.lib(str(LIBRARY)).reinitialize()


def _make_key(number: int) -> str:
    """A P-256 key that was made in the token and never leaves it; its public half as PEM."""
    pkcs11: Any = import_module("pkcs11")
    curves: Any = import_module("pkcs11.util.ec")
    token = pkcs11.lib(str(LIBRARY)).get_token(token_label="lockgate")
    with token.open(user_pin=PIN, rw=True) as session:
        curve = {pkcs11.Attribute.EC_PARAMS: curves.encode_named_curve_parameters("secp256r1")}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        public, _ = parameters.generate_keypair(store=True, id=bytes([number]), label=f"key {number}")
        key = load_der_public_key(curves.encode_ec_public_key(public))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
