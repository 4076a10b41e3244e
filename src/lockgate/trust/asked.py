"""What a key that another user holds is asked to sign: read from the very bytes, and judged for one role. Pure.

Whoever may start the helper of a role may send it anything. So the bytes must be one of four things, each in its
one spelling, and the role must be the one that may say it; what cannot be read is never signed.
"""

from __future__ import annotations

import re

from lockgate.core.checkpoint import parse_checkpoint
from lockgate.core.cosignature import HEADER
from lockgate.core.statement import PAYLOAD_TYPE, Statement, parse
from lockgate.errors import VerificationFailed
from lockgate.trust import oms
from lockgate.trust.authority import ANY_ENVIRONMENT, SEALER, check_authority, check_project
from lockgate.trust.dsse import pae

_HEAD = pae(PAYLOAD_TYPE, b"").removesuffix(b"0 ")
_SIGNER = "signer"
_HEARTBEAT = re.compile(rb"\A" + HEADER + rb"time (?:0|[1-9][0-9]{0,18})\n")
_PROOF = re.compile(rb"lockgate-proof-v1 [a-z]+ [0-9a-f]{64} [0-9a-f]{32}\n")


def proof_text(role: str, project_id: str, nonce: str) -> bytes:
    """What a store signs to show that it holds a role's key. One line, so that it is neither statement nor note."""
    return f"lockgate-proof-v1 {role} {project_id} {nonce}\n".encode()


def check_asked(message: bytes, role: str, project_id: str) -> str:
    """What `message` is, when a key of `role` may sign it: a claim, `model.sig`, `checkpoint` or `proof`.

    1. A DSSE pre-authentication encoding of an in-toto statement, re-encoded to the same bytes.
       a. A model signature: by the signer only.   b. Any other: as the table of authorities says.
    2. A checkpoint of one of this project's logs, or a heartbeat over one: by the sealer only.
    3. The proof that a store holds the key of that role, which says nothing else.

    Raises VerificationFailed: LG816 to LG819 as `check_authority`; LG844 another project; LG877 what cannot be read.
    """
    # 1.
    if message.startswith(_HEAD):
        statement = _statement(message)
        if statement.predicate_type == oms.PREDICATE_TYPE:
            _only(_SIGNER, role, "a model signature")
            return "model.sig"
        check_authority(statement, role, (ANY_ENVIRONMENT,))
        check_project(statement, project_id)
        return statement.claim
    # 3.
    if _PROOF.fullmatch(message) and message.startswith(proof_text(role, project_id, "")[:-1]):
        return "proof"
    # 2.
    try:
        text = _HEARTBEAT.sub(b"", message, count=1)
        checkpoint = parse_checkpoint(text)
        if checkpoint.text() != text or not checkpoint.origin.startswith(f"lockgate/{project_id}/"):
            raise ValueError("not in its one spelling, or of another project")
    except ValueError as error:
        raise _unreadable(f"no checkpoint of this project: {error}") from None
    _only(SEALER, role, "a checkpoint")
    return "checkpoint"


def _statement(message: bytes) -> Statement:
    length, _, payload = message.removeprefix(_HEAD).partition(b" ")
    if pae(PAYLOAD_TYPE, payload) != message:
        raise _unreadable(f"no DSSE encoding of {len(payload)} bytes: {length[:20]!r}")
    try:
        return parse(payload)
    except ValueError as error:
        raise _unreadable(f"no statement: {error}") from None


def _only(allowed: str, role: str, what: str) -> None:
    if role != allowed:
        raise VerificationFailed(
            "LG817",
            f"a key of role {role} was asked to sign {what}; only {allowed} may",
            seen={"role": role, "allowed": [allowed]},
            next="lockgate trust show",
        )


def _unreadable(why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG877", f"a role's key was asked to sign something that is {why}", next="lockgate trust show"
    )
