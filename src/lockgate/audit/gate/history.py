"""Rules about the statements themselves: there, by whom, how old, and not revoked. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockgate.audit.gate.asked import Asked, broken
from lockgate.core.verdict import Reason

_MAKES = {"ingest": "ingest", "validate": "validate", "train": "train", "judge": "train", "scan": "register"}
"""The command that makes each statement."""


def require(asked: Asked) -> Iterator[Reason]:
    """LG431: a statement that must exist does not."""
    for claim in asked.policy.require:
        if claim not in asked.inputs:
            message = f"there is no {claim} statement; {asked.place} asks for one"
            yield broken(
                "LG431", message, seen=None, wanted="a statement", claim=claim, following=f"lockgate {_MAKES[claim]}"
            )


def signers(asked: Asked) -> Iterator[Reason]:
    """LG445: a statement was signed by somebody else than the policy names, or by nobody."""
    for claim, persons in asked.policy.signers.items():
        one = asked.get(claim)
        signed = () if one is None else one.persons or (one.person,)
        if not set(signed).intersection(persons):
            who = f"was signed by {' and '.join(signed)}" if signed else "was not signed at all"
            message = f"the {claim} statement {who}; {asked.place} wants it from {' or '.join(persons)}"
            yield broken(
                "LG445",
                message,
                seen=list(signed),
                wanted=list(persons),
                claim=claim,
                following="lockgate trust show",
            )


def max_age_days(asked: Asked) -> Iterator[Reason]:
    """LG435: a statement is older than the policy allows, by its own limit or the general one."""
    for claim, one in asked.inputs.items():
        most = asked.policy.max_age_days_of.get(claim, asked.policy.max_age_days)
        age = asked.now - one.said_at
        if most is not None and age > timedelta(days=most):
            message = f"the {claim} statement is {age.days} days old; {asked.place} allows {most:g}"
            yield broken(
                "LG435",
                message,
                seen=age.days,
                wanted=f"at most {most:g}",
                claim=claim,
                following="lockgate run --fresh",
            )


def refuse_tainted(asked: Asked) -> Iterator[Reason]:
    """LG436: a statement, or what it is about, was revoked."""
    for claim, one in asked.inputs.items() if asked.policy.refuse_tainted else ():
        digests = {one.digest, *(subject.digest for subject in one.statement.subjects)}
        hit = sorted(digests.intersection(asked.revoked))
        if hit:
            message = f"it rests on a revoked {claim} statement; {asked.place} refuses that"
            yield broken("LG436", message, seen=hit, wanted="nothing revoked", statement=one.digest, claim=claim)
