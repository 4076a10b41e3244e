"""project.offline, project.offline_archive and their commands: evidence away from the project that it is about."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockgate.audit.imports import imports
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.prove import prove
from lockgate.audit.seal import Sealer
from lockgate.cli.main import run
from lockgate.core.checkpoint import Note, parse_note
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused
from lockgate.project import Project
from lockgate.project.offline import PROOF, hand_out, verify_proof
from lockgate.project.offline_archive import verify_archive
from lockgate.project.prediction_log import PredictionLog
from lockgate.trust import pin
from lockgate.trust import signer as signers
from lockgate.trust.policy import Policy
from lockgate.trust.roles import KeyEntry
from tests.support.evidence_archive import VERIFIER, Made, archive_files, indexed, made_archive, packed
from tests.support.imports import huggingface, import_here, yes
from tests.support.project import signed_project
from tests.support.sealing import Fast
from tests.support.thief import leaf_of
from tests.support.verifier import asked
from tests.support.witnesses import key_of

CONFIG = '[project]\nname = "flights"\n[data]\nsources = ["x.csv"]\ncontract = "contract.py:Flight"\nlabel = "delay"\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A project whose model went live a few minutes ago; its root is not pinned."""
    with made_archive(tmp_path_factory.mktemp("evidence"), datetime.now(UTC) - timedelta(minutes=5)) as found:
        (found.project.root / "lockgate.toml").write_text(CONFIG)
        yield found


@pytest.fixture
def archive(made: Made, tmp_path: Path) -> Path:
    """Its archive."""
    path = tmp_path / "flights-1.evidence.zip"
    path.write_bytes(packed(made.files))
    return path


def _finding(path: Path, root: str, now: datetime | None = None) -> str:
    try:
        verify_archive(path, now or datetime.now(UTC), root=root)
    except LockgateError as error:
        return error.finding
    return ""


def test_an_archive_verifies_as_a_project_does(
    made: Made, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anywhere, with the root alone: exit 0, and the picture says what is not here and what is not proved."""
    monkeypatch.chdir(tmp_path)
    assert run(["verify", archive.name, "--root", made.root]) == 0
    said = capsys.readouterr().out
    assert "✓ signature model.sig over 8 files, 7 of which are here" in said
    assert "✓ records   2 of 2 entries, each proved" in said
    assert "✓ waive" in said
    assert "NOT proved" in said
    assert run(["verify", archive.name, "--root", made.root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["archive"] == archive.name


def test_what_came_after_an_archive_is_not_proved(made: Made, archive: Path) -> None:
    """For whoever has seen no log of the project: the newest entry and its age are told, beside what is not proved."""
    report = verify_archive(archive, datetime.now(UTC), root=made.root)
    later = [one for one in report.not_proved if "nothing was added to the log after its entry 13 of " in one]
    assert (len(later), "the model may have been revoked since" in later[0]) == (1, True)


def test_who_cosigned_is_told_of_archives_and_receipts(tmp_path: Path) -> None:
    """By witnesses that the signed policy names; then it is not said that there is none. Without one, it is."""
    witness = key_of(7, "w.example/1")
    (tmp_path / "p").mkdir()
    with made_archive(tmp_path / "p", datetime.now(UTC) - timedelta(minutes=5)) as made:
        (made.project.root / "lockgate.toml").write_text(CONFIG)
        place, token = Project(made.project.root, made.project.clock, tmp_path / "seen"), made.receipts[0].token()
        before = place.verify_receipt(token, root=made.root)
        assert before.model is not None
        assert (before.cosigned, "(no outside witness)" in " ".join(before.model.not_proved)) == ((), True)
        table = f'[witness.w1]\nkey = "{witness.verifier.line()}"\nurl = ""\n'
        text = made.project.policy.text.replace("version = 1", "version = 2") + "\n" + table
        made.project.record("policy", Policy.from_text(text).statement(made.project.clock()))
        checkpoint = made.project.home / "log" / EVENTS / "checkpoint"
        note, time = parse_note(checkpoint.read_bytes()), int(made.project.clock().timestamp())
        checkpoint.write_bytes(Note(note.text, (*note.signatures, witness.cosign(note, time))).encode())
        after = Project(made.project.root, made.project.clock, tmp_path / "seen").verify_receipt(token, root=made.root)
        assert after.model is not None
        assert "cosigned by w1" in after.cosigned[0]
        assert "cosigned by w1" in " ".join(after.text().splitlines())
        assert after.as_json()["cosigned"] == [*after.cosigned]
        assert "(no outside witness)" not in " ".join(after.model.not_proved)
        archive = tmp_path / "w.evidence.zip"
        files = archive_files(made.project, made.project.open_ledger())
        archive.write_bytes(packed(indexed({**files, "policy.toml": text.encode()})))
        report = verify_archive(archive, datetime.now(UTC), root=made.root)
        assert "cosigned by w1" in report.cosigned[0]
        assert "(no outside witness)" not in " ".join(report.not_proved)


def test_a_record_is_told_in_words(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Field by field with its time as a date, and no program's notation. Beside it a file by another name."""
    place = Project(made.project.root, made.project.clock, tmp_path / "seen")
    pin.pin(made.root, made.project.root, datetime.now(UTC))
    hand_out(place, place.prove(made.receipts[1].token()), tmp_path / "proof")
    pin.unpin(made.root)
    assert run(["verify", str(tmp_path / "proof" / PROOF), "--root", made.root]) == 0
    said = capsys.readouterr().out
    assert "predictions, at 2026-11-18T11:06:40Z" in said
    assert "{'" not in said
    assert "rung         live" in said
    renamed = tmp_path / "a.zip"
    renamed.write_bytes(packed(made.files))
    assert run(["verify", str(renamed), "--root", made.root]) == 2
    assert "evidence ends in .evidence.zip" in capsys.readouterr().err


def test_an_archive_needs_a_root_that_is_known(made: Made, archive: Path) -> None:
    """Not pinned: exit 1. Another one: exit 3. Pinned: it holds."""
    assert (_finding(archive, ""), _finding(archive, "ab" * 32)) == ("LG825", "LG828")
    pin.pin(made.root, made.project.root, datetime.now(UTC))
    try:
        assert _finding(archive, "") == ""
    finally:
        pin.unpin(made.root)


def test_an_ended_waiver_is_refused_in_an_archive(made: Made, archive: Path) -> None:
    """The policy is asked again, as of now: the loader's own decision."""
    assert _finding(archive, made.root, datetime.now(UTC) + timedelta(days=4)) == "LG518"


def test_an_archive_older_than_what_was_seen_is_refused(
    made: Made, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something may have been revoked since; and the archive moves nothing on in what was seen."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = pin.seen_folder(made.root) / EVENTS
    assert _finding(archive, made.root) == ""
    assert not place.exists()
    folder = tmp_path / "later"
    shutil.copytree(made.project.home / "log" / EVENTS, folder)
    sign, key = made.project.keyring.signer("sealer").sign_note, made.project.created.roles.sealer_key()
    Sealer(folder, origin=origin(made.root, EVENTS), sign=sign, public_key=key, disk=Fast()).append([b"later"])
    place.parent.mkdir(parents=True)
    place.write_bytes((folder / "checkpoint").read_bytes())
    assert _finding(archive, made.root) == "LG707"


def test_the_command_hands_out_a_folder_that_the_stranger_s_program_takes(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`log prove --out DIR`: what it prints is what works, and the digest is that of the program."""
    pin.pin(made.root, made.project.root, datetime.now(UTC))
    out = tmp_path / "proof"
    try:
        assert run(["log", "prove", "12", "--out", str(out), "-C", str(made.project.root)]) == 0
        said = capsys.readouterr()
        assert run(["log", "prove", "12", "--out", str(out), "-C", str(made.project.root)]) == 1
        assert "LG952" in capsys.readouterr().err
        assert run(["verify", str(out / PROOF)]) == 0
        assert "✓ deploy" in capsys.readouterr().out
    finally:
        pin.unpin(made.root)
    assert f"--root {made.root} proof {PROOF}" in said.out
    assert digest_of(VERIFIER.read_bytes()) in said.out
    assert asked(made.root, "proof", out / PROOF)[0] == 0
    assert run(["verify", str(out / PROOF), "--root", made.root, "--leaf", str(out / "statement.json")]) == 3
    assert "LG716" in capsys.readouterr().err
    shutil.rmtree(out / "roles")
    assert run(["verify", str(out / PROOF), "--root", made.root]) == 2
    assert "LG7033" in capsys.readouterr().err


def test_evidence_takes_no_other_option(made: Made, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is for models, folders and receipts is refused beside it; and --leaf beside those."""
    for options in (
        (str(archive), "--env", "prod"),
        (str(archive), "--materialize", "x"),
        ("flights@1", "--leaf", "x"),
    ):
        assert run(["verify", *options, "-C", str(made.project.root)]) == 2
        assert "LG940" in capsys.readouterr().err
    assert run(["verify", "nowhere.evidence.zip", "--root", made.root]) == 4


def test_an_imported_model_has_evidence_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who vouched for which bytes, and that they were scanned: read by both; another byte is refused by both."""
    project = signed_project(tmp_path, monkeypatch)
    import_here(project, monkeypatch, huggingface(tmp_path / "model"), confirm=yes)
    one = imports(project.ledger.statements())[0]
    held = Made(project, archive_files(project, project.ledger, (), one), (), ())
    path, name = tmp_path / "bert.evidence.zip", f"model/{one.files[0].name}"
    outcomes = []
    for files in (held.files, held.with_files({name: held.files[name] + b"\n"})):
        path.write_bytes(packed(files))
        outcomes.append((asked(held.root, path)[0], _finding(path, held.root, project.clock())))
    assert outcomes == [(0, ""), (3, "LG7032")]


def test_a_mirror_s_prediction_is_not_handed_out(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG7030: its sealer is in no roles file. Beside it: a statement's proof is."""
    project = Project(made.project.root, made.project.clock)
    pin.pin(made.root, made.project.root, datetime.now(UTC))
    try:
        prediction, statement = project.prove(made.receipts[0].token()), project.prove("12")
        own = PredictionLog("o", b"", (), project.seen(made.root, PREDICTIONS), own=True)
        monkeypatch.setattr("lockgate.project.prediction_log.prediction_log", lambda *_: own)
        with pytest.raises(Refused) as no:
            hand_out(project, prediction, tmp_path / "prediction")
        assert (no.value.finding, (tmp_path / "prediction").exists()) == ("LG7030", False)
        assert hand_out(project, statement, tmp_path / "statement").root == made.root
    finally:
        pin.unpin(made.root)


def test_a_former_sealer_s_word_counts_no_more(made: Made, tmp_path: Path) -> None:
    """After a change of the sealer: a proof under the old key is refused by both, one under the new key is taken."""
    old, new = made.project.keyring.signer("sealer"), signers.generate("sealer").within(made.root)
    before = made.project.ledger.roles
    keys = dict(sorted({**before.keys, new.keyid: KeyEntry("sealer", "mara", new.public)}.items()))
    third = replace(before, version=3, keys=keys, revoked={**before.revoked, old.keyid: "the disk was sold"})
    chain = [one.envelope for one in made.log if one.claim == "roles"]
    chain.append(made.project.keyring.signer("root").sign(third.statement()))
    folder = tmp_path / "roles"
    folder.mkdir()
    log = _sealed(tmp_path / "events", made.root, EVENTS, [leaf_of(one, made.log[0].time) for one in chain], new)
    for index, envelope in enumerate(chain):
        (folder / f"{index}.json").write_bytes(envelope)
        (folder / f"{index}.leaf").write_bytes(log.entry(index))
        (folder / f"{index}.tlog-proof").write_bytes(prove(log, index))
    (tmp_path / "leaf").write_bytes(made.files["records/0.json"])
    outcomes = []
    for number, signer in enumerate((old, new)):
        sealed = _sealed(tmp_path / str(number), made.root, PREDICTIONS, [made.files["records/0.json"]], signer)
        (tmp_path / PROOF).write_bytes(prove(sealed, 0))
        code, report = asked(made.root, "proof", tmp_path / PROOF)
        try:
            finding = verify_proof(tmp_path / PROOF, datetime.now(UTC), root=made.root).log
        except LockgateError as error:
            finding = error.finding
        outcomes.append((code, "a former sealer's key" in report["failed"], finding))
    assert outcomes == [(1, True, "LG702"), (0, False, PREDICTIONS)]


def _sealed(folder: Path, root: str, name: str, entries: list[bytes], signer: signers.Signer) -> Log:
    folder.mkdir()
    key, called = signer.public.raw, origin(root, name)
    Sealer(folder, origin=called, sign=signer.sign_note, public_key=key, disk=Fast()).append(entries)
    return Log.open(folder, public_key=key, origin=called)
