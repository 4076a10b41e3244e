"""Who may say what: the closed table claim -> predicate type, roles, bound to an environment or not. Pure.

A key signs for one role, and a statement names one claim, so that a validator's key cannot sign an evaluation
and an approval for `dev` says nothing about `prod`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lockgate.core import statement as s
from lockgate.core.statement import Statement
from lockgate.errors import VerificationFailed

ROOT: Final = "root"
SEALER: Final = "sealer"
ROLES: Final = (
    "ingester",
    "validator",
    "trainer",
    "judge",
    "signer",
    "approver",
    "deployer",
    "guard",
    "revoker",
    "policy",
    SEALER,
)
"""The eleven roles below the root. The sealer signs checkpoints only, never a statement."""

ANY_ENVIRONMENT: Final = "*"


@dataclass(frozen=True)
class Authority:
    """What a claim must look like, and whose keys may make it."""

    predicate_type: str
    roles: tuple[str, ...]
    environment_bound: bool = False


AUTHORITIES: Final[Mapping[str, Authority]] = {
    "roles": Authority(s.ROLES, (ROOT,)),
    "policy": Authority(s.POLICY, ("policy",)),
    "ingest": Authority(s.PROVENANCE, ("ingester",)),
    "validate": Authority(s.TEST_RESULT, ("validator",)),
    "train": Authority(s.PROVENANCE, ("trainer",)),
    "judge": Authority(s.TEST_RESULT, ("judge",)),
    "reproduce": Authority(s.TEST_RESULT, ("judge",)),
    "drill": Authority(s.TEST_RESULT, ("judge",)),
    "scan": Authority(s.TEST_RESULT, ("signer",)),
    "register": Authority(s.REGISTRATION, ("signer",)),
    "import": Authority(s.IMPORT, ("signer",)),
    "approve": Authority(s.APPROVAL, ("approver",), environment_bound=True),
    "waive": Authority(s.WAIVER, ("approver",), environment_bound=True),
    "promote": Authority(s.VERIFICATION_SUMMARY, ("deployer",), environment_bound=True),
    "deploy": Authority(s.DEPLOYMENT, ("deployer", "guard"), environment_bound=True),
    "authorise": Authority(s.LADDER, ("deployer",), environment_bound=True),
    "alarm": Authority(s.ALARM, ("guard",), environment_bound=True),
    "acknowledge": Authority(s.ACKNOWLEDGEMENT, ("approver",), environment_bound=True),
    "mark": Authority(s.MARK, ("approver",)),
    "erase": Authority(s.ERASURE, ("deployer",)),
    "revoke": Authority(s.REVOCATION, ("revoker",)),
    "head": Authority(s.STAGE_HEAD, ()),
}
NAMES_PROJECT: Final = frozenset(
    {
        "policy",
        "approve",
        "waive",
        "promote",
        "deploy",
        "authorise",
        "alarm",
        "acknowledge",
        "mark",
        "erase",
        "drill",
        "revoke",
        "head",
        "register",
        "import",
    }
)
"""The claims whose predicate says which project they are for, in `project`. What a stage found out about bytes is as
true elsewhere; what somebody decided is not, and one key may be in two projects. Drills are of one project."""

_STAGES_WITH_HEADS: Final = ("ingest", "validate", "train", "judge", "register")


def claim_of(statement: Statement) -> str:
    """The claim of a statement. Raises VerificationFailed (LG816) when it names none that we know."""
    try:
        claim = statement.claim
    except ValueError as error:
        raise VerificationFailed("LG816", f"a statement does not say what it claims: {error}", next=_NEXT) from None
    if claim not in AUTHORITIES:
        raise VerificationFailed(
            "LG816", f"{claim} is not a claim that Lockgate knows", seen={"claim": claim}, next=_NEXT
        )
    return claim


def check_authority(statement: Statement, role: str, environments: Collection[str]) -> str | None:
    """Check that a key of `role`, valid in `environments`, may make `statement`.

    Returns the environment that the statement is bound to, None when its claim is bound to none.

    1. The claim is known and its predicate type is the one of the table.
    2. The role is one of those of the claim; of a stage head: of the stage it names.
    3. The guard moves a deployment down; up only where it names the deployer's authorisation. Whether that one is
       there and reaches so far is asked where the log is known (`audit.guarding`). It says what alarms.
    4. A claim bound to an environment names one, and the key is valid there.

    Raises:
        VerificationFailed: LG816 the claim, LG818 the predicate type, LG817 the role, LG819 the environment.
    """
    # 1.
    claim = claim_of(statement)
    authority = AUTHORITIES[claim]
    if statement.predicate_type != authority.predicate_type:
        raise VerificationFailed(
            "LG818",
            f"a {claim} statement came with the wrong predicate type",
            seen={"claim": claim, "expected": authority.predicate_type, "seen": statement.predicate_type},
            next=_NEXT,
        )
    # 2.
    allowed = _roles_of_head(statement) if claim == "head" else authority.roles
    if role not in allowed:
        raise VerificationFailed(
            "LG817",
            f"a key of role {role} signed a {claim} statement; only {' or '.join(allowed)} may",
            seen={"claim": claim, "role": role, "allowed": list(allowed)},
            next="lockgate trust show",
        )
    # 3.
    if role == "guard" and claim == "deploy" and not _guard_may(statement):
        raise VerificationFailed(
            "LG817",
            "a key of role guard signed a deployment that is not a move down, on no authorisation; only deployer may",
            seen={"claim": claim, "role": role, "move": statement.predicate.get("move")},
            next="lockgate trust show",
        )
    # 4.
    return _environment(statement, claim, role, environments) if authority.environment_bound else None


def of_project(statement: Statement, project_id: str) -> Statement:
    """`statement` as it is signed in a project: its predicate names it, where its claim decides something there."""
    if claim_of(statement) not in NAMES_PROJECT:
        return statement
    return replace(statement, predicate={**statement.predicate, "project": project_id})


def check_project(statement: Statement, project_id: str) -> None:
    """Raises VerificationFailed (LG844) when a statement that decides something was said in another project."""
    named = statement.predicate.get("project")
    if claim_of(statement) in NAMES_PROJECT and named != project_id:
        raise VerificationFailed(
            "LG844",
            f"a {claim_of(statement)} statement was made for another project",
            seen={"claim": claim_of(statement), "expected": project_id, "seen": named},
            next="have it made anew in this project",
        )


def _guard_may(statement: Statement) -> bool:
    move, authorisation = statement.predicate.get("move"), statement.predicate.get("authorisation")
    return move == "down" or (move == "up" and isinstance(authorisation, str) and bool(authorisation))


def _roles_of_head(statement: Statement) -> tuple[str, ...]:
    stage = statement.predicate.get("stage")
    if stage not in _STAGES_WITH_HEADS:
        raise VerificationFailed(
            "LG816", "a stage-head statement names a stage that has no head", seen={"stage": stage}, next=_NEXT
        )
    return AUTHORITIES[stage].roles


def _environment(statement: Statement, claim: str, role: str, environments: Collection[str]) -> str:
    named = statement.predicate.get("environment")
    if not isinstance(named, str) or not named or named == ANY_ENVIRONMENT:
        raise VerificationFailed(
            "LG819", f"a {claim} statement names no environment", seen={"claim": claim, "seen": named}, next=_NEXT
        )
    if named not in environments and ANY_ENVIRONMENT not in environments:
        raise VerificationFailed(
            "LG819",
            f"a key of role {role} that is not valid in {named} signed a {claim} statement for it",
            seen={"claim": claim, "environment": named, "valid_in": sorted(environments)},
            next="lockgate trust show",
        )
    return named


_NEXT = "lockgate verify --all"
