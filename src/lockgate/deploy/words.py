"""A person's word about a model: an approval, a revocation. The shell around two statements."""

from __future__ import annotations

from lockgate.audit.load import inputs_of, refuse_revoked
from lockgate.audit.refs import resolve
from lockgate.audit.workplace import Workplace
from lockgate.deploy import rules
from lockgate.deploy.spec import WordResult


def approve(workplace: Workplace, ref: str, environment: str, reason: str = "") -> WordResult:
    """Sign, as approver, that `ref` may go live in `environment`. The policy says how many persons must.

    Raises:
        Usage: `ref` names no model, or several; no such environment.
        Refused: LG514 it is revoked.
        VerificationFailed: LG443 what it rests on is not there.
    """
    statements = workplace.ledger.statements()
    registration = resolve(ref, statements, environment)
    inputs_of(registration, statements)
    refuse_revoked(registration, statements)
    workplace.policy.environment(environment)
    statement = rules.approval_statement(registration, environment, reason=reason, now=workplace.now())
    return WordResult(registration, workplace.record("approver", statement))


def revoke(workplace: Workplace, ref: str, reason: str) -> WordResult:
    """Sign, as revoker, that `ref` must not be used any more. Every loader honours it when it next looks.

    Raises Usage when `ref` names no model, or several.
    """
    statements = workplace.ledger.statements()
    registration = resolve(ref, statements, workplace.environment)
    statement = rules.revocation_statement(registration, reason=reason, now=workplace.now())
    return WordResult(registration, workplace.record("revoker", statement))
