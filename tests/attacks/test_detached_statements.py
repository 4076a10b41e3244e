"""Statements from another machine: what whoever carries them, or has a key, puts into the log by `lockgate log add`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.statement import APPROVAL, PAYLOAD_TYPE, Statement, claim_uri
from lockgate.trust import signer as signers
from lockgate.trust.dsse import Envelope, Signature
from tests.support.machines import Machine, another, founded


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Machine, str]:
    """Mara's machine with every key, eve's with an approver's key for prod, and the project's id."""
    folder = tmp_path_factory.mktemp("office")
    mara, signed = founded(folder / "mara")
    eve = another(folder / "eve", mara, signed.created.project_id)
    eve.ok("trust", "keygen", "approver", "--person", "eve", "--out", "eve.pub")
    key = str(eve.root / "eve.pub")
    mara.ok("trust", "add-key", "--role", "approver", "--person", "eve", "--env", "prod", "--key", key, "--yes")
    eve.take(mara)
    eve.ok("approve", "latest", "--env", "prod", "--to-file", "approval")
    return mara, eve, signed.created.project_id


@pytest.fixture
def mara(office: tuple[Machine, Machine, str], tmp_path: Path) -> Iterator[Machine]:
    """A copy of mara's machine; whatever is refused on it leaves the log as it was."""
    shutil.copytree(office[0].home, tmp_path / "mara")
    machine = Machine(tmp_path / "mara" / "project", tmp_path / "mara")
    (machine.root / "approval").write_bytes((office[1].root / "approval").read_bytes())
    yield machine
    machine.ok("verify", "--all")


def edited(machine: Machine, change: dict[str, object]) -> None:
    """The approval with a field changed by whoever carried it."""
    envelope = Envelope.parse((machine.root / "approval").read_bytes().strip())
    statement = envelope.statement()
    payload = Statement(statement.subjects, statement.predicate_type, {**statement.predicate, **change}).payload()
    (machine.root / "approval").write_bytes(Envelope(payload, envelope.payload_type, envelope.signatures).encode())


def test_it_counts_once_it_is_sealed(mara: Machine) -> None:
    """The honest case: signed there, sealed here, and the approval counts; a second time it is a replay (LG753)."""
    assert "approve by eve as approver" in mara.ok("log", "add", "approval")
    mara.refused("LG753", "log", "add", "approval")
    assert mara.ok("approve", "latest", "--env", "prod", "--dry-run").count("eve") > 0


def test_a_carrier_changes_nothing(mara: Machine) -> None:
    """A field changed on the way: LG812; a line dropped or the file emptied is no statement: LG867."""
    edited(mara, {"environment": "dev"})
    mara.refused("LG812", "log", "add", "approval")
    (mara.root / "approval").write_bytes(b"\n")
    mara.refused("LG867", "log", "add", "approval")
    (mara.root / "approval").write_bytes(b"{}\n")
    mara.refused("LG810", "log", "add", "approval")


def test_a_stranger_s_key_is_refused(mara: Machine) -> None:
    """A good statement by a key that the roles file does not name: LG813."""
    stranger = signers.generate("approver")
    envelope = Envelope.parse((mara.root / "approval").read_bytes().strip())
    (mara.root / "approval").write_bytes(stranger.sign(envelope.statement()))
    mara.refused("LG813", "log", "add", "approval")


def test_a_revoked_key_s_word_is_refused(mara: Machine) -> None:
    """Signed while the key counted, sealed after it was revoked: LG814. Sealed before, it stays."""
    keyid = next(one["keyid"] for one in mara.asked("trust", "show")["keys"] if one["person"] == "eve")
    mara.ok("trust", "revoke-key", keyid[:12], "--reason", "left", "--yes")
    mara.refused("LG814", "log", "add", "approval")


def test_a_key_says_only_what_its_role_may(mara: Machine) -> None:
    """An approver's key under a judge's statement (LG817), or for an environment where it does not count (LG819)."""
    with mara.here():
        ledger = mara.project().ledger()
        judged = ledger.statements("judge")[0].statement
        keyring = mara.project().keyring()
        (mara.root / "dev").write_bytes(_forged(keyring.signer("approver"), judged))
    mara.refused("LG817", "log", "add", "dev")


def test_what_rests_on_data_elsewhere_is_refused(mara: Machine) -> None:
    """A judgement by the judge's own key, new and well signed: its rows are not here, so it is not taken (LG865)."""
    with mara.here():
        keyring = mara.project().keyring()
        judged = mara.project().ledger().statements("judge")[0].statement
        fresh = Statement(judged.subjects, judged.predicate_type, {**judged.predicate, "time": "2026-11-25T10:00:00Z"})
        (mara.root / "judged").write_bytes(keyring.signer("judge").sign(fresh))
    mara.refused("LG865", "log", "add", "judged")


def test_what_the_log_could_not_bear_is_refused(mara: Machine) -> None:
    """An approval without a manifest, well signed by the right key: LG864, and the project goes on as before."""
    with mara.here():
        subject = mara.project().ledger().statements("register")[0].statement.subjects[0]
        said = {"claim": claim_uri("approve"), "time": "2026-11-25T09:00:00Z", "environment": "dev"}
        statement = Statement((subject,), APPROVAL, said)
        (mara.root / "bad").write_bytes(mara.project().keyring().signer("approver").sign(statement))
    mara.refused("LG864", "log", "add", "bad")


def test_what_was_sealed_before_a_refusal_is_told(mara: Machine) -> None:
    """Several files: the first is sealed and said so, the second refused; nothing is taken back or passed over."""
    (mara.root / "bad").write_bytes(b"{}")
    done = mara.run("log", "add", "approval", "bad", "--json")
    assert json.loads(done.out)["seen"] == {"file": "bad", "sealed_before": 1}
    mara.refused("LG753", "log", "add", "approval")


def test_a_file_of_very_many_statements_is_confirmed_first(mara: Machine) -> None:
    """More than a hundred at once, in one file or several: counted, and nothing sealed, until somebody says yes."""
    line = (mara.root / "approval").read_bytes()
    (mara.root / "hundred").write_bytes(line * 100)
    assert "101 statements in 2 files" in mara.refused("LG863", "log", "add", "hundred", "approval")
    (mara.root / "more").write_bytes(line * 101)
    done = mara.run("log", "add", "more", "--yes")
    assert "approve by eve as approver" in done.out
    assert "101 statements in 1 file" in done.err
    assert "LG753" in done.err


def test_a_hundred_statements_need_no_word(mara: Machine) -> None:
    """The honest case: the first is sealed at once; here the second is its replay."""
    (mara.root / "hundred").write_bytes((mara.root / "approval").read_bytes() * 100)
    assert "approve by eve as approver" in mara.refused("LG753", "log", "add", "hundred")


def test_a_machine_without_the_sealer_seals_nothing(office: tuple[Machine, Machine, str]) -> None:
    """Eve's machine has no sealer's key: LG830; and what she signs without --to-file is refused the same way."""
    _, eve, _ = office
    eve.refused("LG830", "log", "add", "approval")
    assert "lockgate" in eve.refused("LG830", "approve", "latest", "--env", "prod")
    eve.ok("verify", "--all")


def test_nothing_is_overwritten(office: tuple[Machine, Machine, str]) -> None:
    """--to-file wants a new file: others may have signed the old one (LG867)."""
    _, eve, _ = office
    before = (eve.root / "approval").read_bytes()
    eve.refused("LG867", "approve", "latest", "--env", "prod", "--to-file", "approval")
    assert before == (eve.root / "approval").read_bytes()


def test_a_deployment_travels_with_its_summary(mara: Machine) -> None:
    """Two statements, one resting on the other: in order they are sealed, the second alone is refused (LG864)."""
    mara.ok("deploy", "latest", "--env", "dev", "--to-file", "move")
    lines = (mara.root / "move").read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    (mara.root / "second").write_bytes(lines[1])
    mara.refused("LG864", "log", "add", "second")
    mara.ok("log", "add", "move")
    assert "dev" in mara.ok("status")


def test_a_deployment_made_on_an_older_log_is_refused(mara: Machine) -> None:
    """Two moves made from the same state: the first that is sealed counts, the other does not follow it (LG864)."""
    mara.ok("deploy", "latest", "--env", "dev", "--to-file", "one")
    mara.ok("deploy", "latest", "--env", "dev", "--to-file", "two", "--reason", "again")
    mara.ok("log", "add", "one")
    (mara.root / "late").write_bytes((mara.root / "two").read_bytes().splitlines()[1])
    mara.refused("LG864", "log", "add", "late")


def _forged(signer: signers.Signer, statement: Statement) -> bytes:
    draft = Envelope(statement.payload(), PAYLOAD_TYPE, ())
    mine = Signature(signer.keyid, signer.signature(draft.signed))
    return Envelope(draft.payload, PAYLOAD_TYPE, (mine,)).encode()
