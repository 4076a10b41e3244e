"""Threat: supply-chain attacks. Somebody exchanges a file between its check and its use, or while it is checked."""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.store import tree
from lockgate.store.files import hash_fd
from lockgate.trust import oms_held
from lockgate.trust import signer as signers
from lockgate.trust.oms_directory import sign_directory, verify_directory
from lockgate.trust.oms_held import Hold, VerifiedFiles, open_verified
from lockgate.trust.signer import Signer

GOOD, EVIL = b"weights", b"payload"


@pytest.fixture
def signer() -> Signer:
    """The key that the verifier trusts."""
    return signers.generate("signer")


@pytest.fixture
def model(tmp_path: Path, signer: Signer) -> Path:
    """A signed folder."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(GOOD)
    (folder / "sub" / "io.json").write_bytes(b"{}")
    sign_directory(folder, signer)
    return folder


def exchange(path: Path) -> None:
    """Put another file in the place of `path`, at once."""
    other = path.with_name("other")
    other.write_bytes(EVIL)
    other.replace(path)


def overwrite(path: Path) -> None:
    """Write into the very file, as its owner can."""
    with path.open("r+b") as file:
        file.write(EVIL)


def content(fd: int) -> bytes:
    """What a reader of the descriptor gets."""
    return os.pread(fd, 1 << 20, 0)


def refused(finding: str, act: Callable[[], object], kind: type[LockgateError] = VerificationFailed) -> None:
    """Assert that `act` raises `kind` with `finding`."""
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.finding == finding


def test_the_attack_works_on_whoever_opens_the_file_again(model: Path, signer: Signer) -> None:
    """Control: verified by name and opened by name, the bytes are others."""
    verify_directory(model, signer.public)
    exchange(model / "model.onnx")
    assert (model / "model.onnx").read_bytes() == EVIL


@pytest.mark.parametrize("hold", Hold)
def test_an_exchanged_file_does_not_reach_the_reader(model: Path, signer: Signer, hold: Hold) -> None:
    """Another file under the name, or none: the descriptor still gives the signed bytes."""
    with open_verified(model, signer.public) as files:
        fd = files.open("model.onnx", hold)
        exchange(model / "model.onnx")
        assert content(fd) == GOOD
        (model / "model.onnx").unlink()
        assert content(files.open("model.onnx", hold)) == GOOD
        assert Path(files.path("model.onnx", hold)).read_bytes() == GOOD
        assert os.lseek(fd, 0, os.SEEK_CUR) == 0


def test_what_is_written_in_place_reaches_the_file_but_not_the_memory(model: Path, signer: Signer) -> None:
    """The difference between the two ways, as documented: only sealed memory outlives the file's owner."""
    with open_verified(model, signer.public) as files:
        memory, file = files.open("model.onnx"), files.open("model.onnx", Hold.FILE)
        overwrite(model / "model.onnx")
        assert content(memory) == GOOD
        assert content(file) == EVIL
        assert files.read("model.onnx") == GOOD


def test_sealed_memory_cannot_be_written(model: Path, signer: Signer) -> None:
    """Not by its own process either: no write, no mapping, no truncation, no lifting of the seals."""
    with open_verified(model, signer.public) as files:
        fd = files.open("model.onnx")
        assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == 15
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(fd, EVIL)
        again = os.open(files.path("model.onnx"), os.O_RDWR)
        try:
            for act in (
                lambda: os.pwrite(again, EVIL, 0),
                lambda: os.ftruncate(again, 1),
                lambda: os.ftruncate(again, 1 << 20),
                lambda: mmap.mmap(again, 7, mmap.MAP_SHARED, mmap.PROT_WRITE),
                lambda: fcntl.fcntl(again, fcntl.F_ADD_SEALS, 0),
            ):
                with pytest.raises(PermissionError):
                    act()
        finally:
            os.close(again)
        assert content(fd) == GOOD


def test_the_memory_is_sealed_before_it_is_hashed(model: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment of hashing nobody can write any more, so what was hashed is what is read."""
    seals = []

    def watched(fd: int) -> Digest:
        seals.append(fcntl.fcntl(fd, fcntl.F_GET_SEALS))
        overwrite(model / "model.onnx")
        return hash_fd(fd)

    monkeypatch.setattr(oms_held, "hash_fd", watched)
    with open_verified(model, signer.public) as files:
        assert content(files.open("model.onnx")) == GOOD
    assert seals == [15]


def test_a_restless_writer_is_refused_or_without_effect(model: Path, signer: Signer) -> None:
    """Somebody writes into the file without a pause: each opening gives the signed bytes, or LG852."""
    path, stop = model / "model.onnx", threading.Event()
    given: list[bytes] = []
    denied: list[str] = []

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            while not stop.is_set():
                os.pwrite(file.fileno(), EVIL, 0)
                os.pwrite(file.fileno(), GOOD, 0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            with open_verified(model, signer.public) as files:
                try:
                    given.append(content(files.open("model.onnx")))
                except VerificationFailed as error:
                    denied.append(error.finding)
    finally:
        stop.set()
        writer.join()
    assert len(given) + len(denied) == 200
    assert set(given) <= {GOOD}
    assert set(denied) <= {"LG852"}


def link_file(model: Path) -> None:
    """A symlink in the place of a file."""
    (model / "model.onnx").rename(model.parent / "aside")
    (model / "model.onnx").symlink_to(model.parent / "aside")


def link_folder(model: Path) -> None:
    """A symlink in the place of a folder within."""
    (model / "sub").rename(model.parent / "aside")
    (model / "sub").symlink_to(model.parent / "aside")


@pytest.mark.parametrize(
    ("attack", "name", "finding"),
    [
        (link_file, "model.onnx", "LG803"),
        (link_folder, "sub/io.json", "LG803"),
        (lambda model: exchange(model / "model.onnx"), "model.onnx", "LG852"),
        (lambda model: overwrite(model / "model.onnx"), "model.onnx", "LG852"),
        (lambda model: (model / "model.onnx").write_bytes(GOOD + b"\0"), "model.onnx", "LG852"),
        (lambda model: (model / "model.onnx").unlink(), "model.onnx", "LG854"),
    ],
)
@pytest.mark.parametrize("hold", Hold)
def test_what_changes_before_the_opening_is_refused(
    model: Path, signer: Signer, attack: Callable[[Path], object], name: str, finding: str, hold: Hold
) -> None:
    """After the signature was verified and before the file is opened: seen when it is opened."""
    with open_verified(model, signer.public) as files:
        attack(model)
        refused(finding, lambda: files.open(name, hold))


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (link_file, "LG803"),
        (link_folder, "LG803"),
        (lambda model: (model / "more").write_bytes(b""), "LG853"),
        (lambda model: (model / "sub" / "io.json").unlink(), "LG854"),
        (lambda model: (model / "model.sig").unlink(), "LG857"),
    ],
)
def test_a_folder_with_other_names_is_not_opened(
    model: Path, signer: Signer, attack: Callable[[Path], object], finding: str
) -> None:
    """One file more or less, or a symlink, and nothing of the folder is handed out."""
    attack(model)
    before = os.listdir("/proc/self/fd")
    refused(finding, lambda: open_verified(model, signer.public))
    assert os.listdir("/proc/self/fd") == before


def test_only_signed_names_are_opened(model: Path, signer: Signer) -> None:
    """Neither the signature itself nor a way out; and every descriptor is closed at the end."""
    with open_verified(model, signer.public) as files:
        for name in ("model.sig", "../model/model.onnx", "sub", ""):
            refused("LG854", lambda name=name: files.open(name), Usage)  # type: ignore[misc]
        fd = files.open("sub/io.json")
        assert files.names == ("model.onnx", "sub/io.json")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_the_folder_itself_is_held(model: Path, signer: Signer) -> None:
    """Another folder under the same name changes nothing: files are opened beneath the one that was listed."""
    with open_verified(model, signer.public) as files:
        model.rename(model.with_name("aside"))
        model.mkdir()
        (model / "model.onnx").write_bytes(EVIL)
        assert files.read("model.onnx") == GOOD
        assert isinstance(files, VerifiedFiles)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: overwrite(model / "sub" / "io.json"),
        lambda model: exchange(model / "sub" / "io.json"),
        lambda model: (model / "sub" / "io.json").unlink(),
        lambda model: (model / "more").write_bytes(b""),
        lambda model: exchange(model / "model.onnx"),
    ],
)
def test_a_folder_that_changes_while_it_is_signed_or_verified_is_noticed(
    model: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    """A write, an exchange, a file more or less between the first and the last byte: no half of each is signed."""
    signature = (model / "model.sig").read_bytes()
    for act, kind in (
        (lambda: sign_directory(model, signer), Refused),
        (lambda: verify_directory(model, signer.public), VerificationFailed),
    ):
        (model / "sub" / "io.json").write_bytes(b"{}")
        (model / "model.onnx").write_bytes(GOOD)
        (model / "more").unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(tree, "hash_fd", _then(lambda: change(model)))
            refused("LG858", act, kind)
    assert (model / "model.sig").read_bytes() == signature


def test_what_is_hashed_is_what_was_listed(model: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file under the name just while it is opened, and the first one back before anybody looks again."""
    other = model.parent / "other"
    other.write_bytes(GOOD)
    monkeypatch.setattr(tree, "open_beneath", lambda _top, _name: os.open(other, os.O_RDONLY))
    refused("LG858", lambda: verify_directory(model, signer.public))


def test_no_signature_is_written_over_a_model(model: Path, signer: Signer) -> None:
    """A file that is no signature is never replaced by one."""
    refused("LG850", lambda: sign_directory(model, signer, model / "model.onnx"), Usage)
    assert (model / "model.onnx").read_bytes() == GOOD


def _then(change: Callable[[], object]) -> Callable[[int], Digest]:
    """Hashing, after whose first file something is changed."""
    done: list[object] = []

    def hashed(fd: int) -> Digest:
        digest = hash_fd(fd)
        if not done:
            done.append(change())
        return digest

    return hashed
