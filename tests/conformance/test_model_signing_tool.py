"""The OpenSSF reference tool reads our model.sig, and we read its: P-256, P-384, P-521, bare keys and certificates."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lockgate.errors import VerificationFailed
from lockgate.trust.oms_certificates import Authorities
from lockgate.trust.oms_directory import sign_directory, verify_directory
from tests.support.certificates import SERVER, Held, authority, leaf

TOOL = Path(sys.executable).with_name("model_signing")
CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]

pytestmark = [
    pytest.mark.skipif(not TOOL.exists(), reason="model_signing is not in this environment"),
    pytest.mark.filterwarnings("ignore"),  # the tool's own
]


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


def tool(*arguments: str | Path) -> Told:
    """Run the reference tool's own command line, in this process: it takes a second to import, again for each run."""
    from model_signing._cli import main

    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return Told(result.exit_code, result.output)


@dataclass(frozen=True)
class Told:
    """How the reference tool ended."""

    returncode: int
    output: str


def test_the_reference_tool_verifies_our_signature(model: Path, key: Path) -> None:
    """It says yes to our signature, and no after a byte was flipped."""
    sign_directory(model, key)
    arguments = ("verify", "key", "--signature", model / "model.sig", "--public_key", key.with_suffix(".pub"), model)
    found = tool(*arguments)
    assert found.returncode == 0, found.output
    (model / "model.onnx").write_bytes(b"other")
    assert tool(*arguments).returncode != 0


def test_we_verify_the_reference_tool_s_signature(model: Path, key: Path) -> None:
    """We say yes to its signature, and no to a file that it would let by."""
    found = tool("sign", "key", "--private_key", key, "--signature", model / "model.sig", model)
    assert found.returncode == 0, found.output
    public = key.with_suffix(".pub").read_bytes()
    assert len(verify_directory(model, public).files) == 5
    (model / ".gitattributes").write_bytes(b"hook")
    arguments = ("verify", "key", "--signature", model / "model.sig", "--public_key", key.with_suffix(".pub"), model)
    assert tool(*arguments).returncode == 0
    with pytest.raises(VerificationFailed) as caught:
        verify_directory(model, public)
    assert caught.value.finding == "LG853"


@pytest.fixture
def root() -> Held:
    """The authority whose word both verifiers take."""
    return authority("Example Root")


def signed_by_the_tool(model: Path, signer: Path, *chain: Path) -> None:
    """Let the reference tool sign with a certificate."""
    more = [part for one in chain for part in ("--certificate_chain", one)]
    key = signer.with_suffix(".key")
    where = ("--signature", model / "model.sig")
    found = tool("sign", "certificate", "--private_key", key, "--signing_certificate", signer, *more, *where, model)
    assert found.returncode == 0, found.output


def verified_by_the_tool(model: Path, root: Path) -> bool:
    """Whether the reference tool accepts the signature under `root`."""
    where = ("--signature", model / "model.sig", "--certificate_chain", root)
    return tool("verify", "certificate", *where, model).returncode == 0


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: str(curve.name))
def test_certificates_in_both_directions(model: Path, root: Held, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    """Over an authority between, for every curve: each tool takes the other's signature and refuses another root."""
    now = datetime.now(UTC)
    middle = authority("Example Models", root)
    signer = leaf(middle, curve=curve, since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    between, certificate = middle.write(tmp_path, "middle"), signer.write(tmp_path, "signer")
    top, other = root.write(tmp_path, "root"), authority("Example Root").write(tmp_path, "other")
    key = certificate.with_suffix(".key")
    sign_directory(model, key, certificate=certificate, chain=(between,), now=now)
    assert verified_by_the_tool(model, top)
    assert not verified_by_the_tool(model, other)
    signed_by_the_tool(model, certificate, between)
    found = verify_directory(model, Authorities.read(top.read_bytes(), now))
    assert found.certified is not None
    assert found.certified.names[0] == "subject:CN=Ada Lovelace"
    with pytest.raises(VerificationFailed) as caught:
        verify_directory(model, Authorities.read(other.read_bytes(), now))
    assert caught.value.finding == "LG836"


def test_certificates_that_only_the_reference_tool_accepts(model: Path, root: Held, tmp_path: Path) -> None:
    """One that has run out, and a web server's: the tool says yes to both, and we say why not."""
    now = datetime.now(UTC)
    top, authorities = root.write(tmp_path, "root"), Authorities.read(root.pem, now)
    expired = leaf(root, since=now - timedelta(days=9), until=now - timedelta(days=1))
    server = leaf(root, purposes=(SERVER,), since=now - timedelta(days=9), until=now + timedelta(days=1))
    for signer, finding in ((expired, "LG838"), (server, "LG839")):
        signed_by_the_tool(model, signer.write(tmp_path, "signer"), top)
        assert verified_by_the_tool(model, top)
        with pytest.raises(VerificationFailed) as caught:
            verify_directory(model, authorities)
        assert caught.value.finding == finding
