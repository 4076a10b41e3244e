"""`lockgate sign` and `lockgate verify PATH` on the command line, without any project."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from lockgate.cli.folders import Asked, by_one_of
from lockgate.cli.main import run
from lockgate.errors import VerificationFailed
from lockgate.trust.oms_names import colliding
from tests.support.certificates import MAIL, Held, authority, leaf
from tests.support.softhsm import PIN, needs_softhsm, softhsm

PASSPHRASE = b"correct horse"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with two files."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"weights")
    (folder / "sub" / "io.json").write_bytes(b"{}")
    return folder


@pytest.fixture
def signer(tmp_path: Path) -> Held:
    """A certificate of `root`, valid today; `signer.key`, `signer.pem`, `signer.pub` and `root.pem` on disk."""
    now = datetime.now(UTC)
    root = authority("Example Root")
    held = leaf(root, since=now - timedelta(hours=1), until=now + timedelta(days=2))
    root.write(tmp_path, "root")
    held.write(tmp_path, "signer")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "signer.pub").write_bytes(held.key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return held


def said(capsys: pytest.CaptureFixture[str], arguments: Sequence[str | Path]) -> tuple[int, str, str]:
    """Run the command; its exit code, standard output and standard error."""
    capsys.readouterr()
    code = run([str(part) for part in arguments])
    found = capsys.readouterr()
    return code, found.out, found.err


def test_a_folder_is_signed_and_verified_with_a_key(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ways of naming the options; exit 3 once a byte is another, 0 before."""
    key, public = tmp_path / "signer.key", tmp_path / "signer.pub"
    code, out, err = said(capsys, ["sign", model, "--key", key])
    assert (code, "2 files signed" in out, "--key PUBLIC_KEY" in err) == (0, True, True)
    code, out, _ = said(capsys, ["verify", f"{model}/", "--public_key", public])
    assert (code, "2 files" in out, "not proved: who holds that key" in out) == (0, True, True)
    (model / "model.onnx").write_bytes(b"Weights")
    code, out, err = said(capsys, ["verify", f"{model}/", "--key", public])
    assert (code, out, "LG852" in err) == (3, "", True)


def test_signing_again_says_what_it_replaces(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same files, or which differ; in JSON too. Another file is never overwritten."""
    key = tmp_path / "signer.key"
    assert said(capsys, ["sign", model, "--key", key])[2].count("replaced") == 0
    assert "the same 2 files" in said(capsys, ["sign", model, "--key", key])[2]
    (model / "new").write_bytes(b"")
    (model / "sub" / "io.json").write_bytes(b"[]")
    assert "over 2 files; since then 1 new, 0 gone, 1 changed" in said(capsys, ["sign", model, "--key", key])[2]
    code, out, _ = said(capsys, ["sign", model, "--key", key, "--json"])
    assert (code, json.loads(out)["replaced"]) == (0, {"files": 3})
    code, _, err = said(capsys, ["sign", model, "--key", key, "--signature", model / "model.onnx"])
    assert (code, "LG850" in err, (model / "model.onnx").read_bytes()) == (2, True, b"weights")


def test_a_signature_can_lie_elsewhere(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--signature FILE` for both commands; without it there is none."""
    where = tmp_path / "elsewhere.sig"
    assert said(capsys, ["sign", model, "--key", tmp_path / "signer.key", "--signature", where])[0] == 0
    public = tmp_path / "signer.pub"
    assert said(capsys, ["verify", f"{model}/", "--key", public, "--signature", where])[0] == 0
    code, _, err = said(capsys, ["verify", f"{model}/", "--key", public])
    assert (code, "LG857" in err) == (3, True)


def test_a_certificate_is_told_as_what_it_is(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed by whom, according to whom, and that their word is not proved."""
    proof: list[str | Path] = ["--certificate", tmp_path / "signer.pem"]
    assert said(capsys, ["sign", model, "--key", tmp_path / "signer.key", *proof])[0] == 0
    chain: list[str | Path] = ["--certificate-chain", tmp_path / "root.pem"]
    code, out, _ = said(capsys, ["verify", f"{model}/", *chain, "--identity", MAIL])
    assert code == 0
    assert "signed by subject:CN=Ada Lovelace, according to CN=Example Root" in out
    assert "not proved: that CN=Example Root was right" in out
    code, out, _ = said(capsys, ["verify", f"{model}/", *chain, "--json"])
    assert json.loads(out)["certificate"]["names"] == ["subject:CN=Ada Lovelace", f"email:{MAIL}"]
    code, _, err = said(capsys, ["verify", f"{model}/", *chain, "--identity", "eve@example.org"])
    assert (code, "LG851" in err) == (3, True)
    code, _, err = said(capsys, ["verify", f"{model}/", *chain, "--at", "2031-01-01"])
    assert (code, "LG838" in err) == (3, True)
    code, out, _ = said(capsys, ["verify", f"{model}/", *chain, "--at", datetime.now(UTC).strftime("%Y-%m-%d")])
    assert (code, "not proved: that it was signed by" in out) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", "KEY", "--certificate-chain", "ROOT"],
        ["--identity", "x", "--key", "KEY"],
        ["--at", "2026-01-01"],
        ["--certificate-chain", "ROOT", "--at", "tomorrow"],
        ["--certificate-chain", "KEY"],
    ],
)
def test_options_that_do_not_fit_are_usage(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit 2 and nothing on standard output."""
    files = {"KEY": str(tmp_path / "signer.pub"), "ROOT": str(tmp_path / "root.pem")}
    said(capsys, ["sign", model, "--key", tmp_path / "signer.key"])
    code, out, _ = said(capsys, ["verify", f"{model}/", *(files.get(one, one) for one in arguments)])
    assert (code, out) == (2, "")


def test_an_encrypted_key_signs(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its passphrase; without one, and without a terminal, exit 4 says where to put it."""
    key, form = tmp_path / "signer.key", serialization.PrivateFormat.PKCS8
    locked = serialization.BestAvailableEncryption(PASSPHRASE)
    key.write_bytes(signer.key.private_bytes(serialization.Encoding.PEM, form, locked))
    code, _, err = said(capsys, ["sign", model, "--key", key])
    assert (code, "LG872" in err, (model / "model.sig").exists()) == (4, True, False)
    monkeypatch.setenv("LOCKGATE_PASSPHRASE", PASSPHRASE.decode())
    assert said(capsys, ["sign", model, "--key", key])[0] == 0
    assert said(capsys, ["verify", f"{model}/", "--key", tmp_path / "signer.pub"])[0] == 0


def test_names_that_are_one_elsewhere_are_not_signed(
    model: Path, signer: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two spellings of one name, of which another system would keep one file."""
    (model / "MODEL.onnx").write_bytes(b"other weights")
    code, _, err = said(capsys, ["sign", model, "--key", tmp_path / "signer.key"])
    assert (code, "LG859" in err, (model / "model.sig").exists()) == (1, True, False)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a/b", "a/c", "a.b"], None),
        (["a/b", "A/c"], ("a", "A")),
        (["a", "A/b"], ("a", "A")),
        (["caf\u00e9", "cafe\u0301"], ("caf\u00e9", "cafe\u0301")),
        (["stra\u00dfe", "STRASSE"], ("stra\u00dfe", "STRASSE")),
        (["Ⅷ", "VIII"], None),
    ],
)
def test_colliding_names(names: list[str], found: tuple[str, str] | None) -> None:
    """Case and composition count as one; what only looks alike does not."""
    assert colliding(names) == found


def test_a_key_in_a_store_needs_its_public_half(model: Path, signer: Held, capsys: pytest.CaptureFixture[str]) -> None:
    """The store is not asked which key it has."""
    code, _, err = said(capsys, ["sign", model, "--key", "hsm:2?label=models"])
    assert (code, "LG832" in err, "--public-key" in err) == (2, True, True)


@needs_softhsm
def test_a_key_in_a_token_signs(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that never leaves its token; with another public half than the token's key, nothing is written."""
    monkeypatch.setenv("LOCKGATE_PASSPHRASE", PIN)
    with softhsm(tmp_path) as token:
        for number, public in token.publics.items():
            (tmp_path / f"{number}.pub").write_text(public)
        right, wrong = tmp_path / "2.pub", tmp_path / "3.pub"
        code, _, err = said(capsys, ["sign", model, "--key", token.uri(2), "--public-key", wrong])
        assert (code, "LG874" in err, (model / "model.sig").exists()) == (3, True, False)
        assert said(capsys, ["sign", model, "--key", token.uri(2), "--public-key", right])[0] == 0
    assert said(capsys, ["verify", f"{model}/", "--key", right])[0] == 0
    assert said(capsys, ["verify", f"{model}/", "--key", wrong])[0] == 3


def test_a_project_may_have_several_signers(model: Path, signer: Held, tmp_path: Path) -> None:
    """Any of their keys will do; a folder that none of them signed is refused, and a changed one by none excused."""
    assert run(["sign", str(model), "--key", str(tmp_path / "signer.key")]) == 0
    other = (tmp_path / "other.pub", tmp_path / "third.pub")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    for path in other:
        held = authority(path.stem)
        path.write_bytes(held.key.public_key().public_bytes(serialization.Encoding.PEM, form))
    keys = [(tmp_path / "signer.pub").read_bytes(), *(path.read_bytes() for path in other)]
    asked = Asked(model, None, (), "", "", None)
    for order in (keys, keys[::-1]):
        assert len(by_one_of(asked, tuple(order)).files) == 2
    for wrong in (keys[1:], keys[1:2]):
        with pytest.raises(VerificationFailed) as caught:
            by_one_of(asked, tuple(wrong))
        assert caught.value.finding == "LG851"
    (model / "model.onnx").write_bytes(b"others!")
    with pytest.raises(VerificationFailed) as changed:
        by_one_of(asked, tuple(keys))
    assert changed.value.finding == "LG852"
