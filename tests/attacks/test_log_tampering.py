"""Somebody who may write into the folder of a log, and has no key; and somebody who has the key, elsewhere.

What is edited, swapped, renamed, added or linked is found by `log verify` and its file is named. What is whole and
signed but old, or signed twice, is found by whoever has seen more: this machine's memory, another reader, a witness.
A reader who has seen nothing and asks no witness is deceived, and a test says that too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lockgate.audit.cosigned import attach
from lockgate.audit.damage import survey
from lockgate.audit.damage_checkpoint import Trusted
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import encode_bundle, parse_bundle
from lockgate.audit.verify import full_verify
from lockgate.audit.witness.protocol import Accepted, Refusal, Request, decide, origin_of
from lockgate.core.checkpoint import Checkpoint, NoteSignature, VerifierKey, parse_note
from lockgate.core.merkle import consistency_proof, leaf_hash
from lockgate.errors import VerificationFailed
from lockgate.trust.note import cosign
from tests.faults.chain import KEY, LOGS, ORIGIN, PUBLIC, WITNESS, WITNESS_KEY
from tests.support.sealing import Fast

SIZE = 256 * 3 + 9


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both logs, of several tiles, with a heartbeat and a witness's line beside each checkpoint."""
    place = tmp_path_factory.mktemp("made")
    for log in LOGS:
        sealer = _sealer(place / log, log)
        for count in (250, 300, SIZE - 550):
            size = sealer.append([]).size
            sealer.append([b"%s %d" % (log.encode(), size + i) for i in range(count)])
        text = parse_note((place / log / "checkpoint").read_bytes()).text
        attach(place / log, [cosign(text, WITNESS, 1_800_000_000, WITNESS_KEY.sign)], [WITNESS], disk=Fast())
    return place


@pytest.fixture
def logs(made: Path, tmp_path: Path) -> Path:
    """A copy to edit."""
    shutil.copytree(made, tmp_path / "logs")
    return tmp_path / "logs"


def _sealer(folder: Path, log: str, seen: SeenStore | None = None) -> Sealer:
    return Sealer(
        folder,
        origin=ORIGIN + log,
        sign=KEY.sign,
        public_key=PUBLIC,
        seen=seen,
        disk=Fast(),
        clock=lambda: 1_800_000_000.0,
    )


def _verify(folder: Path, log: str, seen: SeenStore | None = None) -> None:
    full_verify(folder, public_key=PUBLIC, origin=ORIGIN + log, seen=seen, witnesses=[WITNESS])


def _damaged(folder: Path, log: str) -> set[str]:
    """Which files the fsck names."""
    return {one.file for one in survey(folder, Trusted(PUBLIC, ORIGIN + log)).damages}


def _open(folder: Path, log: str = "events", seen: SeenStore | None = None) -> Log:
    return Log.open(folder, public_key=PUBLIC, origin=ORIGIN + log, seen=seen)


def test_untouched_both_verify(logs: Path) -> None:
    """The positive control: heartbeat, cosignature and all."""
    for log in LOGS:
        _verify(logs / log, log)
        assert len(parse_note((logs / log / "checkpoint").read_bytes()).signatures) == 3


@pytest.mark.parametrize("log", LOGS)
def test_one_edited_byte_in_each_kind_of_file_is_found_and_named(log: str, logs: Path) -> None:
    """Each file of the log: a byte at its beginning, in its middle and at its end; the finding names that very file."""
    folder = logs / log
    kinds = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        kinds.add(name.rpartition("/")[0].removesuffix(".p").rpartition("/")[0] or name)
        for at in sorted({0, len(data) // 2, len(data) - 1}):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(VerificationFailed) as error:
                _verify(folder, log)
            told = {error.value.seen.get("file"), *_damaged(folder, log)}
            assert name in told, f"{name} at {at}: {error.value}, {told}"
        path.write_bytes(data)
    _verify(folder, log)
    assert {"checkpoint", "log.vkey", "tile/entries", "tile/0", "tile/1"} <= kinds


def test_each_line_beside_a_checkpoint_is_verified(logs: Path) -> None:
    """A byte of the heartbeat's or the witness's signature is edited: refused, though the log's own line is good."""
    note = parse_note((logs / "events" / "checkpoint").read_bytes())
    for which, line in enumerate(note.signatures):
        forged = NoteSignature(line.name, line.key_id, line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
        lines = (*note.signatures[:which], forged, *note.signatures[which + 1 :])
        (logs / "events" / "checkpoint").write_bytes(type(note)(note.text, lines).encode())
        with pytest.raises(VerificationFailed) as error:
            _verify(logs / "events", "events")
        assert error.value.finding == ("LG702" if which == 0 else "LG7011")


def test_a_line_of_an_unknown_witness_is_told(logs: Path) -> None:
    """A signature that nobody here can check is no decoration."""
    note = parse_note((logs / "events" / "checkpoint").read_bytes())
    other = VerifierKey("elsewhere.example/w", WITNESS.public_key, WITNESS.kind)
    line = cosign(note.text, other, 1_800_000_000, WITNESS_KEY.sign)
    (logs / "events" / "checkpoint").write_bytes(type(note)(note.text, (*note.signatures, line)).encode())
    with pytest.raises(VerificationFailed) as error:
        _verify(logs / "events", "events")
    assert error.value.finding == "LG702"


def _swap(one: str, other: str) -> Callable[[Path], object]:
    def swap(logs: Path) -> None:
        first, second = (logs / one).read_bytes(), (logs / other).read_bytes()
        assert first != second
        (logs / one).write_bytes(second)
        (logs / other).write_bytes(first)

    return swap


def _link(logs: Path) -> None:
    shutil.move(logs / "events" / "tile" / "0", logs / "zero")
    (logs / "events" / "tile" / "0").symlink_to(logs / "zero")


def _linked_file(logs: Path) -> None:
    (logs / "events" / "tile" / "0" / "000").rename(logs / "tile")
    (logs / "events" / "tile" / "0" / "000").symlink_to(logs / "tile")


def _rewrite(bundle: str, tile: str, width: int) -> Callable[[Path], object]:
    """The last entry is another, and its hash in the tile is the right one of it."""

    def rewrite(logs: Path) -> None:
        entries = parse_bundle((logs / bundle).read_bytes(), width)
        entries[-1] = b"another " + entries[-1]
        (logs / bundle).write_bytes(encode_bundle(entries))
        (logs / tile).write_bytes((logs / tile).read_bytes()[:-32] + leaf_hash(entries[-1]))

    return rewrite


MOVES: dict[str, Callable[[Path], object]] = {
    "two bundles swapped": _swap("events/tile/entries/000", "events/tile/entries/001"),
    "two tiles swapped": _swap("events/tile/0/000", "events/tile/0/001"),
    "the other log's bundle": _swap("events/tile/entries/000", "predictions/tile/entries/000"),
    "the other log's checkpoint": _swap("events/checkpoint", "predictions/checkpoint"),
    "the other log's key": _swap("events/log.vkey", "predictions/log.vkey"),
    "an entry rewritten with its tile": _rewrite("events/tile/entries/001", "events/tile/0/001", 256),
    "one on the right edge": _rewrite("events/tile/entries/003.p/9", "events/tile/0/003.p/9", 9),
    "a partial under another width": lambda logs: (logs / "events/tile/0/003.p/9").rename(
        logs / "events/tile/0/003.p/8"
    ),
    "a tile on another level": lambda logs: (logs / "events/tile/0/002").rename(logs / "events/tile/2"),
    "a tile removed": lambda logs: (logs / "events/tile/0/001").unlink(),
    "a bundle removed": lambda logs: (logs / "events/tile/entries/002").unlink(),
    "a file added": lambda logs: (logs / "events/tile/0/notes.txt").write_text("x"),
    "a hidden file added": lambda logs: (logs / "events/.checkpoint.swp").write_text("x"),
    "an older width added": lambda logs: (logs / "events/tile/0/003.p/7").write_bytes(bytes(7 * 32)),
    "a folder is a link": _link,
    "a tile is a link": _linked_file,
    "a bundle cut off": lambda logs: (logs / "events/tile/entries/001").write_bytes(
        (logs / "events/tile/entries/001").read_bytes()[:-1]
    ),
    "an entry doubled": lambda logs: (logs / "events/tile/entries/003.p/9").write_bytes(
        (logs / "events/tile/entries/003.p/9").read_bytes() * 2
    ),
}


@pytest.mark.parametrize("move", MOVES)
def test_files_that_are_moved_about_are_found(move: str, logs: Path) -> None:
    """Every byte may be one that the log once signed: not at this place."""
    MOVES[move](logs)
    with pytest.raises(VerificationFailed) as error:
        _verify(logs / "events", "events")
    assert error.value.finding in {"LG702", "LG703", "LG704", "LG705", "LG706", "LG709"}
    assert error.value.seen


def _older(logs: Path, tmp_path: Path) -> Path:
    """A backup, after which the log has grown."""
    backup = tmp_path / "backup"
    shutil.copytree(logs / "events", backup)
    _sealer(logs / "events", "events").append([b"since the backup"])
    return backup


def _asked(last: Checkpoint, note: bytes, proof: Sequence[bytes]) -> Accepted | Refusal:
    """What a witness says that has cosigned `last`."""
    asked = origin_of(Request(last.size, tuple(proof), note).encode())
    assert not isinstance(asked, Refusal)
    return decide(*asked, {last.origin: [VerifierKey(last.origin, PUBLIC)]}, last)


def test_a_restored_backup_is_found_by_all_who_have_seen_more(logs: Path, tmp_path: Path) -> None:
    """Whole, signed and old. This machine's memory, another reader's, the sealer and the witness each refuse it."""
    backup = _older(logs, tmp_path)
    here, elsewhere = SeenStore(tmp_path / "here" / "events"), SeenStore(tmp_path / "elsewhere" / "events")
    last = _open(logs / "events", seen=here).checkpoint
    _open(logs / "events", seen=elsewhere)
    shutil.rmtree(logs / "events")
    backup.rename(logs / "events")
    for store in (here, elsewhere):
        with pytest.raises(VerificationFailed) as error:
            _open(logs / "events", seen=store)
        assert error.value.finding == "LG707"
    before = sorted(path.name for path in (logs / "events").rglob("*"))
    with pytest.raises(VerificationFailed):
        _sealer(logs / "events", "events", here).append([b"another history"])
    assert before == sorted(path.name for path in (logs / "events").rglob("*")), "nothing was written"
    old = _open(logs / "events")
    answer = _asked(last, old.note, ())
    assert isinstance(answer, Refusal)
    assert (answer.status, answer.size) in {(400, None), (409, last.size)}
    _verify(logs / "events", "events")  # who has seen nothing, and asks nobody, is deceived


def test_a_replayed_checkpoint_over_newer_tiles_is_found(logs: Path, tmp_path: Path) -> None:
    """The checkpoint file alone is put back: refused by memory; without one the files beyond it are named (LG710)."""
    backup = _older(logs, tmp_path)
    store = SeenStore(tmp_path / "elsewhere" / "events")
    _open(logs / "events", seen=store)
    (logs / "events" / "checkpoint").write_bytes((backup / "checkpoint").read_bytes())
    with pytest.raises(VerificationFailed) as error:
        _open(logs / "events", seen=store)
    assert error.value.finding == "LG707"
    report = full_verify(logs / "events", public_key=PUBLIC, origin=ORIGIN + "events", witnesses=[WITNESS])
    assert any("003.p/10" in name for name in report.leftovers)


def test_a_second_sealer_is_found_by_whoever_saw_the_first(logs: Path, tmp_path: Path) -> None:
    """The same key on a copy of the log: two trees of one size, each whole; memory and witness tell them apart."""
    copy = tmp_path / "copy"
    shutil.copytree(logs / "events", copy)
    store = SeenStore(tmp_path / "elsewhere" / "events")
    _sealer(logs / "events", "events").append([b"what happened"])
    _sealer(copy, "events").append([b"what did not"])
    first, second = _open(logs / "events", seen=store), _open(copy)
    assert first.size == second.size
    with pytest.raises(VerificationFailed) as error:
        _open(copy, seen=store)
    assert error.value.finding == "LG708"
    answer = _asked(first.checkpoint, second.note, ())
    assert isinstance(answer, Refusal)
    assert answer.forked
    _sealer(copy, "events").append([b"and more"])
    longer = _open(copy)
    answer = _asked(first.checkpoint, longer.note, consistency_proof(first.size, longer.size, longer.subtree))
    assert isinstance(answer, Refusal), "no proof leads from the one to the other"
    assert answer.status == 422
    _sealer(logs / "events", "events").append([b"honestly"])
    grown = _open(logs / "events", seen=store)
    answer = _asked(first.checkpoint, grown.note, consistency_proof(first.size, grown.size, grown.subtree))
    assert isinstance(answer, Accepted), "and the honest one goes on"


def test_planted_files_are_never_signed(logs: Path) -> None:
    """Entries and tiles beyond the checkpoint, put there without a key: the next writer removes them, unsigned."""
    folder = logs / "events"
    shutil.copytree(folder, logs / "forger")
    forger = Sealer(logs / "forger", origin=ORIGIN + "events", sign=KEY.sign, public_key=PUBLIC, disk=Fast())
    forger.append([b"planted", b"planted too"])
    for path in ("tile/entries/003.p/11", "tile/0/003.p/11"):
        shutil.copy(logs / "forger" / path, folder / path)
    (folder / "checkpoint.next").write_bytes(
        (logs / "forger" / "checkpoint").read_bytes().replace(b"events\n", b"Events\n", 1)
    )
    sealer = _sealer(folder, "events")
    assert sealer.append([]).size == SIZE
    assert sealer.append([b"mine"]).size == SIZE + 1
    assert list(_open(folder).entries(SIZE, SIZE + 1)) == [b"mine"]
    report = full_verify(folder, public_key=PUBLIC, origin=ORIGIN + "events", witnesses=[WITNESS])
    assert not report.leftovers
