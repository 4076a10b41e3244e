"""The OpenSSF reference tool reads our model.sig, and we read its: P-256, P-384, P-521."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lockgate.errors import VerificationFailed
from lockgate.trust.oms_directory import sign_directory, verify_directory

TOOL = Path(sys.executable).with_name("model_signing")
CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="model_signing is not in this environment")


@pytest.fixture(params=CURVES, ids=lambda curve: str(curve.name))
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A private key file; `.pub` beside it."""
    private = ec.generate_private_key(request.param)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path / "key.pem"
    path.write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    path.chmod(0o600)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    path.with_suffix(".pub").write_bytes(private.public_key().public_bytes(pem, spki))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder in which the order of components differs from the order of texts."""
    for name in ("a/b.bin", "a.b", "model.onnx", "z/empty", "with space.txt"):
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name.endswith("empty") else name.encode() * 1000)
    return tmp_path / "model"


def tool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the reference tool."""
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_reference_tool_verifies_our_signature(model: Path, key: Path) -> None:
    """It says yes to our signature, and no after a byte was flipped."""
    sign_directory(model, key)
    arguments = ("verify", "key", "--signature", model / "model.sig", "--public_key", key.with_suffix(".pub"), model)
    found = tool(*arguments)
    assert found.returncode == 0, found.stdout + found.stderr
    (model / "model.onnx").write_bytes(b"other")
    assert tool(*arguments).returncode != 0


def test_we_verify_the_reference_tool_s_signature(model: Path, key: Path) -> None:
    """We say yes to its signature, and no to a file that it would let by."""
    found = tool("sign", "key", "--private_key", key, "--signature", model / "model.sig", model)
    assert found.returncode == 0, found.stdout + found.stderr
    public = key.with_suffix(".pub").read_bytes()
    assert len(verify_directory(model, public).files) == 5
    (model / ".gitattributes").write_bytes(b"hook")
    arguments = ("verify", "key", "--signature", model / "model.sig", "--public_key", key.with_suffix(".pub"), model)
    assert tool(*arguments).returncode == 0
    with pytest.raises(VerificationFailed) as caught:
        verify_directory(model, public)
    assert caught.value.finding == "LG853"
