"""Every role against every thing that can be said: what is off the diagonal is refused at both ends.

The signer refuses to sign it. Somebody who holds the key by itself, and signs by hand, is refused by the verifier and
by the log. The cells are made from the table in `trust.authority`; the diagonal is written here by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lockgate.audit.ledger import EVENTS, origin
from lockgate.core import statement as s
from lockgate.core.checkpoint import Note, NoteSignature, VerifierKey
from lockgate.core.cosignature import message as beat
from lockgate.core.digest import digest_of
from lockgate.core.statement import PAYLOAD_TYPE, Statement, Subject
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.trust.asked import check_asked
from lockgate.trust.authority import AUTHORITIES, NAMES_PROJECT, ROLES, ROOT, of_project
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.note import verify_note
from lockgate.trust.signer import Signer
from lockgate.trust.verifier import Verified, verify, verify_roles
from tests.support.project import SignedProject, signed_project

STAGES_WITH_HEADS = ("ingest", "validate", "train", "judge", "register")
DIAGONAL = {
    "roles": {"root"},
    "policy": {"policy"},
    "ingest": {"ingester"},
    "validate": {"validator"},
    "train": {"trainer"},
    "judge": {"judge"},
    "reproduce": {"judge"},
    "drill": {"judge"},
    "scan": {"signer"},
    "register": {"signer"},
    "import": {"signer"},
    "approve": {"approver"},
    "waive": {"approver"},
    "promote": {"deployer"},
    "deploy up": {"deployer"},
    "deploy down": {"deployer", "guard"},
    "deploy lent": {"deployer", "guard"},
    "authorise": {"deployer"},
    "alarm": {"guard"},
    "acknowledge": {"approver"},
    "mark": {"approver"},
    "erase": {"deployer"},
    "revoke": {"revoker"},
    "head ingest": {"ingester"},
    "head validate": {"validator"},
    "head train": {"trainer"},
    "head judge": {"judge"},
    "head register": {"signer"},
}
WRONG_ROLE, NOT_THE_ROOT = "LG817", "LG823"


def sayings() -> list[str]:
    """Every claim of the table; a deployment up, down, and up on an authorisation, a head of each stage."""
    several = {
        "deploy": ["deploy up", "deploy down", "deploy lent"],
        "head": [f"head {stage}" for stage in STAGES_WITH_HEADS],
    }
    return [one for claim in AUTHORITIES for one in several.get(claim, [claim])]


def saying(project: SignedProject, name: str) -> Statement:
    """A statement that says it."""
    claim, _, rest = name.partition(" ")
    kind, subjects = AUTHORITIES[claim].predicate_type, (Subject("thing", digest_of(name.encode())),)
    if claim == "roles":
        return replace(project.created.roles, version=2).statement()
    if kind == s.TEST_RESULT:
        return s.test_result(claim, subjects, "PASSED", rules=digest_of(b"rules"))
    predicate: dict[str, Any] = {"claim": s.claim_uri(claim), "time": "2026-11-23T09:30:00Z"}
    if kind == s.PROVENANCE:
        predicate = {"buildDefinition": {"buildType": s.claim_uri(claim)}}
    if kind == s.VERIFICATION_SUMMARY:
        predicate = {"verifier": {"id": s.claim_uri(claim)}}
    if AUTHORITIES[claim].environment_bound:
        predicate["environment"] = "dev"
    if rest == "lent":
        return Statement(subjects, kind, predicate | {"move": "up", "authorisation": digest_of(b"a word")})
    if rest:
        predicate["move" if claim == "deploy" else "stage"] = rest
    return Statement(subjects, kind, predicate)


@pytest.fixture(scope="module", name="project")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedProject]:
    """One project with its twelve keys."""
    with pytest.MonkeyPatch.context() as patch:
        yield signed_project(tmp_path_factory.mktemp("matrix"), patch)


@pytest.fixture(scope="module", name="signers")
def _signers(project: SignedProject) -> dict[str, Signer]:
    """The keys, as somebody holds them who has read them all."""
    return {role: project.keyring.signer(role) for role in (ROOT, *ROLES)}


def by_hand(statement: Statement, signer: Signer) -> bytes:
    """An envelope by a key that asks nobody."""
    payload = statement.payload()
    return Envelope(
        payload, PAYLOAD_TYPE, (Signature(signer.keyid, signer.signature(pae(PAYLOAD_TYPE, payload))),)
    ).encode()


def judged(project: SignedProject, name: str, envelope: bytes) -> Verified:
    """The verifier's word."""
    roles = project.created.roles
    return verify_roles(envelope, roles) if name == "roles" else verify(envelope, roles)


def expected(name: str, role: str) -> str:
    """How a hand-made envelope off the diagonal is refused."""
    return NOT_THE_ROOT if name == "roles" else WRONG_ROLE


def test_the_diagonal_is_whole() -> None:
    """Each thing that can be said has a line above, and each role but the sealer has something to say."""
    assert sorted(DIAGONAL) == sorted(sayings())
    assert {role for allowed in DIAGONAL.values() for role in allowed} | {"sealer"} == {ROOT, *ROLES}


@pytest.mark.parametrize("role", [ROOT, *ROLES])
@pytest.mark.parametrize("name", sayings())
def test_who_may_say_what(project: SignedProject, signers: dict[str, Signer], name: str, role: str) -> None:
    """On the diagonal: signed and verified. Off it: not signed, and, signed by hand, refused by verifier and log."""
    signer = signers[role]
    statement = of_project(saying(project, name), project.created.project_id)
    message = pae(PAYLOAD_TYPE, statement.payload())
    if role in DIAGONAL[name]:
        assert judged(project, name, signer.sign(statement)).role == role
        if role != ROOT:
            assert check_asked(message, role, project.created.project_id) == name.partition(" ")[0]
        return
    size = project.ledger.checkpoint.size
    with pytest.raises(VerificationFailed) as caught:
        signer.sign(statement)
    assert (caught.value.finding, f"role {role} " in caught.value.message) == (WRONG_ROLE, True)
    with pytest.raises(VerificationFailed) as caught:
        check_asked(message, role, project.created.project_id)
    assert caught.value.finding == WRONG_ROLE
    envelope = by_hand(statement, signer)
    for refuse in (lambda: judged(project, name, envelope), lambda: project.ledger.append(envelope)):
        with pytest.raises(LockgateError) as refused:
            refuse()
        assert refused.value.finding == expected(name, role), refused.value.message
        if expected(name, role) == WRONG_ROLE:
            assert f"role {role} " in refused.value.message
    assert project.open_ledger().checkpoint.size == size


@pytest.mark.parametrize("role", [ROOT, *ROLES])
def test_who_may_sign_a_checkpoint(project: SignedProject, signers: dict[str, Signer], role: str) -> None:
    """The sealer only: another key's note is not signed, nor taken, though the text is the very one in the log."""
    text = project.ledger.checkpoint.text()
    if role == "sealer":
        assert signers[role].public.verify(signers[role].sign_note(text), text)
        assert check_asked(text, role, project.created.project_id) == "checkpoint"
        assert check_asked(beat(text, 7), role, project.created.project_id) == "checkpoint"
        return
    asked = (text, beat(text, 7))
    helpers = [partial(check_asked, each, role, project.created.project_id) for each in asked]
    refusals: list[Callable[[], object]] = [partial(signers[role].sign_note, text), *helpers]
    for refuse in refusals:
        with pytest.raises(VerificationFailed) as caught:
            refuse()
        assert (caught.value.finding, f"role {role} " in caught.value.message) == (WRONG_ROLE, True)
    log, public = origin(project.created.project_id, EVENTS), project.created.roles.sealer_key()
    forged = NoteSignature(log, VerifierKey(log, public).key_id, signers[role].signature(text))
    with pytest.raises(ValueError, match="signature"):
        verify_note(Note(text, (forged,)).encode(), log, public)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_else_is_signed_for_anybody(project: SignedProject, role: str) -> None:
    """A helper is no oracle: only a statement, a model signature, a checkpoint or a proof, each in its one spelling."""
    good, project_id = pae(PAYLOAD_TYPE, saying(project, "approve").payload()), project.created.project_id
    other = project.ledger.checkpoint.text().replace(project_id.encode(), b"0" * 64)
    proof = b"lockgate-proof-v1 %b %b %b\n" % (role.encode(), project_id.encode(), b"0" * 32)
    assert check_asked(proof, role, project_id) == "proof"
    wrong = [b"", b"x", good[:-1], good + b" ", good.replace(b"DSSEv1", b"DSSEv2"), pae("text/plain", b"x"), other]
    text = project.ledger.checkpoint.text()
    wrong += [beat(other, 7), beat(beat(text, 7), 7), b"cosignature/v1\ntime 07\n" + text, b"time 7\n" + text]
    wrong += [beat(text, 7) + b"x", beat(b"some other text\n", 7)]
    wrong += [pae(PAYLOAD_TYPE, b"{}"), pae(PAYLOAD_TYPE, b"[" * 100_000), proof[:-1], proof + b"x", proof * 2]
    wrong += [proof.replace(project_id.encode(), b"0" * 64), good.replace(b" 28 ", b" 028 "), b"\xff" * 100]
    for message in wrong:
        with pytest.raises(VerificationFailed) as caught:
            check_asked(message, role, project_id)
        assert caught.value.finding == "LG877"


@pytest.mark.parametrize("name", [name for name in sayings() if name.partition(" ")[0] in NAMES_PROJECT])
def test_a_key_in_two_projects_decides_in_one_at_a_time(
    project: SignedProject, signers: dict[str, Signer], name: str
) -> None:
    """What it said in another project, or in none, is refused by the helper, the verifier, the log, the cosigner."""
    role = min(DIAGONAL[name])
    here, elsewhere = project.created.project_id, "0" * 64
    statement = saying(project, name)
    message = pae(PAYLOAD_TYPE, of_project(statement, elsewhere).payload())
    theirs = signers[role].within(elsewhere).sign(statement)
    draft = Envelope(of_project(statement, elsewhere).payload(), PAYLOAD_TYPE, ()).encode()
    unnamed = signers[role].within("").sign(statement)
    for refuse in (
        lambda: check_asked(message, role, here),
        lambda: judged(project, name, theirs),
        lambda: judged(project, name, unnamed),
        lambda: project.ledger.append(theirs),
        lambda: signers[role].cosign(theirs),
        lambda: signers[role].cosign(draft),
    ):
        with pytest.raises(VerificationFailed) as caught:
            refuse()
        assert caught.value.finding == "LG844"
    assert judged(project, name, signers[role].sign(statement)).role == role
