"""trust.keyring, trust.signer: keys apart from the project, 0600, read when used; a role signs only its own."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.trust import signer as signers
from lockgate.trust.authority import ROLES
from lockgate.trust.keyring import Keyring, create_keys, remove_keys

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


def finding(act: Callable[[], object], kind: type[LockgateError]) -> str:
    """The finding of `act`, which must raise `kind`."""
    with pytest.raises(kind) as caught:
        act()
    return caught.value.finding


def test_the_folder_is_as_the_design_says(project: Any) -> None:
    """Private halves 0600, public halves beside them, folder 0700, root key apart."""
    folder = project.keyring.folder
    names = {f"{role}.{half}" for role in ROLES for half in ("key", "pub")} | {"root.pub"}
    assert set(os.listdir(folder)) == names
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / f"{role}.key").stat().st_mode & 0o777 for role in ROLES} == {0o600}
    assert project.keyring.root_key == project.config / "roots" / f"{project.created.project_id}.key"
    assert project.keyring.root_key.stat().st_mode & 0o777 == 0o600
    assert project.keyring.root_key.parent.stat().st_mode & 0o777 == 0o700
    assert project.keyring.roles_here() == ROLES


def test_every_project_has_other_keys(make_project: Any) -> None:
    """Two projects share no key."""
    one, two = make_project(), make_project()
    assert not set(one.created.roles.keys) & set(two.created.roles.keys)


def test_nothing_is_read_before_it_is_needed(project: Any) -> None:
    """Opening a keyring touches no file, so that a process without keys may hold one."""
    keyring = Keyring.open("0" * 64)
    assert keyring.roles_here() == ()
    assert finding(lambda: keyring.signer("judge"), Unavailable) == "LG830"
    assert finding(lambda: keyring.public("judge"), Unavailable) == "LG830"
    assert finding(lambda: Keyring.open("../../etc"), Usage) == "LG829"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644])
def test_a_key_that_others_may_read_is_refused(project: Any, mode: int) -> None:
    """Refused with the command that mends it, which does mend it."""
    path = project.keyring.folder / "judge.key"
    path.chmod(mode)
    with pytest.raises(Refused) as caught:
        project.keyring.signer("judge")
    assert caught.value.finding == "LG831"
    assert caught.value.next == f"chmod 600 {path}"
    path.chmod(0o600)
    assert project.keyring.signer("judge").role == "judge"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_s_key_is_refused(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file planted by somebody else is not used."""
    os.chown(project.keyring.folder / "judge.key", 12345, -1)
    assert finding(lambda: project.keyring.signer("judge"), Refused) == "LG831"


def test_a_symlink_is_no_key(project: Any) -> None:
    """A key file is a file."""
    path = project.keyring.folder / "judge.key"
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")
    assert finding(lambda: project.keyring.signer("judge"), VerificationFailed) == "LG803"


def test_exchanged_key_files_are_noticed(project: Any) -> None:
    """The judge's key under the trainer's name does not make a judge of the trainer."""
    (project.keyring.folder / "judge.key").replace(project.keyring.folder / "trainer.key")
    assert finding(lambda: project.keyring.signer("trainer"), VerificationFailed) == "LG834"
    (project.keyring.folder / "trainer.pub").write_text("rubbish")
    assert finding(lambda: project.keyring.public("trainer"), VerificationFailed) == "LG834"
    (project.keyring.folder / "trainer.pub").write_bytes(b"\xff")
    assert finding(lambda: project.keyring.public("trainer"), VerificationFailed) == "LG834"


def unusable_keys() -> list[bytes]:
    """Files that hold no key for us."""
    plain = serialization.NoEncryption()
    return [
        b"",
        b"rubbish",
        rsa.generate_private_key(65537, 2048).private_bytes(PEM, PKCS8, plain),
        ec.generate_private_key(ec.SECP256K1()).private_bytes(PEM, PKCS8, plain),
    ]


def test_unusable_key_files_are_named(tmp_path: Path) -> None:
    """Rubbish, RSA, another curve: LG832, never a traceback."""
    path = tmp_path / "k.pem"
    for data in unusable_keys():
        path.write_bytes(data)
        path.chmod(0o600)
        assert finding(lambda: signers.load(path, ""), Usage) == "LG832"


def test_a_signer_refuses_what_its_role_may_not_say(project: Any, make_statement: Any) -> None:
    """The refusal comes before there is a signature that somebody could keep."""
    judge = project.keyring.signer("judge")
    assert judge.sign(make_statement("judge"))
    assert finding(lambda: judge.sign(make_statement("train")), VerificationFailed) == "LG817"
    approval = project.signed("approver", make_statement("approve"))
    assert finding(lambda: judge.cosign(approval), VerificationFailed) == "LG817"


def test_the_sealer_signs_notes_and_nothing_else(project: Any, make_statement: Any) -> None:
    """64 bytes of Ed25519 over the text; no other role signs a note, and the sealer no statement."""
    sealer = project.keyring.signer("sealer")
    signature = sealer.sign_note(b"text\n")
    assert len(signature) == 64
    assert sealer.public.verify(signature, b"text\n")
    assert finding(lambda: sealer.sign(make_statement("train")), VerificationFailed) == "LG817"
    judge = project.keyring.signer("judge")
    assert finding(lambda: judge.sign_note(b"text\n"), VerificationFailed) == "LG817"


def test_a_key_signs_a_statement_once(project: Any, make_statement: Any) -> None:
    """A second signature by the same key is refused."""
    approver = project.keyring.signer("approver")
    envelope = approver.sign(make_statement("approve"))
    assert finding(lambda: approver.cosign(envelope), VerificationFailed) == "LG810"


def test_a_signer_shows_and_sends_no_key(project: Any) -> None:
    """Neither repr nor pickle gives the private key away."""
    judge = project.keyring.signer("judge")
    assert "PRIVATE" not in repr(judge)
    assert judge.keyid in repr(judge)
    with pytest.raises(TypeError):
        pickle.dumps(judge)


def test_a_full_disk_leaves_no_keys(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a set of keys is no set: everything is removed again."""
    before = sorted(project.config.rglob("*"))
    link, count = os.link, iter(range(100))

    def fail(*arguments: Any, **more: Any) -> None:
        if next(count) == 9:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        link(*arguments, **more)

    monkeypatch.setattr(os, "link", fail)
    assert finding(lambda: create_keys("mara", NOW), Unavailable) == "LG801"
    assert sorted(project.config.rglob("*")) == before


def test_a_person_needs_a_name(make_project: Any, tmp_path: Path) -> None:
    """A roles file that could not be read back is not made, and no keys stay."""
    assert finding(lambda: make_project(""), Refused) == "LG821"
    assert list((tmp_path / "config").rglob("*.key")) == []


def test_remove_keys_removes_everything(project: Any, make_project: Any) -> None:
    """Keys, root key and folder of this project go, those of another stay."""
    other = make_project()
    remove_keys(project.created.project_id)
    assert not project.keyring.folder.exists()
    assert not project.keyring.root_key.exists()
    assert other.keyring.signer("judge").role == "judge"
    remove_keys(project.created.project_id)
