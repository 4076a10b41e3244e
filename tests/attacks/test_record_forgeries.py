"""Threat: who writes a spool lies. A taken-over gateway, or whoever reaches its folder, forges, replays, leaves out.

Beside each attack an honest gateway's records are sealed as ever.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit.labels import counted
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import Spool
from lockgate.core.record_kinds import FeedbackRecord, Of
from lockgate.core.records import MAX_SEQUENCE, PredictionRecord, Record, commitment
from lockgate.serve.declined import CannotRecord, Declined
from lockgate.serve.recording.labels import INDEX, LINES
from lockgate.serve.recording.parts import part_path
from lockgate.serve.recording.recorder import SpoolRecorder
from tests.support.recording import ADA, GATEWAY, SERVED, Bench, write

EVIL = "f" * 16
SALT = bytes(32)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A house in which an honest gateway has answered twice."""
    bench = Bench(tmp_path)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        write(recorder, 2, 3)

    bench.play(scene)
    return bench


def _record(gateway: str, seq: int) -> PredictionRecord:
    said = commitment(SALT, seq)
    return PredictionRecord(gateway, seq, 0, SERVED.manifest, "dev", "live", "c" * 16, said, said)


def _spool(bench: Bench, gateway: str, part: int, *records: Record | bytes) -> None:
    with Spool(part_path(bench.spools, gateway, part)) as spool:
        spool.append([record if isinstance(record, bytes) else record.encode() for record in records])


@pytest.mark.parametrize(
    "records",
    [
        (_record(GATEWAY, 0),),
        (_record(GATEWAY, 2),),
        (_record(EVIL, 1),),
        (_record(EVIL, MAX_SEQUENCE),),
        (b"no record",),
        (_record(EVIL, 0).encode().replace(b"dev", b"d\x00v"),),
        (_record(EVIL, 0).encode()[:-1] + b',"x":1}',),
        (b" " + _record(EVIL, 0).encode(),),
        (b"\xff" * 60_000,),
    ],
    ids=["another's", "another's next", "gap", "end", "garbage", "control", "more", "spelling", "huge"],
)
def test_a_forged_record_is_not_sealed(records: tuple[Record | bytes, ...], bench: Bench) -> None:
    """Nor what comes after it in that spool; it is told once, and the honest gateway's are sealed."""
    _spool(bench, EVIL, 0, *records, _record(EVIL, 0))
    carrier = bench.carrier()
    assert carrier.carry() == {GATEWAY: 2}
    assert len(carrier.complaints()) == 1
    _spool(bench, EVIL, 0, _record(EVIL, 0))
    _spool(bench, EVIL, 1, _record(EVIL, 0))
    assert carrier.carry() == {}
    assert carrier.complaints() == []
    assert PredictionIndex(bench.log()).gateways() == (GATEWAY,)


def test_the_same_records_by_an_honest_hand_are_sealed(bench: Bench) -> None:
    """The control: what the attacks are made of is refused for what was changed, and for nothing else."""
    _spool(bench, EVIL, 0, _record(EVIL, 0), _record(EVIL, 1))
    assert bench.carrier().carry() == {GATEWAY: 2, EVIL: 2}


def test_replayed_records_are_sealed_once(bench: Bench) -> None:
    """A spool that is copied over itself, into a later part, or put back after it was removed."""
    path = part_path(bench.spools, GATEWAY, 0)
    whole = path.read_bytes()
    carrier = bench.carrier()
    carrier.carry()
    for number in (1, 2):
        part_path(bench.spools, GATEWAY, number).write_bytes(whole)
        carrier.carry()
    path.unlink()
    path.write_bytes(whole + whole)
    bench.carrier().carry()
    assert bench.log().size == 2
    assert carrier.complaints() == []


def test_another_answer_under_a_used_number_does_not_replace_it(bench: Bench) -> None:
    """The first record of a number is the one; a later part that says otherwise changes nothing."""
    before = bench.seal().entry(0)
    _spool(bench, GATEWAY, 1, replace(_record(GATEWAY, 0), output="0" * 64))
    bench.seal()
    assert bench.log().size == 2
    assert bench.log().entry(0) == before


def test_a_part_that_is_taken_away_is_a_gap_that_is_told(bench: Bench) -> None:
    """Records are not left out in silence: what follows the hole is not sealed."""
    _spool(bench, EVIL, 0, _record(EVIL, 0))
    _spool(bench, EVIL, 1, _record(EVIL, 1))
    _spool(bench, EVIL, 2, _record(EVIL, 2))
    part_path(bench.spools, EVIL, 1).unlink()
    carrier = bench.carrier()
    carrier.carry()
    carrier.carry()
    assert [text.split()[1] for _, text in carrier.complaints()] == [EVIL]
    assert PredictionIndex(bench.log()).next_seq(EVIL) == 1


def test_files_that_are_no_parts_are_not_read(bench: Bench) -> None:
    """Names of another form, links out of the folder, folders: nothing of them is sealed, and nothing breaks."""
    stolen = bench.spools.parent / "stolen"
    _spool(bench, EVIL, 0, _record(EVIL, 0))
    part_path(bench.spools, EVIL, 0).rename(stolen)
    for name in (f"{EVIL}.00.spool", f"{EVIL.upper()}.spool", f"{EVIL}x.spool", f"{EVIL}.-1.spool"):
        (bench.spools / name).write_bytes(stolen.read_bytes())
    carrier = bench.carrier()
    assert carrier.carry() == {GATEWAY: 2}
    assert carrier.complaints() == []


def _label(seq: int, of: Of, gateway: str = EVIL) -> FeedbackRecord:
    return FeedbackRecord(gateway, seq, 0, "e" * 16, commitment(SALT, seq), of)


def test_a_second_label_of_a_prediction_does_not_count(bench: Bench) -> None:
    """By another gateway or the same: the first in the log counts, and labels of no prediction never do."""
    bench.seal()
    true, row = Of(GATEWAY, 0, 0), Of(GATEWAY, 1, 1)
    _spool(
        bench,
        EVIL,
        0,
        _label(0, true),
        _label(1, true),
        _label(2, row),
        _label(3, Of(GATEWAY, 1, 2)),
        _label(4, Of(GATEWAY, 0, 1)),
        _label(5, Of(GATEWAY, 9, 0)),
        _label(6, Of("d" * 16, 0, 0)),
        _label(7, Of(EVIL, 0, 0)),
    )
    bench.seal()
    assert {true: 0, row: 2} == {of: one.record.seq for of, one in counted(bench.log()).items()}


def test_a_gateway_takes_one_label_for_each_prediction(bench: Bench) -> None:
    """Across requests, restarts and gateways of one machine; all or none; the value is handed on, and committed to."""
    feedback = bench.spools.parent / "feedback"
    feedback.mkdir()

    async def first(recorder: SpoolRecorder) -> list[str]:
        tokens = [*write(recorder, 1), *write(recorder, 2, 3)]
        assert len(await recorder.feedback(ADA, [(tokens[0], True), (tokens[2], 2.5)])) == 2
        for again in ([(tokens[0], False)], [(tokens[1], 1), (tokens[2], 1)], [(tokens[1], 1), (tokens[1], 2)]):
            with pytest.raises(Declined) as error:
                await recorder.feedback(ADA, again)
            assert (error.value.status, error.value.finding) == (409, "LG663")
        race = await asyncio.gather(
            *(recorder.feedback(ADA, [(tokens[1], 1)]) for _ in range(5)), return_exceptions=True
        )
        assert [Declined] * 4 == [type(one) for one in race if isinstance(one, Exception)]
        return tokens

    tokens = bench.play(first, gateway="d" * 16, feedback=feedback)

    async def second(recorder: SpoolRecorder) -> None:
        for token in tokens:
            with pytest.raises(Declined):
                await recorder.feedback(ADA, [(token, True)])

    bench.play(second, gateway=EVIL, feedback=feedback)
    labels = [record for record in bench.records() if isinstance(record, FeedbackRecord)]
    assert len(labels) == 3 == len(counted(bench.log()))
    assert (feedback / LINES).read_text().count("\n") == 3
    assert (feedback / LINES).stat().st_mode & 0o777 == 0o600
    assert (bench.spools / INDEX).stat().st_mode & 0o777 == 0o600
    assert not any(token.rpartition(".")[2] in (feedback / LINES).read_text() for token in tokens), (
        "no prediction's salt"
    )


@pytest.mark.parametrize("token", ["", "lgr1", "lgr1.0123456789abcdef.0.short", None])
def test_what_is_no_receipt_is_refused(token: str | None, bench: Bench) -> None:
    """400, also for a number that this gateway has not given out yet."""

    async def scene(recorder: SpoolRecorder) -> None:
        given = write(recorder, 1)[0].replace(f"{EVIL}.0.", f"{EVIL}.1.") if token is None else token
        with pytest.raises(Declined) as error:
            await recorder.feedback(ADA, [(given, True)])
        assert (error.value.status, error.value.finding) == (400, "LG662")

    bench.play(scene, gateway=EVIL)


@pytest.mark.parametrize("label", [None, "", "x" * 257, "a\nb", "\ud800", float("nan"), 10**400, [], {"a": 1}])
def test_what_is_no_label_is_refused(label: object, bench: Bench) -> None:
    """400, and the prediction can still get one."""

    async def scene(recorder: SpoolRecorder) -> None:
        token = write(recorder, 1)[0]
        with pytest.raises(Declined) as error:
            await recorder.feedback(ADA, [(token, label)])
        assert (error.value.status, error.value.finding) == (400, "LG666")
        await recorder.feedback(ADA, [(token, "late")])

    bench.play(scene, gateway=EVIL)


def test_a_damaged_index_of_labels_refuses_labels_and_nothing_else(bench: Bench) -> None:
    """503 for labels; predictions go on."""
    (bench.spools / INDEX).write_bytes(os.urandom(5000))

    async def scene(recorder: SpoolRecorder) -> None:
        token = write(recorder, 1)[0]
        with pytest.raises(CannotRecord):
            await recorder.feedback(ADA, [(token, True)])
        assert await recorder.durable()
        write(recorder, 2)

    bench.play(scene, gateway=EVIL)
