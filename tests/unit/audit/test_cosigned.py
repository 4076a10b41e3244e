"""audit.cosigned: lines beside a checkpoint come from known keys only, and enough of them must have come in time."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.audit import cosigned
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.verify import LogReport, full_verify
from lockgate.core.checkpoint import Note, NoteSignature, VerifierKey, parse_note
from lockgate.core.verdict import Level
from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from lockgate.trust.policy import Policy
from tests.support.sealing import KEY, ORIGIN, OTHER_KEY, OTHER_PUBLIC, PUBLIC, Fast, leaves, read, write
from tests.support.witnesses import key_of

ONE, TWO = key_of(1), key_of(2, "witness.example/w2")
KEYS = {"one": ONE.verifier, "two": TWO.verifier}
NOW = datetime.fromtimestamp(10_000, UTC)


def _policy(rules: str = "min_witnesses = 1") -> Policy:
    named = "".join(f'[witness.{name}]\nkey = "{key.line()}"\n' for name, key in KEYS.items())
    return Policy.from_text(f"version = 1\n[environment.prod]\n{rules}\n{named}")


def _judged(note: bytes, rules: str = "min_witnesses = 1") -> Level | None:
    policy = _policy(rules)
    reason = cosigned.judge(policy.environment("prod"), policy.witnesses, note, NOW)
    return None if reason is None else reason.level


def _sealer(log_dir: Path, seen: SeenStore | None = None, clock: Callable[[], float] = lambda: 500.0) -> Sealer:
    return Sealer(log_dir, origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, seen=seen, disk=Fast(), clock=clock)


def _line(note: bytes, key: object = ONE, time: int = 9_990) -> NoteSignature:
    return key.cosign(Note(parse_note(note).text, ()), time)  # type: ignore[attr-defined, no-any-return]


def _check(log_dir: Path, *keys: VerifierKey) -> LogReport:
    return full_verify(log_dir, public_key=PUBLIC, origin=ORIGIN, witnesses=keys)


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    """A log of five entries, sealed with heartbeats."""
    _sealer(tmp_path / "log").append(leaves(5))
    return tmp_path / "log"


def test_a_commit_bears_the_time_of_its_log(log_dir: Path) -> None:
    """Its own line first, then the heartbeat; both are this key's, under two ids."""
    note = read(log_dir).note
    own, beat = parse_note(note).signatures
    assert (own.name, beat.name) == (ORIGIN, ORIGIN)
    assert own.key_id != beat.key_id
    assert cosigned.heartbeat(note, ORIGIN, PUBLIC) == 500
    write(log_dir.with_name("plain"), leaves(5))
    assert cosigned.heartbeat(read(log_dir.with_name("plain")).note, ORIGIN, PUBLIC) is None


def test_a_heartbeat_without_entries(log_dir: Path, tmp_path: Path) -> None:
    """The same tree, said again later; what was seen stays what it was, and the next commit goes on from it."""
    clock, seen = [700.0], SeenStore(tmp_path / "seen" / "events")
    sealer = _sealer(log_dir, seen, lambda: clock[0])
    before = sealer.append([])
    sealer.beat()
    assert cosigned.heartbeat(read(log_dir, seen).note, ORIGIN, PUBLIC) == 700
    assert sealer.beat() is None
    assert read(log_dir, seen).checkpoint == before
    assert sealer.append(leaves(1)).size == 6
    assert _check(log_dir).checkpoint.size == 6


def test_lines_are_put_beside_the_tree_they_are_about(log_dir: Path) -> None:
    """One of each witness, the newest; over another tree, by a stranger, or forged: dropped."""
    note = read(log_dir).note
    other = write(log_dir.with_name("other"), leaves(4)).text()
    forged = NoteSignature(ONE.verifier.name, ONE.verifier.key_id, b"\0" * 8 + OTHER_KEY.sign(b"x"))
    stale = ONE.cosign(Note(other, ()), 9_999)
    stranger = _line(note, key_of(3, "w3"))
    keys = list(KEYS.values())
    assert cosigned.attach(log_dir, [forged, stale, stranger], keys, disk=Fast()) is None
    assert read(log_dir).note == note
    cosigned.attach(log_dir, [_line(note, time=9_000), _line(note, TWO)], keys, disk=Fast())
    cosigned.attach(log_dir, [_line(note, time=9_500), _line(note, time=8_000)], keys, disk=Fast())
    found = read(log_dir).note
    assert cosigned.cosignatures(found, KEYS) == {"one": 9_500, "two": 9_990}
    assert len(parse_note(found).signatures) == 4
    assert found.startswith(note)
    assert cosigned.seen_of(found, ORIGIN, PUBLIC, KEYS) == cosigned.Seen(5, 500, {"one": 9_500, "two": 9_990})


def test_the_whole_log_verifies_with_known_lines_only(log_dir: Path) -> None:
    """Each line that lies there is one that the policies of this log can name; else LG702, and LG7011 for a forgery."""
    note = read(log_dir).note
    cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Fast())
    assert _check(log_dir, ONE.verifier, TWO.verifier).checkpoint.size == 5
    with pytest.raises(VerificationFailed) as caught:
        _check(log_dir, TWO.verifier)
    assert caught.value.finding == "LG702"
    good = read(log_dir).note
    line = _line(note)
    twice = (*parse_note(good).signatures, _line(note, time=1))
    forged = (
        *parse_note(note).signatures,
        NoteSignature(line.name, line.key_id, b"\0" * 7 + b"\1" + line.signature[8:]),
    )
    beat = NoteSignature(ORIGIN, cosigned.heartbeat_key(ORIGIN, PUBLIC).key_id, line.signature)
    for lines, finding in ((twice, "LG702"), (forged, "LG7011"), ((parse_note(note).signatures[0], beat), "LG7011")):
        (log_dir / "checkpoint").write_bytes(Note(parse_note(note).text, lines).encode())
        with pytest.raises(VerificationFailed) as caught:
            _check(log_dir, ONE.verifier)
        assert caught.value.finding == finding


def test_enough_witnesses_in_time(log_dir: Path) -> None:
    """K of those that are named, each once; the age is that of the cosignature, and one from the future is none."""
    note = read(log_dir).note
    both = cosigned.merged(note, [_line(note), _line(note, TWO, 9_000)], list(KEYS.values()))
    assert _judged(note, "") is None
    assert _judged(note) is Level.REFUSE
    assert _judged(both) is Level.NOTE
    assert _judged(both, "min_witnesses = 2") is Level.NOTE
    assert _judged(both, 'min_witnesses = 2\nmax_witness_age = "10 min"') is Level.REFUSE
    assert _judged(both, 'min_witnesses = 1\nmax_witness_age = "10 min"') is Level.NOTE
    ahead = cosigned.merged(note, [_line(note, time=10_061)], [ONE.verifier])
    assert _judged(ahead) is Level.REFUSE
    assert _judged(cosigned.merged(note, [_line(note, time=10_060)], [ONE.verifier])) is Level.NOTE
    assert _judged(note, "min_witnesses = 1\nlevels = { min_witnesses = 'warn' }") is Level.WARN
    stranger = cosigned.merged(note, [_line(note, key_of(3))], [key_of(3).verifier])
    assert _judged(stranger) is Level.REFUSE


def test_what_is_required_is_refused_by_its_finding(log_dir: Path) -> None:
    """LG7010 with the next command; a warning comes back as one."""
    note, policy = read(log_dir).note, _policy()
    rules = policy.environment("prod")
    with pytest.raises(Refused) as caught:
        cosigned.require(rules, policy.witnesses, note, NOW)
    assert (caught.value.finding, caught.value.next) == ("LG7010", "lockgate log cosign")
    warned = _policy("min_witnesses = 1\nlevels = { min_witnesses = 'warn' }")
    assert cosigned.require(warned.environment("prod"), warned.witnesses, note, NOW) is not None
    good = cosigned.merged(note, [_line(note)], [ONE.verifier])
    assert cosigned.require(rules, policy.witnesses, good, NOW) is None


def test_it_is_known_how_long_a_quorum_lasts(log_dir: Path) -> None:
    """Until the k-th newest cosignature is too old."""
    note = read(log_dir).note
    both = cosigned.merged(note, [_line(note, time=9_900), _line(note, TWO, 9_000)], list(KEYS.values()))
    for least, until in ((1, 9_960), (2, 9_060)):
        policy = _policy(f'min_witnesses = {least}\nmax_witness_age = "60 s"')
        found = cosigned.lasts_until(policy.environment("prod"), policy.witnesses, both)
        assert found == datetime.fromtimestamp(until, UTC)
    assert cosigned.lasts_until(_policy().environment("prod"), _policy().witnesses, both) is None


def test_what_a_witness_cosigned_is_kept_and_held_against_the_log(log_dir: Path, tmp_path: Path) -> None:
    """A log that goes on from it is fine; a shorter one, and another one, are LG7012. A forged note accuses nobody."""
    home, note = tmp_path / "home", read(log_dir).note
    kept = cosigned.merged(note, [_line(note)], [ONE.verifier])
    cosigned.keep(home, "events", kept, Fast())
    assert cosigned.kept(home, "events") == kept
    assert cosigned.kept(home, "predictions") is None
    write(log_dir, leaves(3))
    assert cosigned.begins_with(read(log_dir), kept, KEYS, PUBLIC) == {"one": 9_990}
    write(tmp_path / "short", leaves(4))
    write(tmp_path / "other", leaves(9)[1:])
    for place, size in (("short", 4), ("other", 8)):
        with pytest.raises(VerificationFailed) as caught:
            cosigned.begins_with(read(tmp_path / place), kept, KEYS, PUBLIC)
        assert (caught.value.finding, caught.value.seen["size"]) == ("LG7012", size)
        assert cosigned.begins_with(read(tmp_path / place), note, KEYS, PUBLIC) == {}
        assert cosigned.begins_with(read(tmp_path / place), b"no note", KEYS, PUBLIC) == {}
    cosigned.keep(home, "events", cosigned.merged(read(tmp_path / "short").note, [], []), Fast())
    assert cosigned.kept(home, "events") == kept


def test_a_rotated_sealer_keeps_what_witnesses_saw(log_dir: Path) -> None:
    """The same tree under the new key bears that key's lines; witnesses' lines over the old text come again."""
    note = read(log_dir).note
    cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Fast())
    _sealer(log_dir).hand_over([], sign=OTHER_KEY.sign, public_key=OTHER_PUBLIC)
    report = full_verify(log_dir, public_key=OTHER_PUBLIC, origin=ORIGIN, former=[PUBLIC], witnesses=[ONE.verifier])
    assert report.checkpoint.size == 5
    new = (log_dir / "checkpoint").read_bytes()
    assert cosigned.heartbeat(new, ORIGIN, OTHER_PUBLIC) == 500
    # The text is the same, and so is what the witness signed.
    cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Fast())
    assert list(cosigned.cosignatures((log_dir / "checkpoint").read_bytes(), KEYS)) == ["one"]


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_checkpoint_that_cannot_be_read_is_told_as_such(
    log_dir: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LG713, as for one that cannot be written; and as soon as the disk reads again the line is put there."""
    note = read(log_dir).note

    def broken(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(cosigned, "read_file", broken)
        with pytest.raises(Unavailable, match="cannot be read or written") as raised:
            cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Fast())
    assert raised.value.finding == "LG713"
    assert cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Fast()) is not None


def test_a_killed_attach_leaves_a_log_that_goes_on(log_dir: Path) -> None:
    """What was half written is no checkpoint, is told as a leftover at most, and is in nobody's way."""
    note = read(log_dir).note

    class Dies(Fast):
        def replace(self, source: Path, target: Path) -> None:
            raise OSError(5, "killed")

    with pytest.raises(LockgateError) as caught:
        cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Dies())
    assert caught.value.finding == "LG713"
    assert read(log_dir).note == note
    assert _check(log_dir, ONE.verifier).checkpoint.size == 5
    cosigned.attach(log_dir, [_line(note)], [ONE.verifier], disk=Fast())
    assert _sealer(log_dir).append(leaves(2)).size == 7
    assert _check(log_dir).leftovers == ()
