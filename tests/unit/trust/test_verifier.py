"""trust.verifier: each numbered step refuses what it is there for, and passes what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.statement import PAYLOAD_TYPE, Statement
from lockgate.errors import VerificationFailed
from lockgate.trust import signer as signers
from lockgate.trust.authority import AUTHORITIES, of_project
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.verifier import verify, verify_roles

Make = Callable[..., Statement]
CLAIMS = [claim for claim in AUTHORITIES if claim != "roles"]


def refused(finding: str, act: Callable[[], object]) -> VerificationFailed:
    """The refusal of `act`, which must be `finding`."""
    with pytest.raises(VerificationFailed) as caught:
        act()
    assert caught.value.finding == finding
    return caught.value


def with_key(roles: Roles, signer: Signer, person: str, **more: Any) -> Roles:
    """`roles` with one more key."""
    return replace(roles, keys={**roles.keys, signer.keyid: KeyEntry(signer.role, person, signer.public, **more)})


def forged(signer: Signer, statement: Statement) -> bytes:
    """An envelope that the signer itself would refuse to make."""
    payload = statement.payload()
    signature = signer.signature(pae(PAYLOAD_TYPE, payload))
    return Envelope(payload, PAYLOAD_TYPE, (Signature(signer.keyid, signature),)).encode()


@pytest.mark.parametrize("claim", CLAIMS)
def test_good_statements_are_verified(project: Any, make_statement: Make, claim: str) -> None:
    """One statement of each claim, by the right role: who, what and where are told."""
    role = "trainer" if claim == "head" else AUTHORITIES[claim].roles[0]
    statement = of_project(make_statement(claim), project.created.project_id)
    envelope = project.signed(role, make_statement(claim))
    found = verify(envelope, project.created.roles)
    assert (found.statement, found.claim, found.role, found.person) == (statement, claim, role, "mara")
    assert found.digest == digest_of(envelope)
    assert found.environment == ("dev" if AUTHORITIES[claim].environment_bound else None)


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_wrong_role_is_refused_even_when_its_signer_is_willing(
    project: Any, make_statement: Make, claim: str
) -> None:
    """A forged envelope by every other role: LG817, naming the role."""
    statement = make_statement(claim)
    allowed = {"trainer"} if claim == "head" else set(AUTHORITIES[claim].roles)
    for role in sorted({entry.role for entry in project.created.roles.keys.values()} - allowed - {"sealer"}):
        envelope = forged(project.keyring.signer(role), statement)
        error = refused("LG817", partial(verify, envelope, project.created.roles))
        assert error.seen["role"] == role


def test_the_sealer_s_key_signs_no_statement(project: Any, make_statement: Make) -> None:
    """Not even with a valid Ed25519 signature over the PAE."""
    envelope = forged(project.keyring.signer("sealer"), make_statement("ingest"))
    refused("LG817", lambda: verify(envelope, project.created.roles))


def test_the_root_signs_roles_files_only(project: Any, make_statement: Make) -> None:
    """The root's key neither stands in for a role, nor does its roles file pass as another statement."""
    root = project.keyring.signer("root")
    refused("LG817", lambda: verify(forged(root, make_statement("ingest")), project.created.roles))
    refused("LG816", lambda: verify(project.created.envelope, project.created.roles))


def test_another_project_s_key_is_unknown(make_project: Any, make_statement: Make) -> None:
    """The same role of another project is a stranger here, and is good at home."""
    here, there = make_project(), make_project("eve")
    envelope = there.signed("ingester", make_statement("ingest"))
    assert verify(envelope, there.created.roles).person == "eve"
    error = refused("LG813", lambda: verify(envelope, here.created.roles))
    assert error.seen["keyid"] == there.keyring.public("ingester").keyid


def test_a_key_that_claims_another_key_s_name_is_refused(project: Any, make_statement: Make) -> None:
    """A keyid is only a hint: the signature must be by that very key."""
    stranger = signers.generate("ingester")
    payload = make_statement("ingest").payload()
    keyid = project.keyring.public("ingester").keyid
    signature = Signature(keyid, stranger.signature(pae(PAYLOAD_TYPE, payload)))
    envelope = Envelope(payload, PAYLOAD_TYPE, (signature,)).encode()
    refused("LG812", lambda: verify(envelope, project.created.roles))


def test_a_revoked_key_is_refused(project: Any, make_statement: Make) -> None:
    """Revoked in the roles file in force, or in a newer one that the caller knows."""
    envelope = project.signed("ingester", make_statement("ingest"))
    keyid = project.keyring.public("ingester").keyid
    roles = replace(project.created.roles, revoked={keyid: "laptop stolen"})
    refused("LG814", lambda: verify(envelope, roles))
    refused("LG814", lambda: verify(envelope, project.created.roles, revoked={keyid}))


def test_signatures_cover_the_payload(project: Any, make_statement: Make) -> None:
    """A signature moved to another payload, or over the payload without PAE, is none."""
    envelope = Envelope.parse(project.signed("ingester", make_statement("ingest")))
    other = replace(envelope, payload=make_statement("ingest", note="x").payload())
    refused("LG812", lambda: verify(other.encode(), project.created.roles))
    key = project.keyring.signer("ingester")
    raw = replace(envelope, signatures=(Signature(key.keyid, key.signature(envelope.payload)),))
    refused("LG812", lambda: verify(raw.encode(), project.created.roles))


def test_a_well_signed_payload_in_another_spelling_is_refused(project: Any, make_statement: Make) -> None:
    """Signed is not enough: a statement has one encoding."""
    key = project.keyring.signer("ingester")
    payload = make_statement("ingest").payload() + b" "
    envelope = Envelope(payload, PAYLOAD_TYPE, (Signature(key.keyid, key.signature(pae(PAYLOAD_TYPE, payload))),))
    refused("LG815", lambda: verify(envelope.encode(), project.created.roles))


def test_environments_are_compared(project: Any, make_statement: Make) -> None:
    """An approval for dev does not count in prod; what is bound to none does not count where one is asked."""
    approval = project.signed("approver", make_statement("approve"))
    assert verify(approval, project.created.roles, environment="dev").environment == "dev"
    refused("LG819", lambda: verify(approval, project.created.roles, environment="prod"))
    ingest = project.signed("ingester", make_statement("ingest"))
    refused("LG819", lambda: verify(ingest, project.created.roles, environment="dev"))


def test_a_key_for_one_environment_is_held_to_it(project: Any, make_statement: Make) -> None:
    """A deployer of dev cannot sign for prod."""
    key = signers.generate("deployer").within(project.created.project_id)
    roles = with_key(project.created.roles, key, "jo", environments=("dev",))
    assert verify(key.sign(make_statement("deploy")), roles).person == "jo"
    refused("LG819", lambda: verify(key.sign(make_statement("deploy", environment="prod")), roles))


def test_thresholds_count_persons(project: Any, make_statement: Make) -> None:
    """Two keys of one person are one person; two persons are two."""
    second, jos = (signers.generate("approver").within(project.created.project_id) for _ in range(2))
    roles = with_key(with_key(project.created.roles, second, "mara"), jos, "jo")
    roles = replace(roles, thresholds={"approver": 2})
    one = project.signed("approver", make_statement("approve"))
    refused("LG820", lambda: verify(one, roles))
    error = refused("LG820", lambda: verify(second.cosign(one), roles))
    assert error.seen["persons"] == ["mara"]
    assert set(verify(jos.cosign(one), roles).persons) == {"mara", "jo"}


def test_each_signature_must_hold(project: Any, make_statement: Make) -> None:
    """A second signature of a stranger, of another role, or a broken one spoils the envelope."""
    envelope = project.signed("approver", make_statement("approve"))
    stranger = signers.generate("approver").within(project.created.project_id)
    refused("LG813", lambda: verify(stranger.cosign(envelope), project.created.roles))
    parsed = Envelope.parse(envelope)
    judge = project.keyring.signer("judge")
    extra = (*parsed.signatures, Signature(judge.keyid, judge.signature(parsed.signed)))
    both = replace(parsed, signatures=tuple(sorted(extra, key=lambda s: s.keyid)))
    refused("LG817", lambda: verify(both.encode(), project.created.roles))


def test_the_first_roles_file_is_proved_by_the_fingerprint(make_project: Any) -> None:
    """Signed by the key whose fingerprint is pinned: good; under another fingerprint: refused."""
    here, there = make_project(), make_project("eve")
    found = verify_roles(here.created.envelope, None, root=here.created.project_id)
    assert (found.claim, found.role, found.person) == ("roles", "root", "mara")
    refused("LG823", lambda: verify_roles(there.created.envelope, None, root=here.created.project_id))
    refused("LG823", lambda: verify_roles(here.created.envelope, None))


def test_a_stranger_cannot_quote_the_pinned_root(make_project: Any) -> None:
    """Listing the victim's root key beside one's own does not help: the victim's key must have signed."""
    here, there = make_project(), make_project("eve")
    mixed = replace(
        there.created.roles,
        project_id=here.created.project_id,
        root_keys={**here.created.roles.root_keys, **there.created.roles.root_keys},
    )
    envelope = there.keyring.signer("root").sign(mixed.statement())
    refused("LG823", lambda: verify_roles(envelope, None, root=here.created.project_id))


def test_rotation(project: Any) -> None:
    """A new version, signed by the old root and by the new one that it brings; the new one signs the next."""
    first, old = project.created.roles, project.keyring.signer("root")
    new = signers.generate("root")
    only = {new.keyid: KeyEntry("root", "mara", new.public)}
    second = replace(first, version=2, root_keys=only, revoked={old.keyid: "replaced"})
    assert verify_roles(new.cosign(old.sign(second.statement())), first).claim == "roles"
    refused("LG820", lambda: verify_roles(old.sign(second.statement()), first))
    third = replace(second, version=3)
    assert verify_roles(new.sign(third.statement()), second, root=first.project_id).keyid == new.keyid
    refused("LG823", lambda: verify_roles(old.sign(third.statement()), second))
    refused("LG823", lambda: verify_roles(new.sign(second.statement()), first))


@pytest.mark.parametrize("version", [1, 3, 9])
def test_versions_rise_by_exactly_one(project: Any, version: int) -> None:
    """An old version, and one that skips, are refused."""
    first, root = project.created.roles, project.keyring.signer("root")
    envelope = root.sign(replace(first, version=version).statement())
    refused("LG822", lambda: verify_roles(envelope, first))
    if version != 1:
        refused("LG822", lambda: verify_roles(envelope, None, root=first.project_id))


def test_a_revoked_root_key_signs_no_next_version(project: Any) -> None:
    """A root key that the file in force revokes is no root any more."""
    first, root = project.created.roles, project.keyring.signer("root")
    new = signers.generate("root")
    both = {**first.root_keys, new.keyid: KeyEntry("root", "jo", new.public)}
    second = replace(first, version=2, root_keys=both, revoked={root.keyid: "lost"})
    third = replace(second, version=3)
    refused("LG823", lambda: verify_roles(root.sign(third.statement()), second))
    assert verify_roles(new.sign(third.statement()), second).person == "jo"


def test_a_root_threshold_counts_persons(project: Any) -> None:
    """With a threshold of two, one root holder alone cannot rotate."""
    first, root = project.created.roles, project.keyring.signer("root")
    jos = signers.generate("root")
    second = replace(
        first,
        version=2,
        root_keys={**first.root_keys, jos.keyid: KeyEntry("root", "jo", jos.public)},
        thresholds={"root": 2},
    )
    third = replace(second, version=3).statement()
    refused("LG820", lambda: verify_roles(root.sign(third), second))
    assert set(verify_roles(jos.cosign(root.sign(third)), second).persons) == {"mara", "jo"}


def test_roles_of_another_project_do_not_follow(make_project: Any) -> None:
    """A well-signed next version that names another project is refused."""
    here, there = make_project(), make_project("eve")
    moved = replace(here.created.roles, version=2, project_id=there.created.project_id)
    envelope = here.keyring.signer("root").sign(moved.statement())
    refused("LG828", lambda: verify_roles(envelope, here.created.roles))
    refused("LG828", lambda: verify_roles(envelope, here.created.roles, root=there.created.project_id))


def test_only_a_roles_statement_is_a_roles_file(project: Any, make_statement: Make) -> None:
    """The root's signature over something else does not make it a roles file."""
    root = project.keyring.signer("root")
    refused("LG817", lambda: verify_roles(forged(root, make_statement("ingest")), project.created.roles))
    bent = replace(project.created.roles.statement(), subjects=make_statement("ingest").subjects)
    refused("LG828", lambda: verify_roles(forged(root, bent), None, root=project.created.project_id))


def test_subject_and_content_of_a_roles_file_name_the_same_project(make_project: Any) -> None:
    """A next version whose subject is this project, and whose content another one, is refused."""
    here, there = make_project(), make_project("eve")
    moved = replace(here.created.roles, version=2, project_id=there.created.project_id).statement()
    bent = replace(moved, subjects=here.created.roles.statement().subjects)
    refused("LG828", lambda: verify_roles(forged(here.keyring.signer("root"), bent), here.created.roles))
