"""Whatever happens to a log's folder, in whatever order: no two trees of one size are ever signed. And spools.

A machine of states (hypothesis): entries are appended, by the same writer or a new one; the folder is copied away and
put back; readers here and elsewhere look; a witness cosigns. The model is a list of entries and what was signed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from lockgate.audit.cosigned import attach, check_lines, cosignatures
from lockgate.audit.disk import Disk
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.spool import Spool, frame, read_spool
from lockgate.audit.verify import full_verify
from lockgate.audit.witness.protocol import Accepted, Refusal, Request, decide, origin_of
from lockgate.core.checkpoint import COSIGNATURE, Checkpoint, VerifierKey, parse_checkpoint, parse_note
from lockgate.core.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from lockgate.errors import VerificationFailed
from lockgate.trust.note import cosign
from tests.support.sealing import KEY, ORIGIN, OTHER_KEY, OTHER_PUBLIC, PUBLIC, Fast

WITNESS = VerifierKey("witness.example/w", OTHER_PUBLIC, COSIGNATURE)
Given = TypeVar("Given")
SEEN_BEFORE = {"LG707", "LG708", "LG701"}


class Machine(RuleBasedStateMachine):
    """A log, its writer's memory, a reader elsewhere, a witness, and backups of the folder."""

    backups: Bundle[Path] = Bundle("backups")

    @initialize()
    def begin(self) -> None:
        """An empty place."""
        self.place = Path(tempfile.mkdtemp())
        self.folder = self.place / "log"
        self.here, self.elsewhere = (SeenStore(self.place / name / "log", disk=Fast()) for name in ("here", "other"))
        self.writer: Sealer | None = None
        self.entries: list[bytes] = []
        self.now = 1_800_000_000
        self.signed: dict[int, bytes] = {}
        self.last = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
        self.copies = 0

    def teardown(self) -> None:
        """Nothing is left."""
        if hasattr(self, "place"):
            shutil.rmtree(self.place)

    def sign(self, text: bytes) -> bytes:
        """The key: it remembers which tree of each size it signed, and fails the test at another one."""
        if not text.startswith(b"cosignature/"):
            checkpoint = parse_checkpoint(text)
            assert self.signed.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root, "a fork was signed"
        return KEY.sign(text)

    def clock(self) -> float:
        """It goes on."""
        self.now += 1
        return self.now

    @rule(count=st.sampled_from([0, 1, 1, 2, 5, 250, 256, 300]), anew=st.booleans())
    def append(self, count: int, anew: bool) -> None:
        """Entries, by whoever wrote before or a new writer. Over an older folder it is refused, and nothing changes."""
        if anew or self.writer is None:
            self.writer = Sealer(
                self.folder,
                origin=ORIGIN,
                sign=self.sign,
                public_key=PUBLIC,
                seen=self.here,
                disk=Fast(),
                clock=self.clock,
            )
        fresh = [b"%d of %d" % (i, self.now) for i in range(count)]
        whole = self.is_whole()
        checkpoint, finding = _told(partial(self.writer.append, fresh))
        assert whole == (not finding), finding
        if checkpoint is None:
            assert finding in SEEN_BEFORE
            return
        self.entries += fresh
        assert (checkpoint.size, checkpoint.root) == (len(self.entries), root_of([*map(leaf_hash, self.entries)]))

    @rule(target=backups)
    def back_up(self) -> Path:
        """The folder as it is, or that there is none."""
        self.copies += 1
        copy = self.place / f"copy{self.copies}"
        if self.folder.exists():
            shutil.copytree(self.folder, copy)
        return copy

    @rule(backup=backups)
    def restore(self, backup: Path) -> None:
        """A backup is put back in the folder's place."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        if backup.exists():
            shutil.copytree(backup, self.folder)

    @precondition(lambda self: (self.folder / "checkpoint").exists())
    @rule(elsewhere=st.booleans())
    def read(self, elsewhere: bool) -> None:
        """A reader with a memory of its own: gets a beginning of what was written, or is told that it is an old one."""
        store = self.elsewhere if elsewhere else self.here
        log, finding = _told(partial(Log.open, self.folder, public_key=PUBLIC, origin=ORIGIN, seen=store))
        if log is None:
            assert finding in SEEN_BEFORE
            assert not self.is_whole()
            return
        assert self.entries[: log.size] == list(log.entries(0, log.size))

    @precondition(lambda self: (self.folder / "checkpoint").exists())
    @rule()
    def witness(self) -> None:
        """A witness is asked: it cosigns what goes on from what it cosigned, and nothing that is older."""
        log = Log.open(self.folder, public_key=PUBLIC, origin=ORIGIN)
        old = min(self.last.size, log.size)
        asked = origin_of(Request(old, tuple(consistency_proof(old, log.size, log.subtree)), log.note).encode())
        assert not isinstance(asked, Refusal)
        request, sent, checkpoint = asked
        decided = decide(request, sent, checkpoint, {ORIGIN: [VerifierKey(ORIGIN, PUBLIC)]}, self.last)
        assert isinstance(decided, Accepted) == (log.size >= self.last.size)
        if isinstance(decided, Accepted):
            self.last = decided.checkpoint
            self.now += 1
            text = parse_note(log.note).text
            attach(self.folder, [cosign(text, WITNESS, self.now, OTHER_KEY.sign)], [WITNESS], disk=Fast())
            note = (self.folder / "checkpoint").read_bytes()
            assert {"w": self.now} == cosignatures(note, {"w": WITNESS})

    @invariant()
    def every_byte_verifies(self) -> None:
        """Old or not, it is a whole log, with lines that verify."""
        if not hasattr(self, "folder") or not (self.folder / "checkpoint").exists():
            return
        report = full_verify(self.folder, public_key=PUBLIC, origin=ORIGIN, witnesses=[WITNESS])
        assert report.checkpoint.size <= len(self.entries)
        assert not report.leftovers
        check_lines((self.folder / "checkpoint").read_bytes(), ORIGIN, PUBLIC, [WITNESS])

    def is_whole(self) -> bool:
        """Whether the folder holds all that was written, or nothing was ever."""
        if not (self.folder / "checkpoint").exists():
            return self.here.load() is None
        note = (self.folder / "checkpoint").read_bytes()
        return parse_checkpoint(parse_note(note).text).size == len(self.entries)


def _told(work: Callable[[], Given]) -> tuple[Given | None, str]:
    """What it gives, or the finding that it is refused with."""
    try:
        return work(), ""
    except VerificationFailed as error:
        return None, error.finding


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)


def test_a_writer_without_memory_is_what_the_machine_would_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it: a sealer that compares with nothing it saw signs two trees of one size, and the machine sees it."""
    machine = Machine()
    machine.begin()
    try:
        monkeypatch.setattr(machine, "here", None)
        monkeypatch.setattr(machine, "is_whole", lambda: True)
        machine.append(3, anew=True)
        backup = machine.back_up()
        machine.append(1, anew=True)
        machine.restore(backup)
        machine.entries[3:] = []
        with pytest.raises(AssertionError, match="a fork was signed"):
            machine.append(1, anew=True)
    finally:
        machine.teardown()


@settings(max_examples=30)
@given(st.data())
def test_a_spool_gives_back_what_was_appended(data: st.DataObject) -> None:
    """Appended, opened again, cut in the last frame, read in pieces of any limit: the same records, in order."""
    records = data.draw(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=12))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spool"
        at = data.draw(st.integers(0, len(records)))
        for part in (records[:at], records[at:]):
            with Spool(path, disk=_Quick()) as spool:
                spool.append(part)
        cut = data.draw(st.integers(0, len(frame(records[-1]))))
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) - cut])
        expected = records if not cut else records[:-1]
        found, offset, limit = list[bytes](), 0, data.draw(st.integers(1, 1 << 17))
        while (piece := read_spool(path, offset, limit=limit)).records:
            found += piece.records
            offset = piece.offset
        assert expected == found
        with Spool(path, disk=_Quick()) as spool:
            spool.append([b"after"])
        assert [*expected, b"after"] == list(read_spool(path).records)


class _Quick(Disk):
    """No fsync."""

    def sync(self, descriptor: int) -> None:
        """Nothing."""

    def sync_data(self, descriptor: int) -> None:
        """Nothing."""
