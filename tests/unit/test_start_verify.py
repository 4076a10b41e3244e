"""Verifying and signing start fast: which modules they load is pinned, so that nothing comes in unnoticed.

The figures are in bench/verify_chain.py and bench/sign.py; a time would fail on a busy machine, a name does not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.certificates import authority
from tests.support.project import register_here, signed_project

SLOW = {
    "asyncio", "concurrent", "email", "http", "importlib.metadata", "importlib.resources", "logging",
    "multiprocessing", "sqlite3", "ssl", "subprocess", "tomllib", "unittest", "urllib.request", "xml",
}  # fmt: skip
LIBRARIES = {"click", "cryptography", "_cffi_backend", "_openssl", "lockgate"}  # two are parts of cryptography

PROGRAM = """
import json, sys
before = set(sys.modules)
from lockgate.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(set(sys.modules) - before)]), file=sys.stderr)
"""


@dataclass(frozen=True)
class Loaded:
    """What a command loaded in a fresh interpreter."""

    names: frozenset[str]

    @property
    def libraries(self) -> set[str]:
        """Other people's packages, and ours."""
        return {name.partition(".")[0] for name in self.names} - sys.stdlib_module_names

    @property
    def rooms(self) -> set[str]:
        """The rooms of Lockgate that were entered."""
        return {name.split(".")[1] for name in self.names if name.startswith("lockgate.")}


def loaded_by(*arguments: str | Path) -> Loaded:
    """Run `lockgate ARGUMENTS`, which must succeed."""
    command = (sys.executable, "-c", PROGRAM, *map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return Loaded(frozenset(names))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `model` and a key pair beside it."""
    place = tmp_path_factory.mktemp("signed")
    (place / "model").mkdir()
    (place / "model" / "model.onnx").write_bytes(b"weights")
    private, pem = ec.generate_private_key(ec.SECP256R1()), serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (place / "key.pem").write_bytes(private.private_bytes(pem, form, plain))
    (place / "key.pem").chmod(0o600)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    (place / "key.pub").write_bytes(private.public_key().public_bytes(pem, spki))
    return place


def test_signing_and_verifying_a_folder_need_cryptography_only(signed: Path) -> None:
    """No project, no settings, no log; and verifying never loads what reads private keys, nor certificates."""
    signing = loaded_by("sign", signed / "model", "--key", signed / "key.pem")
    verifying = loaded_by("verify", f"{signed / 'model'}/", "--key", signed / "key.pub")
    for loaded in (signing, verifying):
        assert loaded.libraries <= LIBRARIES
        assert loaded.rooms == {"cli", "core", "errors", "store", "trust"}
        assert loaded.names & SLOW == set()
    private = {"lockgate.trust.signer", "lockgate.trust._keyfile"}
    assert private <= signing.names
    assert not verifying.names & private
    assert not verifying.names & {"tempfile", "cryptography.x509", "lockgate.trust.oms_certificates"}


def test_verifying_a_model_needs_no_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole chain of a registered model: no settings are read, no stage, runtime, gateway or network is loaded."""
    project = signed_project(tmp_path, monkeypatch)
    (project.root / "lockgate.toml").write_text("")
    project.candidate()
    register_here(project, monkeypatch)
    root = project.created.project_id
    loaded = loaded_by("verify", "flights@1", "-C", project.root, "--root", root)
    assert loaded.libraries <= LIBRARIES
    assert loaded.rooms == {"audit", "cli", "contract", "core", "errors", "project", "store", "trust"}
    assert {name for name in loaded.names if name.startswith("lockgate.contract.")} == {"lockgate.contract.inputs"}
    assert loaded.names & (SLOW | {"lockgate.config", "lockgate.trust.signer", "lockgate.core.strict"}) == set()


def test_what_a_command_loads_is_seen(signed: Path, tmp_path: Path) -> None:
    """Positive control: with certificates, the module that reads them is among what was loaded."""
    root = authority("Example Root").write(tmp_path, "root")
    command = (sys.executable, "-c", PROGRAM, "verify", f"{signed / 'model'}/", "--certificate-chain", str(root))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert (code, "cryptography.x509" in names) == (3, True)
