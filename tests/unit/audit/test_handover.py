"""The sealer's key is rotated: killed at any step, the next command makes the logs whole; a thief gets nothing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from lockgate.audit.handover import is_unfinished, mend, needs_renewal, renew
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.verify import full_verify
from lockgate.errors import LockgateError, VerificationFailed
from tests.support.faults import Faulty, PowerCut
from tests.support.sealing import KEY, ORIGIN, OTHER_KEY, OTHER_PUBLIC, PUBLIC, leaves, sealer

ROTATION = b"from here on the other key"
BEFORE = leaves(3)


def cut() -> NoReturn:
    """The process is gone; no handler of ours runs."""
    raise PowerCut


def keys(entries: Sequence[bytes]) -> tuple[bytes, ...]:
    """As the roles files in an event log say it."""
    return (PUBLIC, OTHER_PUBLIC) if ROTATION in entries else (PUBLIC,)


def begun(folder: Path) -> SeenStore:
    """A log by the first key, and the checkpoint last seen of it."""
    seen = SeenStore(folder / "seen" / "log")
    sealer(folder / "log", seen).append(BEFORE)
    return seen


def by_the_new_key(folder: Path, seen: SeenStore, entries: Sequence[bytes]) -> None:
    """Every byte verifies under the new key, with what was seen; the log holds exactly these entries."""
    report = full_verify(folder / "log", public_key=OTHER_PUBLIC, origin=ORIGIN, seen=seen, former=[PUBLIC])
    assert (len(entries), ()) == (report.checkpoint.size, report.leftovers)
    log = Log.open(folder / "log", public_key=OTHER_PUBLIC, origin=ORIGIN, seen=seen, former=[PUBLIC])
    assert [*entries] == list(log.entries(0, log.size))


def renewed(folder: Path, seen: SeenStore, disk: Faulty | None = None) -> bool:
    """The prediction log's part."""
    return renew(
        folder / "log", origin=ORIGIN, key=OTHER_PUBLIC, former=[PUBLIC], sign=OTHER_KEY.sign, seen=seen, disk=disk
    )


def test_events_killed_at_every_step(tmp_path: Path) -> None:
    """The entry that brings the new key is in the log, signed by it; or it is not there, and can be made again."""
    step, carried = 0, set()
    while True:
        step += 1
        folder = tmp_path / str(step)
        seen = begun(folder)
        writer = sealer(folder / "log", seen, Faulty(step, cut))
        try:
            writer.hand_over([ROTATION], sign=OTHER_KEY.sign, public_key=OTHER_PUBLIC)
            break
        except PowerCut:
            pass
        mend(folder / "log", origin=ORIGIN, keys=keys)
        carried.add(_is_handed_over(folder))
        if _is_handed_over(folder):
            by_the_new_key(folder, seen, [*BEFORE, ROTATION])
        else:
            again = sealer(folder / "log", seen)
            again.hand_over([ROTATION], sign=OTHER_KEY.sign, public_key=OTHER_PUBLIC)
            assert again.append([b"next"]).size == 5
            by_the_new_key(folder, seen, [*BEFORE, ROTATION, b"next"])
        shutil.rmtree(folder)
    assert step > 10
    assert carried == {False, True}
    by_the_new_key(folder, seen, [*BEFORE, ROTATION])


def test_what_the_new_key_signed_is_carried_through(tmp_path: Path) -> None:
    """Killed between the signature and the rename: the signed checkpoint is published, not signed again otherwise."""
    step, found, folder, seen = 0, 0, tmp_path, SeenStore(tmp_path)
    while not found:
        step += 1
        folder = tmp_path / str(step)
        seen = begun(folder)
        with pytest.raises(PowerCut):
            sealer(folder / "log", seen, Faulty(step, cut)).hand_over(
                [ROTATION], sign=OTHER_KEY.sign, public_key=OTHER_PUBLIC
            )
        if (folder / "log/checkpoint.next").exists() and (folder / "log/checkpoint.next").stat().st_size > 100:
            found = step
    assert is_unfinished(folder / "log")
    signed = (folder / "log/checkpoint.next").read_bytes()
    mend(folder / "log", origin=ORIGIN, keys=keys)
    assert (folder / "log/checkpoint").read_bytes() == signed
    by_the_new_key(folder, seen, [*BEFORE, ROTATION])


def test_predictions_killed_at_every_step(tmp_path: Path) -> None:
    """The same tree is signed anew; whoever comes next finishes it, and then there is nothing left to do."""
    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        seen = begun(folder)
        try:
            assert renewed(folder, seen, Faulty(step, cut))
            break
        except PowerCut:
            pass
        if needs_renewal(folder / "log", origin=ORIGIN, key=OTHER_PUBLIC, former=[PUBLIC]):
            assert renewed(folder, seen)
        by_the_new_key(folder, seen, BEFORE)
        assert not renewed(folder, seen)
        shutil.rmtree(folder)
    assert step > 5
    by_the_new_key(folder, seen, BEFORE)


def test_a_reader_is_told_what_mends_it(tmp_path: Path) -> None:
    """A checkpoint by the new key beside the former key's log.vkey: LG866, and the command; any other key: LG704."""
    seen = begun(tmp_path)
    vkey = (tmp_path / "log/log.vkey").read_bytes()
    assert renewed(tmp_path, seen)
    (tmp_path / "log/log.vkey").write_bytes(vkey)
    for former, finding in (([PUBLIC], "LG866"), ([], "LG704")):
        with pytest.raises(VerificationFailed) as raised:
            Log.open(tmp_path / "log", public_key=OTHER_PUBLIC, origin=ORIGIN, former=former)
        assert raised.value.finding == finding
    assert renewed(tmp_path, seen)
    by_the_new_key(tmp_path, seen, BEFORE)


def test_a_thief_of_the_former_key_gets_nothing_signed_anew(tmp_path: Path) -> None:
    """A log that the former key extended after the hand-over is not signed by the new one, as before it would be."""
    seen = begun(tmp_path)
    shutil.copytree(tmp_path / "log", tmp_path / "stolen")
    sealer(tmp_path / "stolen").append([b"forged"])
    honest = tmp_path / "honest"
    assert renewed(tmp_path, seen)
    shutil.copytree(tmp_path / "log", honest)
    shutil.rmtree(tmp_path / "log")
    (tmp_path / "stolen").rename(tmp_path / "log")
    assert needs_renewal(tmp_path / "log", origin=ORIGIN, key=OTHER_PUBLIC, former=[PUBLIC])
    with pytest.raises(LockgateError) as raised:
        renewed(tmp_path, seen)
    assert raised.value.finding == "LG868"
    shutil.rmtree(tmp_path / "log")
    honest.rename(tmp_path / "log")
    assert not renewed(tmp_path, seen)


def test_without_a_checkpoint_seen_nothing_is_signed_anew(tmp_path: Path) -> None:
    """A machine that never saw this log cannot tell an interrupted rotation from a thief's log: LG868."""
    begun(tmp_path)
    with pytest.raises(LockgateError) as raised:
        renewed(tmp_path, SeenStore(tmp_path / "nothing" / "log"))
    assert raised.value.finding == "LG868"


def test_a_log_that_was_rolled_back_is_not_signed_anew(tmp_path: Path) -> None:
    """What was last seen, under the former key, is compared before the new key signs: LG707."""
    seen = begun(tmp_path)
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    sealer(tmp_path / "log", seen).append([b"later"])
    shutil.rmtree(tmp_path / "log")
    (tmp_path / "backup").rename(tmp_path / "log")
    with pytest.raises(VerificationFailed) as raised:
        renewed(tmp_path, seen)
    assert raised.value.finding == "LG707"


def test_the_last_checkpoint_seen_counts_under_the_key_of_its_time(tmp_path: Path) -> None:
    """Another reader's store, still by the former key: taken with it, kept anew; without it: LG718."""
    folder = tmp_path / "a"
    own = begun(folder)
    other = SeenStore(tmp_path / "other" / "log")
    Log.open(folder / "log", public_key=PUBLIC, origin=ORIGIN, seen=other)
    note = other.load()
    assert renewed(folder, own)
    with pytest.raises(VerificationFailed) as raised:
        Log.open(folder / "log", public_key=OTHER_PUBLIC, origin=ORIGIN, seen=other)
    assert raised.value.finding == "LG718"
    by_the_new_key(folder, other, BEFORE)
    assert note != other.load() == own.load()


def test_the_former_key_writes_no_more(tmp_path: Path) -> None:
    """A sealer that did not hear of it is refused; the one that handed over goes on."""
    seen = begun(tmp_path)
    deaf = sealer(tmp_path / "log", seen)
    writer = Sealer(tmp_path / "log", origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, seen=seen)
    writer.hand_over([], sign=OTHER_KEY.sign, public_key=OTHER_PUBLIC)
    with pytest.raises(VerificationFailed):
        deaf.append([b"late"])
    assert writer.append([b"next"]).size == 4


def _is_handed_over(folder: Path) -> bool:
    try:
        Log.open(folder / "log", public_key=OTHER_PUBLIC, origin=ORIGIN)
    except VerificationFailed:
        return False
    return True
