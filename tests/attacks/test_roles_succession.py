"""Keys that were taken away, old roles files, forks, thieves: who may say what only ever moves forward."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from lockgate.audit.evidence import Leaf
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.seal import Sealer
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import digest_of
from lockgate.core.statement import APPROVAL, REVOCATION, Statement, Subject, claim_uri
from lockgate.errors import LockgateError
from lockgate.project import detached
from lockgate.trust import signer as signers
from lockgate.trust import succession
from lockgate.trust.dsse import Envelope, Signature
from lockgate.trust.policy import Policy
from lockgate.trust.roles import KeyEntry
from tests.support.machines import Machine, another, founded

ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
"""Of the group of P-256 (FIPS 186-4, D.1.2.3)."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A project with one model; the tests work on copies."""
    return founded(tmp_path_factory.mktemp("first") / "a")[0]


@pytest.fixture
def machine(first: Machine, tmp_path: Path) -> Machine:
    """A copy of it."""
    shutil.copytree(first.home, tmp_path / "a")
    return Machine(tmp_path / "a" / "project", tmp_path / "a")


@contextmanager
def at_work(machine: Machine) -> Iterator[Workplace]:
    """The project there, opened for work."""
    with machine.here(), machine.project().workplace() as place:
        yield place


def refused(finding: str, act: Callable[[], object]) -> LockgateError:
    """The refusal of `act`, which must be `finding`."""
    with pytest.raises(LockgateError) as raised:
        act()
    assert raised.value.finding == finding
    return raised.value


def word(place: Workplace, reason: str, kind: str = "approve") -> Statement:
    """An approval, or a revocation, of the model, or of nothing there is."""
    manifest = place.ledger.statements("register")[0].statement.subjects[0].digest
    said = {"claim": claim_uri(kind), "time": "2026-11-25T09:00:00Z", "reason": reason}
    if kind == "approve":
        said |= {"environment": "dev", "manifest": manifest}
        return Statement((Subject("flights@1", manifest),), APPROVAL, said)
    return Statement((Subject("nothing", digest_of(b"nothing")),), REVOCATION, said)


def cosign_draft(place: Workplace, draft: Path) -> object:
    """What `lockgate trust cosign` does with a file that nobody has signed yet, and somebody who says yes."""
    return detached.cosign(place.ledger, place.keyring, draft, root_key=None, confirm=lambda _: True)


def seal_with_the_key_alone(place: Workplace, envelope: bytes) -> None:
    """What whoever has the sealer's key does with a tool of their own: store the blob, seal the leaf."""
    statement = Envelope.parse(envelope).statement()
    place.registry.blobs.put(envelope)
    leaf = Leaf(statement.claim, digest_of(envelope), statement.predicate_type, len(envelope), place.now())
    signer = place.keyring.signer("sealer")
    log_dir, name = place.ledger.log_dir, origin(place.ledger.root, EVENTS)
    Sealer(log_dir, origin=name, sign=signer.sign_note, public_key=signer.public.raw).append(
        [replace(leaf, time=leaf.time.replace(microsecond=0)).encode()]
    )


def other_spelling(envelope: bytes) -> bytes:
    """The same payload, the same key, another signature that verifies: made by anybody, without the key."""
    parsed = Envelope.parse(envelope)
    r, s = decode_dss_signature(parsed.signatures[0].sig)
    twin = Signature(parsed.signatures[0].keyid, encode_dss_signature(r, ORDER - s))
    return Envelope(parsed.payload, parsed.payload_type, (twin,)).encode()


def test_what_a_key_said_before_it_was_revoked_stays(machine: Machine) -> None:
    """Revoked from a version on: the earlier word still verifies, a later one is refused (LG814), as is the thief's."""
    with at_work(machine) as place:
        thief = place.keyring.signer("approver")
        said = place.ledger.append(thief.sign(word(place, "before")))
    machine.ok("trust", "rotate", "approver", "--reason", "laptop stolen", "--yes")
    with at_work(machine) as place:
        assert place.ledger.get(said.digest).keyid == thief.keyid
        refused("LG814", lambda: place.ledger.append(thief.sign(word(place, "after"))))
        assert place.record("approver", word(place, "after")).keyid != thief.keyid
    machine.ok("verify", "--all")


def test_after_the_signer_is_rotated_older_models_verify(machine: Machine) -> None:
    """The model is judged by the roles file of its time, also when the newest one lists the old key no more."""
    before = machine.ok("verify", "latest")
    machine.ok("trust", "rotate", "signer", "--reason", "yearly", "--yes")
    after = machine.ok("verify", "latest")
    assert "model.sig over 8 files" in before
    assert "model.sig over 8 files" in after
    with at_work(machine) as place:
        roles, (first,) = place.ledger.roles, place.ledger.statements("register")
        listed = {keyid: entry for keyid, entry in roles.keys.items() if keyid != first.keyid}
        place.ledger.append(place.keyring.signer("root").sign(replace(roles, version=3, keys=listed).statement()))
    machine.ok("verify", "--all")


@pytest.mark.parametrize("person", ["mara ", "Mara", "m\u0430ra", "mara\u200b"], ids=ascii)
def test_a_look_alike_is_not_sealed_and_stays_readable_where_it_is(machine: Machine, person: str) -> None:
    """The real root signs a key for one: LG821, also as a draft. In a log that has it, all verifies as before."""
    with at_work(machine) as place:
        key, roles = signers.generate("approver"), place.ledger.roles
        keys = dict(sorted({**roles.keys, key.keyid: KeyEntry("approver", person, key.public)}.items()))
        envelope = place.keyring.signer("root").sign(replace(roles, version=2, keys=keys).statement())
        refused("LG821", lambda: place.ledger.append(envelope))
        refused("LG821", lambda: place.ledger.foresee(envelope))
        draft = machine.home / "draft.json"
        draft.write_bytes(replace(Envelope.parse(envelope), signatures=()).encode())
        refused("LG821", lambda: cosign_draft(place, draft))
        seal_with_the_key_alone(place, envelope)
    machine.ok("verify", "--all")
    machine.ok("trust", "revoke-key", key.keyid, "--reason", "who is that", "--yes")
    machine.ok("verify", "--all")


def test_no_older_roles_file_comes_back(machine: Machine) -> None:
    """Version 1 again, and another version 2 beside the one in force: LG822, both by the real root."""
    with at_work(machine) as place:
        first = place.ledger.statements("roles")[0].envelope
        fork = replace(place.ledger.roles, version=2, time=place.now().replace(microsecond=0))
        forked = place.keyring.signer("root").sign(fork.statement())
    machine.ok("trust", "rotate", "judge", "--reason", "yearly", "--yes")
    with at_work(machine) as place:
        for envelope in (first, forked):
            refused("LG822", partial(place.ledger.append, envelope))
        seal_with_the_key_alone(place, forked)
        error = refused("LG822", machine.project().ledger)
        assert error.seen["log_index"] == len(place.ledger.statements())


def test_a_fork_is_seen_by_whoever_saw_the_other_side(machine: Machine, tmp_path: Path) -> None:
    """Two different second versions, each in a log of its own: a machine that saw one refuses the other (LG708)."""
    project_id = machine.asked("trust", "show")["project_id"]
    reader = another(tmp_path / "reader", machine, project_id)
    shutil.copytree(machine.home, tmp_path / "b")
    twin = Machine(tmp_path / "b" / "project", tmp_path / "b")
    machine.ok("trust", "rotate", "judge", "--reason", "one side", "--yes")
    twin.ok("trust", "rotate", "judge", "--reason", "other side", "--yes")
    reader.take(machine)
    reader.ok("log", "verify")
    reader.take(twin)
    reader.refused("LG708", "log", "verify")
    reader.take(machine)
    reader.ok("log", "verify")


def test_the_old_root_signs_nothing_after_it_was_rotated(machine: Machine) -> None:
    """The fingerprint of the project stays; the key behind it is no root any more: LG823."""
    with at_work(machine) as place:
        old, project_id = place.keyring.signer("root"), place.ledger.root
    machine.ok("trust", "rotate", "root", "--reason", "moved to a card", "--yes")
    with at_work(machine) as place:
        following = replace(place.ledger.roles, version=3)
        refused("LG823", lambda: place.ledger.append(old.sign(following.statement())))
        assert place.keyring.signer("root").keyid != old.keyid
        assert place.ledger.root == project_id == place.ledger.roles.project_id
    machine.ok("trust", "rotate", "judge", "--reason", "the new root can", "--yes")
    machine.ok("verify", "--all")


def test_one_person_with_two_keys_is_one(machine: Machine, tmp_path: Path) -> None:
    """A policy that two persons must sign: mara's two keys do not make two, mara and jo do."""
    made = {person: signers.generate("policy") for person in ("mara", "jo")}
    for person, key in made.items():
        (tmp_path / f"{person}.pub").write_text(key.public.pem)
        named = ("--role", "policy", "--person", person, "--key", str(tmp_path / f"{person}.pub"))
        machine.ok("trust", "add-key", *named, "--yes")
    machine.ok("trust", "threshold", "policy", "2", "--yes")
    with at_work(machine) as place:
        text = place.policy.text.replace("version = 1", "version = 2")
        envelope = place.keyring.signer("policy").sign(Policy.from_text(text).statement(place.now()))
        refused("LG820", lambda: place.ledger.append(envelope))
        refused("LG820", lambda: place.ledger.append(made["mara"].cosign(envelope)))
        found = place.ledger.append(made["jo"].cosign(envelope))
        assert set(found.persons) == {"mara", "jo"}


@pytest.mark.parametrize("kind", ["approve", "revoke"])
def test_an_old_word_in_another_spelling_is_a_replay(machine: Machine, kind: str) -> None:
    """(r, n - s) is a valid signature too, under another digest: refused when it is sealed, and when it is read."""
    role = {"approve": "approver", "revoke": "revoker"}[kind]
    with at_work(machine) as place:
        said = place.record(role, word(place, "once", kind))
        twin = other_spelling(said.envelope)
        assert digest_of(twin) != said.digest
        refused("LG753", lambda: place.ledger.append(twin))
        assert len(machine.project().ledger().statements()) == said.index + 1, "nothing was sealed"
        seal_with_the_key_alone(place, twin)
        refused("LG753", machine.project().ledger)


def test_a_cosigned_word_without_one_signature_is_a_replay(machine: Machine, tmp_path: Path) -> None:
    """Two persons signed; the same statement by one of them alone brings nothing new: LG753. A third person does."""
    made = {person: signers.generate("approver") for person in ("jo", "kim")}
    for person, key in made.items():
        (tmp_path / f"{person}.pub").write_text(key.public.pem)
        named = ("--role", "approver", "--person", person, "--key", str(tmp_path / f"{person}.pub"))
        machine.ok("trust", "add-key", *named, "--yes")
    with at_work(machine) as place:
        alone = place.keyring.signer("approver").sign(word(place, "both"))
        both = place.ledger.append(made["jo"].cosign(alone))
        assert len(both.persons) == 2
        refused("LG753", lambda: place.ledger.append(alone))
        assert place.ledger.append(made["kim"].within(place.ledger.root).sign(word(place, "both"))).person == "kim"


def test_a_sealer_alone_cannot_make_the_root_say_anything(machine: Machine) -> None:
    """With the sealer's key, and every other but the root's: no roles file of one's own is believed (LG823)."""
    with at_work(machine) as place:
        eve = signers.generate("root")
        own = succession.with_key(place.ledger.roles, KeyEntry("root", "eve", eve.public), place.now())
        envelope = eve.sign(own.statement())
        refused("LG823", lambda: place.ledger.append(envelope))
        seal_with_the_key_alone(place, envelope)
        refused("LG823", machine.project().ledger)


def test_nothing_is_sealed_that_locks_everybody_out(machine: Machine) -> None:
    """The sealer revoked without another, the last root key revoked: LG860, at the command and at the ledger."""
    shown = {one["role"]: one["keyid"] for one in machine.asked("trust", "show")["keys"]}
    for role in ("sealer", "root"):
        machine.refused("LG860", "trust", "revoke-key", shown[role][:12], "--reason", "x", "--yes")
    with at_work(machine) as place:
        gone = succession.without_key(place.ledger.roles, shown["sealer"], "x", place.now())
        refused("LG860", lambda: place.ledger.append(place.keyring.signer("root").sign(gone.statement())))
    machine.ok("verify", "--all")


def test_the_former_sealer_s_key_forges_nothing(machine: Machine) -> None:
    """Stolen and rotated: a log that the former key extends is refused, and the new key does not sign it anew."""
    with at_work(machine) as place:
        stolen = place.keyring.signer("sealer")
        project_id = place.ledger.root
    machine.ok("trust", "rotate", "sealer", "--reason", "stolen", "--yes")
    machine.ok("verify", "--all")
    log_dir = machine.root / ".lockgate" / "log" / PREDICTIONS
    good = {path: path.read_bytes() for path in log_dir.iterdir() if path.is_file()}
    shutil.rmtree(log_dir)
    log_dir.mkdir()
    name = origin(project_id, PREDICTIONS)
    Sealer(log_dir, origin=name, sign=stolen.sign_note, public_key=stolen.public.raw).append([b"forged"])
    machine.refused("LG866", "log", "verify")
    machine.refused("LG868", "log", "reindex")
    shutil.rmtree(log_dir)
    log_dir.mkdir()
    for path, data in good.items():
        path.write_bytes(data)
    machine.ok("log", "reindex")
    machine.ok("verify", "--all")


def test_a_rotation_that_was_killed_is_finished_by_the_next_command(machine: Machine) -> None:
    """The event log has the new sealer, the predictions do not yet, the key still waits: reading says what mends it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockgate.project.ceremony.settle", lambda *_: None)
        machine.ok("trust", "rotate", "sealer", "--reason", "stolen", "--yes")
    assert "lockgate log reindex" in machine.refused("LG866", "log", "verify")
    machine.ok("log", "reindex")
    machine.ok("verify", "--all")
    machine.ok("trust", "rotate", "judge", "--reason", "the log goes on", "--yes")
