"""project.drilled: what came of drills is signed by a judge, here or into a file; without the key it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lockgate.audit.drilled import Played, newest
from lockgate.audit.outbox import read_envelopes
from lockgate.core.digest import digest_of
from lockgate.errors import Refused
from lockgate.project import Project
from lockgate.project.detached import add
from lockgate.project.drilled import sign
from lockgate.project.statement_words import words_of
from lockgate.sandbox import machine
from lockgate.sandbox.machine import Fitness
from lockgate.trust import pin
from lockgate.trust.dsse import Envelope
from tests.support.project import SignedProject, signed_project
from tests.support.threats import CONFIG, PROGRAM, outcome

PLAYED = Played(
    [outcome("edited-log"), outcome("truncated-log", "part"), outcome("forked-log", stopped=False)],
    "0.1",
    PROGRAM,
    ("signers",),
    {"drifted-traffic": "no number field"},
)


@dataclass
class House:
    """A project, and what was said to its user."""

    signed: SignedProject
    said: list[str]

    @property
    def project(self) -> Project:
        """Opened anew."""
        return Project(self.signed.root, now=self.signed.clock)

    @property
    def size(self) -> int:
        """Of its event log."""
        return self.signed.open_ledger().checkpoint.size


@pytest.fixture(name="house")
def _house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    signed = signed_project(tmp_path, monkeypatch)
    (signed.root / "lockgate.toml").write_text(CONFIG)
    pin.pin(signed.created.project_id, signed.root, signed.clock())
    monkeypatch.setattr(machine, "machine", lambda: Fitness(3, "bubblewrap"))
    return House(signed, [])


def test_what_came_of_drills_is_in_the_log(house: House) -> None:
    """Each result, what does not apply, what of the policy was left out; under the policy that is in force."""
    done = sign(house.project, PLAYED, say=house.said.append)
    assert done is not None
    assert (done.index, done.person, house.said) == (house.size - 1, "mara", [])
    assert done.line() == f"signed by mara as judge   log entry {done.index}"
    found = newest(house.project.ledger().statements())
    assert {name: one and one.stopped for name, (_, one) in found.items()} == {
        "edited-log": True,
        "truncated-log": "part",
        "forked-log": False,
        "drifted-traffic": None,
    }
    said = found["edited-log"][0]
    assert (said.policy, said.left_out, said.level) == (house.signed.policy.digest, ("signers",), 3)


def test_without_the_key_nothing_is_signed(house: House) -> None:
    """The results are shown all the same; why there is no statement is told, and the log does not grow."""
    size = house.size
    house.signed.keyring.private_path("judge").rename(house.signed.root / "elsewhere.key")
    assert sign(house.project, PLAYED, say=house.said.append) is None
    assert house.said[0].startswith("unsigned: ")
    assert sign(house.project, Played([], "0.1", PROGRAM), say=house.said.append) is None
    assert house.size == size


def test_a_policy_that_changed_meanwhile(house: House) -> None:
    """Results are of the policy that the copy was made of: under another one nothing is signed, and that is told."""
    size = house.size
    assert sign(house.project, replace(PLAYED, policy=digest_of(b"the one before")), say=house.said.append) is None
    assert (house.size, "the policy changed" in house.said[0]) == (size, True)
    assert sign(house.project, replace(PLAYED, policy=house.signed.policy.digest)) is not None


def test_it_is_signed_here_and_sealed_elsewhere(house: House) -> None:
    """Into a file first: whoever reads it sees what was not stopped, and the log takes it once."""
    size, file = house.size, house.signed.root / "drills.dsse"
    done = sign(house.project, PLAYED, to_file=file)
    assert done is not None
    assert (done.as_json()["file"], house.size) == (str(file), size)
    statement = Envelope.parse(read_envelopes(file)[0]).statement()
    words = words_of(statement, house.project.ledger().statements())
    assert words[0] == "say what came of 3 attacks on a copy of this project, by lockgate 0.1"
    assert "NOT STOPPED: forked-log" in words
    assert any(line.startswith("inapplicable: ") for line in words)
    with house.project.workplace() as place:
        add(house.project, place, [file])
        with pytest.raises(Refused) as caught:
            add(house.project, place, [file])
    assert (caught.value.finding, house.size) == ("LG753", size + 1)
