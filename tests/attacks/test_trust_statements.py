"""Forged, replayed, swapped and flipped statements, against a project that is otherwise in order.

Each attack starts from evidence that verifies, changes one thing, and must be refused with its finding.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.core.statement import APPROVAL, PAYLOAD_TYPE, Statement, Subject, claim_uri
from lockgate.errors import VerificationFailed
from lockgate.trust import signer as signers
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.keyring import Keyring, create_keys
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.verifier import verify, verify_roles

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MODEL = digest_of(b"model")


@dataclass(frozen=True)
class World:
    """The victim's project, in which two must approve, and a stranger with a project of his own."""

    project: str
    roles: Roles
    roles_envelope: bytes
    keys: Keyring
    jo: Signer
    stranger: Keyring

    @property
    def approval(self) -> bytes:
        """A model approved for dev by mara and jo."""
        return self.jo.cosign(self.keys.signer("approver").sign(approval(MODEL, "dev")))


def approval(model: Digest, environment: str) -> Statement:
    """What an approver signs."""
    predicate = {"claim": claim_uri("approve"), "time": "2026-11-23T00:00:00Z", "environment": environment}
    return Statement((Subject("model", model),), APPROVAL, predicate)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Both projects, with fresh keys."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    victim, stranger = create_keys("mara", NOW), create_keys("eve", NOW)
    jo = signers.generate("approver").within(victim.project_id)
    keys = {**victim.roles.keys, jo.keyid: KeyEntry("approver", "jo", jo.public)}
    roles = replace(victim.roles, keys=keys, thresholds={"approver": 2})
    keyring = Keyring.open(victim.project_id)
    envelope = keyring.signer("root").sign(roles.statement())
    return World(victim.project_id, roles, envelope, keyring, jo, Keyring.open(stranger.project_id))


def raw(payload: bytes, *by: Signer) -> bytes:
    """An envelope over any payload, signed without asking whether the role may."""
    signatures = (Signature(one.keyid, one.signature(pae(PAYLOAD_TYPE, payload))) for one in by)
    return Envelope(payload, PAYLOAD_TYPE, tuple(sorted(signatures, key=lambda s: s.keyid))).encode()


def edited(envelope: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """An envelope whose JSON was edited."""
    value = json.loads(envelope)
    change(value)
    return encode(value)


def with_payload(envelope: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """An envelope whose payload was edited, with the old signatures."""

    def edit(value: dict[str, Any]) -> None:
        payload = json.loads(base64.b64decode(value["payload"]))
        change(payload)
        value["payload"] = base64.b64encode(encode(payload)).decode()

    return edited(envelope, edit)


def for_another_subject(world: World) -> bytes:
    """The approval, moved to another model."""
    return with_payload(world.approval, lambda p: p["subject"][0]["digest"].update(sha256="0" * 64))


def for_another_environment(world: World) -> bytes:
    """The approval, moved to prod."""
    return with_payload(world.approval, lambda p: p["predicate"].update(environment="prod"))


def one_signer_dropped(world: World) -> bytes:
    """One of the two signatures, taken away."""
    return edited(world.approval, lambda v: v["signatures"].pop())


def one_signer_duplicated(world: World) -> bytes:
    """The same signature twice, in place of two."""
    return edited(world.approval, lambda v: v["signatures"].__setitem__(1, v["signatures"][0]))


def signatures_swapped(world: World) -> bytes:
    """Each signature in the other's name."""

    def swap(value: dict[str, Any]) -> None:
        one, two = value["signatures"]
        one["sig"], two["sig"] = two["sig"], one["sig"]

    return edited(world.approval, swap)


def second_person_is_the_first(world: World) -> bytes:
    """Both approvals by one person, whose second key is a trainer's."""
    payload = approval(MODEL, "dev").payload()
    return raw(payload, world.keys.signer("approver"), world.keys.signer("trainer"))


def by_the_stranger(world: World) -> bytes:
    """A stranger's approver."""
    return world.stranger.signer("approver").sign(approval(MODEL, "dev"))


def in_the_victim_s_name(world: World) -> bytes:
    """A stranger's signature under the victim's key id."""
    payload = approval(MODEL, "dev").payload()
    signature = world.stranger.signer("approver").signature(pae(PAYLOAD_TYPE, payload))
    keyid = world.keys.public("approver").keyid
    return Envelope(payload, PAYLOAD_TYPE, (Signature(keyid, signature),)).encode()


def by_the_trainer(world: World) -> bytes:
    """The trainer's key approves its own model."""
    return raw(approval(MODEL, "dev").payload(), world.keys.signer("trainer"))


def by_the_sealer(world: World) -> bytes:
    """The online sealer's key approves."""
    return raw(approval(MODEL, "dev").payload(), world.keys.signer("sealer"))


def of_another_type(world: World) -> bytes:
    """The approver's word, as a predicate that other tools read as something else."""
    return raw(replace(approval(MODEL, "dev"), predicate_type="https://example.com/x").payload(), world.jo)


def of_an_unknown_claim(world: World) -> bytes:
    """A claim that is not in the table."""
    predicate = {**approval(MODEL, "dev").predicate, "claim": claim_uri("bless")}
    return raw(replace(approval(MODEL, "dev"), predicate=predicate).payload(), world.jo)


def without_environment(world: World) -> bytes:
    """An approval for everywhere."""
    predicate = {k: v for k, v in approval(MODEL, "dev").predicate.items() if k != "environment"}
    return raw(replace(approval(MODEL, "dev"), predicate=predicate).payload(), world.jo)


def payload_in_another_spelling(world: World) -> bytes:
    """Well signed, but two programs might read two things in it."""
    payload = approval(MODEL, "dev").payload()
    return raw(payload[:-1] + b',"predicateType":"https://example.com/x"}', world.jo)


def envelope_in_another_spelling(world: World) -> bytes:
    """The good envelope with a space."""
    return world.approval.replace(b",", b", ", 1)


def of_another_payload_type(world: World) -> bytes:
    """A signature that was made for something else."""
    payload = approval(MODEL, "dev").payload()
    signature = Signature(world.jo.keyid, world.jo.signature(pae("text/plain", payload)))
    return Envelope(payload, "text/plain", (signature,)).encode()


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (for_another_subject, "LG812"),
        (for_another_environment, "LG812"),
        (one_signer_dropped, "LG820"),
        (one_signer_duplicated, "LG810"),
        (signatures_swapped, "LG812"),
        (second_person_is_the_first, "LG817"),
        (by_the_stranger, "LG813"),
        (in_the_victim_s_name, "LG812"),
        (by_the_trainer, "LG817"),
        (by_the_sealer, "LG817"),
        (of_another_type, "LG818"),
        (of_an_unknown_claim, "LG816"),
        (without_environment, "LG819"),
        (payload_in_another_spelling, "LG815"),
        (envelope_in_another_spelling, "LG810"),
        (of_another_payload_type, "LG811"),
    ],
)
def test_forged_approvals_are_refused(world: World, attack: Callable[[World], bytes], finding: str) -> None:
    """The real approval counts, with both persons; the forged one is refused with its own finding."""
    assert set(verify(world.approval, world.roles, environment="dev").persons) == {"mara", "jo"}
    with pytest.raises(VerificationFailed) as caught:
        verify(attack(world), world.roles, environment="dev")
    assert caught.value.finding == finding


def test_an_approval_for_dev_is_not_one_for_prod(world: World) -> None:
    """Untouched and replayed elsewhere."""
    with pytest.raises(VerificationFailed) as caught:
        verify(world.approval, world.roles, environment="prod")
    assert caught.value.finding == "LG819"


def test_every_flipped_byte_of_a_statement_is_refused(world: World) -> None:
    """No byte of an envelope can change: whole-file, not sampled."""
    envelope = world.approval
    verify(envelope, world.roles)
    for place in range(len(envelope)):
        flipped = envelope[:place] + bytes([envelope[place] ^ 1]) + envelope[place + 1 :]
        with pytest.raises(VerificationFailed):
            verify(flipped, world.roles)


def test_every_flipped_byte_of_the_roles_file_is_refused(world: World) -> None:
    """Nor one of the file on which everything rests (every seventh place, for time)."""
    envelope = world.roles_envelope
    verify_roles(envelope, None, root=world.project)
    for place in range(0, len(envelope), 7):
        flipped = envelope[:place] + bytes([envelope[place] ^ 1]) + envelope[place + 1 :]
        with pytest.raises(VerificationFailed):
            verify_roles(flipped, None, root=world.project)


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -2, -100])
def test_truncated_statements_are_refused(world: World, cut: int) -> None:
    """What a killed process, or a full disk, might have left."""
    with pytest.raises(VerificationFailed) as caught:
        verify(world.approval[:cut], world.roles)
    assert caught.value.finding == "LG810"


def test_a_stolen_role_key_makes_no_roles_file(world: World) -> None:
    """Whoever holds all eleven role keys still cannot say who holds which role."""
    second = replace(world.roles, version=2)
    for role in ("policy", "deployer", "approver", "revoker"):
        with pytest.raises(VerificationFailed) as caught:
            verify_roles(raw(second.statement().payload(), world.keys.signer(role)), world.roles)
        assert caught.value.finding == "LG823"
    assert verify_roles(world.keys.signer("root").sign(second.statement()), world.roles).role == "root"


def test_an_old_roles_file_does_not_come_back(world: World) -> None:
    """After jo was removed, the version that still names him is refused as a next one, and so is his word."""
    first = world.roles
    without_jo = {keyid: entry for keyid, entry in first.keys.items() if entry.person != "jo"}
    second = replace(first, version=2, keys=without_jo, thresholds={}, revoked={world.jo.keyid: "left"})
    root = world.keys.signer("root")
    verify_roles(root.sign(second.statement()), first)
    with pytest.raises(VerificationFailed) as caught:
        verify_roles(world.roles_envelope, second)
    assert caught.value.finding == "LG822"
    with pytest.raises(VerificationFailed) as caught:
        verify(world.jo.sign(approval(MODEL, "dev")), second)
    assert caught.value.finding == "LG814"
