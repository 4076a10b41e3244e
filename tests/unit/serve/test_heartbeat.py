"""serve.heartbeat: a log with nothing new says so every minute; witnesses' lines are verified before they lie there."""

from __future__ import annotations

from pathlib import Path

from lockgate.audit import cosigned
from lockgate.audit.seal import Sealer
from lockgate.core.checkpoint import Note, parse_note
from lockgate.serve.control import Told
from lockgate.serve.heartbeat import SECONDS, Heartbeat
from tests.support.sealing import KEY, ORIGIN, PUBLIC, Fast, check, leaves, read
from tests.support.witnesses import key_of

ONE = key_of(1)


class Beating:
    """A sealer, its heart, and the two clocks."""

    def __init__(self, folder: Path) -> None:
        self.wall, self.monotonic = 5000.0, 10.0
        self.folder = folder
        self.sealer = Sealer(
            folder, origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, disk=Fast(), clock=lambda: self.wall
        )
        self.sealer.append(leaves(5))
        self.heart = Heartbeat(self.sealer, lambda: self.monotonic)

    def later(self, seconds: float) -> None:
        """Both clocks go on."""
        self.wall += seconds
        self.monotonic += seconds

    def said(self) -> int | None:
        """The log's newest heartbeat."""
        return cosigned.heartbeat(read(self.folder).note, ORIGIN, PUBLIC)


def test_it_beats_once_a_minute_and_not_after_a_commit(tmp_path: Path) -> None:
    """Each commit bears one anyway."""
    one = Beating(tmp_path / "log")
    assert one.said() == 5000
    one.later(SECONDS - 1)
    one.heart.beat()
    assert one.said() == 5000
    one.later(1)
    one.heart.beat()
    assert one.said() == 5060
    one.later(SECONDS - 1)
    one.sealer.append(leaves(1))
    one.heart.sealed()
    one.later(2)
    one.heart.beat()
    assert one.said() == 5119
    assert check(tmp_path / "log").checkpoint.size == 6


def _told(lines: bytes, witnesses: object) -> Told:
    return Told({"tell": "cosigned", "witnesses": witnesses}, lines)


def test_verified_lines_are_put_beside_the_checkpoint(tmp_path: Path) -> None:
    """And the next commit goes on from there, without reading the log again."""
    one = Beating(tmp_path / "log")
    line = ONE.cosign(Note(parse_note(read(one.folder).note).text, ()), 7)
    one.heart.cosigned(_told(f"{line.line()}\n".encode(), [ONE.verifier.line()]))
    assert cosigned.cosignatures(read(one.folder).note, {"w": ONE.verifier}) == {"w": 7}
    assert one.sealer._note == read(one.folder).note
    one.sealer.append(leaves(1))
    assert cosigned.cosignatures(read(one.folder).note, {"w": ONE.verifier}) == {}


def test_what_does_not_verify_is_dropped(tmp_path: Path) -> None:
    """Another tree's line, a key that was not told, words, keys out of form, far too many: the checkpoint stays."""
    one = Beating(tmp_path / "log")
    before = read(one.folder).note
    good = ONE.cosign(Note(parse_note(before).text, ()), 7).line()
    other = ONE.cosign(Note(parse_note(before).text.replace(b"\n5\n", b"\n4\n"), ()), 7).line()
    mine = [ONE.verifier.line()]
    for lines, keys in (
        (other, mine),
        (good, []),
        (good, [key_of(2).verifier.line()]),
        ("words", mine),
        (good, "x"),
        (good, ["x"]),
        (good, mine * 65),
        (good, None),
    ):
        one.heart.cosigned(_told(f"{lines}\n".encode(), keys))
        assert read(one.folder).note == before
