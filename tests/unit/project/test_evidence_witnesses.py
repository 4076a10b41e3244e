"""Outside witnesses in an archive: who has seen the log, by which keys, and that an outsider can count them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.checkpoint import Note, parse_note
from lockgate.trust.policy import Policy
from tests.support.handed import Handed, again, handed, members, value
from tests.support.laddered import POLICY
from tests.support.witnesses import key_of

SEEN_AT = 1_795_000_000
ONE = key_of(1)
NAMED = f'[environment.prod]\nmin_witnesses = 1\n[witness.one]\nkey = "{ONE.verifier.line()}"\n'


@pytest.fixture(scope="module", name="watched")
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    """A project whose policy names a witness, which has not signed anything yet."""
    with pytest.MonkeyPatch.context() as patch:
        made = handed(tmp_path_factory.mktemp("watched"), patch)
        policy = Policy.from_text(POLICY.replace("version = 1", "version = 2") + NAMED)
        made.signed.record("policy", policy.statement(made.signed.clock()))
        yield made


@pytest.fixture(name="copy")
def _copy(watched: Handed, tmp_path: Path) -> Handed:
    return again(watched, tmp_path)


def cosigned(made: Handed) -> bytes:
    """The event log's note as it is, with the line of the witness."""
    note = parse_note(made.signed.ledger.note)
    return Note(note.text, (*note.signatures, ONE.cosign(Note(note.text, ()), SEEN_AT))).encode()


def count(made: Handed, archive: Path) -> int:
    """What the verifier of one file says when it is told the witness's key and asked for its line."""
    (made.folder / "verify.py").write_bytes(members(archive)["verify.py"])
    wanted = ["--witness", ONE.verifier.line(), "--min-witnesses", "1"]
    command = [sys.executable, "-I", "verify.py", "--root", made.root, *wanted, str(archive)]
    return subprocess.run(command, cwd=made.folder, capture_output=True, check=False, timeout=60).returncode


def test_a_witness_that_has_seen_this_very_log(copy: Handed) -> None:
    """Its line travels in the checkpoint; the policy for verifiers names its key and the quorum."""
    (copy.signed.home / "log" / "events" / "checkpoint").write_bytes(cosigned(copy))
    _, out = copy.export(records=0)
    assert value(out, "facts/witnesses.json")["events"] == {"one": "2026-11-18T11:06:40Z"}
    lines = [line for line in members(out)["tlog-policy"].decode().splitlines() if not line.startswith("#")]
    assert [
        f"witness one {ONE.verifier.line()}",
        "group witnesses 1 one",
        "quorum witnesses",
    ] == lines[1:]
    assert "beyond what these outside witnesses have seen: one (18 November 2026" in members(out)["INDEX.html"].decode()


def test_a_witness_that_has_seen_an_earlier_one(copy: Handed) -> None:
    """The log has moved on: the note that it signed travels beside, and the verifier counts it."""
    kept = copy.signed.home / "state" / "cosigned" / "events"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(cosigned(copy))
    text = copy.signed.ledger.statements("policy")[-1].predicate["text"].replace("version = 2", "version = 3")
    copy.signed.record("policy", Policy.from_text(text).statement(copy.signed.clock()))
    _, out = copy.export(records=0)
    assert kept.read_bytes() == members(out)["log/events/cosigned"]
    assert value(out, "facts/witnesses.json")["events"] == {"one": "2026-11-18T11:06:40Z"}


def test_a_note_of_another_log_is_no_witness(copy: Handed) -> None:
    """What lies there and is not a tree of this log is not handed out."""
    kept = copy.signed.home / "state" / "cosigned" / "events"
    kept.parent.mkdir(parents=True, exist_ok=True)
    other = parse_note(copy.signed.ledger.note).text.replace(b"lockgate/", b"lockgone/")
    kept.write_bytes(Note(other, (ONE.cosign(Note(other, ()), SEEN_AT),)).encode())
    _, out = copy.export(records=0)
    assert "log/events/cosigned" not in members(out)
    assert value(out, "facts/witnesses.json")["events"] == {}


def test_no_witness_has_seen_it(watched: Handed) -> None:
    """It says so: named, and none has signed; and an outsider who asks for one is refused."""
    _, out = watched.export(records=0)
    assert "witnesses are named, and none has signed" in members(out)["INDEX.html"].decode()
    assert count(watched, out) != 0


def test_the_verifier_counts_it(copy: Handed) -> None:
    """Both logs cosigned: an outsider who asks for one witness gets it."""
    (copy.signed.home / "log" / "events" / "checkpoint").write_bytes(cosigned(copy))
    path = copy.signed.home / "log" / "predictions" / "checkpoint"
    note = parse_note(path.read_bytes())
    path.write_bytes(Note(note.text, (*note.signatures, ONE.cosign(Note(note.text, ()), SEEN_AT))).encode())
    _, out = copy.export(records=0)
    assert count(copy, out) == 0
