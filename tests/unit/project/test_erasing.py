"""Erasing a person: their keys and labels go, nobody else's; it is recorded once, even if killed, and names nobody."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.erasures import Counts, erase_statement, erasures
from lockgate.audit.workplace import Workplace
from lockgate.cli.main import run
from lockgate.core.record_kinds import Of
from lockgate.core.records import parse_receipt
from lockgate.errors import LockgateError
from lockgate.project import erasing, erasing_note
from lockgate.project.payload_files import what_became
from lockgate.project.statement_words import words_of
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.labels import LINES, Line, append_lines
from lockgate.serve.recording.payload_format import KEYS_ENDING
from lockgate.serve.recording.payloads import destroy
from tests.support.kept_payloads import Kept, made_project
from tests.support.project import POLICY, at_home

TODAY = datetime.now(UTC) + timedelta(minutes=10)
SHORT = POLICY + "[environment.dev.serve]\nlabel_days = 30\n"


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, Path, Path]]:
    """A project at home in a folder of its own, and a copy of that folder."""
    folder = tmp_path_factory.mktemp("erasing") / "home"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        kept = made_project(folder / "project", SHORT)
        feedback = kept.made.home / "state" / "feedback"
        feedback.mkdir(mode=0o700)
        now = int(time.time() * 1000)
        append_lines(feedback, [Line(_place(token), f"label {at}", "x", now) for at, token in enumerate(kept.receipts)])
        yield kept, folder, shutil.copytree(folder, folder.with_name("before"))


@pytest.fixture(name="kept")
def _kept(made: tuple[Kept, Path, Path]) -> Kept:
    """As it was made, whatever a test before did to it."""
    kept, folder, before = made
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    kept.made.clock.now = TODAY
    return kept


def _place(token: str) -> str:
    of = Of.by(parse_receipt(token))
    return f"{of.gateway}.{of.seq}.{of.row}"


def _labels(kept: Kept) -> list[str]:
    lines = (kept.made.home / "state" / "feedback" / LINES).read_bytes().split(b"\n")
    return [json.loads(line)["label"] for line in lines if line.strip()]


def _findings(kept: Kept) -> list[str]:
    return [one.finding for one in kept.project.verify_logs().warnings]


def _recorded(kept: Kept) -> list[Any]:
    return erasures(kept.project.ledger().statements())


def test_a_person_is_erased_and_nobody_else(kept: Kept) -> None:
    """Both payloads of theirs and both labels are gone for good, nobody else's; the log says how much, and verifies."""
    feedback = kept.made.home / "state" / "feedback" / LINES
    before, files = feedback.stat().st_size, kept.files()
    assert _findings(kept) == []
    done = kept.project.erase(subject="c-1", reason="request 17")
    assert (done.counts.keys, done.counts.payloads, done.counts.parts, done.counts.labels) == (1, 2, 1, 2)
    assert [kept.finding(token) for token in kept.receipts] == ["LG670", "", "LG670", ""]
    assert _labels(kept) == ["label 1", "label 3"]
    assert before == feedback.stat().st_size
    assert [path.suffix for path, data in kept.files().items() if files[path] != data] == [KEYS_ENDING]
    assert [(done.index, "subject", 1)] == [(one.evidence.index, one.of, one.counts.keys) for one in _recorded(kept)]
    assert _findings(kept) == []
    with pytest.raises(LockgateError) as error:
        kept.project.erase(subject="c-1")
    assert error.value.finding == "LG670"


def test_the_log_names_nobody_and_two_erasures_of_one_person_do_not_look_alike(kept: Kept) -> None:
    """Neither the value nor what the key files say of it is in the log; the same person again has another tag."""
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    inner = {found.subject for found in map(form.read_slot, _slots(keys)) if isinstance(found, form.DataKey)}
    before = keys.read_bytes()
    kept.project.erase(subject="c-1")
    keys.write_bytes(before)
    kept.project.erase(subject="c-1")
    first, second = _recorded(kept)
    assert first.tag != second.tag
    assert first.salt != second.salt
    places = [kept.made.home / name for name in ("log", "registry")]
    said = b"".join(path.read_bytes() for place in places for path in place.rglob("*") if path.is_file())
    said += b"".join(one.evidence.statement.payload() for one in (first, second))
    assert first.tag.hex().encode() in said
    for one in inner - {bytes(16)}:
        assert one.hex().encode() not in said
        assert [first.is_of(one), second.is_of(one)] in ([True, True], [False, False])
    assert b"c-1" not in said
    assert any(first.is_of(one) for one in inner)


def test_whoever_has_the_receipt_is_told_when_it_was_erased(kept: Kept) -> None:
    """The day, and the log's entry; of another one that it is kept; of one without a record that there is none."""
    done = kept.project.erase(subject="c-1")
    statements = kept.project.ledger().statements()

    def told(at: int) -> str:
        return what_became(kept.made.home, Of.by(parse_receipt(kept.receipts[at])), time.time(), statements)

    assert told(0) == f"its payload was erased on {TODAY.date().isoformat()}; log entries of that day: {done.index}"
    assert told(1) == "its payload is kept"
    assert what_became(kept.made.home, Of("f" * 16, 0, 0), time.time(), statements) == ""
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    destroy(keys, [3], day=1)
    assert told(1) == "its payload was erased on 1970-01-02; and the log does not say so"
    destroy(keys)
    assert told(3) == "the key of its payload was destroyed"


def test_one_payload_is_erased_by_its_receipt(kept: Kept) -> None:
    """Where no subject is declared for it, its key is its own; a second time there is nothing."""
    done = kept.project.erase(receipt=kept.receipts[3])
    assert (done.counts.keys, done.counts.payloads, done.counts.labels) == (1, 1, 1)
    assert [kept.finding(token) for token in kept.receipts] == ["", "", "", "LG670"]
    assert [("payload", done.index)] == [(one.of, one.evidence.index) for one in _recorded(kept)]
    with pytest.raises(LockgateError) as error:
        kept.project.erase(receipt=kept.receipts[3])
    assert error.value.finding == "LG670"


class Killed(BaseException):
    """The process is gone."""


STEPS: list[tuple[Any, str, bool]] = [
    (erasing_note, "keep", True),
    (erasing_note, "keep", False),
    (erasing, "destroy", True),
    (erasing, "destroy", False),
    (erasing, "blank_lines", True),
    (erasing, "blank_lines", False),
    (Workplace, "record", True),
    (Workplace, "record", False),
    (erasing_note, "forget", True),
    (erasing_note, "forget", False),
]


@pytest.mark.parametrize(("where", "what", "first"), STEPS, ids=[f"{what}-{first}" for _, what, first in STEPS])
@pytest.mark.parametrize("by", ["again", "the same"])
def test_killed_at_any_step_it_is_noticed_finished_and_recorded_once(
    where: Any, what: str, first: bool, by: str, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before or after each step. Never is it recorded while a key is there; what was begun is told until it is done."""
    real: Callable[..., Any] = getattr(where, what)

    def killed(*arguments: Any, **more: Any) -> Any:
        if not first:
            real(*arguments, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, what, killed)
        with pytest.raises(Killed):
            kept.project.erase(subject="c-1")
    gone = [kept.finding(token) for token in kept.receipts] == ["LG670", "", "LG670", ""]
    begun = (what, first) != ("keep", True)
    forgotten = (what, first) == ("forget", False)
    assert gone or not _recorded(kept)
    assert (["LG7060"] if begun and not forgotten else []) == _findings(kept)
    if by == "again":
        kept.project.erase(again=True)
    elif forgotten:
        with pytest.raises(LockgateError, match="nothing is kept"):
            kept.project.erase(subject="c-1")
    else:
        kept.project.erase(subject="c-1")
    if begun or by == "the same":
        assert [kept.finding(token) for token in kept.receipts] == ["LG670", "", "LG670", ""]
        assert _labels(kept) == ["label 1", "label 3"]
        assert [(one.counts.keys, one.counts.payloads, one.counts.labels) for one in _recorded(kept)] == [(1, 2, 2)]
        assert _findings(kept) == []


def test_what_comes_back_as_fast_as_it_goes_is_not_recorded_as_gone(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that keeps on: the log never says more than was destroyed, and the note stays until all is."""
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    before, real = keys.read_bytes(), erasing._find

    def busy(times: int) -> Callable[..., Any]:
        left = [times]

        def find(*arguments: Any) -> Any:
            # The first look is the one that says what there is.
            if 0 < left[0] <= times:
                keys.write_bytes(before)
            left[0] -= 1
            return real(*arguments)

        return find

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_find", busy(9))
        with pytest.raises(LockgateError) as error:
            kept.project.erase(subject="c-1")
    assert (error.value.finding, _recorded(kept)) == ("LG732", [])
    assert "LG7060" in _findings(kept)
    monkeypatch.setattr(erasing, "_find", busy(2))
    kept.project.erase(again=True)
    assert [kept.finding(token) for token in kept.receipts] == ["LG670", "", "LG670", ""]
    assert [one.counts.keys for one in _recorded(kept)] == [1]


def test_a_backup_that_comes_back_is_told_and_erased_again(kept: Kept, tmp_path: Path) -> None:
    """Keys and labels that were put back are found by what the log says, without any key of ours, and go again."""
    state = kept.made.home / "state"
    for name in ("payloads", "feedback"):
        shutil.copytree(state / name, tmp_path / "backup" / name)
    kept.project.erase(subject="c-1")
    kept.project.erase(receipt=kept.receipts[3])
    for name in ("payloads", "feedback"):
        shutil.copytree(tmp_path / "backup" / name, state / name, dirs_exist_ok=True)
    assert [kept.finding(token) for token in kept.receipts] == ["", "", "", ""]
    assert _findings(kept) == ["LG7061", "LG7061"]
    done = kept.project.erase(again=True)
    assert (done.again, done.counts.labels, done.index) == (2, 3, None)
    assert [kept.finding(token) for token in kept.receipts] == ["LG670", "", "LG670", "LG670"]
    assert _labels(kept) == ["label 1"]
    assert _findings(kept) == []
    assert len(_recorded(kept)) == 2


def test_who_comes_back_later_is_not_erased_again(kept: Kept) -> None:
    """A part that was begun after the erasure is not what was erased; one that does not say when is."""
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    before = keys.read_bytes()
    kept.project.erase(subject="c-1")
    later = int((TODAY + timedelta(hours=1)).timestamp())
    keys.write_bytes(form.kept_slot(30, later) + before[form.SLOT_BYTES :])
    assert _findings(kept) == []
    assert kept.project.erase(again=True).again == 0
    keys.write_bytes(form.kept_slot(30) + before[form.SLOT_BYTES :])
    assert _findings(kept) == ["LG7061"]
    assert kept.project.erase(again=True).again == 1


def test_keys_that_went_without_a_record_are_told(kept: Kept) -> None:
    """Destroyed as an erasure destroys them, on a day of which the log has none."""
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    destroy(keys, [2], day=20_000)
    assert _findings(kept) == ["LG7062"]


def test_without_the_deployers_key_all_is_destroyed_and_the_record_is_owed(kept: Kept) -> None:
    """Whoever has a right to be forgotten does not wait for a key; `log verify` tells until it is recorded."""
    folder = kept.made.keyring.folder
    key = folder / "deployer.key"
    key.rename(folder / "away")
    with pytest.raises(LockgateError):
        kept.project.erase(subject="c-1")
    assert [kept.finding(token) for token in kept.receipts] == ["LG670", "", "LG670", ""]
    assert (_findings(kept), _recorded(kept)) == (["LG7060"], [])
    (folder / "away").rename(key)
    assert kept.project.erase(again=True).finished == 1
    assert (_findings(kept), len(_recorded(kept))) == ([], 1)


def test_what_is_recorded_elsewhere_is_owed_until_the_log_has_it(kept: Kept, tmp_path: Path) -> None:
    """`--to-file`, then `log add` on the machine with the sealer's key: recorded once, and no longer owed."""
    file = tmp_path / "erase.dsse"
    assert kept.project.erase(subject="c-1", to_file=file).index is None
    assert (_findings(kept), _recorded(kept)) == (["LG7060"], [])
    (added,) = kept.project.add_statements([file])
    assert (added.claim, added.role) == ("erase", "deployer")
    assert kept.project.erase(again=True).finished == 1
    assert (_findings(kept), len(_recorded(kept))) == ([], 1)


def test_a_damaged_note_is_told_and_does_not_pass_for_done(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to be erased is not known any more: LG7064, until somebody looks."""
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "destroy", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            kept.project.erase(subject="c-1")
    (note,) = (kept.made.home / "state" / "erasing").iterdir()
    note.write_bytes(note.read_bytes()[:-9])
    assert _findings(kept) == ["LG7064"]


def test_what_is_overdue_is_told_and_ended(kept: Kept) -> None:
    """Payloads after their 30 days, labels after the policy's; records never. `status` says the same."""
    kept.made.clock.now = TODAY + timedelta(days=29)
    assert _findings(kept) == []
    kept.made.clock.now = TODAY + timedelta(days=31)
    assert _findings(kept) == ["LG7063"]
    done = kept.project.end_overdue()
    assert (done.parts, done.labels) == (1, 4)
    assert (_findings(kept), kept.files(), _labels(kept)) == ([], {}, [])
    assert kept.project.verify_logs().predictions == 3


def test_the_command_line(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """As the issue has it, positional; one way at a time; a reason that names the person is refused."""
    place = ["log", "erase", "-C", str(kept.made.root)]
    assert run([*place, "c-1", "--reason", "c-1 asked"]) == 2
    assert "LG7068" in capsys.readouterr().err
    assert run([*place, "c-1", "--receipt", kept.receipts[0]]) == 2
    assert run(place) == 2
    capsys.readouterr()
    assert run([*place, "c-1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["keys"], said["payloads"], said["labels"]) == (1, 2, 2)
    assert any("backups" in one for one in said["not_reached"])
    assert run([*place, "--subject", "c-2"]) == 0
    assert run([*place, "--again"]) == 0
    assert run([*place, "--overdue"]) == 0
    assert run(["log", "show", "-C", str(kept.made.root)]) == 0
    assert "erase" in capsys.readouterr().out


def _slots(keys: Path) -> list[bytes]:
    data = keys.read_bytes()
    return [data[at : at + form.SLOT_BYTES] for at in range(0, len(data), form.SLOT_BYTES)]


def test_digits_stand_for_a_text_an_int_and_a_float() -> None:
    """Nobody is told that nothing is kept of 4711 because the contract keeps a text."""
    spell = erasing._spellings
    assert [tuple(spell(text)) for text in ("4711", "4.0", "4.5", "c-1", "true")] == [
        ("4711", 4711, 4711.0),
        ("4.0", 4.0, 4),
        ("4.5", 4.5),
        ("c-1",),
        ("true", True),
    ]
    assert [str, int, float] == [type(one) for one in spell("4711")]


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "c-1"},
        {"keys": -1},
        {"keys": True},
        {"of": "everybody"},
        {"tag": "00"},
        {"salt": "00" * 16},
        {"began": "yesterday"},
        {"reason": 7},
    ],
    ids=str,
)
def test_a_malformed_erasure_is_never_sealed(change: dict[str, Any], kept: Kept) -> None:
    """Whoever holds the deployer's key can sign nonsense: one more field, a count that is none, another subject."""
    good = erase_statement("subject", b"s" * 16, b"t" * 16, Counts(1, 1, 1, 0), reason="", began=TODAY, now=TODAY)
    words = "\n".join(words_of(good, kept.made.ledger.statements()))
    assert "all about one person: 1 keys" in words
    ledger = kept.made.open_ledger()
    signer = kept.made.keyring.signer("deployer")
    with pytest.raises(LockgateError) as error:
        ledger.append(signer.sign(replace(good, predicate={**good.predicate, **change})))
    assert error.value.finding == "LG864"
    assert ledger.append(signer.sign(good)).claim == "erase"
