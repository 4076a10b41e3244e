"""trust.keyring, trust.keychange, trust._keystore: a key in a file with a passphrase, in another store, or waiting."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.trust import passphrases, signer
from lockgate.trust._encrypted import encrypted_pem
from lockgate.trust._keystore import EXTRAS
from lockgate.trust.keys import parse_public_key
from lockgate.trust.verifier import verify
from tests.support.softhsm import PIN, needs_softhsm, softhsm

SECRET = b"correct horse battery"


def finding(act: Callable[[], object], kind: type[LockgateError]) -> str:
    """The finding of `act`, which must raise exactly `kind`."""
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind
    assert caught.value.next
    assert SECRET.decode() not in repr((caught.value.message, caught.value.seen, caught.value.next))
    return caught.value.finding


@pytest.fixture(name="no_terminal", autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No passphrase comes from whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(passphrases.PREFIX)]:
        monkeypatch.delenv(name)


def fresh(project: Any) -> Any:
    """A keyring of the same folder in which no passphrase is kept."""
    return type(project.keyring).open(project.created.project_id)


# --- a file with a passphrase -----------------------------------------------------------------------


def test_a_protected_key_signs_as_before(
    project: Any, make_statement: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Encrypted in place, 0600; asked for once; the file, then the variable of the role, then those of all roles."""
    project.keyring.protect("judge", SECRET)
    path = project.keyring.folder / "judge.key"
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert path.stat().st_mode & 0o777 == 0o600
    held = tmp_path / "passphrase"
    held.write_bytes(SECRET + b"\n")
    held.chmod(0o600)
    monkeypatch.setenv("LOCKGATE_PASSPHRASE", "wrong")
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_JUDGE", "wrong")
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_FILE_JUDGE", str(held))
    keyring = fresh(project)
    assert verify(keyring.signer("judge").sign(make_statement("judge")), project.created.roles).role == "judge"
    held.unlink()
    assert keyring.signer("judge").keyid == project.keyring.public("judge").keyid
    assert SECRET.decode() not in repr(vars(keyring))


def test_a_wrong_passphrase_is_one_finding(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG871; no passphrase at all, LG872, names the variable; a file that others may read, LG831; empty, LG871."""
    project.keyring.protect("judge", SECRET)
    keyring = fresh(project)
    with pytest.raises(Unavailable) as caught:
        keyring.signer("judge")
    assert (caught.value.finding, caught.value.exit_code) == ("LG872", 4)
    assert "LOCKGATE_PASSPHRASE_FILE_JUDGE" in caught.value.next
    monkeypatch.setenv("LOCKGATE_PASSPHRASE", "wrong")
    assert finding(lambda: keyring.signer("judge"), Usage) == "LG871"
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_FILE", str(project.config / "nowhere"))
    assert finding(lambda: keyring.signer("judge"), Unavailable) == "LG872"
    (project.config / "open").write_bytes(SECRET)
    (project.config / "open").chmod(0o644)
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_FILE", str(project.config / "open"))
    assert finding(lambda: keyring.signer("judge"), Refused) == "LG831"
    (project.config / "open").chmod(0o600)
    assert keyring.signer("judge").role == "judge"


def test_a_terminal_is_asked_once(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where input and error output are a terminal; what was typed wrongly is not kept."""
    project.keyring.protect("judge", SECRET)
    typed = iter(["wrong", SECRET.decode()])
    monkeypatch.setattr(passphrases, "getpass", lambda _prompt, stream: next(typed))
    keyring = fresh(project)
    assert finding(lambda: keyring.signer("judge"), Unavailable) == "LG872"
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    assert finding(lambda: keyring.signer("judge"), Unavailable) == "LG872"
    monkeypatch.setattr("sys.stderr", terminal)
    assert finding(lambda: keyring.signer("judge"), Usage) == "LG871"
    assert keyring.signer("judge").role == "judge"
    assert keyring.signer("judge").role == "judge"


def test_protecting_twice_is_refused(project: Any) -> None:
    """LG876, and the file stays as it is; so does a key of another store."""
    project.keyring.protect("judge", SECRET)
    path = project.keyring.folder / "judge.key"
    before = path.read_bytes()
    assert finding(lambda: project.keyring.protect("judge", b"other"), Usage) == "LG876"
    assert path.read_bytes() == before
    (project.keyring.folder / "trainer.uri").write_text("hsm:2\n")
    (project.keyring.folder / "trainer.uri").chmod(0o600)
    assert finding(lambda: project.keyring.protect("trainer", b"other"), Usage) == "LG876"


def test_openssl_reads_what_we_encrypt() -> None:
    """PBES2 with scrypt, as RFC 8018 and 7914: OpenSSL opens it with the passphrase, and not with another."""
    key = ec.generate_private_key(ec.SECP521R1())
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pem = encrypted_pem(der, SECRET)
    command = ["openssl", "pkey", "-outform", "DER", "-passin", f"pass:{SECRET.decode()}"]
    plain = subprocess.run(command, input=pem, capture_output=True, check=True).stdout
    assert key.private_numbers().private_value.to_bytes(66) in plain
    assert subprocess.run([*command[:-1], "pass:x"], input=pem, capture_output=True, check=False).returncode != 0


# --- other places ---------------------------------------------------------------------------------------


def use(project: Any, role: str, uri: str, mode: int = 0o600) -> None:
    """Write `<role>.uri` by hand."""
    path = project.keyring.folder / f"{role}.uri"
    path.write_text(uri)
    path.chmod(mode)


def test_a_key_file_elsewhere(project: Any, tmp_path: Path, make_statement: Any) -> None:
    """`file:` and `file2:` name one; `use` writes the URI after the key has signed; another key is refused."""
    elsewhere = tmp_path / "stick" / "judge.pem"
    elsewhere.parent.mkdir()
    (project.keyring.folder / "judge.key").rename(elsewhere)
    assert finding(lambda: project.keyring.signer("judge"), Unavailable) == "LG830"
    public = project.keyring.use("judge", f"file:{elsewhere}")
    assert public == project.keyring.public("judge")
    assert project.keyring.has("judge")
    assert project.keyring.signer("judge").sign(make_statement("judge"))
    project.keyring.use("judge", f"file2:{elsewhere}")
    assert f"file2:{elsewhere}" == project.keyring.uri("judge")
    other = project.keyring.folder / "trainer.key"
    assert finding(lambda: project.keyring.use("judge", f"file:{other}"), VerificationFailed) == "LG834"
    assert f"file2:{elsewhere}" == project.keyring.uri("judge")
    assert finding(lambda: project.keyring.use("judge", f"file:{elsewhere}?encrypted=true"), Usage) == "LG832"


@pytest.mark.parametrize(
    "uri", ["", "judge.key", "file:judge.key", "gnupg:x", "file:/k?password=x", "role:", "hsm:2\nhsm:3", "x" * 3000]
)
def test_no_other_uri(project: Any, uri: str) -> None:
    """A closed list, one line, and no secret in it."""
    use(project, "judge", uri)
    assert finding(lambda: project.keyring.signer("judge"), Usage) == "LG875"


def test_a_uri_that_others_may_write_is_refused(project: Any) -> None:
    """Whoever may write it says which library is asked for a signature."""
    use(project, "judge", "hsm:2", 0o666)
    assert finding(lambda: project.keyring.signer("judge"), Refused) == "LG831"


class FakeSigner:
    """Stands for a cloud's key service: what securesystemslib would have made of the URI."""

    key: signer.Signer = signer.generate("judge")
    fails: Exception | None = None

    @classmethod
    def from_priv_key_uri(cls, uri: str, public_key: Any, secrets_handler: Any = None) -> FakeSigner:
        """Their factory."""
        assert (uri, public_key.scheme) == ("awskms:alias/judge", "ecdsa-sha2-nistp256")
        return cls()

    def sign(self, payload: bytes) -> Any:
        """Their method, with their type of answer."""
        from securesystemslib.signer import Signature  # type: ignore[attr-defined]

        if self.fails is not None:
            raise self.fails
        return Signature("whatever", self.key.signature(payload).hex())


@pytest.fixture(name="cloud")
def _cloud(monkeypatch: pytest.MonkeyPatch) -> type[FakeSigner]:
    """A service at `awskms:`."""
    schemes: Any = __import__("securesystemslib.signer", fromlist=["x"]).SIGNER_FOR_URI_SCHEME
    monkeypatch.setitem(schemes, "awskms", FakeSigner)
    monkeypatch.setattr(FakeSigner, "fails", None)
    return FakeSigner


def test_a_service_signs_with_the_right_key_only(
    project: Any, cloud: type[FakeSigner], make_statement: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's key is the judge's: a statement verifies. It is another one: no signature leaves (LG874)."""
    use(project, "judge", "awskms:alias/judge")
    statement = make_statement("judge")
    judge = project.keyring.signer("judge")
    assert finding(lambda: judge.sign(statement), VerificationFailed) == "LG874"
    assert finding(lambda: judge.signature(b"x"), VerificationFailed) == "LG874"
    assert finding(lambda: project.keyring.use("judge", "awskms:alias/judge"), VerificationFailed) == "LG874"
    monkeypatch.setattr(cloud, "key", signer.load(project.keyring.folder / "judge.key", "judge"))
    assert verify(judge.sign(statement), project.created.roles).role == "judge"
    assert finding(lambda: judge.sign(make_statement("train")), VerificationFailed) == "LG817"


def test_a_swapped_public_half_is_no_way_round(project: Any, cloud: type[FakeSigner], make_statement: Any) -> None:
    """Somebody who exchanges `.pub` and the store's key together gets a signature that the roles file refuses."""
    use(project, "judge", "awskms:alias/judge")
    (project.keyring.folder / "judge.pub").write_text(cloud.key.public.pem)
    envelope = project.keyring.signer("judge").sign(make_statement("judge"))
    assert finding(lambda: verify(envelope, project.created.roles), VerificationFailed) in {"LG812", "LG813", "LG814"}


@pytest.mark.parametrize("fault", [OSError("no route"), ValueError("throttled"), RuntimeError("x"), KeyError("y")])
def test_a_service_that_fails_is_one_finding(
    project: Any, cloud: type[FakeSigner], fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the library raises: LG873, exit 4, no traceback."""
    use(project, "judge", "awskms:alias/judge")
    monkeypatch.setattr(cloud, "fails", fault)
    assert finding(lambda: project.keyring.signer("judge").signature(b"x"), Unavailable) == "LG873"


@pytest.mark.parametrize("uri", ["gcpkms:projects/x", "azurekms://x/y/z", "hv:key/1", "hsm:2"])
def test_what_is_not_installed_is_said(project: Any, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG870, exit 4, and the pip command; the packages of these services are not installed with Lockgate."""
    for module in ("securesystemslib.signer", "securesystemslib"):
        monkeypatch.setitem(sys.modules, module, None)
    use(project, "judge", uri)
    with pytest.raises(Unavailable) as caught:
        project.keyring.signer("judge").signature(b"x")
    assert (caught.value.finding, caught.value.exit_code) == ("LG870", 4)
    assert f"pip install '{EXTRAS[uri.partition(':')[0]]}'" == caught.value.next


def test_no_key_is_given_out_by_a_store(project: Any) -> None:
    """The sealer of `serve` needs the key itself: a file gives it, also with a passphrase; another store: LG876."""
    assert b"BEGIN PRIVATE KEY" in project.keyring.give_out("sealer")
    use(project, "sealer", "hv:sealer/1")
    assert finding(lambda: project.keyring.give_out("sealer"), Unavailable) == "LG876"


# --- keys that wait -------------------------------------------------------------------------------------


def test_a_new_key_waits_until_it_is_promoted(project: Any) -> None:
    """`create` refuses a second key; staged, it signs by its own ring only; promoted, the old one is in `old/`."""
    keyring, before = project.keyring, project.keyring.public("judge")
    assert finding(lambda: keyring.create("judge"), Refused) == "LG833"
    assert keyring.staged("judge") is None
    made = keyring.create("judge", staged=True)
    assert finding(lambda: keyring.create("judge", staged=True), Refused) == "LG833"
    assert (before.keyid, made.keyid) == (keyring.signer("judge").keyid, keyring.staged_signer("judge").keyid)
    keyring.promote("judge")
    assert made.keyid == keyring.signer("judge").keyid
    assert keyring.staged("judge") is None
    kept = sorted(path.name for path in (keyring.folder / "old").iterdir())
    assert kept == [f"judge-{before.keyid[:16]}.key", f"judge-{before.keyid[:16]}.pub"]
    keyring.promote("judge")
    assert made.keyid == keyring.signer("judge").keyid
    root = keyring.create("root", passphrase=None, staged=True)
    keyring.promote("root")
    assert (root.keyid, 0o600) == (keyring.signer("root").keyid, keyring.root_key.stat().st_mode & 0o777)
    keyring.create("trainer", staged=True)
    keyring.discard("trainer")
    assert keyring.staged("trainer") is None


def test_a_promotion_that_was_killed_is_finished(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before any rename, the role signs with a key that belongs to its `.pub`, or the next call makes it so."""
    rename = os.rename
    for stop in range(4):
        keyring = project.keyring
        made, left = keyring.create("judge", staged=True), iter(range(stop))

        def killed(*arguments: Any, left: Any = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            rename(*arguments)

        monkeypatch.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            keyring.promote("judge")
        monkeypatch.setattr(os, "rename", rename)
        keyring.promote("judge")
        assert made.keyid == keyring.signer("judge").keyid


# --- a token ------------------------------------------------------------------------------------------


@needs_softhsm
def test_a_key_in_a_token(project: Any, make_statement: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real PKCS#11: the token's key waits, becomes the approver's, signs; wrong PIN, other key, no token: refused."""
    with softhsm(tmp_path) as token:
        monkeypatch.setenv("LOCKGATE_PASSPHRASE_APPROVER", PIN)
        keyring, public = project.keyring, parse_public_key(token.publics[2])
        assert finding(lambda: keyring.use("approver", token.uri(2)), VerificationFailed) == "LG874"
        other = parse_public_key(token.publics[3])
        assert finding(lambda: keyring.adopt("approver", token.uri(2), other), VerificationFailed) == "LG874"
        assert finding(lambda: keyring.adopt("sealer", token.uri(2), public), Usage) == "LG832"
        keyring.adopt("approver", token.uri(2), public)
        keyring.promote("approver")
        assert not (keyring.folder / "approver.key").exists()
        approver = keyring.signer("approver")
        envelope = approver.sign(make_statement("approve"))
        assert public.keyid == approver.keyid
        assert public.verify(approver.signature(b"x"), b"x")
        assert public.keyid.encode() in envelope
        use(project, "approver", token.uri(3))
        assert finding(lambda: keyring.signer("approver").signature(b"x"), VerificationFailed) == "LG874"
        use(project, "approver", token.uri(9))
        assert finding(lambda: keyring.signer("approver").signature(b"x"), Unavailable) == "LG873"
        use(project, "approver", "hsm:2?label=gone")
        assert finding(lambda: keyring.signer("approver").signature(b"x"), Unavailable) == "LG873"
        use(project, "approver", token.uri(2))
        monkeypatch.setenv("LOCKGATE_PASSPHRASE_APPROVER", "0000")
        keyring = fresh(project)
        assert finding(lambda: keyring.signer("approver").signature(b"x"), Usage) == "LG871"
        monkeypatch.setenv("LOCKGATE_PASSPHRASE_APPROVER", PIN)
        monkeypatch.delenv("PYKCS11LIB")
        with pytest.raises(Unavailable) as caught:
            keyring.signer("approver").signature(b"x")
        assert (caught.value.finding, "PYKCS11LIB" in caught.value.next) == ("LG873", True)
