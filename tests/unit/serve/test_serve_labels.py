"""Labels as they are handed on: whole lines, then the index; and which receipts a gateway knows to be its own."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit.disk import Disk
from lockgate.core.records import MAX_ROWS, SALT_BYTES, Receipt, parse_receipt
from lockgate.serve.declined import CannotRecord, Declined
from lockgate.serve.recording import labels
from lockgate.serve.recording.given import GivenOut
from lockgate.serve.recording.label_lines import cut_torn
from lockgate.serve.recording.labels import LINES, Line, append_lines
from lockgate.serve.recording.recorder import SpoolRecorder
from tests.support.faults import Faulty
from tests.support.recording import ADA, GATEWAY, SERVED, Bench, entry, write

FORGED = "A" * 43


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Empty folders."""
    (tmp_path / "feedback").mkdir()
    return Bench(tmp_path)


def _lines(folder: Path) -> list[object]:
    return [json.loads(line)["label"] for line in (folder / LINES).read_text().splitlines()]


def test_a_label_that_cannot_be_handed_on_can_be_sent_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: 503, and nobody believes that there is a label; the next time it is taken, then 409."""
    feedback = bench.spools.parent / "feedback"
    write_lines = labels.append_lines
    monkeypatch.setattr(labels, "append_lines", lambda *args: write_lines(*args, disk=Faulty(at=1)))

    async def scene(recorder: SpoolRecorder) -> None:
        label = [(write(recorder, 1)[0], 2.5)]
        with pytest.raises(CannotRecord):
            await recorder.feedback(ADA, label)
        monkeypatch.setattr(labels, "append_lines", write_lines)
        assert len(await recorder.feedback(ADA, label)) == 1
        with pytest.raises(Declined) as error:
            await recorder.feedback(ADA, label)
        assert error.value.status == 409

    bench.play(scene, feedback=feedback)
    assert _lines(feedback) == [2.5]


class _Short(Disk):
    """Writes as few bytes as the kernel may, at each call."""

    def write(self, descriptor: int, data: bytes) -> None:
        for at in range(len(data)):
            super().write(descriptor, data[at : at + 1])


@pytest.mark.parametrize("at", [1, 2])
def test_lines_are_written_whole_or_not_at_all(at: int, tmp_path: Path) -> None:
    """A write that breaks off in the middle, or a sync that fails, leaves the file as it was."""
    first, second = Line("a.0.0", 1, "r", 7), Line("a.1.0", 2, "r", 7)
    append_lines(tmp_path, [first], disk=_Short())
    with pytest.raises(OSError, match="No space"):
        append_lines(tmp_path, [second], disk=Faulty(at=at))
    assert _lines(tmp_path) == [1]
    append_lines(tmp_path, [second])
    assert _lines(tmp_path) == [1, 2]


@pytest.mark.parametrize("torn", ['{"id":"half', "x" * 10_000])
@pytest.mark.parametrize("before", [[], [1, 2]])
def test_what_a_killed_writer_left_of_a_line_is_cut_off(torn: str, before: list[int], tmp_path: Path) -> None:
    """The next line is a line, and those before it stay."""
    if before:
        append_lines(tmp_path, [Line("a", label, "r", 7) for label in before])
    with (tmp_path / LINES).open("a") as file:
        file.write(torn)
    append_lines(tmp_path, [Line("b", 3, "r", 7)])
    assert [*before, 3] == _lines(tmp_path)


def test_a_writer_that_stands_still_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, after a while, and no line."""
    monkeypatch.setattr(labels, "_WAIT_SECONDS", 0.05)
    append_lines(tmp_path, [Line("a", 1, "r", 7)])
    with (tmp_path / LINES).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match=os.strerror(errno.EAGAIN)):
            append_lines(tmp_path, [Line("a", 2, "r", 7)])
    append_lines(tmp_path, [Line("a", 3, "r", 7)])
    assert _lines(tmp_path) == [1, 3]


def test_a_forged_receipt_is_refused_and_the_true_one_is_taken(bench: Bench) -> None:
    """Numbers are no secret, salts are: another's prediction is not labelled by who only knows where it stands."""

    async def scene(recorder: SpoolRecorder) -> None:
        many = recorder.write([entry(1), entry(2, 3), entry(4, id="a"), entry(*range(MAX_ROWS + 2)), entry(5)])
        refused = recorder.refuse(SERVED, ADA, b"{}", "LG612")
        tokens = [token for own in many for token in own]
        one, two = many[1]
        swapped = one.rpartition(".")[0] + "." + two.rpartition(".")[2]
        forged = [token.rpartition(".")[0] + "." + FORGED for token in tokens[:: MAX_ROWS // 4]]
        beyond = replace(parse_receipt(tokens[0]), seq=99).token(), replace(parse_receipt(one), row=2).token()
        for token in (swapped, *forged, *beyond, refused):
            with pytest.raises(Declined) as error:
                await recorder.feedback(ADA, [(tokens[-1], 1), (token, 1)])
            assert (error.value.status, error.value.finding) == (400, "LG662")
        own = await recorder.feedback(ADA, [(token, 1) for token in tokens])
        assert len(own) == len(tokens)
        with pytest.raises(Declined) as error:
            await recorder.feedback(ADA, [(own[0], 1)])
        assert error.value.finding == "LG662", "a label is no prediction"
        assert await recorder.feedback(ADA, [(write(recorder, 6)[0], 1)]), "one that came after records of other kinds"

    bench.play(scene)


def test_a_receipt_of_another_gateway_is_taken_at_its_word(bench: Bench) -> None:
    """The documented limit: nothing here says which receipts another start of the gateway gave out."""

    async def scene(recorder: SpoolRecorder) -> None:
        assert await recorder.feedback(ADA, [(f"lgr1.{'d' * 16}.0.{FORGED}", 1)])

    bench.play(scene, gateway=GATEWAY)


def test_the_last_receipts_are_remembered_and_memory_is_bounded() -> None:
    """Of the newest rows every forgery is known, of the oldest none, and no true receipt is ever called forged."""
    given, kept, receipts = GivenOut(20), 20, list[Receipt]()
    for turn in range(200):
        rows = (1, 1, 3, 1)[turn % 4]
        salts = os.urandom(SALT_BYTES * rows)
        seq = turn + turn // 5
        receipts += [
            Receipt("a" * 16, seq, salts[at * SALT_BYTES : (at + 1) * SALT_BYTES], at if rows > 1 else None)
            for at in range(rows)
        ]
        given.add(salts, [entry(*range(rows))], 1)
        if turn % 5 == 4:
            given.skip()
        assert not any(given.is_forged(receipt) for receipt in receipts)
        newest = receipts[-kept:]
        assert all(given.is_forged(replace(receipt, salt=bytes(SALT_BYTES))) for receipt in newest)
        assert len(given._salts) < 3 * kept > len(given._rows)
    assert not given.is_forged(replace(receipts[0], salt=bytes(SALT_BYTES)))
    for _ in range(300):
        given.skip()
    assert not any(given.is_forged(receipt) for receipt in receipts)
    assert len(given._rows) < 3 * kept


def test_a_repair_cuts_only_what_was_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway writes between the look and the cut: its lines, which are synced and told, stay whole."""
    append_lines(tmp_path, [Line("0" * 16 + ".0.0", 1, "x", 1)])
    with (tmp_path / LINES).open("ab") as file:
        file.write(b'{"id": "unfinished')
    real = fcntl.flock
    tried: list[int] = []

    def meanwhile(descriptor: int, how: int) -> None:
        if not tried:
            tried.append(how)
            append_lines(tmp_path, [Line("0" * 16 + ".1.0", 2, "y", 2)])
        real(descriptor, how)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", meanwhile)
        assert cut_torn(tmp_path) == 0
    assert _lines(tmp_path) == [1, 2]
    # The positive control, and a writer who holds the file: nothing to do now.
    with (tmp_path / LINES).open("ab") as file:
        file.write(b"{")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)
        assert cut_torn(tmp_path) == 0
    assert cut_torn(tmp_path) == 1
    assert _lines(tmp_path) == [1, 2]
