"""supervise.courier: checkpoints go to the witnesses beside the house, and what is wrong is told loudly and once."""

from __future__ import annotations

from pathlib import Path

from lockgate.audit import cosigned
from lockgate.audit.log import Log
from lockgate.audit.seal import seal
from lockgate.audit.witness.client import Answer
from lockgate.core.checkpoint import VerifierKey
from lockgate.core.cosignature import parse_lines
from lockgate.supervise.courier import AGAIN_SECONDS, LEAST_SECONDS, SECONDS, TELL_SECONDS, Carried, Courier, Lines
from lockgate.trust.policy_witness import Witness
from tests.support.sealing import KEY as KEY_OF_LOG
from tests.support.sealing import PUBLIC, leaves, read, write
from tests.support.witnesses import LOG, key_of, witness_in

PREDICTIONS = "lockgate/test/predictions"
KEY = key_of(1)
NAMED = Witness("w1", KEY.verifier, "http://w1")
BY_HAND = Witness("w2", key_of(2).verifier)


class Street:
    """Two logs, one witness, and a courier between them; `answer` stands in for the witness where it is set."""

    def __init__(self, tmp_path: Path) -> None:
        self.home, self.said, self.asked = tmp_path / "home", list[str](), 0
        self.answer: Answer | OSError | None = None
        self.witness, _ = witness_in(tmp_path / "w", keys=[LOG, VerifierKey(PREDICTIONS, PUBLIC)], key=KEY)
        self.events, self.predictions = tmp_path / "events", tmp_path / "predictions"
        write(self.events, leaves(5))
        seal(self.predictions, leaves(5), origin=PREDICTIONS, sign=KEY_OF_LOG.sign, public_key=PUBLIC)
        logs = (
            Carried("events", self.events, lambda: read(self.events), tmp_path / "lock"),
            Carried("predictions", self.predictions, self.read_predictions, here=False),
        )
        self.named: tuple[Witness, ...] = (NAMED, BY_HAND)
        self.courier = Courier(self.home, logs, lambda: self.named, self.said.append, lambda: 1000.0, post=self._post)

    def read_predictions(self) -> Log:
        """Open that log for reading."""
        return Log.open(self.predictions, public_key=PUBLIC, origin=PREDICTIONS)

    def _post(self, url: str, body: bytes) -> Answer:
        self.asked += 1
        assert url == "http://w1/add-checkpoint"
        if isinstance(self.answer, OSError):
            raise self.answer
        if self.answer is not None:
            return self.answer
        status, answer, kind = self.witness.add_checkpoint(body)
        return Answer(status, kind, answer)

    def step(self, now: float, size: int = 5) -> list[Lines]:
        """One step, its round to the end, and the step that tells what came of it."""
        found = self.courier.step(now, size)
        self.courier.wait(5)
        return found + self.courier.step(now, size)


def test_lines_come_back_to_both_logs(tmp_path: Path) -> None:
    """The event log's are put beside its checkpoint here; the sealer gets the others, with the keys to verify them."""
    street = Street(tmp_path)
    (lines,) = street.step(0.0)
    assert cosigned.cosignatures(read(street.events).note, {"w1": KEY.verifier}) == {"w1": 1000}
    assert cosigned.cosignatures(street.read_predictions().note, {"w1": KEY.verifier}) == {}
    assert lines.vkeys == (KEY.verifier.line(),)
    assert [line.name for line in parse_lines(lines.lines)] == [KEY.verifier.name]
    for log in ("events", "predictions"):
        assert cosigned.kept(street.home, log) is not None
    assert street.said == []


def test_it_goes_every_minute_and_soon_after_the_log_grew(tmp_path: Path) -> None:
    """Not for a checkpoint that only got a new line, and not more often than every few seconds."""
    street = Street(tmp_path)
    street.step(0.0)
    assert street.asked == 2
    street.step(SECONDS - 1)
    assert street.asked == 2
    street.step(SECONDS)
    assert street.asked == 4
    write(street.events, leaves(3))
    street.step(SECONDS + 1, 8)
    assert street.asked == 4
    street.step(SECONDS + LEAST_SECONDS, 8)
    assert street.asked == 6
    street.step(SECONDS + LEAST_SECONDS + 1, 8)
    assert street.asked == 6


def test_without_witnesses_nobody_is_asked(tmp_path: Path) -> None:
    """Nor where all of them are asked by hand; the policy is read again each time."""
    street = Street(tmp_path)
    for named in ((), (BY_HAND,)):
        street.named = named
        street.step(0.0)
    assert (street.asked, street.said, street.courier.to_tell(9.0)) == (0, [], False)
    street.named = (NAMED,)
    street.step(SECONDS)
    assert street.asked == 2


def test_a_witness_that_is_gone_is_told_once_and_when_it_is_back(tmp_path: Path) -> None:
    """Again after an hour; its absence is no alarm, and no log waits for it."""
    street = Street(tmp_path)
    street.answer = OSError("refused")
    street.step(0.0)
    assert len(street.said) == 2
    assert all(line.startswith("witnesses: ") and "LG7013" in line for line in street.said)
    street.step(SECONDS)
    assert len(street.said) == 2
    assert not street.courier.alarming
    street.step(AGAIN_SECONDS)
    assert len(street.said) == 4
    street.answer = None
    street.step(AGAIN_SECONDS + SECONDS)
    assert [line.partition(",")[0] for line in street.said[4:]] == [
        "witnesses: events: cosigned by w1",
        "witnesses: predictions: cosigned by w1",
    ]


def test_what_a_witness_saw_of_another_log_is_an_alarm(tmp_path: Path) -> None:
    """LG7012, at once, and nothing is attached."""
    street = Street(tmp_path)
    street.answer = Answer(409, "text/x.tlog.size", b"9\n")
    assert street.step(0.0) == []
    assert all(line.startswith("ALARM witnesses: ") and "LG7012" in line for line in street.said)
    assert len(street.said) == 2
    assert street.courier.alarming
    assert [street.courier.to_tell(now) for now in (0.0, 5.0, TELL_SECONDS)] == [True, False, True]
    street.answer = None
    street.step(SECONDS)
    assert not street.courier.alarming


def test_a_log_that_does_not_verify_is_told_and_the_other_is_carried(tmp_path: Path) -> None:
    """Nothing of it is sent."""
    street = Street(tmp_path)
    (street.events / "checkpoint").write_bytes(b"damaged")
    (lines,) = street.step(0.0)
    assert lines.vkeys == (KEY.verifier.line(),)
    assert street.asked == 1
    assert "LG70" in street.said[0]
    (street.predictions / "checkpoint").unlink()
    street.step(SECONDS)
    assert street.asked == 1
