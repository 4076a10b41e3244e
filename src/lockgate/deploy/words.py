"""A person's word about a model: an approval, a waiver. The shell around two statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lockgate.audit import entries, imports, waivers
from lockgate.audit.approvals import approvals_of, persons_of
from lockgate.audit.entries import Registration
from lockgate.audit.imported_gate import gate
from lockgate.audit.load import policy_in_force, refuse_revoked
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.audit.workplace import Workplace
from lockgate.core.moments import rfc3339
from lockgate.deploy import rules
from lockgate.deploy.spec import Approved, Asked, Waived
from lockgate.deploy.statements import approval_statement, waiver_statement
from lockgate.deploy.turn import turn
from lockgate.errors import Usage


def _nobody_looks(_: Asked) -> None:
    return None


def asked(workplace: Workplace, ref: str, environment: str) -> Asked:
    """What somebody who approves `ref` for `environment` is asked to agree to. Signs nothing.

    Of an import there is only the gate of `audit.imported_gate`: another server loads it, and nobody here judged it.

    Raises:
        Usage: `ref` names no model, or several; no such environment.
        Refused: LG514, LG466 it is revoked.
        VerificationFailed: LG443 what it rests on is not there.
    """
    statements = workplace.ledger.statements()
    brought = imports.named(ref, statements)
    if brought is not None:
        imports.refuse_revoked(brought, statements)
        found_gate = gate(brought, workplace.policy.environment(environment), statements)
        return Asked(brought, environment, found_gate.verdict, found_gate.persons, found_gate.missing, ())
    registration = resolve(ref, statements, environment)
    inputs = inputs_of(registration, statements)
    refuse_revoked(registration, statements)
    policy = workplace.policy.environment(environment)
    found = rules.ruling(registration, inputs, policy, statements, workplace.now())
    persons = persons_of(found.approvals, inputs["train"], policy)
    return Asked(registration, environment, found.verdict, persons, found.missing, found.waivers)


def approve(
    workplace: Workplace, ref: str, environment: str, reason: str = "", *, show: Callable[[Asked], None] = _nobody_looks
) -> Approved:
    """Sign, as approver, that `ref` may go live in `environment`. The policy says how many persons must.

    `show` is called with what is approved, before anything is signed. The same person's approval counts once, so that
    a second one is not signed. Raises as `asked`.
    """
    shown = asked(workplace, ref, environment)
    show(shown)
    with turn(workplace, "approver"):
        # Of that model, whatever `latest` has become since.
        before = asked(workplace, shown.registration.ref, environment)
        key = workplace.keyring.public("approver").keyid
        given = approvals_of(before.registration, environment, workplace.ledger.statements())
        own = [one for one in given if one.keyid == key]
        if own:
            return Approved(before, own[0], cached=True)
        statement = approval_statement(before.registration, environment, reason=reason, now=workplace.now())
        evidence = workplace.record("approver", statement)
        return Approved(asked(workplace, ref, environment), evidence, cached=False)


def waive(
    workplace: Workplace, finding: str, environment: str, *, reason: str, expires: datetime, ref: str = ""
) -> Waived:
    """Sign, as approver, that `finding` shall not refuse in `environment` until `expires`; with `ref`: that model.

    Raises:
        Usage: LG517 `expires` is past, or further away than a waiver may reach; LG533 no reason; `ref`; no such
            environment.
        Refused: LG516 the finding cannot be waived.
    """
    waivers.check_waivable(finding)
    check_reason(reason)
    now = workplace.now().replace(microsecond=0)
    if not now < expires <= now + waivers.LONGEST:
        raise Usage(
            "LG517",
            f"a waiver ends after now, and within {waivers.LONGEST.days} days",
            seen={"expires": rfc3339(expires), "now": rfc3339(now)},
            next=f"lockgate waive {finding} --env {environment} --expires 7d --reason ...",
        )
    with turn(workplace, "approver"):
        statements = workplace.ledger.statements()
        workplace.policy.environment(environment)
        registration: Registration | None = resolve(ref, statements, environment) if ref else None
        statement = waiver_statement(
            environment,
            finding,
            registration,
            policy=policy_in_force(statements),
            reason=reason,
            expires=expires,
            now=now,
        )
        return Waived(entries.waiver(workplace.record("approver", statement)))


def check_reason(reason: str) -> None:
    """Raises Usage LG533 when nothing was said."""
    if not reason.strip():
        raise Usage("LG533", "a reason is kept in the signed statement, and none was given", next="add --reason ...")
